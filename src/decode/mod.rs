//! Decode: bytes → the cells of a row, driven by the target's columns. Each
//! payload is parsed once; there is no tree in between.

mod bad;
mod fields;
mod json;
mod record;

pub use bad::BadRecord;
pub use record::Decoder;
