//! Protobuf whose schemas are in a real registry, and in files: rows, keys, tombstones,
//! and what is no message. (formats/protobuf/tests/data)

use crate::harness::feed::Feed;
use crate::harness::kafka::Message;
use crate::harness::process::{Process, plimsoll};
use crate::harness::registry::Registry;
use crate::harness::{folder, wait};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::time::Duration;

fn data(name: &str) -> String {
    let manifest = env!("CARGO_MANIFEST_DIR");
    let path = format!("{manifest}/formats/protobuf/tests/data/wire/{name}");
    std::fs::read_to_string(path).expect(name)
}

/// Values as Confluent's client wrote them, under the id that this registry gave to their
/// schema.
fn values(registry: &Registry, cases: &[&str]) -> Vec<Message> {
    let schemas: Vec<Value> = serde_json::from_str(&data("registry.json")).expect("schemas");
    let schema = |id: u32| {
        let found = schemas.iter().find(|schema| schema["id"] == id);
        found.expect("its schema")["schema"].as_str().expect("text")
    };
    let references = [("address.proto", schema(48))];
    let id = registry.register_as("PROTOBUF", schema(49), &references);
    let records = data("protobuf.ndjson");
    let records = records
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let records: Vec<Value> = records.collect();
    let value = |case: &&str| {
        let record = records
            .iter()
            .find(|record| record["case"] == **case)
            .expect(case);
        let mut bytes = STANDARD
            .decode(record["value"].as_str().expect("a value"))
            .expect("base64");
        bytes[1..5].copy_from_slice(&id.to_be_bytes());
        Message {
            value: Some(bytes),
            ..Message::default()
        }
    };
    cases.iter().map(value).collect()
}

const FRAMED: &str = "value = { format = \"protobuf\", framing = \"confluent\" }\n\
                      key = { format = \"protobuf\", framing = \"confluent\" }\n";

const EVERYTHING: &str = "CREATE TABLE {s}.t (n bigint, id bigint, note text, status text,
    ship jsonb, street text, lines jsonb, counts jsonb, k int, at timestamptz, took interval,
    extra jsonb, x jsonb, val double precision, sv text, iv bigint, bv boolean, \"any\" jsonb,
    mask text, empty jsonb, card text, cash bigint, u64 numeric, s32 int, f64 numeric, sf32 int,
    fl real, db double precision, b boolean, raw bytea, packed int[], names text[], by_id jsonb,
    opt_zero int, plain_zero int, child jsonb, \"camelCase\" text, snake_case_name text,
    whole jsonb)";

#[test]
fn each_type_reaches_its_column() {
    let registry = Registry::shared();
    let mut case = Feed::with_registry("pb_types", EVERYTHING, "append", FRAMED, &registry.url());
    case.service.columns = [
        "n = \"offset\"",
        "street = \"value.ship.street\"",
        "k = \"value.counts.k\"",
        "x = \"value.extra.x\"",
        "whole = \"value\"",
    ]
    .join("\n");
    case.send(&values(
        &registry,
        &[
            "protobuf second message (index 1)",
            "protobuf all defaults",
            "protobuf split submessage merges",
            "protobuf invalid utf8",
            "protobuf truncated",
        ],
    ));
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(case.bad(), ["invalid_utf8", "truncated"]);
    let text = |columns: &str, n: u8| {
        let sql = format!("SELECT concat_ws('|', {columns}) FROM {{s}}.t WHERE n = {n}");
        case.rows(&sql).remove(0)
    };
    case.database.execute("SET TIME ZONE 'UTC'");
    assert_eq!(
        text(
            "id, note, status, street, k, card, u64, s32, f64, sf32, fl, db, b, raw",
            0
        ),
        "9007199254740993||PAID|s|0|4111|18446744073709551615|-5|7|-7|1.5|0.1|t|\\x00ff"
    );
    assert_eq!(
        text(
            "at AT TIME ZONE 'UTC', took, x, val, sv, iv, bv, mask, empty",
            0
        ),
        "2026-03-29 01:30:00.123457|-00:00:01.5|[1.0, \"a\"]|1.5||9007199254740993|f|a.b,c|{}"
    );
    assert_eq!(
        text(
            "packed, names, by_id, \"camelCase\", snake_case_name, \"any\"",
            0
        ),
        "{1,2,300}|{x,\"\"}|{\"5\": {\"qty\": 0, \"sku\": \"five\"}}|cc|sn|\
         {\"x\": \"in any\", \"@type\": \"type.googleapis.com/shop.First\"}"
    );
    assert_eq!(
        text("whole->'ship', child->'id'", 0),
        "{\"zip\": \"\", \"street\": \"s\"}|1"
    );
    // What was not written: zero, or null.
    assert_eq!(
        text("id, status, u64, b, raw, packed, plain_zero", 1),
        "0|STATUS_UNSPECIFIED|0|f|\\x|{}|0"
    );
    assert_eq!(
        text(
            "num_nulls(note, ship, street, k, at, took, extra, x, val, sv, iv, bv, \"any\", mask, \
              empty, card, cash, opt_zero, child)",
            1
        ),
        "19"
    );
    assert_eq!(text("street, ship->>'zip'", 2), "zz|");
    case.verify();
    assert!(process.drain().success());
}

/// A key and a row in one file, as text; the row is the second message.
const ORDERS: &str = "syntax = \"proto3\"; package shop;
    message Key { int64 id = 1; }
    message Order { int64 id = 1; optional string note = 2; }";

/// A message as Confluent's serializer writes it.
fn framed(schema: u32, indexes: &[u8], body: &[u8]) -> Vec<u8> {
    [&[0], &schema.to_be_bytes()[..], indexes, body].concat()
}

fn note(text: &str) -> Vec<u8> {
    [&[0x12, text.len() as u8], text.as_bytes()].concat()
}

#[test]
fn keys_and_tombstones_are_messages_at_any_batch_size_under_sigkills() {
    let registry = Registry::shared();
    let schema = registry.register_as("PROTOBUF", ORDERS, &[]);
    // An id of zero is not written.
    let id = |id: u8| if id == 0 { vec![] } else { vec![0x08, id] };
    let key = |number: u8| framed(schema, &[0], &id(number));
    let put = |number: u8, text: Option<&str>| {
        let body = [id(number), text.map(note).unwrap_or_default()].concat();
        Message {
            key: Some(key(number)),
            value: Some(framed(schema, &[2, 2], &body)),
            ..Message::default()
        }
    };
    let delete = |id: u8| Message {
        key: Some(key(id)),
        ..Message::default()
    };
    let all = [
        put(0, Some("zero")),
        put(1, Some("one")),
        put(2, None),
        delete(1),
        put(3, Some("three")),
        put(2, Some("two")),
        delete(0),
        delete(9),
        put(3, None),
        put(0, Some("again")),
    ];
    for batch in [1, 2, 500] {
        let create = "CREATE TABLE {s}.t (id bigint PRIMARY KEY, note text)";
        let mut case = Feed::with_registry("pb_upsert", create, "upsert", FRAMED, &registry.url());
        case.service.batch = format!("max_records = {batch}\nlinger_ms = 20");
        let (first, second) = all.split_at(5);
        case.send(first);
        let process = Process::start_ready(&case.service);
        process.kill();
        case.send(second);
        let process = Process::start_ready(&case.service);
        case.wait();
        let rows = case.rows("SELECT concat_ws(' ', id, note) FROM {s}.t ORDER BY id");
        assert_eq!(rows, ["0 again", "2 two", "3"], "{batch} at a time");
        assert_eq!(case.bad(), Vec::<String>::new());
        case.verify();
        assert!(process.drain().success());
    }
}

const APPEND: &str = "CREATE TABLE {s}.t (id bigint, note text)";

#[test]
fn an_index_that_the_schema_lacks_halts_its_partition() {
    let registry = Registry::shared();
    let case = Feed::with_registry("pb_index", APPEND, "append", FRAMED, &registry.url());
    let schema = registry.register_as("PROTOBUF", ORDERS, &[]);
    let of = |indexes: &[u8]| Message {
        value: Some(framed(schema, indexes, &[0x08, 1])),
        ..Message::default()
    };
    case.send(&[of(&[2, 2]), of(&[2, 4])]);
    let process = Process::start(&case.service);
    wait::within(Duration::from_secs(60), "the halt is told", || {
        let log = process.log();
        let told = log.contains("it has no message with the indexes [2]");
        if told { Ok(()) } else { Err(log) }
    });
    assert_eq!(case.rows("SELECT id::text FROM {s}.t"), ["1"]);
    // No letter holds what may be a good record.
    assert_eq!(case.bad(), Vec::<String>::new());
    process.kill();
}

#[test]
fn what_is_no_message_is_a_bad_record_with_a_hint() {
    let registry = Registry::shared();
    let schema = registry.register_as("PROTOBUF", ORDERS, &[]);
    let message = "value = { format = \"protobuf\", framing = \"confluent\", message = \
                   \"shop.Order\" }\n";
    let case = Feed::with_registry("pb_bad", APPEND, "append", message, &registry.url());
    let of = |bytes: Vec<u8>| Message {
        value: Some(bytes),
        ..Message::default()
    };
    case.send(&[
        Message::of(0, "{\"id\": 1}"),
        Message::of(0, ""),
        of(vec![0x08, 1]),
        of(framed(schema, &[], &[])),
        // Another message of the same schema, whose bytes would do.
        of(framed(schema, &[0], &[0x08, 1])),
        of(framed(schema, &[2, 2], b"{\"id\": 1}")),
        of(framed(schema, &[2, 2], &[0x0a, 1, b'x'])),
        of(framed(schema, &[2, 2], &[0x08, 3])),
    ]);
    let process = Process::start_ready(&case.service);
    case.wait();
    let conditions = [
        "wrong_magic",
        "empty",
        "wrong_magic",
        "bad_message_index",
        "other_message",
        "other_format",
        "wrong_wire_type",
    ];
    assert_eq!(case.bad(), conditions);
    let errors = case.rows("SELECT message FROM {s}_state.dead_letters ORDER BY kafka_offset");
    assert!(errors[0].contains("format = \"json\""), "{errors:?}");
    assert!(errors[2].contains("framing = \"none\""), "{errors:?}");
    assert_eq!(case.rows("SELECT id::text FROM {s}.t"), ["3"]);
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn a_file_may_hold_the_schema_of_all_records() {
    let folder = folder("pb_file");
    let file = folder.join("order.proto");
    let value = format!(
        "value = {{ format = \"protobuf\", schema_file = \"{}\", message = \"shop.Order\" }}\n",
        file.display()
    );
    let case = Feed::with_registry("pb_file", APPEND, "append", &value, "http://127.0.0.1:1");
    let config = case.service.config();
    let check = || {
        let output = plimsoll(&config, &["check"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said)
    };
    let refused = |text: Option<&str>, why: &str| {
        if let Some(text) = text {
            std::fs::write(&file, text).expect("a file");
        }
        let (good, said) = check();
        assert!(
            !good && said.contains("sinks.orders.value.schema_file: "),
            "{said}"
        );
        assert!(said.contains(why), "{said}");
    };
    refused(None, "cannot be read");
    refused(Some("{\"type\": \"record\"}"), "no schema of Protobuf");
    refused(
        Some("message Order { }"),
        "it has no message \"shop.Order\"",
    );
    let imports = ORDERS.replace("package shop;", "package shop; import \"note.proto\";");
    let imports = imports.replace("optional string note", "Note note");
    refused(Some(&imports), "the import \"note.proto\" is missing");
    let wrapped = "syntax = \"proto3\"; package shop; message Note { string text = 1; }";
    std::fs::write(folder.join("note.proto"), wrapped).expect("a file");
    let (good, said) = check();
    assert!(good, "{said}");
    std::fs::write(&file, ORDERS).expect("a file");
    let (good, said) = check();
    assert!(good, "{said}");
    // Bare, as the framing says: no registry is asked. What is framed all the same is told.
    let of = |bytes: Vec<u8>| Message {
        value: Some(bytes),
        ..Message::default()
    };
    let good = [&[0x08, 7][..], &note("seven")].concat();
    case.send(&[
        of(good.clone()),
        of(framed(1, &[2, 2], &good)),
        Message::of(0, "{\"id\": 8}"),
    ]);
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(
        case.rows("SELECT concat_ws(' ', id, note) FROM {s}.t"),
        ["7 seven"]
    );
    assert_eq!(case.bad(), ["other_format"; 2]);
    let errors = case.rows("SELECT message FROM {s}_state.dead_letters ORDER BY kafka_offset");
    assert!(errors[0].contains("framing = \"confluent\"?"), "{errors:?}");
    assert!(errors[1].contains("format = \"json\""), "{errors:?}");
    case.verify();
    assert!(process.drain().success());
}
