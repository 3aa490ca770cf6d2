//! Access lists of a broker, by librdkafka's own calls.

use super::kafka::Kafka;
use rdkafka::bindings::{
    rd_kafka_AclBinding_destroy, rd_kafka_AclBinding_new, rd_kafka_AclBinding_t,
    rd_kafka_AclBindingFilter_new, rd_kafka_AclOperation_t as Operation,
    rd_kafka_AclPermissionType_t as Permission, rd_kafka_CreateAcls,
    rd_kafka_CreateAcls_result_acls, rd_kafka_DeleteAcls,
    rd_kafka_DeleteAcls_result_response_error, rd_kafka_DeleteAcls_result_responses,
    rd_kafka_ResourcePatternType_t as Pattern, rd_kafka_ResourceType_t as Resource,
    rd_kafka_acl_result_error, rd_kafka_error_string, rd_kafka_error_t,
    rd_kafka_event_CreateAcls_result, rd_kafka_event_DeleteAcls_result, rd_kafka_event_destroy,
    rd_kafka_event_error, rd_kafka_event_t, rd_kafka_queue_destroy, rd_kafka_queue_new,
    rd_kafka_queue_poll,
};
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaRespErr;
use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};

/// A rule about a topic.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    pub topic: &'a str,
    /// `*`, or the address that clients connect from.
    pub host: &'a str,
    pub operation: Operation,
    pub permission: Permission,
}

impl<'a> Rule<'a> {
    /// Whoever it is may do anything with a topic. A topic without any rule is
    /// everybody's, one with a rule is nobody's but by rules.
    pub fn open(topic: &'a str) -> Self {
        Self {
            topic,
            host: "*",
            operation: Operation::RD_KAFKA_ACL_OPERATION_ALL,
            permission: Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
        }
    }

    /// Whoever connects from there may not read.
    pub fn unread(topic: &'a str, host: &'a str) -> Self {
        Self {
            topic,
            host,
            operation: Operation::RD_KAFKA_ACL_OPERATION_READ,
            permission: Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY,
        }
    }
}

/// How long a broker may take.
const TIMEOUT_MS: i32 = 30_000;

impl Kafka {
    /// Adds a rule.
    pub fn add_rule(&self, rule: &Rule<'_>) -> Result<(), String> {
        self.ask(
            |client, queue| unsafe {
                with_binding(rule, rd_kafka_AclBinding_new, |binding| {
                    rd_kafka_CreateAcls(client, binding, 1, null(), queue);
                });
            },
            |event| unsafe {
                let mut count = 0;
                let results = rd_kafka_CreateAcls_result_acls(
                    rd_kafka_event_CreateAcls_result(event),
                    &mut count,
                );
                text(rd_kafka_acl_result_error(*results))
            },
        )
    }

    /// Takes it away again.
    pub fn remove_rule(&self, rule: &Rule<'_>) -> Result<(), String> {
        self.ask(
            |client, queue| unsafe {
                with_binding(rule, rd_kafka_AclBindingFilter_new, |filter| {
                    rd_kafka_DeleteAcls(client, filter, 1, null(), queue);
                });
            },
            |event| unsafe {
                let mut count = 0;
                let results = rd_kafka_DeleteAcls_result_responses(
                    rd_kafka_event_DeleteAcls_result(event),
                    &mut count,
                );
                text(rd_kafka_DeleteAcls_result_response_error(*results))
            },
        )
    }

    fn ask(
        &self,
        call: impl Fn(*mut rdkafka::bindings::rd_kafka_t, *mut rdkafka::bindings::rd_kafka_queue_t),
        read: impl Fn(*mut rd_kafka_event_t) -> Option<String>,
    ) -> Result<(), String> {
        let producer: rdkafka::producer::BaseProducer = self.client().create().expect("a client");
        // SAFETY: the client lives until the end, the queue and the event until they
        // are destroyed, and what is read of the event is copied.
        unsafe {
            let client = producer.client().native_ptr();
            let queue = rd_kafka_queue_new(client);
            call(client, queue);
            let event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
            let said = if event.is_null() {
                Some("the broker did not answer".to_owned())
            } else if rd_kafka_event_error(event) == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                read(event)
            } else {
                Some(format!("{:?}", rd_kafka_event_error(event)))
            };
            if !event.is_null() {
                rd_kafka_event_destroy(event);
            }
            rd_kafka_queue_destroy(queue);
            said.map_or(Ok(()), Err)
        }
    }
}

/// Makes a rule, or what fits one.
type New = unsafe extern "C" fn(
    Resource,
    *const c_char,
    Pattern,
    *const c_char,
    *const c_char,
    Operation,
    Permission,
    *mut c_char,
    usize,
) -> *mut rd_kafka_AclBinding_t;

/// # Safety
/// `give` keeps nothing of what it is given.
unsafe fn with_binding(
    rule: &Rule<'_>,
    new: New,
    give: impl FnOnce(*mut *mut rd_kafka_AclBinding_t),
) {
    let name = |name| CString::new(name).expect("no NUL");
    let (topic, who, host) = (name(rule.topic), name("User:*"), name(rule.host));
    unsafe {
        let mut binding = new(
            Resource::RD_KAFKA_RESOURCE_TOPIC,
            topic.as_ptr(),
            Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
            who.as_ptr(),
            host.as_ptr(),
            rule.operation,
            rule.permission,
            null_mut(),
            0,
        );
        give(&mut binding);
        rd_kafka_AclBinding_destroy(binding);
    }
}

/// # Safety
/// The error is none, or lives.
unsafe fn text(error: *const rd_kafka_error_t) -> Option<String> {
    (!error.is_null()).then(|| unsafe {
        let text = CStr::from_ptr(rd_kafka_error_string(error));
        text.to_string_lossy().into_owned()
    })
}
