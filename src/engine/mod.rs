//! The engine: from what Kafka assigns to what the database has committed.
//!
//! The poll thread turns messages into chunks of one partition and never blocks, neither
//! on a channel nor on the database. The claimer finds the position that a partition
//! begins at. A writer per partition decodes its chunks, one at a time, and offers them to
//! the sink's commits, which are of many partitions each. They tell each
//! other by messages ([`Control`], [`request::ClaimRequest`], chunks) and share a
//! [`Lane`].

mod age;
mod assignment;
mod backoff;
mod claimer;
mod commits;
mod control;
mod heartbeat;
mod lane;
mod members;
mod orders;
mod poll;
mod request;
mod standing;
mod watch;
mod writer;

pub use backoff::Backoff;
pub use claimer::claim_loop;
pub use commits::{BURST, Commits, GATHER, Limits};
pub use control::Control;
pub use heartbeat::{heartbeat, watch_locks};
pub use lane::Lane;
pub use members::{Members, client_id, watch_members};
pub use orders::{Orders, Speaker};
pub use poll::{Fatal, Poll, Setup};
pub use request::ClaimRequest;
pub use standing::Standing;
pub use watch::watch_lag;
#[cfg(test)]
pub use {
    assignment::{Generation, lease},
    control::RestartReason,
    writer::Writer,
};
