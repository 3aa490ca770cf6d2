//! The way back, from a database's log into Kafka: where a source stands, whether it may
//! go on, and what becomes of a commit.
//!
//! A source sends whole transactions of the database, in the order of their commits,
//! in transactions of Kafka. Each of those carries the source's *position*, in a topic
//! of its own, and the position is the truth. The database's replication slot keeps what
//! was not sent yet; which process may use it gives liveness, and nothing else. Safety is
//! Kafka's fence alone: only the newest producer of the source's transactional id can
//! commit.
//!
//! # Invariants
//!
//! 1 to 5 as for sinks, with events for rows, and:
//!
//! 6. **The slot never passes the position**: what is confirmed to the database stands in
//!    a committed transaction of Kafka. So a slot *ahead* of the position proves a gap.
//! 7. **No timeline is skipped**: where the database went back, behind what Kafka holds,
//!    the source halts.

mod admit;
mod after_commit;
mod confirm;
mod lsn;
mod position;
mod resume;
mod timeline;

pub use admit::{Admit, admit};
pub use after_commit::{AfterCommit, CommitSaid, after_commit, judge};
pub use confirm::{IDLE_BYTES, IDLE_MS, Idle, confirmable, idle};
pub use lsn::{Lsn, NotAnLsn};
pub use position::{SourceId, SourcePosition};
pub use resume::{Resume, Server, Slot, SourceGap, Stored, resume};
pub use timeline::{History, NotAHistory};
