//! Cassandra and Scylla: upserts by natural key. The write timestamp of a
//! record is a function of its offset, so that replays, zombies and parallel
//! writes all converge on the record with the highest offset of its key.
//!
//! The way of a batch: [`rows`] encodes all of it, [`write`] sends it, many
//! requests at once; when every one was acknowledged, [`positions`] moves the
//! position. [`claims`] says who may, by lightweight transactions beside the
//! data's way.

mod acts;
mod catalogue;
mod claims;
mod connect;
mod ddl;
mod dead_letters;
mod encode;
mod error;
mod migrate;
mod owned;
mod pieces;
mod plan;
mod positions;
mod read;
mod retry;
mod rows;
mod schema;
mod settings;
mod shared;
mod sink;
mod snapshot;
mod starts;
mod state;
mod statements;
mod types;
mod write;

#[cfg(test)]
mod tests;

pub use plan::CassandraPlan;
pub use settings::{CassandraSettings, CassandraTable, Consistency, Login, Ttl};
pub use sink::CassandraSink;
pub use snapshot::CassandraSnapshot;
