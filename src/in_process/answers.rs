//! Kafka answers with errors instead of records: none of them loses a record.

use super::requests::counted;
use super::tests::{Rig, numbers, offsets, tp};
use crate::config::OnBadRecord;
use plimsoll_memory::MemorySink;
use rdkafka::bindings::{rd_kafka_err_desc, rd_kafka_get_err_descs};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::ptr::null;
use std::time::Duration;

/// All error codes that a broker can answer with, as far as the client knows them.
fn codes() -> Vec<RDKafkaRespErr> {
    let (mut first, mut count) = (null::<rd_kafka_err_desc>(), 0);
    // SAFETY: the table is librdkafka's own, and lives as long as the process.
    let table = unsafe {
        rd_kafka_get_err_descs(&mut first, &mut count);
        std::slice::from_raw_parts(first, count)
    };
    let codes = table.iter().filter(|d| !d.name.is_null()).map(|d| d.code);
    codes.filter(|c| matches!(*c as i32, -1 | 1..)).collect()
}

fn answer(kafka: &MockCluster<'static, DefaultProducerContext>, errors: &[RDKafkaRespErr]) {
    kafka.request_errors(RDKafkaApiKey::Fetch, errors);
}

/// One record, then some, each written once whatever a broker answered.
async fn few_and_many(rig: &mut Rig, end: &mut i64, code: RDKafkaRespErr) {
    for step in [1, 20] {
        rig.produce(0, numbers(*end..*end + step));
        *end += step;
        rig.written(*end, code).await;
    }
}

/// Each code twice: while nothing is to be read, and while records wait.
async fn each_record_is_written_once(codes: Vec<RDKafkaRespErr>) {
    let mut rig = Rig::start(MemorySink::default(), OnBadRecord::Halt);
    let mut end = 0;
    for code in codes {
        let claims = rig.sink.claims(&tp(0));
        answer(&rig.kafka, &[code]);
        few_and_many(&mut rig, &mut end, code).await;
        // The error came: the life that met it has ended.
        if code as i32 == -1 {
            rig.until("claimed anew", |s| s.claims(&tp(0)) > claims)
                .await;
        }
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_error_code_of_a_fetch_loses_a_record() {
    beside_each_other(8, each_record_is_written_once).await;
}

/// Deals the codes out to so many runs beside each other, for most of the time is
/// spent waiting.
async fn beside_each_other<F: Future<Output = ()> + 'static>(
    lanes: usize,
    run: impl Fn(Vec<RDKafkaRespErr>) -> F,
) {
    let codes = codes();
    assert!(codes.len() > 90, "{}", codes.len());
    let (here, mut runs) = (tokio::task::LocalSet::new(), tokio::task::JoinSet::new());
    for lane in 0..lanes {
        let codes = codes.iter().skip(lane).step_by(lanes).copied().collect();
        runs.spawn_local_on(run(codes), &here);
    }
    here.run_until(async {
        while let Some(run) = runs.join_next().await {
            run.unwrap();
        }
    })
    .await;
}

/// Asked of a service that only runs on.
const ASKED: [RDKafkaApiKey; 4] = [
    RDKafkaApiKey::ListOffsets,
    RDKafkaApiKey::OffsetForLeaderEpoch,
    RDKafkaApiKey::Heartbeat,
    RDKafkaApiKey::OffsetCommit,
];

/// Asked where an answer to those makes a member join again.
const JOINING: [RDKafkaApiKey; 3] = [
    RDKafkaApiKey::FindCoordinator,
    RDKafkaApiKey::JoinGroup,
    RDKafkaApiKey::SyncGroup,
];

async fn no_answer_loses_a_record(codes: Vec<RDKafkaRespErr>) {
    let (kafka, requests) = counted(2);
    let mut rig = Rig::on(kafka, MemorySink::default(), OnBadRecord::Halt);
    let (mut end, mut leader) = (0, 1);
    for code in codes {
        let before = requests.of(ASKED);
        let unasked = || {
            let asked = ASKED.iter().zip(requests.of(ASKED)).zip(before);
            asked.filter(|((_, now), before)| now == before).count()
        };
        for kind in ASKED.into_iter().chain(JOINING) {
            rig.kafka.request_errors(kind, &[code]);
        }
        while unasked() > 0 {
            // Whoever leads the partition next is asked where the epoch before ended,
            // if a record of that epoch was read in this life of the partition.
            leader = 3 - leader;
            rig.kafka.partition_leader("t", 0, Some(leader)).unwrap();
            few_and_many(&mut rig, &mut end, code).await;
            // Kafka is told of commits every 5 s, and asked for the ends of logs
            // every 2.
            rig.within(Duration::from_secs(6), |_| unasked() == 0).await;
        }
        for kind in ASKED.into_iter().chain(JOINING) {
            rig.kafka.clear_request_errors(kind);
        }
        rig.produce(0, numbers(end..end + 1));
        end += 1;
        rig.written(end, code).await;
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_error_code_of_the_log_or_of_the_group_loses_a_record() {
    // One of them ends the process: another has the member's name for good.
    let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    let others = |codes: Vec<_>| codes.into_iter().filter(|code| *code != fenced).collect();
    beside_each_other(16, |codes| no_answer_loses_a_record(others(codes))).await;
}

async fn no_metadata_loses_a_record(codes: Vec<RDKafkaRespErr>) {
    let (kafka, requests) = counted(2);
    let mut rig = Rig::on(kafka, MemorySink::default(), OnBadRecord::Halt);
    let (mut end, mut leader) = (0, 1);
    let metadata = || requests.of([RDKafkaApiKey::Metadata])[0];
    for code in codes {
        rig.produce(0, numbers(end..end + 20));
        end += 20;
        rig.kafka.topic_error("t", code).unwrap();
        let before = metadata();
        // Whoever is told of another leader asks for the metadata.
        leader = 3 - leader;
        rig.kafka.partition_leader("t", 0, Some(leader)).unwrap();
        rig.eventually(&format!("metadata with {code:?}"), |_| metadata() > before)
            .await;
        let none = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        rig.kafka.topic_error("t", none).unwrap();
        rig.written(end, code).await;
        rig.produce(0, numbers(end..end + 1));
        end += 1;
        rig.written(end, code).await;
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_error_code_of_the_metadata_loses_a_record() {
    beside_each_other(16, no_metadata_loses_a_record).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_stays_halts_with_the_words_of_kafka_and_loses_nothing() {
    let rig = Rig::start(MemorySink::default(), OnBadRecord::Halt);
    rig.produce(0, numbers(0..50));
    rig.until("the first ones", |s| s.position(&tp(0)) == Some(50))
        .await;
    answer(
        &rig.kafka,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 200],
    );
    rig.produce(0, numbers(50..100));
    let reason = || {
        let report = rig.health.report();
        let halted = &report.sinks["in_process"].halted;
        let of = halted.iter().find(|h| h.partition == 0);
        // The fetch is refused, or already the look at the last record applied.
        let said = of.map(|h| h.halt.reason.clone());
        let away = report.sinks["in_process"].kafka_away.clone();
        said.or(away).unwrap_or_default()
    };
    rig.until("the error is told", |_| {
        reason().contains("Topic authorization failed")
    })
    .await;
    let written = rig.sink.position(&tp(0)).unwrap();
    assert_eq!(rig.sink.offsets(&tp(0)), offsets(0..written));
    assert!(written < 100, "the error never came");
    rig.kafka.clear_request_errors(RDKafkaApiKey::Fetch);
    // Sooner than a halt would be tried again by itself.
    rig.sink.set(&tp(0), written);
    rig.until("the others", |s| s.position(&tp(0)) == Some(100))
        .await;
    assert_eq!(rig.sink.offsets(&tp(0)), offsets(0..100));
    rig.stop().await;
}

/// No record comes, and nothing is committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halt_of_an_idle_partition_ends_when_kafka_answers() {
    let rig = Rig::start(MemorySink::default(), OnBadRecord::Halt);
    rig.until("claimed", |_| rig.health.report().ready).await;
    answer(
        &rig.kafka,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 1_000],
    );
    let halted = || rig.health.halted("in_process").len();
    rig.until("both are halted", |_| halted() == 2).await;
    rig.kafka.clear_request_errors(RDKafkaApiKey::Fetch);
    // Sooner than they would be tried again by themselves.
    for partition in [0, 1] {
        rig.sink.set(&tp(partition), 0);
    }
    rig.until("none is halted", |_| halted() == 0).await;
    rig.produce(0, numbers(0..5));
    rig.until("written", |s| s.position(&tp(0)) == Some(5))
        .await;
    assert_eq!(rig.sink.offsets(&tp(0)), offsets(0..5));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_broker_dies_before_it_says_the_topics_id_is_fetched_from_another() {
    let kafka = MockCluster::new(2).unwrap();
    kafka.create_topic("t", 2, 2).unwrap();
    for partition in [0, 1] {
        kafka.partition_leader("t", partition, Some(1)).unwrap();
    }
    let group = MockCoordinator::Group("g".to_owned());
    kafka.coordinator(group, 2).unwrap();
    let rig = Rig::on(kafka, MemorySink::default(), OnBadRecord::Halt);
    rig.until("claimed", |_| rig.health.report().ready).await;
    let claims = rig.sink.claims(&tp(1));
    // Long enough to be stopped in the middle of the look.
    let slow = Duration::from_millis(1_500);
    rig.kafka.broker_round_trip_time(1, slow).unwrap();
    // The first batch reads the table, while it is looked at.
    rig.produce(1, numbers(0..5));
    rig.until("the batch is at its writer", |s| s.prepared() > 0)
        .await;
    rig.kafka.broker_down(1).unwrap();
    for partition in [0, 1] {
        rig.kafka.partition_leader("t", partition, Some(2)).unwrap();
    }
    assert_eq!(rig.sink.offsets(&tp(1)), offsets(0..0), "too late");
    rig.until("written all the same", |s| s.position(&tp(1)) == Some(5))
        .await;
    assert_eq!(rig.sink.offsets(&tp(1)), offsets(0..5));
    assert!(rig.sink.claims(&tp(1)) > claims, "it was not fetched again");
    rig.stop().await;
}
