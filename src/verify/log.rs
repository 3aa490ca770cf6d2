//! Kafka, as `verify` asks it: by clients that are members of no group.

use crate::admin::AdminError;
use crate::config::Kafka;
use crate::error::KafkaFault;
use crate::kafka::{Cluster, LogReader, Reads, ShortLog, cluster_config, is_compacted};
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_verify::{Log, LogError, Piece, Reading};

/// What brokers call the clients.
pub const CLIENT_ID: &str = "plimsoll-verify";

/// The topics of one sink.
pub struct KafkaLog<'k> {
    pub kafka: &'k Kafka,
    pub cluster: &'k Cluster,
    /// A consumer needs one, also one that is assigned by hand.
    pub group_id: &'k str,
}

impl Log for KafkaLog<'_> {
    type Reading = Spans;

    fn partitions_of(&self, topic: &str) -> Result<Vec<TopicPartition>, LogError> {
        self.cluster.partitions_of(topic).map_err(told)
    }

    fn earliest(&self, tps: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError> {
        self.cluster.earliest(tps).map_err(told)
    }

    fn latest(&self, tps: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError> {
        self.cluster.latest(tps).map_err(told)
    }

    async fn is_compacted(&self, topic: &str) -> Result<bool, LogError> {
        let config = cluster_config(self.kafka, CLIENT_ID);
        is_compacted(&config, topic).await.map_err(told)
    }

    fn read(&self, spans: &[(TopicPartition, Span)]) -> Result<Spans, LogError> {
        let config = cluster_config(self.kafka, CLIENT_ID);
        // The service has read all of them.
        let reader = LogReader::new(config, self.group_id, Reads::Stretches, ShortLog::IsAwaited);
        let mut reader = reader.map_err(told)?;
        reader.begin(spans.iter().cloned()).map_err(told)?;
        Ok(Spans(reader))
    }
}

/// Spans that are being read.
pub struct Spans(LogReader);

impl Reading for Spans {
    fn next(&mut self) -> Result<Option<Piece>, LogError> {
        let piece = self.0.next().map_err(|unread| told(unread.fault))?;
        Ok(piece.map(|piece| Piece {
            tp: piece.tp,
            chunk: piece.chunk,
            passed: piece.passed,
        }))
    }
}

/// With the hint that the commands give.
fn told(fault: KafkaFault) -> LogError {
    LogError(AdminError::from(fault).to_string())
}
