//! Errors of the service itself.

use rdkafka::error::KafkaError;
use std::fmt;

/// Kafka did not do what was asked; ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaFault(String);

impl KafkaFault {
    /// In words.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for KafkaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KafkaFault {}

impl From<KafkaError> for KafkaFault {
    fn from(error: KafkaError) -> Self {
        Self(match error.rdkafka_error_code() {
            Some(code) => format!("Kafka: {code}"),
            None => format!("Kafka: {error}"),
        })
    }
}
