//! Commit: one writer per partition, one commit in flight; obeys the protocol's
//! liveness table, calls the sink, backs off.

mod backoff;
mod build;
mod writer;

pub use backoff::Backoff;
pub use writer::{FENCED_WAIT, HALT_RETRY, Lane, Writer, note_claim};
