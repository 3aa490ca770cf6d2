//! What the tables must hold, told from the log alone.

use super::cassandra;
use super::world::{REFUSED, World};
use crate::harness::kafka::Record;
use crate::harness::oracle::{self, Difference, Mode, Row};
use serde_json::Value;

/// What was compared, and how it differs.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Records that the log holds for readers of what is committed.
    pub records: usize,
    /// Rows and dead letters that were expected, of all sinks.
    pub expected: usize,
    /// Of these, those that are not there.
    pub missing: usize,
    /// Rows and dead letters that should not be there, or not so often.
    pub duplicates: usize,
    /// Some of them.
    pub examples: Vec<String>,
}

/// Compares every sink with the log.
pub fn judge(world: &World) -> Verdict {
    let log = world.kafka.log(&world.topic);
    let mut verdict = Verdict {
        records: log.len(),
        ..Verdict::default()
    };
    judge_cassandra(world, &log, &mut verdict);
    for sink in &world.sinks {
        let (good, bad): (Vec<Record>, Vec<Record>) =
            log.iter().cloned().partition(|r| is_good(r, sink.mode));
        let rows = oracle::expected(sink.mode, &good);
        verdict.add(
            sink.mode.name(),
            "rows",
            &rows,
            &oracle::found(&sink.database, sink.mode),
        );
        let letters: Vec<Row> = bad.iter().map(letter).collect();
        let found = sink.database.rows(
            "SELECT topic, kafka_partition, kafka_offset, encode(key, 'escape'), encode(value, 'escape')
             FROM {s}_state.dead_letters",
        );
        verdict.add(sink.mode.name(), "dead letters", &letters, &found);
    }
    verdict
}

fn judge_cassandra(world: &World, log: &[Record], verdict: &mut Verdict) {
    // No trigger refuses anything there.
    let (good, bad): (Vec<Record>, Vec<Record>) =
        log.iter().cloned().partition(|r| fits(r) != Some(false));
    let (expected, found) = world.cassandra.rows(&good);
    verdict.add(cassandra::NAME, "rows", &expected, &found);
    let letters: Vec<Row> = bad.iter().map(letter).collect();
    let found = world.cassandra.letters();
    verdict.add(cassandra::NAME, "dead letters", &letters, &found);
}

impl Verdict {
    fn add(&mut self, sink: &str, what: &str, expected: &[Row], found: &[Row]) {
        let Difference {
            missing,
            extra,
            doubled,
        } = oracle::compare(expected, found);
        self.expected += expected.len();
        self.missing += missing.len();
        self.duplicates += extra.len() + doubled.len();
        let kinds = [("missing", missing), ("extra", extra), ("doubled", doubled)];
        for (kind, rows) in kinds {
            let few = rows.iter().take(3);
            self.examples
                .extend(few.map(|row| format!("{sink}, {what}, {kind}: {row:?}")));
        }
    }
}

/// Whether a record can become a row.
fn is_good(record: &Record, mode: Mode) -> bool {
    match mode {
        Mode::Log => value(record).is_none_or(|value| value.is_ok()),
        Mode::Append => fits(record) == Some(true) && !is_refused(record),
        Mode::Upsert => fits(record) != Some(false) && !is_refused(record),
    }
}

/// What is too deep is no JSON to this parser, nor to Postgres. A tombstone has none.
fn value(record: &Record) -> Option<serde_json::Result<Value>> {
    let value = record.message.value.as_ref()?;
    Some(serde_json::from_slice(value))
}

/// Whether its value fits the columns, if it has one.
fn fits(record: &Record) -> Option<bool> {
    let value = value(record)?;
    Some(value.is_ok_and(|value| {
        let quantity = value["quantity"].as_i64();
        quantity.is_none_or(|q| i32::try_from(q).is_ok())
    }))
}

/// Whether the trigger refuses it.
fn is_refused(record: &Record) -> bool {
    value(record).is_some_and(|value| value.is_ok_and(|value| value["status"] == REFUSED))
}

fn letter(record: &Record) -> Row {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).expect("plain text");
    vec![
        Some(record.topic.clone()),
        Some(record.message.partition.to_string()),
        Some(record.offset.to_string()),
        record.message.key.as_ref().map(text),
        record.message.value.as_ref().map(text),
    ]
}
