//! The same changes of the same tables, told by Debezium in Avro and in Kafka Connect's
//! JSON with schemas: each column takes the same from both.

use crate::debezium::TYPES;
use crate::real::{events, registry};
use crate::support::{Want, compile_as, read_by, shown, want, wanted};
use plimsoll_avro::Schema;
use plimsoll_format_testing::one;
use plimsoll_record::{Arena, ConnectJson, Format, Held, Side, Undecoded, UnknownFields};
use plimsoll_sink_api::Cell;
use serde_json::Value;
use std::collections::BTreeMap;

/// Of a table and an offset.
type Texts = BTreeMap<(String, i64), [Option<String>; 2]>;

fn connect_events() -> Texts {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../record/tests/data/debezium"
    );
    let text = std::fs::read_to_string(format!("{folder}/pg-jsons.ndjson")).expect("events");
    let event = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("a record");
        let table = record["topic"]
            .as_str()
            .expect("a topic")
            .rsplit('.')
            .next();
        let text = |side: &str| record[side]["text"].as_str().map(str::to_owned);
        let place = (
            table.expect("a name").to_owned(),
            record["offset"].as_i64().expect("one"),
        );
        (place, ["key", "value"].map(text))
    };
    text.lines().map(event).collect()
}

/// The one cell of a side of a message, or what is wrong with it.
fn connect(want: &Want, side: Side, text: &str) -> Result<String, &'static str> {
    let chunk = one(0, None, Some(text.as_bytes()));
    let record = chunk.record(0);
    let bytes = record.value.expect("a value");
    let (arena, mut cells) = (Arena::new(), [Cell::Absent]);
    let reader = ConnectJson.reader(&wanted(std::slice::from_ref(want), side));
    match reader.read(&record, bytes, &arena, &mut cells) {
        Ok(Held::Value) => Ok(alike(&cells[0])),
        Ok(Held::Null) => Err("null"),
        Err(Undecoded::Bad(bad)) => Err(bad.condition()),
        Err(other) => panic!("{other}"),
    }
}

/// The same of Avro.
fn avro(want: &Want, side: Side, schema: &Schema, body: &[u8]) -> Result<String, &'static str> {
    let wants = std::slice::from_ref(want);
    let program = compile_as(schema, wants, side, UnknownFields::Ignore).expect("a program");
    read_by(&program, body, 1, |cells| alike(&cells[0])).map_err(|bad| bad.condition())
}

/// A cell with its kind; JSON as serde_json writes it, for each writer has forms of its own
/// for numbers and escapes.
fn alike(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Json(json) => {
            let json: Value = serde_json::from_str(json).expect("JSON");
            format!("json {json}")
        }
        // Beyond the years that have a text.
        Cell::Timestamp(time) => format!("{time:?}"),
        _ => shown(cell),
    }
}

fn columns(table: &str) -> Vec<&'static str> {
    match table {
        "types" => TYPES.split(',').collect(),
        "plain" => vec!["id", "name", "amount", "at", "big"],
        "two" => vec!["a", "b", "v"],
        "evolve" => vec!["id", "v", "w", "extra"],
        "nopk" => vec!["a", "b"],
        // Told in Avro alone.
        _ => Vec::new(),
    }
}

#[test]
fn each_column_takes_the_same_from_avro_and_from_connects_json() {
    let registry = registry("debezium/registry.json");
    let others = connect_events();
    let (mut same, mut bad) = (0, 0);
    for event in events("pg-avro") {
        let names = columns(&event.table);
        let place = (event.table, event.offset);
        let Some([key, value]) = others.get(&place) else {
            assert!(names.is_empty(), "{place:?}");
            continue;
        };
        let sides = [
            (Side::Key, &event.key, key, ""),
            (Side::Value, &event.value, value, "before."),
            (Side::Value, &event.value, value, "after."),
        ];
        for (side, bytes, text, below) in sides {
            let (Some((id, body)), Some(text)) = (bytes, text) else {
                assert_eq!(bytes.is_some(), text.is_some(), "{place:?}");
                continue;
            };
            for name in &names {
                // Avro's names have no spaces.
                let path = format!("{below}{name}");
                let [ours, theirs] =
                    [path.replace(' ', "_"), path].map(|p| want(0, &p).typed("bit varying(12)"));
                for json in [false, true] {
                    let of = |want: &Want| match json {
                        true => want.clone().json(),
                        false => want.clone(),
                    };
                    let ours = avro(&of(&ours), side, &registry[id].1, body);
                    let theirs = connect(&of(&theirs), side, text);
                    assert_eq!(ours, theirs, "{place:?}: {below}{name}");
                    match ours {
                        Ok(_) => same += 1,
                        Err(_) => bad += 1,
                    }
                }
            }
        }
    }
    assert!(same > 1_000 && bad >= 4, "{same} and {bad}");
}
