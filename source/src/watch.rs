//! What a source tells of itself, to whoever counts and shows it.

use crate::halt::Halt;
use plimsoll_protocol::source::{Lsn, SourcePosition};
use std::time::Duration;

/// Which of the two does not do its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The database.
    Database,
    /// Kafka.
    Kafka,
}

/// A commit of Kafka that went through.
#[derive(Debug, Clone, Copy)]
pub struct Committed<'p> {
    /// Events in it.
    pub events: u64,
    /// Transactions of the database in it.
    pub transactions: u64,
    /// From the last event's sending to the answer.
    pub took: Duration,
    /// Where the source stands.
    pub position: &'p SourcePosition,
    /// Up to where the database has told that it sent its log.
    pub wal_end: Lsn,
}

/// Whoever hears of a source. Nothing here may block.
pub trait Watch: Send + Sync {
    /// It is the one that sends.
    fn live(&self, position: &SourcePosition);
    /// Another process has the slot.
    fn standby(&self, why: &str);
    /// Something does not answer, or refuses; it is tried again.
    fn trouble(&self, side: Side, what: &str);
    /// It halts; it looks again each minute whether it may go on.
    fn halted(&self, halt: &Halt);
    /// A commit.
    fn committed(&self, commit: Committed<'_>);
    /// The database sent a transaction that is in Kafka already.
    fn seen(&self);
    /// The database told up to where it sent its log.
    fn wal_end(&self, position: &SourcePosition, wal_end: Lsn);
    /// A row was left out.
    fn left_out(&self, why: &Halt);
    /// A newer producer has its place.
    fn fenced(&self);
    /// A commit was so slow that its producer was given up.
    fn doubtful(&self);
}
