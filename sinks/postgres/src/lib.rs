//! The Postgres sink: rows and position in one transaction.
//!
//! ```text
//! settings → url, connect → pool (writers)   → commit → copy | statement | log
//!                         → control (the rest) → claim, state, catalog, migrate
//! catalog → plan, sql → encode, binary → copy | fold → statement
//! sweep: clears stale writers out of the way of claims and commits
//! error: whatever went wrong, as a class and facts without values
//! ```

mod array;
mod below;
mod binary;
mod blocked;
mod catalog;
mod claim;
mod commit;
mod connect;
mod control;
mod copy;
mod dead;
mod encode;
mod error;
mod fence;
mod fold;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod letters;
mod log;
mod migrate;
mod nagle;
mod named;
mod names;
mod obstacle;
mod plan;
mod pool;
mod privileges;
mod probe;
mod settings;
mod shape;
mod sink;
mod snapshot;
mod sql;
mod state;
mod statement;
mod sweep;
mod text;
mod url;
mod words;

#[cfg(test)]
mod tests;

pub use catalog::check_table;
pub use plan::PgPlan;
pub use settings::PostgresSettings;
pub use sink::PostgresSink;
pub use snapshot::PostgresSnapshot;
pub use url::{check_url, options as connect_options};
