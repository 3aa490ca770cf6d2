//! Kafka Connect's JSON with schemas, as a real Debezium wrote it, into tables.
//! (record/tests/data/debezium)

use crate::harness::feed::Feed;
use crate::harness::kafka::Message;
use crate::harness::process::Process;
use crate::harness::source_types;
use serde_json::Value;

/// The records of one of Debezium's tables, in their order.
fn events(file: &str, table: &str) -> Vec<Message> {
    let manifest = env!("CARGO_MANIFEST_DIR");
    let path = format!("{manifest}/record/tests/data/debezium/{file}");
    let text = std::fs::read_to_string(&path).expect("events");
    let records = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let suffix = format!(".shop.{table}");
    let of_table = records.filter(|record| {
        let topic = record["topic"].as_str().expect("a topic");
        topic.ends_with(&suffix)
    });
    let bytes = |side: &Value| side["text"].as_str().map(|text| text.as_bytes().to_vec());
    let messages = of_table.map(|record| Message {
        key: bytes(&record["key"]),
        value: bytes(&record["value"]),
        ..Message::default()
    });
    messages.collect()
}

/// Keys and values that bring their schemas, in an envelope.
fn formats(envelope: &str) -> String {
    format!(
        "value = {{ format = \"connect_json\", envelope = \"{envelope}\" }}\nkey = {{ format = \
         \"connect_json\" }}\n"
    )
}

#[test]
fn change_events_reach_their_rows_at_any_batch_size_under_sigkills() {
    // Behind them comes a truncation, which Debezium tells by an event about no row.
    for (file, envelope, events_before) in [
        ("pg-jsons.ndjson", "debezium", 9),
        // Its deletes are null payloads.
        ("pg-flatd.ndjson", "debezium_flat", 7),
    ] {
        let events = events(file, "two");
        let (first, second) = events[..events_before].split_at(5);
        for batch in [1, 2, 500] {
            let create = "CREATE TABLE {s}.t (a int, b uuid, v text, PRIMARY KEY (b, a))";
            let mut case = Feed::new("connect_two", create, "upsert", &formats(envelope));
            case.service.batch = format!("max_records = {batch}\nlinger_ms = 20");
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
            assert_eq!(rows, expected, "{envelope}, {batch} at a time");
            assert_eq!(case.bad(), Vec::<String>::new());
            case.verify();
            assert!(process.drain().success());
        }
    }
}

#[test]
fn a_batch_may_hold_several_versions_of_a_schema() {
    for (file, envelope) in [
        ("pg-jsons.ndjson", "debezium"),
        ("pg-flatd.ndjson", "debezium_flat"),
    ] {
        // Columns came, went and were renamed while it was written.
        let create = "CREATE TABLE {s}.t (id int PRIMARY KEY, v text, w text)";
        let case = Feed::new("connect_evolve", create, "upsert", &formats(envelope));
        case.send(&events(file, "evolve"));
        let process = Process::start_ready(&case.service);
        case.wait();
        let rows = case.rows("SELECT concat_ws(' ', id, v, w) FROM {s}.t ORDER BY id");
        assert_eq!(rows, ["1 w1", "2 v2", "3 v3", "4 w4"], "{envelope}");
        assert_eq!(case.bad(), Vec::<String>::new());
        case.verify();
        assert!(process.drain().success());
    }
}

#[test]
fn rows_that_were_deleted_and_whose_keys_changed_are_those_of_the_source() {
    for batch in [1, 2, 500] {
        let create = "CREATE TABLE {s}.t (id int PRIMARY KEY, name text, amount numeric(12,2), at \
                      timestamptz, big text)";
        let mut case = Feed::new("connect_plain", create, "upsert", &formats("debezium"));
        case.service.batch = format!("max_records = {batch}\nlinger_ms = 20");
        case.send(&events("pg-jsons.ndjson", "plain")[..12]);
        let process = Process::start_ready(&case.service);
        case.wait();
        let rows = case.rows("SELECT concat_ws('|', id, name, amount, at) FROM {s}.t ORDER BY id");
        let expected = [
            "1|1.10|2026-01-02 03:04:05.678901+00",
            "3|three again|99.99",
        ];
        assert_eq!(rows, expected, "{batch} at a time");
        // A large value that the event of the new key does not have.
        assert_eq!(case.bad(), ["value_unavailable"]);
        case.verify();
        assert!(process.drain().success());
    }
}

#[test]
fn each_type_of_postgres_is_what_the_source_had() {
    let create = source_types::create("Camel Col");
    let case = Feed::new("connect_types", &create, "upsert", &formats("debezium"));
    case.send(&events("pg-jsons.ndjson", "types"));
    source_types::assert_those_of_the_source(&case);
}

/// A key, and a value with a note or without any.
fn order(id: u32, note: Option<&str>) -> Message {
    let key = "{\"type\":\"struct\",\"fields\":[{\"field\":\"id\",\"type\":\"int32\"}]}";
    let value = "{\"type\":\"struct\",\"optional\":true,\"fields\":[{\"field\":\"id\",\"type\":\
                 \"int32\"},{\"field\":\"note\",\"type\":\"string\"}]}";
    let payload = match note {
        Some(note) => format!("{{\"id\":{id},\"note\":\"{note}\"}}"),
        None => "null".to_owned(),
    };
    let value = format!("{{\"schema\":{value},\"payload\":{payload}}}");
    Message::of(0, &value).key(&format!("{{\"schema\":{key},\"payload\":{{\"id\":{id}}}}}"))
}

const ORDERS: &str = "CREATE TABLE {s}.t (id bigint PRIMARY KEY, note text)";

#[test]
fn a_null_payload_deletes_and_what_brings_no_schema_is_a_dead_letter() {
    let case = Feed::new("connect_null", ORDERS, "upsert", &formats("none"));
    let plain = Message::of(0, "{\"id\":4,\"note\":\"four\"}").key("{\"id\":4}");
    case.send(&[
        order(1, Some("one")),
        order(2, Some("two")),
        order(1, None),
        plain,
        order(3, Some("three")),
    ]);
    let process = Process::start_ready(&case.service);
    case.wait();
    let rows = case.rows("SELECT concat_ws(' ', id, note) FROM {s}.t ORDER BY id");
    assert_eq!(rows, ["2 two", "3 three"]);
    assert_eq!(case.bad(), ["schema_missing"]);
    let messages = case.rows("SELECT message FROM {s}_state.dead_letters");
    assert!(
        messages[0].contains("schemas.enable = true"),
        "{messages:?}"
    );
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn what_brings_its_schema_to_plain_json_is_named() {
    let case = Feed::new("connect_plain_json", ORDERS, "upsert", "");
    case.send(&[order(1, Some("one"))]);
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(case.bad(), ["key_missing"]);
    let messages = case.rows("SELECT message FROM {s}_state.dead_letters");
    let hint = "value = { format = \"connect_json\" }";
    assert!(messages[0].contains(hint), "{messages:?}");
    assert!(process.drain().success());
}
