//! The tests.

use crate::config::{
    Backend, BatchLimits, Config, GroupProtocol, Isolation, Kafka, OnBadRecord, Reads,
    Sink as Settings, Start, Topics, UnknownFields,
};
use crate::fleet::Fleet;
use crate::formats::SharedRegistry;
use crate::health::Health;
use crate::service::{Ended, Running, Shared, member, start};
use plimsoll_memory::{Fault, MemorySink, Shutting};
use plimsoll_protocol::TopicPartition;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Longer than the mock's group needs to form, on a machine that is busy, and than a
/// halted partition waits before it is tried again.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct Rig {
    pub(super) kafka: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
    pub(super) sink: MemorySink,
    pub(super) health: Arc<Health>,
    running: Running,
    threads: JoinSet<Ended>,
}

impl Rig {
    pub(super) fn start(sink: MemorySink, on_bad_record: OnBadRecord) -> Self {
        let kafka = MockCluster::new(1).unwrap();
        kafka.create_topic("t", 2, 1).unwrap();
        Self::on(kafka, sink, on_bad_record)
    }

    /// Beside a Kafka that has the topic.
    pub(super) fn on(
        kafka: MockCluster<'static, DefaultProducerContext>,
        sink: MemorySink,
        on_bad_record: OnBadRecord,
    ) -> Self {
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let servers = kafka.bootstrap_servers();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &servers)
            .create()
            .unwrap();
        let health = Arc::new(Health::default());
        let mut threads = JoinSet::new();
        let running = begin(&servers, &sink, on_bad_record, &health, &mut threads);
        Self {
            kafka,
            producer,
            sink,
            health,
            running,
            threads,
        }
    }

    pub(super) fn produce(&self, partition: i32, values: impl IntoIterator<Item = String>) {
        for value in values {
            let record = BaseRecord::<(), str>::to("t")
                .partition(partition)
                .payload(&value);
            self.producer.send(record).map_err(|(e, _)| e).unwrap();
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    pub(super) async fn until(&self, what: &str, reached: impl Fn(&MemorySink) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !reached(&self.sink) {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The same, for what has to be done meanwhile.
    pub(super) async fn eventually(&mut self, what: &str, reached: impl FnMut(&mut Self) -> bool) {
        let reached = self.within(PATIENCE, reached).await;
        assert!(reached, "not within {PATIENCE:?}: {what}");
    }

    /// Whether it comes to that.
    pub(super) async fn within(
        &mut self,
        limit: Duration,
        mut reached: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if reached(self) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until partition 0 is written up to here, each record once, whatever a
    /// broker answered.
    pub(super) async fn written(&mut self, end: i64, after: impl std::fmt::Debug) {
        self.eventually(&format!("{end} records, after {after:?}"), |rig| {
            rig.sink.position(&tp(0)) == Some(end)
        })
        .await;
        assert_eq!(
            self.sink.offsets(&tp(0)),
            offsets(0..end),
            "after {after:?}"
        );
    }

    pub(super) async fn stop(mut self) {
        self.running.stop();
        tokio::time::timeout(PATIENCE, self.threads.join_next())
            .await
            .expect("drained")
            .unwrap()
            .unwrap()
            .1
            .unwrap();
    }
}

impl Drop for Rig {
    /// A failed test must not wait for a poll thread that nobody stops.
    fn drop(&mut self) {
        self.running.stop();
    }
}

/// Starts the service of one sink.
fn begin(
    servers: &str,
    sink: &MemorySink,
    on_bad_record: OnBadRecord,
    health: &Arc<Health>,
    threads: &mut JoinSet<Ended>,
) -> Running {
    let properties: BTreeMap<_, _> = [
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "500"),
        ("topic.metadata.refresh.interval.ms", "2000"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into();
    let settings = Settings {
        name: "in_process".into(),
        topics: Topics::Named(vec!["t".into()]),
        group_id: "g".into(),
        start: Start::Earliest,
        on_bad_record,
        unknown_fields: UnknownFields::Ignore,
        reads: Reads::default(),
        batch: BatchLimits {
            max_records: 10,
            max_bytes: 1 << 20,
            linger: Duration::from_millis(5),
        },
        // Never opened: the sink in memory stands in for it.
        backend: Backend::Sqlite(plimsoll_sqlite::SqliteSettings {
            sink: "in_process".into(),
            path: "unused".into(),
            auto_migrate: true,
            tables: Vec::new(),
        }),
    };
    let config = Config {
        registry: None,
        kafka: Kafka {
            bootstrap_servers: servers.to_owned(),
            properties,
            isolation_level: Isolation::ReadCommitted,
            group_protocol: GroupProtocol::Classic,
            group_instance_id: None,
        },
        listen: None,
        hosts: Arc::from([]),
        admin: None,
        memory_limit: 64 << 20,
        drain: Duration::from_secs(5),
        sinks: vec![settings.clone()],
        sources: Vec::new(),
    };
    start(
        &Shared {
            registry: SharedRegistry::of(&config),
            config: Arc::new(config),
            health: health.clone(),
            fleet: Arc::new(Fleet::new(None)),
        },
        &settings,
        sink.clone(),
        member(),
        true,
        threads,
    )
    .unwrap()
}

pub(super) fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

pub(super) fn numbers(range: std::ops::Range<i64>) -> impl Iterator<Item = String> {
    range.map(|n| format!("{{\"n\":{n}}}"))
}

pub(super) fn offsets(range: std::ops::Range<i64>) -> Vec<i64> {
    range.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_written_once_whatever_becomes_of_commits() {
    let sink = MemorySink::default();
    let faults = [
        Fault::AppliedAnswerLost,
        Fault::NotAppliedAnswerLost,
        Fault::Deadlock,
        Fault::ClaimedByAnother,
        Fault::AppliedAnswerLost,
        Fault::SetToZero,
        Fault::NotAppliedAnswerLost,
        Fault::ClaimedByAnother,
    ];
    sink.script(&faults);
    let rig = Rig::start(sink, OnBadRecord::Halt);
    rig.produce(0, numbers(0..500));
    rig.until("all written", |s| s.position(&tp(0)) == Some(500))
        .await;
    assert_eq!(rig.sink.happened(), faults, "a fault did not hit");
    assert_eq!(rig.sink.offsets(&tp(0)), offsets(0..500));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_altered_again_and_again_is_read_again_and_halts_nothing() {
    let sink = MemorySink::default();
    let faults = [Fault::Altered; 5];
    sink.script(&faults);
    let rig = Rig::start(sink, OnBadRecord::Halt);
    rig.produce(0, numbers(0..10));
    rig.until("all written", |s| s.position(&tp(0)) == Some(10))
        .await;
    assert_eq!(rig.sink.happened(), faults, "a fault did not hit");
    assert_eq!(rig.sink.offsets(&tp(0)), offsets(0..10));
    // A halted partition would have been claimed again.
    assert_eq!(rig.sink.claims(&tp(0)), 1);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_waited_for_and_nothing_becomes_a_dead_letter() {
    let sink = MemorySink::default();
    sink.set_away(true);
    let rig = Rig::start(sink, OnBadRecord::DeadLetter);
    rig.produce(0, numbers(0..50));
    rig.until("the outage is told", |_| !rig.health.report().undisturbed)
        .await;
    rig.sink.set_away(false);
    rig.until("the first half", |s| s.position(&tp(0)) == Some(50))
        .await;
    rig.sink.set_away(true);
    rig.produce(0, numbers(50..100));
    rig.until("the outage is told", |_| !rig.health.report().undisturbed)
        .await;
    rig.sink.set_away(false);
    rig.until("the second half", |s| s.position(&tp(0)) == Some(100))
        .await;
    assert_eq!(rig.sink.offsets(&tp(0)), offsets(0..100));
    assert!(rig.sink.dead(&tp(0)).is_empty());
    rig.until("the outage is over", |_| rig.health.report().undisturbed)
        .await;
    rig.stop().await;
}

fn with_bad_ones() -> Vec<String> {
    let mut values: Vec<String> = numbers(0..100).collect();
    values[33] = "{\"n\":\"bad\"}".into();
    values[57] = "no JSON".into();
    values[99] = "{\"n\":\"bad\"}".into();
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_records_become_dead_letters_and_take_no_good_one_along() {
    let rig = Rig::start(MemorySink::default(), OnBadRecord::DeadLetter);
    rig.produce(0, with_bad_ones());
    rig.until("all passed", |s| s.position(&tp(0)) == Some(100))
        .await;
    assert_eq!(rig.sink.dead(&tp(0)), [33, 57, 99]);
    let good: Vec<i64> = (0..100).filter(|n| ![33, 57, 99].contains(n)).collect();
    assert_eq!(rig.sink.offsets(&tp(0)), good);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_record_halts_its_partition_right_before_it_and_no_other() {
    let rig = Rig::start(MemorySink::default(), OnBadRecord::Halt);
    rig.produce(0, with_bad_ones());
    rig.produce(1, numbers(0..200));
    rig.until("the other partition goes on", |s| {
        s.position(&tp(1)) == Some(200)
    })
    .await;
    rig.until("the halt is told", |_| !rig.health.report().undisturbed)
        .await;
    assert_eq!(rig.sink.position(&tp(0)), Some(33));
    assert_eq!(rig.sink.offsets(&tp(0)), offsets(0..33));
    let report = rig.health.report();
    let halted = &report.sinks["in_process"].halted[0];
    assert_eq!((halted.partition, halted.halt.offset), (0, Some(33)));
    rig.until("ready all the same", |_| rig.health.report().ready)
        .await;
    // Sooner than the halt would be tried again by itself.
    rig.sink.set(&tp(0), 34);
    rig.until("on behind the bad record", |s| {
        s.position(&tp(0)) == Some(57)
    })
    .await;
    rig.stop().await;
}

fn with_odd_ones() -> Vec<String> {
    let mut values: Vec<String> = numbers(0..100).collect();
    // Two beside each other, and one that ends its batch.
    for odd in [33, 34, 57, 89] {
        values[odd] = "{\"n\":\"odd\"}".into();
    }
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_could_mean_the_table_makes_a_dead_letter_of_the_one_record_alone() {
    let rig = Rig::start(MemorySink::default(), OnBadRecord::DeadLetter);
    rig.produce(0, with_odd_ones());
    rig.until("all passed", |s| s.position(&tp(0)) == Some(100))
        .await;
    assert_eq!(rig.sink.dead(&tp(0)), [33, 34, 57, 89]);
    let good: Vec<i64> = (0..100).filter(|n| ![33, 34, 57, 89].contains(n)).collect();
    assert_eq!(rig.sink.offsets(&tp(0)), good);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_could_mean_the_table_halts_at_the_record_and_names_it() {
    let rig = Rig::start(MemorySink::default(), OnBadRecord::Halt);
    rig.produce(0, with_odd_ones());
    rig.until("the halt is told", |_| !rig.health.report().undisturbed)
        .await;
    assert_eq!(rig.sink.position(&tp(0)), Some(33));
    assert_eq!(rig.sink.offsets(&tp(0)), offsets(0..33));
    let report = rig.health.report();
    let halt = &report.sinks["in_process"].halted[0].halt;
    assert_eq!(halt.offset, Some(33));
    assert_eq!(halt.reason, "internal_error (SQLSTATE XX000)");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_nothing_can_be_compared_with_halts_and_is_no_dead_letter() {
    let rig = Rig::start(MemorySink::default(), OnBadRecord::DeadLetter);
    rig.produce(0, ["{\"n\":\"odd\"}".to_owned()]);
    rig.until("the halt is told", |_| !rig.health.report().undisturbed)
        .await;
    let report = rig.health.report();
    let halt = &report.sinks["in_process"].halted[0].halt;
    assert!(halt.reason.contains("can be compared"), "{halt:?}");
    assert!(rig.sink.dead(&tp(0)).is_empty());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_takes_nothing_halts_and_makes_no_dead_letter() {
    let rig = Rig::start(MemorySink::default(), OnBadRecord::DeadLetter);
    rig.sink.set_shutting(Shutting::Always);
    rig.produce(0, numbers(0..100));
    rig.until("the halt is told", |_| !rig.health.report().undisturbed)
        .await;
    let report = rig.health.report();
    let halt = &report.sinks["in_process"].halted[0].halt;
    assert!(halt.reason.contains("no other record"), "{halt:?}");
    assert!(rig.sink.dead(&tp(0)).is_empty() && rig.sink.offsets(&tp(0)).is_empty());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_database_pauses_partitions_and_stops_none() {
    let metrics = crate::metrics::install().unwrap();
    let sink = MemorySink::default();
    // Longer than the grace before a pause.
    sink.set_slow(Duration::from_millis(150));
    let rig = Rig::start(sink, OnBadRecord::Halt);
    rig.produce(0, numbers(0..300));
    rig.produce(1, numbers(0..300));
    for partition in [0, 1] {
        rig.until("all written", |s| s.position(&tp(partition)) == Some(300))
            .await;
        assert_eq!(rig.sink.offsets(&tp(partition)), offsets(0..300));
    }
    let told = metrics.render();
    let paused = |line: &str| {
        line.strip_prefix("plimsoll_partition_pauses_total{sink=\"in_process\"} ")
            .is_some_and(|n| n != "0")
    };
    assert!(told.lines().any(paused), "no partition was ever paused");
    rig.stop().await;
}
