//! What librdkafka calls back with: rebalances, logs, errors.

use super::hearing::{Hearing, without_time};
use crate::logging::Repeats;
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::TopicPartition;
use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    /// Of a command, which prints what it has to say itself.
    silent: bool,
    hearing: Arc<Hearing>,
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

    /// For the member of the group, whose words are heard elsewhere too.
    #[must_use]
    pub fn heard_by(sink: &str, hearing: Arc<Hearing>) -> Self {
        Self {
            hearing,
            ..Self::new(sink)
        }
    }

    /// For the clients of a command: nothing is logged above DEBUG.
    #[must_use]
    pub fn silent(of: &str) -> Self {
        Self {
            silent: true,
            ..Self::new(of)
        }
    }

    /// Whose it is.
    pub fn sink(&self) -> &str {
        &self.sink
    }

    /// What the client told of its own accord.
    pub fn hearing(&self) -> &Hearing {
        &self.hearing
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

/// Each client of a sink meets the same fault, and meets it again with each attempt.
static SAID: Repeats = Repeats::new();

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let sink = &self.sink;
        let words = without_thread(message);
        let said = || SAID.say(&(sink, facility, without_time(words)));
        if facility == FAILED && matches!(level, RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info) {
            self.hearing.closed(words);
        }
        match level {
            RDKafkaLogLevel::Debug => debug!(target: "librdkafka", sink, facility, "{message}"),
            _ if self.silent => debug!(target: "librdkafka", sink, facility, "{message}"),
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                // It comes as an error, too.
                if !TOLD_TWICE.contains(&facility) && said() {
                    warn!(target: "librdkafka", sink, facility, "{message}");
                }
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                info!(target: "librdkafka", sink, facility, "{message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error
            .rdkafka_error_code()
            .unwrap_or(RDKafkaErrorCode::Unknown);
        let fault = self.hearing.error(code, reason);
        let (sink, code) = (&self.sink, format!("{code:?}"));
        counter!(names::KAFKA_ERRORS, "sink" => sink.clone(), "code" => code.clone()).increment(1);
        if self.silent || !SAID.say(&(sink, &code, fault.to_string())) {
            debug!(sink, code, "Kafka client: {reason}");
        } else {
            warn!(sink, code, "Kafka client: {fault}");
        }
    }
}

/// Facilities of librdkafka's log whose lines it hands out as errors as well.
const TOLD_TWICE: [&str; 2] = [FAILED, "ERROR"];

/// That of a connection that was closed, or never came to be.
const FAILED: &str = "FAIL";

/// Without librdkafka's `[thrd:127.0.0.1:9092/1]: `.
fn without_thread(message: &str) -> &str {
    match message.strip_prefix("[thrd:") {
        Some(rest) => rest.split_once("]: ").map_or(message, |(_, words)| words),
        None => message,
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
