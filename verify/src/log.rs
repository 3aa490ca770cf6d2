//! What is asked of Kafka.

use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_record::Chunk;
use std::future::Future;

/// Kafka fails, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogError(pub String);

/// Some records of one partition, in their order.
#[derive(Debug)]
pub struct Piece {
    /// Which.
    pub tp: TopicPartition,
    /// The records.
    pub chunk: Chunk,
    /// Offsets that were passed since the piece before, records or not.
    pub passed: u64,
}

/// The topics that feed the sinks.
pub trait Log {
    /// See [`Reading`].
    type Reading: Reading;

    /// The partitions that a topic has.
    ///
    /// # Errors
    /// Kafka does not answer.
    fn partitions_of(&self, topic: &str) -> Result<Vec<TopicPartition>, LogError>;

    /// The first offsets that the log still has; `None`: nobody knows.
    ///
    /// # Errors
    /// Kafka does not answer.
    fn earliest(&self, tps: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError>;

    /// The ends of the log; `None`: nobody knows.
    ///
    /// # Errors
    /// Kafka does not answer.
    fn latest(&self, tps: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError>;

    /// Whether a topic is compacted: then a row whose record is gone may be good.
    ///
    /// # Errors
    /// Kafka does not answer.
    fn is_compacted(&self, topic: &str) -> impl Future<Output = Result<bool, LogError>>;

    /// Begins to read spans, as a member of no group.
    ///
    /// # Errors
    /// Kafka refuses.
    fn read(&self, spans: &[(TopicPartition, Span)]) -> Result<Self::Reading, LogError>;
}

/// Spans that are being read.
pub trait Reading {
    /// The next piece of any partition; `None` when all are read.
    ///
    /// # Errors
    /// Kafka fails, or is silent for too long.
    fn next(&mut self) -> Result<Option<Piece>, LogError>;
}
