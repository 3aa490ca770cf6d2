//! Where a topic begins that has no position yet, asked of Kafka.

use crate::config::Start;
use crate::error::KafkaFault;
use crate::kafka::Cluster;
use plimsoll_protocol::{Position, StartRule, TopicPartition};
use plimsoll_sink_api::NewPosition;
use std::collections::BTreeSet;

/// Looks up the starts of partitions, all at one time, so that nothing that
/// arrives in between is skipped.
///
/// # Errors
/// What Kafka said; ask again.
pub fn look_up(
    cluster: &Cluster,
    rule: StartRule,
    start: &Start,
    partitions: &[TopicPartition],
) -> Result<Vec<NewPosition>, KafkaFault> {
    // Before anything is looked up: what comes meanwhile lies behind it.
    let ends = cluster.latest(partitions)?;
    let offsets = match (rule, start) {
        (StartRule::FirstRecord, _) | (StartRule::Configured, Start::Earliest) => {
            cluster.earliest(partitions)?
        }
        (StartRule::Configured, Start::Latest) => ends.clone(),
        (StartRule::Configured, Start::Time(millis)) => {
            // A record that comes in between is of that time or later, and must
            // not be skipped.
            let found = cluster.at_time(partitions, *millis)?;
            let behind = found.into_iter().zip(&ends);
            behind.map(|(found, end)| found.or(*end)).collect()
        }
        (StartRule::Configured, Start::Group(group)) => {
            let committed = cluster.committed(group, partitions)?;
            refuse_unknown(group, partitions, &committed)?;
            let first = cluster.earliest(partitions)?;
            committed
                .into_iter()
                .zip(first)
                .map(|(committed, first)| committed.or(first))
                .collect()
        }
    };
    let topics: BTreeSet<&str> = partitions.iter().map(|tp| &*tp.topic).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    let ids = cluster.topic_ids(&topics)?;
    partitions
        .iter()
        .zip(offsets.into_iter().zip(ends))
        .map(|(tp, told)| {
            let (Some(position), Some(high_watermark)) = told else {
                return Err(KafkaFault::new(format!("Kafka told no offset for {tp}")));
            };
            Ok(NewPosition {
                tp: tp.clone(),
                position,
                topic_id: ids.get(&*tp.topic).cloned(),
                high_watermark,
            })
        })
        .collect()
}

/// A group that has committed nothing at all is a slip in its name far more often
/// than a wish to read everything again.
fn refuse_unknown(
    group: &str,
    partitions: &[TopicPartition],
    committed: &[Option<Position>],
) -> Result<(), KafkaFault> {
    if committed.iter().any(Option::is_some) {
        return Ok(());
    }
    let topics: BTreeSet<&str> = partitions.iter().map(|tp| &*tp.topic).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    Err(KafkaFault::new(format!(
        "group \"{group}\" has committed nothing for {}; hint: look at its name in start, or use \
         start = \"earliest\"",
        topics.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_committed_nothing_is_refused_by_name() {
        let partitions = [TopicPartition::new("t", 0), TopicPartition::new("t", 1)];
        let said = refuse_unknown("typo", &partitions, &[None, None]).unwrap_err();
        assert!(
            said.to_string()
                .starts_with("group \"typo\" has committed nothing for t;")
        );
        let some = [None, Position::new(4).ok()];
        assert_eq!(refuse_unknown("other", &partitions, &some), Ok(()));
    }
}
