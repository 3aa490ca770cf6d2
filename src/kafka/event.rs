//! What librdkafka hands out of a client's queue.

use super::context::Context;
use super::message::Message;
use super::request::text;
use plimsoll_protocol::TopicPartition;
use rdkafka::ClientContext;
use rdkafka::bindings::{
    RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_FETCH, RD_KAFKA_EVENT_LOG, rd_kafka_event_destroy,
    rd_kafka_event_error, rd_kafka_event_error_is_fatal, rd_kafka_event_error_string,
    rd_kafka_event_log, rd_kafka_event_message_next, rd_kafka_event_t,
    rd_kafka_event_topic_partition, rd_kafka_event_type, rd_kafka_queue_destroy,
    rd_kafka_queue_get_consumer, rd_kafka_queue_get_main, rd_kafka_queue_poll, rd_kafka_queue_t,
    rd_kafka_t, rd_kafka_topic_partition_destroy,
};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::ptr::{NonNull, null};
use std::time::Duration;

/// A queue of events, given back at the end. It must not outlive its client.
pub(super) struct Events(NonNull<rd_kafka_queue_t>);

// SAFETY: librdkafka's queues are locked inside.
unsafe impl Send for Events {}

impl Events {
    /// What a client tells that reads no record.
    ///
    /// # Safety
    /// `client` is alive, and outlives the queue.
    pub(super) unsafe fn main(client: *mut rd_kafka_t) -> Option<Self> {
        // SAFETY: as the caller says.
        NonNull::new(unsafe { rd_kafka_queue_get_main(client) }).map(Self)
    }

    /// What a consumer tells, and its records.
    ///
    /// # Safety
    /// `client` is alive, and outlives the queue.
    pub(super) unsafe fn consumer(client: *mut rd_kafka_t) -> Option<Self> {
        // SAFETY: as the caller says.
        NonNull::new(unsafe { rd_kafka_queue_get_consumer(client) }).map(Self)
    }

    /// The next one, if it comes in time.
    pub(super) fn poll(&self, timeout: Duration) -> Option<Event> {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive.
        NonNull::new(unsafe { rd_kafka_queue_poll(self.0.as_ptr(), millis) }).map(Event)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody else's.
        unsafe { rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

/// One event, given back at the end.
pub(super) struct Event(NonNull<rd_kafka_event_t>);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody else's.
        unsafe { rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

/// What an event is.
pub(super) enum Kind {
    Records,
    Error,
    Log,
    /// None that is asked for.
    Other,
}

impl Event {
    pub(super) fn kind(&self) -> Kind {
        // SAFETY: the event is alive.
        match unsafe { rd_kafka_event_type(self.0.as_ptr()) } {
            RD_KAFKA_EVENT_FETCH => Kind::Records,
            RD_KAFKA_EVENT_ERROR => Kind::Error,
            RD_KAFKA_EVENT_LOG => Kind::Log,
            _ => Kind::Other,
        }
    }

    /// The next record, until it is asked for another.
    pub(super) fn next_record(&mut self) -> Option<Message<'_>> {
        // SAFETY: the message is the event's own, and lives until that is destroyed.
        unsafe { rd_kafka_event_message_next(self.0.as_ptr()).as_ref() }.map(Message::new)
    }

    /// The code of an error.
    pub(super) fn code(&self) -> RDKafkaErrorCode {
        // SAFETY: the event is alive.
        unsafe { rd_kafka_event_error(self.0.as_ptr()) }.into()
    }

    /// An error that came in place of records.
    pub(super) fn error(&self) -> KafkaError {
        // SAFETY: the event is alive.
        match unsafe { rd_kafka_event_error_is_fatal(self.0.as_ptr()) } {
            0 => KafkaError::MessageConsumption(self.code()),
            _ => KafkaError::MessageConsumptionFatal(self.code()),
        }
    }

    /// The partition that an error is of, where it is of one, and the offset.
    pub(super) fn place(&self) -> Option<(TopicPartition, i64)> {
        // SAFETY: the event is alive. What it hands out is ours, and destroyed once it
        // is copied; its topic's name ends with a zero.
        unsafe {
            let place = rd_kafka_event_topic_partition(self.0.as_ptr());
            let one = place.as_ref()?;
            let tp = TopicPartition::new(&text(one.topic), one.partition);
            let offset = one.offset;
            rd_kafka_topic_partition_destroy(place);
            Some((tp, offset))
        }
    }

    /// Tells the client's own context of an error or a line of the log.
    pub(super) fn tell(&self, context: &Context) {
        let event = self.0.as_ptr();
        match self.kind() {
            Kind::Error => {
                // SAFETY: strings of an event end with a zero and live as long as it does.
                let words = unsafe { text(rd_kafka_event_error_string(event)) };
                context.error(KafkaError::Global(self.code()), &words);
            }
            Kind::Log => {
                let (mut facility, mut words, mut level) = (null(), null(), 0);
                // SAFETY: as above; the three are filled in where it answers 0.
                unsafe {
                    let told = rd_kafka_event_log(
                        event,
                        &raw mut facility,
                        &raw mut words,
                        &raw mut level,
                    );
                    if told == 0 {
                        context.log(severity(level), &text(facility), &text(words));
                    }
                }
            }
            Kind::Records | Kind::Other => {}
        }
    }
}

/// A syslog(3) level.
fn severity(level: i32) -> RDKafkaLogLevel {
    match level {
        ..=3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 | 6 => RDKafkaLogLevel::Info,
        7.. => RDKafkaLogLevel::Debug,
    }
}
