//! Formats whose bytes say what they are, value by value: CBOR (RFC 8949) and MessagePack.
//!
//! Their bytes are the same kind of thing: scalars with types, lists, and maps of names.
//! So each is a small tokenizer ([`Tokens`]), and one walk over tokens reads them both:
//! once, without a tree, and no deeper than a bound. The tokenizers are our own, of some
//! two hundred lines: libraries for them forget the width of a floating-point number
//! (ciborium-ll), or where in the bytes a fault is (rmp), or have a licence that is not
//! ours (minicbor).

mod cbor;
mod cursor;
mod describe;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod json;
mod moment;
mod msgpack;
mod plan;
mod token;
mod walk;

pub use cbor::Cbor;
pub use format::SelfDescribing;
pub use msgpack::MessagePack;

/// Values within values: lists and maps. No sender means more, and each level takes some
/// of the stack.
const MAX_DEPTH: u8 = 64;
