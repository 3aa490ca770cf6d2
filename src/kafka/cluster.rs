//! Questions to Kafka, asked by a client that is a member of no group. Every
//! call blocks, within a bound: call them off the runtime's threads.

use super::context::Context;
use super::group::{Coordinated, Group, group, is_elsewhere};
use super::served::serve;
use super::timeouts::ANSWER;
use super::topic_ids::{ToldTopics, TopicIds, told_topics, topic_ids};
use crate::config::{Topics, leaves_out};
use crate::error::KafkaFault;
use plimsoll_protocol::{Position, TopicPartition};
use rdkafka::bindings::{rd_kafka_offsets_for_times, rd_kafka_resp_err_t};
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a client that reaches no broker is given all the same: by then each of
/// them was tried.
const ALONE: Duration = Duration::from_secs(1);
/// How often it is looked whether it reaches any.
const SLICE: Duration = Duration::from_millis(100);

/// One end of each partition's log; `None`: there is none.
pub type OneEnd = Vec<Result<Option<Position>, KafkaFault>>;

/// A cluster that can be asked.
pub struct Cluster {
    config: ClientConfig,
    client: Arc<Client<Context>>,
    sink: String,
    /// Of the group that was asked about last, as far as it is known.
    coordinator: Mutex<Option<i32>>,
}

impl Cluster {
    /// Connects in the background, and logs what goes wrong.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn new(config: ClientConfig, sink: &str) -> Result<Self, KafkaFault> {
        Self::with(config, Context::new(sink))
    }

    /// The same for a command, which says itself what goes wrong.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn silent(config: ClientConfig) -> Result<Self, KafkaFault> {
        Self::with(config, Context::silent("of a command"))
    }

    fn with(config: ClientConfig, context: Context) -> Result<Self, KafkaFault> {
        Ok(Self {
            sink: context.sink().to_owned(),
            client: serve(&config, context)?,
            config,
            coordinator: Mutex::default(),
        })
    }

    /// What its client was made of.
    pub(super) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Why no broker at all is reached, where that is so.
    pub fn alone(&self) -> Option<KafkaFault> {
        self.client.context().hearing().alone()
    }

    /// Of a question that was not answered: why, in librdkafka's own words.
    fn fault(&self, fault: impl Into<KafkaFault>) -> KafkaFault {
        let fault = fault.into();
        match fault.is_unreached() {
            true => self.client.context().hearing().last().unwrap_or(fault),
            false => fault,
        }
    }

    /// Brokers are reached, where a question was answered.
    fn heard<T>(&self, answer: Result<T, impl Into<KafkaFault>>) -> Result<T, KafkaFault> {
        match answer {
            Ok(answer) => {
                self.client.context().hearing().answered();
                Ok(answer)
            }
            Err(fault) => Err(self.fault(fault)),
        }
    }

    fn metadata(&self, topic: Option<&str>) -> Result<Metadata, KafkaFault> {
        self.heard(self.client.fetch_metadata(topic, ANSWER))
    }

    /// The cluster's id.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn id(&self) -> Result<String, KafkaFault> {
        let began = Instant::now();
        loop {
            let looked = Instant::now();
            if let Some(id) = self.client.fetch_cluster_id(SLICE) {
                return Ok(id);
            }
            let waited = began.elapsed();
            if waited >= ALONE
                && let Some(fault) = self.alone()
            {
                return Err(fault);
            }
            if waited >= ANSWER {
                let untold = KafkaFault::told(
                    RDKafkaErrorCode::OperationTimedOut,
                    format!("Kafka told no cluster id within {} s", ANSWER.as_secs()),
                );
                return Err(self.fault(untold));
            }
            // A broker that tells none says so at once.
            std::thread::sleep(SLICE.saturating_sub(looked.elapsed()));
        }
    }

    /// Topics as a broker tells them: their partitions, and what this client may do
    /// with them.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn told_topics(&self, topics: &[&str]) -> Result<ToldTopics, KafkaFault> {
        let broker = Some(self.any_broker(topics)?);
        let client = self.client.native_ptr();
        self.heard(told_topics(client, broker, topics, ANSWER))
    }

    /// Who is in a group that reads these topics, and what this client may do with it.
    ///
    /// # Errors
    /// Kafka did not answer, or may not tell this client.
    pub fn group(&self, name: &str, topics: &[&str]) -> Result<Group, KafkaFault> {
        let known = self.coordinator().take();
        if let Some(known) = known
            && let Ok(group) = self.group_at(&[known], name)
        {
            return Ok(group);
        }
        let metadata = self.metadata(topics.first().copied())?;
        let brokers: Vec<i32> = metadata.brokers().iter().map(|b| b.id()).collect();
        match self.group_at(&brokers, name) {
            // Nobody is: a question of the group's own makes Kafka choose one.
            Err(fault) if is_elsewhere(&fault) => {
                let one = topics.iter().map(|topic| TopicPartition::new(topic, 0));
                self.committed(name, &one.take(1).collect::<Vec<_>>())?;
                self.group_at(&brokers, name)
            }
            told => told,
        }
    }

    fn group_at(&self, brokers: &[i32], name: &str) -> Result<Group, KafkaFault> {
        let told = group(self.client.native_ptr(), brokers, name, ANSWER);
        let Coordinated { group, coordinator } = self.heard(told)?;
        *self.coordinator() = Some(coordinator);
        Ok(group)
    }

    fn coordinator(&self) -> MutexGuard<'_, Option<i32>> {
        let coordinator = self.coordinator.lock();
        coordinator.unwrap_or_else(PoisonError::into_inner)
    }

    /// One that answers: a controller may be away, or unknown to a Kafka that is a
    /// part of this process.
    fn any_broker(&self, topics: &[&str]) -> Result<i32, KafkaFault> {
        Ok(self.metadata(topics.first().copied())?.orig_broker_id())
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
            None => self.any_broker(topics)?,
        };
        let client = self.client.native_ptr();
        self.heard(topic_ids(client, Some(broker), topics, ANSWER))
    }

    /// All partitions of a topic.
    ///
    /// # Errors
    /// Kafka did not answer, or knows no such topic.
    pub fn partitions_of(&self, topic: &str) -> Result<Vec<TopicPartition>, KafkaFault> {
        let metadata = self.metadata(Some(topic))?;
        let found = metadata.topics().iter().find(|t| t.name() == topic);
        let unknown = || {
            KafkaFault::told(
                RDKafkaErrorCode::UnknownTopicOrPartition,
                format!("Kafka knows no topic \"{topic}\""),
            )
        };
        partitions(found.ok_or_else(unknown)?)?.ok_or_else(unknown)
    }

    /// All partitions of the topics that match a pattern. None of them is left out for
    /// an error that passes: whoever asks would take it for a topic of later.
    ///
    /// # Errors
    /// Kafka did not answer for all of them, or the pattern is not one.
    pub fn partitions_matching(&self, pattern: &str) -> Result<Vec<TopicPartition>, KafkaFault> {
        let matches = matching(pattern)?;
        let metadata = self.metadata(None)?;
        let mut found = Vec::new();
        for topic in metadata
            .topics()
            .iter()
            .filter(|topic| matches(topic.name()))
        {
            found.extend(partitions(topic)?.unwrap_or_default());
        }
        Ok(found)
    }

    /// The topics that match a pattern, whatever is wrong with them.
    ///
    /// # Errors
    /// Kafka did not answer, or the pattern is not one.
    pub fn topics_matching(&self, pattern: &str) -> Result<Vec<String>, KafkaFault> {
        let matches = matching(pattern)?;
        let metadata = self.metadata(None)?;
        let names = metadata.topics().iter().map(MetadataTopic::name);
        Ok(names
            .filter(|name| matches(name))
            .map(str::to_owned)
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
        let client: BaseConsumer<Context> =
            config.create_with_context(Context::silent(&self.sink))?;
        client.context().close();
        let asked = list(partitions, Offset::Invalid)?;
        let answered = self.heard(client.committed_offsets(asked, ANSWER))?;
        positions(partitions, &answered).into_iter().collect()
    }

    /// librdkafka takes the question (a time, or a marker) where the answer
    /// will stand: one request per broker for all partitions.
    fn list_offsets(
        &self,
        partitions: &[TopicPartition],
        ask: Offset,
    ) -> Result<Vec<Option<Position>>, KafkaFault> {
        self.list_each(partitions, ask)?.into_iter().collect()
    }

    /// Whether Kafka answers at all.
    ///
    /// # Errors
    /// It does not.
    pub fn reached(&self, topics: &Topics) -> Result<(), KafkaFault> {
        let one = match topics {
            Topics::Named(names) => names.first().map(String::as_str),
            Topics::Pattern(_) => None,
        };
        self.metadata(one).map(|_| ())
    }

    /// Both ends of each log, or why they are not told.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn ends(&self, partitions: &[TopicPartition]) -> Result<(OneEnd, OneEnd), KafkaFault> {
        Ok((
            self.list_each(partitions, Offset::Beginning)?,
            self.list_each(partitions, Offset::End)?,
        ))
    }

    fn list_each(&self, partitions: &[TopicPartition], ask: Offset) -> Result<OneEnd, KafkaFault> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let asked = list(partitions, ask)?;
        let millis = i32::try_from(ANSWER.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: both live through the call, which only fills in offsets.
        let code =
            unsafe { rd_kafka_offsets_for_times(self.client.native_ptr(), asked.ptr(), millis) };
        self.heard(match code {
            rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            code => Err(KafkaError::OffsetFetch(code.into())),
        })?;
        Ok(positions(partitions, &asked))
    }
}

fn list(partitions: &[TopicPartition], offset: Offset) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for tp in partitions {
        list.add_partition_offset(&tp.topic, tp.partition, offset)?;
    }
    Ok(list)
}

fn positions(partitions: &[TopicPartition], answered: &TopicPartitionList) -> OneEnd {
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
/// Which topics a pattern means.
fn matching(pattern: &str) -> Result<impl Fn(&str) -> bool, KafkaFault> {
    let regex = Regex::new(pattern).map_err(|e| KafkaFault::new(format!("topics_regex: {e}")))?;
    Ok(move |topic: &str| regex.is_match(topic) && !leaves_out(regex.as_str(), topic))
}

/// The partitions of a topic; `None`: it is not there.
fn partitions(topic: &MetadataTopic) -> Result<Option<Vec<TopicPartition>>, KafkaFault> {
    match topic.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition) => return Ok(None),
        Some(code) => {
            let what = format!("topic \"{}\": {code}", topic.name());
            return Err(KafkaFault::told(code, what));
        }
    }
    let all = topic.partitions().iter();
    let all = all.map(|p| TopicPartition::new(topic.name(), p.id()));
    Ok(Some(all.collect()))
}
