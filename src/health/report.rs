//! The answer of `/readyz`.

use super::trouble::{About, Trouble};
use super::{Halt, SinkHealth, SourceReport};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

/// What `/readyz` answers.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Report {
    /// Whether every sink made its first claims and nothing drains.
    pub ready: bool,
    /// Whether nothing is halted and nothing is wrong either.
    pub undisturbed: bool,
    /// Whether the process is going down.
    pub draining: bool,
    /// By sink.
    pub sinks: BTreeMap<String, SinkReport>,
    /// By source.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, SourceReport>,
}

/// One sink in a [`Report`].
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct SinkReport {
    /// Whether the first assignment was claimed.
    pub claimed: bool,
    /// What is wanted of it: `running`, `paused` or `stopped`.
    pub wanted: &'static str,
    /// What the database said last, while it is away.
    pub database_away: Option<String>,
    /// What Kafka said last, while it does not answer as it should.
    pub kafka_away: Option<String>,
    /// All that is wrong, these two with it.
    pub troubles: Vec<TroubleReport>,
    /// Partitions that do not move, and why.
    pub halted: Vec<HaltReport>,
}

/// One trouble in a [`Report`].
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct TroubleReport {
    /// In a word.
    pub kind: &'static str,
    /// Since when, RFC 3339.
    pub since: String,
    /// Kafka's, librdkafka's or the database's own code; empty where it has none.
    pub code: String,
    /// In words.
    pub what: String,
    /// Where it is about one partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Where it is about one partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
}

/// One halted partition in a [`Report`].
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct HaltReport {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Since when, RFC 3339.
    pub since: String,
    /// Why.
    #[serde(flatten)]
    pub halt: Halt,
}

impl SinkReport {
    pub(super) fn of(sink: &SinkHealth, now: Instant) -> Self {
        let first = |which: fn(&About) -> bool| {
            let mut of_kind = sink.told(now).filter(|(about, _)| which(about));
            of_kind.next().map(|(_, trouble)| trouble.what.clone())
        };
        let halted = sink.halts.iter().map(|(tp, (halt, since))| HaltReport {
            topic: tp.topic.to_string(),
            partition: tp.partition,
            since: rfc_3339(*since),
            halt: halt.clone(),
        });
        Self {
            claimed: sink.claimed,
            wanted: sink.state.as_str(),
            database_away: first(About::is_database),
            kafka_away: first(About::is_kafka),
            troubles: sink.told(now).map(TroubleReport::of).collect(),
            halted: halted.collect(),
        }
    }
}

fn rfc_3339(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    format!("{time:.0}")
}

impl TroubleReport {
    fn of((about, trouble): (&About, &Trouble)) -> Self {
        Self {
            kind: about.kind(),
            since: rfc_3339(trouble.since),
            code: trouble.code.clone(),
            what: trouble.what.clone(),
            topic: about.partition().map(|tp| tp.topic.to_string()),
            partition: about.partition().map(|tp| tp.partition),
        }
    }
}
