//! The topics of a pattern.

use crate::kafka::Cluster;
use plimsoll_protocol::TopicPartition;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::types::RDKafkaRespErr;

/// Whoever settles starts takes a topic that is not told for one of later, which begins
/// at its first record whatever the config says.
#[test]
fn a_topic_that_cannot_be_told_of_now_is_not_left_out_of_those_that_match() {
    let kafka = MockCluster::new(1).unwrap();
    for topic in ["shop.a", "shop.b", "other"] {
        kafka.create_topic(topic, 2, 1).unwrap();
    }
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap_servers());
    let cluster = Cluster::new(config, "matching").unwrap();
    let matching = || cluster.partitions_matching("^shop");
    let all: Vec<TopicPartition> = ["shop.a", "shop.b"]
        .into_iter()
        .flat_map(|topic| [0, 1].map(|p| TopicPartition::new(topic, p)))
        .collect();
    let found = |told: Vec<TopicPartition>| {
        let mut told = told;
        told.sort();
        told
    };
    let set = |code| kafka.topic_error("shop.b", code).unwrap();
    assert_eq!(found(matching().unwrap()), all);
    set(RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    let fault = matching().expect_err("it is left out").to_string();
    assert!(fault.contains("shop.b"), "{fault}");
    // Whoever only wants names has all of them.
    let mut names = cluster.topics_matching("^shop").unwrap();
    names.sort();
    assert_eq!(names, ["shop.a", "shop.b"]);
    // One that was deleted meanwhile is not there.
    set(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_eq!(found(matching().unwrap()), all[..2]);
    set(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_eq!(found(matching().unwrap()), all);
}
