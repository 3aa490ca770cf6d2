//! What Kafka Connect's answers look like, and what a sink is in them. Pure. Its tools read
//! no other states than these, and want a trace where something failed.

use crate::config::{Backend, Sink as Settings, Topics};
use crate::fleet::{PartitionState, PartitionStatus, SinkStatus, trace};
use plimsoll_sink_api::SinkState;
use serde::Serialize;
use std::collections::BTreeMap;

/// kcctl reads the first two numbers, and shows offsets from 3.6 on.
pub const VERSION: &str = concat!("4.1.0-plimsoll.", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    Running,
    Paused,
    Stopped,
    Failed,
    Unassigned,
    Restarting,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Worker {
    pub state: State,
    pub worker_id: String,
    pub version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    pub id: usize,
    #[serde(flatten)]
    pub worker: Worker,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    pub name: String,
    pub connector: Worker,
    pub tasks: Vec<Task>,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskId {
    pub connector: String,
    pub task: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Info {
    pub name: String,
    pub config: BTreeMap<&'static str, String>,
    pub tasks: Vec<TaskId>,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// Whether a sink's partitions are its tasks now: one that is stopped has none.
fn has_tasks(status: &SinkStatus) -> bool {
    state(status) != State::Stopped
}

/// The settings that Connect's tools look for. Nothing that could be secret.
pub fn config(settings: &Settings, status: Option<&SinkStatus>) -> BTreeMap<&'static str, String> {
    let class = class(&settings.backend);
    let mut config = BTreeMap::from([
        ("name", settings.name.clone()),
        ("connector.class", class.to_owned()),
        ("consumer.override.group.id", settings.group_id.clone()),
    ]);
    match &settings.topics {
        Topics::Named(topics) => {
            config.insert("topics", topics.join(","));
            config.insert("kafka.topic", topics.join(","));
        }
        Topics::Pattern(pattern) => {
            config.insert("topics.regex", pattern.clone());
        }
    }
    let tasks = status.map_or(1, |status| status.partitions.len().max(1));
    config.insert("tasks.max", tasks.to_string());
    config
}

/// A sink's class; all of them are [`CLASSES`].
fn class(backend: &Backend) -> &'static str {
    match backend {
        Backend::Postgres(_) => "plimsoll.PostgresSink",
        Backend::Sqlite(_) => "plimsoll.SqliteSink",
        Backend::Cassandra(_) => "plimsoll.CassandraSink",
    }
}

/// All classes.
pub const CLASSES: [&str; 3] = [
    "plimsoll.CassandraSink",
    "plimsoll.PostgresSink",
    "plimsoll.SqliteSink",
];

pub fn info(settings: &Settings, status: Option<&SinkStatus>) -> Info {
    let tasks = status.filter(|status| has_tasks(status));
    let tasks = tasks.map_or(0, |status| status.partitions.len());
    let task = |task| TaskId {
        connector: settings.name.clone(),
        task,
    };
    Info {
        name: settings.name.clone(),
        config: config(settings, status),
        tasks: (0..tasks).map(task).collect(),
        kind: "sink",
    }
}

/// The state of a sink as a whole. It failed where nothing of it works.
pub fn state(status: &SinkStatus) -> State {
    let failed = |p: &&PartitionStatus| p.state == Some(PartitionState::Halted);
    let held = || status.partitions.iter().filter(|p| p.state.is_some());
    let troubled = |kinds: &[&str]| {
        let kind = |m: &crate::fleet::MemberStatus| {
            m.troubles.iter().any(|t| kinds.contains(&t.kind.as_str()))
        };
        !status.members.is_empty() && status.members.iter().all(kind)
    };
    match (status.wanted, status.is_settled()) {
        (SinkState::Stopped, true) => State::Stopped,
        (SinkState::Paused, true) => State::Paused,
        _ if status.members.is_empty() => State::Unassigned,
        _ if troubled(&[
            "database_away",
            "kafka_away",
            "unassigned",
            "topic_unreadable",
        ]) || (held().next().is_some() && held().all(|p| failed(&p))) =>
        {
            State::Failed
        }
        (SinkState::Running | SinkState::Paused | SinkState::Stopped, _) => State::Running,
    }
}

fn task_state(part: &PartitionStatus) -> State {
    match part.state {
        Some(PartitionState::Running | PartitionState::Draining) => State::Running,
        Some(PartitionState::Paused) => State::Paused,
        Some(PartitionState::Halted) => State::Failed,
        Some(PartitionState::Claiming) | None => State::Unassigned,
    }
}

fn worker(status: &SinkStatus, member: Option<&str>) -> String {
    let address = member.and_then(|member| status.address_of(member));
    address.unwrap_or("-").to_owned()
}

pub fn task(status: &SinkStatus, id: usize, part: &PartitionStatus) -> Task {
    let state = task_state(part);
    Task {
        id,
        worker: Worker {
            state,
            worker_id: worker(status, part.member.as_deref()),
            version: VERSION,
            trace: trace(&status.sink, part),
        },
    }
}

/// What is wrong with all of it, in lines.
fn whole_trace(status: &SinkStatus) -> String {
    let troubles = status.members.iter().flat_map(|member| {
        let told = member.troubles.iter();
        told.map(|t| format!("{} since {}: {}", member.name, t.since, t.what))
    });
    let parts = status.partitions.iter();
    let halts = parts.filter_map(|part| trace(&status.sink, part));
    // The first ones say it: one cause halts all.
    let lines: Vec<String> = troubles.chain(halts).take(3).collect();
    lines.join("\n")
}

pub fn status(status: &SinkStatus) -> Status {
    let state = state(status);
    let tasks = status.partitions.iter().enumerate();
    let tasks = tasks.filter(|_| state != State::Stopped);
    Status {
        name: status.sink.clone(),
        connector: Worker {
            state,
            worker_id: worker(status, status.members.first().map(|m| m.name.as_str())),
            version: VERSION,
            trace: (state == State::Failed).then(|| whole_trace(status)),
        },
        tasks: tasks.map(|(id, part)| task(status, id, part)).collect(),
        kind: "sink",
    }
}

/// A sink whose database does not answer: all that can be said is why.
pub fn away(name: &str, worker_id: &str, why: String) -> Status {
    Status {
        name: name.to_owned(),
        connector: Worker {
            state: State::Failed,
            worker_id: worker_id.to_owned(),
            version: VERSION,
            trace: Some(why),
        },
        tasks: Vec::new(),
        kind: "sink",
    }
}

/// What a restart of failed tasks does to them, told at once.
pub fn restarting(mut told: Status, only_failed: bool) -> Status {
    for task in &mut told.tasks {
        if !only_failed || task.worker.state == State::Failed {
            task.worker.state = State::Restarting;
        }
    }
    told
}
