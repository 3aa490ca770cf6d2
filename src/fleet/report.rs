//! What an instance says of itself and of the partitions that it holds.

use crate::health::{HaltReport, SinkReport, TroubleReport};
use plimsoll_protocol::TopicPartition;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Halts and troubles that a report tells in full. The rest is counted: a table that is
/// gone halts a thousand partitions with the same words, and the report is written every
/// few seconds.
const TOLD: usize = 100;

/// How far a partition is, at an instance that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// It is consumed.
    Running,
    /// Its sink is paused, and all that was read is committed.
    Paused,
    /// Its claim is under way, or is to be made.
    Claiming,
    /// It is given back.
    Draining,
    /// It does not move until something is mended.
    Halted,
}

impl PartitionState {
    /// As it is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Claiming => "claiming",
            Self::Draining => "draining",
            Self::Halted => "halted",
        }
    }
}

/// One partition and how far it is.
pub type Part = (TopicPartition, PartitionState);

/// What an instance says of itself. Fields that another version has or lacks are no error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MemberReport {
    /// Of the program.
    pub version: String,
    /// Where it answers, `host:port`; empty: nowhere.
    pub address: String,
    /// The number of the last command that it has heard of.
    pub heard: i64,
    /// What it does: a word of [`plimsoll_sink_api::SinkState`].
    pub state: String,
    /// By topic and state: spans of partitions, first and last.
    pub partitions: BTreeMap<String, BTreeMap<PartitionState, Vec<(i32, i32)>>>,
    /// Why partitions are halted: the first ones.
    pub halts: Vec<Halted>,
    /// What else is wrong: the first ones.
    pub troubles: Vec<Troubled>,
    /// Halts and troubles beyond those.
    pub more: usize,
}

/// Why a partition is halted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The record, where it is about one.
    pub offset: Option<i64>,
    /// What is wrong; holds no value of a record.
    pub reason: String,
    /// RFC 3339.
    pub since: String,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Troubled {
    /// In a word.
    pub kind: String,
    /// RFC 3339.
    pub since: String,
    /// In words.
    pub what: String,
    /// Where it is about one partition.
    pub topic: Option<String>,
    /// Where it is about one partition.
    pub partition: Option<i32>,
}

impl From<&HaltReport> for Halted {
    fn from(report: &HaltReport) -> Self {
        Self {
            topic: report.topic.clone(),
            partition: report.partition,
            offset: report.halt.offset,
            reason: report.halt.reason.clone(),
            since: report.since.clone(),
        }
    }
}

impl From<&TroubleReport> for Troubled {
    fn from(report: &TroubleReport) -> Self {
        Self {
            kind: report.kind.to_owned(),
            since: report.since.clone(),
            what: report.what.clone(),
            topic: report.topic.clone(),
            partition: report.partition,
        }
    }
}

impl MemberReport {
    /// Adds the partitions that it holds, and what is wrong.
    #[must_use]
    pub fn of(self, parts: Vec<Part>, health: &SinkReport) -> Self {
        let halted = |tp: &TopicPartition| {
            let mut halts = health.halted.iter();
            halts.any(|h| h.topic == *tp.topic && h.partition == tp.partition)
        };
        let parts = parts.into_iter().map(|(tp, state)| match state {
            // It is tried again by and by, and is halted until that succeeds.
            PartitionState::Claiming | PartitionState::Running if halted(&tp) => {
                (tp, PartitionState::Halted)
            }
            state => (tp, state),
        });
        let halts = health.halted.iter().take(TOLD).map(Halted::from);
        let troubles = health.troubles.iter().take(TOLD).map(Troubled::from);
        let most = health.halted.len().max(TOLD) + health.troubles.len().max(TOLD);
        Self {
            partitions: spans(parts.collect()),
            halts: halts.collect(),
            troubles: troubles.collect(),
            more: most - 2 * TOLD,
            ..self
        }
    }

    /// The partitions that it holds.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        let by_topic = self.partitions.iter();
        by_topic.flat_map(|(topic, by_state)| {
            by_state.iter().flat_map(move |(state, spans)| {
                let all = spans.iter().flat_map(|&(first, last)| first..=last);
                all.map(move |partition| (TopicPartition::new(topic, partition), *state))
            })
        })
    }
}

fn spans(mut parts: Vec<Part>) -> BTreeMap<String, BTreeMap<PartitionState, Vec<(i32, i32)>>> {
    parts.sort();
    let mut all: BTreeMap<String, BTreeMap<PartitionState, Vec<(i32, i32)>>> = BTreeMap::new();
    for (tp, state) in parts {
        let by_state = all.entry(tp.topic.to_string()).or_default();
        let spans = by_state.entry(state).or_default();
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == tp.partition => *last = tp.partition,
            Some(_) | None => spans.push((tp.partition, tp.partition)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Halt, Health, Until};

    fn tp(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition::new(topic, partition)
    }

    fn halt(reason: &str) -> Halt {
        Halt {
            offset: Some(7),
            column: None,
            reason: reason.to_owned(),
            until: Until::Begun,
        }
    }

    #[test]
    fn what_is_said_is_read_as_it_was_said() {
        let mut parts: Vec<Part> = (0..1_000)
            .map(|n| (tp("a", n), PartitionState::Running))
            .collect();
        parts[17].1 = PartitionState::Draining;
        parts.push((tp("b \"ö", 3), PartitionState::Claiming));
        let health = Health::default();
        health.claimed("s");
        let report = MemberReport::default().of(parts.clone(), &health.report().sinks["s"]);
        let text = serde_json::to_string(&report).unwrap();
        assert!(text.len() < 400, "{text}");
        let read: MemberReport = serde_json::from_str(&text).unwrap();
        assert_eq!(read, report);
        let mut found: Vec<Part> = read.parts().collect();
        found.sort();
        parts.sort();
        assert_eq!(found, parts);
    }

    #[test]
    fn a_halted_partition_is_halted_whatever_its_life_does() {
        let health = Health::default();
        health.halt("s", &tp("a", 0), halt("no such column"));
        let parts = [
            (tp("a", 0), PartitionState::Claiming),
            (tp("a", 1), PartitionState::Claiming),
        ];
        let report = MemberReport::default().of(parts.to_vec(), &health.report().sinks["s"]);
        let found: Vec<Part> = report.parts().collect();
        assert!(found.contains(&(tp("a", 0), PartitionState::Halted)));
        assert!(found.contains(&(tp("a", 1), PartitionState::Claiming)));
        assert_eq!(report.halts[0].reason, "no such column");
        assert!(!report.halts[0].since.is_empty());
    }

    #[test]
    fn what_is_not_told_in_full_is_counted() {
        let health = Health::default();
        for n in 0..130 {
            health.halt("s", &tp("a", n), halt("the table is gone"));
        }
        let parts = (0..130).map(|n| (tp("a", n), PartitionState::Claiming));
        let report = MemberReport::default().of(parts.collect(), &health.report().sinks["s"]);
        assert_eq!((report.halts.len(), report.more), (TOLD, 30));
        let halted = report
            .parts()
            .filter(|part| part.1 == PartitionState::Halted);
        assert_eq!(halted.count(), 130);
    }

    #[test]
    fn a_report_of_another_version_is_read_as_far_as_it_goes() {
        let text = r#"{"version": "9", "speed": 3, "heard": 4}"#;
        let read: MemberReport = serde_json::from_str(text).unwrap();
        assert_eq!((read.version.as_str(), read.heard), ("9", 4));
    }
}
