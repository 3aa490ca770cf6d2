//! What both formats are made of.

use crate::cursor::Cursor;
use plimsoll_record::{Arena, Fault, Looks};
use plimsoll_sink_api::Cell;
use std::fmt::Debug;

/// What stands next in some bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token<'c> {
    /// A value that has no others in it.
    Scalar(Cell<'c>),
    /// Into a list of so many values.
    List(Count),
    /// Into a map of so many keys, each with its value behind it.
    Map(Count),
}

/// How many there are. A number promises nothing: each takes a byte at least, and bytes
/// end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Of(u64),
    /// As many as stand before a mark.
    ToMark,
}

/// A format.
pub trait Tokens: Debug + Clone + Copy + Send + Sync + 'static {
    /// As people call it.
    const NAME: &'static str;
    /// As what its maps are known.
    const LOOKS: Looks;

    /// The next token. What the bytes do not hold in one piece goes into the arena.
    ///
    /// # Errors
    /// What is wrong; where the cursor stands then says nothing.
    fn token<'c>(cursor: &mut Cursor<'c>, arena: &'c Arena) -> Result<Token<'c>, Fault>;

    /// Over the mark behind the last value of a list or a map, if it is next.
    fn took_mark(cursor: &mut Cursor<'_>) -> bool;
}
