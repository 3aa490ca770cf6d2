//! What the values of a field are, for who makes a column for them.

use jiff::Timestamp;
use jiff::civil::Date;

/// What the values of a field are. It says what a column of its own has to hold; the
/// database's word for that is the sink's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A whole number of 64 bits.
    Integer,
    /// A whole number that may be beyond them.
    BigInteger,
    /// A number with every digit that was written.
    Decimal,
    /// A binary floating-point number.
    Float,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A point in time.
    Timestamp,
    /// What a wall clock showed, nobody says where.
    LocalTimestamp,
    /// A length of time.
    Interval,
    /// A UUID.
    Uuid,
    /// An object or an array, or any value of JSON at all.
    Json,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Boolean,
        Self::Integer,
        Self::BigInteger,
        Self::Decimal,
        Self::Float,
        Self::Text,
        Self::Bytes,
        Self::Date,
        Self::Time,
        Self::Timestamp,
        Self::LocalTimestamp,
        Self::Interval,
        Self::Uuid,
        Self::Json,
    ];

    /// What holds the values of both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        match (self, other) {
            _ if self == other => self,
            (Self::Json, _) | (_, Self::Json) => Self::Json,
            (Self::Bytes, _) | (_, Self::Bytes) => Self::Bytes,
            (Self::Integer, Self::BigInteger) | (Self::BigInteger, Self::Integer) => {
                Self::BigInteger
            }
            _ if self.is_number() && other.is_number() => Self::Decimal,
            _ => Self::Text,
        }
    }

    const fn is_number(self) -> bool {
        match self {
            Self::Integer | Self::BigInteger | Self::Decimal | Self::Float => true,
            Self::Boolean
            | Self::Text
            | Self::Bytes
            | Self::Date
            | Self::Time
            | Self::Timestamp
            | Self::LocalTimestamp
            | Self::Interval
            | Self::Uuid
            | Self::Json => false,
        }
    }

    /// Of a text whose format has no types of its own: what it can be read as by every
    /// database, in the one form that nothing else is written in.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        match text.len() {
            10 if is_day(text) => Self::Date,
            36 if is_uuid(text) => Self::Uuid,
            20.. if is_rfc3339(text) => Self::Timestamp,
            _ => Self::Text,
        }
    }
}

/// `2024-05-06`
fn is_day(text: &str) -> bool {
    has_form(text, "0000-00-00") && text.parse::<Date>().is_ok()
}

/// `2024-05-06T07:08:09`, digits behind a point, and `Z` or `+01:00`.
fn is_rfc3339(text: &str) -> bool {
    let Some((clock, rest)) = text.split_at_checked(19) else {
        return false;
    };
    let rest = rest.strip_prefix('.').map_or(rest, |digits| {
        digits.trim_start_matches(|c: char| c.is_ascii_digit())
    });
    let zoned = rest == "Z" || has_form(rest, "+00:00") || has_form(rest, "-00:00");
    has_form(clock, "0000-00-00T00:00:00") && zoned && text.parse::<Timestamp>().is_ok()
}

/// The canonical form (RFC 9562, 4).
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// Whether a text has a digit wherever the form has one, and else is the form.
fn has_form(text: &str, form: &str) -> bool {
    let same = |(t, f): (u8, u8)| match f {
        b'0' => t.is_ascii_digit(),
        _ => t == f,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_kinds_have_one_that_holds_both() {
        use Kind::*;
        for (one, other, both) in [
            (Integer, Integer, Integer),
            (Integer, BigInteger, BigInteger),
            (Integer, Decimal, Decimal),
            (BigInteger, Float, Decimal),
            (Integer, Text, Text),
            (Boolean, Integer, Text),
            (Timestamp, Date, Text),
            (Timestamp, Text, Text),
            (Json, Integer, Json),
            (Text, Json, Json),
        ] {
            assert_eq!(one.with(other), both, "{one:?} {other:?}");
            assert_eq!(other.with(one), both, "{other:?} {one:?}");
        }
    }

    #[test]
    fn a_text_is_a_time_only_in_the_form_of_one() {
        for (text, kind) in [
            ("2024-05-06T07:08:09Z", Kind::Timestamp),
            ("2024-05-06T07:08:09.123456Z", Kind::Timestamp),
            ("2024-05-06T07:08:09+01:00", Kind::Timestamp),
            ("2024-05-06T07:08:09", Kind::Text),
            ("2024-05-06 07:08:09Z", Kind::Text),
            ("2024-13-06T07:08:09Z", Kind::Text),
            ("2024-05-06", Kind::Date),
            ("2024-02-30", Kind::Text),
            ("2024-0506", Kind::Text),
            ("936da01f-9abd-4d9d-80c7-02af85c822a8", Kind::Uuid),
            ("936da01f9abd4d9d80c702af85c822a8", Kind::Text),
            ("", Kind::Text),
            ("12", Kind::Text),
            ("größer als zwanzig Byte", Kind::Text),
        ] {
            assert_eq!(Kind::of_text(text), kind, "{text}");
        }
    }
}
