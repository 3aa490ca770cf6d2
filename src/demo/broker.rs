//! A Kafka inside this process, and the producer that fills it.

use rdkafka::ClientContext;
use rdkafka::bindings::{
    rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms,
};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The demo's topic.
pub(super) const TOPIC: &str = "orders";

/// Its partitions.
pub(super) const PARTITIONS: usize = 4;

/// How long the last records may take to be acknowledged.
const FLUSH: Duration = Duration::from_secs(10);

/// How long a new group waits for more members. The mock waits for 3 s, and
/// meanwhile drops a member whose session is shorter, without an answer.
const REBALANCE_DELAY_MS: i32 = 100;

/// The producer, the broker that it carries, and the topic.
pub(super) struct Broker {
    producer: ThreadedProducer<Deliveries>,
    deliveries: Deliveries,
}

/// Counts what was acknowledged, and checks where it lies: the memory of what
/// was produced rests on the offsets.
#[derive(Debug, Clone, Default)]
struct Deliveries {
    count: Arc<AtomicU64>,
    fault: Arc<Mutex<Option<String>>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, offset: usize) {
        let fault = match result {
            Ok(message) if usize::try_from(message.offset()) == Ok(offset) => {
                self.count.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Ok(message) => format!(
                "partition {}: a record got offset {} in place of {offset}",
                message.partition(),
                message.offset()
            ),
            Err((error, message)) => format!("partition {}: {error}", message.partition()),
        };
        let mut first = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(fault);
    }
}

impl Broker {
    /// Starts one on a free port of this machine.
    pub(super) fn start() -> KafkaResult<Self> {
        let deliveries = Deliveries::default();
        let producer: ThreadedProducer<Deliveries> = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .set("client.id", "plimsoll-demo")
            // In order and once, so that offsets can be told beforehand.
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .create_with_context(deliveries.clone())?;
        let it = Self {
            producer,
            deliveries,
        };
        let client = it.producer.client();
        // SAFETY: the client is alive, and with it the cluster that it carries;
        // the two calls have no other condition, null apart.
        unsafe {
            let cluster = rd_kafka_handle_mock_cluster(client.native_ptr());
            if !cluster.is_null() {
                rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, REBALANCE_DELAY_MS);
            }
        }
        it.cluster()?
            .create_topic(TOPIC, i32::try_from(PARTITIONS).unwrap_or(i32::MAX), 1)?;
        Ok(it)
    }

    fn cluster(&self) -> KafkaResult<MockCluster<'_, Deliveries>> {
        let cluster = self.producer.client().mock_cluster();
        cluster.ok_or(KafkaError::MockCluster(RDKafkaErrorCode::Fail))
    }

    /// Where it listens.
    pub(super) fn bootstrap_servers(&self) -> KafkaResult<String> {
        Ok(self.cluster()?.bootstrap_servers())
    }

    /// Produces a record; false when the queue is full, for now.
    pub(super) fn produce(
        &self,
        partition: usize,
        offset: i64,
        key: &str,
        value: Option<&str>,
    ) -> Result<bool, KafkaError> {
        let mut record =
            BaseRecord::with_opaque_to(TOPIC, usize::try_from(offset).unwrap_or(usize::MAX))
                .partition(i32::try_from(partition).unwrap_or(i32::MAX))
                .key(key);
        record.payload = value;
        match self.producer.send(record) {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((error, _)) => Err(error),
        }
    }

    /// The first thing that went wrong with a delivery.
    pub(super) fn fault(&self) -> Option<String> {
        self.deliveries
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until all records are in the log.
    pub(super) fn flush(&self) -> KafkaResult<u64> {
        self.producer.flush(FLUSH)?;
        Ok(self.deliveries.count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_get_the_offsets_that_were_told_beforehand() {
        let broker = Broker::start().unwrap();
        for offset in 0..50 {
            for partition in 0..PARTITIONS {
                let value = (offset % 7 != 0).then_some("{}");
                assert!(broker.produce(partition, offset, "k", value).unwrap());
            }
        }
        assert_eq!(broker.flush().unwrap(), 50 * PARTITIONS as u64);
        assert_eq!(broker.fault(), None);
    }

    #[test]
    fn a_record_at_another_offset_is_a_fault() {
        let broker = Broker::start().unwrap();
        assert!(broker.produce(0, 5, "k", None).unwrap());
        assert_eq!(broker.flush().unwrap(), 0);
        let fault = broker.fault().unwrap();
        assert_eq!(fault, "partition 0: a record got offset 0 in place of 5");
    }
}
