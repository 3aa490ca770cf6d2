//! A member of a consumer group: its consumer, and the one queue that all its records
//! come by. What the poll loop wants of librdkafka it says here.

use super::context::{Context, Rebalance};
use super::lists::{one, position_of};
use super::queue::{Arrivals, Records, Window};
use super::tokens::keep_tokens;
use plimsoll_protocol::{Position, TopicPartition};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::Thread;
use std::time::Duration;
use tracing::debug;

/// A member.
pub struct Member {
    records: Records,
    consumer: Arc<BaseConsumer<Context>>,
}

/// What came beside records.
#[derive(Debug)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// An error that is not of one partition.
    Error(KafkaError),
    /// A record, which should have come by the queue of records.
    Record(TopicPartition),
}

impl Member {
    /// Makes the consumer, which has joined no group yet. `waiter` is unparked whenever
    /// something comes.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn new(
        config: &ClientConfig,
        context: Context,
        waiter: &Thread,
    ) -> Result<Self, KafkaError> {
        let mut consumer: BaseConsumer<Context> = config.create_with_context(context)?;
        keep_tokens(consumer.client());
        let of_events = waiter.clone();
        consumer.set_nonempty_callback(move || of_events.unpark());
        let consumer = Arc::new(consumer);
        let mut records = Records::of(&consumer)
            .ok_or_else(|| KafkaError::ClientCreation("no queue for records".to_owned()))?;
        records.wake(waiter.clone());
        Ok(Self { records, consumer })
    }

    /// Joins the group, for topics, or for one pattern that begins with `^`.
    ///
    /// # Errors
    /// A pattern that librdkafka refuses.
    pub fn subscribe(&self, subscription: &[String]) -> Result<(), KafkaError> {
        let subscription: Vec<&str> = subscription.iter().map(String::as_str).collect();
        self.consumer.subscribe(&subscription)
    }

    /// Takes the records that are there, up to a window.
    pub fn pop(&self, window: &mut Window) {
        self.records.pop(window);
    }

    /// Serves librdkafka's calls, and takes what came beside records.
    pub fn serve(&self) -> Told {
        match self.consumer.poll(Duration::ZERO) {
            None => Told::Nothing,
            Some(Err(error)) => Told::Error(error),
            Some(Ok(record)) => {
                Told::Record(TopicPartition::new(record.topic(), record.partition()))
            }
        }
    }

    /// The oldest rebalance that nobody has taken yet.
    pub fn next_rebalance(&self) -> Option<Rebalance> {
        self.consumer.context().next_rebalance()
    }

    /// Answers an assignment without consuming any of it.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn acknowledge_assignment(&self) -> Result<(), KafkaError> {
        self.consumer.incremental_assign(&TopicPartitionList::new())
    }

    /// Where the consumer stands in a partition: behind the last record popped, and
    /// behind markers that it passed since. `None`: it does not read it.
    pub fn position(&self, tp: &TopicPartition) -> Option<Position> {
        position_of(&self.consumer, tp)
    }

    /// Reads a partition from a position. The offset stands in the assignment: never
    /// assign and then seek (librdkafka #2190, #5345).
    ///
    /// # Errors
    /// librdkafka's; nothing is read then.
    pub fn begin(&self, tp: &TopicPartition, at: Position) -> Result<Arrivals, KafkaError> {
        let arrivals = Arrivals::of(&self.consumer, tp)
            .ok_or_else(|| KafkaError::ClientCreation("no queue for its records".to_owned()))?;
        arrivals.forward(&self.records);
        self.consumer.incremental_assign(&one(tp, Some(at)))?;
        Ok(arrivals)
    }

    /// Lets records come by their queue; see [`Arrivals::forward`].
    pub fn forward(&self, arrivals: &Arrivals) {
        arrivals.forward(&self.records);
    }

    /// Makes librdkafka forget where it stood in a partition that is not assigned. A
    /// record that is popped while a partition stops moves its position after the stop
    /// has cleared it, and only another stop clears it again.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn begin_and_stop(&self, tp: &TopicPartition, at: Position) -> Result<(), KafkaError> {
        // What comes of it must not come by the queue for events: this is kept till then.
        let _arrivals = self.begin(tp, at)?;
        self.consumer.incremental_unassign(&one(tp, None))
    }

    /// Stops reading partitions. Only those that it reads are named, or librdkafka
    /// answers INVALID_ARG and the rebalance stalls.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn stop(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let held = self.consumer.assignment().unwrap_or_default();
        let mut list = TopicPartitionList::new();
        for tp in partitions {
            if held.find_partition(&tp.topic, tp.partition).is_some() {
                list.add_partition(&tp.topic, tp.partition);
            }
        }
        self.consumer.incremental_unassign(&list)
    }

    /// Fetches no more of a partition, and throws away what was prefetched.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn pause(&self, tp: &TopicPartition) -> Result<(), KafkaError> {
        self.consumer.pause(&one(tp, None))
    }

    /// Fetches again. librdkafka remembers a pause across assignments.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn resume(&self, tp: &TopicPartition) -> Result<(), KafkaError> {
        self.consumer.resume(&one(tp, None))
    }

    /// Tells the group's coordinator where the sink stands, without waiting for it.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn tell(&self, positions: &[(TopicPartition, Position)]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (tp, at) in positions {
            list.add_partition_offset(&tp.topic, tp.partition, Offset::Offset(at.offset()))?;
        }
        self.consumer.commit(&list, CommitMode::Async)
    }

    /// From here on nobody takes rebalances: revocations are granted at once, or closing
    /// would wait for ever.
    pub fn grant_all(&self) {
        self.consumer.context().close();
    }

    /// Stops reading all that it reads, before it is dropped, which closes it.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn leave(&self) -> Result<(), KafkaError> {
        self.grant_all();
        let held = self.consumer.assignment()?;
        match held.count() {
            0 => Ok(()),
            _ => self.consumer.incremental_unassign(&held),
        }
    }

    /// Leaves the group; whether that was done in time. Closing can hang in librdkafka:
    /// the client is left to a thread of its own then.
    #[must_use]
    pub fn close(self, at_most: Duration) -> bool {
        if let Err(error) = self.leave() {
            debug!("leaving: {error}");
        }
        let (closed, is_closed) = channel();
        std::thread::spawn(move || {
            drop(self);
            // Nobody waits any more, perhaps.
            let _ = closed.send(());
        });
        is_closed.recv_timeout(at_most).is_ok()
    }

    /// Takes a record out of the queue without handing it out.
    #[cfg(test)]
    pub fn hold(&self) -> Option<super::Held> {
        self.records.hold()
    }
}
