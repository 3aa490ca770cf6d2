//! What can come of a chunk, and of a part of one.

use crate::engine::backoff::Backoff;
use crate::engine::control::RestartReason;
use crate::health::Halt;
use plimsoll_sink_api::{Committed, SinkError};

/// How a chunk ended.
pub(super) enum Done {
    GoOn,
    Drop,
    Restart(RestartReason),
    Halt(Box<Halt>),
}

/// What came of a part that has no trouble.
pub(super) enum Written {
    Committed(Committed),
    /// The catalogue is to be read again, and the part to be decoded anew.
    RereadFirst,
}

/// Why a part is not simply committed.
pub(super) enum Trouble {
    Bisect {
        /// The catalogue was read anew for the part, after a refusal that may be
        /// the table's.
        reread: bool,
    },
    BadRecord(SinkError),
    /// It may be the one record, or the table.
    Suspect(SinkError),
    /// The same once more.
    Again,
    End(Done),
}

/// What was tried with the record at hand.
#[derive(Default)]
pub(super) struct Tried {
    /// How often it was taken at one time and refused at another.
    pub(super) changes: u32,
    /// How often it was refused for the sake of other rows.
    pub(super) waits: u64,
    pub(super) backoff: Backoff,
}
