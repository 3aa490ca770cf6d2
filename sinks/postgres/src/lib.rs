//! The Postgres sink: rows and position in one transaction.
//!
//! ```text
//! sink, operate → call: settings → url, connect → pool (writers)   → attempt → commit → copy | statement | log
//!                                                → control (the rest) → claim, set, state, letters, migrate
//! tables: catalog, partitioned → plan, sql → encode, binary → copy | statement
//! partition_needs: what a batch lacks → ddl → partitions
//! sweep: clears stale writers out of the way of claims and commits
//! error: whatever went wrong, as a class and facts without values
//! ```

mod array;
mod attempt;
mod below;
mod binary;
mod blocked;
mod call;
mod catalog;
mod claim;
mod commit;
mod connect;
mod control;
mod copy;
mod ddl;
mod dead;
mod dead_letters;
mod encode;
mod error;
mod fence;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod log;
mod migrate;
mod nagle;
mod named;
mod names;
mod obstacle;
mod operate;
mod partition_needs;
mod partitioned;
mod partitions;
mod plan;
mod pool;
mod privileges;
mod probe;
mod set;
mod settings;
mod shape;
mod shared;
mod sink;
mod snapshot;
mod sql;
mod state;
mod statement;
mod sweep;
mod tables;
mod text;
mod url;
mod words;
mod work;

#[cfg(test)]
mod tests;

pub use catalog::check_table;
pub use plan::PgPlan;
pub use settings::PostgresSettings;
pub use sink::PostgresSink;
pub use snapshot::PostgresSnapshot;
pub use url::{check_url, options as connect_options};
