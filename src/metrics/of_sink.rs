//! The counters of a sink, from its start on.

use super::{
    CLAIMS, COMMITS_JUDGED, COMPARED, DROPPED, LOG_CHECKS, PAUSES, RESTARTS, RETRIES,
    TABLE_CHANGES, TERMINATED,
};
use metrics::counter;

/// A label of a counter, and all its words.
type Words = (&'static str, &'static [&'static str]);

/// Counters of a sink, and the words of their one further label. Those of partitions
/// are there from the first claim on, by [`PartitionMetrics`]; errors of Kafka's client
/// have more codes than are worth naming.
#[rustfmt::skip]
const OF_SINK: &[(&str, Option<Words>)] = &[
    (DROPPED, Some(("reason", &["seen", "not_assigned", "not_live", "after_error", "no_offset"]))),
    (COMPARED, Some(("finding", &["own", "shared", "alone", "changing"]))),
    (TABLE_CHANGES, None),
    (COMMITS_JUDGED, Some(("verdict", &["committed", "not_committed", "out_of_step"]))),
    (CLAIMS, None),
    (TERMINATED, None),
    (LOG_CHECKS, Some(("found", &["agree", "unknown", "recreated", "other_cluster", "other_record", "truncated", "overtaken_by_retention"]))),
    (RESTARTS, Some(("reason", &["fenced", "out_of_step", "overtaken", "kafka_error", "asked", "stalled", "unconfirmed", "halted"]))),
    (RETRIES, Some(("reason", &["unavailable", "transient", "fenced", "stale", "suspect", "rejected", "registry"]))),
    (PAUSES, None),
];

/// Begins the counters of a sink at 0: Prometheus' `increase()` does not see the first
/// event of a counter that appears with it.
pub fn begin(sink: &str) {
    for (name, label) in OF_SINK {
        match label {
            None => counter!(*name, "sink" => sink.to_owned()).increment(0),
            Some((label, words)) => {
                for word in *words {
                    counter!(*name, "sink" => sink.to_owned(), *label => *word).increment(0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::RestartReason;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use plimsoll_protocol::{Agreement, Class, Finding};

    #[track_caller]
    fn words_of(metric: &str) -> &'static [&'static str] {
        let of = OF_SINK.iter().find(|(name, _)| *name == metric);
        of.and_then(|(_, label)| *label).expect(metric).1
    }

    /// A word that the code has and the list lacks would be a series that appears with
    /// its first event.
    #[test]
    fn the_first_words_of_a_counter_are_all_it_has() {
        let restarts = [
            RestartReason::Fenced,
            RestartReason::OutOfStep,
            RestartReason::Overtaken,
            RestartReason::Halted,
            RestartReason::KafkaError,
            RestartReason::Asked,
            RestartReason::Unconfirmed,
            RestartReason::Stalled,
        ];
        let agreements = [
            Agreement::Agree,
            Agreement::Unknown,
            Agreement::OtherCluster,
            Agreement::Recreated,
            Agreement::OvertakenByRetention,
            Agreement::Truncated,
            Agreement::OtherRecord,
        ];
        let retried = [
            Class::Fenced,
            Class::Transient,
            Class::Unavailable,
            Class::Rejected,
            Class::Suspect,
            Class::Stale,
        ];
        let findings = [
            Finding::Own,
            Finding::Shared,
            Finding::Alone,
            Finding::Changing,
        ];
        let of = [
            (RESTARTS, restarts.map(RestartReason::as_str).to_vec()),
            (LOG_CHECKS, agreements.map(Agreement::as_str).to_vec()),
            (RETRIES, retried.map(Class::as_str).to_vec()),
            (COMPARED, findings.map(Finding::as_str).to_vec()),
        ];
        for (metric, words) in of {
            for word in words {
                assert!(words_of(metric).contains(&word), "{metric}: {word}");
            }
        }
    }

    #[test]
    fn the_docs_name_the_words_of_each_counter() {
        let docs = include_str!("../../docs/METRICS.md");
        for (metric, label) in OF_SINK {
            let row = docs
                .lines()
                .find(|line| line.starts_with(&format!("| `{metric}` |")))
                .expect(metric);
            for word in label.map_or::<&[&str], _>(&[], |(_, words)| words) {
                assert!(row.contains(&format!("`{word}`")), "{metric}: {word}");
            }
        }
    }

    #[test]
    fn a_counter_is_there_before_its_first_event() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || begin("orders"));
        let told = handle.render();
        for line in [
            format!("{CLAIMS}{{sink=\"orders\"}} 0"),
            format!("{RETRIES}{{sink=\"orders\",reason=\"registry\"}} 0"),
            format!("{COMMITS_JUDGED}{{sink=\"orders\",verdict=\"out_of_step\"}} 0"),
        ] {
            assert!(told.lines().any(|told| told == line), "{line}: {told}");
        }
    }
}
