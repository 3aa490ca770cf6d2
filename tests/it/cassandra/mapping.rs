//! Topics into tables.

use crate::harness::cassandra::{self, Keyspace};
use crate::harness::kafka::{Kafka, Message};
use crate::harness::process::{Process, plimsoll_ok};
use crate::harness::service::Service;
use crate::harness::{servers, unique, wait};
use serde_json::json;

#[test]
fn each_topic_reaches_its_table_by_name_by_columns_and_by_pattern() {
    let keyspace = Keyspace::on(cassandra::shared(), "mapping");
    let kafka = Kafka::at(&servers::kafka());
    let (events, users, other) = (unique("events"), unique("users"), unique("other"));
    for topic in [&events, &users, &other] {
        kafka.create_topic(topic, 1);
    }
    keyspace.execute(
        "CREATE TABLE {k}.events (site text, at timestamp, kind text, seconds double, \
         PRIMARY KEY (site, at))",
    );
    keyspace.execute("CREATE TABLE {k}.users_by_id (user_id bigint PRIMARY KEY, name text)");
    keyspace.execute(&format!(
        "CREATE TABLE {{k}}.{other} (id int PRIMARY KEY, tags set<text>)"
    ));
    let mut service = Service::new("mapping", "", "", "", "");
    service.topics = format!("topics = [\"{events}\", \"{users}\", \"{other}\"]");
    service.cassandra = Some(keyspace.sink(
        keyspace.address(),
        "",
        &format!(
            "[[sinks.orders.cassandra.tables]]\ntopics = [\"{events}\"]\ntable = \"{{k}}.events\"\n\
             [[sinks.orders.cassandra.tables]]\ntopics = [\"{users}\"]\ntable = \"{{k}}.users_by_id\"\n\
             columns = {{ user_id = \"key.id\", name = \"value.fullName\" }}\n\
             [[sinks.orders.cassandra.tables]]\ntable = \"{{k}}.{{topic}}\"\n"
        ),
    ));
    let found = plimsoll_ok(&service.config(), &["check", "--connect"]);
    assert!(found.contains("users_by_id"), "{found}");
    let process = Process::start_ready(&service);
    let producer = kafka.producer();
    producer.send_all(
        &events,
        &[
            Message::of(
                0,
                r#"{"site":"a","at":"2026-03-01T00:00:00Z","kind":"open","seconds":1.5}"#,
            ),
            Message::of(
                0,
                r#"{"site":"a","at":"2026-03-01T00:00:01Z","kind":"close"}"#,
            ),
        ],
    );
    producer.send_all(
        &users,
        &[
            Message::of(0, r#"{"fullName":"Ada"}"#).key(r#"{"id":1}"#),
            Message::of(0, r#"{"fullName":"Grace"}"#).key(r#"{"id":2}"#),
            Message::tombstone(0, r#"{"id":1}"#),
        ],
    );
    producer.send_all(&other, &[Message::of(0, r#"{"id":7,"tags":["b","a"]}"#)]);
    for (topic, end) in [(&events, 2), (&users, 3), (&other, 1)] {
        wait::until(&format!("{topic} is written"), || {
            match keyspace.positions(topic) {
                found if found == [end] => Ok(()),
                found => Err(format!("{found:?}")),
            }
        });
    }
    assert_eq!(
        keyspace.rows("site, kind, seconds FROM {k}.events"),
        [
            json!({"site": "a", "kind": "open", "seconds": 1.5}),
            json!({"site": "a", "kind": "close", "seconds": null}),
        ]
    );
    assert_eq!(
        keyspace.rows("* FROM {k}.users_by_id"),
        [json!({"user_id": 2, "name": "Grace"})]
    );
    assert_eq!(
        keyspace.rows(&format!("* FROM {{k}}.{other}")),
        [json!({"id": 7, "tags": ["a", "b"]})]
    );
    let listed = plimsoll_ok(&service.config(), &["positions", "list"]);
    assert!(listed.contains(&users), "{listed}");
    assert!(process.drain().success());
}
