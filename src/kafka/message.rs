//! One of librdkafka's messages into a batch: bytes are copied, nothing is
//! looked at.

use plimsoll_record::{Filling, Incoming};
use rdkafka::bindings::{
    rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_message_broker_id,
    rd_kafka_message_headers, rd_kafka_message_leader_epoch, rd_kafka_message_t,
    rd_kafka_message_timestamp, rd_kafka_timestamp_type_t, rd_kafka_topic_name,
};
use rdkafka::error::RDKafkaErrorCode;
use std::ffi::CStr;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::time::Instant;

/// A record that is still librdkafka's.
#[derive(Clone, Copy)]
pub struct Message<'m>(&'m rd_kafka_message_t);

/// Which partition a message is of: equal among messages that live at the same
/// time, and no longer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Source(usize, i32);

impl<'m> Message<'m> {
    /// One that lives as long as the borrow.
    pub fn new(message: &'m rd_kafka_message_t) -> Self {
        Self(message)
    }

    /// Why this is no record.
    pub fn error(self) -> Option<RDKafkaErrorCode> {
        let code = RDKafkaErrorCode::from(self.0.err);
        (code != RDKafkaErrorCode::NoError).then_some(code)
    }

    /// librdkafka's words for why this is no record. It writes them where a
    /// record has its value, and puts no record's bytes into them.
    pub fn error_text(self) -> String {
        // SAFETY: the message's own bytes.
        let words = unsafe { slice(self.0.payload, self.0.len) };
        String::from_utf8_lossy(words.unwrap_or_default()).into_owned()
    }

    /// The broker that it was fetched from.
    pub fn broker(self) -> i32 {
        // SAFETY: the call only reads the message.
        unsafe { rd_kafka_message_broker_id(self.0) }
    }

    /// Its partition, to compare.
    pub fn source(self) -> Source {
        Source(self.0.rkt as usize, self.0.partition)
    }

    /// Its partition's number.
    pub fn partition(self) -> i32 {
        self.0.partition
    }

    /// Its topic's name.
    pub fn topic(self) -> &'m str {
        if self.0.rkt.is_null() {
            return "";
        }
        // SAFETY: the message holds its topic, and the topic its name, which is
        // of ASCII letters.
        let name = unsafe { CStr::from_ptr(rd_kafka_topic_name(self.0.rkt)) };
        name.to_str().unwrap_or("")
    }

    /// Its offset.
    pub fn offset(self) -> i64 {
        self.0.offset
    }

    fn timestamp(self) -> Option<i64> {
        let mut kind = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the call only reads the message.
        let at = unsafe { rd_kafka_message_timestamp(self.0, &mut kind) };
        (at != -1 && kind != rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
            .then_some(at)
    }

    /// The epoch of the partition's leader when it wrote the record (KIP-320).
    fn leader_epoch(self) -> Option<i32> {
        // SAFETY: the call only reads the message.
        let epoch = unsafe { rd_kafka_message_leader_epoch(self.0) };
        (epoch >= 0).then_some(epoch)
    }

    fn headers(self) -> impl Iterator<Item = (&'m [u8], Option<&'m [u8]>)> {
        let mut list: *mut rd_kafka_headers_t = null_mut();
        // SAFETY: the list is the message's own, and lives as long.
        unsafe { rd_kafka_message_headers(self.0, &mut list) };
        (0..).map_while(move |i| header::<'m>(list, i))
    }
}

/// Header `i` of a list that lives for `'m`, or is null.
fn header<'m>(list: *const rd_kafka_headers_t, i: usize) -> Option<(&'m [u8], Option<&'m [u8]>)> {
    if list.is_null() {
        return None;
    }
    let (mut name, mut value, mut size) = (null(), null::<c_void>(), 0);
    // SAFETY: the list is alive; the three are filled in where there is an `i`.
    let found = unsafe { rd_kafka_header_get_all(list, i, &mut name, &mut value, &mut size) };
    if RDKafkaErrorCode::from(found) != RDKafkaErrorCode::NoError {
        return None;
    }
    // SAFETY: librdkafka ends names with a zero, and tells no length: one that holds
    // a zero itself ends there.
    let name = unsafe { CStr::from_ptr(name) };
    // SAFETY: of the list, alive for `'m`.
    Some((name.to_bytes(), unsafe { slice(value, size) }))
}

/// # Safety
/// Not null, `data` begins `len` bytes that live for `'m`.
unsafe fn slice<'m>(data: *const c_void, len: usize) -> Option<&'m [u8]> {
    // SAFETY: as the caller says.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast(), len) })
}

/// Copies a message.
pub fn push(filling: &mut Filling, message: Message<'_>, now: Instant) {
    let raw = message.0;
    let incoming = Incoming {
        offset: raw.offset,
        timestamp: message.timestamp(),
        // SAFETY: the message's own bytes.
        key: unsafe { slice(raw.key, raw.key_len) },
        // SAFETY: the message's own bytes.
        value: unsafe { slice(raw.payload, raw.len) },
    };
    filling.push(&incoming, message.headers(), message.leader_epoch(), now);
}
