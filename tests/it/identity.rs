//! Positions and topics that are no longer of one log.

use crate::harness::case::Case;
use crate::harness::kafka_proxy::{Fault, KafkaProxy};
use crate::harness::kafka_wire::Api;
use crate::harness::oracle::Mode;
use crate::harness::orders::Orders;
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::servers::{self, OwnKafka};
use crate::harness::{unique, wait};
use std::os::unix::process::ExitStatusExt;

/// Waits until the one partition is halted, and returns why.
#[track_caller]
fn halted(process: &Process, because: &str) -> String {
    wait::until(&format!("the partition is halted: {because}"), || {
        let report = process.report().unwrap_or_default();
        let reason = report["sinks"]["orders"]["halted"][0]["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if reason.contains(because) {
            Ok(reason)
        } else {
            Err(report.to_string())
        }
    })
}

/// `plimsoll positions WHAT` for the case's one topic.
fn positions<'a>(case: &'a Case, what: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut line = vec![
        "positions",
        what,
        "--sink",
        "orders",
        "--topic",
        &case.topic,
    ];
    line.extend(more);
    line
}

#[track_caller]
fn settle(case: &Case, what: &str, more: &[&str]) -> String {
    plimsoll_ok(&case.service.config(), &positions(case, what, more))
}

#[track_caller]
fn refused(case: &Case, what: &str, more: &[&str]) -> String {
    let output = plimsoll(&case.service.config(), &positions(case, what, more));
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(!output.status.success(), "{text}");
    text
}

/// Deletes the topic and makes it again, with so many records.
fn recreate(case: &mut Case, records: usize) {
    case.kafka.recreate_topic(&case.topic, 1);
    // The old one's client remembers the old topic.
    case.producer = case.kafka.producer();
    case.produce(records);
}

fn rows(case: &Case) -> i64 {
    case.database.number("SELECT count(*) FROM {s}.orders")
}

/// A case whose 100 records were written by a service that has ended.
fn written(test: &str, mode: Mode) -> Case {
    let mut case = Case::new(test, mode, 1);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.assert_exact();
    assert!(process.drain().success());
    case
}

#[test]
fn a_recreated_topic_that_has_grown_beyond_the_position_halts_at_the_claim() {
    let mut case = written("identity_grown", Mode::Append);
    recreate(&mut case, 300);
    let process = Process::start(&case.service);
    let reason = halted(&process, "the topic was recreated");
    let stored = case
        .database
        .value(&format!(
            "SELECT topic_id FROM {}.positions",
            case.service.state_schema
        ))
        .expect("a topic id");
    assert!(
        reason.contains(&stored) && reason.contains("positions reset --sink orders --topic"),
        "{reason}"
    );
    assert_eq!((case.progress(), rows(&case)), (100, 100));
    // The owner lives: nothing is changed behind its back.
    assert!(refused(&case, "reset", &[]).contains("--force"));
    let said = settle(&case, "reset", &["--force", "--dry-run"]);
    assert!(said.contains("would be reset from 100 to 0"), "{said}");
    assert_eq!(case.progress(), 100);
    case.database.execute("TRUNCATE {s}.orders");
    settle(&case, "reset", &["--partition", "0", "--force"]);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn a_topic_that_is_recreated_and_filled_at_once_writes_nothing_under_the_old_position() {
    for mode in [Mode::Append, Mode::Log, Mode::Upsert] {
        let mut case = Case::new("identity_at_once", mode, 1);
        let process = Process::start_ready(&case.service);
        case.produce(100);
        case.assert_exact();
        let written = rows(&case);
        // The client goes on at offset 100 of the new log, long before anybody
        // who looks now and then has seen it.
        recreate(&mut case, 300);
        halted(&process, "recreated");
        assert_eq!((case.progress(), rows(&case)), (100, written));
        case.database.execute("TRUNCATE {s}.orders");
        settle(&case, "reset", &["--force"]);
        case.assert_exact();
        assert!(process.drain().success());
    }
}

/// Nobody can see that it is another topic, but whoever reads on at its offset.
#[test]
fn a_topic_that_is_recreated_unseen_writes_nothing_under_the_old_position() {
    let proxy = KafkaProxy::start();
    let broker = OwnKafka::start_behind(&proxy);
    let (bootstrap, postgres) = (broker.bootstrap(), servers::postgres());
    let mut case = Case::on(&bootstrap, &postgres, "identity_unseen", Mode::Append, 1);
    case.service.bootstrap = format!("127.0.0.1:{}", proxy.port());
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.assert_exact();
    let answered = |fault: Option<Fault>, answers: usize| {
        let before = proxy.done();
        proxy.set(fault);
        wait::until("Kafka was asked and did not answer", || {
            match proxy.done() - before {
                met if met >= answers => Ok(()),
                met => Err(met),
            }
        });
    };
    let silent = Some(Fault::Silent(Api::Metadata));
    answered(silent, 1);
    recreate(&mut case, 300);
    // What is read now is another log's.
    answered(silent, 3);
    assert_eq!((case.progress(), rows(&case)), (100, 100));
    proxy.set(None);
    halted(&process, "recreated");
    assert_eq!((case.progress(), rows(&case)), (100, 100));
    case.database.execute("TRUNCATE {s}.orders");
    settle(&case, "reset", &["--force"]);
    case.assert_exact();
    assert!(process.drain().success());
}

/// librdkafka keeps the leader's epoch of the topic before, where it never saw that there
/// was none: brokers refuse it, and no record comes any more, and no error.
#[test]
fn a_topic_that_is_recreated_after_elections_is_read_by_another_client() {
    let mut broker = OwnKafka::start();
    let (bootstrap, postgres) = (broker.bootstrap(), servers::postgres());
    let mut case = Case::on(&bootstrap, &postgres, "identity_epochs", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.assert_exact();
    for _ in 0..2 {
        broker.kill();
        broker.begin();
        case.produce(10);
        case.assert_exact();
    }
    process.freeze();
    recreate(&mut case, 300);
    process.thaw();
    halted(&process, "recreated");
    case.database.execute("TRUNCATE {s}.orders");
    settle(&case, "reset", &["--force"]);
    wait::until("the stall is told", || {
        let report = process.report().unwrap_or_default().to_string();
        match report.contains("\"stalled\"") {
            true => Ok(()),
            false => Err(report),
        }
    });
    case.assert_exact();
    let restarts = "plimsoll_partition_restarts_total";
    assert_eq!(process.metric(restarts, &[("reason", "stalled")]), 1.0);
    assert!(process.drain().success());
}

#[test]
fn a_topic_that_is_recreated_while_it_is_read_halts_before_it_reaches_the_position() {
    let mut case = Case::new("identity_running", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.assert_exact();
    recreate(&mut case, 0);
    // The new log has nothing at the position yet.
    halted(&process, "recreated");
    case.produce(300);
    assert_eq!((case.progress(), rows(&case)), (100, 100));
    case.database.execute("TRUNCATE {s}.orders");
    settle(&case, "reset", &["--force"]);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn without_topic_ids_the_last_record_tells_and_adopt_accepts_it() {
    let mut case = written("identity_record", Mode::Append);
    // As an older version, or an older broker, left it.
    let forget = format!(
        "UPDATE {}.positions SET topic_id = NULL",
        case.service.state_schema
    );
    case.database.execute(&forget);
    recreate(&mut case, 300);
    let process = Process::start(&case.service);
    let reason = halted(&process, "another record stands at offset 99");
    assert!(reason.contains("positions adopt --sink orders"), "{reason}");
    assert_eq!((case.progress(), rows(&case)), (100, 100));
    settle(&case, "adopt", &["--force"]);
    case.wait_caught_up();
    // What lies behind the position is written; what lies before it is taken
    // for written.
    assert_eq!(rows(&case), 100 + 200);
    assert!(process.drain().success());
}

#[test]
fn a_last_record_that_retention_removed_is_no_mismatch() {
    let mut case = written("identity_gone", Mode::Append);
    let state = case.service.state_schema.clone();
    case.database
        .execute(&format!("UPDATE {state}.positions SET topic_id = NULL"));
    case.produce(50);
    case.kafka.delete_records(&case.topic, 100);
    let process = Process::start_ready(&case.service);
    case.wait_caught_up();
    assert_eq!(rows(&case), 150);
    let unknown = process.metric(
        "plimsoll_log_checks_total",
        &[("found", "unknown"), ("sink", "orders")],
    );
    assert!(unknown >= 1.0, "{unknown}");
    // From here on the id is known.
    let known = case.database.number(&format!(
        "SELECT count(*) FROM {state}.positions WHERE topic_id IS NOT NULL"
    ));
    assert_eq!(known, 1);
    assert!(process.drain().success());
}

#[test]
fn another_group_and_another_cluster_are_adopted() {
    let mut case = written("identity_renamed", Mode::Append);
    case.database.execute(&format!(
        "UPDATE {}.positions SET cluster_id = 'the-old-one'",
        case.service.state_schema
    ));
    case.service.group = unique("renamed");
    case.produce(100);
    let process = Process::start(&case.service);
    let reason = halted(&process, "the-old-one");
    assert!(reason.contains("positions adopt"), "{reason}");
    assert_eq!((case.progress(), rows(&case)), (100, 100));
    // Nobody owns the row: no force is needed.
    settle(&case, "adopt", &[]);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn a_log_table_is_reset_once_it_is_empty_and_no_position_outside_the_log_adopted() {
    let mut case = written("identity_log", Mode::Log);
    recreate(&mut case, 50);
    let process = Process::start(&case.service);
    halted(&process, "recreated");
    let said = refused(&case, "adopt", &["--force"]);
    assert!(said.contains("lies outside the log"), "{said}");
    let said = refused(&case, "reset", &["--force"]);
    assert!(said.contains("empty this one"), "{said}");
    assert_eq!(case.progress(), 100);
    case.database.execute("TRUNCATE {s}.orders");
    settle(&case, "reset", &["--force"]);
    case.assert_exact();
    assert!(process.drain().success());
}

/// What an operator does to the state by hand, while an owner lives or none.
fn a_position_lost(mode: Mode, act: &str, running: Running) {
    let mut case = Case::new("lost_position", mode, 1);
    case.produce(100);
    let process = Process::start_ready(&case.service);
    case.wait_caught_up();
    let at = case.kafka.ends(&case.topic)[0].to_string();
    let process = match running {
        Running::Stopped => {
            assert!(process.drain().success());
            case.database.execute(act);
            case.produce(10);
            Process::start(&case.service)
        }
        Running::Busy | Running::Idle => {
            if let Running::Busy = running {
                case.produce(2_000);
            }
            case.database.execute(act);
            process
        }
    };
    let reason = halted(&process, "is gone, though its start was settled");
    let hint = format!(
        "plimsoll positions set --sink orders --topic {} --partition 0 --to",
        case.topic
    );
    assert!(reason.contains(&hint), "{reason}");
    // Nothing begins again by itself, in another life neither.
    assert_eq!(process.kill().signal(), Some(9));
    let process = Process::start(&case.service);
    halted(&process, "is gone, though its start was settled");
    let rows = "SELECT count(*) FROM {s}.orders";
    let written = case.database.number(rows);
    assert_eq!(
        case.database
            .number("SELECT count(*) FROM {s}_state.positions"),
        0
    );
    // The way out, while it runs. Where it was busy the table says how far it came.
    let to = match running {
        Running::Busy => case
            .database
            .number("SELECT max(off) + 1 FROM {s}.orders")
            .to_string(),
        Running::Idle | Running::Stopped => at,
    };
    settle(&case, "set", &["--partition", "0", "--to", &to]);
    case.produce(50);
    case.assert_exact();
    assert!(case.database.number(rows) > written);
    assert!(process.drain().success());
}

#[derive(Clone, Copy)]
enum Running {
    Busy,
    Idle,
    Stopped,
}

#[test]
fn invariant_2_a_position_table_that_is_emptied_under_a_busy_owner_begins_nothing_again() {
    let act = "TRUNCATE {s}_state.positions";
    a_position_lost(Mode::Append, act, Running::Busy);
}

#[test]
fn invariant_2_a_position_row_that_is_removed_under_an_idle_owner_begins_nothing_again() {
    let act = "DELETE FROM {s}_state.positions";
    a_position_lost(Mode::Append, act, Running::Idle);
}

#[test]
fn invariant_2_a_position_that_is_gone_at_the_start_begins_nothing_again() {
    let act = "TRUNCATE {s}_state.positions";
    a_position_lost(Mode::Append, act, Running::Stopped);
}

#[test]
fn a_topic_made_again_with_fewer_partitions_is_reset_and_those_to_come_begin_at_their_first_record()
{
    let mut case = Case::new("identity_fewer", Mode::Append, 3);
    let process = Process::start_ready(&case.service);
    case.produce(90);
    case.assert_exact();
    assert!(process.drain().success());
    case.orders = Orders::new(8, 1);
    recreate(&mut case, 50);
    case.database.execute("TRUNCATE {s}.orders");
    let said = refused(&case, "adopt", &[]);
    assert!(said.contains("[1] any more"), "{said}");
    let said = settle(&case, "reset", &["--dry-run"]);
    assert_eq!(said.matches("Kafka has no such partition now").count(), 2);
    let said = settle(&case, "reset", &[]);
    assert_eq!(said.matches("Kafka has no such partition now").count(), 2);

    let process = Process::start_ready(&case.service);
    wait::until("what there is is written", || match rows(&case) {
        50 => Ok(()),
        rows => Err(rows),
    });
    let told = plimsoll_ok(&case.service.config(), &["verify"]);
    assert!(told.contains("exact"), "{told}");
    // What is added later was never read.
    case.kafka.add_partitions(&case.topic, 3);
    case.producer = case.kafka.producer();
    case.orders = Orders::new(9, 3);
    case.produce(90);
    case.assert_exact();
    assert!(process.drain().success());
}

/// As a replica has it that became the leader uncleanly: what comes then stands at
/// offsets that others had.
#[test]
fn a_log_that_lost_its_end_and_grew_beyond_it_halts_and_writes_nothing_of_what_is_new() {
    let mut broker = OwnKafka::start();
    let bootstrap = broker.bootstrap();
    let mut case = Case::on(&bootstrap, &servers::postgres(), "cut", Mode::Append, 1);
    case.service = case.service.property("session.timeout.ms", "45000");
    let process = Process::start_ready(&case.service);
    // A batch each, so that half of the file is half of them.
    for _ in 0..60 {
        case.produce(1);
    }
    case.assert_exact();
    // It looks away meanwhile: who sees the log end before the position halts at that.
    process.freeze();
    broker.kill();
    broker.cut_log(&case.topic);
    broker.begin();
    let cut = case.kafka.ends(&case.topic)[0];
    assert!((1..60).contains(&cut), "the log ends at {cut}");
    case.producer = case.kafka.producer();
    case.produce(200);
    process.thaw();
    halted(&process, "another record stands at offset 59");
    assert_eq!((case.progress(), rows(&case)), (60, 60));
    case.database.execute("TRUNCATE {s}.orders");
    settle(&case, "reset", &["--force"]);
    case.assert_exact();
    assert!(process.drain().success());
}
