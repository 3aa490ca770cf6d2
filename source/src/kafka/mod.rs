//! The producer of a source, and the topic of its position.

mod positions;
mod producer;

pub(crate) use positions::{Positions, Topic};
pub(crate) use producer::{Producer, Refused};

use rdkafka::error::KafkaError;

/// What Kafka did not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A newer producer has this one's place, or the coordinator gave its transaction up.
    Fenced,
    /// It will not do it before an operator has acted.
    Halt(crate::halt::Halt),
    /// It is tried again.
    Away(String),
}

impl From<KafkaError> for Fault {
    fn from(error: KafkaError) -> Self {
        use rdkafka::error::RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => Self::Fenced,
            Some(Code::TransactionalIdAuthorizationFailed) => Self::Halt(crate::halt::Halt::new(
                "Kafka refuses the transactional id",
                "allow the operations WRITE and DESCRIBE on the transactional id to this principal \
                 (kafka-acls.sh)",
            )),
            Some(Code::InvalidTransactionTimeout) => Self::Halt(crate::halt::Halt::new(
                "the brokers allow no transaction timeout as long as transaction_timeout_ms",
                "lower it, or raise the brokers' transaction.max.timeout.ms",
            )),
            _ => Self::Away(format!("Kafka: {error}")),
        }
    }
}
