//! The ends of logs as they were read last. Gauges of a recorder keep their last
//! value; these are there only while they are known.

use crate::metrics::{HIGH_WATERMARK, LAG};
use plimsoll_protocol::{Position, TopicPartition};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where a partition stands, and where its log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// What the sink has committed.
    pub position: Position,
    /// The end of the log.
    pub end: Position,
}

/// By partition.
pub type Ends = BTreeMap<TopicPartition, End>;

/// Lag and end of each partition, as Prometheus reads them.
pub(super) fn render<'e>(sinks: impl Iterator<Item = (&'e str, &'e Ends)>) -> String {
    let mut lags = String::new();
    let mut ends = String::new();
    for (sink, of_sink) in sinks {
        for (tp, at) in of_sink {
            let labels = format!(
                "{{sink=\"{sink}\",topic=\"{}\",partition=\"{}\"}}",
                tp.topic, tp.partition
            );
            let (end, lag) = (at.end.offset(), at.end.offset() - at.position.offset());
            // Writing to a string does not fail.
            let _ = writeln!(lags, "{LAG}{labels} {}", lag.max(0));
            let _ = writeln!(ends, "{HIGH_WATERMARK}{labels} {end}");
        }
    }
    let mut text = String::new();
    for (name, help, samples) in [
        (
            HIGH_WATERMARK,
            "End of the log; the last stable offset under read_committed",
            ends,
        ),
        (LAG, "High watermark minus position", lags),
    ] {
        if !samples.is_empty() {
            let _ = write!(
                text,
                "# HELP {name} {help}\n# TYPE {name} gauge\n{samples}\n"
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_told() {
        let at = |offset| Position::new(offset).unwrap();
        let known = Ends::from([(
            TopicPartition::new("t", 3),
            End {
                position: at(7),
                end: at(9),
            },
        )]);
        let none = Ends::new();
        assert_eq!(render([("a", &none)].into_iter()), "");
        let text = render([("a", &known), ("b", &none)].into_iter());
        let labels = r#"{sink="a",topic="t",partition="3"}"#;
        assert!(
            text.contains(&format!("\nplimsoll_lag{labels} 2\n")),
            "{text}"
        );
        assert!(
            text.contains(&format!("\nplimsoll_high_watermark{labels} 9\n")),
            "{text}"
        );
        assert!(text.contains("# TYPE plimsoll_lag gauge\n"), "{text}");
    }
}
