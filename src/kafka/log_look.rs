//! A look at the logs of claimed positions: their ids, their ends, and the records that
//! were applied last. Asked for many partitions at once: one request for topic ids, two
//! per broker for the ends, and one fetch per leader for the records.

use super::Cluster;
use super::log::{LogReader, Reads, ShortLog, Unread};
use super::log_check::Found;
use super::timeouts::ANSWER;
use crate::error::KafkaFault;
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_record::fingerprint;
use plimsoll_sink_api::Claimed;
use rdkafka::error::RDKafkaErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

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

impl Wanted {
    /// The last record applied, where the log still has it.
    fn last(&self, found: &Found) -> Option<Span> {
        let offset = self.claimed.fingerprint?.offset;
        let log = Span::new(found.first?, found.end?)?;
        log.contains(offset)
            .then(|| single(Position::new(offset).ok()?))?
    }

    /// Where the next life begins, if that is to be fetched: a record or the end of
    /// the log, which a broker tells with no error. Behind the end is what the
    /// comparison tells.
    fn next(&self, found: &Found) -> Option<Span> {
        let from = self
            .claimed
            .position
            .max(found.first.unwrap_or(Position::ZERO));
        let within = found.end.is_none_or(|end| from <= end);
        (self.fetch && within).then(|| single(from))?
    }
}

/// One offset.
fn single(at: Position) -> Option<Span> {
    Span::new(at, Position::new(at.offset().checked_add(1)?).ok()?)
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
    let (mut last, mut next) = (Vec::new(), Vec::new());
    for (one, (first, end)) in wanted.iter().zip(first.into_iter().zip(end)) {
        let found = Found {
            topic_id: ids.get(&*one.tp.topic).cloned(),
            first,
            end,
            hash: None,
        };
        last.extend(one.last(&found).map(|span| (one.tp.clone(), span)));
        next.extend(one.next(&found).map(|span| (one.tp.clone(), span)));
        looks.insert(one.tp.clone(), LogLook::Found(found));
    }
    if !(last.is_empty() && next.is_empty()) {
        let config = cluster.config().clone();
        let mut reader = LogReader::new(config, group_id, Reads::Single, ShortLog::EndsSpan)?;
        for (tp, hash) in hashes(&mut reader, last)? {
            match (hash, looks.get_mut(&tp)) {
                (Ok(hash), Some(LogLook::Found(found))) => found.hash = hash,
                (Err(Silent::Away(fault)), Some(look)) => *look = LogLook::Away(fault),
                (Err(Silent::Refused(fault)), Some(look)) => *look = LogLook::Unreadable(fault),
                (Ok(_), Some(_)) | (_, None) => {}
            }
        }
        for (tp, read) in hashes(&mut reader, next)? {
            match (read, looks.get_mut(&tp)) {
                (Err(Silent::Away(fault)), Some(look)) => *look = LogLook::Away(fault),
                (Err(Silent::Refused(fault)), Some(look)) => *look = LogLook::Refused(fault),
                (Ok(_), _) | (Err(_), None) => {}
            }
        }
    }
    Ok(partitions.iter().map(|tp| looks[tp].clone()).collect())
}

/// Why a log gave nothing.
#[derive(Debug, Clone)]
enum Silent {
    /// Its leader does not answer.
    Away(KafkaFault),
    /// It answers with an error, or with what cannot be read.
    Refused(KafkaFault),
}

/// The hash of a record where the log still has it.
type Hashed = Result<Option<i64>, Silent>;

/// Whether a fault is the client's: no partition is to blame.
fn is_the_clients(fault: &KafkaFault) -> bool {
    fault.is_unreached() || matches!(fault.code(), None | Some(RDKafkaErrorCode::Fatal))
}

/// What stands at single offsets.
fn hashes(
    reader: &mut LogReader,
    spans: Vec<(TopicPartition, Span)>,
) -> Result<Vec<(TopicPartition, Hashed)>, KafkaFault> {
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    reader.begin(spans)?;
    let deadline = Instant::now() + ANSWER;
    let mut all: Vec<(TopicPartition, Hashed)> = Vec::new();
    while reader.open().next().is_some() && Instant::now() < deadline {
        match reader.step() {
            Ok(None) => {}
            Ok(Some(piece)) => {
                // None: compaction removed it, or the log ends before it.
                let record = (!piece.chunk.is_empty()).then(|| piece.chunk.record(0));
                let hash = record.map(|record| fingerprint(&record).hash);
                all.push((piece.tp, Ok(hash)));
            }
            Err(Unread { fault, .. }) if is_the_clients(&fault) => return Err(fault),
            // Between two looks the log may have lost its beginning.
            Err(Unread {
                tp: Some(tp),
                fault,
            }) => all.push((tp, Err(Silent::Refused(fault)))),
            Err(Unread { tp: None, fault }) => {
                let refused =
                    |tp: &TopicPartition| (tp.clone(), Err(Silent::Refused(fault.clone())));
                all.extend(reader.open().map(refused));
                return Ok(all);
            }
        }
    }
    let away = |tp: &TopicPartition| {
        let words = format!("nothing was read of {tp} within {} s", ANSWER.as_secs());
        (tp.clone(), Err(Silent::Away(KafkaFault::new(words))))
    };
    all.extend(reader.open().map(away));
    Ok(all)
}
