//! Schemas and records, by what is public.

mod bounds;
mod oracle;
mod programs;
mod schemas;
mod support;
mod types;
mod wire;
