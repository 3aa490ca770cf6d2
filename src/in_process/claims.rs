//! Claims that Kafka does not answer.

use super::lanes::lane;
use super::tests::tp;
use crate::config::{Start, Topics};
use crate::engine::{ClaimRequest, Generation, claim_loop, lease};
use crate::health::Health;
use crate::kafka::{Cluster, Looks};
use plimsoll_memory::MemorySink;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Waits for what Kafka is said to say.
async fn until(health: &Health, what: &str, fits: impl Fn(Option<String>) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let away = health.report().sinks["in_process"].kafka_away.clone();
        if fits(away.clone()) {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {away:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_nobody_wants_any_more_leaves_no_trouble_behind() {
    let kafka = MockCluster::new(1).unwrap();
    kafka.create_topic("t", 2, 1).unwrap();
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 500];
    kafka.request_errors(RDKafkaApiKey::ListOffsets, &refused);
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", kafka.bootstrap_servers());
    let cluster = Arc::new(Cluster::silent(client).unwrap());
    let (control, _controls) = channel();
    let looks = Looks::answered(|_| Ok(None));
    let lane = lane(&MemorySink::default(), looks, control);
    let health = lane.health.clone();
    health.sink("in_process");
    let (requests, asked) = tokio::sync::mpsc::unbounded_channel();
    let topics = Topics::Named(vec!["t".to_owned()]);
    let claims = claim_loop(Arc::new(lane), cluster, Start::Earliest, topics, asked);
    let claims = tokio::spawn(claims);
    let (lease, leased) = lease();
    requests
        .send(ClaimRequest {
            tp: tp(0),
            generation: Generation(1),
            leased,
            refused: None,
        })
        .unwrap();
    until(&health, "it is refused", |away| away.is_some()).await;
    drop(lease);
    until(&health, "it is forgotten", |away| away.is_none()).await;
    claims.abort();
}
