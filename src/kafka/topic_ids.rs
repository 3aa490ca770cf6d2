//! What brokers tell of topics beside their partitions: their ids (KIP-516), for a
//! topic that is deleted and made anew has another one; and what this client may
//! do with them (KIP-430).

use super::request::{Answer, Request, ask, fault, names, text};
use super::rights::{Rights, rights};
use crate::error::KafkaFault;
use rdkafka::bindings::{
    rd_kafka_DescribeTopics, rd_kafka_DescribeTopics_result_topics,
    rd_kafka_TopicCollection_destroy, rd_kafka_TopicCollection_of_topic_names,
    rd_kafka_TopicDescription_authorized_operations, rd_kafka_TopicDescription_error,
    rd_kafka_TopicDescription_name, rd_kafka_TopicDescription_partitions,
    rd_kafka_TopicDescription_s, rd_kafka_TopicDescription_topic_id, rd_kafka_Uuid_base64str,
    rd_kafka_admin_op_t, rd_kafka_error_code, rd_kafka_event_DescribeTopics_result, rd_kafka_t,
};
use rdkafka::error::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::time::Duration;

/// The id of no topic, in base64.
const ZERO: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// What is told of each topic: its id in base64, as Kafka's tools print it, or why
/// there is none. A topic is left out where the broker tells no ids.
pub(super) type TopicIds = BTreeMap<String, Result<String, KafkaFault>>;

/// The ids of topics. One request for all. Blocks for `timeout` at most. `broker`
/// is asked; `None`: the controller.
///
/// # Errors
/// Kafka did not answer.
pub(super) fn topic_ids(
    client: *mut rd_kafka_t,
    broker: Option<i32>,
    topics: &[&str],
    timeout: Duration,
) -> Result<TopicIds, KafkaFault> {
    let mut ids = BTreeMap::new();
    each(client, broker, false, topics, timeout, |name, topic| {
        let Ok(topic) = topic else {
            let refused = |fault: &KafkaFault| {
                fault.code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
            };
            // One that may not be looked at may be read all the same.
            if let Err(fault) = topic.map(|_| ())
                && !refused(&fault)
            {
                ids.insert(name, Err(fault));
            }
            return;
        };
        // SAFETY: the topic is alive, and its id with it.
        let id = unsafe {
            text(rd_kafka_Uuid_base64str(rd_kafka_TopicDescription_topic_id(
                topic,
            )))
        };
        if !id.is_empty() && id != ZERO {
            ids.insert(name, Ok(id));
        }
    })?;
    Ok(ids)
}

/// A topic as a broker tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldTopic {
    /// How many partitions it has.
    pub partitions: i32,
    /// What this client may do with it.
    pub rights: Rights,
}

/// Topics by name; of those that are not there, or may not be looked at, why.
pub type ToldTopics = BTreeMap<String, Result<ToldTopic, KafkaFault>>;

/// Topics as a broker tells them.
///
/// # Errors
/// Kafka did not answer.
pub(super) fn told_topics(
    client: *mut rd_kafka_t,
    broker: Option<i32>,
    topics: &[&str],
    timeout: Duration,
) -> Result<ToldTopics, KafkaFault> {
    let mut found = BTreeMap::new();
    each(client, broker, true, topics, timeout, |name, topic| {
        let read = |topic| {
            let mut partitions = 0;
            // SAFETY: the topic is alive.
            let rights = unsafe {
                rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
                rights(|n| rd_kafka_TopicDescription_authorized_operations(topic, n))
            };
            ToldTopic {
                partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
                rights,
            }
        };
        found.insert(name, topic.map(read));
    })?;
    Ok(found)
}

/// One topic of an answer, or what is wrong with it.
type Told = Result<*const rd_kafka_TopicDescription_s, KafkaFault>;

fn each(
    client: *mut rd_kafka_t,
    broker: Option<i32>,
    rights: bool,
    topics: &[&str],
    timeout: Duration,
    mut each: impl FnMut(String, Told),
) -> Result<(), KafkaFault> {
    let names = names(topics)?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let request = Request {
        kind: rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        broker,
        rights,
        timeout,
    };
    // SAFETY: the client lives through the call; the names live in `names`, and
    // librdkafka copies them. What is read belongs to the answer, which lives
    // until the end.
    unsafe {
        let answer: Answer = ask(client, &request, |options, queue| {
            let asked =
                rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            rd_kafka_DescribeTopics(client, asked, options, queue);
            rd_kafka_TopicCollection_destroy(asked);
        })?;
        match answer.error() {
            // A broker that is too old to tell.
            Some(fault) if too_old(&fault) => return Ok(()),
            Some(fault) => return Err(fault),
            None => {}
        }
        let mut count = 0;
        let result = rd_kafka_event_DescribeTopics_result(answer.event());
        let told = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        for i in 0..count {
            let topic: *const rd_kafka_TopicDescription_s = *told.add(i);
            let code = rd_kafka_error_code(rd_kafka_TopicDescription_error(topic));
            let name = text(rd_kafka_TopicDescription_name(topic));
            each(name, fault(code, "").map_or(Ok(topic), Err));
        }
    }
    Ok(())
}

/// Whether a broker does not know the question.
pub(super) fn too_old(fault: &KafkaFault) -> bool {
    matches!(
        fault.code(),
        Some(RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion)
    )
}
