//! Kafka's records, and the rows that they become: the same bytes give the same cells
//! to whatever asks, be it the service, a dry run, a replay or `verify`.
//!
//! - A [`Chunk`] holds the records of one batch, copied once; a [`Budget`] bounds them.
//! - A [`Decoder`] knows the target's columns and turns a record into a row.

mod arena;
mod budget;
mod chunk;
mod decode;
mod fingerprint;
mod limits;

pub use arena::Arena;
pub use budget::Budget;
pub use chunk::{Chunk, Filling, Incoming, Record};
pub use decode::{
    BadRecord, Connector, Decimals, Decoder, Envelope, Fetching, Field, Format, Formats, Need,
    PLACEHOLDER, Reader, SchemaId, Side, Unavailable, Undecoded, UnknownFields, Wanted,
};
pub use fingerprint::{fingerprint, hash_of};
pub use limits::{BatchLimits, Fill};
