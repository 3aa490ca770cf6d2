//! What was read last of a sink's logs. Gauges of a recorder keep their last value; these
//! are there only while they are known.

use crate::metrics::{END_READ, HIGH_WATERMARK, LAG, LAG_SECONDS, PARTITIONS_KNOWN};
use plimsoll_protocol::{Position, TopicPartition};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a partition stands, and where its log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// What the sink has committed.
    pub position: Position,
    /// The end of the log.
    pub end: Position,
    /// Since when the oldest record waits that is not applied; `None`: none waits.
    pub since: Option<SystemTime>,
}

/// By partition.
pub type Ends = BTreeMap<TopicPartition, End>;

/// What is known of a sink's logs.
#[derive(Debug, Default)]
pub(super) struct Logs {
    pub(super) ends: Ends,
    /// When all ends were last told that were asked for.
    pub(super) read: Option<SystemTime>,
    /// Partitions of the sink's topics, where Kafka told.
    pub(super) partitions: Option<usize>,
}

/// A gauge, with all its samples.
struct Family {
    name: &'static str,
    help: &'static str,
    samples: String,
}

impl Family {
    fn new(name: &'static str, help: &'static str) -> Self {
        let samples = String::new();
        Self {
            name,
            help,
            samples,
        }
    }

    fn add(&mut self, labels: &str, value: impl std::fmt::Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.samples, "{}{{{labels}}} {value}", self.name);
    }
}

/// What is known of logs, as Prometheus reads it.
pub(super) fn render<'l>(
    sinks: impl Iterator<Item = (&'l str, &'l Logs)>,
    now: SystemTime,
) -> String {
    let mut ends = Family::new(
        HIGH_WATERMARK,
        "End of the log; the last stable offset under read_committed",
    );
    let mut lags = Family::new(LAG, "High watermark minus position");
    let mut ages = Family::new(
        LAG_SECONDS,
        "Age of the oldest record that is not applied; 0 where none waits",
    );
    let mut read = Family::new(END_READ, "When the ends of all logs were last read");
    let mut known = Family::new(PARTITIONS_KNOWN, "Partitions of the sink's topics");
    for (sink, logs) in sinks {
        let of_sink = format!("sink=\"{sink}\"");
        for (tp, at) in &logs.ends {
            let (topic, partition) = (&tp.topic, tp.partition);
            let labels = format!("{of_sink},topic=\"{topic}\",partition=\"{partition}\"");
            ends.add(&labels, at.end.offset());
            lags.add(&labels, (at.end.offset() - at.position.offset()).max(0));
            ages.add(&labels, at.since.map_or(0.0, |since| age(since, now)));
        }
        if let Some(at) = logs.read {
            read.add(&of_sink, age(UNIX_EPOCH, at));
        }
        if let Some(partitions) = logs.partitions {
            known.add(&of_sink, partitions);
        }
    }
    let mut text = String::new();
    for family in [ends, lags, ages, read, known] {
        let Family {
            name,
            help,
            samples,
        } = family;
        if !samples.is_empty() {
            let _ = write!(
                text,
                "# HELP {name} {help}\n# TYPE {name} gauge\n{samples}\n"
            );
        }
    }
    text
}

/// In seconds; a producer's clock may be ahead of ours.
fn age(since: SystemTime, now: SystemTime) -> f64 {
    now.duration_since(since).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn second(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    fn logs(since: Option<SystemTime>) -> Logs {
        let at = |offset| Position::new(offset).unwrap();
        let end = End {
            position: at(7),
            end: at(9),
            since,
        };
        Logs {
            ends: Ends::from([(TopicPartition::new("t", 3), end)]),
            read: Some(second(1_000)),
            partitions: Some(4),
        }
    }

    fn rendered(logs: &Logs) -> String {
        let none = Logs::default();
        render([("a", logs), ("b", &none)].into_iter(), second(1_002))
    }

    #[track_caller]
    fn assert_told(text: &str, line: &str) {
        assert!(text.contains(&format!("\n{line}\n")), "{text}");
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        assert_eq!(rendered(&Logs::default()), "");
        let text = rendered(&logs(None));
        let labels = r#"{sink="a",topic="t",partition="3"}"#;
        assert_told(&text, &format!("plimsoll_lag{labels} 2"));
        assert_told(&text, &format!("plimsoll_high_watermark{labels} 9"));
        assert_told(&text, &format!("plimsoll_lag_seconds{labels} 0"));
        assert_told(&text, r#"plimsoll_partitions_known{sink="a"} 4"#);
        let read = r#"plimsoll_end_read_timestamp_seconds{sink="a"} 1000"#;
        assert_told(&text, read);
        assert!(text.contains("# TYPE plimsoll_lag gauge\n"), "{text}");
        assert!(!text.contains(r#"sink="b""#), "{text}");
        // The ends are gone; when they were there is still true.
        let gone = Logs {
            ends: Ends::new(),
            ..logs(None)
        };
        let text = rendered(&gone);
        assert!(!text.contains("plimsoll_lag"), "{text}");
        assert_told(&text, read);
    }

    #[test]
    fn what_waits_grows_older_until_the_scrape() {
        let labels = r#"plimsoll_lag_seconds{sink="a",topic="t",partition="3"}"#;
        let of = |since| rendered(&logs(Some(since)));
        assert_told(&of(second(900)), &format!("{labels} 102"));
        // Its producer's clock is ahead.
        assert_told(&of(second(2_000)), &format!("{labels} 0"));
    }
}
