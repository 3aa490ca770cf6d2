//! Brokers that tell no topic ids, those before 2.8: `make kafkas`.

use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::{Process, plimsoll_ok};
use crate::harness::wait;

/// Waits until the one partition is halted, and returns why.
#[track_caller]
fn halted(process: &Process) -> String {
    wait::until("the partition is halted", || {
        let report = process.report().unwrap_or_default();
        let reason = report["sinks"]["orders"]["halted"][0]["reason"].as_str();
        reason
            .map(ToOwned::to_owned)
            .ok_or_else(|| report.to_string())
    })
}

fn recreate(case: &mut Case, records: usize) {
    case.kafka.recreate_topic(&case.topic, 1);
    // The old one's client remembers the old topic.
    case.producer = case.kafka.producer();
    case.produce(records);
}

/// The case's 100 records are the only ones; the new log is accepted.
fn reset(case: &Case) {
    let rows = case.database.number("SELECT count(*) FROM {s}.orders");
    assert_eq!((case.progress(), rows), (100, 100));
    case.database.execute("TRUNCATE {s}.orders");
    let topic = case.topic.as_str();
    let reset = ["positions", "reset", "--sink", "orders", "--topic", topic];
    plimsoll_ok(&case.service.config(), &[&reset[..], &["--force"]].concat());
    case.assert_exact();
}

#[test]
#[ignore = "needs a broker that tells no topic ids: make kafkas"]
fn no_topic_id_is_told_and_a_topic_that_was_made_again_halts_by_its_last_record() {
    let mut case = Case::new("old_grown", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.assert_exact();
    let told = case
        .database
        .number("SELECT count(topic_id) FROM {s}_state.positions");
    assert_eq!(told, 0);
    assert!(process.drain().success());
    recreate(&mut case, 300);
    let process = Process::start(&case.service);
    let reason = halted(&process);
    assert!(
        reason.contains("another record stands at offset 99"),
        "{reason}"
    );
    reset(&case);
    assert!(process.drain().success());
}

#[test]
#[ignore = "needs a broker that tells no topic ids: make kafkas"]
fn a_topic_that_is_made_again_while_it_is_read_halts_once_its_end_lies_before_the_position() {
    let mut case = Case::new("old_running", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.assert_exact();
    recreate(&mut case, 50);
    let reason = halted(&process);
    assert!(reason.contains("position 100 lies behind"), "{reason}");
    reset(&case);
    assert!(process.drain().success());
}
