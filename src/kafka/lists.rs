//! librdkafka's lists of partitions.

use super::context::Context;
use plimsoll_protocol::{Position, TopicPartition};
use rdkafka::bindings::rd_kafka_position;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

/// Where the consumer stands in one partition: behind the last message popped,
/// and behind markers that it passed since.
pub fn position_of(consumer: &BaseConsumer<Context>, tp: &TopicPartition) -> Option<Position> {
    let list = one(tp, None);
    // SAFETY: both pointers live through the call, which only fills in offsets.
    unsafe { rd_kafka_position(consumer.client().native_ptr(), list.ptr()) };
    match list.find_partition(&tp.topic, tp.partition)?.offset() {
        Offset::Offset(offset) => Position::new(offset).ok(),
        Offset::Beginning
        | Offset::End
        | Offset::Stored
        | Offset::Invalid
        | Offset::OffsetTail(_) => None,
    }
}

/// A list of one partition, with an offset or without.
pub fn one(tp: &TopicPartition, position: Option<Position>) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(&tp.topic, tp.partition);
    if let Some(position) = position {
        // Fails only for offsets that are none; a position is one.
        let _ =
            list.set_partition_offset(&tp.topic, tp.partition, Offset::Offset(position.offset()));
    }
    list
}
