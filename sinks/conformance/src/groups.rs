//! Commits of several partitions.

use super::world::{Process, World, letter, span};
use super::{Harness, Kept, Record, Said, TableSpec, Type, column};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Batch, Committed, DeadLetter, Refusal, Sink, TableRows};

fn record(id: i64, text: &str) -> Record {
    let said = [
        ("id", Said::number(&id.to_string())),
        ("a", Said::text(text)),
    ];
    Record::put(said)
}

fn row(id: i64, text: &str) -> Vec<Kept> {
    vec![Kept::number(&id.to_string()), Kept::text(text)]
}

/// One process that owns partitions 0, 1 and 2.
async fn world<H: Harness>() -> (World<H>, [Process<H>; 3]) {
    let columns = [column("id", Type::Int).key(), column("a", Type::Text)];
    let world = World::<H>::merging(TableSpec::merging(columns)).await;
    let owned = three(&world).await;
    (world, owned)
}

async fn three<H: Harness>(world: &World<H>) -> [Process<H>; 3] {
    [
        world.process_of(1, 0).await,
        world.process_of(1, 1).await,
        world.process_of(1, 2).await,
    ]
}

/// Whether the sink takes several batches in a commit. Where not, asserts that it refuses
/// them and that nothing comes of it.
async fn takes_several<H: Harness>(world: &World<H>, owned: &[Process<H>; 3]) -> bool {
    if owned[0].sink.grouping().batches > 1 {
        return true;
    }
    let none: &[Record] = &[];
    let refusal = commit(owned, &[none, none], &[]).await;
    let refusal = refusal.expect_err("one at a time");
    assert_eq!(refusal.error.class, Class::Halt, "{refusal:?}");
    world.assert_rows([]).await;
    false
}

/// Commits some records of each partition, which begin where it stands, in one commit. Dead
/// letters, which lie behind the records, are of the first.
async fn commit<H: Harness>(
    owned: &[Process<H>],
    records: &[&[Record]],
    dead: &[DeadLetter<'_>],
) -> Result<Vec<Committed>, Refusal> {
    let rows: Vec<_> = owned
        .iter()
        .zip(records)
        .map(|(p, records)| p.rows(p.at, records))
        .collect();
    let mut batches = Vec::new();
    for ((p, rows), place) in owned.iter().zip(&rows).zip(0..) {
        let dead = if place == 0 { dead } else { &[] };
        // What has no record moves over a marker.
        let to = p.at + (rows.len() + dead.len()).max(1) as i64;
        batches.push(Batch {
            // It was read once for all.
            tables: TableRows::only(&owned[0].table, rows),
            ..p.batch(span(p.at, to), rows, dead)
        });
    }
    owned[0].sink.commit(&batches).await
}

async fn stand<H: Harness>(owned: &[Process<H>; 3]) -> [i64; 3] {
    let [a, b, c] = owned;
    [a.stands().await, b.stands().await, c.stands().await]
}

pub async fn a_commit_of_several_partitions_moves_all_of_them<H: Harness>() {
    let (world, owned) = world::<H>().await;
    if !takes_several(&world, &owned).await {
        return;
    }
    let of = [
        vec![record(0, "a"), record(1, "b")],
        vec![],
        vec![record(2, "c")],
    ];
    let of = of.each_ref().map(Vec::as_slice);
    let done = commit(&owned, &of, &[letter(2)]).await.expect("commit");
    let rows: Vec<u64> = done.iter().map(|committed| committed.rows).collect();
    assert_eq!(rows, [2, 0, 1]);
    world
        .assert_rows([row(0, "a"), row(1, "b"), row(2, "c")])
        .await;
    assert_eq!(stand(&owned).await, [3, 1, 1]);
    assert_eq!(owned[0].letters_at().await, [(0, 2)]);
}

pub async fn letters_of_several_partitions_are_kept_by_their_places<H: Harness>() {
    let (world, owned) = world::<H>().await;
    if !takes_several(&world, &owned).await {
        return;
    }
    let none = [];
    let rows = owned[0].rows(0, &none);
    let letters = [[letter(0)], [letter(0)], [letter(0)]];
    let batches: Vec<_> = owned
        .iter()
        .zip(&letters)
        .map(|(p, letters)| p.batch(span(0, 1), &rows, letters))
        .collect();
    owned[0].sink.commit(&batches).await.expect("commit");
    assert_eq!(owned[0].letters_at().await, [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(stand(&owned).await, [1, 1, 1]);
}

pub async fn a_fence_names_those_whom_it_refuses_and_nothing_is_written<H: Harness>() {
    let (world, owned) = world::<H>().await;
    if !takes_several(&world, &owned).await {
        return;
    }
    let of = [[record(0, "a")], [record(1, "b")], [record(2, "c")]];
    let of = of.each_ref().map(|records| &records[..]);
    let mut other = world.process_of(2, 1).await;
    let refusal = commit(&owned, &of, &[letter(1)]).await;
    let refusal = refusal.expect_err("fenced");
    assert_eq!(refusal.error.class, Class::Fenced, "{refusal:?}");
    assert_eq!(refusal.fenced, [1]);
    world.assert_rows([]).await;
    assert_eq!(stand(&owned).await, [0, 0, 0]);
    assert!(owned[0].letters().await.is_empty());
    let third = world.process_of(2, 2).await;
    let refusal = commit(&owned, &of, &[]).await.expect_err("fenced");
    assert_eq!(refusal.fenced, [1, 2]);
    // Those who have it go on.
    other.commit(of[1]).await.expect("commit");
    drop(third);
    commit(&owned[..1], &of[..1], &[]).await.expect("commit");
    world.assert_rows([row(0, "a"), row(1, "b")]).await;
    assert_eq!(stand(&owned).await, [1, 1, 0]);
}

pub async fn a_bad_record_of_one_partition_leaves_nothing_of_the_others<H: Harness>() {
    let columns = [column("id", Type::Int).key(), column("b", Type::Bytes)];
    let world = World::<H>::merging(TableSpec::merging(columns)).await;
    let owned = three(&world).await;
    if !takes_several(&world, &owned).await {
        return;
    }
    let number = |id: &str| Record::put([("id", Said::number(id))]);
    let bad = number("1").and("b", Said::number("1"));
    let of = [[number("0")], [bad], [number("2")]];
    let of = of.each_ref().map(|records| &records[..]);
    let refusal = commit(&owned, &of, &[letter(1)]).await;
    let refusal = refusal.expect_err("no bytes");
    assert_eq!(refusal.error.class, Class::Rejected, "{refusal:?}");
    assert!(refusal.fenced.is_empty());
    world.assert_rows([]).await;
    assert_eq!(stand(&owned).await, [0, 0, 0]);
    assert!(owned[0].letters().await.is_empty());
}

pub async fn rows_of_several_partitions_are_appended_together<H: Harness>() {
    let columns = [column("id", Type::Int), column("a", Type::Text)];
    let Some(world) = World::<H>::new(TableSpec::append(columns)).await else {
        return;
    };
    let owned = three(&world).await;
    let of = [
        vec![record(0, "a"), record(0, "a")],
        vec![record(1, "b")],
        vec![record(0, "a")],
    ];
    let of = of.each_ref().map(Vec::as_slice);
    let done = commit(&owned, &of, &[letter(2)]).await.expect("commit");
    let rows: Vec<u64> = done.iter().map(|committed| committed.rows).collect();
    assert_eq!(rows, [2, 1, 1]);
    let a = || row(0, "a");
    world.assert_rows([a(), a(), a(), row(1, "b")]).await;
    assert_eq!(stand(&owned).await, [3, 1, 1]);
    let other = world.process_of(2, 2).await;
    let moved: Vec<_> = (0..3).map(|_| vec![record(9, "fenced")]).collect();
    let moved: Vec<&[Record]> = moved.iter().map(Vec::as_slice).collect();
    let mut owned = owned;
    for (p, at) in owned.iter_mut().zip([3, 1, 1]) {
        p.at = at;
    }
    let refusal = commit(&owned, &moved, &[]).await.expect_err("fenced");
    assert_eq!(refusal.fenced, [2], "{refusal:?}");
    drop(other);
    world.assert_rows([a(), a(), a(), row(1, "b")]).await;
}

pub async fn one_key_of_several_partitions_is_one_row<H: Harness>() {
    let (world, owned) = world::<H>().await;
    if !takes_several(&world, &owned).await {
        return;
    }
    let of = [
        vec![record(0, "a"), record(1, "a")],
        vec![
            record(0, "b"),
            Record::tombstone([("id", Said::number("1"))]),
        ],
        vec![record(0, "c"), record(2, "c"), record(2, "d")],
    ];
    let of = of.each_ref().map(Vec::as_slice);
    commit(&owned, &of, &[]).await.expect("commit");
    // As if one batch had been committed behind the other.
    world.assert_rows([row(0, "c"), row(2, "d")]).await;
    assert_eq!(stand(&owned).await, [2, 2, 3]);
}
