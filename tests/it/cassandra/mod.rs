//! Kafka into a real Cassandra: effectively once, by key.

mod bad_records;
mod faults;
mod mapping;
mod mutations;
mod replays;
mod secured;
mod verify;
pub mod world;
