//! Kafka's ids of topics (KIP-516): a topic that is deleted and made anew has
//! another one. rust-rdkafka has no call for it.

use crate::error::KafkaFault;
use rdkafka::bindings::{
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new, rd_kafka_AdminOptions_set_broker,
    rd_kafka_AdminOptions_set_request_timeout, rd_kafka_DescribeTopics,
    rd_kafka_DescribeTopics_result_topics, rd_kafka_TopicCollection_destroy,
    rd_kafka_TopicCollection_of_topic_names, rd_kafka_TopicDescription_error,
    rd_kafka_TopicDescription_name, rd_kafka_TopicDescription_topic_id, rd_kafka_Uuid_base64str,
    rd_kafka_admin_op_t, rd_kafka_error_code, rd_kafka_event_DescribeTopics_result,
    rd_kafka_event_destroy, rd_kafka_event_error, rd_kafka_queue_destroy, rd_kafka_queue_new,
    rd_kafka_queue_poll, rd_kafka_resp_err_t, rd_kafka_t,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::time::Duration;

/// The id of no topic, in base64.
const ZERO: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// What is told of each topic: its id in base64, as Kafka's tools print it, or why
/// there is none. A topic is left out where the broker tells no ids.
pub(super) type TopicIds = BTreeMap<String, Result<String, KafkaFault>>;

/// The ids of topics. One request for all. Blocks for `patience` at
/// most.
///
/// # Errors
/// Kafka did not answer.
///
/// `broker` is asked; below 0: the controller.
pub(super) fn topic_ids(
    client: *mut rd_kafka_t,
    broker: i32,
    topics: &[&str],
    patience: Duration,
) -> Result<TopicIds, KafkaFault> {
    let names: Vec<CString> = topics
        .iter()
        .map(|topic| CString::new(*topic))
        .collect::<Result<_, _>>()
        .map_err(|_| KafkaFault::new("a topic's name holds a NUL"))?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client lives through the call; the names live in `names`, and
    // librdkafka copies them; all that is made here is destroyed here, once,
    // and nothing is read after the event that owns it was destroyed.
    unsafe {
        let queue = rd_kafka_queue_new(client);
        let options = rd_kafka_AdminOptions_new(
            client,
            rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        let mut why = [0; 128];
        rd_kafka_AdminOptions_set_request_timeout(options, millis, why.as_mut_ptr(), why.len());
        if broker >= 0 {
            rd_kafka_AdminOptions_set_broker(options, broker, why.as_mut_ptr(), why.len());
        }
        let asked = rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        rd_kafka_DescribeTopics(client, asked, options, queue);
        // A second longer than the request itself, whose end is the answer.
        let event = rd_kafka_queue_poll(queue, millis.saturating_add(1_000));
        let answer = if event.is_null() {
            Err(KafkaFault::new("Kafka told no topic ids in time"))
        } else {
            let answer = read(event);
            rd_kafka_event_destroy(event);
            answer
        };
        rd_kafka_TopicCollection_destroy(asked);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        answer
    }
}

/// # Safety
/// The event is a live one, of a DescribeTopics call.
unsafe fn read(event: *mut rdkafka::bindings::rd_kafka_event_t) -> Result<TopicIds, KafkaFault> {
    let fault = |code: rd_kafka_resp_err_t| {
        KafkaFault::from(KafkaError::AdminOp(RDKafkaErrorCode::from(code)))
    };
    let mut ids = BTreeMap::new();
    // SAFETY: all pointers belong to the event, which lives; strings are
    // NUL-terminated and copied.
    unsafe {
        match rd_kafka_event_error(event) {
            rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {}
            // A broker that is too old to tell.
            rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE
            | rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION => return Ok(ids),
            code => return Err(fault(code)),
        }
        let mut count = 0;
        let result = rd_kafka_event_DescribeTopics_result(event);
        let topics = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        for i in 0..count {
            let topic = *topics.add(i);
            let code = rd_kafka_error_code(rd_kafka_TopicDescription_error(topic));
            let name = CStr::from_ptr(rd_kafka_TopicDescription_name(topic));
            let name = name.to_string_lossy().into_owned();
            match code {
                rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {}
                // It may be read all the same.
                rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED => continue,
                code => {
                    ids.insert(name, Err(fault(code)));
                    continue;
                }
            }
            let id = rd_kafka_Uuid_base64str(rd_kafka_TopicDescription_topic_id(topic));
            if id.is_null() {
                continue;
            }
            let id = CStr::from_ptr(id).to_string_lossy();
            if id != ZERO {
                ids.insert(name, Ok(id.into_owned()));
            }
        }
    }
    Ok(ids)
}
