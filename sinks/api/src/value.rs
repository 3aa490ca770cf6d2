//! One value on its way from a record to a column, borrowed where it can be.

use std::borrow::Cow;

/// One value of one column.
///
/// Text forms are kept: a number keeps every digit that its sender wrote, and
/// the database's own input functions give it its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cell<'a> {
    /// The record has no such field: the column's default.
    Absent,
    /// An explicit null: NULL.
    Null,
    /// JSON's true or false.
    Bool(bool),
    /// A JSON number, as written.
    Number(&'a str),
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// JSON as written: an object or an array, or any value at all for a
    /// column of [`crate::Shape::Json`].
    Json(&'a str),
    /// Bytes that are not UTF-8: a key or a header.
    Bytes(&'a [u8]),
    /// An integer of Kafka's own: partition or offset.
    Int(i64),
    /// A record's timestamp, milliseconds since the Unix epoch.
    Millis(i64),
}
