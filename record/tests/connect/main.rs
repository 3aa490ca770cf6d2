//! Kafka Connect's JSON with schemas, by what is public.

mod messages;
mod random;
mod real;
mod schemas;
mod support;
mod types;
