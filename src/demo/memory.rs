//! What was produced, and what the tables must therefore hold. Pure.
//!
//! A few bytes per event are enough: a hash of the row that it makes.

use super::orders::Event;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use xxhash_rust::xxh3::Xxh3;

/// A partition and an offset.
pub(super) type Coordinate = (i32, i64);

/// What an event makes of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// A row of this hash.
    Row(u64),
    /// A tombstone.
    Nothing,
}

/// All events, in the order of their offsets.
#[derive(Debug)]
pub(super) struct Memory {
    partitions: Vec<Vec<Made>>,
    latest: HashMap<u64, Coordinate>,
}

/// What is wrong with a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Events whose row is not there.
    pub(super) missing: u64,
    /// Rows that are there once more.
    pub(super) duplicates: u64,
    /// Rows that hold something else than the event, or that no event made.
    pub(super) wrong: u64,
}

impl Differences {
    /// Whether all is as it must be.
    pub(super) fn none(self) -> bool {
        self == Self::default()
    }
}

/// A hash of a row's columns, each as text or NULL.
pub(super) fn row_hash<T: AsRef<str>>(columns: &[Option<T>]) -> u64 {
    let mut hash = Xxh3::new();
    for column in columns {
        // The length in front tells a NULL from an empty text, and where a
        // column ends.
        let text = column.as_ref().map(AsRef::as_ref);
        hash.update(&text.map_or(-1, |t| t.len() as i64).to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    }
    hash.digest()
}

/// The partition of an order: all its events meet there.
pub(super) fn partition_of(id: u64, partitions: usize) -> usize {
    let hash = xxhash_rust::xxh3::xxh3_64(&id.to_le_bytes());
    usize::try_from(hash % partitions as u64).unwrap_or(0)
}

impl Memory {
    /// Nothing was produced yet.
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            partitions: vec![Vec::new(); partitions],
            latest: HashMap::new(),
        }
    }

    /// Remembers an event; returns the offset that it must get.
    pub(super) fn remember(&mut self, partition: usize, event: &Event) -> i64 {
        let log = &mut self.partitions[partition];
        let offset = log.len() as i64;
        match &event.order {
            Some(order) => {
                log.push(Made::Row(row_hash(&order.row())));
                let coordinate = (i32::try_from(partition).unwrap_or(i32::MAX), offset);
                self.latest.insert(event.id, coordinate);
            }
            None => {
                log.push(Made::Nothing);
                self.latest.remove(&event.id);
            }
        }
        offset
    }

    /// The next offset of a partition.
    pub(super) fn end(&self, partition: usize) -> i64 {
        self.partitions[partition].len() as i64
    }

    /// Events in all.
    pub(super) fn events(&self) -> u64 {
        self.partitions.iter().map(|log| log.len() as u64).sum()
    }

    fn made(&self, (partition, offset): Coordinate) -> Option<Made> {
        let log = self.partitions.get(usize::try_from(partition).ok()?)?;
        log.get(usize::try_from(offset).ok()?).copied()
    }

    /// The check of a table that must hold a row per event, tombstones apart.
    pub(super) fn append(&self) -> AppendCheck<'_> {
        AppendCheck {
            memory: self,
            seen: self
                .partitions
                .iter()
                .map(|log| vec![false; log.len()])
                .collect(),
            differences: Differences::default(),
        }
    }

    /// The check of a table that must hold the last row of each key.
    pub(super) fn upsert(&self) -> UpsertCheck<'_> {
        UpsertCheck {
            memory: self,
            expected: self.latest.clone(),
            seen: HashMap::new(),
            differences: Differences::default(),
        }
    }
}

/// Takes the rows of the append table, and its dead letters, in any order.
#[derive(Debug)]
pub(super) struct AppendCheck<'m> {
    memory: &'m Memory,
    seen: Vec<Vec<bool>>,
    differences: Differences,
}

impl AppendCheck<'_> {
    /// A row of the table.
    pub(super) fn row(&mut self, at: Coordinate, hash: u64) {
        self.take(at, Made::Row(hash));
    }

    /// A dead letter: a tombstone, which `append` has no row for.
    pub(super) fn dead_letter(&mut self, at: Coordinate) {
        self.take(at, Made::Nothing);
    }

    fn take(&mut self, at: Coordinate, found: Made) {
        let Some(made) = self.memory.made(at) else {
            self.differences.wrong += 1;
            return;
        };
        // `made` found them in range.
        let seen = &mut self.seen[at.0 as usize][at.1 as usize];
        if std::mem::replace(seen, true) {
            self.differences.duplicates += 1;
        } else if made != found {
            self.differences.wrong += 1;
        }
    }

    /// All rows were taken.
    pub(super) fn finish(mut self) -> Differences {
        self.differences.missing = self.seen.iter().flatten().filter(|seen| !**seen).count() as u64;
        self.differences
    }
}

/// Takes the rows of the upsert table in any order.
#[derive(Debug)]
pub(super) struct UpsertCheck<'m> {
    memory: &'m Memory,
    expected: HashMap<u64, Coordinate>,
    seen: HashMap<u64, ()>,
    differences: Differences,
}

impl UpsertCheck<'_> {
    /// A row of the table.
    pub(super) fn row(&mut self, id: u64, at: Coordinate, hash: u64) {
        match self.seen.entry(id) {
            Entry::Occupied(_) => {
                self.differences.duplicates += 1;
                return;
            }
            Entry::Vacant(new) => {
                new.insert(());
            }
        }
        let expected = self.expected.remove(&id);
        if expected != Some(at) || self.memory.made(at) != Some(Made::Row(hash)) {
            self.differences.wrong += 1;
        }
    }

    /// A dead letter: nothing is bad for this sink.
    pub(super) fn dead_letter(&mut self) {
        self.differences.wrong += 1;
    }

    /// All rows were taken.
    pub(super) fn finish(mut self) -> Differences {
        self.differences.missing = self.expected.len() as u64;
        self.differences
    }
}

#[cfg(test)]
mod tests {
    use super::super::orders::Shop;
    use super::*;
    use std::collections::BTreeMap;

    const PARTITIONS: usize = 4;

    /// A log and the two tables that it must make.
    struct World {
        memory: Memory,
        append: Vec<(Coordinate, u64)>,
        dead: Vec<Coordinate>,
        upsert: BTreeMap<u64, (Coordinate, u64)>,
    }

    fn world() -> World {
        let mut shop = Shop::new(11);
        let mut it = World {
            memory: Memory::new(PARTITIONS),
            append: vec![],
            dead: vec![],
            upsert: BTreeMap::new(),
        };
        for _ in 0..3_000 {
            let event = shop.event();
            let partition = partition_of(event.id, PARTITIONS);
            let at = (partition as i32, it.memory.remember(partition, &event));
            match &event.order {
                Some(order) => {
                    let hash = row_hash(&order.row());
                    it.append.push((at, hash));
                    it.upsert.insert(event.id, (at, hash));
                }
                None => {
                    it.dead.push(at);
                    it.upsert.remove(&event.id);
                }
            }
        }
        it
    }

    impl World {
        fn append(&self) -> Differences {
            let mut check = self.memory.append();
            self.dead.iter().for_each(|at| check.dead_letter(*at));
            self.append
                .iter()
                .for_each(|(at, hash)| check.row(*at, *hash));
            check.finish()
        }

        fn upsert(&self) -> Differences {
            let mut check = self.memory.upsert();
            self.upsert
                .iter()
                .for_each(|(id, (at, hash))| check.row(*id, *at, *hash));
            check.finish()
        }
    }

    #[test]
    fn tables_that_hold_every_event_once_have_no_difference() {
        let it = world();
        assert_eq!(it.memory.events(), 3_000);
        assert!(it.dead.len() > 50);
        assert!(it.append().none());
        assert!(it.upsert().none());
    }

    #[test]
    fn a_row_that_is_missing_is_counted() {
        let mut it = world();
        it.append.pop();
        it.dead.pop();
        it.upsert.pop_last();
        assert_eq!(
            it.append(),
            Differences {
                missing: 2,
                ..Differences::default()
            }
        );
        assert_eq!(
            it.upsert(),
            Differences {
                missing: 1,
                ..Differences::default()
            }
        );
    }

    #[test]
    fn a_row_that_is_there_twice_is_counted() {
        let mut it = world();
        it.append.push(it.append[5]);
        it.dead.push(it.dead[0]);
        assert_eq!(
            it.append(),
            Differences {
                duplicates: 2,
                ..Differences::default()
            }
        );
    }

    #[test]
    fn a_row_of_other_content_is_counted() {
        let mut it = world();
        it.append[7].1 += 1;
        let stale = *it.upsert.keys().next().unwrap();
        it.upsert.get_mut(&stale).unwrap().0.1 += 1;
        assert_eq!(
            it.append(),
            Differences {
                wrong: 1,
                ..Differences::default()
            }
        );
        assert_eq!(
            it.upsert(),
            Differences {
                wrong: 1,
                ..Differences::default()
            }
        );
    }

    #[test]
    fn a_row_that_no_event_made_is_counted() {
        let mut it = world();
        it.append.push(((0, 1 << 40), 0));
        it.upsert.insert(u64::MAX, ((0, 0), 0));
        assert_eq!(
            it.append(),
            Differences {
                wrong: 1,
                ..Differences::default()
            }
        );
        assert_eq!(
            it.upsert(),
            Differences {
                wrong: 1,
                ..Differences::default()
            }
        );
    }

    #[test]
    fn a_tombstone_that_made_a_row_and_an_order_in_the_dead_letters_are_wrong() {
        let mut it = world();
        let (at, _) = it.append.pop().unwrap();
        it.dead.push(at);
        assert_eq!(
            it.append(),
            Differences {
                wrong: 1,
                ..Differences::default()
            }
        );
    }
}
