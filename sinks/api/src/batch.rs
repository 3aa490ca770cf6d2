//! A batch: one partition's span, and all that its commit writes.

use crate::{Cell, Prepared};
use plimsoll_protocol::{Claim, Span};
use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};

/// What a record does to its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Insert or replace.
    Put,
    /// Delete by key; only the cells of key columns are filled.
    Delete,
}

/// What a record does to one row; its cells stand in [`Rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The record's offset. It never falls from row to row; those of one record have the
    /// same.
    pub offset: i64,
    /// What it does.
    pub op: Op,
}

/// The rows of a batch: row after row, `width` cells each, borrowed from the
/// chunk that the poll thread filled.
#[derive(Debug, Clone, Default)]
pub struct Rows<'a> {
    width: usize,
    heads: Vec<Row>,
    cells: Vec<Cell<'a>>,
}

impl<'a> Rows<'a> {
    /// No rows yet, of `width` columns, with room for `capacity`.
    #[must_use]
    pub fn with_capacity(width: usize, capacity: usize) -> Self {
        Self {
            width,
            heads: Vec::with_capacity(capacity),
            cells: Vec::with_capacity(width * capacity),
        }
    }

    /// Adds the rows of another batch of the same table behind these.
    pub fn append(&mut self, other: &Rows<'a>) {
        self.heads.extend_from_slice(&other.heads);
        self.cells.extend_from_slice(&other.cells);
    }

    /// Adds a row and hands out its cells, all [`Cell::Absent`].
    pub fn push(&mut self, row: Row) -> &mut [Cell<'a>] {
        self.heads.push(row);
        let start = self.cells.len();
        self.cells.resize(start + self.width, Cell::Absent);
        &mut self.cells[start..]
    }

    /// Takes all but the first rows back: they turned out to be bad.
    pub fn truncate(&mut self, len: usize) {
        self.heads.truncate(len);
        self.cells.truncate(self.heads.len() * self.width);
    }

    /// Which of the rows from `from` on are the last of their key, in their order, as far
    /// as the cells of these columns tell keys apart.
    #[must_use]
    pub fn last_of_each_key(&self, from: usize, columns: &[usize]) -> Vec<usize> {
        let mut seen = HashSet::with_capacity(self.len().saturating_sub(from));
        let mut last: Vec<usize> = (from..self.len())
            .rev()
            .filter(|&i| {
                let (_, cells) = self.row(i);
                seen.insert(Key { columns, cells })
            })
            .collect();
        last.reverse();
        last
    }

    /// Of the rows from `from` on, takes back all but these, which rise.
    pub fn keep(&mut self, from: usize, kept: &[usize]) {
        for (to, &i) in (from..).zip(kept) {
            self.heads[to] = self.heads[i];
            let cells = i * self.width..(i + 1) * self.width;
            self.cells.copy_within(cells, to * self.width);
        }
        self.truncate(from + kept.len());
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The columns of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Row `i` and its cells.
    #[must_use]
    pub fn row(&self, i: usize) -> (Row, &[Cell<'a>]) {
        (
            self.heads[i],
            &self.cells[i * self.width..(i + 1) * self.width],
        )
    }

    /// Whether a column of a row is to stay as it is.
    #[must_use]
    pub fn keep_some(&self) -> bool {
        self.cells
            .iter()
            .any(|cell| matches!(cell, Cell::Unchanged))
    }

    /// All rows, lowest offset first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Row, &[Cell<'a>])> {
        (0..self.len()).map(|i| self.row(i))
    }
}

/// The cells of a row's key, equal where each is the same value of the same type.
struct Key<'r> {
    columns: &'r [usize],
    cells: &'r [Cell<'r>],
}

impl Key<'_> {
    fn cells(&self) -> impl Iterator<Item = &Cell<'_>> {
        self.columns.iter().map(|&c| &self.cells[c])
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cells().for_each(|cell| cell.hash(state));
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cells().eq(other.cells())
    }
}

impl Eq for Key<'_> {}

/// A record that cannot become a row, kept in the transaction that moves the
/// position over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since the Unix epoch, where it has one.
    pub timestamp: Option<i64>,
    /// The record's key, bytes as they came.
    pub key: Option<&'a [u8]>,
    /// The record's value, bytes as they came.
    pub value: Option<&'a [u8]>,
    /// Names and values, in their order. What of a name is no UTF-8 is replaced.
    pub headers: Vec<(Cow<'a, str>, Option<&'a [u8]>)>,
    /// A word: `decode`, or the SQLSTATE's condition.
    pub condition: String,
    /// The SQLSTATE, where a database refused it.
    pub code: Option<String>,
    /// The column, where it is known.
    pub column: Option<String>,
    /// The whole text, the server's own included. It may hold values of the
    /// record: it goes into the table and nowhere else.
    pub text: String,
}

/// What a record looked like, to recognise a topic that was recreated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// The record's offset.
    pub offset: i64,
    /// A hash of its key and value; the same on every machine.
    pub hash: i64,
}

/// What the position row remembers of the log behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Of the last record applied; `None` leaves what is stored.
    pub fingerprint: Option<Fingerprint>,
    /// The leader epoch of that record; `None` leaves what is stored.
    pub leader_epoch: Option<i32>,
}

/// Rows of one table.
#[derive(Debug)]
pub struct TableRows<'a, P> {
    /// The table, as it was when the rows were decoded.
    pub table: &'a Prepared<P>,
    /// What is written.
    pub rows: &'a Rows<'a>,
}

impl<'a, P> TableRows<'a, P> {
    /// What a batch writes to a single table.
    #[must_use]
    pub fn only(table: &'a Prepared<P>, rows: &'a Rows<'a>) -> Vec<Self> {
        vec![Self { table, rows }]
    }
}

impl<P> Clone for TableRows<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for TableRows<'_, P> {}

/// What a commit writes of one partition. A commit may be of several partitions, each of
/// which it has one batch of: all of them, or nothing.
#[derive(Debug)]
pub struct Batch<'a, P> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition's number.
    pub partition: i32,
    /// The right to move the position.
    pub claim: Claim,
    /// How far it moves.
    pub span: Span,
    /// What is written: of each table that gets any rows those of it, once. Most often it is
    /// one table; where nothing is written, there may be none.
    pub tables: Vec<TableRows<'a, P>>,
    /// What could not become a row.
    pub dead: &'a [DeadLetter<'a>],
    /// What the position row is to remember.
    pub marks: Marks,
}

impl<P> Batch<'_, P> {
    /// How many rows it has, of all tables.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(all: &[[Cell<'static>; 3]]) -> Rows<'static> {
        let mut rows = Rows::with_capacity(3, all.len());
        for (offset, cells) in (0..).zip(all) {
            let op = Op::Put;
            rows.push(Row { offset, op }).copy_from_slice(cells);
        }
        rows
    }

    #[test]
    fn the_last_row_of_a_key_stays_in_its_place() {
        let row = |a, b| [Cell::Text(a), Cell::Absent, b];
        let mut rows = rows(&[
            row("x", Cell::Number("1")),
            row("x", Cell::Number("2")),
            row("x", Cell::Number("1")),
            // Equal to the database, perhaps: it is asked.
            row("x", Cell::Number("1.0")),
            row("x", Cell::Text("1")),
            row("x", Cell::Number("2")),
        ]);
        assert_eq!(rows.last_of_each_key(0, &[0, 2]), [2, 3, 4, 5]);
        assert_eq!(rows.last_of_each_key(0, &[0]), [5]);
        assert_eq!(rows.last_of_each_key(4, &[0, 2]), [4, 5]);
        rows.keep(1, &[2, 4, 5]);
        let left: Vec<(i64, Cell<'_>)> = rows.iter().map(|(row, c)| (row.offset, c[2])).collect();
        let expected = [
            (0, Cell::Number("1")),
            (2, Cell::Number("1")),
            (4, Cell::Text("1")),
            (5, Cell::Number("2")),
        ];
        assert_eq!(left, expected);
        rows.keep(1, &[]);
        assert_eq!(rows.len(), 1);
    }
}
