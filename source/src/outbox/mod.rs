//! Changes of the database → events.

mod message;
mod pgoutput;
mod table;

pub(crate) use message::event as of_message;
pub(crate) use pgoutput::{Change, Relation, read as read_change};
pub(crate) use table::Plan;

use bytes::Bytes;

/// What one record of Kafka will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its topic; a name that Kafka takes.
    pub(crate) topic: String,
    /// Its key. Order is kept for each.
    pub(crate) key: Bytes,
    /// Its value; `None`: a tombstone.
    pub(crate) value: Option<Bytes>,
    /// Its headers, without the source's own.
    pub(crate) headers: Vec<(String, Option<Bytes>)>,
}

/// What makes no event of a row, in words that hold nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadRow {
    pub(crate) why: String,
    pub(crate) hint: &'static str,
}

impl BadRow {
    pub(crate) fn new(why: impl Into<String>, hint: &'static str) -> Self {
        Self {
            why: why.into(),
            hint,
        }
    }
}

const TOPIC_HINT: &str =
    "a topic's name has 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'";
