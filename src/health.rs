//! What `/readyz` tells: starts, halts, outages, draining.

use crate::metrics as names;
use metrics::gauge;
use plimsoll_protocol::TopicPartition;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::{info, warn};

/// Why a partition does not move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Halt {
    /// The offset of the record, where it is about one.
    pub offset: Option<i64>,
    /// The column, where it is known.
    pub column: Option<String>,
    /// What is wrong; holds no value of the record.
    pub reason: String,
}

#[derive(Debug, Default)]
struct SinkHealth {
    claimed: bool,
    away: Option<String>,
    /// What Kafka said last, by who asked in vain.
    kafka: BTreeMap<Asking, String>,
    halts: BTreeMap<TopicPartition, Halt>,
}

/// Who asks Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asking {
    /// The start, for the cluster's id.
    Start,
    /// Claims, for the logs of what is claimed.
    Claims,
    /// The watcher of lags, for the ends of logs.
    Watch,
    /// Commits, for what a batch was fetched from.
    Commits,
}

#[derive(Debug, Default)]
struct Inner {
    draining: bool,
    sinks: BTreeMap<String, SinkHealth>,
}

/// The health of the whole process; shared, cheap to update.
#[derive(Debug, Default)]
pub struct Health(Mutex<Inner>);

/// What `/readyz` answers.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Report {
    /// Whether every sink made its first claims and nothing drains.
    pub ready: bool,
    /// Whether nothing is halted or away either.
    pub undisturbed: bool,
    /// Whether the process is going down.
    pub draining: bool,
    /// By sink.
    pub sinks: BTreeMap<String, SinkReport>,
}

/// One sink in a [`Report`].
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct SinkReport {
    /// Whether the first assignment was claimed.
    pub claimed: bool,
    /// What the database said last, while it is away.
    pub database_away: Option<String>,
    /// What Kafka said last, while it does not answer as it should.
    pub kafka_away: Option<String>,
    /// Partitions that do not move, and why.
    pub halted: Vec<HaltReport>,
}

/// One halted partition in a [`Report`].
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct HaltReport {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Why.
    #[serde(flatten)]
    pub halt: Halt,
}

impl Health {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a sink known: not ready yet.
    pub fn sink(&self, sink: &str) {
        self.lock().sinks.entry(sink.to_owned()).or_default();
    }

    /// The first assignment of a sink is claimed.
    pub fn claimed(&self, sink: &str) {
        self.lock()
            .sinks
            .entry(sink.to_owned())
            .or_default()
            .claimed = true;
    }

    /// The database of a sink does not answer. Said once, until it is back.
    pub fn away(&self, sink: &str, why: String) {
        let mut inner = self.lock();
        let away = &mut inner.sinks.entry(sink.to_owned()).or_default().away;
        if away.is_none() {
            warn!(sink, "the database is away: {why}; waiting for it");
        }
        *away = Some(why);
    }

    /// The database of a sink answers.
    pub fn back(&self, sink: &str) {
        let mut inner = self.lock();
        if inner
            .sinks
            .entry(sink.to_owned())
            .or_default()
            .away
            .take()
            .is_some()
        {
            info!(sink, "the database is back");
        }
    }

    /// Kafka does not answer a question as it should. Said once, until it does.
    pub fn kafka_away(&self, sink: &str, asking: Asking, why: String) {
        let mut inner = self.lock();
        let kafka = &mut inner.sinks.entry(sink.to_owned()).or_default().kafka;
        if kafka.insert(asking, why.clone()).as_ref() != Some(&why) {
            warn!(sink, "Kafka does not answer: {why}; asked again");
        }
    }

    /// Kafka answers that question.
    pub fn kafka_back(&self, sink: &str, asking: Asking) {
        let mut inner = self.lock();
        let kafka = &mut inner.sinks.entry(sink.to_owned()).or_default().kafka;
        if kafka.remove(&asking).is_some() && kafka.is_empty() {
            info!(sink, "Kafka answers again");
        }
    }

    /// A partition stops.
    pub fn halt(&self, sink: &str, tp: &TopicPartition, halt: Halt) {
        let mut inner = self.lock();
        let sink = inner.sinks.entry(sink.to_owned()).or_default();
        sink.halts.insert(tp.clone(), halt);
    }

    /// A partition moves again, or is no longer ours.
    pub fn moves(&self, sink: &str, tp: &TopicPartition) {
        if let Some(sink) = self.lock().sinks.get_mut(sink) {
            sink.halts.remove(tp);
        }
    }

    /// The partitions of a sink that are halted.
    #[must_use]
    pub fn halted(&self, sink: &str) -> Vec<TopicPartition> {
        let inner = self.lock();
        let halts = inner.sinks.get(sink).map(|s| s.halts.keys().cloned());
        halts.into_iter().flatten().collect()
    }

    /// The process goes down.
    pub fn draining(&self) {
        self.lock().draining = true;
    }

    /// Sets the gauges of halts and outages, for a scrape.
    pub fn publish(&self) {
        for (name, sink) in &self.lock().sinks {
            let away = f64::from(u8::from(sink.away.is_some()));
            gauge!(names::DATABASE_AWAY, "sink" => name.clone()).set(away);
            let kafka = f64::from(u8::from(!sink.kafka.is_empty()));
            gauge!(names::KAFKA_AWAY, "sink" => name.clone()).set(kafka);
            gauge!(names::HALTED, "sink" => name.clone()).set(sink.halts.len() as f64);
        }
    }

    /// The answer of `/readyz`.
    #[must_use]
    pub fn report(&self) -> Report {
        let inner = self.lock();
        let sinks: BTreeMap<_, _> = inner
            .sinks
            .iter()
            .map(|(name, sink)| {
                let halted = sink.halts.iter().map(|(tp, halt)| HaltReport {
                    topic: tp.topic.to_string(),
                    partition: tp.partition,
                    halt: halt.clone(),
                });
                let report = SinkReport {
                    claimed: sink.claimed,
                    database_away: sink.away.clone(),
                    kafka_away: sink.kafka.values().next().cloned(),
                    halted: halted.collect(),
                };
                (name.clone(), report)
            })
            .collect();
        Report {
            ready: !inner.draining && sinks.values().all(|s| s.claimed),
            undisturbed: sinks.values().all(|s| {
                s.database_away.is_none() && s.kafka_away.is_none() && s.halted.is_empty()
            }),
            draining: inner.draining,
            sinks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_comes_with_the_first_claims_and_goes_with_the_drain() {
        let health = Health::default();
        health.sink("a");
        health.sink("b");
        assert!(!health.report().ready);
        health.claimed("a");
        assert!(!health.report().ready);
        health.claimed("b");
        assert!(health.report().ready);
        health.draining();
        assert!(!health.report().ready);
    }

    #[test]
    fn kafka_is_away_until_all_who_asked_in_vain_are_answered() {
        let health = Health::default();
        health.claimed("a");
        health.kafka_away("a", Asking::Claims, "not authorized".into());
        health.kafka_away("a", Asking::Watch, "timed out".into());
        health.kafka_back("a", Asking::Watch);
        let report = health.report();
        assert!(report.ready && !report.undisturbed);
        assert_eq!(
            report.sinks["a"].kafka_away.as_deref(),
            Some("not authorized")
        );
        health.kafka_back("a", Asking::Claims);
        assert!(health.report().undisturbed);
    }

    #[test]
    fn a_halt_is_told_until_the_partition_moves() {
        let health = Health::default();
        health.claimed("a");
        let tp = TopicPartition::new("t", 3);
        let halt = Halt {
            offset: Some(7),
            column: None,
            reason: "not_null_violation".into(),
        };
        health.halt("a", &tp, halt.clone());
        let report = health.report();
        assert!(report.ready && !report.undisturbed);
        assert_eq!(report.sinks["a"].halted[0].halt, halt);
        health.moves("a", &tp);
        assert!(health.report().undisturbed);
    }
}
