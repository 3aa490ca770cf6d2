//! What records do to rows, in each mode.

use super::world::{World, set, span, tp};
use super::{Harness, Kept, Record, Said, TableSpec, Type, column};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Missing, Mode, Path, Positions, Sink};
use std::collections::BTreeMap;

fn n(number: i64) -> Kept {
    Kept::number(&number.to_string())
}

fn said(number: i64) -> Said {
    Said::number(&number.to_string())
}

fn put(id: i64) -> Record {
    Record::put([("id", said(id))])
}

fn gone(id: i64) -> Record {
    Record::tombstone([("id", said(id))])
}

/// A key and two texts, which a record may leave out.
fn pairs() -> [super::ColumnSpec; 3] {
    [
        column("id", Type::Int).key(),
        column("a", Type::Text),
        column("b", Type::Text),
    ]
}

pub async fn append_writes_a_row_for_each_record_and_moves_the_position<H: Harness>() {
    let spec = TableSpec::append([column("id", Type::Int), column("a", Type::Text)]);
    let Some(world) = World::<H>::new(spec).await else {
        return;
    };
    let mut p = world.process(1).await;
    let one = put(1).and("a", Said::text("x"));
    let done = p.commit(&[one.clone(), one, put(2)]).await.unwrap();
    assert_eq!((done.rows, done.already_there), (3, 0));
    let x = Kept::text("x");
    world
        .assert_rows([vec![n(1), x.clone()], vec![n(1), x], vec![n(2), Kept::Null]])
        .await;
    assert_eq!(p.stands().await, 3);
}

pub async fn append_has_no_row_for_a_tombstone_to_delete<H: Harness>() {
    let spec = TableSpec::append([column("id", Type::Int)]);
    let Some(world) = World::<H>::new(spec).await else {
        return;
    };
    let mut p = world.process(1).await;
    let error = p.refused(&gone(1)).await;
    assert_eq!(error.detail.condition, "tombstone");
    world.assert_rows([]).await;
}

pub async fn a_missing_field_takes_the_columns_default_and_a_null_does_not<H: Harness>() {
    let columns = [
        column("id", Type::Int),
        column("a", Type::Text).default(Kept::text("it's")),
        column("b", Type::Int).default(n(-7)),
        column("c", Type::Text),
    ];
    let Some(world) = World::<H>::new(TableSpec::append(columns)).await else {
        return;
    };
    let mut p = world.process(1).await;
    let nothing = || Record::put([]);
    p.commit(&[
        put(1),
        put(2).and("a", Said::null()).and("b", Said::null()),
        nothing(),
        put(3).and("b", said(3)).and("c", Said::text("c")),
        nothing(),
    ])
    .await
    .unwrap();
    let (a, none) = (|| Kept::text("it's"), || Kept::Null);
    world
        .assert_rows([
            vec![n(1), a(), n(-7), none()],
            vec![n(2), none(), none(), none()],
            vec![none(), a(), n(-7), none()],
            vec![n(3), a(), n(3), Kept::text("c")],
            vec![none(), a(), n(-7), none()],
        ])
        .await;
}

/// A `log` table as plimsoll makes it.
fn log() -> TableSpec {
    let names = [
        column("kafka_topic", Type::Text),
        column("kafka_partition", Type::Int),
        column("kafka_offset", Type::Int),
        column("event_data", Type::Json),
    ];
    let mut spec = TableSpec::append(names);
    spec.mode = Mode::Log;
    spec
}

async fn log_world<H: Harness>() -> Option<World<H>> {
    let world = World::<H>::without_table(log()).await;
    world.possible().await.then_some(world)
}

fn event(offset: i64, json: &str) -> Vec<Kept> {
    vec![Kept::text("t"), n(0), n(offset), Kept::json(json)]
}

pub async fn log_keeps_a_row_under_each_coordinate_and_a_tombstone_as_null<H: Harness>() {
    let Some(world) = log_world::<H>().await else {
        return;
    };
    let mut p = world.process(1).await;
    assert!(!p.sink.holds_rows(&p.table, &tp(0)).await.unwrap());
    let events = ["{\"a\": [1, null]}", "\"text\"", "null", "7"];
    let mut records: Vec<_> = events.iter().map(|json| Record::event(json)).collect();
    records.push(Record::tombstone([]));
    let done = p.commit(&records).await.unwrap();
    assert_eq!((done.rows, done.already_there), (5, 0));
    let mut expected: Vec<_> = (0..).zip(events).map(|(o, json)| event(o, json)).collect();
    let mut tombstone = event(4, "null");
    tombstone[3] = Kept::Null;
    expected.push(tombstone);
    world.assert_rows(expected).await;
    assert!(p.sink.holds_rows(&p.table, &tp(0)).await.unwrap());
    assert!(!p.sink.holds_rows(&p.table, &tp(1)).await.unwrap());
}

pub async fn log_counts_an_equal_row_that_stands_and_halts_at_another<H: Harness>() {
    let Some(world) = log_world::<H>().await else {
        return;
    };
    let mut p = world.process(1).await;
    let events: Vec<String> = (0..40).map(|i| format!("{{\"n\":{i}}}")).collect();
    let records: Vec<_> = events.iter().map(|json| Record::event(json)).collect();
    p.commit(&records[..35]).await.unwrap();
    p.sink.set_position(&set(0, 0)).await.unwrap();
    p.claim_again().await;
    let done = p.commit(&records).await.unwrap();
    assert_eq!((done.rows, done.already_there), (5, 35));
    let expected = || (0..).zip(&events).map(|(o, json)| event(o, json));
    world.assert_rows(expected()).await;
    p.sink.set_position(&set(0, 3)).await.unwrap();
    p.claim_again().await;
    let error = p.commit(&records[4..6]).await.unwrap_err();
    assert_eq!(error.class, Class::Halt, "{error}");
    assert_eq!(p.stands().await, 3);
    world.assert_rows(expected()).await;
}

pub async fn log_keeps_a_row_under_the_place_of_each_element<H: Harness>() {
    let mut spec = log();
    spec.columns.insert(3, column("kafka_index", Type::Int));
    spec.explode = Some(Path(vec!["items".to_owned()]));
    let world = World::<H>::without_table(spec).await;
    if !world.possible().await {
        return;
    }
    let mut p = world.process(1).await;
    let items = |second: &str| {
        [
            (0, 0, "1"),
            (0, 1, second),
            (1, 0, "{\"a\":3}"),
            (2, 0, "4"),
        ]
        .map(|(offset, index, json)| (offset, Record::event(json).element(index)))
    };
    let kept = |index: i64, mut event: Vec<Kept>| {
        event.insert(3, n(index));
        event
    };
    let expected = || {
        [
            kept(0, event(0, "1")),
            kept(1, event(0, "2")),
            kept(0, event(1, "{\"a\":3}")),
            kept(0, event(2, "4")),
        ]
    };
    let items_of = items("2");
    {
        let rows = p.rows_at(items_of[..3].iter().map(|(o, item)| (*o, item)));
        let done = p.sink.commit_one(&p.batch(span(0, 2), &rows, &[])).await;
        assert_eq!(done.unwrap().rows, 3);
    }
    // The same again, and one more.
    p.sink.set_position(&set(0, 0)).await.unwrap();
    p.claim_again().await;
    {
        let rows = p.rows_at(items_of.iter().map(|(o, item)| (*o, item)));
        let done = p.sink.commit_one(&p.batch(span(0, 3), &rows, &[])).await;
        let done = done.unwrap();
        assert_eq!((done.rows, done.already_there), (1, 3));
    }
    world.assert_rows(expected()).await;
    // Another element at one place.
    p.sink.set_position(&set(0, 0)).await.unwrap();
    p.claim_again().await;
    let others = items("5");
    let rows = p.rows_at(others.iter().map(|(o, item)| (*o, item)));
    let error = p.sink.commit_one(&p.batch(span(0, 3), &rows, &[])).await;
    assert_eq!(error.unwrap_err().class, Class::Halt);
    assert_eq!(p.stands().await, 0);
    world.assert_rows(expected()).await;
}

pub async fn an_upsert_replaces_the_whole_row_of_its_key<H: Harness>() {
    let columns = [
        column("id", Type::Int).key(),
        column("a", Type::Text).default(Kept::text("new")),
        column("b", Type::Text),
    ];
    let Some(world) = World::<H>::new(TableSpec::upsert(columns)).await else {
        return;
    };
    let mut p = world.process(1).await;
    let full = |id| put(id).and("a", Said::text("a")).and("b", Said::text("b"));
    p.commit(&[full(1), full(2), full(3)]).await.unwrap();
    p.commit(&[put(1), put(2).and("a", Said::null())])
        .await
        .unwrap();
    let (text, none) = (Kept::text, || Kept::Null);
    world
        .assert_rows([
            vec![n(1), text("new"), none()],
            vec![n(2), none(), none()],
            vec![n(3), text("a"), text("b")],
        ])
        .await;
}

pub async fn a_merging_upsert_leaves_what_its_record_does_not_say<H: Harness>() {
    let world = World::<H>::merging(TableSpec::merging(pairs())).await;
    let mut p = world.process(1).await;
    let (a, b) = (
        put(1).and("a", Said::text("a")),
        put(1).and("b", Said::text("b")),
    );
    p.commit(&[a, b.clone()]).await.unwrap();
    p.commit(&[put(1), put(2).and("a", Said::text("x"))])
        .await
        .unwrap();
    let (text, none) = (Kept::text, || Kept::Null);
    let two = || vec![n(2), text("x"), none()];
    world
        .assert_rows([vec![n(1), text("a"), text("b")], two()])
        .await;
    p.commit(&[put(1).and("a", Said::null())]).await.unwrap();
    world
        .assert_rows([vec![n(1), none(), text("b")], two()])
        .await;
    // Afresh at a tombstone.
    p.commit(&[gone(1), put(1).and("a", Said::text("y"))])
        .await
        .unwrap();
    world
        .assert_rows([vec![n(1), text("y"), none()], two()])
        .await;
}

pub async fn a_tombstone_deletes_the_row_of_its_key_and_no_other<H: Harness>() {
    let world = World::<H>::merging(TableSpec::merging(pairs())).await;
    let mut p = world.process(1).await;
    let ids: Vec<Record> = (0..100).map(put).collect();
    p.commit(&ids).await.unwrap();
    // Of a key that has no row too.
    let all: Vec<Record> = (0..150).filter(|id| id % 7 != 0).map(gone).collect();
    p.commit(&all).await.unwrap();
    let left = (0..100).filter(|id| id % 7 == 0);
    world
        .assert_rows(left.map(|id| vec![n(id), Kept::Null, Kept::Null]))
        .await;
    assert_eq!(p.stands().await, 100 + all.len() as i64);
}

pub async fn of_one_key_in_one_batch_the_last_record_counts<H: Harness>() {
    let world = World::<H>::merging(TableSpec::merging(pairs())).await;
    let mut p = world.process(1).await;
    let with = |id, text| put(id).and("a", Said::text(text));
    p.commit(&[
        with(1, "first"),
        with(2, "first"),
        with(1, "second"),
        gone(2),
        gone(3),
        with(3, "back"),
        with(4, "x"),
        gone(4),
        with(4, "y"),
        gone(4),
        with(1, "last"),
    ])
    .await
    .unwrap();
    let row = |id, text| vec![n(id), Kept::text(text), Kept::Null];
    world.assert_rows([row(1, "last"), row(3, "back")]).await;
}

pub async fn a_record_of_several_rows_is_written_whole<H: Harness>() {
    let world = World::<H>::merging(TableSpec::merging(pairs())).await;
    let p = world.process(1).await;
    let with = |id, text| put(id).and("a", Said::text(text));
    let rows = [
        (0, with(1, "a")),
        (0, with(2, "b")),
        // As where a key was changed.
        (1, gone(1)),
        (1, with(3, "a")),
        (2, with(2, "c")),
        (2, gone(3)),
        (2, with(4, "d")),
    ];
    let rows = p.rows_at(rows.iter().map(|(offset, record)| (*offset, record)));
    let batch = p.batch(span(0, 3), &rows, &[]);
    p.sink.commit_one(&batch).await.unwrap();
    let row = |id, text| vec![n(id), Kept::text(text), Kept::Null];
    world.assert_rows([row(2, "c"), row(4, "d")]).await;
    assert_eq!(p.stands().await, 3);
}

pub async fn a_key_of_several_columns_counts_whole<H: Harness>() {
    let columns = [
        column("id", Type::Int).key(),
        column("a", Type::Text).key(),
        column("b", Type::Text),
    ];
    let world = World::<H>::merging(TableSpec::merging(columns)).await;
    let mut p = world.process(1).await;
    let record = |id, a, b| put(id).and("a", Said::text(a)).and("b", Said::text(b));
    p.commit(&[
        record(1, "x", "1"),
        record(1, "y", "2"),
        record(2, "x", "3"),
        record(1, "y", "4"),
        gone(2).and("a", Said::text("x")),
        gone(2).and("a", Said::text("y")),
    ])
    .await
    .unwrap();
    let row = |id, a, b| vec![n(id), Kept::text(a), Kept::text(b)];
    world
        .assert_rows([row(1, "x", "1"), row(1, "y", "4")])
        .await;
}

/// Records of few keys in an order that nobody would think of.
fn mixed(seed: u64, count: usize) -> Vec<Record> {
    let mut state = seed;
    let mut next = move |below: u64| {
        // Knuth's linear congruential generator; its high bits are good enough.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut record = |i: usize| {
        let id = next(5) as i64;
        if next(5) == 0 {
            return gone(id);
        }
        let mut record = put(id);
        for name in ["a", "b"] {
            record = match next(4) {
                0 => record,
                1 => record.and(name, Said::null()),
                _ => record.and(name, Said::text(&format!("{name}{i}"))),
            };
        }
        record
    };
    (0..count).map(&mut record).collect()
}

/// The rows that a log makes, by the documented rules.
fn folded(log: &[Record], missing: Missing) -> Vec<Vec<Kept>> {
    let mut rows: BTreeMap<String, [Kept; 2]> = BTreeMap::new();
    for record in log {
        let id = format!("{:?}", record.said("id"));
        if record.deletes() {
            rows.remove(&id);
            continue;
        }
        let stands = rows.remove(&id);
        let stands = stands.filter(|_| missing == Missing::Keep);
        let mut row = stands.unwrap_or([Kept::Null, Kept::Null]);
        for (kept, name) in row.iter_mut().zip(["a", "b"]) {
            if let Some(said) = record.said(name) {
                *kept = said.as_text().map_or(Kept::Null, Kept::text);
            }
        }
        rows.insert(id, row);
    }
    let id = |id: i64| (format!("{:?}", Some(said(id))), n(id));
    let ids: BTreeMap<String, Kept> = (0..5).map(id).collect();
    rows.into_iter()
        .map(|(id, [a, b])| vec![ids[&id].clone(), a, b])
        .collect()
}

async fn in_batches_of<H: Harness>(missing: Missing, size: usize) {
    let spec = TableSpec {
        missing,
        ..TableSpec::upsert(pairs())
    };
    let Some(world) = World::<H>::new(spec).await else {
        return;
    };
    let mut p = world.process(1).await;
    let log = mixed(0x5eed + size as u64, 60);
    for batch in log.chunks(size) {
        p.commit(batch).await.unwrap();
    }
    world.assert_rows(folded(&log, missing)).await;
}

pub async fn rows_that_are_replaced_do_not_depend_on_where_batches_end<H: Harness>() {
    for size in [1, 2, 7, 60] {
        in_batches_of::<H>(Missing::Default, size).await;
    }
}

pub async fn rows_that_are_merged_do_not_depend_on_where_batches_end<H: Harness>() {
    for size in [1, 2, 7, 60] {
        in_batches_of::<H>(Missing::Keep, size).await;
    }
}

pub async fn a_span_without_rows_moves_the_position<H: Harness>() {
    let world = World::<H>::merging(TableSpec::merging(pairs())).await;
    let mut p = world.process(1).await;
    let none = p.rows(0, &[]);
    p.sink
        .commit_one(&p.batch(span(0, 17), &none, &[]))
        .await
        .unwrap();
    assert_eq!(p.stands().await, 17);
    // Behind a gap the next one begins where the last one ended.
    p.at = 17;
    p.commit(&[put(1)]).await.unwrap();
    assert_eq!(p.stands().await, 18);
    world
        .assert_rows([vec![n(1), Kept::Null, Kept::Null]])
        .await;
}
