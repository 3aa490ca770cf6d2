//! Questions to Kafka, asked by a client that is a member of no group. Every
//! call blocks, within a bound: call them off the runtime's threads.

use super::context::Context;
use super::topic_ids::{TopicIds, topic_ids};
use crate::config::leaves_out;
use crate::error::KafkaFault;
use plimsoll_protocol::{Position, TopicPartition};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use regex::Regex;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one question may take: longer than a leader's election, short
/// enough to be asked again.
const PATIENCE: Duration = Duration::from_secs(10);

/// A cluster that can be asked.
pub struct Cluster {
    config: ClientConfig,
    client: BaseConsumer<Context>,
    sink: String,
}

impl Cluster {
    /// Connects in the background.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn new(config: ClientConfig, sink: &str) -> Result<Self, KafkaFault> {
        let client = config.create_with_context(Context::new(sink))?;
        Ok(Self {
            config,
            client,
            sink: sink.to_owned(),
        })
    }

    /// What its client was made of.
    pub(super) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The cluster's id.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn id(&self) -> Result<String, KafkaFault> {
        self.client
            .client()
            .fetch_cluster_id(PATIENCE)
            .ok_or_else(|| KafkaFault::new("Kafka told no cluster id"))
    }

    /// Kafka's ids of topics, where the broker tells them.
    ///
    /// # Errors
    /// Kafka did not answer, or knows no such topic.
    pub fn topic_ids(&self, topics: &[&str]) -> Result<BTreeMap<String, String>, KafkaFault> {
        self.topic_ids_at(None, topics)?
            .into_iter()
            .map(|(topic, id)| Ok((topic, id?)))
            .collect()
    }

    /// The same, topic by topic, as one broker tells it; without one, as any does.
    ///
    /// # Errors
    /// It did not answer.
    pub(super) fn topic_ids_at(
        &self,
        broker: Option<i32>,
        topics: &[&str],
    ) -> Result<TopicIds, KafkaFault> {
        let broker = match broker {
            Some(broker) => broker,
            // Whoever answers this answers that: a controller may be away, or unknown
            // to a Kafka that is a part of this process.
            None => self
                .client
                .fetch_metadata(topics.first().copied(), PATIENCE)?
                .orig_broker_id(),
        };
        topic_ids(self.client.client().native_ptr(), broker, topics, PATIENCE)
    }

    /// All partitions of a topic.
    ///
    /// # Errors
    /// Kafka did not answer, or knows no such topic.
    pub fn partitions_of(&self, topic: &str) -> Result<Vec<TopicPartition>, KafkaFault> {
        let metadata = self.client.fetch_metadata(Some(topic), PATIENCE)?;
        let found = metadata
            .topics()
            .iter()
            .find(|t| t.name() == topic && t.error().is_none());
        let found =
            found.ok_or_else(|| KafkaFault::new(format!("Kafka knows no topic \"{topic}\"")))?;
        Ok(found
            .partitions()
            .iter()
            .map(|p| TopicPartition::new(topic, p.id()))
            .collect())
    }

    /// All partitions of the topics that match a pattern.
    ///
    /// # Errors
    /// Kafka did not answer, or the pattern is none.
    pub fn partitions_matching(&self, pattern: &str) -> Result<Vec<TopicPartition>, KafkaFault> {
        let pattern =
            Regex::new(pattern).map_err(|e| KafkaFault::new(format!("topics_regex: {e}")))?;
        let metadata = self.client.fetch_metadata(None, PATIENCE)?;
        let topics = metadata
            .topics()
            .iter()
            .filter(|t| t.error().is_none() && pattern.is_match(t.name()))
            .filter(|t| !leaves_out(pattern.as_str(), t.name()));
        Ok(topics
            .flat_map(|t| {
                t.partitions()
                    .iter()
                    .map(|p| TopicPartition::new(t.name(), p.id()))
            })
            .collect())
    }

    /// The first offset that each log still has.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn earliest(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<Position>>, KafkaFault> {
        self.list_offsets(partitions, Offset::Beginning)
    }

    /// The end of each log; under read_committed the last stable offset.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn latest(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<Position>>, KafkaFault> {
        self.list_offsets(partitions, Offset::End)
    }

    /// The first offset of each log whose record is of this time or later;
    /// `None` where there is none. Milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn at_time(
        &self,
        partitions: &[TopicPartition],
        millis: i64,
    ) -> Result<Vec<Option<Position>>, KafkaFault> {
        self.list_offsets(partitions, Offset::Offset(millis))
    }

    /// Where another group stands; `None` where it has committed nothing.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn committed(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<Position>>, KafkaFault> {
        let mut config = self.config.clone();
        config.set("group.id", group);
        let client: BaseConsumer<Context> = config.create_with_context(Context::new(&self.sink))?;
        client.context().close();
        let asked = list(partitions, Offset::Invalid)?;
        let answered = client.committed_offsets(asked, PATIENCE)?;
        positions(partitions, &answered)
    }

    /// librdkafka takes the question (a time, or a marker) where the answer
    /// will stand: one request per broker for all partitions.
    fn list_offsets(
        &self,
        partitions: &[TopicPartition],
        ask: Offset,
    ) -> Result<Vec<Option<Position>>, KafkaFault> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let answered = self
            .client
            .offsets_for_times(list(partitions, ask)?, PATIENCE)?;
        positions(partitions, &answered)
    }
}

fn list(partitions: &[TopicPartition], offset: Offset) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for tp in partitions {
        list.add_partition_offset(&tp.topic, tp.partition, offset)?;
    }
    Ok(list)
}

fn positions(
    partitions: &[TopicPartition],
    answered: &TopicPartitionList,
) -> Result<Vec<Option<Position>>, KafkaFault> {
    partitions
        .iter()
        .map(|tp| {
            let Some(found) = answered.find_partition(&tp.topic, tp.partition) else {
                return Ok(None);
            };
            found.error()?;
            Ok(match found.offset() {
                Offset::Offset(offset) => Position::new(offset).ok(),
                Offset::Beginning
                | Offset::End
                | Offset::Stored
                | Offset::Invalid
                | Offset::OffsetTail(_) => None,
            })
        })
        .collect()
}
