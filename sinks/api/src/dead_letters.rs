//! Dead letters after they were kept: listed, replayed, dropped.

use crate::{Committed, Prepared, Rows, Secret, Sink, SinkError};
use plimsoll_protocol::{Position, TopicPartition};
use std::future::Future;

/// Which dead letters of a sink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetterFilter {
    /// Of this topic; `None`: of all.
    pub topic: Option<String>,
    /// Of this partition; `None`: of all.
    pub partition: Option<i32>,
    /// At these offsets; empty: at all.
    pub offsets: Vec<i64>,
}

/// Which part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterPage {
    /// Behind this letter; `None`: from the first on.
    pub after: Option<(TopicPartition, i64)>,
    /// So many at most.
    pub limit: u32,
    /// With keys, values, headers and the server's text, which may be large.
    pub payloads: bool,
}

/// The record of a dead letter, bytes as they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payload {
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// Names and values, in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The whole text of what was wrong. It may hold values of the record.
    pub text: Secret,
}

/// A dead letter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDeadLetter {
    /// The partition.
    pub tp: TopicPartition,
    /// The record's offset.
    pub offset: i64,
    /// The record's time, milliseconds since the Unix epoch, where it has one.
    pub timestamp: Option<i64>,
    /// When it was kept, milliseconds since the Unix epoch, by the database's
    /// clock.
    pub kept_at: i64,
    /// Why, in a word.
    pub condition: String,
    /// The SQLSTATE, or the database's own code.
    pub code: Option<String>,
    /// The column, where it is known.
    pub column: Option<String>,
    /// Bytes of key and value.
    pub bytes: u64,
    /// The record itself, where it was asked for.
    pub payload: Option<Payload>,
}

/// Dead letters of one partition on their way into the table.
#[derive(Debug)]
pub struct Replay<'a, P> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition's number.
    pub partition: i32,
    /// The table, as it was when the rows were decoded.
    pub table: &'a Prepared<P>,
    /// Which letters, by their offsets, each once: they are removed.
    pub letters: &'a [i64],
    /// What is written. A letter may have no row, or several.
    pub rows: &'a Rows<'a>,
    /// Where the position has to stand when the rows are written, so that no
    /// later record of their keys was written meanwhile (`upsert`). `None`: it
    /// only has to lie behind the letters, or the service would write them
    /// too.
    pub stands_at: Option<Position>,
}

/// What operators ask of a sink's dead letters, and do to them.
pub trait DeadLetters: Sink {
    /// Dead letters of this sink in the order of topic, partition and offset, a
    /// page at a time.
    fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        page: &DeadLetterPage,
    ) -> impl Future<Output = Result<Vec<KeptDeadLetter>, SinkError>> + Send;

    /// Writes the rows of dead letters and removes the letters, all or nothing;
    /// the position stays. An error of class `Fenced` says that nothing was
    /// written because a letter is gone or the position is not where
    /// [`Replay`] wants it; one of class `Unavailable` says nothing: look whether the
    /// letters are still there.
    fn replay(
        &self,
        replay: &Replay<'_, Self::Plan>,
    ) -> impl Future<Output = Result<Committed, SinkError>> + Send;

    /// Removes dead letters; says how many.
    fn drop_dead_letters(
        &self,
        filter: &DeadLetterFilter,
    ) -> impl Future<Output = Result<u64, SinkError>> + Send;
}
