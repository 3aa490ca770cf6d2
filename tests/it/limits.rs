//! Bounds, and what lies outside of them.

use crate::harness::case::Case;
use crate::harness::kafka::Message;
use crate::harness::oracle::{self, Mode};
use crate::harness::process::Process;
use crate::harness::servers::{self, OwnPostgres};
use crate::harness::wait;
use serde_json::Value;

/// The one halted partition, as `/readyz` tells it.
#[track_caller]
fn wait_halted(process: &Process) -> Value {
    wait::until("the partition is halted", || {
        let report = process.report().unwrap_or_default();
        let halt = report["sinks"]["orders"]["halted"][0].clone();
        if halt.is_object() {
            Ok(halt)
        } else {
            Err(report.to_string())
        }
    })
}

#[test]
fn records_that_retention_took_away_halt_the_partition() {
    let mut case = Case::new("retention", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.wait_caught_up();
    assert!(process.drain().success());
    case.produce(200);
    case.kafka.delete_records(&case.topic, 250);

    let process = Process::start(&case.service);
    let halt = wait_halted(&process);
    let reason = halt["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("250") && reason.contains("--to earliest"),
        "{reason}"
    );
    assert_eq!(case.progress(), 100, "nothing is jumped over in silence");
    // The operator decides that they are lost.
    case.service.set_position(&case.topic, "earliest");
    case.wait_caught_up();
    let rows = case.database.number("SELECT count(*) FROM {s}.orders");
    assert_eq!(rows, 100 + 50);
    assert!(process.drain().success());
}

#[test]
fn a_recreated_topic_that_is_shorter_halts_before_anything_of_it_is_written() {
    let mut case = Case::new("recreated", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.assert_exact();
    assert!(process.drain().success());
    case.kafka.delete_topic(&case.topic);
    case.kafka.create_topic(&case.topic, 1);
    case.producer = case.kafka.producer();
    case.produce(50);

    let process = Process::start(&case.service);
    let halt = wait_halted(&process);
    let reason = halt["reason"].as_str().expect("a reason");
    assert!(reason.contains("recreated"), "{reason}");
    assert_eq!(case.progress(), 100);
    let rows = case.database.number("SELECT count(*) FROM {s}.orders");
    assert_eq!(rows, 100, "nothing of the new topic is written");
    // The operator says that the new topic is what is wanted.
    case.database.execute("TRUNCATE {s}.orders");
    case.service.set_position(&case.topic, "earliest");
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn memory_stays_bounded_while_the_database_is_away() {
    const MIB: u64 = 1024 * 1024;
    let server = OwnPostgres::start();
    let mut case = Case::on(&servers::kafka(), &server.url(), "memory", Mode::Append, 8);
    case.service.top = "memory_limit = \"64MiB\"".to_owned();
    case.database
        .execute("ALTER TABLE {s}.orders ADD COLUMN filler text");
    let mut process = Process::start_ready(&case.service);
    case.produce(100);
    case.wait_caught_up();
    server.stop_immediately();
    // Four times as much as may be held.
    let filler = "x".repeat(32 * 1024);
    for n in 0..8 * 1024 {
        let value = format!("{{\"id\":{n},\"filler\":\"{filler}\"}}");
        case.producer.send(&case.topic, &Message::of(n % 8, &value));
    }
    case.producer.flush();
    wait::until("all partitions are paused", || {
        process.assert_running();
        let paused = process.metric("plimsoll_partitions_paused", &[]);
        if paused == 8.0 { Ok(()) } else { Err(paused) }
    });
    let metrics = process.metrics().expect("metrics");
    let held = metrics.sum("plimsoll_buffered_bytes", &[]).expect("held");
    let limit = metrics
        .sum("plimsoll_buffer_limit_bytes", &[])
        .expect("limit");
    // A window of records may pass it, with what stands beside them.
    assert!(
        held > limit / 2.0 && held <= limit + 384.0 * 1024.0,
        "{held} of {limit}"
    );
    let resident = process.resident_bytes();
    assert!(
        resident < (64 + 64) * MIB,
        "{} MiB resident with a limit of 64 MiB for records",
        resident / MIB
    );
    server.begin();
    case.wait_caught_up();
    let rows = case
        .database
        .number("SELECT count(*) FROM {s}.orders WHERE length(filler) = 32768");
    assert_eq!(rows, 8 * 1024);
    let log = case.kafka.log(&case.topic);
    oracle::assert_rows(
        &oracle::expected(case.mode, &log),
        &oracle::found(&case.database, case.mode),
    );
    assert!(process.drain().success());
}
