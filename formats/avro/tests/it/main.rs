//! Schemas and records, by what is public.

mod bounds;
mod connect;
mod debezium;
mod oracle;
mod programs;
mod real;
mod schemas;
mod support;
mod types;
mod wire;
