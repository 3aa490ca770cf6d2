//! The topic that holds a source's position.
//!
//! It is one of its own, of one partition: in a shared one, somebody else's open
//! transaction would hide the newest position from a reader of committed records.

use super::Fault;
use crate::halt::Halt;
use crate::record;
use crate::settings::Kafka;
use plimsoll_protocol::source::Stored;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(10);

/// How long the newest record may take to be there for a reader of committed ones. The
/// producer has fenced whoever had a transaction open, so it is decided already.
const SETTLED: Duration = Duration::from_secs(30);

/// How many of the last offsets are read first: each commit takes two.
const LAST: i64 = 1_000;

/// Segments of this size and age are small enough to be compacted: the one that is
/// written to never is.
const SEGMENT: [(&str, &str); 3] = [
    ("segment.bytes", "4194304"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

/// What is there of the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// It can hold a position.
    There,
    /// There is none.
    Missing,
}

/// The topic of one source.
pub(crate) struct Positions<'k> {
    kafka: &'k Kafka,
    topic: &'k str,
    source: &'k str,
}

impl<'k> Positions<'k> {
    /// Of this source.
    pub(crate) const fn new(kafka: &'k Kafka, topic: &'k str, source: &'k str) -> Self {
        Self {
            kafka,
            topic,
            source,
        }
    }

    fn config(&self, isolation: &str) -> ClientConfig {
        let mut config = self.kafka.0.clone();
        config
            // Asked for by the client, and never joined.
            .set("group.id", format!("plimsoll-source-{}", self.source))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("isolation.level", isolation)
            // The end is told as late as a fetch may wait.
            .set("fetch.wait.max.ms", "10");
        config
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>, Fault> {
        Ok(self.kafka.0.create()?)
    }

    /// Whether it is there, and can hold a position.
    pub(crate) async fn look(&self) -> Result<Topic, Fault> {
        match self.partitions()? {
            None => return Ok(Topic::Missing),
            Some(1) => {}
            Some(n) => {
                return Err(Fault::Halt(Halt::new(
                    format!(
                        "{} has {n} partitions: which holds the position?",
                        self.topic
                    ),
                    "name another topic by positions_topic; it is made with one",
                )));
            }
        }
        let asked = [ResourceSpecifier::Topic(self.topic)];
        let options = AdminOptions::new().request_timeout(Some(ANSWER));
        let answers = self.admin()?.describe_configs(&asked, &options).await?;
        let policy = answers
            .iter()
            .flatten()
            .find_map(|config| config.entry_map().get("cleanup.policy").copied())
            .and_then(|entry| entry.value.as_deref())
            .unwrap_or_default();
        if policy == "compact" {
            return Ok(Topic::There);
        }
        Err(Fault::Halt(Halt::new(
            format!(
                "{} has cleanup.policy={policy}: the position would be thrown away by its age",
                self.topic
            ),
            format!(
                "kafka-configs.sh --alter --topic {} --add-config cleanup.policy=compact",
                self.topic
            ),
        )))
    }

    fn partitions(&self) -> Result<Option<usize>, Fault> {
        let consumer: BaseConsumer = self.config("read_committed").create()?;
        let told = consumer.fetch_metadata(Some(self.topic), ANSWER)?;
        let Some(topic) = told.topics().first() else {
            return Ok(None);
        };
        match topic.error().map(Code::from) {
            None => Ok(Some(topic.partitions().len()).filter(|n| *n > 0)),
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(None),
            Some(code) => Err(Fault::Away(format!("Kafka: {}: {code}", self.topic))),
        }
    }

    /// Makes it.
    pub(crate) async fn make(&self) -> Result<(), Fault> {
        let mut new = NewTopic::new(self.topic, 1, TopicReplication::Fixed(-1))
            .set("cleanup.policy", "compact");
        for (name, value) in SEGMENT {
            new = new.set(name, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(ANSWER));
        let made = self.admin()?.create_topics([&new], &options).await?;
        match made.into_iter().next() {
            Some(Err((_, Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed))) => {
                Err(Fault::Halt(Halt::new(
                    format!("Kafka refuses making the topic {}", self.topic),
                    "make it, with one partition and cleanup.policy=compact, or allow the \
                     operation CREATE on it to this principal (kafka-acls.sh)",
                )))
            }
            Some(Err((_, Code::TopicAlreadyExists))) | Some(Ok(_)) | None => Ok(()),
            Some(Err((_, code))) => Err(Fault::Away(format!("Kafka: {}: {code}", self.topic))),
        }
    }

    /// The newest position. It has to be asked after the source's producer has fenced all
    /// others: then it is the newest there will be. Blocks.
    pub(crate) fn read(&self) -> Result<Stored, Fault> {
        let deadline = Instant::now() + SETTLED;
        // To the end as all see it: a reader of committed records is told of an end that
        // lies before whatever is still open.
        let all: BaseConsumer = self.config("read_uncommitted").create()?;
        let (low, end) = all.fetch_watermarks(self.topic, 0, ANSWER)?;
        let committed: BaseConsumer = self.config("read_committed").create()?;
        self.settled(&committed, end, deadline)?;
        let last = low.max(end - LAST);
        for from in [last, low] {
            if let Some(found) = self.newest(&committed, from, end, deadline)? {
                return Ok(found);
            }
        }
        Ok(Stored::Nothing)
    }

    /// Waits until all below the end is decided.
    fn settled(&self, committed: &BaseConsumer, end: i64, until: Instant) -> Result<(), Fault> {
        while committed.fetch_watermarks(self.topic, 0, ANSWER)?.1 < end {
            self.in_time(until)?;
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn in_time(&self, until: Instant) -> Result<(), Fault> {
        if Instant::now() < until {
            return Ok(());
        }
        let what = "does not come to be readable up to its end";
        Err(Fault::Away(format!("Kafka: {} {what}", self.topic)))
    }

    /// The last record of this source from an offset on, where all is decided.
    fn newest(
        &self,
        consumer: &BaseConsumer,
        from: i64,
        end: i64,
        until: Instant,
    ) -> Result<Option<Stored>, Fault> {
        if from >= end {
            return Ok(None);
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(self.topic, 0, Offset::Offset(from))?;
        consumer.assign(&list)?;
        let mut found = None;
        loop {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if message.key() == Some(self.source.as_bytes()) => {
                    found = Some(self.stored(message.payload())?);
                }
                // Of another source, which was given the same topic.
                Some(Ok(_)) => {}
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(found),
                Some(Err(error)) => return Err(error.into()),
                None => {}
            }
            self.in_time(until)?;
        }
    }

    fn stored(&self, payload: Option<&[u8]>) -> Result<Stored, Fault> {
        // A tombstone is an operator's: forget the source.
        let Some(json) = payload else {
            return Ok(Stored::Nothing);
        };
        record::read(json).map_err(|why| {
            Fault::Halt(Halt::new(
                format!("the newest record of {}: {why}", self.topic),
                "run the version that wrote it, or name another topic by positions_topic",
            ))
        })
    }
}
