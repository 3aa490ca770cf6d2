//! What `verify` sees: the same positions, letters and acts, and of each record the row
//! that was written.

use super::fate::{Columns, name};
use super::world::{Process, TOPIC, World, letter, set, start, tp};
use super::{Harness, Record, Said, TableSpec, Type, column};
use plimsoll_protocol::{Class, StartRule};
use plimsoll_sink_api::snapshot::hash::ABSENT;
use plimsoll_sink_api::snapshot::{
    Canonical, Place, Snapshot, SnapshotTable, Standing, Unreadable,
};
use plimsoll_sink_api::{Cell, Positions, Sink};
use std::collections::{HashMap, HashSet};

fn put(id: i64) -> Record {
    Record::put([("id", Said::number(&id.to_string()))])
}

async fn world<H: Harness>() -> World<H> {
    let columns = [column("id", Type::Int).key(), column("a", Type::Text)];
    World::merging(TableSpec::merging(columns)).await
}

/// What is known of the table, and all rows by their keys.
async fn rows<S: Snapshot>(snapshot: &mut S) -> (S::Table, HashMap<u128, Canonical>) {
    let feed = snapshot.feed(TOPIC, None).await.expect("a feed");
    assert_eq!(feed.incomparable, None);
    let table = snapshot.table(&feed, TOPIC, None).await.expect("a table");
    let mut all = HashMap::new();
    let each = |row: Canonical, _: plimsoll_sink_api::snapshot::Texts<'_>| {
        let key = row.key.expect("a key");
        assert!(all.insert(key, row).is_none(), "two rows of one key");
        Ok(())
    };
    snapshot.rows(&table, each).await.expect("rows");
    (table, all)
}

pub async fn a_snapshot_says_where_partitions_stand_and_how_they_came_there<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    p.commit(&[put(1), put(2), put(3)]).await.unwrap();
    let other = world.process_of(2, 4).await;
    let settled = p
        .sink
        .settle(
            &super::world::identity(),
            StartRule::FirstRecord,
            &[start(2, 70)],
        )
        .await;
    settled.expect("settle");
    other.sink.set_position(&set(4, 9)).await.unwrap();
    p.sink.set_position(&set(0, 1)).await.unwrap();
    let mut snapshot = world.snapshot().await;
    let found = snapshot.positions().await.unwrap();
    let mut expected = Vec::new();
    for (partition, position) in [(0, 1), (2, 70), (4, 9)] {
        let acts = world.harness.acts(&tp(partition)).await;
        assert_eq!(acts.is_empty(), partition == 2);
        expected.push(Standing {
            topic: TOPIC.to_owned(),
            partition,
            position,
            start: world.harness.began_at(&tp(partition)).await,
            cluster: Some("cluster".to_owned()),
            acts,
        });
    }
    assert_eq!(found, expected);
}

pub async fn a_snapshot_has_the_dead_letters<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    assert_eq!(
        world.snapshot().await.dead_letters().await.unwrap(),
        HashSet::new()
    );
    let dead = [letter(1), letter(2), letter(7)];
    p.commit_with(&[put(0)], &dead).await.unwrap();
    let mut q = world.process_of(2, 3).await;
    q.commit_with(&[], &[letter(0)]).await.unwrap();
    let place = |(partition, offset)| Place {
        topic: TOPIC.to_owned(),
        partition,
        offset,
    };
    let expected: HashSet<Place> = [(0, 1), (0, 2), (0, 7), (3, 0)].map(place).into();
    assert_eq!(
        world.snapshot().await.dead_letters().await.unwrap(),
        expected
    );
}

pub async fn rows_are_not_older_than_the_positions_of_their_snapshot<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    p.commit(&[put(1), put(2)]).await.unwrap();
    let mut snapshot = world.snapshot().await;
    let stands = snapshot.positions().await.unwrap()[0].position;
    assert_eq!(stands, 2);
    p.commit(&[put(3)]).await.unwrap();
    let (_, all) = rows(&mut snapshot).await;
    match snapshot.is_of_one_moment() {
        true => assert_eq!(all.len(), 2),
        false => assert!((2..=3).contains(&all.len()), "{}", all.len()),
    }
    assert_eq!(rows(&mut world.snapshot().await).await.1.len(), 3);
}

/// Values of every kind, for columns of every type.
fn values() -> Vec<Said> {
    let numbers = [
        "0",
        "-1.50",
        "7e2",
        "1e400",
        "1e-400",
        "9223372036854775808",
    ];
    let texts = [
        "",
        "abc",
        "12",
        " 1.5 ",
        "aGVsbG8=",
        "aGVsbG8",
        "true",
        "{\"a\": 1}",
        "2024-02-29",
        "2024-05-06T07:08:09.123Z",
        "yesterday or so",
        "936DA01F-9abd-4d9d-80c7-02af85c822a8",
        "ö\u{1f600}'\\",
    ];
    let mut all = vec![
        Said::null(),
        Said::bool(true),
        Said::bool(false),
        Said::nested("{\"a\": [1, null]}"),
        Said::nested("[]"),
    ];
    all.extend(numbers.map(Said::number));
    all.extend(texts.map(Said::text));
    all
}

/// One cell of each record in one column, as it is expected.
async fn expected<S: Snapshot>(
    snapshot: &mut S,
    table: &S::Table,
    cells: &[Cell<'_>],
) -> Result<Canonical, Unreadable> {
    let mut all = snapshot.canonical(table, &[cells], false).await?;
    let mut row = all.pop().expect("one");
    for (column, default) in row.columns.iter_mut().zip(table.defaults()) {
        if *column == ABSENT {
            *column = default.expect("a default that is the same in each row");
        }
    }
    Ok(row)
}

pub async fn what_is_expected_of_a_record_is_what_is_found_of_its_row<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    let process: &mut Process<H> = &mut it.process;
    let (mut written, mut refused) = (Vec::new(), Vec::new());
    for typ in Type::ALL {
        for said in values() {
            let id = written.len() + refused.len();
            let record = put(id as i64).and(name(typ), said);
            match process.commit(std::slice::from_ref(&record)).await {
                Ok(_) => written.push((typ, record)),
                Err(error) => {
                    assert_eq!(error.class, Class::Rejected, "{typ:?} {record:?}: {error}");
                    refused.push((typ, record));
                }
            }
        }
    }
    assert!(written.len() > 50 && refused.len() > 5, "{}", written.len());
    let mut snapshot = it.world.snapshot().await;
    let (table, mut found) = rows(&mut snapshot).await;
    for (typ, record) in &written {
        let rows = it.process.rows(0, std::slice::from_ref(record));
        let row = expected(&mut snapshot, &table, rows.row(0).1).await;
        let row = row.unwrap_or_else(|e| panic!("{typ:?} {record:?}: {e:?}"));
        let key = row.key.expect("a key");
        let found = found.remove(&key).map(|found| found.columns);
        assert_eq!(found, Some(row.columns), "{typ:?} {record:?}");
    }
    assert!(found.is_empty(), "rows that nobody expects");
    for (typ, record) in &refused {
        let rows = it.process.rows(0, std::slice::from_ref(record));
        let row = expected(&mut snapshot, &table, rows.row(0).1).await;
        let unreadable = matches!(row, Err(Unreadable::Value));
        assert!(unreadable, "{typ:?} {record:?}: {row:?}");
    }
}

pub async fn a_tombstone_is_of_the_row_that_its_key_is_of<H: Harness>() {
    let columns = [
        column("id", Type::Int).key(),
        column("b", Type::Text).key(),
        column("c", Type::Text),
    ];
    let world = World::<H>::merging(TableSpec::merging(columns)).await;
    let mut p = world.process(1).await;
    let record = |b: &str| put(1).and("b", Said::text(b));
    let both = [
        record("x").and("c", Said::text("1")),
        record("y").and("c", Said::text("2")),
    ];
    p.commit(&both).await.unwrap();
    let mut snapshot = world.snapshot().await;
    let (table, all) = rows(&mut snapshot).await;
    assert_eq!(all.len(), 2);
    for (b, is_there) in [("x", true), ("y", true), ("z", false)] {
        let gone = [Record::tombstone([
            ("id", Said::number("1")),
            ("b", Said::text(b)),
        ])];
        let rows = p.rows(0, &gone);
        let told = snapshot.canonical(&table, &[rows.row(0).1], true).await;
        let key = told.expect("a key")[0].key.expect("a key");
        assert_eq!(all.contains_key(&key), is_there, "{b}");
    }
}
