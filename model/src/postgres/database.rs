//! The database of the model: the position row, the table, and what the table
//! ought to hold.

use crate::topic::{LONGEST, Log};
use plimsoll_protocol::{Claim, Fenced, Owner, Position, PositionRow, Span};

/// A claim as the model tells claims apart, whatever epoch and owner they got.
pub type Serial = u8;

/// What a failover takes back, all of it together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Database {
    /// The protocol's own row.
    pub row: PositionRow,
    /// How many rows (or dead letters) each offset has.
    pub rows: [u8; LONGEST],
    /// How many each offset must have once the position is behind it: one, more
    /// after an operator set the position back over it, less after one set it
    /// forward.
    pub due: [i8; LONGEST],
    /// The claim that alone may commit.
    pub rightful: Option<Serial>,
    /// The claims that it knows of, a bit each; a failover forgets some.
    pub known: u32,
    /// The table's definition.
    pub catalogue: u8,
    /// The right to write to the table is taken away.
    pub shut: bool,
    /// Who committed last.
    pub last_writer: Option<Owner>,
}

/// What must never be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// A commit or a claim moved the position back (invariant 3).
    WentBack,
    /// A commit was accepted that is not the last claimant's (invariant 4).
    NotTheOwner,
    /// A record that the table takes became a dead letter (invariant 1).
    GoodBuried,
}

impl Database {
    /// Settled at an offset, with an empty table.
    #[must_use]
    pub fn new(start: i64, log: &Log) -> Self {
        let mut due = [0; LONGEST];
        for offset in start..log.end() {
            due[offset as usize] = i8::from(log.is_record(offset));
        }
        Self {
            row: PositionRow::settled(crate::topic::at(start)),
            rows: [0; LONGEST],
            due,
            rightful: None,
            known: 0,
            catalogue: 0,
            shut: false,
            last_writer: None,
        }
    }

    /// A claim arrives.
    pub fn claim(&mut self, owner: Owner, serial: Serial) -> (Claim, Position, Option<Wrong>) {
        let before = self.row.position;
        let claim = self.row.claim(owner);
        self.rightful = Some(serial);
        self.known |= 1 << serial;
        let wrong = (self.row.position < before).then_some(Wrong::WentBack);
        (claim, self.row.position, wrong)
    }

    /// The transaction of a commit arrives: rows and position, or nothing.
    ///
    /// # Errors
    /// The fence's refusal.
    pub fn commit(
        &mut self,
        claim: Claim,
        serial: Serial,
        span: Span,
        offsets: &[i64],
    ) -> Result<Option<Wrong>, Fenced> {
        let before = self.row.position;
        self.row.advance(claim, span)?;
        for offset in offsets {
            self.rows[*offset as usize] += 1;
        }
        self.last_writer = Some(claim.owner);
        // A claim that a failover took back may have the epoch of a later one
        // of the same process; the process is rightful all the same.
        let taken_back = self.known & (1 << serial) == 0;
        let same = self.row.epoch == claim.epoch && self.row.owner == Some(claim.owner);
        Ok(if self.rightful != Some(serial) && !(taken_back && same) {
            Some(Wrong::NotTheOwner)
        } else if self.row.position < before {
            Some(Wrong::WentBack)
        } else {
            None
        })
    }

    /// `positions set`: what is asked for changes with it.
    pub fn set(&mut self, to: Position, log: &Log) {
        let (from, to) = (self.row.position.offset(), to.offset());
        for offset in 0..log.end() {
            let change =
                i8::from((to..from).contains(&offset)) - i8::from((from..to).contains(&offset));
            if log.is_record(offset) {
                self.due[offset as usize] += change;
            }
        }
        self.row.set(crate::topic::at(to));
        self.rightful = None;
    }

    /// How many rows an offset must have as long as the position stands here.
    fn wanted(&self, offset: usize) -> i8 {
        let ahead = self.row.position.offset() <= offset as i64;
        self.due[offset] - i8::from(ahead)
    }

    /// Whether every record below the position has all of its rows
    /// (invariant 1).
    #[must_use]
    pub fn nothing_lost(&self, log: &Log) -> bool {
        self.each(log, |rows, wanted| rows >= wanted)
    }

    /// Whether no record has more than its rows (invariant 2).
    #[must_use]
    pub fn nothing_doubled(&self, log: &Log) -> bool {
        self.each(log, |rows, wanted| rows <= wanted)
    }

    fn each(&self, log: &Log, holds: impl Fn(i8, i8) -> bool) -> bool {
        (0..log.end() as usize)
            .filter(|o| log.is_record(*o as i64))
            .all(|o| holds(self.rows[o] as i8, self.wanted(o)))
    }
}
