//! One partition's log.

use plimsoll_protocol::Position;

/// The longest log that a model uses; tables are arrays of this length.
pub const LONGEST: usize = 6;

/// What stands at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A record.
    Record,
    /// A record that the table refuses.
    Bad,
    /// The same, with a code that the table could mean as well.
    Odd,
    /// A transaction's marker, an aborted or a compacted record: never
    /// delivered.
    Gap,
}

/// A log that holds everything from the beginning: what comes later is, to the
/// protocol, the same as what is delivered later.
#[derive(Debug, Clone)]
pub struct Log(pub Vec<Entry>);

impl Log {
    /// Behind the last entry.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.0.len() as i64
    }

    /// Where a batch that begins here can end: behind a record, or behind the
    /// gaps that follow it.
    pub fn ends(&self, from: i64) -> impl Iterator<Item = i64> {
        (from + 1..=self.end()).filter(move |to| {
            let last = to - 1;
            self.is_record(last) || *to == self.end() || self.is_record(*to)
        })
    }

    /// Whether something is delivered at an offset.
    #[must_use]
    pub fn is_record(&self, offset: i64) -> bool {
        self.0[offset as usize] != Entry::Gap
    }

    /// Whether the table refuses the record.
    #[must_use]
    pub fn is_bad(&self, offset: i64) -> bool {
        self.0[offset as usize] == Entry::Bad
    }

    /// Whether it does so with a code that the table could mean as well.
    #[must_use]
    pub fn is_odd(&self, offset: i64) -> bool {
        self.0[offset as usize] == Entry::Odd
    }
}

/// A place in a log.
///
/// # Panics
/// For a negative one, which no model makes.
#[must_use]
pub fn at(offset: i64) -> Position {
    Position::new(offset).expect("offsets of a model are not negative")
}
