//! What every sink has to do, as scenarios; each sink's tests run all of them.
//!
//! A sink's crate writes a [`Harness`] and says
//! `plimsoll_conformance::suite!(MyHarness);` in its tests. A new scenario is a
//! function here and a line in the list of that macro, and runs for every sink.
//!
//! Databases differ, and how they may stands in [`Capabilities`]: nothing else.

mod capabilities;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod claims;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod dead_letters;
mod fate;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod fences;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod groups;
mod harness;
mod kept;
mod list;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod made;
mod odd;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod positions;
mod record;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod replay;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod routes;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod rows;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod shared;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod snapshots;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod sources;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod tables;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod unsent;
#[allow(missing_docs, reason = "their names are sentences")]
pub mod values;
mod world;

pub use capabilities::{
    Capabilities, Changes, Claims, Decimals, Json, Late, Nul, Tables, Trials, Typing, Unsent,
};
pub use harness::{ColumnSpec, Harness, TableSpec, column};
pub use kept::{Kept, Type};
pub use list::alone;
pub use odd::{Odd, all as odd_records};
pub use record::{Place, Record, Said, push};
