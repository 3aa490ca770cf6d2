//! Where a topic begins that has no position yet, asked of Kafka.

use crate::config::Start;
use crate::consume::Cluster;
use crate::error::KafkaFault;
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
    let offsets = match (rule, start) {
        (StartRule::FirstRecord, _) | (StartRule::Configured, Start::Earliest) => {
            cluster.earliest(partitions)?
        }
        (StartRule::Configured, Start::Latest) => cluster.latest(partitions)?,
        (StartRule::Configured, Start::Time(millis)) => {
            // The end is read before asking: a record that comes in between is
            // of that time or later, and must not be skipped.
            let ends = cluster.latest(partitions)?;
            let found = cluster.at_time(partitions, *millis)?;
            found
                .into_iter()
                .zip(ends)
                .map(|(found, end)| found.or(end))
                .collect()
        }
        (StartRule::Configured, Start::Group(group)) => {
            let committed = cluster.committed(group, partitions)?;
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
        .zip(offsets)
        .map(|(tp, position)| {
            let position: Position = position
                .ok_or_else(|| KafkaFault::new(format!("Kafka told no offset for {tp}")))?;
            Ok(NewPosition {
                tp: tp.clone(),
                position,
                topic_id: ids.get(&*tp.topic).cloned(),
            })
        })
        .collect()
}
