//! The tests.

use super::shape::{self, State};
use crate::fleet::{MemberReport, PartitionState, SinkStatus};
use crate::health::{About, Halt, Health, Until};
use plimsoll_protocol::{Position, TopicPartition};
use plimsoll_sink_api::{Reported, SinkState, StoredPosition, Wanted};
use serde_json::{Value, json};
use std::time::Duration;

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn stored(partition: i32) -> StoredPosition {
    StoredPosition {
        tp: tp(partition),
        position: Position::new(7).unwrap(),
        epoch: 1,
        owner: None,
        identity: None,
        topic_id: None,
        fingerprint: None,
        leader_epoch: None,
        heartbeat_age: None,
        moved_age: None,
    }
}

/// An instance that has heard of all commands, and what it holds.
fn said(state: SinkState, parts: &[PartitionState], health: &Health) -> Reported {
    let parts = (0..).map(tp).zip(parts.iter().copied()).collect();
    health.sink("s");
    let report = MemberReport {
        address: "host:9464".to_owned(),
        heard: 9,
        state: state.as_str().to_owned(),
        ..MemberReport::default()
    };
    Reported {
        name: "host-1".to_owned(),
        report: serde_json::to_string(&report.of(parts, &health.report_of("s").unwrap())).unwrap(),
        age: Duration::ZERO,
    }
}

fn sink(wanted: SinkState, reported: &[Reported]) -> SinkStatus {
    let wanted = Wanted {
        state: wanted,
        seq: 9,
    };
    SinkStatus::of("s", wanted, reported, &[stored(0), stored(1)], &[])
}

fn halted(health: &Health, partition: i32) {
    let halt = Halt {
        offset: Some(7),
        column: None,
        reason: "no column \"x\"".to_owned(),
        until: Until::Committed,
    };
    health.halt("s", &tp(partition), halt);
}

fn states(status: &SinkStatus) -> (State, Vec<State>) {
    let told = shape::status(status);
    let tasks = told.tasks.iter().map(|task| task.worker.state).collect();
    (told.connector.state, tasks)
}

#[test]
fn a_sink_is_what_all_of_its_instances_are() {
    use PartitionState::{Claiming, Halted, Paused, Running};
    use SinkState as Wanted;
    use State::{Failed, Unassigned};
    let quiet = Health::default();
    for (wanted, does, parts, expected, tasks) in [
        (
            Wanted::Running,
            Wanted::Running,
            [Running, Claiming],
            State::Running,
            vec![State::Running, Unassigned],
        ),
        (
            Wanted::Running,
            Wanted::Running,
            [Running, Halted],
            State::Running,
            vec![State::Running, Failed],
        ),
        (
            Wanted::Running,
            Wanted::Running,
            [Halted, Halted],
            Failed,
            vec![Failed, Failed],
        ),
        (
            Wanted::Paused,
            Wanted::Paused,
            [Paused, Paused],
            State::Paused,
            vec![State::Paused, State::Paused],
        ),
        // Asked, and not obeyed yet.
        (
            Wanted::Paused,
            Wanted::Running,
            [Running, Paused],
            State::Running,
            vec![State::Running, State::Paused],
        ),
    ] {
        let status = sink(wanted, &[said(does, &parts, &quiet)]);
        assert_eq!(states(&status), (expected, tasks), "{wanted} {parts:?}");
    }
    let stopped = sink(Wanted::Stopped, &[said(Wanted::Stopped, &[], &quiet)]);
    assert_eq!(states(&stopped), (State::Stopped, vec![]));
    let nobody = sink(Wanted::Running, &[]);
    assert_eq!(states(&nobody), (Unassigned, vec![Unassigned, Unassigned]));
}

#[test]
fn what_failed_has_a_trace_and_nothing_else_has() {
    use PartitionState::Running;
    let health = Health::default();
    halted(&health, 1);
    let reported = [said(SinkState::Running, &[Running, Running], &health)];
    let told = json!(shape::status(&sink(SinkState::Running, &reported)));
    assert_eq!(told["tasks"][0].get("trace"), None);
    assert_eq!(told["connector"].get("trace"), None);
    let trace = told["tasks"][1]["trace"].as_str().unwrap();
    assert!(trace.contains("no column \"x\"") && trace.contains("plimsoll retry"));
    assert_eq!(told["tasks"][1]["worker_id"], "host:9464");
    halted(&health, 0);
    let reported = [said(SinkState::Running, &[Running, Running], &health)];
    let told = json!(shape::status(&sink(SinkState::Running, &reported)));
    assert_eq!(told["connector"]["state"], "FAILED");
    let trace = told["connector"]["trace"].as_str().unwrap();
    assert!(trace.contains("no column \"x\""), "{trace}");
}

#[test]
fn a_sink_whose_instances_all_reach_nothing_has_failed() {
    let away = Health::default();
    away.trouble("s", About::Database, "", "connection refused".to_owned());
    let well = said(
        SinkState::Running,
        &[PartitionState::Running],
        &Health::default(),
    );
    let ill = said(SinkState::Running, &[], &away);
    let other = Reported {
        name: "host-2".to_owned(),
        ..ill.clone()
    };
    let one = sink(SinkState::Running, &[well, other]);
    assert_eq!(states(&one).0, State::Running);
    let all = shape::status(&sink(SinkState::Running, &[ill]));
    assert_eq!(all.connector.state, State::Failed);
    assert!(all.connector.trace.unwrap().contains("connection refused"));
}

#[test]
fn each_task_that_has_a_status_is_among_the_tasks() {
    use PartitionState::{Paused, Running};
    let quiet = Health::default();
    for (state, parts) in [
        (SinkState::Running, vec![Running, Running]),
        (SinkState::Paused, vec![Paused, Paused]),
        (SinkState::Stopped, vec![]),
    ] {
        let status = sink(state, &[said(state, &parts, &quiet)]);
        let of_status: Vec<usize> = shape::status(&status).tasks.iter().map(|t| t.id).collect();
        let info = shape::info(&crate::config::tests::a_sink(), Some(&status));
        let of_info: Vec<usize> = info.tasks.iter().map(|task| task.task).collect();
        assert_eq!(of_info, of_status, "{state}");
    }
}

#[test]
fn a_restart_shows_what_it_is_about() {
    let health = Health::default();
    halted(&health, 1);
    let parts = [PartitionState::Running, PartitionState::Running];
    let status = sink(
        SinkState::Running,
        &[said(SinkState::Running, &parts, &health)],
    );
    let told = |only_failed| -> Vec<Value> {
        let told = shape::restarting(shape::status(&status), only_failed);
        let tasks = told.tasks.iter();
        tasks.map(|task| json!(task.worker.state)).collect()
    };
    assert_eq!(told(true), ["RUNNING", "RESTARTING"]);
    assert_eq!(told(false), ["RESTARTING", "RESTARTING"]);
}

#[test]
fn a_config_is_texts_without_a_secret() {
    let config = shape::config(&crate::config::tests::a_sink(), None);
    assert!(shape::CLASSES.contains(&config["connector.class"].as_str()));
    let shown = format!("{config:?}");
    assert!(!shown.contains("secret"), "{shown}");
}
