//! Questions that rust-rdkafka has no call for, asked by way of librdkafka's admin
//! client.

use crate::error::KafkaFault;
use rdkafka::bindings::{
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new, rd_kafka_AdminOptions_s,
    rd_kafka_AdminOptions_set_broker, rd_kafka_AdminOptions_set_include_authorized_operations,
    rd_kafka_AdminOptions_set_request_timeout, rd_kafka_admin_op_t, rd_kafka_error_destroy,
    rd_kafka_event_destroy, rd_kafka_event_error, rd_kafka_event_error_string, rd_kafka_event_t,
    rd_kafka_queue_destroy, rd_kafka_queue_new, rd_kafka_queue_poll, rd_kafka_queue_t,
    rd_kafka_resp_err_t, rd_kafka_t,
};
use rdkafka::error::RDKafkaErrorCode;
use std::ffi::{CStr, CString, c_char};
use std::time::{Duration, Instant};

/// How a question is asked.
pub(super) struct Request {
    pub(super) kind: rd_kafka_admin_op_t,
    /// Who is asked; `None`: whom librdkafka chooses.
    pub(super) broker: Option<i32>,
    /// Whether rights are asked for too (KIP-430).
    pub(super) rights: bool,
    /// How long the answer may take.
    pub(super) timeout: Duration,
}

/// What came back: the question's result, or an error in the place of all of it.
pub(super) struct Answer(*mut rd_kafka_event_t);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody else's.
        unsafe { rd_kafka_event_destroy(self.0) }
    }
}

impl Answer {
    /// For the calls that read it, as long as this lives.
    pub(super) fn event(&self) -> *mut rd_kafka_event_t {
        self.0
    }

    /// The error in the place of all of it.
    pub(super) fn error(&self) -> Option<KafkaFault> {
        // SAFETY: the event is alive; its string too.
        let (code, words) = unsafe {
            let words = rd_kafka_event_error_string(self.0);
            (rd_kafka_event_error(self.0), text(words))
        };
        fault(code, &words)
    }
}

/// Questions that are under way together.
pub(super) struct Asked {
    client: *mut rd_kafka_t,
    queue: *mut rd_kafka_queue_t,
    /// Questions that are not answered yet.
    open: usize,
    deadline: Instant,
}

impl Drop for Asked {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody else's. What is answered later finds it closed.
        unsafe { rd_kafka_queue_destroy(self.queue) }
    }
}

impl Asked {
    /// None yet; all will have `timeout`.
    ///
    /// # Safety
    /// The client outlives this.
    pub(super) unsafe fn new(client: *mut rd_kafka_t, timeout: Duration) -> Self {
        Self {
            client,
            // SAFETY: as the caller says.
            queue: unsafe { rd_kafka_queue_new(client) },
            open: 0,
            // A second longer than a request itself, whose end is an answer.
            deadline: Instant::now() + timeout + Duration::from_secs(1),
        }
    }

    /// One more; `send` puts it.
    pub(super) fn put(
        &mut self,
        request: &Request,
        send: impl FnOnce(*const rd_kafka_AdminOptions_s, *mut rd_kafka_queue_t),
    ) {
        let millis = i32::try_from(request.timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client is alive; options are made and destroyed here, once, and
        // librdkafka copies them. What an option refuses is not set.
        unsafe {
            let options = rd_kafka_AdminOptions_new(self.client, request.kind);
            let mut why = [0; 128];
            rd_kafka_AdminOptions_set_request_timeout(options, millis, why.as_mut_ptr(), why.len());
            if let Some(broker) = request.broker {
                rd_kafka_AdminOptions_set_broker(options, broker, why.as_mut_ptr(), why.len());
            }
            if request.rights {
                let refused = rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
                if !refused.is_null() {
                    rd_kafka_error_destroy(refused);
                }
            }
            send(options, self.queue);
            rd_kafka_AdminOptions_destroy(options);
        }
        self.open += 1;
    }

    /// The next answer; `None` when there is none left, or none in time.
    pub(super) fn answer(&mut self) -> Option<Answer> {
        self.open = self.open.checked_sub(1)?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let millis = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive, and the event ours.
        let event = unsafe { rd_kafka_queue_poll(self.queue, millis) };
        (!event.is_null()).then_some(Answer(event))
    }
}

/// Asks, and waits for the answer. `send` puts the question.
///
/// # Errors
/// Kafka did not answer in time.
///
/// # Safety
/// The client is alive.
pub(super) unsafe fn ask(
    client: *mut rd_kafka_t,
    request: &Request,
    send: impl FnOnce(*const rd_kafka_AdminOptions_s, *mut rd_kafka_queue_t),
) -> Result<Answer, KafkaFault> {
    // SAFETY: as the caller says.
    let mut asked = unsafe { Asked::new(client, request.timeout) };
    asked.put(request, send);
    asked.answer().ok_or_else(unanswered)
}

/// Nothing came in time.
pub(super) fn unanswered() -> KafkaFault {
    KafkaFault::told(
        RDKafkaErrorCode::OperationTimedOut,
        "Kafka did not answer in time",
    )
}

/// A code in the words that came with it.
pub(super) fn fault(code: rd_kafka_resp_err_t, words: &str) -> Option<KafkaFault> {
    if code == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    let code = RDKafkaErrorCode::from(code);
    Some(match words.is_empty() {
        true => KafkaFault::told(code, format!("Kafka: {code}")),
        false => KafkaFault::told(code, format!("Kafka: {words}")),
    })
}

/// Names for librdkafka, which copies them.
///
/// # Errors
/// No name of Kafka's holds a NUL.
pub(super) fn names(names: &[&str]) -> Result<Vec<CString>, KafkaFault> {
    let names = names.iter().map(|name| CString::new(*name));
    names
        .collect::<Result<_, _>>()
        .map_err(|_| KafkaFault::new("a name holds a NUL"))
}

/// # Safety
/// NUL-terminated, or null.
pub(super) unsafe fn text(words: *const c_char) -> String {
    if words.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    let words = unsafe { CStr::from_ptr(words) };
    words.to_string_lossy().trim().to_owned()
}
