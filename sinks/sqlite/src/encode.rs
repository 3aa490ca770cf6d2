//! A cell → the value that is bound, by the column's affinity.

use crate::affinity::Affinity;
use crate::number::{Number, looks_like_number, nearest, number};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use plimsoll_sink_api::Cell;
use std::borrow::Cow;

/// Senders differ in whether they pad.
pub const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A value in one of SQLite's five storage classes.
#[derive(Debug, Clone, PartialEq)]
pub enum Bind<'a> {
    /// NULL
    Null,
    /// INTEGER
    Int(i64),
    /// REAL
    Real(f64),
    /// TEXT
    Text(Cow<'a, str>),
    /// BLOB
    Blob(Cow<'a, [u8]>),
}

/// Why a value does not fit its column. No variant holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A number of more digits than the column's affinity keeps.
    OutOfRange,
    /// A string for a BLOB column that is no base64.
    NotBase64,
    /// A number, a boolean or JSON for a BLOB column.
    NotBytes,
    /// A timestamp outside the calendar.
    NoDate,
}

impl Refusal {
    /// The word for logs and dead letters.
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            Self::OutOfRange => "numeric_value_out_of_range",
            Self::NotBase64 => "invalid_base64",
            Self::NotBytes => "datatype_mismatch",
            Self::NoDate => "datetime_field_overflow",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::OutOfRange => "a TEXT column keeps every digit",
            Self::NotBase64 => "a BLOB column takes strings in base64",
            Self::NotBytes => "a BLOB column takes strings in base64 and nothing else",
            Self::NoDate => "the record's timestamp lies outside the years -9999 to 9999",
        }
    }
}

/// The value to bind for a cell.
///
/// # Errors
/// [`Refusal`] where the column could only keep something else than what was
/// sent.
pub fn bind<'a>(
    affinity: Affinity,
    raw_bytes: bool,
    cell: &'a Cell<'_>,
) -> Result<Bind<'a>, Refusal> {
    Ok(match cell {
        // What an absent field means depends on the column: see `plan`.
        Cell::Absent | Cell::Null => Bind::Null,
        Cell::Bool(value) => boolean(affinity, *value)?,
        Cell::Number(text) => numeral(affinity, text)?,
        Cell::Text(text) => string(affinity, raw_bytes, text)?,
        Cell::Json(text) => match affinity {
            Affinity::Blob => return Err(Refusal::NotBytes),
            _ => string(affinity, false, text)?,
        },
        Cell::Bytes(bytes) => Bind::Blob(Cow::Borrowed(bytes)),
        Cell::Int(value) => Bind::Int(*value),
        Cell::Millis(millis) => match affinity {
            Affinity::Integer => Bind::Int(*millis),
            Affinity::Numeric
            | Affinity::Real
            | Affinity::Text
            | Affinity::Blob
            | Affinity::Untyped => Bind::Text(Cow::Owned(rfc3339(*millis)?)),
        },
    })
}

fn boolean(affinity: Affinity, value: bool) -> Result<Bind<'static>, Refusal> {
    Ok(match affinity {
        Affinity::Integer | Affinity::Numeric | Affinity::Real => Bind::Int(value.into()),
        Affinity::Text | Affinity::Untyped => {
            Bind::Text(Cow::Borrowed(if value { "true" } else { "false" }))
        }
        Affinity::Blob => return Err(Refusal::NotBytes),
    })
}

fn numeral(affinity: Affinity, text: &str) -> Result<Bind<'_>, Refusal> {
    let as_written = || Bind::Text(Cow::Borrowed(text));
    Ok(match affinity {
        Affinity::Text => as_written(),
        Affinity::Real => Bind::Real(nearest(text).ok_or(Refusal::OutOfRange)?),
        Affinity::Blob => return Err(Refusal::NotBytes),
        Affinity::Integer | Affinity::Numeric | Affinity::Untyped => match number(text) {
            Number::Int(int) => Bind::Int(int),
            Number::Real(real) => Bind::Real(real),
            Number::Neither if affinity == Affinity::Untyped => as_written(),
            Number::Neither => return Err(Refusal::OutOfRange),
        },
    })
}

fn string(affinity: Affinity, raw_bytes: bool, text: &str) -> Result<Bind<'_>, Refusal> {
    match affinity {
        Affinity::Text | Affinity::Untyped | Affinity::Real => {}
        // SQLite itself would turn it into a float that lacks digits.
        Affinity::Integer | Affinity::Numeric => {
            let blank = |c: char| c.is_ascii_whitespace();
            if looks_like_number(text) && number(text.trim_matches(blank)) == Number::Neither {
                return Err(Refusal::OutOfRange);
            }
        }
        Affinity::Blob if raw_bytes => return Ok(Bind::Blob(Cow::Borrowed(text.as_bytes()))),
        Affinity::Blob => {
            let bytes = BASE64.decode(text).map_err(|_| Refusal::NotBase64)?;
            return Ok(Bind::Blob(Cow::Owned(bytes)));
        }
    }
    Ok(Bind::Text(Cow::Borrowed(text)))
}

/// UTC with milliseconds: the same text for the same instant, and in the order
/// of time.
fn rfc3339(millis: i64) -> Result<String, Refusal> {
    let time = Timestamp::from_millisecond(millis).map_err(|_| Refusal::NoDate)?;
    Ok(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Bind<'_> {
        Bind::Text(Cow::Borrowed(text))
    }

    #[test]
    fn numbers_keep_every_digit_or_are_refused() {
        let long = Cell::Number("123456789012345678901234567890");
        assert_eq!(
            bind(Affinity::Text, false, &long),
            Ok(text("123456789012345678901234567890"))
        );
        assert_eq!(
            bind(Affinity::Untyped, false, &long),
            Ok(text("123456789012345678901234567890"))
        );
        assert_eq!(
            bind(Affinity::Numeric, false, &long),
            Err(Refusal::OutOfRange)
        );
        assert_eq!(
            bind(Affinity::Integer, false, &long),
            Err(Refusal::OutOfRange)
        );
        assert_eq!(
            bind(Affinity::Real, false, &long),
            Ok(Bind::Real(1.2345678901234568e29))
        );
        assert_eq!(
            bind(Affinity::Real, false, &Cell::Number("1e999")),
            Err(Refusal::OutOfRange)
        );
        assert_eq!(
            bind(Affinity::Numeric, false, &Cell::Number("12.50")),
            Ok(Bind::Real(12.5))
        );
        assert_eq!(
            bind(Affinity::Text, false, &Cell::Number("12.50")),
            Ok(text("12.50"))
        );
    }

    #[test]
    fn a_string_of_digits_is_held_to_the_same_rule() {
        let long = Cell::Text(Cow::Borrowed(" 12345678901234567890.5 "));
        assert_eq!(
            bind(Affinity::Numeric, false, &long),
            Err(Refusal::OutOfRange)
        );
        assert!(bind(Affinity::Text, false, &long).is_ok());
        let day = Cell::Text(Cow::Borrowed("2024-01-01"));
        assert_eq!(bind(Affinity::Numeric, false, &day), Ok(text("2024-01-01")));
    }

    #[test]
    fn booleans_are_numbers_where_numbers_live() {
        assert_eq!(
            bind(Affinity::Numeric, false, &Cell::Bool(true)),
            Ok(Bind::Int(1))
        );
        assert_eq!(
            bind(Affinity::Text, false, &Cell::Bool(false)),
            Ok(text("false"))
        );
    }

    #[test]
    fn blobs_take_base64_from_values_and_bytes_from_keys() {
        let hello = Cell::Text(Cow::Borrowed("aGVsbG8="));
        assert_eq!(
            bind(Affinity::Blob, false, &hello),
            Ok(Bind::Blob(b"hello"[..].into()))
        );
        assert_eq!(
            bind(Affinity::Blob, true, &hello),
            Ok(Bind::Blob(b"aGVsbG8="[..].into()))
        );
        let unpadded = Cell::Text(Cow::Borrowed("aGVsbG8"));
        assert_eq!(
            bind(Affinity::Blob, false, &unpadded),
            Ok(Bind::Blob(b"hello"[..].into()))
        );
        let broken = Cell::Text(Cow::Borrowed("§"));
        assert_eq!(
            bind(Affinity::Blob, false, &broken),
            Err(Refusal::NotBase64)
        );
        assert_eq!(
            bind(Affinity::Blob, false, &Cell::Number("1")),
            Err(Refusal::NotBytes)
        );
    }

    #[test]
    fn timestamps_are_numbers_in_integers_and_dates_elsewhere() {
        let at = Cell::Millis(1_700_000_000_123);
        assert_eq!(
            bind(Affinity::Integer, false, &at),
            Ok(Bind::Int(1_700_000_000_123))
        );
        assert_eq!(
            bind(Affinity::Numeric, false, &at),
            Ok(text("2023-11-14T22:13:20.123Z"))
        );
        assert_eq!(
            bind(Affinity::Text, false, &Cell::Millis(-1)),
            Ok(text("1969-12-31T23:59:59.999Z"))
        );
        assert_eq!(
            bind(Affinity::Text, false, &Cell::Millis(i64::MAX)),
            Err(Refusal::NoDate)
        );
    }
}
