//! Members that come and go in good order.

use crate::harness::acl::Rule;
use crate::harness::case::Case;
use crate::harness::kafka_proxy::{Fault, KafkaProxy};
use crate::harness::kafka_wire::Api;
use crate::harness::oracle::Mode;
use crate::harness::process::Process;
use crate::harness::servers::{self, OwnKafka};
use crate::harness::{unique, wait};
use std::time::Duration;

/// Members join and leave while records arrive; each hand-over is in order.
fn members_come_and_go(test: &str, kafka: &str, properties: &[(&str, &str)]) {
    let mut case = Case::new(test, Mode::Append, 6);
    case.service.kafka = kafka.to_owned();
    case.service.batch = "max_records = 100\nlinger_ms = 10".to_owned();
    if !properties.is_empty() {
        case.service
            .properties
            .retain(|(name, _)| !properties.iter().any(|(n, _)| n == name));
    }
    let mut members: Vec<Process> = Vec::new();
    for round in 0..6 {
        case.produce(5_000);
        if round < 3 {
            members.push(Process::start(&case.service));
        } else {
            assert!(members.remove(0).drain().success());
        }
        let owned = |members: &[Process]| -> f64 {
            members
                .iter()
                .map(|m| m.metric("plimsoll_partitions_assigned", &[]))
                .sum()
        };
        wait::until("the members share all partitions", || {
            if members.is_empty() {
                return Ok(());
            }
            let each: Vec<_> = members
                .iter()
                .map(|m| m.metric("plimsoll_partitions_assigned", &[]))
                .collect();
            if owned(&members) == 6.0 && each.iter().all(|n| *n > 0.0) {
                Ok(())
            } else {
                Err(format!("{each:?}"))
            }
        });
    }
    let last = Process::start_ready(&case.service);
    case.assert_exact();
    assert_eq!(last.metric("plimsoll_commits_fenced_total", &[]), 0.0);
    assert!(last.drain().success());
}

#[test]
fn hand_overs_of_the_classic_group_are_exact() {
    members_come_and_go("members_classic", "", &[]);
}

#[test]
fn hand_overs_of_the_consumer_group_protocol_are_exact() {
    let refused = [("session.timeout.ms", ""), ("heartbeat.interval.ms", "")];
    members_come_and_go("members_kip848", "group_protocol = \"consumer\"", &refused);
}

#[test]
fn a_static_member_keeps_its_partitions_over_a_restart() {
    let mut case = Case::new("members_static", Mode::Upsert, 4);
    case.service.kafka = format!("group_instance_id = \"{}\"", unique("member"));
    // Long: nobody else may take over meanwhile.
    case.service = case.service.property("session.timeout.ms", "30000");
    let process = Process::start_ready(&case.service);
    case.produce(2_000);
    case.wait_caught_up();
    assert!(process.drain().success());
    assert_eq!(
        case.kafka.group(&case.service.group).1,
        1,
        "a static member does not leave on SIGTERM"
    );
    case.produce(2_000);
    let process = Process::start_ready(&case.service);
    case.assert_exact();
    process.kill();
    case.produce(2_000);
    let process = Process::start_ready(&case.service);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn a_static_member_whose_name_another_takes_ends_with_exit_code_4() {
    let mut case = Case::new("members_fenced", Mode::Append, 2);
    case.service.kafka = format!("group_instance_id = \"{}\"", unique("member"));
    let first = Process::start_ready(&case.service);
    case.produce(500);
    case.wait_caught_up();
    let second = Process::start_ready(&case.service);
    case.produce(500);
    // Without any signal: Kafka tells it.
    assert_eq!(first.end_by(&[]).code(), Some(4));
    case.assert_exact();
    assert!(second.drain().success());
}

#[test]
fn sigterm_drains_releases_and_leaves_the_group() {
    let mut case = Case::new("drain", Mode::Append, 4);
    case.service.batch = "max_records = 100\nlinger_ms = 10".to_owned();
    // Leaving is seen, not waited for.
    case.service = case.service.property("session.timeout.ms", "45000");
    for _ in 0..3 {
        let before = case.progress();
        case.produce(20_000);
        let process = Process::start_ready(&case.service);
        case.wait_progress(before);
        assert!(process.drain().success());
        let owned = case
            .database
            .number("SELECT count(*) FROM {s}_state.positions WHERE owner IS NOT NULL");
        assert_eq!(owned, 0, "claims are given back");
        wait::until("the member has left", || {
            match case.kafka.group(&case.service.group) {
                (_, 0) => Ok(()),
                seen => Err(format!("{seen:?}")),
            }
        });
    }
    let process = Process::start_ready(&case.service);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn sigint_drains_and_sigusr_means_nothing() {
    let mut case = Case::new("sigint", Mode::Append, 1);
    let mut process = Process::start_ready(&case.service);
    for (signal, name) in [(libc::SIGUSR1, "SIGUSR1"), (libc::SIGUSR2, "SIGUSR2")] {
        process.signal(signal);
        wait::until("the signal is logged", || {
            process.assert_running();
            let log = process.log();
            if log.contains(name) { Ok(()) } else { Err(log) }
        });
    }
    process.assert_running();
    case.produce(100);
    case.wait_caught_up();
    assert!(process.end_by(&[libc::SIGINT]).success());
    let owned = case
        .database
        .number("SELECT count(*) FROM {s}_state.positions WHERE owner IS NOT NULL");
    assert_eq!(owned, 0, "claims are given back");
}

#[test]
fn a_second_signal_cuts_the_drain_off() {
    let case = Case::new("second_signal", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    let status = process.end_by(&[libc::SIGTERM, libc::SIGINT]);
    assert_eq!(status.code(), Some(8), "{status}");
}

#[test]
fn two_deployments_of_one_name_are_refused() {
    let mut case = Case::new("two_deployments", Mode::Append, 1);
    let first = Process::start_ready(&case.service);
    case.produce(100);
    case.wait_caught_up();
    let mut other = case.service.clone();
    other.group = unique("another");
    let second = Process::start(&other);
    wait::until("the second deployment is told why it may not write", || {
        let report = second.report().unwrap_or_default().to_string();
        if report.contains("belongs to group") {
            Ok(())
        } else {
            Err(report)
        }
    });
    case.produce(100);
    case.assert_exact();
    assert_eq!(
        first.metric("plimsoll_commits_fenced_total", &[]),
        0.0,
        "the first one was never disturbed"
    );
    assert!(second.drain().success());
    assert!(first.drain().success());
}

/// Longer than a question about the group may take, and than the wait before it.
const UNANSWERED: Duration = Duration::from_secs(20);

/// As long as nobody coordinates its group, the service asks who does.
#[test]
fn a_coordinator_that_is_found_late_ends_no_process() {
    const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    let proxy = KafkaProxy::start();
    let mut broker = OwnKafka::start_behind(&proxy);
    let (bootstrap, postgres) = (broker.bootstrap(), servers::postgres());
    let mut case = Case::on(&bootstrap, &postgres, "coordinator", Mode::Append, 2);
    case.service.bootstrap = format!("127.0.0.1:{}", proxy.port());
    case.kafka
        .add_rule(&Rule::open(&case.topic))
        .expect("a rule");
    case.produce(500);
    let nobody = Fault::Error(Api::FindCoordinator, COORDINATOR_NOT_AVAILABLE);
    proxy.set(Some(nobody));
    let mut process = Process::start(&case.service);
    wait::until("a question is answered by nobody", || match proxy.done() {
        0 => Err("none"),
        _ => Ok(()),
    });
    std::thread::sleep(UNANSWERED);
    process.assert_running();
    proxy.set(None);
    // What is still open is tried again when a broker comes.
    broker.kill();
    broker.begin();
    process.wait_ready();
    case.assert_exact();
    process.assert_running();
    assert!(process.drain().success());
}
