//! A batch: one partition's span, and all that its commit writes.

use crate::{Cell, Prepared};
use plimsoll_protocol::{Claim, Span};
use std::borrow::Cow;

/// What a record does to its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Insert or replace.
    Put,
    /// Delete by key; only the cells of key columns are filled.
    Delete,
}

/// One record of a batch; its cells stand in [`Rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The record's offset; rises from row to row.
    pub offset: i64,
    /// What it does.
    pub op: Op,
}

/// The rows of a batch: row after row, `width` cells each, borrowed from the
/// chunk that the poll thread filled.
#[derive(Debug, Default)]
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

    /// Adds a row and hands out its cells, all [`Cell::Absent`].
    pub fn push(&mut self, row: Row) -> &mut [Cell<'a>] {
        self.heads.push(row);
        let start = self.cells.len();
        self.cells.resize(start + self.width, Cell::Absent);
        &mut self.cells[start..]
    }

    /// Takes the last row back: it turned out to be bad.
    pub fn pop(&mut self) {
        if self.heads.pop().is_some() {
            self.cells.truncate(self.heads.len() * self.width);
        }
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

/// One commit: all or nothing.
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
    /// The table, as it was when the rows were decoded.
    pub table: &'a Prepared<P>,
    /// What is written.
    pub rows: &'a Rows<'a>,
    /// What could not become a row.
    pub dead: &'a [DeadLetter<'a>],
    /// What the position row is to remember.
    pub marks: Marks,
}
