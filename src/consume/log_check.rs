//! What Kafka tells of logs, to compare it with what positions remember. Asked
//! for many partitions at once: one request for topic ids, two per broker for
//! the ends, and one fetch per leader for the records.

use super::Cluster;
use crate::batch::hash_of;
use crate::error::KafkaFault;
use plimsoll_protocol::{Agreement, KnownLog, Position, SeenLog, TopicPartition, agreement};
use plimsoll_sink_api::Claimed;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long the records of one topic may take: longer than a leader's election.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);
/// Bytes fetched per partition for the one record that is wanted; a broker sends
/// a whole batch at least.
const FETCH: &str = "16384";

/// What was found of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Kafka's id of the topic.
    pub topic_id: Option<String>,
    /// The first offset of the log.
    pub first: Option<Position>,
    /// Its end.
    pub end: Option<Position>,
    /// The hash of the record at the offset of the last one applied.
    pub hash: Option<i64>,
}

/// What is known of a claimed partition, and what was found.
#[derive(Debug)]
pub struct Compared<'a> {
    /// The cluster that the position belongs to.
    pub cluster_id: &'a str,
    /// The cluster that answers.
    pub seen_cluster: Option<&'a str>,
    /// What the position row says.
    pub claimed: &'a Claimed,
    /// What Kafka says.
    pub found: &'a Found,
}

impl Compared<'_> {
    /// Whether it is the same log.
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        let known = KnownLog {
            cluster_id: self.cluster_id,
            topic_id: self.claimed.topic_id.as_deref(),
            position: self.claimed.reached,
            hash: self.claimed.fingerprint.map(|f| f.hash),
        };
        let seen = SeenLog {
            cluster_id: self.seen_cluster,
            topic_id: self.found.topic_id.as_deref(),
            first: self.found.first,
            end: self.found.end,
            hash: self.found.hash,
        };
        agreement(known, seen)
    }
}

/// Why a partition halts: what is stored, what was found, and the command that
/// settles it. `None` where it may go on.
#[must_use]
pub fn disagreement(sink: &str, tp: &TopicPartition, compared: &Compared<'_>) -> Option<String> {
    let Compared { claimed, found, .. } = compared;
    let position = claimed.reached;
    let command = |what: &str| command(sink, tp, what);
    let shown = |at: Option<Position>| at.map_or_else(|| "?".to_owned(), |at| at.to_string());
    let either = either(sink, tp);
    Some(match compared.agreement() {
        Agreement::Agree | Agreement::Unknown => return None,
        Agreement::OtherCluster => format!(
            "the position {position} of {tp} belongs to cluster {}, and cluster {} answers; {either}",
            compared.cluster_id,
            compared.seen_cluster.unwrap_or("?")
        ),
        Agreement::Recreated => recreated(
            sink,
            tp,
            position,
            claimed.topic_id.as_deref().unwrap_or("?"),
            found.topic_id.as_deref().unwrap_or("?"),
        ),
        Agreement::Truncated => format!(
            "position {position} lies behind {}, the end of the topic: it was truncated or \
             recreated; hint: look at what the topic holds now; to begin it anew {}; to go on \
             elsewhere {}",
            shown(found.end),
            command("reset"),
            command("set --to latest")
        ),
        Agreement::OvertakenByRetention => format!(
            "position {position} lies before {}, the first offset that the topic still has: \
             retention was faster; hint: look at what is missing, then {}",
            shown(found.first),
            command("set --to earliest")
        ),
        Agreement::OtherRecord => format!(
            "another record stands at offset {} of {tp} than the one that was applied: the topic \
             was recreated, or its log rewritten; {either}",
            claimed.fingerprint.map_or(-1, |f| f.offset)
        ),
    })
}

fn command(sink: &str, tp: &TopicPartition, what: &str) -> String {
    format!(
        "`plimsoll positions {what} --sink {sink} --topic {} --partition {} --force`",
        tp.topic, tp.partition
    )
}

/// The two ways out of a log that is another one.
fn either(sink: &str, tp: &TopicPartition) -> String {
    format!(
        "hint: look at what the topic holds now; to begin it anew {}; if it is the same log after \
         all {}",
        command(sink, tp, "reset"),
        command(sink, tp, "adopt")
    )
}

/// Why a topic that has another id than its position halts the partition.
#[must_use]
pub fn recreated(
    sink: &str,
    tp: &TopicPartition,
    position: Position,
    known: &str,
    found: &str,
) -> String {
    format!(
        "the topic was recreated: the position {position} of {tp} belongs to topic id {known}, and \
         the topic's id is {found}; {}",
        either(sink, tp)
    )
}

/// Why a record whose leader epoch fell halts its partition.
#[must_use]
pub fn epoch_fell(sink: &str, tp: &TopicPartition, applied: i32, found: i32) -> String {
    format!(
        "a record of leader epoch {found} lies behind one of epoch {applied} that was applied: the \
         topic was recreated, or its log rewritten; hint: to begin it anew `plimsoll positions \
         reset --sink {sink} --topic {} --partition {} --force`; if it is the same log after all \
         `plimsoll positions adopt --sink {sink} --topic {} --partition {} --force`",
        tp.topic, tp.partition, tp.topic, tp.partition
    )
}

/// Asks Kafka of claimed partitions. Blocks, within bounds.
///
/// # Errors
/// Kafka did not answer; ask again.
pub fn look_at(
    cluster: &Cluster,
    group_id: &str,
    claimed: &[(TopicPartition, Claimed)],
) -> Result<Vec<Found>, KafkaFault> {
    let partitions: Vec<TopicPartition> = claimed.iter().map(|(tp, _)| tp.clone()).collect();
    let topics: BTreeSet<&str> = partitions.iter().map(|tp| &*tp.topic).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    let ids = cluster.topic_ids(&topics)?;
    let first = cluster.earliest(&partitions)?;
    let end = cluster.latest(&partitions)?;
    let mut found: BTreeMap<TopicPartition, Found> = partitions
        .iter()
        .zip(first.into_iter().zip(end))
        .map(|(tp, (first, end))| {
            let found = Found {
                topic_id: ids.get(&*tp.topic).cloned(),
                first,
                end,
                hash: None,
            };
            (tp.clone(), found)
        })
        .collect();
    let mut wanted: BTreeMap<String, BTreeMap<i32, i64>> = BTreeMap::new();
    for (tp, claimed) in claimed {
        let log = &found[tp];
        let within = |offset: i64| {
            log.first.is_some_and(|first| offset >= first.offset())
                && log.end.is_some_and(|end| offset < end.offset())
        };
        if let Some(fingerprint) = claimed.fingerprint
            && within(fingerprint.offset)
        {
            let of_topic = wanted.entry(tp.topic.to_string()).or_default();
            of_topic.insert(tp.partition, fingerprint.offset);
        }
    }
    if wanted.is_empty() {
        return Ok(partitions.iter().map(|tp| found[tp].clone()).collect());
    }
    let consumer = reader(cluster, group_id)?;
    for (topic, offsets) in &wanted {
        for (partition, hash) in hashes(&consumer, topic, offsets)? {
            let tp = TopicPartition::new(topic.as_str(), partition);
            if let Some(found) = found.get_mut(&tp) {
                found.hash = Some(hash);
            }
        }
    }
    Ok(partitions.iter().map(|tp| found[tp].clone()).collect())
}

/// A member of no group: without a subscription nobody joins it, but an
/// assignment by hand wants its name.
fn reader(cluster: &Cluster, group_id: &str) -> Result<BaseConsumer, KafkaFault> {
    let mut config = cluster.config().clone();
    Ok(config
        .set("group.id", group_id)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("fetch.message.max.bytes", FETCH)
        .set("fetch.wait.max.ms", "10")
        .create()?)
}

/// The hashes of records of one topic, where the log still has them.
fn hashes(
    consumer: &BaseConsumer,
    topic: &str,
    offsets: &BTreeMap<i32, i64>,
) -> Result<Vec<(i32, i64)>, KafkaFault> {
    let mut list = TopicPartitionList::new();
    for (&partition, &offset) in offsets {
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    }
    consumer.assign(&list)?;
    let mut open: BTreeSet<i32> = offsets.keys().copied().collect();
    let mut hashes = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while !open.is_empty() {
        if Instant::now() > deadline {
            return Err(KafkaFault::new(format!(
                "the last record applied of {topic} {open:?} could not be read again"
            )));
        }
        let partition = match consumer.poll(POLL) {
            None => continue,
            Some(Ok(message)) => {
                let partition = message.partition();
                let wanted = offsets.get(&partition) == Some(&message.offset());
                if wanted && open.contains(&partition) {
                    hashes.push((partition, hash_of(message.key(), message.payload())));
                }
                // A later one: compaction removed it.
                partition
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => partition,
            // Between two looks the log may have lost its beginning.
            Some(Err(error)) => return Err(error.into()),
        };
        if open.remove(&partition) {
            let mut done = TopicPartitionList::new();
            done.add_partition(topic, partition);
            consumer
                .incremental_unassign(&done)
                .or_else(|_| consumer.pause(&done))?;
        }
    }
    consumer.unassign()?;
    Ok(hashes)
}
