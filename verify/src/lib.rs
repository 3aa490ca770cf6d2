//! `plimsoll verify`: the log read once more, and compared with the table.
//!
//! ```text
//!  database ─► one snapshot: positions, dead letters, rows ─► hashes ─┐
//!  Kafka ────► records up to the positions ─► decode ─► the values as ├► compare
//!              the database writes them ─► hashes ────────────────────┘
//! ```
//!
//! It knows a database by its [`Snapshot`](plimsoll_sink_api::snapshot::Snapshot) and
//! Kafka by its [`Log`]. With the service it shares the decoder, and nothing of what
//! writes.

mod compare;
mod entry;
mod error;
mod log;
mod passed;
mod report;
mod sample;
mod share;
mod sink;
mod table;

pub use error::Error;
pub use log::{Log, LogError, Piece, Reading};
pub use report::{Failure, Report, TableReport, Verdict};
pub use sample::Sample;
pub use sink::{Compared, OneSink};
