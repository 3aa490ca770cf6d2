//! A log is looked at, and Kafka refuses to give out what comes next.

use super::tests::tp;
use crate::kafka::{Cluster, LogLook, Wanted, look_at};
use plimsoll_protocol::{Claim, Epoch, Owner, Position};
use plimsoll_sink_api::Claimed;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::time::Duration;

/// A position at the beginning of the log.
fn wanted(fetch: bool) -> Wanted {
    Wanted {
        tp: tp(0),
        claimed: Claimed {
            claim: Claim {
                epoch: Epoch(1),
                owner: Owner(1),
            },
            position: Position::ZERO,
            reached: Position::ZERO,
            fingerprint: None,
            leader_epoch: None,
            topic_id: None,
            terminated: 0,
        },
        fetch,
    }
}

#[test]
fn what_comes_next_is_fetched_where_it_was_refused() {
    let kafka = MockCluster::new(1).unwrap();
    kafka.create_topic("t", 1, 1).unwrap();
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", kafka.bootstrap_servers());
    let cluster = Cluster::silent(client.clone()).unwrap();
    // As a service does, which looks when it has reached a broker.
    cluster.id().unwrap();
    let look = |fetch| {
        let mut looks = look_at(&cluster, "g", &[wanted(fetch)]).unwrap();
        looks.pop().unwrap()
    };
    // The end of the log is an answer too.
    assert!(matches!(look(true), LogLook::Found(_)));
    let producer: BaseProducer = client.create().unwrap();
    let record = BaseRecord::<(), str>::to("t").partition(0).payload("{}");
    producer.send(record).map_err(|(e, _)| e).unwrap();
    producer.flush(Duration::from_secs(30)).unwrap();
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 100];
    kafka.request_errors(RDKafkaApiKey::Fetch, &refused);
    assert!(matches!(look(false), LogLook::Found(_)));
    let look_again = look(true);
    let LogLook::Refused(fault) = look_again else {
        panic!("{look_again:?}");
    };
    assert!(fault.to_string().contains("Topic authorization failed"));
    kafka.clear_request_errors(RDKafkaApiKey::Fetch);
    assert!(matches!(look(true), LogLook::Found(_)));
}
