//! All instances of a sink, as they say of themselves in its database: what each one
//! writes there with its sign of life, and what can be told from all of it.

mod doors;
mod report;
mod status;

pub use doors::{Fleet, NotSet, OfSink, status_of};
pub use report::{MemberReport, Part, PartitionState};
pub use status::{MemberStatus, PartitionStatus, SinkStatus, trace};
