//! `check --sample` where there is no table, or one that was made with other names.

use super::{create_table, has_line, said};
use crate::harness::cassandra::{self, Keyspace};
use crate::harness::feed::Feed;
use crate::harness::kafka::{Kafka, Message};
use crate::harness::postgres::Database;
use crate::harness::process::{Process, plimsoll_ok};
use crate::harness::registry::Registry;
use crate::harness::service::Service;
use crate::harness::{folder, servers, unique};
use crate::several::{connect_sqlite, execute_sqlite};
use std::path::PathBuf;

const SAMPLE: [&str; 3] = ["check", "--connect", "--sample"];

fn sample(config: &std::path::Path) -> (i32, String) {
    said(config, &[&SAMPLE[..], &["50"]].concat())
}

/// Orders as somebody's service writes them; the key is `orderId`, bare.
fn orders() -> Vec<Message> {
    let order = |id: i64, big: &str, mixed: &str, note: &str| {
        let value = format!(
            r#"{{"orderId":{id},"customerId":"c{id}","total":{id}.5,"paid":true,"big":{big},
                "at":"2026-01-31T08:00:0{id}Z","day":"2026-01-31","ref":"936da01f-9abd-4d9d-80c7-02af85c822a{id}",
                "order":{{"lines":[1]}},"mixed":{mixed},"nothing":null{note}}}"#
        );
        Message::of(0, &value).key(&id.to_string())
    };
    vec![
        order(1, "1", "1", r#","note":"hunter2""#),
        order(2, "18446744073709551615", "2", ""),
        order(3, "3", "\"x\"", ""),
        Message::tombstone(0, "2"),
    ]
}

fn topic(test: &str, messages: &[Message]) -> String {
    let topic = unique(test);
    let kafka = Kafka::shared();
    kafka.create_topic(&topic, 1);
    kafka.producer().send_all(&topic, messages);
    topic
}

/// A sink of a table that is not there.
fn without_table(test: &str, messages: &[Message], mode: &str) -> (Database, Service) {
    let database = Database::shared(test);
    let topic = topic(test, messages);
    let table = database.table("orders");
    let service = Service::new(test, &topic, &table, mode, &database.state_schema());
    (database, service)
}

#[test]
fn without_a_table_the_fields_and_a_table_for_them_are_printed() {
    let (database, service) = without_table("no_table", &orders(), "upsert");
    let config = service.config();
    let (code, text) = sample(&config);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("orders\" does not exist"), "{text}");
    for line in [
        "value.customerId string",
        "value.note string, in 1 of 3",
        "value.mixed number or string",
        "key number",
    ] {
        assert!(has_line(&text, line), "{line} is not in:\n{text}");
    }
    let made = create_table(&text);
    for line in [
        "\"orderId\" bigint NOT NULL,",
        "\"customerId\" text,",
        "total numeric,",
        "paid boolean,",
        "big numeric,",
        "at timestamptz,",
        "day date,",
        "ref uuid,",
        "\"order\" jsonb,",
        "mixed text,",
        "nothing text,",
        "PRIMARY KEY (\"orderId\")",
    ] {
        assert!(has_line(made, line), "{line} is not in:\n{made}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    // As it was printed.
    database.execute(made);
    let (code, text) = sample(&config);
    assert_eq!(code, 0, "{text}");
    let process = Process::start_ready(&service);
    let kafka = Kafka::shared();
    let topic = service
        .topics
        .split('"')
        .nth(1)
        .expect("a topic")
        .to_owned();
    database.wait_caught_up(&kafka, &topic);
    assert_eq!(database.number("SELECT count(*) FROM {s}.orders"), 2);
    plimsoll_ok(&config, &["verify"]);
    assert!(process.drain().success());
}

#[test]
fn the_key_of_a_new_table_is_that_of_the_config_or_of_the_records() {
    let object = |id: u8| {
        let key = format!(r#"{{"tenant":"t","id":{id}}}"#);
        Message::of(0, &format!(r#"{{"id":{id},"n":1}}"#)).key(&key)
    };
    let messages = [object(1), object(2)];
    let (_, mut service) = without_table("new_keys", &messages, "upsert");
    let (_, text) = sample(&service.config());
    let made = create_table(&text);
    assert!(has_line(made, "PRIMARY KEY (tenant, id)"), "{text}");
    let hint = "columns = { tenant = \"key.tenant\" }";
    assert!(text.contains(hint), "{text}");
    service.columns = "tenant = \"key.tenant\"".to_owned();
    let (_, text) = sample(&service.config());
    assert!(
        has_line(create_table(&text), "PRIMARY KEY (tenant, id)"),
        "{text}"
    );
    assert!(!text.contains(hint), "{text}");
    service.of_postgres = "key_columns = [\"n\"]".to_owned();
    let (_, text) = sample(&service.config());
    assert!(has_line(create_table(&text), "PRIMARY KEY (n)"), "{text}");

    let plain = [Message::of(0, r#"{"a":1}"#)];
    let (database, service) = without_table("no_keys", &plain, "upsert");
    let (_, text) = sample(&service.config());
    assert!(text.contains("-- the records have no key"), "{text}");
    database.execute(create_table(&text));
    let (_, mut service) = without_table("no_keys_append", &plain, "append");
    let (_, text) = sample(&service.config());
    assert!(!text.contains("PRIMARY KEY"), "{text}");
    service.mode = "log".to_owned();
    let (code, text) = sample(&service.config());
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("CREATE TABLE"), "{text}");
}

#[test]
fn a_field_whose_name_is_too_long_is_told_and_not_cut() {
    let long = "n".repeat(64);
    let message = Message::of(0, &format!(r#"{{"{long}":1}}"#));
    let (_, mut service) = without_table("long_names", &[message], "append");
    let (code, text) = sample(&service.config());
    assert_eq!(code, 1);
    assert!(text.contains("has a name of 64 bytes"), "{text}");
    assert!(!text.contains("\nCREATE TABLE"), "{text}");
    service.columns = format!("short = \"value.{long}\"");
    let (_, text) = sample(&service.config());
    assert!(has_line(create_table(&text), "short bigint"), "{text}");
}

#[test]
fn a_schema_tells_the_types_of_a_new_table() {
    const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [
        {"name": "id", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "note", "type": ["null", "string"]}]}"#;
    let registry = Registry::shared();
    let id = registry.register(ORDER);
    let mut value = vec![0];
    value.extend(id.to_be_bytes());
    value.extend([2, 0, 2, 100, 0]);
    let message = Message {
        value: Some(value),
        key: Some(b"1".to_vec()),
        ..Message::default()
    };
    let format = "[sinks.orders.value]\nformat = \"avro\"\nframing = \"confluent\"";
    let feed = Feed::with_registry("new_avro", "SELECT 1", "upsert", format, &registry.url());
    feed.send(&[message]);
    let (_, text) = sample(&feed.service.config());
    assert!(text.contains(&format!("by schema {id} Order")), "{text}");
    let made = create_table(&text);
    for line in [
        "id bigint NOT NULL,",
        "at timestamptz,",
        "total numeric,",
        "note text,",
        "PRIMARY KEY (id)",
    ] {
        assert!(has_line(made, line), "{line} is not in:\n{text}");
    }
    feed.database.execute(made);
    let (code, text) = sample(&feed.service.config());
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_new_table_of_sqlite_and_of_cassandra_takes_the_records() {
    let topic = topic("new_others", &orders());
    let folder = folder("new_others");
    let file = folder.join("orders.db");
    let config: PathBuf = folder.join("plimsoll.toml");
    let kafka = servers::kafka();
    std::fs::write(
        &config,
        format!(
            "[kafka]\nbootstrap_servers = \"{kafka}\"\n[http]\nlisten = \"off\"\n[sinks.orders]\ntopics = [\"{topic}\"]\n\
             [sinks.orders.sqlite]\npath = \"{}\"\ntable = \"orders\"\nmode = \"upsert\"\n",
            file.display()
        ),
    )
    .expect("a config");
    let (code, text) = sample(&config);
    assert_eq!(code, 1, "{text}");
    let made = create_table(&text);
    for line in [
        "CREATE TABLE orders (",
        "\"orderId\" INTEGER NOT NULL,",
        "total NUMERIC,",
        "big TEXT,",
        "at TIMESTAMP,",
        "\"order\" TEXT,",
    ] {
        assert!(has_line(made, line), "{line} is not in:\n{text}");
    }
    assert!(!file.exists(), "a check made the file");
    execute_sqlite(&mut connect_sqlite(&file), made);
    let (code, text) = sample(&config);
    assert_eq!(code, 0, "{text}");

    let keyspace = Keyspace::on(cassandra::shared(), "new_table");
    let mut service = Service::new("new_table", &topic, "", "", "");
    let table = "table = \"{k}.orders\"\n";
    service.cassandra = Some(keyspace.sink(keyspace.address(), table, ""));
    service.cassandra = service.cassandra.map(|c| c.replace("{k}", &keyspace.name));
    let (code, text) = sample(&service.config());
    assert_eq!(code, 1, "{text}");
    let made = create_table(&text);
    for line in [
        "\"orderId\" bigint,",
        "big varint,",
        "at timestamp,",
        "\"order\" text,",
        "PRIMARY KEY (\"orderId\")",
    ] {
        assert!(has_line(made, line), "{line} is not in:\n{text}");
    }
    keyspace.execute(made);
    let (code, text) = sample(&service.config());
    assert_eq!(code, 0, "{text}");
}

#[test]
fn fields_and_columns_of_another_spelling_are_paired_in_one_hint() {
    let (database, mut service) = without_table("spelling", &orders(), "upsert");
    database.execute(
        "CREATE TABLE {s}.orders (order_id bigint PRIMARY KEY, customer_id text, total numeric)",
    );
    let (code, text) = sample(&service.config());
    assert_eq!(code, 1);
    let pairs = "customer_id = \"value.customerId\", order_id = \"value.orderId\"";
    let hints: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("hint     "))
        .collect();
    let [hint] = hints.as_slice() else {
        panic!("{text}");
    };
    // In the order of the table.
    let reversed = "order_id = \"value.orderId\", customer_id = \"value.customerId\"";
    assert!(
        hint.contains(&format!("columns = {{ {reversed} }}")),
        "{text}"
    );
    let key = "key column \"order_id\" takes value.order_id, which no record of the sample has; hint: \
               did you mean value.orderId?";
    assert!(text.contains(key), "{text}");
    // Three records, one line.
    let equal = text.lines().filter(|line| line.contains("[0] offset"));
    let equal: Vec<&str> = equal.collect();
    assert_eq!(equal.len(), 1, "{text}");
    assert!(equal[0].contains("[0] offset 0 and 2 more: "), "{text}");
    // What was told can be pasted.
    service.columns = pairs.replace(", ", "\n");
    let (code, text) = sample(&service.config());
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("hint     "), "{text}");
}

#[test]
fn a_table_that_no_field_reaches_is_a_fault() {
    let (database, service) = without_table("nothing_fits", &orders(), "append");
    database.execute("CREATE TABLE {s}.orders (name text, city text)");
    let (code, text) = sample(&service.config());
    assert_eq!(code, 1, "{text}");
    let fault = "no record of the sample has any field that a column takes: value.name, value.city; \
                 hint: ";
    assert!(text.contains(fault), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
