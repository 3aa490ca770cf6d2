//! The log, read once more: every record from a start up to a position, by a
//! client that is a member of no group and commits nothing.

use crate::admin::AdminError;
use crate::config::Kafka;
use crate::error::KafkaFault;
use crate::kafka::{Cluster, cluster_config, keep_tokens, push};
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_record::{Budget, Filling};
use plimsoll_verify::{Log, LogError, Piece, Reading};
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What brokers call the clients.
const CLIENT_ID: &str = "plimsoll-verify";
/// Records that are judged at a time: few round trips, and little memory.
const CHUNK_RECORDS: usize = 2_000;
/// Bytes of them, where records are large.
const CHUNK_BYTES: usize = 4 << 20;
/// What librdkafka may hold.
const QUEUE_KIB: usize = 16 << 10;
/// How long a broker may be silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);

/// The topics of one sink, asked by clients that are no members of its group.
pub struct KafkaLog<'k> {
    pub kafka: &'k Kafka,
    pub cluster: &'k Cluster,
    /// A consumer needs one, also one that is assigned by hand.
    pub group_id: &'k str,
}

impl Log for KafkaLog<'_> {
    type Reading = Spans;

    fn partitions_of(&self, topic: &str) -> Result<Vec<TopicPartition>, LogError> {
        self.cluster.partitions_of(topic).map_err(told)
    }

    fn earliest(&self, tps: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError> {
        self.cluster.earliest(tps).map_err(told)
    }

    fn latest(&self, tps: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError> {
        self.cluster.latest(tps).map_err(told)
    }

    async fn is_compacted(&self, topic: &str) -> Result<bool, LogError> {
        is_compacted(self.kafka, topic).await.map_err(told)
    }

    fn read(&self, spans: &[(TopicPartition, Span)]) -> Result<Spans, LogError> {
        Spans::new(self.kafka, CLIENT_ID, self.group_id, spans).map_err(told)
    }
}

/// With the hint that the commands give.
fn told(fault: KafkaFault) -> LogError {
    LogError(AdminError::from(fault).to_string())
}

/// A broker before 0.11 tells no settings: there a topic may be compacted.
async fn is_compacted(kafka: &Kafka, topic: &str) -> Result<bool, KafkaFault> {
    let admin: AdminClient<DefaultClientContext> = cluster_config(kafka, CLIENT_ID).create()?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let asked = [ResourceSpecifier::Topic(topic)];
    let answers = match admin.describe_configs(&asked, &options).await {
        Err(KafkaError::AdminOp(RDKafkaErrorCode::UnsupportedFeature)) => return Ok(true),
        answered => answered?,
    };
    let policy = answers
        .iter()
        .flatten()
        .find_map(|config| config.entry_map().get("cleanup.policy").copied())
        .and_then(|entry| entry.value.as_ref());
    Ok(policy.is_some_and(|policy| policy.contains("compact")))
}

struct Part {
    span: Span,
    filling: Filling,
    /// Where the next piece begins.
    from: i64,
    /// Behind the last record that was taken.
    next: i64,
    /// Whether the consumer has passed the end of the span.
    done: bool,
}

/// Reads spans of a topic.
pub struct Spans {
    consumer: BaseConsumer,
    parts: BTreeMap<TopicPartition, Part>,
    heard: Instant,
}

impl Reading for Spans {
    fn next(&mut self) -> Result<Option<Piece>, LogError> {
        self.piece().map_err(told)
    }
}

impl Spans {
    fn new(
        kafka: &Kafka,
        client_id: &str,
        group_id: &str,
        spans: &[(TopicPartition, Span)],
    ) -> Result<Self, KafkaFault> {
        let consumer: BaseConsumer = cluster_config(kafka, client_id)
            // Needed for an assignment by hand; without a subscription nobody
            // joins the group, and nothing is committed.
            .set("group.id", group_id)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("queued.max.messages.kbytes", QUEUE_KIB.to_string())
            .create()?;
        keep_tokens(consumer.client());
        let mut list = TopicPartitionList::new();
        let mut parts = BTreeMap::new();
        let budget: Arc<Budget> = Budget::new(usize::MAX);
        for (tp, span) in spans {
            let from = span.from().offset();
            list.add_partition_offset(&tp.topic, tp.partition, Offset::Offset(from))?;
            let part = Part {
                span: *span,
                filling: Filling::new(budget.clone()),
                from,
                next: from,
                done: false,
            };
            parts.insert(tp.clone(), part);
        }
        consumer.assign(&list)?;
        Ok(Self {
            consumer,
            parts,
            heard: Instant::now(),
        })
    }

    fn piece(&mut self) -> Result<Option<Piece>, KafkaFault> {
        loop {
            if let Some(tp) = self.ready() {
                return Ok(self.seal(&tp));
            }
            if self.parts.is_empty() {
                return Ok(None);
            }
            match self.consumer.poll(POLL) {
                None => {
                    self.look_at_positions()?;
                    if self.heard.elapsed() > PATIENCE {
                        return Err(KafkaFault::new(format!(
                            "no record of {} came for {} s",
                            self.parts
                                .keys()
                                .next()
                                .map_or_else(String::new, ToString::to_string),
                            PATIENCE.as_secs()
                        )));
                    }
                }
                Some(Ok(message)) => {
                    self.heard = Instant::now();
                    let tp = TopicPartition::new(message.topic(), message.partition());
                    if let Some(part) = self.parts.get_mut(&tp) {
                        let end = part.span.to().offset();
                        if message.offset() < end && !part.done {
                            push(&mut part.filling, &message, self.heard);
                            part.next = message.offset() + 1;
                        }
                        part.done |= message.offset() + 1 >= end;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.heard = Instant::now();
                    self.look_at_positions()?;
                }
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    fn ready(&self) -> Option<TopicPartition> {
        let full = |part: &Part| {
            part.done || part.filling.len() >= CHUNK_RECORDS || part.filling.bytes() >= CHUNK_BYTES
        };
        let found = self.parts.iter().find(|(_, part)| full(part));
        found.map(|(tp, _)| tp.clone())
    }

    fn seal(&mut self, tp: &TopicPartition) -> Option<Piece> {
        let part = self.parts.get_mut(tp)?;
        let to = match part.done {
            true => part.span.to().offset(),
            false => part.next,
        };
        let passed = u64::try_from(to - part.from).unwrap_or_default();
        part.from = to;
        let piece = Piece {
            tp: tp.clone(),
            chunk: part.filling.seal(part.span),
            passed,
        };
        if part.done {
            self.parts.remove(tp);
        }
        Some(piece)
    }

    /// A consumer's position moves over markers, aborted records and the gaps of
    /// compaction, where no message comes any more.
    fn look_at_positions(&mut self) -> Result<(), KafkaFault> {
        let positions = self.consumer.position()?;
        for (tp, part) in &mut self.parts {
            let at = positions.find_partition(&tp.topic, tp.partition);
            if let Some(Offset::Offset(at)) = at.map(|found| found.offset())
                && at >= part.span.to().offset()
            {
                part.done = true;
            }
        }
        Ok(())
    }
}
