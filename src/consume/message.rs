//! One of librdkafka's messages into a batch: bytes are copied, nothing is
//! looked at.

use crate::batch::{Filling, Incoming};
use rdkafka::bindings::rd_kafka_message_leader_epoch;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use std::time::Instant;

/// Copies a message.
pub fn push(filling: &mut Filling, message: &BorrowedMessage<'_>, now: Instant) {
    let incoming = Incoming {
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key(),
        value: message.payload(),
    };
    let headers = message
        .headers()
        .into_iter()
        .flat_map(|h| h.iter().map(|h| (h.key, h.value)));
    filling.push(&incoming, headers, leader_epoch(message), now);
}

/// The epoch of the partition's leader when it wrote the record (KIP-320).
fn leader_epoch(message: &BorrowedMessage<'_>) -> Option<i32> {
    // SAFETY: the message lives as long as the borrow; the call only reads it.
    let epoch = unsafe { rd_kafka_message_leader_epoch(message.ptr()) };
    (epoch >= 0).then_some(epoch)
}
