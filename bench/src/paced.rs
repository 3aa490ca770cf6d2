//! Records at a steady rate over many partitions, and when each was sent, acknowledged
//! and received.

use crate::kafka;
use crate::load::{Load, Orders};
use crate::produce::{self, Record};
use crate::{Failed, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the broker may take to acknowledge what is under way at the end.
const FLUSH: Duration = Duration::from_secs(60);
/// Records that are due within this time travel in one request.
const TOGETHER: Duration = Duration::from_millis(5);
/// Nor more than this in one request, so that it stays far below the broker's bound.
const REQUEST_RECORDS: usize = 1_000;
/// An entry of the index for every batch but a log's first. The first entry of each index
/// is a page of a new file, which costs the broker a millisecond and more. By default all
/// of a thousand partitions write it in the same seconds, some records after their first,
/// and every record waits. So it is written before anything is measured, as it was long
/// ago in a topic that is in use.
const INDEX_ALL: &str = "0";
/// Records for each partition, until its index has an entry.
pub const UNTIL_INDEXED: u64 = 2;
/// An answer has some twenty bytes for each partition of its request.
const ANSWER_BYTES: usize = 1 << 20;
/// A rate that is missed by more than this share was not kept.
const PACE_KEPT: f64 = 0.98;

/// Topics of as many partitions each. A place is one of these partitions, counted
/// through all topics from 0.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spread {
    /// Their names.
    pub topics: Vec<String>,
    /// Of each of them.
    pub partitions: u64,
}

impl Spread {
    /// Partitions in all.
    #[must_use]
    pub fn places(&self) -> u64 {
        self.topics.len() as u64 * self.partitions
    }

    /// The topic and partition of a place.
    #[must_use]
    pub fn at(&self, place: u64) -> (&str, i32) {
        let topic = usize::try_from(place / self.partitions).unwrap_or_default();
        let partition = i32::try_from(place % self.partitions).unwrap_or_default();
        (&self.topics[topic], partition)
    }

    /// The place of a partition.
    #[must_use]
    pub fn place(&self, topic: &str, partition: i32) -> Option<u64> {
        let topic = self.topics.iter().position(|t| t == topic)? as u64;
        Some(topic * self.partitions + u64::try_from(partition).ok()?)
    }

    /// Makes the topics, and waits until they can be written.
    pub async fn create(&self, bootstrap: &str) -> Result<()> {
        for topic in &self.topics {
            kafka::create_indexed(bootstrap, topic, self.partitions, INDEX_ALL).await?;
            kafka::await_logs(bootstrap, topic, self.partitions).await?;
        }
        Ok(())
    }

    /// Removes the topics.
    pub async fn delete(&self, bootstrap: &str) -> Result<()> {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        kafka::delete(bootstrap, &topics).await
    }
}

/// Microseconds since 1970 by this machine's clock, which the database has too.
#[must_use]
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

/// A record that the broker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Its partition.
    pub place: u64,
    /// Its offset, as the broker told it.
    pub offset: u64,
    /// When it was handed to the producer.
    pub at_us: u64,
    /// When the producer heard that the broker has it.
    pub acknowledged_us: u64,
}

/// What is known of the records so far.
#[derive(Default)]
struct Known {
    /// Offset and time of acknowledgement of each, by their sequence.
    by_seq: BTreeMap<usize, (u64, u64)>,
    failed: Option<String>,
}

#[derive(Default)]
struct Shared {
    known: Mutex<Known>,
    changed: Condvar,
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which records went to which place, in one request.
type Asked = (i32, BTreeMap<u64, Vec<usize>>);

/// Sends the orders of a load one after another, over one connection.
pub struct Pacer {
    orders: Orders,
    spread: Spread,
    stream: TcpStream,
    asked: Sender<Asked>,
    hearing: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    correlation: i32,
    waiting: Vec<Record>,
    /// Place and time of each, by their sequence.
    sent: Vec<(u64, u64)>,
}

impl Pacer {
    /// Connects to the broker, which is the only one of its cluster.
    pub fn new(bootstrap: &str, spread: &Spread, load: Load) -> Result<Self> {
        let stream = TcpStream::connect(bootstrap)?;
        stream.set_nodelay(true)?;
        let (asked, heard) = channel();
        let shared = Arc::new(Shared::default());
        let (theirs, spread_too, answers) =
            (Arc::clone(&shared), spread.clone(), stream.try_clone()?);
        let hearing = std::thread::spawn(move || {
            if let Err(Failed(why)) = hear(answers, &heard, &spread_too, &theirs) {
                theirs.known().failed = Some(why);
                theirs.changed.notify_all();
            }
        });
        Ok(Self {
            orders: Orders::new(load),
            spread: spread.clone(),
            stream,
            asked,
            hearing: Some(hearing),
            shared,
            correlation: 0,
            waiting: Vec::new(),
            sent: Vec::new(),
        })
    }

    /// [`UNTIL_INDEXED`] records to every place, as fast as it goes; waits for their
    /// acknowledgement.
    pub fn each_place(&mut self) -> Result<()> {
        for _ in 0..UNTIL_INDEXED {
            for place in 0..self.spread.places() {
                self.add(|_| place)?;
            }
            // Two records in one batch would be one entry.
            self.ship()?;
        }
        self.settle()
    }

    /// One record.
    pub fn first_place(&mut self) -> Result<()> {
        self.add(|_| 0)?;
        self.ship()?;
        self.settle()
    }

    /// So many records, `rate` a second, each to the place of its id; waits for their
    /// acknowledgement.
    pub fn send(&mut self, records: u64, rate: u64) -> Result<()> {
        let places = self.spread.places();
        let (began, mut added) = (Instant::now(), 0);
        while added < records {
            let due = (began.elapsed().as_secs_f64() * rate as f64) as u64 + 1;
            while added < due.min(records) {
                self.add(|id| id % places)?;
                added += 1;
            }
            self.ship()?;
            std::thread::sleep(TOGETHER);
        }
        self.settle()
    }

    fn add(&mut self, place: impl Fn(u64) -> u64) -> Result<()> {
        let order = self.orders.next();
        let order = order.ok_or_else(|| Failed::new("the load has no more records"))?;
        let (place, now) = (place(order.id), now_us());
        self.sent.push((place, now));
        self.waiting.push(Record {
            place,
            key: order.id.to_string(),
            value: order.value.clone(),
            at_ms: (now / 1_000).cast_signed(),
        });
        match self.waiting.len() == REQUEST_RECORDS {
            true => self.ship(),
            false => Ok(()),
        }
    }

    fn ship(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.correlation += 1;
        let bytes = produce::request(&self.spread, self.correlation, &self.waiting);
        let first = self.sent.len() - self.waiting.len();
        let mut places = BTreeMap::<u64, Vec<usize>>::new();
        for (n, record) in self.waiting.drain(..).enumerate() {
            places.entry(record.place).or_default().push(first + n);
        }
        // If nobody hears, `settle` says why.
        let _ = self.asked.send((self.correlation, places));
        Ok(self.stream.write_all(&bytes)?)
    }

    fn settle(&self) -> Result<()> {
        let wanted = self.sent.len();
        let open = |known: &mut Known| known.failed.is_none() && known.by_seq.len() < wanted;
        let known = self.shared.known();
        let (known, _) = self
            .shared
            .changed
            .wait_timeout_while(known, FLUSH, open)
            .unwrap_or_else(PoisonError::into_inner);
        match &known.failed {
            Some(why) => Err(Failed::new(why.clone())),
            None if known.by_seq.len() < wanted => {
                Err(Failed::new("the broker did not acknowledge all records"))
            }
            None => Ok(()),
        }
    }

    /// All that was sent, by their sequence.
    ///
    /// # Errors
    /// The broker did not take a record.
    pub fn finish(self) -> Result<Vec<Sent>> {
        self.settle()?;
        let known = self.shared.known();
        let answers = known.by_seq.values().zip(&self.sent);
        let sent = answers.map(|((offset, acknowledged_us), (place, at_us))| Sent {
            place: *place,
            offset: *offset,
            at_us: *at_us,
            acknowledged_us: *acknowledged_us,
        });
        Ok(sent.collect())
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(hearing) = self.hearing.take() {
            let _ = hearing.join();
        }
    }
}

/// Takes down each answer, until the connection ends.
fn hear(
    mut stream: TcpStream,
    asked: &Receiver<Asked>,
    spread: &Spread,
    shared: &Shared,
) -> Result<()> {
    let mut bytes = Vec::new();
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > ANSWER_BYTES {
            return Err(Failed::new(format!("an answer of {length} bytes")));
        }
        bytes.resize(length, 0);
        stream.read_exact(&mut bytes)?;
        let now = now_us();
        let (correlation, mut places) = asked.recv()?;
        for stored in produce::answer(spread, correlation, &bytes)? {
            let seqs = places.remove(&stored.place).unwrap_or_default();
            let offsets = (stored.first_offset..).map(|offset| (offset, now));
            shared.known().by_seq.extend(seqs.into_iter().zip(offsets));
        }
        shared.changed.notify_all();
    }
}

/// Records a second, from the first of these times to the last.
#[must_use]
pub fn pace(times_us: impl Iterator<Item = u64>) -> f64 {
    let (mut count, mut first, mut last) = (0_u64, u64::MAX, 0);
    for at in times_us {
        count += 1;
        first = first.min(at);
        last = last.max(at);
    }
    count.saturating_sub(1) as f64 * 1e6 / last.saturating_sub(first).max(1) as f64
}

/// Whether a rate was kept.
#[must_use]
pub fn kept(pace: f64, rate: u64) -> bool {
    pace >= rate as f64 * PACE_KEPT
}

/// When each record arrived, by its sequence.
///
/// # Errors
/// One did not arrive, or arrived twice, or was never sent.
pub fn once(who: &str, sent: usize, arrived: &[(usize, u64)]) -> Result<Vec<u64>> {
    let mut times = vec![None; sent];
    for (seq, at_us) in arrived {
        match times.get_mut(*seq) {
            None => return Err(Failed::new(format!("{who}: record {seq} was never sent"))),
            Some(Some(_)) => return Err(Failed::new(format!("{who}: record {seq} came twice"))),
            Some(time) => *time = Some(*at_us),
        }
    }
    let there: Vec<u64> = times.into_iter().flatten().collect();
    match there.len() == sent {
        true => Ok(there),
        false => Err(Failed::new(format!(
            "{who}: {} of {sent} records did not arrive",
            sent - there.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_one_partition_of_one_topic() {
        let spread = Spread {
            topics: vec!["a".to_owned(), "b".to_owned()],
            partitions: 3,
        };
        let all: Vec<_> = (0..spread.places()).map(|p| spread.at(p)).collect();
        let wanted = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)];
        assert_eq!(all, wanted);
        for (place, (topic, partition)) in all.into_iter().enumerate() {
            assert_eq!(spread.place(topic, partition), Some(place as u64));
        }
        assert_eq!(spread.place("c", 0), None);
    }

    #[test]
    fn a_record_that_is_missing_or_came_twice_is_no_figure() {
        let why = |arrived: &[(usize, u64)]| once("x", 2, arrived).expect_err("a fault").0;
        assert_eq!(once("x", 2, &[(1, 8), (0, 7)]).expect("all"), [7, 8]);
        assert_eq!(why(&[(0, 7)]), "x: 1 of 2 records did not arrive");
        assert_eq!(why(&[(0, 7), (0, 8)]), "x: record 0 came twice");
        assert_eq!(why(&[(0, 7), (2, 8)]), "x: record 2 was never sent");
    }

    #[test]
    fn a_pace_counts_the_gaps_and_two_percent_are_allowed() {
        assert_eq!(pace([0, 500_000, 1_000_000].into_iter()), 2.0);
        assert_eq!(pace([3_000_000, 1_000_000, 2_000_000].into_iter()), 1.0);
        assert!(kept(981.0, 1_000) && !kept(979.0, 1_000));
    }
}
