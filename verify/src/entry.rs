//! What is compared: a row as hashes, on its way through temporary files.
//!
//! Both sides are cut into buckets by the hash of a row's identity, so that one
//! bucket of both fits into the memory that was granted, however large the topic.

use plimsoll_sink_api::snapshot::hash::SKIPPED;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use xxhash_rust::xxh3::xxh3_128;

/// The identity of a row that has nothing else: its content, as far as that column is
/// `told`.
#[must_use]
pub fn identity_of_content(columns: &[u64], told: impl Fn(usize) -> bool) -> u128 {
    let told = |(i, column): (usize, &u64)| if told(i) { *column } else { SKIPPED };
    let columns = columns.iter().enumerate().map(told);
    let bytes: Vec<u8> = columns.flat_map(u64::to_le_bytes).collect();
    xxh3_128(&bytes)
}

/// What a record does to its row; what a row of the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Inserts or replaces; a row that was found.
    Put,
    /// Deletes.
    Delete,
    /// It cannot be a row, and is no dead letter.
    Bad,
    /// It inserts or replaces, and was passed over on purpose: it need not be there.
    SkippedPut,
    /// It deletes, and was passed over on purpose.
    SkippedDelete,
}

impl Op {
    /// The same, passed over on purpose.
    #[must_use]
    pub fn skipped(self) -> Self {
        match self {
            Self::Put | Self::SkippedPut => Self::SkippedPut,
            Self::Delete | Self::SkippedDelete => Self::SkippedDelete,
            Self::Bad => Self::Bad,
        }
    }
}

/// A record or a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// See [`plimsoll_sink_api::snapshot::hash::identity`].
    pub identity: u128,
    /// Which partition, by its place in the list; [`u32::MAX`]: not known.
    pub partition: u32,
    /// The record's offset; -1: not known.
    pub offset: i64,
    /// What it does.
    pub op: Op,
    /// See [`plimsoll_sink_api::snapshot::Canonical::age`]; 0 for a record.
    pub age: u32,
    /// A hash per column.
    pub columns: Vec<u64>,
}

/// Entries by their identity, in files without a name.
pub struct Buckets {
    files: Vec<BufWriter<File>>,
    width: usize,
}

/// Of each open file.
pub const BUFFER: usize = 16 * 1024;

impl Buckets {
    /// So many, for entries of so many columns.
    ///
    /// # Errors
    /// No temporary file to be had.
    pub fn new(count: usize, width: usize) -> io::Result<Self> {
        let file = |_| Ok(BufWriter::with_capacity(BUFFER, tempfile::tempfile()?));
        Ok(Self {
            files: (0..count.max(1)).map(file).collect::<io::Result<_>>()?,
            width,
        })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// The disk is full.
    pub fn push(&mut self, entry: &Entry) -> io::Result<()> {
        let count = self.files.len() as u128;
        let at = usize::try_from(entry.identity % count).unwrap_or_default();
        let file = &mut self.files[at];
        file.write_all(&entry.identity.to_le_bytes())?;
        file.write_all(&entry.partition.to_le_bytes())?;
        file.write_all(&entry.offset.to_le_bytes())?;
        file.write_all(&entry.age.to_le_bytes())?;
        file.write_all(&[match entry.op {
            Op::Put => 0,
            Op::Delete => 1,
            Op::Bad => 2,
            Op::SkippedPut => 3,
            Op::SkippedDelete => 4,
        }])?;
        debug_assert_eq!(entry.columns.len(), self.width);
        for column in &entry.columns {
            file.write_all(&column.to_le_bytes())?;
        }
        Ok(())
    }

    /// Reads them back, bucket after bucket, each in the order of adding.
    ///
    /// # Errors
    /// The disk fails.
    pub fn into_readers(self) -> io::Result<Vec<Entries>> {
        let width = self.width;
        self.files
            .into_iter()
            .map(|file| {
                let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                let length = file.stream_position()?;
                file.seek(SeekFrom::Start(0))?;
                Ok(Entries {
                    file: BufReader::with_capacity(BUFFER, file),
                    left: length,
                    width,
                })
            })
            .collect()
    }
}

/// The entries of one bucket.
pub struct Entries {
    file: BufReader<File>,
    left: u64,
    width: usize,
}

impl Entries {
    fn read(&mut self) -> io::Result<Entry> {
        fn bytes<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
            let mut bytes = [0; N];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        }
        let file = &mut self.file;
        let entry = Entry {
            identity: u128::from_le_bytes(bytes(file)?),
            partition: u32::from_le_bytes(bytes(file)?),
            offset: i64::from_le_bytes(bytes(file)?),
            age: u32::from_le_bytes(bytes(file)?),
            op: match bytes::<1>(file)? {
                [0] => Op::Put,
                [1] => Op::Delete,
                [3] => Op::SkippedPut,
                [4] => Op::SkippedDelete,
                _ => Op::Bad,
            },
            columns: (0..self.width)
                .map(|_| bytes(file).map(u64::from_le_bytes))
                .collect::<io::Result<_>>()?,
        };
        self.left -= (33 + 8 * self.width) as u64;
        Ok(entry)
    }
}

impl Iterator for Entries {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.left > 0).then(|| self.read())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_by_bucket_in_their_order() {
        let mut buckets = Buckets::new(3, 2).unwrap();
        let entry = |identity, offset, op| Entry {
            identity,
            partition: 7,
            offset,
            op,
            age: 3,
            columns: vec![offset as u64, u64::MAX],
        };
        let all = [
            entry(0, 1, Op::Put),
            entry(4, 2, Op::Delete),
            entry(3, 3, Op::Bad),
            entry(1, 4, Op::SkippedPut),
            entry(1, 5, Op::SkippedDelete),
        ];
        for entry in &all {
            buckets.push(entry).unwrap();
        }
        let read: Vec<Vec<Entry>> = buckets
            .into_readers()
            .unwrap()
            .into_iter()
            .map(|entries| entries.map(Result::unwrap).collect())
            .collect();
        let [one, two, three, four, five] = all;
        assert_eq!(read, [vec![one, three], vec![two, four, five], vec![]]);
    }
}
