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
mod items;
mod json;
mod mapping;
mod route;
mod want;

pub use bad::{BadRecord, Sender};
pub use connect::ConnectJson;
pub use decoder::{Decoded, Decoder, Formats};
pub use described::{Described, DescribedField, LookInto};
pub use envelope::{Connector, Decimals, Envelope, PLACEHOLDER, SourceTable, SourceTables};
pub use fault::Fault;
pub use format::{
    Fetching, Field, Format, Held, Need, OwnedWanted, Reader, SchemaId, Side, Unavailable,
    Undecoded, Wanted,
};
pub use framed::WithFraming;
pub use items::Items;
pub use json::Json;
pub use mapping::Unmade;
pub use route::{Fate, RouteReader, Unrouted, fate};
pub use want::{Target, Want};

/// Rows of one record, at most. Events of a binary log have at most the two thousand that
/// fit into 8 KB; a few bytes can make a row as wide as its table, so that some bound has
/// to keep a record from taking all memory.
pub const MAX_ROWS: usize = 10_000;

/// What a field without a column does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// Nothing.
    Ignore,
    /// It makes the record a bad one.
    Reject,
    /// The same, where it is a field of the row itself, and not of an object in it: who
    /// asks for that gives it a column.
    RejectOwn,
}

impl UnknownFields {
    /// Whether fields of the row itself are errors.
    #[must_use]
    pub const fn are_errors(self) -> bool {
        match self {
            Self::Ignore => false,
            Self::Reject | Self::RejectOwn => true,
        }
    }

    /// Whether those of objects in it are errors, too.
    #[must_use]
    pub const fn are_errors_below(self) -> bool {
        match self {
            Self::Ignore | Self::RejectOwn => false,
            Self::Reject => true,
        }
    }
}
