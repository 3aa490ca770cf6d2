//! Cassandra and Scylla: upserts by natural key. The write timestamp of a
//! record is a function of its offset, so that replays, zombies and parallel
//! writes all converge on the record with the highest offset of its key.

mod settings;

pub use settings::{CassandraSettings, CassandraTable, Consistency, Login, Tls, Ttl};
