//! Tests against a real Kafka, Postgres and Cassandra: `make test`.

mod alerts;
mod bad_records;
mod cassandra;
mod commands;
mod dead_letters;
mod harness;
mod identity;
mod image;
mod limits;
mod log_shapes;
mod members;
mod modes;
mod outages;
mod secured;
mod seen;
mod several;
mod sigkill;
mod starts;
mod storm;
mod tls;
mod types;
mod verify;
mod zombies;
