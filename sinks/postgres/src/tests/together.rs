//! Batches of several tables in one transaction.

use super::world::*;
use crate::PostgresSink;
use crate::plan::PgPlan;
use plimsoll_protocol::{Claim, Class, Position, Span, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Cell, Committed, DeadLetter, Marks, Mode, NewPosition, Prepared, Refusal, Row, Rows,
    Sink, TableRows, TableRule, TableSettings,
};
use std::sync::Arc;

/// A topic's partition 0, claimed, and its table.
struct Part {
    topic: &'static str,
    claim: Claim,
    table: Arc<Prepared<PgPlan>>,
}

/// A sink whose topics have a table each: `appended`, `merged` and `logged`.
async fn sink(name: &'static str) -> (World, PostgresSink, [Part; 3]) {
    let tables = "CREATE TABLE appended (id int8); CREATE TABLE merged (id int8 PRIMARY KEY)";
    let world = World::new(name, tables).await;
    let rule = |topic: &str, mode| TableRule {
        topics: vec![topic.to_owned()],
        settings: TableSettings::new(format!("{name}.{topic}"), mode),
    };
    let mut settings = world.settings(Mode::Append, "appended");
    settings.tables = vec![
        rule("appended", Mode::Append),
        rule("merged", Mode::Upsert),
        rule("logged", Mode::Log),
    ];
    let sink = world.sink(settings, "m").await;
    let mut parts = Vec::new();
    for topic in ["appended", "merged", "logged"] {
        let tp = TopicPartition::new(topic, 0);
        let start = NewPosition {
            tp: tp.clone(),
            position: Position::ZERO,
            topic_id: None,
            high_watermark: Position::ZERO,
        };
        sink.settle(&identity(), StartRule::FirstRecord, &[start])
            .await
            .unwrap();
        let claimed = sink.claim(&member(1), &identity(), &tp).await.unwrap();
        parts.push(Part {
            topic,
            claim: claimed.claim,
            table: sink.prepare(topic).await.unwrap(),
        });
    }
    let parts = parts.try_into().unwrap_or_else(|_| panic!("three"));
    (world, sink, parts)
}

impl Part {
    /// One row, of an offset.
    fn rows(&self, offset: i64) -> Rows<'static> {
        let cells = match self.topic {
            "logged" => vec![
                text("logged"),
                Cell::Int(0),
                Cell::Int(offset),
                Cell::Json("{}"),
            ],
            _ => vec![Cell::Int(offset)],
        };
        let mut rows = Rows::with_capacity(cells.len(), 1);
        let op = plimsoll_sink_api::Op::Put;
        rows.push(Row { offset, op }).copy_from_slice(&cells);
        rows
    }
}

/// Commits the record of an offset of each, and a dead letter behind it.
async fn commit(
    sink: &PostgresSink,
    parts: &[Part; 3],
    offset: i64,
) -> Result<Vec<Committed>, Refusal> {
    let rows: Vec<Rows<'_>> = parts.iter().map(|part| part.rows(offset)).collect();
    let letters: [DeadLetter<'_>; 1] = [letter(offset + 1)];
    let batches: Vec<_> = parts
        .iter()
        .zip(&rows)
        .map(|(part, rows)| Batch {
            topic: part.topic,
            partition: 0,
            claim: part.claim,
            span: Span::new(at(offset), at(offset + 2)).unwrap(),
            tables: TableRows::only(&part.table, rows),
            dead: &letters,
            marks: Marks::default(),
        })
        .collect();
    sink.commit(&batches).await
}

/// Rows of each table, letters, and where the three positions stand.
async fn stands(world: &mut World) -> String {
    let name = world.name;
    world
        .one(&format!(
            "SELECT (SELECT count(*) FROM {name}.appended) AS a, \
             (SELECT count(*) FROM {name}.merged) AS m, (SELECT count(*) FROM {name}.logged) AS l, \
             (SELECT count(*) FROM {name}_state.dead_letters) AS d, \
             (SELECT string_agg(next_offset::text, ',' ORDER BY topic) \
             FROM {name}_state.positions WHERE topic <> 'orders') AS p"
        ))
        .await
}

#[tokio::test]
async fn several_tables_are_written_together() {
    for name in ["g_written", "g_small_written"] {
        let (mut world, sink, parts) = sink(name).await;
        for turn in 0..2 {
            let done = commit(&sink, &parts, turn * 2).await.unwrap();
            let rows: Vec<u64> = done.iter().map(|done| done.rows).collect();
            assert_eq!(rows, [1, 1, 1]);
        }
        assert_eq!(stands(&mut world).await, "2|2|2|6|4,4,4");
    }
}

#[tokio::test]
async fn one_that_was_overtaken_is_named_and_no_table_is_written() {
    let (mut world, sink, parts) = sink("g_overtaken").await;
    let tp = TopicPartition::new("merged", 0);
    sink.claim(&member(2), &identity(), &tp).await.unwrap();
    let refusal = commit(&sink, &parts, 0).await.unwrap_err();
    assert_eq!(refusal.error.class, Class::Fenced);
    assert_eq!(refusal.fenced, [1]);
    assert_eq!(stands(&mut world).await, "0|0|0|0|0,0,0");
}

/// Whichever of them it is, and whatever was done to it.
#[tokio::test]
async fn one_that_was_altered_stops_all() {
    for (name, change) in [
        (
            "g_altered_a",
            "ALTER TABLE appended ADD COLUMN more int DEFAULT 7",
        ),
        (
            "g_altered_m",
            "ALTER TABLE merged ALTER COLUMN id TYPE int4",
        ),
        ("g_altered_l", "ALTER TABLE logged ADD COLUMN more int"),
    ] {
        let (mut world, sink, parts) = sink(name).await;
        commit(&sink, &parts, 0).await.unwrap();
        world.run(change).await;
        let refusal = commit(&sink, &parts, 2).await.unwrap_err();
        assert_eq!(refusal.error.class, Class::Stale, "{name}: {refusal:?}");
        assert!(!refusal.locked && refusal.fenced.is_empty());
        assert_eq!(stands(&mut world).await, "1|1|1|3|2,2,2", "{name}");
    }
}

#[tokio::test]
async fn a_table_that_is_locked_does_not_hold_up_the_others() {
    let (mut world, sink, parts) = sink("g_locked").await;
    commit(&sink, &parts, 0).await.unwrap();
    world.run("BEGIN; LOCK TABLE merged").await;
    let refusal = commit(&sink, &parts, 2).await.unwrap_err();
    assert!(refusal.locked, "{refusal:?}");
    world.run("ROLLBACK").await;
    assert_eq!(stands(&mut world).await, "1|1|1|3|2,2,2");
    commit(&sink, &parts, 2).await.unwrap();
    assert_eq!(stands(&mut world).await, "2|2|2|6|4,4,4");
}
