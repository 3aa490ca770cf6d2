//! Topics, producers, the log as it stands, and groups.

use super::{block_on, servers, wait};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of one request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A record as it is produced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Always chosen by the test: the oracle and plimsoll meet in the log only.
    pub partition: i32,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Names and values.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds; `None`: the producer's clock.
    pub timestamp: Option<i64>,
}

impl Message {
    /// A value without a key.
    pub fn of(partition: i32, value: &str) -> Self {
        Self {
            partition,
            value: Some(value.as_bytes().to_vec()),
            ..Self::default()
        }
    }

    /// With a key.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.as_bytes().to_vec());
        self
    }

    /// Without a value.
    pub fn tombstone(partition: i32, key: &str) -> Self {
        Self {
            partition,
            key: Some(key.as_bytes().to_vec()),
            ..Self::default()
        }
    }
}

/// A record as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its topic.
    pub topic: String,
    /// Its offset.
    pub offset: i64,
    /// The rest.
    pub message: Message,
}

/// One cluster.
#[derive(Clone)]
pub struct Kafka {
    bootstrap: String,
}

impl Kafka {
    /// The cluster that the tests share.
    pub fn shared() -> Self {
        Self::at(&servers::kafka())
    }

    /// Another one.
    pub fn at(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
        }
    }

    /// The id of the cluster.
    pub fn cluster_id(&self) -> String {
        let consumer = self.reader("read_committed");
        let id = consumer.client().fetch_cluster_id(TIMEOUT);
        id.expect("the broker tells the id of its cluster")
    }

    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client")
    }

    /// Makes a topic.
    pub fn create_topic(&self, topic: &str, partitions: i32) {
        self.create_topic_with(topic, partitions, &[]);
    }

    /// Makes a topic with settings, and waits until each partition has a leader.
    pub fn create_topic_with(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        // Again, should the broker have just started.
        wait::until("the topic is made", || {
            let made = block_on(self.admin().create_topics([&new], &AdminOptions::new()));
            match made.map(|mut all| all.remove(0)) {
                Ok(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        self.wait_partitions(topic, partitions);
    }

    /// Removes a topic and makes one of its name, which an old broker refuses until
    /// the last of the first is gone.
    pub fn recreate_topic(&self, topic: &str, partitions: i32) {
        self.delete_topic(topic);
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        wait::until("the topic is made anew", || {
            let made = block_on(self.admin().create_topics([&new], &AdminOptions::new()));
            match made.map(|mut all| all.remove(0)) {
                Ok(Ok(_)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        self.wait_partitions(topic, partitions);
    }

    /// Adds partitions until there are `total`.
    pub fn add_partitions(&self, topic: &str, total: i32) {
        let new = NewPartitions::new(topic, usize::try_from(total).expect("a count"));
        // Again, should the broker have just started; and then the first attempt
        // may have been the one that did it.
        wait::until("the partitions are added", || {
            let added = block_on(self.admin().create_partitions([&new], &AdminOptions::new()));
            match added.map(|mut all| all.remove(0)) {
                Ok(Ok(_) | Err((_, RDKafkaErrorCode::InvalidPartitions))) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        self.wait_partitions(topic, total);
    }

    /// Removes a topic with all its records.
    pub fn delete_topic(&self, topic: &str) {
        block_on(self.admin().delete_topics(&[topic], &AdminOptions::new())).expect("deleted")[0]
            .as_ref()
            .expect("deleted");
    }

    /// Removes the records below an offset of partition 0, as retention does.
    pub fn delete_records(&self, topic: &str, below: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Offset(below))
            .expect("an offset");
        let deleted = block_on(self.admin().delete_records(&list, &AdminOptions::new()));
        let deleted = deleted.expect("deleted");
        deleted.elements()[0].error().expect("deleted");
    }

    fn wait_partitions(&self, topic: &str, partitions: i32) {
        let consumer = self.reader("read_committed");
        wait::until("all partitions have a leader", || {
            let found = consumer
                .fetch_metadata(Some(topic), TIMEOUT)
                .map_err(|e| e.to_string())?;
            let led = found.topics()[0]
                .partitions()
                .iter()
                .filter(|p| p.leader() >= 0)
                .count();
            if led == partitions as usize {
                Ok(())
            } else {
                Err(format!("{led} of {partitions}"))
            }
        });
    }

    /// A producer outside of transactions.
    pub fn producer(&self) -> Producer {
        self.producer_with(&[])
    }

    /// A producer of transactions, begun and ended by the test.
    pub fn transactional(&self, id: &str) -> Producer {
        let producer = self.producer_with(&[("transactional.id", id)]);
        producer
            .0
            .init_transactions(TIMEOUT)
            .expect("a transactional producer");
        producer
    }

    fn producer_with(&self, settings: &[(&str, &str)]) -> Producer {
        let mut config = self.client();
        // Order within a partition, and no doubles by the producer's retries:
        // the log itself is not what is tested. Older brokers cannot do it.
        let idempotent =
            self.bootstrap != servers::kafka() || servers::kafka_release() >= vec![0, 11];
        config.set("enable.idempotence", idempotent.to_string());
        config.set("linger.ms", "5");
        config.set("message.max.bytes", "16777216");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        let counted = Counted::default();
        Producer(config.create_with_context(counted).expect("a producer"))
    }

    fn reader(&self, isolation: &str) -> BaseConsumer {
        let mut config = self.client();
        config
            // Never joined: partitions are assigned by hand.
            .set("group.id", "oracle")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", isolation)
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "50");
        config.create().expect("a consumer")
    }

    fn partitions(&self, topic: &str) -> i32 {
        let consumer = self.reader("read_committed");
        let partitions = wait::until("the broker tells of the topic", || {
            let told = consumer.fetch_metadata(Some(topic), TIMEOUT);
            let told = told.map_err(|error| error.to_string())?;
            let told = &told.topics()[0];
            match told.error() {
                None => Ok(told.partitions().len()),
                Some(code) => Err(format!("{code:?}")),
            }
        });
        i32::try_from(partitions).expect("a count")
    }

    /// What a reader of committed records finds in the topic now, in the order
    /// of partitions and offsets.
    pub fn log(&self, topic: &str) -> Vec<Record> {
        let consumer = self.reader("read_committed");
        let mut list = TopicPartitionList::new();
        let partitions = self.partitions(topic);
        for p in 0..partitions {
            list.add_partition_offset(topic, p, Offset::Beginning)
                .expect("an offset");
        }
        consumer.assign(&list).expect("assigned");
        let mut open: BTreeSet<i32> = (0..partitions).collect();
        let mut records = Vec::new();
        while !open.is_empty() {
            match consumer.poll(TIMEOUT) {
                Some(Ok(message)) => records.push(record(&message)),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                other => panic!(
                    "the log of {topic} cannot be read: {:?}",
                    other.map(|r| r.map(|_| ()))
                ),
            }
        }
        records.sort_by_key(|r| (r.message.partition, r.offset));
        records
    }

    /// The end of each partition: the high watermark.
    pub fn ends(&self, topic: &str) -> Vec<i64> {
        wait::until("the broker tells the ends of the log", || {
            // Each attempt has a client of its own: one that was told of a partition
            // without a leader keeps that for minutes, and asks nobody again.
            let consumer = self.reader("read_committed");
            let end = |p| {
                consumer
                    .fetch_watermarks(topic, p, TIMEOUT)
                    .map(|(_, end)| end)
            };
            (0..self.partitions(topic))
                .map(end)
                .collect::<Result<Vec<_>, _>>()
        })
    }

    fn member(&self, group: &str) -> BaseConsumer {
        let mut config = self.client();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false");
        config.create().expect("a consumer")
    }

    /// Commits offsets for a group, as an outsider may once it has no member.
    #[track_caller]
    pub fn set_group_offsets(&self, group: &str, topic: &str, offsets: &[i64]) {
        let consumer = self.member(group);
        let mut list = TopicPartitionList::new();
        for (p, offset) in (0..).zip(offsets) {
            list.add_partition_offset(topic, p, Offset::Offset(*offset))
                .expect("an offset");
        }
        wait::until(
            "the group has no member, so that its offsets can be set",
            || consumer.commit(&list, CommitMode::Sync),
        );
        assert_eq!(
            self.group_offsets(group, topic),
            offsets,
            "the group's offsets are set"
        );
    }

    /// What a group committed; -1001 where it never did.
    pub fn group_offsets(&self, group: &str, topic: &str) -> Vec<i64> {
        let mut list = TopicPartitionList::new();
        for p in 0..self.partitions(topic) {
            list.add_partition(topic, p);
        }
        let committed = self
            .member(group)
            .committed_offsets(list, TIMEOUT)
            .expect("committed offsets");
        let offset = |o| match o {
            Offset::Offset(offset) => offset,
            _ => -1001,
        };
        committed
            .elements()
            .iter()
            .map(|e| offset(e.offset()))
            .collect()
    }

    /// State and number of members of a group.
    pub fn group(&self, group: &str) -> (String, usize) {
        let consumer = self.member(group);
        let found = consumer
            .fetch_group_list(Some(group), TIMEOUT)
            .expect("groups");
        found.groups().first().map_or_else(Default::default, |g| {
            (g.state().to_owned(), g.members().len())
        })
    }

    /// Waits until a group is balanced among so many members.
    #[track_caller]
    pub fn wait_members(&self, group: &str, members: usize) {
        wait::until("the group is balanced", || {
            let seen = self.group(group);
            if seen == ("Stable".to_owned(), members) {
                Ok(())
            } else {
                Err(format!("{seen:?}"))
            }
        });
    }
}

fn record(message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Record {
        topic: message.topic().to_owned(),
        offset: message.offset(),
        message: Message {
            partition: message.partition(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)))
                .collect(),
            timestamp: message.timestamp().to_millis(),
        },
    }
}

#[derive(Clone, Default)]
struct Counted(Arc<Counts>);

#[derive(Default)]
struct Counts {
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl ClientContext for Counted {}

impl ProducerContext for Counted {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = if result.is_ok() {
            &self.0.delivered
        } else {
            &self.0.failed
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A producer whose records all arrive, or the test fails.
pub struct Producer(BaseProducer<Counted>);

impl Producer {
    /// Queues a record.
    pub fn send(&self, topic: &str, message: &Message) {
        let headers = message
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| {
                all.insert(Header {
                    key,
                    value: value.as_ref(),
                })
            });
        let mut record = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(message.partition)
            .headers(headers);
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        if let Some(value) = &message.value {
            record = record.payload(value);
        }
        if let Some(timestamp) = message.timestamp {
            record = record.timestamp(timestamp);
        }
        loop {
            match self.0.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.0.poll(Duration::from_millis(50));
                    record = back;
                }
                Err((error, _)) => panic!("not produced: {error}"),
            }
        }
    }

    /// Waits until all that was sent stands in the log.
    pub fn flush(&self) {
        self.0
            .flush(TIMEOUT)
            .expect("all records are delivered in time");
        assert_eq!(
            self.0.context().0.failed.load(Ordering::Relaxed),
            0,
            "records were not delivered"
        );
    }

    /// Sends, and waits.
    pub fn send_all<'m>(&self, topic: &str, messages: impl IntoIterator<Item = &'m Message>) {
        for message in messages {
            self.send(topic, message);
        }
        self.flush();
    }

    /// Begins a transaction.
    pub fn begin(&self) {
        self.0.begin_transaction().expect("a transaction");
    }

    /// Commits it.
    pub fn commit(&self) {
        self.0.commit_transaction(TIMEOUT).expect("committed");
    }

    /// Aborts it; what was sent stays in the log, behind a marker.
    pub fn abort(&self) {
        self.flush();
        self.0.abort_transaction(TIMEOUT).expect("aborted");
    }
}
