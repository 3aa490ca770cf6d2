//! What librdkafka calls back with: rebalances, logs, errors.

use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::TopicPartition;
use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tracing::{debug, error, info, warn};

/// What the group's coordinator wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// These are ours from now on.
    Assigned(Vec<TopicPartition>),
    /// These are to be handed over in good order.
    Revoked(Vec<TopicPartition>),
    /// These are somebody else's already.
    Lost(Vec<TopicPartition>),
}

/// Collects what happens inside `poll`, for the poll loop to act on right after
/// it: the state of the partitions has one owner and no lock.
#[derive(Debug, Default)]
pub struct Context {
    sink: String,
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
}

impl Context {
    /// For a sink's clients.
    #[must_use]
    pub fn new(sink: &str) -> Self {
        Self {
            sink: sink.to_owned(),
            ..Self::default()
        }
    }

    /// The oldest rebalance not yet acted on.
    pub fn next_rebalance(&self) -> Option<Rebalance> {
        self.rebalances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// From here on the poll loop acts no more: revocations are granted at once,
    /// or closing would wait for ever.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let sink = &self.sink;
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => warn!(target: "librdkafka", sink, facility, "{message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                info!(target: "librdkafka", sink, facility, "{message}")
            }
            RDKafkaLogLevel::Debug => debug!(target: "librdkafka", sink, facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error
            .rdkafka_error_code()
            .map_or_else(|| "unknown".to_owned(), |c| format!("{c:?}"));
        counter!(names::KAFKA_ERRORS, "sink" => self.sink.clone(), "code" => code.clone())
            .increment(1);
        warn!(sink = self.sink, code, "Kafka client: {reason}");
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        tpl: &mut TopicPartitionList,
    ) {
        let assign = err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Relaxed) {
            let held = consumer.assignment().unwrap_or_default();
            let list = if assign {
                TopicPartitionList::new()
            } else {
                held
            };
            let done = if assign {
                consumer.incremental_assign(&list)
            } else {
                consumer.incremental_unassign(&list)
            };
            if let Err(error) = done {
                error!(sink = self.sink, "closing: {error}");
            }
            return;
        }
        let partitions = tpl
            .elements()
            .iter()
            .map(|e| TopicPartition::new(e.topic(), e.partition()))
            .collect();
        // Only inside the callback does librdkafka know whether it was lost.
        let rebalance = match (assign, consumer.assignment_lost()) {
            (true, _) => Rebalance::Assigned(partitions),
            (false, false) => Rebalance::Revoked(partitions),
            (false, true) => Rebalance::Lost(partitions),
        };
        self.rebalances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(rebalance);
    }
}
