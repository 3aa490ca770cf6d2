//! What Kafka tells of logs, to compare it with what positions remember. Asked
//! for many partitions at once: one request for topic ids, two per broker for
//! the ends, and one fetch per leader for the records.

use super::Cluster;
use crate::error::KafkaFault;
use plimsoll_protocol::{Agreement, KnownLog, Position, SeenLog, TopicPartition, agreement};
use plimsoll_record::hash_of;
use plimsoll_sink_api::Claimed;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
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

/// What a look at a partition's log came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogLook {
    /// Kafka told what it has.
    Found(Found),
    /// Its leader does not answer; look again.
    Away(KafkaFault),
    /// It has the last record applied, and does not give it out: a right that is
    /// lacking, or a batch that is damaged.
    Unreadable(KafkaFault),
    /// It does not give out what comes next.
    Refused(KafkaFault),
}

/// A claimed partition whose log is looked at.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which.
    pub tp: TopicPartition,
    /// What the position row says.
    pub claimed: Claimed,
    /// Whether what comes next is fetched too: it was refused, until the partition
    /// halted.
    pub fetch: bool,
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

/// Asks Kafka of claimed partitions. Blocks, within bounds. What is wrong with one
/// partition holds up no other.
///
/// # Errors
/// Kafka did not answer; ask again.
pub fn look_at(
    cluster: &Cluster,
    group_id: &str,
    wanted: &[Wanted],
) -> Result<Vec<LogLook>, KafkaFault> {
    let partitions: Vec<TopicPartition> = wanted.iter().map(|one| one.tp.clone()).collect();
    let topics: BTreeSet<&str> = partitions.iter().map(|tp| &*tp.topic).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    let ids = cluster.topic_ids(&topics)?;
    let first = cluster.earliest(&partitions)?;
    let end = cluster.latest(&partitions)?;
    let mut looks: BTreeMap<TopicPartition, LogLook> = BTreeMap::new();
    let (mut last, mut next) = (Offsets::new(), Offsets::new());
    for (one, (first, end)) in wanted.iter().zip(first.into_iter().zip(end)) {
        let found = Found {
            topic_id: ids.get(&*one.tp.topic).cloned(),
            first,
            end,
            hash: None,
        };
        let note = |offsets: &mut Offsets, offset: Option<i64>| {
            if let Some(offset) = offset {
                let of_topic = offsets.entry(one.tp.topic.to_string()).or_default();
                of_topic.insert(one.tp.partition, offset);
            }
        };
        note(&mut last, one.last(&found));
        note(&mut next, one.next(&found));
        looks.insert(one.tp.clone(), LogLook::Found(found));
    }
    if !(last.is_empty() && next.is_empty()) {
        let consumer = reader(cluster, group_id)?;
        for (tp, hash) in read_all(&consumer, &last)? {
            match (hash, looks.get_mut(&tp)) {
                (Ok(hash), Some(LogLook::Found(found))) => found.hash = hash,
                (Err(Unread::Away(fault)), Some(look)) => *look = LogLook::Away(fault),
                (Err(Unread::Refused(fault)), Some(look)) => *look = LogLook::Unreadable(fault),
                (Ok(_), Some(_)) | (_, None) => {}
            }
        }
        for (tp, read) in read_all(&consumer, &next)? {
            match (read, looks.get_mut(&tp)) {
                (Err(Unread::Away(fault)), Some(look)) => *look = LogLook::Away(fault),
                (Err(Unread::Refused(fault)), Some(look)) => *look = LogLook::Refused(fault),
                (Ok(_), _) | (Err(_), None) => {}
            }
        }
    }
    Ok(partitions.iter().map(|tp| looks[tp].clone()).collect())
}

/// Offsets by topic and partition.
type Offsets = BTreeMap<String, BTreeMap<i32, i64>>;

impl Wanted {
    /// The last record applied, where the log still has it.
    fn last(&self, found: &Found) -> Option<i64> {
        let offset = self.claimed.fingerprint?.offset;
        let first = found.first?.offset();
        let end = found.end?.offset();
        (first..end).contains(&offset).then_some(offset)
    }

    /// Where the next life begins, if that is to be fetched: a record or the end of
    /// the log, which a broker tells with no error. Behind the end is what the
    /// comparison tells.
    fn next(&self, found: &Found) -> Option<i64> {
        let from = self
            .claimed
            .position
            .max(found.first.unwrap_or(Position::ZERO));
        let within = found.end.is_none_or(|end| from <= end);
        (self.fetch && within).then_some(from.offset())
    }
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

/// Why nothing was read.
#[derive(Debug, Clone)]
enum Unread {
    /// Its leader does not answer.
    Away(KafkaFault),
    /// It answers with an error, or with what cannot be read.
    Refused(KafkaFault),
}

/// The hash of a record where the log still has it.
type Hashed = Result<Option<i64>, Unread>;

/// What stands at offsets.
fn read_all(
    consumer: &BaseConsumer,
    offsets: &Offsets,
) -> Result<Vec<(TopicPartition, Hashed)>, KafkaFault> {
    let mut all = Vec::new();
    for (topic, offsets) in offsets {
        let found = hashes(consumer, topic, offsets)?.into_iter();
        all.extend(
            found.map(|(partition, hash)| (TopicPartition::new(topic.as_str(), partition), hash)),
        );
    }
    Ok(all)
}

/// The hashes of records of one topic. An error does not say which partition it is
/// of, so halves are asked again, until it is alone.
fn hashes(
    consumer: &BaseConsumer,
    topic: &str,
    offsets: &BTreeMap<i32, i64>,
) -> Result<Vec<(i32, Hashed)>, KafkaFault> {
    match read_hashes(consumer, topic, offsets)? {
        Ok(hashes) => Ok(hashes),
        Err(fault) if offsets.len() <= 1 => {
            let refused = |partition: &i32| (*partition, Err(Unread::Refused(fault.clone())));
            Ok(offsets.keys().map(refused).collect())
        }
        Err(_) => {
            let mut low = offsets.clone();
            let middle = *offsets.keys().nth(offsets.len() / 2).unwrap_or(&0);
            let high = low.split_off(&middle);
            let mut all = hashes(consumer, topic, &low)?;
            all.extend(hashes(consumer, topic, &high)?);
            Ok(all)
        }
    }
}

/// Whether a fault is the client's: no partition is to blame.
fn is_the_clients(fault: &KafkaFault) -> bool {
    fault.is_unreached() || matches!(fault.code(), None | Some(RDKafkaErrorCode::Fatal))
}

/// The inner error is of one of the partitions.
fn read_hashes(
    consumer: &BaseConsumer,
    topic: &str,
    offsets: &BTreeMap<i32, i64>,
) -> Result<Result<Vec<(i32, Hashed)>, KafkaFault>, KafkaFault> {
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
            let fault = KafkaFault::new(format!(
                "nothing was read of {topic} {open:?} within {} s",
                PATIENCE.as_secs()
            ));
            let away = |partition| (partition, Err(Unread::Away(fault.clone())));
            hashes.extend(open.iter().copied().map(away));
            break;
        }
        let (partition, hash) = match consumer.poll(POLL) {
            None => continue,
            Some(Ok(message)) => {
                let partition = message.partition();
                let wanted = offsets.get(&partition) == Some(&message.offset());
                // A later one: compaction removed it.
                let hash = wanted.then(|| hash_of(message.key(), message.payload()));
                (partition, hash)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => (partition, None),
            Some(Err(error)) => {
                let fault = KafkaFault::from(error);
                return match is_the_clients(&fault) {
                    true => Err(fault),
                    // Between two looks the log may have lost its beginning.
                    false => Ok(Err(fault)),
                };
            }
        };
        if open.remove(&partition) {
            hashes.push((partition, Ok(hash)));
            let mut done = TopicPartitionList::new();
            done.add_partition(topic, partition);
            consumer
                .incremental_unassign(&done)
                .or_else(|_| consumer.pause(&done))?;
        }
    }
    consumer.unassign()?;
    Ok(Ok(hashes))
}
