//! Databases, brokers and networks that go away.

use crate::harness::case::Case;
use crate::harness::oracle::{self, Mode};
use crate::harness::process::Process;
use crate::harness::proxy::{Next, Proxy};
use crate::harness::servers::{self, OwnKafka, OwnPostgres};
use crate::harness::wait;

#[test]
fn postgres_restarts_while_the_service_writes() {
    for mode in Mode::ALL {
        let server = OwnPostgres::start();
        let mut case = Case::on(&servers::kafka(), &server.url(), "restart", mode, 4);
        case.service.batch = "max_records = 50\nlinger_ms = 10".to_owned();
        let mut process = Process::start_ready(&case.service);
        for round in 1..=3 {
            let before = case.progress();
            case.produce(10_000);
            case.wait_progress(before);
            let tried = away_retries(&process);
            server.stop_immediately();
            // So that there is something to write while it is away, however fast
            // the first ones were written.
            case.produce(1_000);
            wait::until(
                "a commit meets the server that is away",
                || match away_retries(&process) {
                    now if now > tried => Ok(()),
                    now => Err(now),
                },
            );
            server.begin();
            let recoveries = server
                .log()
                .matches("database system was not properly shut down")
                .count();
            assert_eq!(recoveries, round, "the server recovered from its log");
            case.wait_caught_up();
            process.assert_running();
        }
        case.assert_exact();
        assert_eq!(process.metric("plimsoll_dead_letters_total", &[]), 0.0);
        assert!(process.drain().success());
    }
}

/// Tries that met a database that was away.
fn away_retries(process: &Process) -> f64 {
    process.metric("plimsoll_retries_total", &[("reason", "unavailable")])
}

#[test]
fn postgres_is_away_at_the_start_and_waited_for() {
    let server = OwnPostgres::start();
    let mut case = Case::on(
        &servers::kafka(),
        &server.url(),
        "away_at_start",
        Mode::Append,
        4,
    );
    case.produce(1_000);
    server.stop_immediately();
    let mut process = Process::start(&case.service);
    wait::until("/readyz says that the database is away", || {
        match process.get("/readyz") {
            Some((503, body)) if away(&body) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    process.assert_running();
    server.begin();
    process.wait_ready();
    case.assert_exact();
    wait::until("nothing is disturbed any more", || {
        match process.get("/readyz?strict") {
            Some((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

fn away(report: &str) -> bool {
    let report: serde_json::Value = serde_json::from_str(report).expect("JSON");
    report["sinks"]["orders"]["database_away"].is_string()
}

#[test]
fn postgres_is_away_during_a_rebalance_and_nobody_leaves_the_group() {
    let server = OwnPostgres::start();
    let mut case = Case::on(
        &servers::kafka(),
        &server.url(),
        "away_in_rebalance",
        Mode::Append,
        6,
    );
    let first = Process::start_ready(&case.service);
    let second = Process::start_ready(&case.service);
    case.kafka.wait_members(&case.service.group, 2);
    case.produce(2_000);
    case.wait_caught_up();

    server.stop_immediately();
    // Its partitions go to the other one, which cannot claim them.
    second.kill();
    case.produce(2_000);
    case.kafka.wait_members(&case.service.group, 1);
    wait::until("the service says that the database is away", || {
        let report = first.report().unwrap_or_default().to_string();
        if away(&report) { Ok(()) } else { Err(report) }
    });
    // One more, in the middle of it.
    let mut third = Process::start(&case.service);
    wait::until("the third one waits for the database", || {
        third.assert_running();
        let report = third.report().unwrap_or_default().to_string();
        if away(&report) { Ok(()) } else { Err(report) }
    });
    assert_eq!(
        case.kafka.group(&case.service.group),
        ("Stable".to_owned(), 1),
        "the first one stayed"
    );

    server.begin();
    third.wait_ready();
    case.assert_exact();
    case.kafka.wait_members(&case.service.group, 2);
    assert!(first.drain().success());
    assert!(third.drain().success());
}

/// Loses a commit, or its answer, in each mode.
fn lose_a_commit(test: &str, next: Next, applied: usize, verdict: &str) {
    for mode in Mode::ALL {
        let mut case = Case::new(test, mode, 2);
        let proxy = Proxy::start(servers::postgres_address());
        case.service.url = proxy.url();
        case.service.batch = "max_records = 100\nlinger_ms = 10".to_owned();
        let process = Process::start_ready(&case.service);
        case.produce(500);
        case.wait_caught_up();
        proxy.next_commit(next);
        case.produce(2_000);
        proxy.wait_lost();
        case.assert_exact();
        assert_eq!(
            proxy.applied(),
            applied,
            "commits that the server applied before their answer was lost"
        );
        let judged = process.metric("plimsoll_commits_judged_total", &[("verdict", verdict)]);
        assert_eq!(judged, 1.0, "{}: {verdict}", mode.name());
        assert!(process.drain().success());
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_found_applied() {
    lose_a_commit("lost_answer", Next::LoseAnswer, 1, "committed");
}

#[test]
fn a_commit_that_is_lost_on_its_way_is_made_again() {
    lose_a_commit("lost_commit", Next::LoseCommit, 0, "not_committed");
}

#[test]
fn a_network_that_falls_silent_is_left_for_a_new_connection() {
    for mode in Mode::ALL {
        let mut case = Case::new("silence", mode, 2);
        let proxy = Proxy::start(servers::postgres_address());
        case.service.url = proxy.url();
        case.service.batch = "max_records = 100\nlinger_ms = 10".to_owned();
        case.service.of_postgres = "call_timeout_ms = 2000".to_owned();
        let process = Process::start_ready(&case.service);
        let before = case.progress();
        case.produce(10_000);
        case.wait_progress(before);
        proxy.silence();
        // Something to write in the silence, however fast the first ones were.
        case.produce(1_000);
        wait::until("the service says that the database is away", || {
            let report = process.report().unwrap_or_default().to_string();
            if away(&report) { Ok(()) } else { Err(report) }
        });
        assert!(
            proxy.silenced() > 0,
            "connections were open when the network fell silent"
        );
        proxy.mend();
        // The server still believes in the old sessions, with all their locks.
        case.assert_exact();
        assert!(away_retries(&process) > 0.0);
        assert!(process.drain().success());
    }
}

#[test]
fn connections_that_are_reset_are_made_again() {
    let mut case = Case::new("resets", Mode::Append, 4);
    let proxy = Proxy::start(servers::postgres_address());
    case.service.url = proxy.url();
    case.service.batch = "max_records = 50\nlinger_ms = 10".to_owned();
    let process = Process::start_ready(&case.service);
    for _ in 0..10 {
        let before = case.progress();
        case.produce(3_000);
        case.wait_progress(before);
        proxy.reset();
        // A session that was broken while nobody used it is found out here.
        case.produce(100);
    }
    case.assert_exact();
    assert!(away_retries(&process) > 0.0);
    assert!(process.drain().success());
}

#[test]
fn a_rightful_owner_that_is_fenced_by_hand_goes_on_by_itself() {
    for mode in Mode::ALL {
        let mut case = Case::new("fenced_by_hand", mode, 1);
        let mut process = Process::start_ready(&case.service);
        case.produce(1_000);
        case.wait_caught_up();
        let to = case.progress().to_string();
        case.service.set_position(&case.topic, &to);
        case.produce(1_000);
        case.assert_exact();
        process.assert_running();
        assert!(
            process.metric("plimsoll_partition_restarts_total", &[]) >= 1.0,
            "the set fenced the owner"
        );
        assert!(process.drain().success());
    }
}

/// What takes a position back behind its owner's back.
type GoesBack<'a> = &'a dyn Fn(&Case);

/// Nothing is produced after the position has gone back, so no commit is refused:
/// only a look at the row can tell the owner.
#[test]
fn an_owner_with_nothing_to_commit_sees_that_its_position_went_back() {
    for mode in Mode::ALL {
        let mut case = Case::new("idle", mode, 1);
        let mut process = Process::start_ready(&case.service);
        case.produce(1_000);
        case.assert_exact();
        let overtaken = [("reason", "overtaken")];
        let goes_back: [(&str, GoesBack<'_>); 2] = [
            ("an operator", &|case| {
                case.database.execute("TRUNCATE {s}.orders");
                case.service.set_position(&case.topic, "0");
            }),
            // Rows and position together; epoch and owner are the same.
            ("a failover", &|case| {
                case.database.execute(
                    "WITH rows AS (DELETE FROM {s}.orders) \
                     UPDATE {s}_state.positions SET next_offset = 0",
                );
            }),
        ];
        for (done, (who, goes_back)) in goes_back.into_iter().enumerate() {
            goes_back(&case);
            wait::until(&format!("the owner has seen {who}"), || {
                match process.metric("plimsoll_partition_restarts_total", &overtaken) {
                    seen if seen > done as f64 => Ok(()),
                    seen => Err(seen),
                }
            });
            case.assert_exact();
        }
        process.assert_running();
        assert!(process.drain().success());
    }
}

#[test]
fn a_broker_is_killed_and_started_again() {
    let mut broker = OwnKafka::start();
    let mut case = Case::on(
        &broker.bootstrap(),
        &servers::postgres(),
        "broker",
        Mode::Append,
        4,
    );
    case.service.batch = "max_records = 50\nlinger_ms = 10".to_owned();
    let mut process = Process::start_ready(&case.service);
    for _ in 0..2 {
        let before = case.progress();
        case.produce(20_000);
        case.wait_progress(before);
        broker.kill();
        broker.begin();
        process.assert_running();
    }
    case.produce(1_000);
    case.assert_exact();
    assert_eq!(process.metric("plimsoll_partitions_halted", &[]), 0.0);
    assert!(process.drain().success());
}

#[test]
fn a_broker_is_away_at_the_start_and_waited_for() {
    let mut broker = OwnKafka::start();
    let mut case = Case::on(
        &broker.bootstrap(),
        &servers::postgres(),
        "broker_away",
        Mode::Upsert,
        2,
    );
    case.produce(1_000);
    broker.kill();
    let mut process = Process::start(&case.service);
    wait::until("the service says that it waits", || {
        process.assert_running();
        let log = process.log();
        if log.contains("Kafka does not answer") {
            Ok(())
        } else {
            Err(log)
        }
    });
    assert!(matches!(process.get("/readyz"), Some((503, _))));
    broker.begin();
    process.wait_ready();
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn sigterm_while_the_database_is_away_ends_in_time() {
    let server = OwnPostgres::start();
    let mut case = Case::on(
        &servers::kafka(),
        &server.url(),
        "term_while_away",
        Mode::Append,
        2,
    );
    case.service.top = "drain_ms = 3000".to_owned();
    let process = Process::start_ready(&case.service);
    case.produce(1_000);
    case.wait_caught_up();
    server.stop_immediately();
    case.produce(1_000);
    wait::until("the service says that the database is away", || {
        let report = process.report().unwrap_or_default().to_string();
        if away(&report) { Ok(()) } else { Err(report) }
    });
    assert!(process.drain().success());
    // What was in flight is not lost.
    server.begin();
    let process = Process::start_ready(&case.service);
    case.wait_caught_up();
    oracle::assert_exact(&case.database, &case.kafka, &case.topic, case.mode);
    assert!(process.drain().success());
}
