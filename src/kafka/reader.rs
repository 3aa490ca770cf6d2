//! Reads a stretch of one partition's log again, as a member of no group.

use super::message::push;
use super::tokens::keep_tokens;
use crate::error::KafkaFault;
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_record::{Budget, Chunk, Filling};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Nothing came for so long: longer than a leader's election.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(200);
/// Records handed over at once.
const RECORDS: usize = 1_000;
/// Bytes handed over at once, and held by librdkafka beside them.
const BYTES: usize = 8 << 20;

/// A consumer that is assigned by hand.
pub struct Reader(BaseConsumer);

impl Reader {
    /// With the settings of a [`super::cluster_config`]. The group's name is
    /// needed for an assignment by hand; without a subscription nobody joins
    /// it, and nothing is committed.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn new(mut config: ClientConfig, group_id: &str) -> Result<Self, KafkaFault> {
        let consumer: BaseConsumer = config
            .set("group.id", group_id)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("queued.max.messages.kbytes", (BYTES >> 10).to_string())
            .create()?;
        keep_tokens(consumer.client());
        Ok(Self(consumer))
    }

    /// The first offset that the log still has.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn first(&self, tp: &TopicPartition) -> Result<Position, KafkaFault> {
        let (first, _) = self.0.fetch_watermarks(&tp.topic, tp.partition, PATIENCE)?;
        Position::new(first).map_err(|e| KafkaFault::new(e.to_string()))
    }

    /// All records of a span that the log still has, chunk by chunk.
    ///
    /// # Errors
    /// Kafka did not answer, or the span lies outside the log.
    pub fn read(
        &self,
        tp: &TopicPartition,
        span: Span,
        mut each: impl FnMut(&Chunk),
    ) -> Result<(), KafkaFault> {
        let mut list = TopicPartitionList::new();
        let from = Offset::Offset(span.from().offset());
        list.add_partition_offset(&tp.topic, tp.partition, from)?;
        self.0.assign(&list)?;
        let mut filling = Filling::new(Budget::new(BYTES));
        let mut hand_over = |filling: &mut Filling| {
            if !filling.is_empty() {
                each(&filling.seal(span));
            }
        };
        let mut heard = Instant::now();
        loop {
            match self.0.poll(POLL) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if Position::new(message.offset()).is_ok_and(|p| p >= span.to()) {
                        break;
                    }
                    push(&mut filling, &message, heard);
                    if filling.len() >= RECORDS || filling.bytes() >= BYTES {
                        hand_over(&mut filling);
                    }
                    if message.offset() + 1 >= span.to().offset() {
                        break;
                    }
                }
                // Of markers behind the last record, or of an end that is not
                // the span's: there is nothing more.
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => return Err(error.into()),
                None if heard.elapsed() > PATIENCE => {
                    return Err(KafkaFault::new(format!(
                        "{tp} could not be read: nothing came for {} s",
                        PATIENCE.as_secs()
                    )));
                }
                None => {}
            }
        }
        hand_over(&mut filling);
        self.0.assign(&TopicPartitionList::new())?;
        Ok(())
    }
}
