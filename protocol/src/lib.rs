//! The position protocol: every decision on which the promise rests, and
//! nothing else. No clock, no I/O, no await, no dependency.
//!
//! The sink's *position* is the truth: the next offset to consume, half-open as
//! Kafka counts. It lives in the user's database beside the rows and moves only
//! with them.
//!
//! # Invariants
//!
//! The numbers are the same in `docs/DESIGN.md`, in assertions, in metrics and
//! in the names of tests.
//!
//! 1. **No loss**: a position moves over an offset only in the transaction that
//!    writes the offset's row, or its dead letter, or that knows that there is
//!    nothing to write.
//! 2. **No duplicate**: the rows of an offset are written by exactly one
//!    committed span.
//! 3. **Never back**: within an epoch a position only grows.
//! 4. **One writer**: of all who think that they own a partition, at most one
//!    can commit: the one whose epoch and owner id stand in the row.
//! 5. **Not stuck**: an assigned partition that is not halted moves within a
//!    bounded time after faults end.

mod claim;
mod class;
mod compare;
mod epochs;
mod group;
mod guard;
mod identity;
pub mod lifecycle;
mod look;
mod partition;
mod position;
mod question;
mod resolve;
mod rewind;
pub mod source;
mod sqlstate;
mod start;
mod timestamps;

pub use claim::{Claim, Epoch, Fenced, Owner, PositionRow};
pub use class::Class;
pub use compare::{Answer, Ask, Comparison, Finding, LOOKS, Next};
pub use epochs::{EpochFell, LeaderEpochs};
pub use group::{GroupStep, RefusedGroup, group_step};
pub use guard::{Admission, Guard};
pub use identity::{Agreement, Confirmation, KnownLog, SeenLog, agreement, confirm};
pub use look::{Look, look};
pub use partition::{Assignment, Outcome, Reread, Step, next_step};
pub use position::{NegativeOffset, Position, Span, TopicPartition};
pub use question::{Question, Then, then};
pub use resolve::{Resolution, resolve};
pub use rewind::{Mark, Marks, rewind};
pub use sqlstate::{FENCED, classify};
pub use start::{Beginning, Kept, KnownTopics, StartRule, beginning, start_rule};
pub use timestamps::Generation;
