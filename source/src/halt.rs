//! Why a source halts: what, why, and what to do.

use plimsoll_protocol::source::{Lsn, SourceGap, SourcePosition};
use std::fmt;

/// A source sends nothing until an operator has acted. It holds no value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// What is wrong, and why that stops it.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Halt {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// That of a gap, of the source of this name.
    #[must_use]
    pub fn of_gap(gap: &SourceGap, source: &str, topic: &str, slot: &str) -> Self {
        let adopt = format!(
            "once the gap is dealt with, `plimsoll positions adopt-source --source {source}` goes on where \
             the slot stands, or makes a new one"
        );
        match gap {
            SourceGap::NoPosition { confirmed } => Self::new(
                format!(
                    "the slot {slot} is there and stands at {confirmed}, but {topic} holds no \
                     position: the slot is somebody else's, or the topic was lost or emptied"
                ),
                adopt,
            ),
            SourceGap::NoSlot(position) => Self::new(
                format!(
                    "the slot {slot} is gone: what was committed behind {} was not sent, and the \
                     database may have forgotten it",
                    stands(position)
                ),
                format!("compare the outbox with the topic from there on; {adopt}"),
            ),
            SourceGap::SlotLost(position) => Self::new(
                format!(
                    "the database has thrown away log that the slot {slot} needs \
                     (max_slot_wal_keep_size): what was committed behind {} was not sent",
                    stands(position)
                ),
                format!("compare the outbox with the topic from there on; {adopt}"),
            ),
            SourceGap::SlotAhead {
                position,
                confirmed,
            } => Self::new(
                format!(
                    "the slot {slot} stands at {confirmed}, ahead of {}: what lies between was \
                     never sent, for somebody has moved the slot or made it anew",
                    stands(position)
                ),
                format!("compare the outbox with the topic from there on; {adopt}"),
            ),
            SourceGap::Other { position, here } => Self::new(
                format!(
                    "{topic} is the position of slot {} in database {} of the cluster {}, and this \
                     is slot {} in database {} of the cluster {}: restored from a dump, upgraded, \
                     or another server",
                    position.id.slot,
                    position.id.database,
                    position.id.system_id,
                    here.slot,
                    here.database,
                    here.system_id,
                ),
                format!("mend the config if it is the wrong server; {adopt}"),
            ),
            SourceGap::WentBack {
                position,
                timeline,
                common,
            } => Self::new(
                went_back(position, *timeline, *common),
                format!("compare what the topics hold with the database; {adopt}"),
            ),
        }
    }
}

/// Where a position stands, with what it has sent.
fn stands(position: &SourcePosition) -> String {
    format!(
        "the position {} (event {})",
        position.next_lsn, position.seq
    )
}

fn went_back(position: &SourcePosition, timeline: u32, common: Option<Lsn>) -> String {
    let common = match common {
        Some(common) => format!("has the same log up to {common} only"),
        None => "never was on that timeline".to_owned(),
    };
    format!(
        "Kafka holds events that this database lost: {} lies on timeline {}, and the server, on \
         timeline {timeline}, {common}",
        stands(position),
        position.timeline,
    )
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; hint: {}", self.what, self.hint)
    }
}
