//! Formats that need no schema, through the whole service: text, bytes, Kafka's own numbers,
//! CSV, CBOR and MessagePack. (record/tests/data)

use crate::harness::feed::Feed;
use crate::harness::kafka::Message;
use crate::harness::process::{Process, plimsoll};
use crate::harness::wait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::time::Duration;

fn message(key: &[u8], value: &[u8]) -> Message {
    Message {
        key: Some(key.to_vec()),
        value: Some(value.to_vec()),
        ..Message::default()
    }
}

/// `plimsoll …`: whether all was well, and what was printed.
fn said(case: &Feed, line: &[&str]) -> (bool, String) {
    let output = plimsoll(&case.service.config(), line);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    (output.status.success(), text)
}

/// A table, and what comes to it.
struct Comes<'t> {
    /// Columns of `{s}.t`, the first of which is its key.
    columns: &'t str,
    formats: &'t str,
    /// Sources of columns.
    sources: &'t str,
    /// Good ones.
    good: Vec<Message>,
    /// One that is not read, and why.
    bad: (Message, &'t str),
    /// One that the table refuses at first, by this expression.
    refused: (Message, &'t str),
    /// A key that is deleted.
    deleted: Vec<u8>,
    /// What stands in the table in the end.
    row: &'t str,
    rows: &'t [&'t str],
    /// What `check --sample` says of a field.
    sample: &'t str,
}

/// All of it reaches its rows: what was refused by a replay, what is bad never; and verify
/// sees the same.
fn reaches_its_rows(test: &str, comes: Comes<'_>) {
    let create = format!(
        "CREATE TABLE {{s}}.t ({}, CONSTRAINT wait CHECK (({}) IS NOT TRUE))",
        comes.columns, comes.refused.1
    );
    let mut case = Feed::new(test, &create, "upsert", comes.formats);
    case.service.columns = comes.sources.to_owned();
    let tombstone = Message {
        key: Some(comes.deleted),
        ..Message::default()
    };
    case.send(&comes.good);
    case.send(&[comes.bad.0, comes.refused.0, tombstone]);
    let (_, sample) = said(&case, &["check", "--connect", "--sample", "20"]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let shows = sample.lines().any(|line| words(line) == comes.sample);
    assert!(shows, "{}: {sample}", comes.sample);
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(case.bad(), [comes.bad.1, "check_violation"]);
    case.verify();
    case.database
        .execute("ALTER TABLE {s}.t DROP CONSTRAINT wait");
    let (_, replayed) = said(&case, &["dead-letters", "replay", "--sink", "orders"]);
    assert!(replayed.contains("1 replayed"), "{replayed}");
    assert_eq!(case.bad(), [comes.bad.1]);
    let rows = case.rows(&format!("SELECT {} FROM {{s}}.t ORDER BY 1", comes.row));
    assert_eq!(rows, comes.rows);
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn a_text_and_its_numbered_key_reach_their_row() {
    let key = |id: i64| id.to_be_bytes();
    let last = message(&key(-3), "later".as_bytes());
    reaches_its_rows(
        "text",
        Comes {
            columns: "id bigint PRIMARY KEY, note text, state int DEFAULT 7",
            formats: "value = { format = \"text\" }\nkey = { format = \"int64\" }\n",
            sources: "id = \"key\"\nnote = \"value\"\n",
            good: vec![
                message(&key(1), "é, {\"a\": 1}".as_bytes()),
                message(&key(2), b"gone"),
                message(&key(i64::MAX), b""),
            ],
            bad: (message(&key(5), b"a\xff"), "invalid_utf8"),
            refused: (last, "note = 'later'"),
            deleted: key(2).to_vec(),
            row: "format('%s|%s|%s', id, note, state)",
            rows: &["-3|later|7", "1|é, {\"a\": 1}|7", "9223372036854775807||7"],
            sample: "value text, in 5 of 6 → note text",
        },
    );
}

#[test]
fn bytes_reach_their_row_as_they_are() {
    reaches_its_rows(
        "bytes",
        Comes {
            columns: "id uuid PRIMARY KEY, raw bytea",
            formats: "value = { format = \"bytes\" }\nkey = { format = \"text\" }\n",
            sources: "id = \"key\"\nraw = \"value\"\n",
            good: vec![
                message(b"11111111-1111-1111-1111-111111111111", b"\0\xff\\x41"),
                message(b"22222222-2222-2222-2222-222222222222", b"gone"),
                message(b"44444444-4444-4444-4444-444444444444", b""),
            ],
            bad: (message(b"no uuid", b"x"), "invalid_text_representation"),
            refused: (
                message(b"33333333-3333-3333-3333-333333333333", b"later"),
                "raw = 'later'",
            ),
            deleted: b"22222222-2222-2222-2222-222222222222".to_vec(),
            row: "left(id::text, 1) || raw::text",
            rows: &["1\\x00ff5c783431", "3\\x6c61746572", "4\\x"],
            sample: "value bytes, in 5 of 6 → raw bytea",
        },
    );
}

/// A record that another library wrote: `id` 1 and fields of many types.
fn wire(case: &str) -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/record/tests/data/wire/wire.ndjson"
    );
    let text = std::fs::read_to_string(path).expect("records");
    let records = text.lines().map(serde_json::from_str);
    let mut records = records.map(|record: Result<Value, _>| record.expect("JSON"));
    let record = records.find(|record| record["case"] == case).expect(case);
    let value = record["value"].as_str().expect("base64");
    STANDARD.decode(value).expect("base64")
}

#[test]
fn a_line_of_csv_reaches_its_row() {
    reaches_its_rows(
        "csv",
        Comes {
            columns: "id int PRIMARY KEY, name text, note text, total numeric(9,2)",
            formats: "value = { format = \"csv\", fields = [\"id\", \"customer\", \"note\", \
                      \"total\"] }\nkey = { format = \"text\" }\n",
            sources: "name = \"value.customer\"\n",
            good: vec![
                message(b"1", &wire("csv")),
                message(b"2", b"2,gone,,0"),
                message(b"4", b"4,\"a\nb\",\"\",-1\r\n"),
            ],
            bad: (message(b"5", b"5,a,2.50"), "wrong_field_count"),
            refused: (message(b"3", b"3,later,x,1e2"), "name = 'later'"),
            deleted: b"2".to_vec(),
            row: "concat_ws('|', id, name, coalesce(note, 'NULL'), total)",
            rows: &[
                "1|a \"q\", b|NULL|2.50",
                "3|later|x|100.00",
                "4|a\nb||-1.00",
            ],
            sample: "value.customer text, in 5 of 6 → name text",
        },
    );
}

/// What stands in the two records, and one of the same kind.
const MANY_TYPES: &str = "id bigint PRIMARY KEY, name text, amount numeric, at timestamptz, raw \
                          bytea, n text DEFAULT 'none', a int[]";
const MANY_ROW: &str =
    "concat_ws('|', id, name, amount, at AT TIME ZONE 'UTC', raw, coalesce(n, 'NULL'), a::text)";

#[test]
fn cbor_reaches_its_row_by_its_types() {
    reaches_its_rows(
        "cbor",
        Comes {
            columns: MANY_TYPES,
            formats: "value = { format = \"cbor\" }\nkey = { format = \"cbor\" }\n",
            sources: "",
            good: vec![
                message(b"\x01", &wire("cbor")),
                message(b"\x02", b"\xa1\x62id\x02"),
                // A decimal of tag 4, with ten to the power of -2, and a list without a length.
                message(
                    b"\x04",
                    b"\xbf\x62id\x04\x66amount\xc4\x82\x21\x20\x61a\x9f\x07\xff\xff",
                ),
            ],
            bad: (message(b"\x05", b"\xa1\x62id"), "truncated"),
            refused: (
                message(b"\x03", b"\xa2\x62id\x03\x64name\x65later"),
                "name = 'later'",
            ),
            deleted: b"\xa1\x62id\x02".to_vec(),
            row: MANY_ROW,
            rows: &[
                "1|hé|1.10|2026-03-29 01:30:00|\\x00ff|NULL|{1,2}",
                "3|later|none",
                "4|-0.01|none|{7}",
            ],
            sample: "value.amount decimal, in 2 of 6 → amount numeric",
        },
    );
}

#[test]
fn messagepack_reaches_its_row_by_its_types() {
    reaches_its_rows(
        "msgpack",
        Comes {
            columns: MANY_TYPES,
            formats: "value = { format = \"msgpack\" }\nkey = { format = \"msgpack\" }\n",
            sources: "",
            good: vec![
                message(b"\x01", &wire("msgpack")),
                message(b"\x02", b"\x81\xa2id\x02"),
                message(
                    b"\x04",
                    b"\x83\xa2id\x04\xa6amount\xcb\xbf\x84\x7a\xe1\x47\xae\x14\x7b\xa1a\x91\x07",
                ),
            ],
            bad: (message(b"\x05", b"\xa1\x62id\x05"), "other_format"),
            refused: (
                message(b"\x03", b"\x82\xa2id\x03\xa4name\xa5later"),
                "name = 'later'",
            ),
            deleted: b"\x02".to_vec(),
            row: MANY_ROW,
            rows: &[
                "1|hé|1.10|2026-03-29 01:30:00|\\x00ff|NULL|{1,2}",
                "3|later|none",
                "4|-0.01|none|{7}",
            ],
            sample: "value.at timestamp, in 1 of 6 → at timestamp with time zone",
        },
    );
}

/// JSON as CBOR, as somebody writes it who does not care for length.
fn cbor(value: &Value, out: &mut Vec<u8>) {
    let mut head = |major: u8, number: u64| {
        out.push(major << 5 | 27);
        out.extend(number.to_be_bytes());
    };
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(yes) => out.push(0xf4 + u8::from(*yes)),
        Value::Number(number) => match number.as_i64() {
            Some(number @ 0..) => head(0, number.unsigned_abs()),
            Some(number) => head(1, number.unsigned_abs() - 1),
            None => {
                out.push(0xfb);
                out.extend(number.as_f64().expect("a number").to_be_bytes());
            }
        },
        Value::String(text) => {
            head(3, text.len() as u64);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64);
            items.iter().for_each(|item| cbor(item, out));
        }
        Value::Object(fields) => {
            head(5, fields.len() as u64);
            for (name, value) in fields {
                cbor(&name.as_str().into(), out);
                cbor(value, out);
            }
        }
    }
}

/// The same as MessagePack.
fn msgpack(value: &Value, out: &mut Vec<u8>) {
    let mut head = |first: u8, length: usize| {
        out.push(first);
        out.extend(u32::try_from(length).expect("a length").to_be_bytes());
    };
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(yes) => out.push(0xc2 + u8::from(*yes)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => {
                out.push(0xd3);
                out.extend(number.to_be_bytes());
            }
            None => {
                out.push(0xcb);
                out.extend(number.as_f64().expect("a number").to_be_bytes());
            }
        },
        Value::String(text) => {
            head(0xdb, text.len());
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(0xdd, items.len());
            items.iter().for_each(|item| msgpack(item, out));
        }
        Value::Object(fields) => {
            head(0xdf, fields.len());
            for (name, value) in fields {
                msgpack(&name.as_str().into(), out);
                msgpack(value, out);
            }
        }
    }
}

#[test]
fn change_events_in_either_reach_their_rows() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/record/tests/data/debezium/pg-json.ndjson"
    );
    let text = std::fs::read_to_string(path).expect("events");
    let records = text.lines().map(serde_json::from_str);
    let records: Vec<Value> = records.collect::<Result<_, _>>().expect("JSON");
    let of_two = |record: &&Value| {
        let topic = record["topic"].as_str().expect("a topic");
        topic.ends_with(".shop.two")
    };
    for (format, write) in [
        ("cbor", cbor as fn(&Value, &mut Vec<u8>)),
        ("msgpack", msgpack),
    ] {
        let bytes = |side: &Value| {
            let json: Value = serde_json::from_str(side["text"].as_str()?).expect("JSON");
            let mut bytes = Vec::new();
            write(&json, &mut bytes);
            Some(bytes)
        };
        // Behind them comes a truncation, which Debezium tells by an event about no row.
        let events = records.iter().filter(of_two).take(9).map(|record| Message {
            key: bytes(&record["key"]),
            value: bytes(&record["value"]),
            ..Message::default()
        });
        let formats = format!(
            "value = {{ format = \"{format}\", envelope = \"debezium\" }}\nkey = {{ format = \
             \"{format}\" }}\n"
        );
        let create = "CREATE TABLE {s}.t (a int, b uuid, v text, PRIMARY KEY (b, a))";
        let case = Feed::new("schemaless_events", create, "upsert", &formats);
        case.send(&events.collect::<Vec<_>>());
        let process = Process::start_ready(&case.service);
        case.wait();
        let rows = case.rows("SELECT concat_ws(' ', a, b, v) FROM {s}.t ORDER BY a");
        let expected = [
            "3 00000000-0000-0000-0000-000000000001 v2",
            "9 00000000-0000-0000-0000-000000000009 tx",
        ];
        assert_eq!(rows, expected, "{format}");
        assert_eq!(case.bad(), Vec::<String>::new());
        case.verify();
        assert!(process.drain().success());
    }
}

#[test]
fn a_log_keeps_a_text_as_a_string_of_json() {
    let value = "value = { format = \"text\" }\n";
    let case = Feed::new("text_log", "SELECT", "log", value);
    case.send(&[
        Message::of(0, "a \"b\""),
        Message::of(0, "{\"a\": 1}"),
        Message::tombstone(0, "k"),
    ]);
    let process = Process::start_ready(&case.service);
    case.wait();
    let rows = case.rows("SELECT event_data::text FROM {s}.t ORDER BY kafka_offset");
    assert_eq!(rows, ["\"a \\\"b\\\"\"", "\"{\\\"a\\\": 1}\"", "NULL"]);
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn a_table_that_takes_nothing_of_a_text_is_told_and_halts() {
    let create = "CREATE TABLE {s}.t (id bigint PRIMARY KEY, note text)";
    let formats = "value = { format = \"text\" }\nkey = { format = \"text\" }\n";
    let mut case = Feed::new("text_slip", create, "upsert", formats);
    case.service.columns = "id = \"key\"\n".to_owned();
    case.send(&[message(b"1", b"a")]);
    let slip =
        "the value is text, which has no fields, and the column \"note\" takes \"note\" of it";
    let (good, checked) = said(&case, &["check", "--connect", "--sample", "5"]);
    assert!(!good && checked.contains(slip), "{checked}");
    assert!(checked.contains("note = \"value\""), "{checked}");
    let process = Process::start(&case.service);
    wait::within(Duration::from_secs(60), "the halt is told", || {
        let log = process.log();
        let told = log.contains(slip);
        if told { Ok(()) } else { Err(log) }
    });
    assert_eq!(
        case.rows("SELECT id::text FROM {s}.t"),
        Vec::<String>::new()
    );
    assert_eq!(case.bad(), Vec::<String>::new());
    process.kill();
    // A path that is named is no config.
    case.service.columns = "id = \"key\"\nnote = \"value.note\"\n".to_owned();
    let (good, checked) = said(&case, &["check"]);
    assert!(
        !good && checked.contains("sinks.orders.value: has no fields"),
        "{checked}"
    );
}

#[test]
fn another_format_than_the_config_says_is_named() {
    let create = "CREATE TABLE {s}.t (id bigint, name text)";
    let case = Feed::new("schemaless_named", create, "append", "");
    let of = |bytes: &[u8]| Message {
        value: Some(bytes.to_vec()),
        ..Message::default()
    };
    case.send(&[
        of(&wire("cbor")),
        of(&wire("msgpack")),
        of(&wire("gzip in the value")),
    ]);
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(case.bad(), ["value_not_json"; 3]);
    let said = case.rows("SELECT message FROM {s}_state.dead_letters ORDER BY kafka_offset");
    for (said, hint) in said
        .iter()
        .zip(["format = \"cbor\"?", "format = \"msgpack\"?", "gzip"])
    {
        assert!(said.contains(hint), "{said}");
    }
    assert!(process.drain().success());
}
