//! Decode: bytes → the cells of a row, driven by the target's columns. Each
//! payload is walked over once; there is no tree in between.

mod bad;
mod fields;
mod json;
mod record;
mod scan;

pub use bad::BadRecord;
pub use record::Decoder;

/// What a field without a column does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// Nothing.
    Ignore,
    /// It makes the record a bad one.
    Reject,
}
