//! What the running service says of itself, if it listens on this machine as the
//! config says. A command cannot know otherwise why a partition is halted.

use super::probe::{get, reachable};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// A service on this machine answers at once, or there is none.
const TIMEOUT: Duration = Duration::from_secs(1);

/// `/readyz`, as far as it is read here.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Told {
    sinks: BTreeMap<String, OfSink>,
}

/// What it says of one sink.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OfSink {
    #[serde(default)]
    pub(super) halted: Vec<Halted>,
    #[serde(default)]
    pub(super) troubles: Vec<Trouble>,
}

/// A halted partition.
#[derive(Debug, Deserialize)]
pub(super) struct Halted {
    topic: String,
    partition: i32,
    offset: Option<i64>,
    reason: String,
}

/// Something that is wrong.
#[derive(Debug, Deserialize)]
pub(super) struct Trouble {
    pub(super) kind: String,
    pub(super) since: String,
    pub(super) what: String,
}

impl Told {
    /// Asks; `None`: nobody answers there, or nobody of ours.
    pub(super) fn ask(listen: Option<SocketAddr>) -> Option<Self> {
        let answer = get(reachable(listen?), "/readyz", TIMEOUT).ok()?;
        serde_json::from_str(&answer.body).ok()
    }

    /// Of one sink.
    pub(super) fn of(&self, sink: &str) -> Option<&OfSink> {
        self.sinks.get(sink)
    }
}

impl OfSink {
    /// Why a partition is halted.
    pub(super) fn halted(&self, topic: &str, partition: i32) -> Option<String> {
        let is = |h: &&Halted| h.topic == topic && h.partition == partition;
        let halted = self.halted.iter().find(is)?;
        Some(match halted.offset {
            Some(offset) => format!("at offset {offset}: {}", halted.reason),
            None => halted.reason.clone(),
        })
    }
}
