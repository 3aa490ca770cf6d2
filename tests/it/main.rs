//! Tests against a real Kafka, Postgres and Cassandra: `make test`.

mod answers;
mod bad_records;
mod cassandra;
mod commands;
mod dead_letters;
mod harness;
mod identity;
mod image;
mod limits;
mod log_fields;
mod log_shapes;
mod members;
mod modes;
mod old_kafka;
mod outages;
mod rights;
mod several;
mod sigkill;
mod starts;
mod storm;
mod tls;
mod types;
mod upgrade;
mod verify;
mod zombies;
