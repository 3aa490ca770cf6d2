//! What a sink is, to the service: it prepares tables, settles starts, claims
//! partitions, and commits batches, each in one atomic act ([`Sink`]). What operators ask
//! of it stands apart: [`Positions`], [`DeadLetters`], [`Inspect`]. [`Backend`] ties a
//! database's settings to all of them.
//!
//! A sink cannot see Kafka. It gets decoded rows and a half-open span, writes
//! all or nothing, and says in one of few words what went wrong. The loop,
//! batching, retries and metrics belong to the service.

mod acts;
mod backend;
mod batch;
pub mod canonical;
mod dead_letters;
mod error;
mod filter;
mod kind;
pub mod mapping;
mod naming;
mod new_table;
mod ownership;
mod positions;
mod routing;
mod shared;
mod sink;
pub mod snapshot;
mod source;
mod table;
mod take;
pub mod text;
mod topic;
mod value;

pub use acts::{Act, KeptAct, islands};
pub use backend::{Backend, DryRun, Inspect};
pub use batch::{Batch, DeadLetter, Fingerprint, Marks, Op, Row, Rows, TableRows};
pub use dead_letters::{
    DeadLetterFilter, DeadLetterPage, DeadLetters, KeptDeadLetter, Payload, Replay,
};
pub use error::{Detail, Secret, SinkError};
pub use filter::{Comparison, Condition, Filter, FilterError};
pub use kind::Kind;
pub use naming::{Naming, spellings};
pub use new_table::{Dialect, NewColumn, NewTable, TableChange};
pub use ownership::{Identity, Owned, Ownership, Setting, claimable, no_position, setting};
pub use positions::{PositionChange, Positions, SetOutcome, StoredPosition};
pub use routing::{PLACE, Route, Routing, UnknownRoute, route_in};
pub use shared::{
    Command, FORGOTTEN_AFTER, MOST_COMMANDS, NewCommand, Reported, Shared, SinkState, UnknownWord,
    Verb, Wanted,
};
pub use sink::{
    Blocked, Claimed, Committed, Grouping, Member, NewPosition, Refusal, Settled, Sink,
};
pub use source::{Inside, Literal, Of, Path, Source, SourceError, Step};
pub use table::{
    Column, Holds, LeftOut, Missing, Mode, Pairs, Period, Prepared, Shape, Table, TableRule,
    TableSettings, rule_for,
};
pub use take::{Cast, Epoch, Make, Take};
pub use topic::{Captures, TopicWords};
pub use value::{Cell, Clock, Decimal, Float, Interval, TimeOfDay, Timestamp, Unit};
