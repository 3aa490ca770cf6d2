//! What is written again, or late, or in another order, changes nothing.

use super::world::World;
use crate::harness::kafka::Message;
use crate::harness::process::{Process, plimsoll_ok};
use crate::harness::wait;
use serde_json::{Value, json};

/// How often partitions began anew.
fn restarts(process: &Process) -> f64 {
    process.metric("plimsoll_partition_restarts_total", &[])
}

fn rows(world: &World, columns: &str) -> Vec<Value> {
    world.keyspace.rows(&format!("{columns} FROM {{k}}.orders"))
}

#[test]
fn of_two_updates_in_one_millisecond_the_later_offset_wins_in_all_columns() {
    for (test, max_records) in [("one_batch", 1_000), ("two_batches", 1)] {
        let mut world = World::new(test, 1);
        world.service.batch = format!("max_records = {max_records}\nlinger_ms = 20");
        // By value the first one is larger in every column: Cassandra itself would
        // keep that one of two writes with the same timestamp.
        let pair = [
            r#"{"id":1,"customer":"z","status":"z","quantity":9,"note":"z"}"#,
            r#"{"id":1,"customer":"a","status":"a","quantity":1,"note":null}"#,
        ];
        let at = |json: &str| {
            let mut message = Message::of(0, json).key("1");
            message.timestamp = Some(1_700_000_000_000);
            message
        };
        world.producer.send_all(&world.topic, &pair.map(at));
        let expected =
            [json!({"customer": "a", "status": "a", "quantity": 1, "note": null, "off": 1})];
        let columns = "customer, status, quantity, note, off";
        let process = Process::start_ready(&world.service);
        world.wait_caught_up();
        assert_eq!(rows(&world, columns), expected, "{test}");
        process.kill();
        // Within the time that a claim goes back over, all is written again.
        world
            .producer
            .send_all(&world.topic, &[Message::of(0, r#"{"id":2}"#).key("2")]);
        let process = Process::start_ready(&world.service);
        world.wait_caught_up();
        let written = process.metric("plimsoll_rows_written_total", &[]);
        assert!(written >= 3.0, "{test}: replayed, {written} rows");
        let found: Vec<Value> = rows(&world, &format!("id, {columns}"))
            .into_iter()
            .filter(|row| row["id"] == 1)
            .map(|mut row| {
                row.as_object_mut().expect("an object").remove("id");
                row
            })
            .collect();
        assert_eq!(found, expected, "{test}, replayed");
        assert!(process.drain().success());
    }
}

#[test]
fn deletes_that_are_replayed_leave_what_was_inserted_later() {
    let mut world = World::new("deletes", 1);
    world.service.batch = "max_records = 1\nlinger_ms = 20".to_owned();
    world.producer.send_all(
        &world.topic,
        &[
            Message::of(0, r#"{"id":1,"customer":"first","note":"first"}"#).key("1"),
            Message::tombstone(0, "1"),
            Message::of(0, r#"{"id":1,"customer":"second"}"#).key("1"),
            Message::of(0, r#"{"id":2,"customer":"gone"}"#).key("2"),
            Message::tombstone(0, "2"),
        ],
    );
    let expected = [json!({"id": 1, "customer": "second", "note": null, "off": 2})];
    for round in 0..2 {
        let process = Process::start_ready(&world.service);
        world.wait_caught_up();
        // One more, so that what the claim went back over was surely written.
        world
            .producer
            .send_all(&world.topic, &[Message::tombstone(0, "3")]);
        world.wait_caught_up();
        if round > 0 {
            let written = process.metric("plimsoll_rows_written_total", &[]);
            assert!(written > 5.0, "replayed: {written} rows");
        }
        assert_eq!(rows(&world, "id, customer, note, off"), expected);
        process.kill();
    }
}

#[test]
fn set_back_after_another_mapping_the_replay_wins_whole() {
    let mut world = World::new("set_back", 1);
    let messages: Vec<Message> = (0..50)
        .map(|i| {
            let json = format!(
                r#"{{"id":{i},"customer":"c{i}","status":"s{i}","note":"n{i}","quantity":{i}}}"#
            );
            Message::of(0, &json).key(&i.to_string())
        })
        .collect();
    world.producer.send_all(&world.topic, &messages);
    // A mapping with two columns the wrong way round.
    let right = world.service.cassandra.clone();
    world.service.cassandra = right.as_ref().map(|lines| {
        lines.replace(
            "columns = {",
            "columns = { customer = \"value.status\", status = \"value.customer\",",
        )
    });
    let process = Process::start_ready(&world.service);
    world.wait_caught_up();
    assert_eq!(
        world
            .keyspace
            .rows("customer, status FROM {k}.orders WHERE id = 7"),
        [json!({"customer": "s7", "status": "c7"})]
    );
    assert!(process.drain().success());
    world.service.cassandra = right;
    world.service.set_position(&world.topic, "earliest");
    let process = Process::start_ready(&world.service);
    world.assert_exact();
    // And once more, under a running owner.
    let before = restarts(&process);
    world.service.set_position(&world.topic, "earliest");
    wait::until("the owner has seen it", || match restarts(&process) {
        now if now > before => Ok(()),
        now => Err(now),
    });
    world.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn a_topic_made_again_wins_over_the_rows_of_the_old_one() {
    let mut world = World::new("recreated", 1);
    world.produce(300);
    let process = Process::start_ready(&world.service);
    world.assert_exact();
    assert!(process.drain().success());
    world.kafka.delete_topic(&world.topic);
    world.kafka.create_topic(&world.topic, 1);
    // Shorter than the old one, so that no offset of it is higher.
    let json = |i: i32| format!(r#"{{"id":{i},"customer":"new","status":"new","note":null}}"#);
    let messages: Vec<Message> = (1..=100)
        .map(|i| Message::of(0, &json(i)).key(&i.to_string()))
        .collect();
    let process = Process::start(&world.service);
    wait::until("the partition is halted", || {
        let report = process.report().unwrap_or_default();
        let reason = report["sinks"]["orders"]["halted"][0]["reason"].as_str();
        match reason {
            Some(reason) if reason.contains("topic") => Ok(()),
            _ => Err(report.to_string()),
        }
    });
    world.producer.send_all(&world.topic, &messages);
    let adopt = [
        "positions",
        "reset",
        "--sink",
        "orders",
        "--topic",
        &world.topic,
    ];
    plimsoll_ok(
        &world.service.config(),
        &[&adopt[..], &["--force"]].concat(),
    );
    world.wait_caught_up();
    for id in [1, 50, 100] {
        assert_eq!(
            world.keyspace.rows(&format!(
                "customer, status, note, off FROM {{k}}.orders WHERE id = {id}"
            )),
            [json!({"customer": "new", "status": "new", "note": null, "off": id - 1})]
        );
    }
    assert!(process.drain().success());
}
