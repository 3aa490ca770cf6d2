//! The queue that records come by. Events (rebalances, errors) keep the
//! consumer's own: librdkafka hands out records by the window, and events one by
//! one.
//!
//! A call for each record costs two looks at the clock, an event, and three
//! locks; of a window, each is paid once.

use super::context::Context;
use super::message::Message;
use plimsoll_protocol::TopicPartition;
use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_message_destroy, rd_kafka_message_t,
    rd_kafka_queue_cb_event_enable, rd_kafka_queue_destroy, rd_kafka_queue_forward,
    rd_kafka_queue_get_partition, rd_kafka_queue_new, rd_kafka_queue_t, rd_kafka_t,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::VecDeque;
use std::ffi::{CString, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::thread::Thread;

/// Records of a window, at most: more saves nothing that could be measured.
const WINDOW_RECORDS: usize = 128;
/// Bytes that a window aims at. Records of it are nobody's while they wait to be
/// taken, so they must be few where they are large.
const WINDOW_BYTES: usize = 256 << 10;

/// A queue of librdkafka's, given back before its client is.
struct Queue {
    native: NonNull<rd_kafka_queue_t>,
    /// A client that is gone takes its queues along.
    _client: Arc<BaseConsumer<Context>>,
}

impl Queue {
    fn as_ptr(&self) -> *mut rd_kafka_queue_t {
        self.native.as_ptr()
    }
}

// SAFETY: librdkafka's queues are locked inside.
unsafe impl Send for Queue {}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody else's. The client goes after this.
        unsafe { rd_kafka_queue_destroy(self.as_ptr()) }
    }
}

/// The queue of all records of a client.
pub struct Records {
    queue: Queue,
    /// Kept for as long as librdkafka may call with it.
    waiter: Option<Box<Thread>>,
}

/// Where one partition's records arrive first.
pub struct Arrivals(Queue);

impl Records {
    /// A new one.
    pub fn of(client: &Arc<BaseConsumer<Context>>) -> Option<Self> {
        // SAFETY: the client is alive.
        let native = unsafe { rd_kafka_queue_new(client.client().native_ptr()) };
        Some(Self {
            queue: Queue {
                native: NonNull::new(native)?,
                _client: client.clone(),
            },
            waiter: None,
        })
    }

    /// Unparks this thread whenever the queue was empty and something came.
    pub fn wake(&mut self, thread: Thread) {
        unsafe extern "C" fn unpark(_: *mut rd_kafka_t, thread: *mut c_void) {
            // SAFETY: the box that `wake` keeps until this is called no more.
            unsafe { &*thread.cast::<Thread>() }.unpark();
        }
        let thread = self.waiter.insert(Box::new(thread));
        let thread: *const Thread = &**thread;
        // SAFETY: the thread is kept until the call in `drop`.
        unsafe {
            rd_kafka_queue_cb_event_enable(
                self.queue.as_ptr(),
                Some(unpark),
                thread.cast_mut().cast(),
            );
        }
    }

    /// Takes what is there, up to a window.
    pub fn pop(&self, window: &mut Window) {
        window.drop_rest();
        let mut messages = [null_mut::<rd_kafka_message_t>(); WINDOW_RECORDS];
        // SAFETY: room for as many as are asked for.
        let count = unsafe {
            rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, messages.as_mut_ptr(), window.most)
        };
        // -1 is said of queues that are none.
        let count = usize::try_from(count).unwrap_or(0);
        window
            .waiting
            .extend(messages[..count].iter().copied().filter_map(NonNull::new));
        window.measure();
    }
}

/// A record that was taken out of the queue and is not yet handed out: then librdkafka
/// moves its position, as it does for a window that is being taken while its partition
/// stops.
#[cfg(test)]
pub struct Held(NonNull<rdkafka::bindings::rd_kafka_event_t>);

#[cfg(test)]
impl Records {
    /// Takes one out, where there is one.
    pub fn hold(&self) -> Option<Held> {
        // SAFETY: the queue is alive.
        let event = unsafe { rdkafka::bindings::rd_kafka_queue_poll(self.queue.as_ptr(), 0) };
        NonNull::new(event).map(Held)
    }
}

#[cfg(test)]
impl Held {
    /// Hands it out, and drops it.
    pub fn hand_out(self) {
        use rdkafka::bindings::{rd_kafka_event_destroy, rd_kafka_event_message_next};
        // SAFETY: ours until it is destroyed, and its message with it.
        unsafe {
            assert!(!rd_kafka_event_message_next(self.0.as_ptr()).is_null());
            rd_kafka_event_destroy(self.0.as_ptr());
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // SAFETY: after this nobody has the thread any more.
        unsafe { rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, null_mut()) }
    }
}

impl Arrivals {
    /// Of a partition, assigned or not.
    pub fn of(client: &Arc<BaseConsumer<Context>>, tp: &TopicPartition) -> Option<Self> {
        let topic = CString::new(&*tp.topic).ok()?;
        let native = client.client().native_ptr();
        // SAFETY: the client is alive; the name lives through the call.
        let queue = unsafe { rd_kafka_queue_get_partition(native, topic.as_ptr(), tp.partition) };
        Some(Self(Queue {
            native: NonNull::new(queue)?,
            _client: client.clone(),
        }))
    }

    /// Lets records come by the queue of all. To be called before the partition
    /// is assigned, or its first ones would come by the consumer's queue; and
    /// again while it is: librdkafka ends this when it has stopped an earlier
    /// life of the partition, which it does when it comes to it. What arrived
    /// meanwhile waits, and comes in order.
    pub fn forward(&self, records: &Records) {
        // SAFETY: both are alive.
        unsafe { rd_kafka_queue_forward(self.0.as_ptr(), records.queue.as_ptr()) }
    }
}

/// Records that are taken from the queue, and not yet from here.
pub struct Window {
    waiting: VecDeque<NonNull<rd_kafka_message_t>>,
    /// The one that was given out last.
    given: Option<NonNull<rd_kafka_message_t>>,
    /// Of the next window.
    most: usize,
}

impl Window {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            waiting: VecDeque::with_capacity(WINDOW_RECORDS),
            given: None,
            most: 1,
        }
    }

    /// Whether all were given out.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The next one, until it is asked for another.
    pub fn next(&mut self) -> Option<Message<'_>> {
        self.give_back();
        self.given = self.waiting.pop_front();
        // SAFETY: alive until it is given back, which needs the window whole.
        self.given.map(|m| Message::new(unsafe { m.as_ref() }))
    }

    /// Plans the next window by the largest of these.
    fn measure(&mut self) {
        let size = |m: &NonNull<rd_kafka_message_t>| {
            // SAFETY: not yet given out, so alive.
            let message = unsafe { m.as_ref() };
            message.len + message.key_len
        };
        if let Some(largest) = self.waiting.iter().map(size).max() {
            self.most = (WINDOW_BYTES / largest.max(1)).clamp(1, WINDOW_RECORDS);
        }
    }

    fn give_back(&mut self) {
        if let Some(given) = self.given.take() {
            // SAFETY: it was librdkafka's, and nobody has it any more.
            unsafe { rd_kafka_message_destroy(given.as_ptr()) }
        }
    }

    fn drop_rest(&mut self) {
        while self.next().is_some() {}
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.drop_rest();
    }
}
