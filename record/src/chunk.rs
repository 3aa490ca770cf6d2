//! A chunk: the records of one batch, copied once into one arena.
//!
//! The poll thread only copies bytes; the partition's writer decodes them, so
//! that decoding runs beside polling.

use crate::budget::{Budget, Held};
use plimsoll_protocol::{Position, Span};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// What a record costs beside its bytes: its entry in the list.
const RECORD_OVERHEAD: usize = size_of::<Entry>();
/// What a header costs beside its bytes.
const HEADER_OVERHEAD: usize = size_of::<HeaderEntry>();

/// Where a record lies in the arena: its key, then its value. Lengths in Kafka's
/// protocol are of 31 bits.
#[derive(Debug)]
struct Entry {
    offset: i64,
    timestamp: Option<i64>,
    from: usize,
    key: Option<u32>,
    value: Option<u32>,
    headers: Range<u32>,
}

#[derive(Debug)]
struct HeaderEntry {
    name: Range<usize>,
    value: Option<Range<usize>>,
}

/// Bytes and records that an empty chunk has room for from the start, at most:
/// room that is not used is not counted, so it must be small.
const ROOM_BYTES: usize = 3 << 20;
const ROOM_RECORDS: usize = 10_000;

/// A record as it comes from the client, still borrowed from it.
#[derive(Debug)]
pub struct Incoming<'m> {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<&'m [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'m [u8]>,
}

/// A record in a chunk.
#[derive(Debug, Clone, Copy)]
pub struct Record<'c> {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<&'c [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'c [u8]>,
    headers: &'c [HeaderEntry],
    arena: &'c [u8],
}

impl<'c> Record<'c> {
    /// The same without its value.
    #[must_use]
    pub fn without_value(self) -> Self {
        Self {
            value: None,
            ..self
        }
    }

    /// Headers in their order, names as they came: one may be no UTF-8.
    pub fn headers(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&'c [u8], Option<&'c [u8]>)> + Clone + use<'c> {
        let arena = self.arena;
        self.headers
            .iter()
            .map(move |h| (&arena[h.name.clone()], h.value.clone().map(|v| &arena[v])))
    }
}

#[derive(Debug)]
struct Store {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    headers: Vec<HeaderEntry>,
    held: Held,
}

impl Store {
    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        start..self.arena.len()
    }
}

/// As much as the last time, and an eighth more: growing would take twice as much.
fn room(last: usize, most: usize) -> usize {
    (last + last / 8).min(most)
}

/// A chunk that still takes records.
#[derive(Debug)]
pub struct Filling {
    store: Store,
    since: Option<Instant>,
    epochs: Epochs,
    brokers: Vec<i32>,
}

/// Leader epochs of a chunk's records, where the broker told them: each with the first
/// record that has it. They change with elections alone.
#[derive(Debug, Default)]
struct Epochs(Vec<(usize, i32)>);

impl Epochs {
    /// Says what it takes.
    fn note(&mut self, record: usize, epoch: Option<i32>) -> usize {
        match epoch {
            Some(epoch) if self.0.last().is_none_or(|last| last.1 != epoch) => {
                self.0.push((record, epoch));
                size_of::<(usize, i32)>()
            }
            Some(_) | None => 0,
        }
    }

    fn of(&self, record: usize) -> Option<i32> {
        let after = self.0.partition_point(|(first, _)| *first <= record);
        Some(self.0[after.checked_sub(1)?].1)
    }
}

impl Filling {
    /// An empty one.
    #[must_use]
    pub fn new(budget: Arc<Budget>) -> Self {
        let store = Store {
            arena: Vec::new(),
            entries: Vec::new(),
            headers: Vec::new(),
            held: Held::new(budget),
        };
        Self {
            store,
            since: None,
            epochs: Epochs::default(),
            brokers: Vec::new(),
        }
    }

    /// Records in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.entries.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.entries.is_empty()
    }

    /// Bytes of it, overhead included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.store.held.bytes()
    }

    /// When its first record came.
    #[must_use]
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Copies a record in.
    pub fn push<'m>(
        &mut self,
        record: &Incoming<'_>,
        headers: impl Iterator<Item = (&'m [u8], Option<&'m [u8]>)>,
        leader_epoch: Option<i32>,
        now: Instant,
    ) {
        let before = self.store.arena.len();
        let mut put = |bytes: &[u8]| self.store.put(bytes).len() as u32;
        let key = record.key.map(&mut put);
        let value = record.value.map(&mut put);
        let first_header = self.store.headers.len();
        for (name, bytes) in headers {
            let name = self.store.put(name);
            let value = bytes.map(|b| self.store.put(b));
            self.store.headers.push(HeaderEntry { name, value });
        }
        let headers = self.store.headers.len() - first_header;
        let epoch = self.epochs.note(self.store.entries.len(), leader_epoch);
        let bytes =
            self.store.arena.len() - before + RECORD_OVERHEAD + headers * HEADER_OVERHEAD + epoch;
        let Incoming {
            offset, timestamp, ..
        } = *record;
        self.store.entries.push(Entry {
            offset,
            timestamp,
            from: before,
            key,
            value,
            headers: first_header as u32..self.store.headers.len() as u32,
        });
        self.store.held.grow(bytes);
        self.since.get_or_insert(now);
    }

    /// When its first record was written, by the record itself; `None`: it has none, or
    /// that one does not say.
    #[must_use]
    pub fn first_timestamp(&self) -> Option<i64> {
        self.store.entries.first()?.timestamp
    }

    /// Notes which broker served a record. A partition has one leader at a time,
    /// so there are as many as there were elections while the chunk filled.
    pub fn served_by(&mut self, broker: i32) {
        if self.brokers.last() != Some(&broker) && !self.brokers.contains(&broker) {
            self.brokers.push(broker);
        }
    }

    /// Closes the chunk and leaves an empty one, with room for about as much.
    pub fn seal(&mut self, span: Span) -> Chunk {
        let next = Self {
            store: Store {
                arena: Vec::with_capacity(room(self.store.arena.len(), ROOM_BYTES)),
                entries: Vec::with_capacity(room(self.store.entries.len(), ROOM_RECORDS)),
                headers: Vec::new(),
                held: Held::new(self.store.held.budget().clone()),
            },
            since: None,
            epochs: Epochs::default(),
            brokers: Vec::new(),
        };
        let full = std::mem::replace(self, next);
        Chunk {
            store: full.store,
            span,
            epochs: full.epochs,
            brokers: full.brokers,
        }
    }
}

/// A closed chunk: the span, and the records in it.
#[derive(Debug)]
pub struct Chunk {
    store: Store,
    span: Span,
    epochs: Epochs,
    brokers: Vec<i32>,
}

impl Chunk {
    /// What its commit moves the position over.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Records in it; none where the span holds only markers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.entries.len()
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.entries.is_empty()
    }

    /// Bytes of keys, values and headers.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.store.arena.len()
    }

    /// The leader epoch of record `i`, where the broker told it; else of the last one
    /// before it that has one.
    #[must_use]
    pub fn leader_epoch(&self, i: usize) -> Option<i32> {
        self.epochs.of(i)
    }

    /// The brokers that its records were fetched from.
    #[must_use]
    pub fn brokers(&self) -> &[i32] {
        &self.brokers
    }

    /// Record `i`.
    #[must_use]
    pub fn record(&self, i: usize) -> Record<'_> {
        let entry = &self.store.entries[i];
        let arena = self.store.arena.as_slice();
        let value = entry.from + entry.key.map_or(0, |length| length as usize);
        let slice = |from: usize, length: u32| &arena[from..from + length as usize];
        let headers = entry.headers.start as usize..entry.headers.end as usize;
        Record {
            offset: entry.offset,
            timestamp: entry.timestamp,
            key: entry.key.map(|length| slice(entry.from, length)),
            value: entry.value.map(|length| slice(value, length)),
            headers: &self.store.headers[headers],
            arena,
        }
    }

    /// Where a part of the chunk that begins with record `i` begins.
    #[must_use]
    pub fn position_of(&self, i: usize) -> Position {
        self.store
            .entries
            .get(i)
            .and_then(|e| Position::new(e.offset).ok())
            .unwrap_or(self.span.to())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_out_as_it_went_in() {
        let budget = Budget::new(1 << 20);
        let mut filling = Filling::new(budget.clone());
        let now = Instant::now();
        let none = std::iter::empty::<(&[u8], Option<&[u8]>)>;
        let headers: [(&[u8], Option<&[u8]>); 2] = [(b"a", Some(b"1")), (b"\xff", None)];
        filling.push(
            &Incoming {
                offset: 7,
                timestamp: Some(99),
                key: Some(b"k"),
                value: Some(b""),
            },
            headers.into_iter(),
            Some(3),
            now,
        );
        filling.push(
            &Incoming {
                offset: 9,
                timestamp: None,
                key: None,
                value: None,
            },
            none(),
            None,
            now,
        );
        assert!(budget.used() > 0);
        assert_eq!(filling.first_timestamp(), Some(99));
        let span = Span::new(Position::new(5).unwrap(), Position::new(12).unwrap()).unwrap();
        let chunk = filling.seal(span);
        assert!(filling.is_empty() && filling.since().is_none());
        assert_eq!(filling.first_timestamp(), None);
        let (first, second) = (chunk.record(0), chunk.record(1));
        assert_eq!((first.offset, first.timestamp), (7, Some(99)));
        assert_eq!(
            (first.key, first.value),
            (Some(b"k".as_slice()), Some(b"".as_slice()))
        );
        assert_eq!(first.headers().collect::<Vec<_>>(), headers);
        assert_eq!(
            (second.key, second.value, second.headers().count()),
            (None, None, 0)
        );
        assert_eq!(
            [chunk.leader_epoch(0), chunk.leader_epoch(1)],
            [Some(3), Some(3)]
        );
        assert_eq!(chunk.position_of(1).offset(), 9);
        assert_eq!(chunk.position_of(2).offset(), 12);
        drop(chunk);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn each_record_has_the_leader_epoch_that_the_broker_told() {
        let told = [None, Some(1), Some(1), None, Some(4), Some(2)];
        let mut filling = Filling::new(Budget::new(1 << 20));
        for (offset, epoch) in (0..).zip(told) {
            let record = Incoming {
                offset,
                timestamp: None,
                key: None,
                value: None,
            };
            let headers = std::iter::empty::<(&[u8], Option<&[u8]>)>();
            filling.push(&record, headers, epoch, Instant::now());
        }
        let span = Span::new(Position::ZERO, Position::new(6).unwrap()).unwrap();
        let chunk = filling.seal(span);
        let found: Vec<_> = (0..chunk.len()).map(|i| chunk.leader_epoch(i)).collect();
        let of_the_last_before = [None, Some(1), Some(1), Some(1), Some(4), Some(2)];
        assert_eq!(found, of_the_last_before);
    }
}
