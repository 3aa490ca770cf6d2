//! The data path against a Kafka in the process and a sink in memory, with
//! faults that follow a script: what no real database does on demand.

mod answers;
mod between_rows;
mod claims;
mod epochs;
mod lanes;
mod looks;
mod matching;
mod origin;
mod requests;
mod rights;
mod routes;
mod tests;
mod together;
mod writers;

pub(crate) use lanes::lane;
