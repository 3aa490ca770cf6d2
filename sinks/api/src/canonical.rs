//! Rules that every sink keeps alike, so that one log gives the same rows in every
//! database: base64, bytes that are to be text, a record's time as text, JSON, and
//! the words for what does not fit.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::value::RawValue;
use std::fmt;

/// A value that its column cannot hold: the record is a bad one. No variant holds the
/// value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// A text for a column of bytes that is not base64.
    Base64,
    /// A number, a truth value, a time or JSON for a column of bytes.
    NotBytes,
    /// Bytes that are not UTF-8, for a column that does not hold bytes.
    NotText,
    /// A record's time before the year 1 or behind the year 9999.
    Time,
    /// A text that is not JSON, for a column of JSON.
    NotJson,
    /// A value that does not read as one of its column's type.
    Form,
    /// A value that does not read as a day or a time.
    NotTime,
    /// A number that the column cannot hold with every digit.
    OutOfRange,
    /// A row to delete, in a table without a key.
    Tombstone,
}

impl Unfit {
    /// The word for logs, metrics and dead letters.
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Base64 => "invalid_base64",
            Self::NotBytes => "bytes_expected",
            Self::NotText => "invalid_utf8",
            Self::Time => "timestamp_out_of_range",
            Self::NotJson | Self::Form => "invalid_text_representation",
            Self::NotTime => "invalid_datetime_format",
            Self::OutOfRange => "numeric_value_out_of_range",
            Self::Tombstone => "tombstone",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Base64 => "a column of bytes takes strings in base64, with its padding",
            Self::NotBytes => "a column of bytes takes strings in base64 and nothing else",
            Self::NotText => "a column of bytes takes keys and headers as they are",
            Self::Time => "the record's timestamp lies outside the years 1 to 9999",
            Self::NotJson => "a column of JSON takes keys and headers that are JSON",
            Self::Form => "a value of the column's type is wanted, also as a string",
            Self::NotTime => "RFC 3339 is wanted: 2024-05-06T07:08:09.123Z",
            Self::OutOfRange => "a wider type, or a column of text, keeps every digit",
            Self::Tombstone => "mode \"append\" has no row to delete",
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition())
    }
}

/// The bytes of a base64 string: the standard alphabet, padded (RFC 4648, 4).
///
/// # Errors
/// [`Unfit::Base64`]
pub fn base64(text: &str) -> Result<Vec<u8>, Unfit> {
    STANDARD.decode(text).map_err(|_| Unfit::Base64)
}

/// The same at the end of a buffer; after an error, what was written of it is still
/// there.
///
/// # Errors
/// [`Unfit::Base64`]
pub fn base64_into(text: &str, out: &mut Vec<u8>) -> Result<(), Unfit> {
    STANDARD.decode_vec(text, out).map_err(|_| Unfit::Base64)
}

/// Bytes as base64.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A record's time as text: RFC 3339, UTC, with milliseconds, so that equal times are
/// equal texts, in the order of time. Databases read years only from 1 on, and
/// beyond 9999 a fifth digit.
///
/// # Errors
/// [`Unfit::Time`]
pub fn rfc3339(millis: i64) -> Result<String, Unfit> {
    const FIRST: Timestamp = Timestamp::constant(-62_135_596_800, 0);
    let at = Timestamp::from_millisecond(millis).map_err(|_| Unfit::Time)?;
    if at < FIRST {
        return Err(Unfit::Time);
    }
    Ok(format!("{at:.3}"))
}

/// A text that goes into a column of JSON as it stands.
///
/// # Errors
/// [`Unfit::NotJson`]
pub fn json(text: &str) -> Result<&str, Unfit> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Ok(text),
        Err(_) => Err(Unfit::NotJson),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_one_form() {
        assert_eq!(base64("aGVsbG8="), Ok(b"hello".to_vec()));
        assert_eq!(base64(""), Ok(Vec::new()));
        // Not padded, of the other alphabet, with bits or characters too many.
        for text in [
            "aGVsbG8",
            "_w==",
            "aGVsbG9=",
            "aGVsbG8=\n",
            "a",
            "====",
            "§",
        ] {
            assert_eq!(base64(text), Err(Unfit::Base64), "{text:?}");
            assert_eq!(base64_into(text, &mut Vec::new()), Err(Unfit::Base64));
        }
        assert_eq!(to_base64(b"hello"), "aGVsbG8=");
    }

    #[test]
    fn times_are_texts_of_one_form_in_their_order() {
        let of = |millis| rfc3339(millis).unwrap();
        assert_eq!(of(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(of(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(of(-62_135_596_800_000), "0001-01-01T00:00:00.000Z");
        assert_eq!(of(253_402_207_200_000), "9999-12-30T22:00:00.000Z");
        for millis in [-62_135_596_800_001, i64::MIN, i64::MAX] {
            assert_eq!(rfc3339(millis), Err(Unfit::Time), "{millis}");
        }
    }

    #[test]
    fn json_is_one_value_and_nothing_behind_it() {
        for text in ["null", "1e2", "\"a\"", " {\"a\": [1]} "] {
            assert_eq!(json(text), Ok(text));
        }
        for text in ["", "a", "1 2", "{\"a\":}", "'a'"] {
            assert_eq!(json(text), Err(Unfit::NotJson), "{text:?}");
        }
    }
}
