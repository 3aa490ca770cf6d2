//! Kafka's records, and the rows that they become: the same bytes give the same cells
//! to whatever asks, be it the service, a dry run, a replay or `verify`.
//!
//! - A [`Chunk`] holds the records of one batch, copied once; a [`Budget`] bounds them.
//! - [`split`] takes a registry's [`Framing`] from a key or a value.
//! - A [`Decoder`] knows the target's columns and turns a record into a row.
//! - [`semantic`] says what values mean whose types Kafka Connect or Debezium name, and
//!   [`JsonText`] writes values as JSON: alike for all formats.

mod arena;
mod budget;
mod cache;
mod chunk;
mod decode;
mod fingerprint;
mod framing;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod json_text;
mod limits;
mod schemas;
pub mod semantic;

pub use arena::Arena;
pub use budget::Budget;
pub use cache::{Cache, Entry};
pub use chunk::{Chunk, Filling, Incoming, Record};
pub use decode::{
    BadRecord, ConnectJson, Connector, Decimals, Decoded, Decoder, Described, DescribedField,
    Envelope, Fate, Fault, Fetching, Field, Format, Formats, Held, Items, Json, LookInto, MAX_ROWS,
    Need, OwnedWanted, PLACEHOLDER, Reader, RouteReader, SchemaId, Sender, Side, SourceTable,
    SourceTables, Target, Unavailable, Undecoded, UnknownFields, Unmade, Unrouted, Want, Wanted,
    WithFraming, fate,
};
pub use fingerprint::{fingerprint, hash_of};
pub use framing::{Framed, Framing, Looks, MessageIndexes, MessageName, Unframed, split};
pub use json_text::{JsonText, quote};
pub use limits::{BatchLimits, Fill};
pub use schemas::{FetchingSchema, FixedSchema, Reference, Registered, SchemaKind, Schemas};
