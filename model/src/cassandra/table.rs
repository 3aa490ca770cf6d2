//! A table where the largest timestamp wins, cell by cell, and the last seconds
//! may be lost, write by write.

use super::Entry;

/// Every record is of one of these keys.
pub const KEYS: usize = 2;

/// A write of one record, as the server takes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Write {
    /// Where the record stands in the log.
    pub offset: i64,
    /// What it does.
    pub entry: Entry,
    /// Its timestamp.
    pub at: i64,
    /// Which mapping made the row of it: a replay after a fixed one differs.
    pub mapping: u8,
}

/// What a reader sees of a cell: the record and the mapping that wrote it.
pub type Value = (i64, u8);

/// How the value compares where timestamps are equal.
type Rank = (i64, i16);

/// A row with two columns besides its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    deleted: i64,
    cells: [Option<(i64, Rank, Value)>; 2],
}

impl Default for Row {
    fn default() -> Self {
        Self {
            deleted: i64::MIN,
            cells: [None; 2],
        }
    }
}

impl Row {
    /// The server's own rule: the later timestamp, then the larger value. The
    /// second column's values fall with the offset, so that a tie mixes two
    /// records; and an older mapping's value is the larger one.
    fn apply(&mut self, write: &Write) {
        let ranks = [write.offset, -write.offset];
        let columns = match write.entry {
            Entry::Delete(_) => {
                self.deleted = self.deleted.max(write.at);
                return;
            }
            Entry::Put(_) => 2,
            Entry::PutFirst(_) => 1,
        };
        for (cell, rank) in self.cells.iter_mut().zip(ranks).take(columns) {
            let rank = (rank, -i16::from(write.mapping));
            let new = (write.at, rank, (write.offset, write.mapping));
            *cell = (*cell).max(Some(new));
        }
    }

    /// What a reader sees.
    pub fn read(&self) -> [Option<Value>; 2] {
        self.cells
            .map(|cell| cell.filter(|c| c.0 > self.deleted).map(|c| c.2))
    }

    /// Whether the write has had its effect, or a later one's.
    fn reflects(&self, write: &Write) -> bool {
        match write.entry {
            Entry::Delete(_) => self.deleted >= write.at,
            Entry::Put(_) => (0..2).all(|column| self.newest(column) >= write.at),
            Entry::PutFirst(_) => self.newest(0) >= write.at,
        }
    }

    fn newest(&self, column: usize) -> i64 {
        let cell = self.cells[column].map_or(i64::MIN, |c| c.0);
        cell.max(self.deleted)
    }
}

/// The table: what is on disk, and what a power cut may take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Table {
    disk: [Row; KEYS],
    recent: Vec<Write>,
}

impl Table {
    /// A write is acknowledged, not yet on disk.
    pub fn write(&mut self, write: Write) {
        if let Err(place) = self.recent.binary_search(&write) {
            self.recent.insert(place, write);
        }
    }

    /// The window is over.
    pub fn sync(&mut self) {
        for write in std::mem::take(&mut self.recent) {
            self.disk[write.entry.key()].apply(&write);
        }
    }

    /// How many writes a power cut may take.
    pub fn at_risk(&self) -> u32 {
        self.recent.len() as u32
    }

    /// It takes those with a bit in `lost`.
    pub fn power_cut(&mut self, lost: u32) {
        let mut bit = 0;
        self.recent.retain(|_| {
            bit += 1;
            lost & (1 << (bit - 1)) == 0
        });
        self.sync();
    }

    fn row(&self, key: usize) -> Row {
        let mut row = self.disk[key].clone();
        self.recent
            .iter()
            .filter(|w| w.entry.key() == key)
            .for_each(|w| row.apply(w));
        row
    }

    /// What a reader sees.
    pub fn read(&self) -> [[Option<Value>; 2]; KEYS] {
        std::array::from_fn(|key| self.row(key).read())
    }

    /// Whether a write has had its effect.
    pub fn reflects(&self, write: &Write) -> bool {
        self.row(write.entry.key()).reflects(write)
    }
}

/// What the log says the table must be: the fold by key, field by field,
/// beginning afresh at a tombstone.
pub fn fold(log: &[Entry], mapping: u8) -> [[Option<Value>; 2]; KEYS] {
    let mut rows = [[None; 2]; KEYS];
    for (offset, entry) in log.iter().enumerate() {
        let value = Some((offset as i64, mapping));
        let row = &mut rows[entry.key()];
        match entry {
            Entry::Put(_) => *row = [value; 2],
            Entry::PutFirst(_) => row[0] = value,
            Entry::Delete(_) => *row = [None; 2],
        }
    }
    rows
}
