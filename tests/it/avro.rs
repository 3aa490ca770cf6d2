//! Avro whose schemas are in a real registry: rows, schemas that change, and a registry
//! that is away. (formats/avro/tests/data)

use crate::harness::feed::Feed;
use crate::harness::kafka::Message;
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::registry::{Gate, Registry};
use crate::harness::source_types;
use crate::harness::{folder, wait};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

fn data(name: &str) -> String {
    let manifest = env!("CARGO_MANIFEST_DIR");
    let path = format!("{manifest}/formats/avro/tests/data/debezium/{name}");
    std::fs::read_to_string(path).expect(name)
}

/// The records of one of Debezium's tables, in their order, whose schemas this registry
/// has under ids of its own.
pub fn events(registry: &Registry, table: &str) -> Vec<Message> {
    let schemas: Vec<Value> = serde_json::from_str(&data("registry.json")).expect("schemas");
    let schema = |id: u32| {
        let found = schemas.iter().find(|schema| schema["id"] == id);
        found.expect("its schema")["schema"].as_str().expect("text")
    };
    let mut ids = BTreeMap::new();
    let mut bytes = |side: &Value| {
        let mut bytes = STANDARD.decode(side["b64"].as_str()?).expect("base64");
        let old = u32::from_be_bytes(bytes[1..5].try_into().expect("four bytes"));
        let new: u32 = *ids
            .entry(old)
            .or_insert_with(|| registry.register(schema(old)));
        bytes[1..5].copy_from_slice(&new.to_be_bytes());
        Some(bytes)
    };
    let mut messages = Vec::new();
    for line in data("pg-avro.ndjson").lines() {
        let record: Value = serde_json::from_str(line).expect("a record");
        if record["topic"] == format!("formats_avro.shop.{table}") {
            messages.push(Message {
                key: bytes(&record["key"]),
                value: bytes(&record["value"]),
                ..Message::default()
            });
        }
    }
    messages
}

/// Change events of Avro, keys and values.
pub const EVENTS: &str = "value = { format = \"avro\", framing = \"confluent\", envelope = \
                      \"debezium\" }\nkey = { format = \"avro\", framing = \"confluent\" }\n";
/// Rows of Avro.
const ROWS: &str = "value = { format = \"avro\", framing = \"confluent\" }\n";

#[test]
fn change_events_reach_their_rows_at_any_batch_size_under_sigkills() {
    let registry = Registry::shared();
    for batch in [1, 2, 500] {
        let create = "CREATE TABLE {s}.t (a int, b uuid, v text, PRIMARY KEY (b, a))";
        let mut case = Feed::with_registry("avro_two", create, "upsert", EVENTS, &registry.url());
        case.service.batch = format!("max_records = {batch}\nlinger_ms = 20");
        // Behind it comes a truncation, which Debezium tells by an event about no row.
        let events = events(&registry, "two");
        let (first, second) = events[..9].split_at(5);
        case.send(first);
        let process = Process::start_ready(&case.service);
        process.kill();
        case.send(second);
        let process = Process::start_ready(&case.service);
        case.wait();
        let rows = case.rows("SELECT concat_ws(' ', a, b, v) FROM {s}.t ORDER BY a");
        let expected = [
            "3 00000000-0000-0000-0000-000000000001 v2",
            "9 00000000-0000-0000-0000-000000000009 tx",
        ];
        assert_eq!(rows, expected, "{batch} at a time");
        assert_eq!(case.bad(), Vec::<String>::new());
        case.verify();
        assert!(process.drain().success());
    }
}

#[test]
fn a_batch_may_hold_several_versions_of_a_schema() {
    let registry = Registry::shared();
    // Columns came, went and were renamed while it was written.
    let create = "CREATE TABLE {s}.t (id int PRIMARY KEY, v text, w text)";
    let case = Feed::with_registry("avro_evolve", create, "upsert", EVENTS, &registry.url());
    case.send(&events(&registry, "evolve"));
    let process = Process::start_ready(&case.service);
    case.wait();
    let rows = case.rows("SELECT concat_ws(' ', id, v, w) FROM {s}.t ORDER BY id");
    assert_eq!(rows, ["1 w1", "2 v2", "3 v3", "4 w4"]);
    assert_eq!(case.bad(), Vec::<String>::new());
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn each_type_of_postgres_is_what_the_source_had() {
    let registry = Registry::shared();
    let create = source_types::create("Camel_Col");
    let case = Feed::with_registry("avro_types", &create, "upsert", EVENTS, &registry.url());
    case.send(&events(&registry, "types"));
    source_types::assert_those_of_the_source(&case);
}

/// `{"id": …, "note": …}`
const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]}]}"#;
const ORDERS: &str = "CREATE TABLE {s}.t (id bigint, note text)";

/// An order as Confluent's serializer writes it; ids and notes of a byte.
fn order(schema: u32, id: u8, note: Option<&str>) -> Message {
    let mut value = vec![0];
    value.extend(schema.to_be_bytes());
    value.push(id * 2);
    match note {
        None => value.push(0),
        Some(note) => {
            value.extend([2, note.len() as u8 * 2]);
            value.extend(note.as_bytes());
        }
    }
    Message {
        value: Some(value),
        ..Message::default()
    }
}

/// The troubles of `/readyz`, and its status.
fn troubles(process: &Process) -> (u16, String) {
    process.get("/readyz").unwrap_or((0, String::new()))
}

#[test]
fn a_registry_that_is_away_is_waited_for() {
    let registry = Registry::shared();
    let gate = Gate::closed(&registry);
    let case = Feed::with_registry("avro_away", ORDERS, "append", ROWS, &gate.url());
    let schema = registry.register(ORDER);
    case.send(&[order(schema, 1, Some("one")), order(schema, 2, None)]);
    // Away when it starts: told, and nothing is passed over.
    let process = Process::start(&case.service);
    let away = |what: &str| {
        wait::until(what, || {
            let (status, body) = troubles(&process);
            let told = body.contains("schema_registry_away");
            if told {
                Ok(())
            } else {
                Err(format!("{status} {body}"))
            }
        });
        let retries = [("reason", "registry")];
        assert!(process.metric("plimsoll_retries_total", &retries) > 0.0);
    };
    away("the missing registry is told");
    assert_eq!(case.rows("SELECT count(*)::text FROM {s}.t"), ["0"]);
    gate.open();
    case.wait();
    // In the middle: what is known goes on, what is new waits.
    gate.close();
    case.send(&[order(schema, 3, None)]);
    case.wait();
    let newer = ORDER.replace("Order", "Newer");
    let newer = registry.register(&newer);
    case.send(&[order(schema, 4, None), order(newer, 5, Some("five"))]);
    away("the registry that went is told");
    gate.open();
    case.wait();
    wait::until("it is well again", || match troubles(&process) {
        (200, _) => Ok(()),
        (_, body) => Err(body),
    });
    let rows = case.rows("SELECT concat_ws(' ', id, note) FROM {s}.t ORDER BY id");
    assert_eq!(rows, ["1 one", "2", "3", "4", "5 five"]);
    assert_eq!(case.bad(), Vec::<String>::new());
    assert!(process.drain().success());
    // Commands ask for themselves.
    let config = case.service.config();
    let said = plimsoll_ok(&config, &["check", "--connect", "--sample", "5"]);
    assert!(said.contains("schemas"), "{said}");
    assert!(said.contains(&format!("by schema {schema} ")), "{said}");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let note = "value.note null or string → note text";
    assert!(said.lines().any(|line| words(line) == note), "{said}");
    case.verify();
    gate.close();
    let output = plimsoll(&config, &["check", "--connect"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("FAULT    schema_registry: "), "{said}");
}

#[test]
fn a_schema_that_was_found_is_read_when_the_registry_is_gone() {
    let registry = Registry::shared();
    let gate = Gate::closed(&registry);
    gate.open();
    let mut case = Feed::with_registry("avro_cached", ORDERS, "append", ROWS, &gate.url());
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("schemas");
    case.service.top += &format!("cache_dir = \"{}\"\n", cache.display());
    case.database
        .execute("ALTER TABLE {s}.t ADD CONSTRAINT few CHECK (id < 9)");
    let schema = registry.register(ORDER);
    case.send(&[order(schema, 1, Some("one")), order(schema, 9, None)]);
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(case.bad(), ["check_violation"]);
    assert!(process.drain().success());
    gate.close();
    // Of another process each.
    case.send(&[order(schema, 2, Some("two"))]);
    let process = Process::start_ready(&case.service);
    case.wait();
    case.verify();
    case.database
        .execute("ALTER TABLE {s}.t DROP CONSTRAINT few");
    let line = ["dead-letters", "replay", "--sink", "orders"];
    plimsoll_ok(&case.service.config(), &line);
    let rows = case.rows("SELECT concat_ws(' ', id, note) FROM {s}.t ORDER BY id");
    assert_eq!(rows, ["1 one", "2 two", "9"]);
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn an_unknown_schema_halts_its_partition_until_the_registry_has_it() {
    let registry = Registry::shared();
    let case = Feed::with_registry("avro_unknown", ORDERS, "append", ROWS, &registry.url());
    let schema = registry.register(ORDER);
    case.send(&[order(schema, 1, None), order(999_999_999, 2, None)]);
    let process = Process::start(&case.service);
    wait::within(Duration::from_secs(60), "the halt is told", || {
        let log = process.log();
        let told = log.contains("schema 999999999");
        if told { Ok(()) } else { Err(log) }
    });
    assert_eq!(case.rows("SELECT id::text FROM {s}.t"), ["1"]);
    // No letter holds what may be a good record.
    assert_eq!(case.bad(), Vec::<String>::new());
    process.kill();
}

#[test]
fn bytes_that_are_not_avro_are_bad_records_with_a_hint() {
    let registry = Registry::shared();
    let case = Feed::with_registry("avro_bad", ORDERS, "append", ROWS, &registry.url());
    let schema = registry.register(ORDER);
    let mut trailing = order(schema, 2, None);
    trailing.value.as_mut().expect("a value").push(0);
    case.send(&[
        Message::of(0, "{\"id\": 1}"),
        Message::of(0, ""),
        Message::of(0, "\0\0\0"),
        trailing,
        order(schema, 3, Some("good")),
    ]);
    let process = Process::start_ready(&case.service);
    case.wait();
    let conditions = ["wrong_magic", "empty", "too_short", "trailing_bytes"];
    assert_eq!(case.bad(), conditions);
    let errors = case.rows("SELECT message FROM {s}_state.dead_letters ORDER BY kafka_offset");
    assert!(errors[0].contains("format = \"json\""), "{errors:?}");
    assert_eq!(case.rows("SELECT id::text FROM {s}.t"), ["3"]);
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn json_behind_a_registrys_framing_is_read_and_named_where_it_is_not_expected() {
    let registry = Registry::shared();
    let create = "CREATE TABLE {s}.t (id bigint, note text)";
    let framed = Message::of(0, "\0\0\0\0\u{7}{\"id\": 1, \"note\": \"n\"}");
    let value = "value = { framing = \"confluent\" }\n";
    let case = Feed::with_registry("json_framed", create, "append", value, &registry.url());
    case.send(std::slice::from_ref(&framed));
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(
        case.rows("SELECT concat_ws(' ', id, note) FROM {s}.t"),
        ["1 n"]
    );
    case.verify();
    assert!(process.drain().success());
    let case = Feed::with_registry("json_bare", create, "append", "", &registry.url());
    case.send(&[framed]);
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(case.bad(), ["value_not_json"]);
    let errors = case.rows("SELECT message FROM {s}_state.dead_letters");
    assert!(errors[0].contains("framing = \"confluent\""), "{errors:?}");
    assert!(process.drain().success());
}

#[test]
fn a_file_may_hold_the_schema_of_all_records() {
    let file = folder("avro_file").join("order.avsc");
    let value = format!(
        "value = {{ format = \"avro\", schema_file = \"{}\" }}\n",
        file.display()
    );
    let case = Feed::with_registry("avro_file", ORDERS, "append", &value, "http://127.0.0.1:1");
    let config = case.service.config();
    let check = || {
        let output = plimsoll(&config, &["check"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said)
    };
    let (good, said) = check();
    assert!(
        !good && said.contains("sinks.orders.value.schema_file: "),
        "{said}"
    );
    std::fs::write(&file, "{\"type\": \"record\"}").expect("a file");
    let (good, said) = check();
    assert!(!good && said.contains("order.avsc: "), "{said}");
    std::fs::write(&file, ORDER).expect("a file");
    let (good, said) = check();
    assert!(good, "{said}");
    // Bare, as the framing says: no registry is asked.
    let mut bare = order(0, 7, Some("seven"));
    bare.value = bare.value.map(|value| value[5..].to_vec());
    case.send(&[bare]);
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(
        case.rows("SELECT concat_ws(' ', id, note) FROM {s}.t"),
        ["7 seven"]
    );
    case.verify();
    assert!(process.drain().success());
}
