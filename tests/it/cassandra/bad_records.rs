//! Records that do not fit, under both policies.

use super::world::World;
use crate::harness::kafka::Message;
use crate::harness::process::{Process, plimsoll};
use crate::harness::wait;
use serde_json::{Value, json};

/// Two good ones around four that do not fit: no JSON, no number, no key, and a
/// number that is too large.
fn records() -> Vec<Message> {
    [
        r#"{"id":1,"customer":"a"}"#,
        "{",
        r#"{"id":"one"}"#,
        r#"{"customer":"nobody"}"#,
        r#"{"id":2,"quantity":3000000000}"#,
        r#"{"id":3,"customer":"c"}"#,
    ]
    .map(|json| Message::of(0, json))
    .to_vec()
}

#[test]
fn the_partition_halts_before_a_bad_record() {
    let world = World::new("halts", 1);
    world.producer.send_all(&world.topic, &records());
    let process = Process::start(&world.service);
    let report = wait::until("the partition is halted", || {
        let report = process.report().unwrap_or_default();
        let halted = report["sinks"]["orders"]["halted"][0].clone();
        if halted.is_object() {
            Ok(halted.to_string())
        } else {
            Err(report.to_string())
        }
    });
    assert!(report.contains("\"offset\":1"), "{report}");
    assert_eq!(world.keyspace.positions(&world.topic), [1]);
    assert_eq!(world.keyspace.rows("id FROM {k}.orders").len(), 1);
    assert!(process.drain().success());
}

#[test]
fn bad_records_become_dead_letters_and_may_be_replayed_or_dropped() {
    let mut world = World::new("letters", 1);
    world.service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    world.producer.send_all(&world.topic, &records());
    let process = Process::start_ready(&world.service);
    world.wait_caught_up();
    assert_eq!(process.metric("plimsoll_dead_letters_total", &[]), 4.0);
    assert_eq!(world.keyspace.rows("id FROM {k}.orders").len(), 2);
    let letters = |world: &World, what: &str, more: &[&str]| {
        let line = [&["dead-letters", what, "--sink", "orders"], more].concat();
        let output = plimsoll(&world.service.config(), &line);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        (output.status.code(), text)
    };
    let (_, listed) = letters(&world, "list", &[]);
    for column in ["id", "quantity"] {
        assert!(listed.contains(column), "{listed}");
    }
    // Nothing was mended: all stay.
    let (code, said) = letters(&world, "replay", &[]);
    assert_eq!(
        (code, said.contains(" 0 replayed")),
        (Some(1), true),
        "{said}"
    );
    // Without the column that one of them does not fit, that one does.
    world.service.cassandra = world
        .service
        .cassandra
        .take()
        .map(|lines| lines.replace("columns = {", "columns = { quantity = \"value.count\","));
    let (_, said) = letters(&world, "replay", &[]);
    assert!(said.contains(" 1 replayed"), "{said}");
    assert_eq!(
        world
            .keyspace
            .rows("quantity, off FROM {k}.orders WHERE id = 2"),
        [json!({"quantity": null, "off": 4})]
    );
    let (code, said) = letters(&world, "drop", &["--all", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        world.keyspace.rows("kafka_offset FROM {k}.dead_letters"),
        [] as [Value; 0]
    );
    assert!(process.drain().success());
}
