//! What the tables must hold, told from the log alone.

use super::world::{REFUSED, Sink, World};
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
    for sink in &world.sinks {
        let (good, bad): (Vec<Record>, Vec<Record>) =
            log.iter().cloned().partition(|r| is_good(r, sink.mode));
        let rows = oracle::expected(sink.mode, &good);
        verdict.add(
            sink,
            "rows",
            &rows,
            &oracle::found(&sink.database, sink.mode),
        );
        let letters: Vec<Row> = bad.iter().map(letter).collect();
        let found = sink.database.rows(
            "SELECT topic, kafka_partition, kafka_offset, encode(key, 'escape'), encode(value, 'escape')
             FROM {s}_state.dead_letters",
        );
        verdict.add(sink, "dead letters", &letters, &found);
    }
    verdict
}

impl Verdict {
    fn add(&mut self, sink: &Sink, what: &str, expected: &[Row], found: &[Row]) {
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
            let name = sink.mode.name();
            self.examples
                .extend(few.map(|row| format!("{name}, {what}, {kind}: {row:?}")));
        }
    }
}

/// Whether a record can become a row.
fn is_good(record: &Record, mode: Mode) -> bool {
    let Some(value) = &record.message.value else {
        return mode != Mode::Append;
    };
    // What is too deep is no JSON to this parser, nor to Postgres.
    let Ok(value) = serde_json::from_slice::<Value>(value) else {
        return false;
    };
    let quantity = value["quantity"].as_i64();
    let fits = quantity.is_none_or(|q| i32::try_from(q).is_ok());
    mode == Mode::Log || (fits && value["status"] != REFUSED)
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
