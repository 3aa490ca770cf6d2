//! One value on its way from a record to a column, borrowed from the record or from
//! the arena of its batch.

mod decimal;
mod float;
mod time;

pub use decimal::Decimal;
pub use float::Float;
pub(crate) use time::write_date;
pub use time::{Clock, Interval, TimeOfDay, Timestamp, Unit};

/// One value of one column.
///
/// A format gives a value the type that the record gives it, so that no number is
/// printed to be parsed again; JSON's numbers keep the digits that their sender
/// wrote. What a column makes of each type is said once, in [`crate::canonical`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell<'a> {
    /// The record has no such field: the column's default.
    Absent,
    /// The source did not send the value, which is what it was: the column stays. There
    /// is a row whose column can stay, or the record is a bad one.
    Unchanged,
    /// An explicit null: NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number; Kafka's own partition and offset too.
    Int(i64),
    /// A whole number that may be beyond those of [`Self::Int`].
    Unsigned(u64),
    /// A binary floating-point number.
    Float(Float),
    /// A number as it was written, of any length.
    Number(&'a str),
    /// A decimal number of any length: the parts of a [`Decimal`], whose own padding
    /// would make every cell a word longer.
    Decimal {
        /// As [`Decimal::unscaled`].
        unscaled: &'a [u8],
        /// As [`Decimal::scale`].
        scale: i32,
    },
    /// A string, unescaped.
    Text(&'a str),
    /// JSON as written: an object or an array, or any value at all for a
    /// column of [`crate::Shape::Json`].
    Json(&'a str),
    /// Bytes: of a format that has them, or of a key or header.
    Bytes(&'a [u8]),
    /// A day, counted from 1970-01-01.
    Date(i32),
    /// A time of day.
    Time(TimeOfDay),
    /// A point in time, a record's own too; or what a wall clock showed.
    Timestamp(Timestamp),
    /// A UUID.
    Uuid([u8; 16]),
    /// A length of time.
    Interval(Interval),
}

impl Cell<'_> {
    /// A record's own time: milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(value: i64) -> Self {
        Self::Timestamp(Timestamp {
            value,
            unit: Unit::Millis,
            clock: Clock::Utc,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_takes_three_words() {
        assert_eq!(size_of::<Cell<'_>>(), 24);
    }
}
