//! A cell → the value that is bound, by the column's form.

use crate::affinity::Affinity;
use crate::number::{Number, looks_like_number, nearest, number};
use plimsoll_sink_api::canonical::{self, Unfit, Wanted};
use plimsoll_sink_api::{Cell, Float};
use std::borrow::Cow;

/// How a column takes values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// How SQLite stores what it is given.
    pub affinity: Affinity,
    /// A BLOB that takes a key or a header: bytes as they came.
    pub raw: bool,
    /// A text in it has to be JSON.
    pub json: bool,
}

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

impl Bind<'_> {
    fn into_owned(self) -> Bind<'static> {
        match self {
            Bind::Null => Bind::Null,
            Bind::Int(value) => Bind::Int(value),
            Bind::Real(value) => Bind::Real(value),
            Bind::Text(text) => Bind::Text(Cow::Owned(text.into_owned())),
            Bind::Blob(bytes) => Bind::Blob(Cow::Owned(bytes.into_owned())),
        }
    }
}

/// The value to bind for a cell.
///
/// # Errors
/// [`Unfit`] where the column could only keep something else than what was
/// sent.
pub fn bind<'a>(form: Form, cell: &'a Cell<'_>) -> Result<Bind<'a>, Unfit> {
    let Form { affinity, json, .. } = form;
    Ok(match cell {
        // What an absent field means depends on the column: see `plan`.
        Cell::Absent | Cell::Null => Bind::Null,
        // Who keeps a column leaves it out of the statement.
        Cell::Unchanged => return Err(Unfit::Unavailable),
        Cell::Bool(value) => boolean(affinity, *value)?,
        Cell::Number(text) => numeral(affinity, text)?,
        Cell::Text(text) if json => string(form, canonical::json(text)?)?,
        Cell::Text(text) => string(form, text)?,
        Cell::Json(text) => match affinity {
            Affinity::Blob => return Err(Unfit::NotBytes),
            _ => string(form, text)?,
        },
        Cell::Bytes(bytes) => match affinity {
            Affinity::Blob => Bind::Blob(Cow::Borrowed(bytes)),
            // Without a type, values stay as they come.
            Affinity::Untyped if !json => Bind::Blob(Cow::Borrowed(bytes)),
            _ => return Err(Unfit::NotText),
        },
        Cell::Uuid(bytes) if affinity == Affinity::Blob => Bind::Blob(Cow::Borrowed(bytes)),
        _ if affinity == Affinity::Blob => return Err(Unfit::NotBytes),
        Cell::Int(value) => Bind::Int(*value),
        Cell::Float(value) if json && !value.as_f64().is_finite() => told(Wanted::Json, cell)?,
        Cell::Float(Float::Double(value)) if affinity == Affinity::Real => real(*value)?,
        Cell::Unsigned(_) | Cell::Float(_) | Cell::Decimal { .. } => {
            numeral(affinity, &canonical::written(Wanted::Number, cell)?)?.into_owned()
        }
        Cell::Date(days) => counted(form, cell, (*days).into())?,
        Cell::Time(time) => counted(form, cell, time.value)?,
        Cell::Timestamp(at) if json => Bind::Int(at.value),
        Cell::Timestamp(at) => counted(form, cell, at.value)?,
        Cell::Uuid(_) | Cell::Interval(_) if json => told(Wanted::Json, cell)?,
        Cell::Uuid(_) | Cell::Interval(_) => told(Wanted::Text, cell)?,
    })
}

fn told(wanted: Wanted, cell: &Cell<'_>) -> Result<Bind<'static>, Unfit> {
    canonical::written(wanted, cell).map(|text| Bind::Text(Cow::Owned(text)))
}

/// SQLite would make a NULL of what is not a number, and keeps infinity as no number
/// that another database reads.
fn real(value: f64) -> Result<Bind<'static>, Unfit> {
    match value.is_finite() {
        true => Ok(Bind::Real(value)),
        false => Err(Unfit::OutOfRange),
    }
}

/// A time: as its sender counted it in a column of numbers, as text elsewhere.
fn counted(form: Form, cell: &Cell<'_>, count: i64) -> Result<Bind<'static>, Unfit> {
    match form.affinity {
        _ if form.json => told(Wanted::Json, cell),
        Affinity::Integer | Affinity::Decimal | Affinity::Real => Ok(Bind::Int(count)),
        Affinity::Numeric | Affinity::Text | Affinity::Untyped | Affinity::Blob => {
            told(Wanted::Text, cell)
        }
    }
}

fn boolean(affinity: Affinity, value: bool) -> Result<Bind<'static>, Unfit> {
    Ok(match affinity {
        Affinity::Integer | Affinity::Decimal | Affinity::Numeric | Affinity::Real => {
            Bind::Int(value.into())
        }
        Affinity::Text | Affinity::Untyped => {
            Bind::Text(Cow::Borrowed(if value { "true" } else { "false" }))
        }
        Affinity::Blob => return Err(Unfit::NotBytes),
    })
}

fn numeral(affinity: Affinity, text: &str) -> Result<Bind<'_>, Unfit> {
    let as_written = || Bind::Text(Cow::Borrowed(text));
    Ok(match affinity {
        Affinity::Text => as_written(),
        Affinity::Real => Bind::Real(nearest(text).ok_or(Unfit::OutOfRange)?),
        Affinity::Blob => return Err(Unfit::NotBytes),
        Affinity::Integer | Affinity::Decimal | Affinity::Numeric | Affinity::Untyped => {
            match number(text) {
                Number::Int(int) => Bind::Int(int),
                Number::Real(real) => Bind::Real(real),
                Number::Neither if affinity == Affinity::Untyped => as_written(),
                Number::Neither => return Err(Unfit::OutOfRange),
            }
        }
    })
}

fn string(form: Form, text: &str) -> Result<Bind<'_>, Unfit> {
    let digits = || text.trim_matches(|c: char| c.is_ascii_whitespace());
    match form.affinity {
        Affinity::Text | Affinity::Untyped => {}
        // SQLite itself would turn it into infinity, or into nothing.
        Affinity::Real => {
            if looks_like_number(text) && nearest(digits()).is_none() {
                return Err(Unfit::OutOfRange);
            }
        }
        // SQLite itself would turn it into a float that lacks digits.
        Affinity::Integer | Affinity::Decimal | Affinity::Numeric => {
            if looks_like_number(text) && number(digits()) == Number::Neither {
                return Err(Unfit::OutOfRange);
            }
        }
        Affinity::Blob if form.raw => return Ok(Bind::Blob(Cow::Borrowed(text.as_bytes()))),
        Affinity::Blob => return Ok(Bind::Blob(Cow::Owned(canonical::base64(text)?))),
    }
    Ok(Bind::Text(Cow::Borrowed(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(affinity: Affinity) -> Form {
        Form {
            affinity,
            raw: false,
            json: false,
        }
    }

    fn raw() -> Form {
        Form {
            raw: true,
            ..plain(Affinity::Blob)
        }
    }

    fn text(text: &str) -> Bind<'_> {
        Bind::Text(Cow::Borrowed(text))
    }

    #[test]
    fn numbers_keep_every_digit_or_are_refused() {
        let long = Cell::Number("123456789012345678901234567890");
        assert_eq!(
            bind(plain(Affinity::Text), &long),
            Ok(text("123456789012345678901234567890"))
        );
        assert_eq!(
            bind(plain(Affinity::Untyped), &long),
            Ok(text("123456789012345678901234567890"))
        );
        assert_eq!(
            bind(plain(Affinity::Numeric), &long),
            Err(Unfit::OutOfRange)
        );
        assert_eq!(
            bind(plain(Affinity::Integer), &long),
            Err(Unfit::OutOfRange)
        );
        assert_eq!(
            bind(plain(Affinity::Real), &long),
            Ok(Bind::Real(1.2345678901234568e29))
        );
        assert_eq!(
            bind(plain(Affinity::Real), &Cell::Number("1e999")),
            Err(Unfit::OutOfRange)
        );
        assert_eq!(
            bind(plain(Affinity::Numeric), &Cell::Number("12.50")),
            Ok(Bind::Real(12.5))
        );
        assert_eq!(
            bind(plain(Affinity::Text), &Cell::Number("12.50")),
            Ok(text("12.50"))
        );
    }

    #[test]
    fn a_string_of_digits_is_held_to_the_same_rule() {
        let long = Cell::Text(" 12345678901234567890.5 ");
        assert_eq!(
            bind(plain(Affinity::Numeric), &long),
            Err(Unfit::OutOfRange)
        );
        assert!(bind(plain(Affinity::Text), &long).is_ok());
        let day = Cell::Text("2024-01-01");
        assert_eq!(bind(plain(Affinity::Numeric), &day), Ok(text("2024-01-01")));
    }

    #[test]
    fn booleans_are_numbers_where_numbers_live() {
        assert_eq!(
            bind(plain(Affinity::Numeric), &Cell::Bool(true)),
            Ok(Bind::Int(1))
        );
        assert_eq!(
            bind(plain(Affinity::Text), &Cell::Bool(false)),
            Ok(text("false"))
        );
    }

    #[test]
    fn blobs_take_base64_from_values_and_bytes_from_keys() {
        let hello = Cell::Text("aGVsbG8=");
        assert_eq!(
            bind(plain(Affinity::Blob), &hello),
            Ok(Bind::Blob(b"hello"[..].into()))
        );
        assert_eq!(bind(raw(), &hello), Ok(Bind::Blob(b"aGVsbG8="[..].into())));
        let unpadded = Cell::Text("aGVsbG8");
        assert_eq!(bind(plain(Affinity::Blob), &unpadded), Err(Unfit::Base64));
        let broken = Cell::Text("§");
        assert_eq!(bind(plain(Affinity::Blob), &broken), Err(Unfit::Base64));
        assert_eq!(
            bind(plain(Affinity::Blob), &Cell::Number("1")),
            Err(Unfit::NotBytes)
        );
    }

    #[test]
    fn timestamps_are_numbers_in_columns_of_numbers_and_dates_elsewhere() {
        let at = Cell::millis(1_700_000_000_123);
        assert_eq!(
            bind(plain(Affinity::Integer), &at),
            Ok(Bind::Int(1_700_000_000_123))
        );
        assert_eq!(
            bind(plain(Affinity::Numeric), &at),
            Ok(text("2023-11-14T22:13:20.123Z"))
        );
        for affinity in [Affinity::Decimal, Affinity::Real] {
            let millis = Ok(Bind::Int(1_700_000_000_123));
            assert_eq!(bind(plain(affinity), &at), millis);
        }
        assert_eq!(
            bind(plain(Affinity::Text), &Cell::millis(-1)),
            Ok(text("1969-12-31T23:59:59.999Z"))
        );
        assert_eq!(
            bind(plain(Affinity::Text), &Cell::millis(i64::MAX)),
            Err(Unfit::Time)
        );
    }

    #[test]
    fn what_is_no_text_or_no_json_goes_nowhere_else() {
        let (bytes, word) = (Cell::Bytes(b"\xff"), Cell::Text("word"));
        let json = |affinity| Form {
            json: true,
            ..plain(affinity)
        };
        for affinity in [Affinity::Text, Affinity::Integer, Affinity::Numeric] {
            assert_eq!(bind(plain(affinity), &bytes), Err(Unfit::NotText));
            assert_eq!(bind(json(affinity), &bytes), Err(Unfit::NotText));
            assert_eq!(bind(json(affinity), &word), Err(Unfit::NotJson));
        }
        assert!(matches!(
            bind(plain(Affinity::Untyped), &bytes),
            Ok(Bind::Blob(_))
        ));
        let quoted = Cell::Text("\"word\"");
        assert_eq!(bind(json(Affinity::Text), &quoted), Ok(text("\"word\"")));
        for cell in [Cell::Int(1), Cell::millis(1)] {
            assert_eq!(bind(plain(Affinity::Blob), &cell), Err(Unfit::NotBytes));
        }
    }

    #[test]
    fn a_float_becomes_neither_nothing_nor_infinity() {
        for digits in ["1e-400", "1e400", " -1e999 "] {
            let string = Cell::Text(digits);
            assert_eq!(bind(plain(Affinity::Real), &string), Err(Unfit::OutOfRange));
            let number = Cell::Number(digits.trim());
            assert_eq!(bind(plain(Affinity::Real), &number), Err(Unfit::OutOfRange));
        }
        assert_eq!(
            bind(plain(Affinity::Real), &Cell::Number("0e-400")),
            Ok(Bind::Real(0.0))
        );
    }
}
