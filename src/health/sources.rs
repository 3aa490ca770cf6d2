//! What `/readyz` and the gauges tell of sources.

use super::Health;
use crate::metrics as names;
use jiff::Timestamp;
use metrics::gauge;
use plimsoll_protocol::source::{Lsn, SourcePosition};
use plimsoll_source::Side;
use serde::Serialize;

/// What a source does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It claims its slot and reads its position.
    #[default]
    Starting,
    /// It sends.
    Live,
    /// Another process sends.
    Standby,
    /// It sends nothing until an operator has acted.
    Halted,
}

/// One source, in `/readyz`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// What it does.
    pub state: SourceState,
    /// Why it stands by, or halts, with what to do; holds no value of a row.
    pub why: Option<String>,
    /// What the database said last, while it is away.
    pub database_away: Option<String>,
    /// What Kafka said last, while it is away.
    pub kafka_away: Option<String>,
    /// Where it stands in the database's log.
    pub position: Option<String>,
    /// How many events it has sent since its first start.
    pub events: Option<u64>,
    /// When it came to this state, RFC 3339.
    pub since: Option<String>,
    /// It was live or standby once.
    #[serde(skip)]
    ready: bool,
    /// Bytes of the log between the position and where the server was last.
    #[serde(skip)]
    behind: Option<u64>,
}

impl SourceReport {
    /// Whether it came as far as it can.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_undisturbed(&self) -> bool {
        let moves = matches!(self.state, SourceState::Live | SourceState::Standby);
        moves && self.database_away.is_none() && self.kafka_away.is_none()
    }

    fn becomes(&mut self, state: SourceState, why: Option<String>) {
        if self.state != state || self.since.is_none() {
            self.since = Some(format!("{:.0}", Timestamp::now()));
        }
        self.state = state;
        self.why = why;
        self.ready |= matches!(state, SourceState::Live | SourceState::Standby);
        self.database_away = None;
        self.kafka_away = None;
    }

    fn stands(&mut self, position: &SourcePosition) {
        self.position = Some(position.next_lsn.to_string());
        self.events = Some(position.seq);
    }
}

impl Health {
    fn source(&self, source: &str, change: impl FnOnce(&mut SourceReport)) {
        change(self.lock().sources.entry(source.to_owned()).or_default());
    }

    /// Makes a source known: not ready yet.
    pub fn source_starts(&self, source: &str) {
        self.source(source, |_| ());
    }

    /// It sends.
    pub fn source_live(&self, source: &str, position: &SourcePosition) {
        self.source(source, |report| {
            report.becomes(SourceState::Live, None);
            report.stands(position);
        });
    }

    /// Another process sends.
    pub fn source_standby(&self, source: &str, why: &str) {
        self.source(source, |report| {
            report.becomes(SourceState::Standby, Some(why.to_owned()));
        });
    }

    /// It halts.
    pub fn source_halted(&self, source: &str, why: String) {
        self.source(source, |report| {
            report.becomes(SourceState::Halted, Some(why));
        });
    }

    /// One side does not answer.
    pub fn source_trouble(&self, source: &str, side: Side, what: &str) {
        self.source(source, |report| {
            // It claims anew when that has passed.
            report.becomes(SourceState::Starting, None);
            match side {
                Side::Database => report.database_away = Some(what.to_owned()),
                Side::Kafka => report.kafka_away = Some(what.to_owned()),
            }
        });
    }

    /// Where it stands, and up to where the server has sent its log.
    pub fn source_stands(&self, source: &str, position: &SourcePosition, wal_end: Lsn) {
        self.source(source, |report| {
            report.stands(position);
            report.behind = Some(wal_end.since(position.next_lsn));
        });
    }

    /// Sets the gauges of sources, for a scrape.
    pub(super) fn publish_sources(&self) {
        for (name, source) in &self.lock().sources {
            let set = |gauge: &'static str, value: f64| {
                gauge!(gauge, "source" => name.clone()).set(value);
            };
            let is = |state| f64::from(u8::from(source.state == state));
            set(names::SOURCE_LIVE, is(SourceState::Live));
            set(names::SOURCE_HALTED, is(SourceState::Halted));
            if let (Some(behind), SourceState::Live) = (source.behind, source.state) {
                set(names::SOURCE_LAG_BYTES, behind as f64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_protocol::source::SourceId;

    fn at() -> SourcePosition {
        SourcePosition {
            id: SourceId {
                system_id: 7,
                database: "shop".to_owned(),
                slot: "s".to_owned(),
            },
            timeline: 1,
            next_lsn: Lsn(0x3000),
            seq: 5,
        }
    }

    #[test]
    fn a_source_is_ready_once_it_sends_or_stands_by() {
        let health = Health::default();
        health.source_starts("a");
        health.source_starts("b");
        assert!(!health.report().ready && !health.report().undisturbed);
        health.source_live("a", &at());
        health.source_standby("b", "another session has the slot");
        let report = health.report();
        assert!(report.ready && report.undisturbed);
        assert_eq!(report.sources["a"].position.as_deref(), Some("0/3000"));
        assert_eq!(report.sources["a"].events, Some(5));
    }

    #[test]
    fn what_is_wrong_with_a_source_disturbs_until_it_sends_again() {
        let health = Health::default();
        health.source_live("a", &at());
        health.source_trouble("a", Side::Kafka, "timed out");
        let report = health.report();
        assert!(report.ready && !report.undisturbed);
        assert_eq!(report.sources["a"].kafka_away.as_deref(), Some("timed out"));
        health.source_halted("a", "the slot is gone".to_owned());
        let report = health.report();
        assert!(report.ready && !report.undisturbed);
        assert_eq!(report.sources["a"].kafka_away, None);
        health.source_live("a", &at());
        assert!(health.report().undisturbed);
    }
}
