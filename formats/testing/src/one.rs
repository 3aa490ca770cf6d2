//! A record by itself.

use plimsoll_protocol::{Position, Span};
use plimsoll_record::{Budget, Chunk, Filling, Incoming};
use std::time::Instant;

/// A chunk of one record, without headers and without a time.
///
/// # Panics
/// The offset is none.
#[must_use]
pub fn one(offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Chunk {
    let mut filling = Filling::new(Budget::new(1 << 24));
    let incoming = Incoming {
        offset,
        timestamp: None,
        key,
        value,
    };
    filling.push(&incoming, std::iter::empty(), None, Instant::now());
    let at = |offset| Position::new(offset).expect("an offset");
    let span = Span::new(at(offset), at(offset + 1));
    filling.seal(span.expect("a span"))
}
