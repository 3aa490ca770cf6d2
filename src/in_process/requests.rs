//! A Kafka in the process that counts what it is asked.

use rdkafka::ClientConfig;
use rdkafka::bindings::{
    rd_kafka_handle_mock_cluster, rd_kafka_mock_clear_requests, rd_kafka_mock_cluster_t,
    rd_kafka_mock_get_requests, rd_kafka_mock_request_api_key, rd_kafka_mock_request_destroy_array,
    rd_kafka_mock_start_request_tracking,
};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer};
use rdkafka::types::RDKafkaApiKey;
use std::cell::RefCell;
use std::collections::HashMap;

/// How often each kind of request came.
pub(super) struct Requests {
    mock: *mut rd_kafka_mock_cluster_t,
    seen: RefCell<HashMap<i16, usize>>,
}

/// Brokers with the topic `t`, which live as long as the process: the client that
/// they are part of is never closed.
pub(super) fn counted(brokers: i32) -> (MockCluster<'static, DefaultProducerContext>, Requests) {
    let client: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", "none")
        .set("test.mock.num.brokers", brokers.to_string())
        .create()
        .unwrap();
    let client: &'static BaseProducer = Box::leak(Box::new(client));
    let kafka = client.client().mock_cluster().expect("a mock");
    kafka.create_topic("t", 2, brokers).unwrap();
    // SAFETY: the client lives for ever, and its mock with it.
    let mock = unsafe {
        let mock = rd_kafka_handle_mock_cluster(client.client().native_ptr());
        rd_kafka_mock_start_request_tracking(mock);
        mock
    };
    let seen = RefCell::default();
    (kafka, Requests { mock, seen })
}

impl Requests {
    /// How many of these kinds came so far, kind by kind.
    pub(super) fn of<const N: usize>(&self, kinds: [RDKafkaApiKey; N]) -> [usize; N] {
        let mut seen = self.seen.borrow_mut();
        let mut count = 0;
        // SAFETY: the mock lives for ever; the array is ours until it is destroyed.
        unsafe {
            let requests = rd_kafka_mock_get_requests(self.mock, &mut count);
            // One that comes in between is not counted: nobody waits for the last one.
            rd_kafka_mock_clear_requests(self.mock);
            for i in 0..count {
                let kind = rd_kafka_mock_request_api_key(*requests.add(i));
                *seen.entry(kind).or_default() += 1;
            }
            rd_kafka_mock_request_destroy_array(requests, count);
        }
        kinds.map(|kind| seen.get(&(kind as i16)).copied().unwrap_or(0))
    }
}
