//! Change events of a real Debezium into tables: in the end they are the tables of the
//! source. (record/tests/data/debezium)

use crate::harness::feed::Feed;
use crate::harness::kafka::Message;
use crate::harness::process::Process;
use crate::harness::wait;
use serde_json::Value;
use std::time::Duration;

/// The records of one topic, in their order.
fn events(file: &str, topic: &str) -> Vec<Message> {
    let path = format!(
        "{}/record/tests/data/debezium/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).expect("events");
    let record = |line| serde_json::from_str::<Value>(line).expect("an event");
    let bytes = |value: &Value| value["text"].as_str().map(|text| text.as_bytes().to_vec());
    text.lines()
        .map(record)
        .filter(|record| record["topic"].as_str().is_some_and(|t| t.ends_with(topic)))
        .map(|record| Message {
            key: bytes(&record["key"]),
            value: bytes(&record["value"]),
            ..Message::default()
        })
        .collect()
}

fn feed(test: &str, create: &str, envelope: &str, batch: usize) -> Feed {
    let value = format!("value = {{ envelope = \"{envelope}\" }}\n");
    let mut feed = Feed::new(test, create, "upsert", &value);
    feed.service.batch = format!("max_records = {batch}\nlinger_ms = 20");
    feed
}

fn texts(rows: &[Vec<Option<String>>]) -> Vec<Vec<&str>> {
    let text =
        |value: &Option<String>| value.as_deref().map_or("NULL", |v| v).to_owned().leak() as &str;
    rows.iter()
        .map(|row| row.iter().map(text).collect())
        .collect()
}

#[test]
fn deletes_and_changed_keys_reach_their_rows_at_any_batch_size_under_sigkills() {
    for (file, envelope) in [
        ("pg-json.ndjson", "debezium"),
        ("pg-flat.ndjson", "debezium_flat"),
    ] {
        for batch in [1, 2, 500] {
            let create = "CREATE TABLE {s}.t (a int, b uuid, v text, PRIMARY KEY (b, a))";
            let case = feed("changes", create, envelope, batch);
            // Behind it comes a truncation, which Debezium tells by an event about no row.
            let events = events(file, ".shop.two")
                .into_iter()
                .take(9)
                .collect::<Vec<_>>();
            let producer = case.kafka.producer();
            let (first, second) = events.split_at(5);
            producer.send_all(&case.topic, first);
            let process = Process::start_ready(&case.service);
            process.kill();
            producer.send_all(&case.topic, second);
            let process = Process::start_ready(&case.service);
            case.wait();
            let rows = case.database.rows("SELECT a, b, v FROM {s}.t ORDER BY a");
            let id = |last: char| format!("00000000-0000-0000-0000-00000000000{last}");
            assert_eq!(
                texts(&rows),
                [["3", &*id('1'), "v2"], ["9", &*id('9'), "tx"]],
                "{envelope}, {batch} at a time"
            );
            assert_eq!(case.bad(), Vec::<String>::new());
            case.verify();
            assert!(process.drain().success());
        }
    }
}

#[test]
fn a_value_that_was_not_sent_stays_in_columns_of_every_type() {
    for batch in [1, 500] {
        let create = "CREATE TABLE {s}.t (id int PRIMARY KEY, n int, t text, b bytea, j jsonb, \
                      ta text[], ia int[], la bigint[], h text, ua uuid[], x xml)";
        let case = feed("unsent", create, "debezium", batch);
        case.kafka
            .producer()
            .send_all(&case.topic, &events("pg-toast.ndjson", ".shop.toast"));
        let process = Process::start_ready(&case.service);
        case.wait();
        let sizes = "SELECT n, length(t), length(b), j::text, cardinality(ta), cardinality(ia), \
                     cardinality(la), length(h) > 3000, cardinality(ua), length(x::text) FROM {s}.t";
        assert_eq!(
            texts(&case.database.rows(sizes)),
            [[
                "2",
                "3000",
                "3000",
                "{\"a\": 1}",
                "600",
                "1000",
                "600",
                "t",
                "300",
                "3007"
            ]],
            "{batch} at a time"
        );
        assert_eq!(case.bad(), Vec::<String>::new());
        case.verify();
        assert!(process.drain().success());
    }
}

#[test]
fn a_value_that_was_not_sent_and_no_row_has_is_a_dead_letter() {
    let create = "CREATE TABLE {s}.t (id int PRIMARY KEY, name text, big text)";
    for envelope in ["debezium", "debezium_flat"] {
        let case = feed("nowhere", create, envelope, 500);
        let file = match envelope {
            "debezium" => "pg-json.ndjson",
            _ => "pg-flat.ndjson",
        };
        let mut events = events(file, ".shop.plain");
        // An update of a row that never was.
        let mut lost = events[2].clone();
        for bytes in [&mut lost.key, &mut lost.value].into_iter().flatten() {
            let text = String::from_utf8_lossy(bytes).replace("\"id\":2", "\"id\":77");
            *bytes = text.into_bytes();
        }
        events.insert(0, lost);
        case.kafka.producer().send_all(&case.topic, &events);
        let process = Process::start_ready(&case.service);
        case.wait();
        // The one in front, and a row whose key was changed.
        assert_eq!(case.bad(), ["value_unavailable"; 2], "{envelope}");
        let rows = case
            .database
            .rows("SELECT id, name, big FROM {s}.t ORDER BY id");
        assert_eq!(
            texts(&rows),
            [
                ["1", "NULL", "NULL"],
                ["3", "three again", "NULL"],
                ["100", "after truncate", "NULL"]
            ]
        );
        case.verify();
        assert!(process.drain().success());
    }
}

#[test]
fn a_topic_without_change_events_halts_with_a_hint() {
    let create = "CREATE TABLE {s}.t (id int PRIMARY KEY)";
    let mut case = feed("plain", create, "debezium", 500);
    case.service.of_sink = case.service.of_sink.replace("dead_letter", "halt");
    let producer = case.kafka.producer();
    producer.send(&case.topic, &Message::of(0, "{\"id\":1}").key("{\"id\":1}"));
    producer.flush();
    let process = Process::start(&case.service);
    wait::within(Duration::from_secs(60), "the halt is told", || {
        let log = process.log();
        let told = log.contains("not_a_change_event") && log.contains("debezium_flat");
        if told { Ok(()) } else { Err(log) }
    });
    assert_eq!(case.database.number("SELECT count(*) FROM {s}.t"), 0);
    process.kill();
}

#[test]
fn rows_that_other_partitions_have_yet_to_write_are_waited_for() {
    let create = "CREATE TABLE {s}.t (id int PRIMARY KEY, email text UNIQUE, \
                  parent int REFERENCES {s}.t)";
    let formats = "value = { envelope = \"debezium\" }\n";
    let case = Feed::with_partitions("between_rows", create, "upsert", formats, 2);
    let send = |partition: i32, op: &str, id: i32, email: &str, parent: &str| {
        let row = format!("{{\"id\":{id},\"email\":\"{email}\",\"parent\":{parent}}}");
        let event = format!("{{\"op\":\"{op}\",\"after\":{row}}}");
        let key = format!("{{\"id\":{id}}}");
        case.send(&[Message::of(partition, &event).key(&key)]);
    };
    let rows = || case.rows("SELECT concat_ws(' ', id, email, parent) FROM {s}.t ORDER BY id");
    let process = Process::start_ready(&case.service);
    let until = |expected: &[&str]| {
        wait::until(&format!("{expected:?}"), || match rows() {
            rows if rows == expected => Ok(()),
            rows => Err(format!("{rows:?}")),
        });
    };
    // Refused so often that it was refused at rest, too.
    let refused = |times: f64| {
        let retries = || process.metric("plimsoll_retries_total", &[("reason", "rejected")]);
        let before = retries();
        wait::until("it is tried again", || match retries() - before {
            more if more >= times => Ok(()),
            more => Err(more.to_string()),
        });
    };
    send(1, "c", 2, "b", "null");
    until(&["2 b"]);
    // Its address is another's still, and the row behind it has no parent yet.
    send(0, "c", 1, "a", "null");
    send(0, "u", 1, "b", "null");
    send(0, "c", 3, "d", "20");
    until(&["1 a", "2 b"]);
    refused(4.0);
    assert_eq!(rows(), ["1 a", "2 b"]);
    wait::within(Duration::from_secs(60), "the wait is told", || {
        let (status, body) = process.get("/readyz").unwrap_or_default();
        match body.contains("\"retrying\"") && body.contains("unique_violation") {
            true => Ok(()),
            false => Err(format!("{status} {body}")),
        }
    });
    send(1, "u", 2, "c", "null");
    until(&["1 b", "2 c"]);
    refused(4.0);
    assert_eq!(rows(), ["1 b", "2 c"]);
    send(1, "c", 20, "e", "null");
    until(&["1 b", "2 c", "3 d 20", "20 e"]);
    case.wait();
    assert_eq!(case.bad(), Vec::<String>::new());
    case.verify();
    assert!(process.drain().success());
}
