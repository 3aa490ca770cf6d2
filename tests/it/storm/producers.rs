//! Who fills the topic: one producer outside of transactions, and one whose
//! transactions abort now and then.
//!
//! What they think that they wrote counts for nothing: the log is the truth. So
//! an error costs them the producer, and no more.

use super::world::{ORDERS_OF_A_PARTITION, REFUSED};
use crate::harness::kafka::Message;
use crate::harness::orders::Orders;
use crate::harness::wait;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::ToBytes;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two portions.
const TICK: Duration = Duration::from_millis(20);
/// Of a producer, in a tick.
const PORTION: usize = 4;
/// Of a transaction.
const IN_TRANSACTION: usize = 60;
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often a value is none: no JSON, beyond its column's range, too deep, or refused
/// by a trigger.
const BAD_ONES: u64 = 150;
/// Levels of an array: more than an array may have, than JSON may have in Postgres,
/// and than a stack holds.
const DEPTH: usize = 50_000;

/// Both of them.
pub struct Producers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    bootstrap: String,
    topic: String,
    partitions: AtomicI32,
    paused: AtomicBool,
    ended: AtomicBool,
    /// Threads that have nothing on its way.
    idle: AtomicUsize,
    burst: AtomicUsize,
    sent: AtomicU64,
    committed: AtomicU64,
    aborted: AtomicU64,
    begun_anew: AtomicU64,
}

/// What they did.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Records, those of aborted transactions too.
    pub sent: u64,
    /// Transactions.
    pub committed: u64,
    /// Transactions, aborted on purpose.
    pub aborted: u64,
    /// Producers made anew after an error.
    pub begun_anew: u64,
}

impl Producers {
    /// They begin at once.
    pub fn start(bootstrap: &str, topic: &str, partitions: i32, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            bootstrap: bootstrap.to_owned(),
            topic: topic.to_owned(),
            partitions: AtomicI32::new(partitions),
            paused: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            idle: AtomicUsize::new(0),
            burst: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            begun_anew: AtomicU64::new(0),
        });
        let (plain, transactions) = (shared.clone(), shared.clone());
        let threads = vec![
            std::thread::spawn(move || plain.produce_plainly(Source::new(seed, 0))),
            std::thread::spawn(move || transactions.produce_in_transactions(Source::new(seed, 1))),
        ];
        Self { shared, threads }
    }

    /// From now on records go to so many partitions.
    pub fn spread_over(&self, partitions: i32) {
        self.shared.partitions.store(partitions, Ordering::SeqCst);
    }

    /// So many records more, at once, none of them bad: batches of them are large,
    /// and no search for a bad one cuts them up.
    pub fn burst(&self, records: usize) {
        self.shared.burst.fetch_add(records, Ordering::SeqCst);
    }

    /// Waits until nothing more comes.
    #[track_caller]
    pub fn pause(&self) {
        self.shared.paused.store(true, Ordering::SeqCst);
        wait::until("the producers pause", || {
            match self.shared.idle.load(Ordering::SeqCst) {
                2 => Ok(()),
                idle => Err(format!("{idle} of 2")),
            }
        });
    }

    /// And goes on.
    pub fn resume(&self) {
        self.shared.paused.store(false, Ordering::SeqCst);
    }

    /// What they did so far.
    pub fn counts(&self) -> Counts {
        let count = |of: &AtomicU64| of.load(Ordering::SeqCst);
        Counts {
            sent: count(&self.shared.sent),
            committed: count(&self.shared.committed),
            aborted: count(&self.shared.aborted),
            begun_anew: count(&self.shared.begun_anew),
        }
    }
}

impl Drop for Producers {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The records of one producer. Keys of two producers, and of two partitions,
/// never meet: their order would be nobody's.
struct Source {
    seed: u64,
    producer: i64,
    orders: BTreeMap<i32, Orders>,
    made: u64,
}

impl Source {
    fn new(seed: u64, producer: i64) -> Self {
        Self {
            seed,
            producer,
            orders: BTreeMap::new(),
            made: 0,
        }
    }

    fn next(&mut self, partitions: i32, bad_ones: bool) -> Message {
        self.made += 1;
        let partition = (self.made % u64::try_from(partitions).expect("a count")) as i32;
        let first = i64::from(partition + 1) * ORDERS_OF_A_PARTITION
            + self.producer * ORDERS_OF_A_PARTITION / 2;
        if bad_ones && self.made.is_multiple_of(BAD_ONES) {
            // Nobody else's key: a bad record that a good one replaces in the
            // same batch may rightly never be seen by the database.
            let id = -(first + self.made as i64);
            // What only the database refuses is compared with its neighbours, and
            // transactions may abort those.
            let kinds = if self.producer == 0 { 4 } else { 3 };
            let value = match self.made / BAD_ONES % kinds {
                0 => "no JSON".to_owned(),
                1 => format!("{{\"id\":{id},\"quantity\":99999999999}}"),
                2 => {
                    let (open, shut) = ("[".repeat(DEPTH), "]".repeat(DEPTH));
                    format!("{{\"id\":{id},\"tags\":{open}{shut}}}")
                }
                _ => format!("{{\"id\":{id},\"status\":\"{REFUSED}\"}}"),
            };
            return Message::of(partition, &value).key(&id.to_string());
        }
        let seed = self.seed ^ first as u64;
        let orders = self
            .orders
            .entry(partition)
            .or_insert_with(|| Orders::numbered_from(seed, first).with_tombstones());
        Message {
            partition,
            ..orders.next()
        }
    }
}

impl Shared {
    fn produce_plainly(&self, mut source: Source) {
        let mut producer = self.connect(&[]);
        while !self.ended.load(Ordering::SeqCst) {
            if self.paused.load(Ordering::SeqCst) {
                // Whatever was refused last has a neighbour.
                for _ in 0..self.partitions.load(Ordering::SeqCst) {
                    let _ = self.send(&producer, &mut source, false);
                }
                self.idle_after(|| producer.flush(TIMEOUT).is_ok());
                continue;
            }
            for i in 0..PORTION + self.burst.swap(0, Ordering::SeqCst) {
                if self.send(&producer, &mut source, i < PORTION).is_err() {
                    self.begun_anew.fetch_add(1, Ordering::SeqCst);
                    producer = self.connect(&[]);
                }
            }
            producer.poll(TICK);
            std::thread::sleep(TICK);
        }
    }

    fn produce_in_transactions(&self, mut source: Source) {
        let id = format!("{}-storm", self.topic);
        let settings = [
            ("transactional.id", id.as_str()),
            // What a transaction that nobody ends holds up, it holds up no longer.
            ("transaction.timeout.ms", "20000"),
        ];
        let mut producer = None;
        while !self.ended.load(Ordering::SeqCst) {
            // Between transactions nothing is on its way, but for one that
            // failed: the next `init_transactions` ends it.
            if self.paused.load(Ordering::SeqCst) && producer.is_some() {
                self.idle_after(|| true);
                continue;
            }
            let ready = producer.take().or_else(|| {
                let new = self.connect(&settings);
                new.init_transactions(TIMEOUT).is_ok().then_some(new)
            });
            let Some(ready) = ready else { continue };
            match self.transaction(&ready, &mut source) {
                Ok(()) => producer = Some(ready),
                Err(_) => {
                    self.begun_anew.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// One in three is aborted.
    fn transaction(&self, producer: &BaseProducer, source: &mut Source) -> Result<(), KafkaError> {
        producer.begin_transaction()?;
        for i in 0..IN_TRANSACTION {
            self.send(producer, source, true)?;
            if i % PORTION == 0 {
                producer.poll(TICK);
                std::thread::sleep(TICK);
            }
        }
        let aborts = self.committed.load(Ordering::SeqCst) + self.aborted.load(Ordering::SeqCst);
        if aborts % 3 == 2 {
            producer.flush(TIMEOUT)?;
            producer.abort_transaction(TIMEOUT)?;
            self.aborted.fetch_add(1, Ordering::SeqCst);
        } else {
            producer.commit_transaction(TIMEOUT)?;
            self.committed.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    fn send(
        &self,
        producer: &BaseProducer,
        source: &mut Source,
        bad_ones: bool,
    ) -> Result<(), KafkaError> {
        let message = source.next(self.partitions.load(Ordering::SeqCst), bad_ones);
        let mut record = BaseRecord::<[u8], [u8]>::to(&self.topic).partition(message.partition);
        if let Some(key) = &message.key {
            record = record.key(key.to_bytes());
        }
        if let Some(value) = &message.value {
            record = record.payload(value.to_bytes());
        }
        loop {
            match producer.send(record) {
                Ok(()) => {
                    self.sent.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    producer.poll(TICK);
                    record = back;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Waits out a pause, once nothing is on its way.
    fn idle_after(&self, done: impl Fn() -> bool) {
        // Each look waits for what is on its way.
        loop {
            if done() || self.ended.load(Ordering::SeqCst) {
                break;
            }
        }
        self.idle.fetch_add(1, Ordering::SeqCst);
        while self.paused.load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst) {
            std::thread::sleep(TICK);
        }
        self.idle.fetch_sub(1, Ordering::SeqCst);
    }

    fn connect(&self, settings: &[(&str, &str)]) -> BaseProducer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("enable.idempotence", "true")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "2000")
            .set("linger.ms", "5");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config.create().expect("a producer")
    }
}
