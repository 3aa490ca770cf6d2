//! Rules that every sink keeps alike, so that one log gives the same rows in every
//! database: base64, bytes that are to be text, typed values as text, JSON, and the
//! words for what does not fit.

mod written;

pub use written::{Wanted, write, written};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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
    /// A time before the year 1 or behind the year 9999.
    Time,
    /// A time of day before 00:00 or behind 24:00.
    TimeOfDay,
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
    /// A value that the source did not send, where no row has it.
    Unavailable,
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
            Self::TimeOfDay => "time_out_of_range",
            Self::NotJson | Self::Form => "invalid_text_representation",
            Self::NotTime => "invalid_datetime_format",
            Self::OutOfRange => "numeric_value_out_of_range",
            Self::Tombstone => "tombstone",
            Self::Unavailable => "value_unavailable",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Base64 => "a column of bytes takes strings in base64, with its padding",
            Self::NotBytes => "a column of bytes takes strings in base64 and nothing else",
            Self::NotText => "a column of bytes takes keys and headers as they are",
            Self::Time => "a time outside the years 1 to 9999 fits only a column of numbers",
            Self::TimeOfDay => {
                "a time of day lies between 00:00 and 24:00; a column of numbers takes any"
            }
            Self::NotJson => "a column of JSON takes keys and headers that are JSON",
            Self::Form => "a value of the column's type is wanted, also as a string",
            Self::NotTime => "RFC 3339 is wanted: 2024-05-06T07:08:09.123Z",
            Self::OutOfRange => "a wider type, or a column of text, keeps every digit",
            Self::Tombstone => "mode \"append\" has no row to delete",
            Self::Unavailable => {
                "the source did not send the value, and no row has it: ALTER TABLE … REPLICA \
                 IDENTITY FULL in the source database makes it send every value of a row"
            }
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
    fn json_is_one_value_and_nothing_behind_it() {
        for text in ["null", "1e2", "\"a\"", " {\"a\": [1]} "] {
            assert_eq!(json(text), Ok(text));
        }
        for text in ["", "a", "1 2", "{\"a\":}", "'a'"] {
            assert_eq!(json(text), Err(Unfit::NotJson), "{text:?}");
        }
    }
}
