//! Decode: bytes → the cells of a row, driven by the target's columns. Each
//! payload is walked over once; there is no tree in between.

mod bad;
mod connect;
mod decoder;
mod described;
mod envelope;
mod fault;
mod format;
mod framed;
mod json;
mod want;

pub use bad::BadRecord;
pub use connect::ConnectJson;
pub use decoder::{Decoder, Formats};
pub use described::{Described, DescribedField, LookInto};
pub use envelope::{Connector, Decimals, Envelope, PLACEHOLDER};
pub use fault::Fault;
pub use format::{
    Fetching, Field, Format, Held, Need, OwnedWanted, Reader, SchemaId, Side, Unavailable,
    Undecoded, Wanted,
};
pub use framed::WithFraming;
pub use json::Json;
pub use want::{Target, Want};

/// What a field without a column does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// Nothing.
    Ignore,
    /// It makes the record a bad one.
    Reject,
}
