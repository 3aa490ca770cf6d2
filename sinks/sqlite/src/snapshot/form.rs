//! How a column takes values, as docs/CONFIG.md tells it.

use super::Query;
use plimsoll_sink_api::snapshot::Unreadable;
use plimsoll_sink_api::snapshot::told::{As, base64, told};
use plimsoll_sink_api::{Cell, Column, Float, Shape};
use serde_json::value::RawValue;

/// What a column does to values, and what it asks of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    class: Class,
    /// A text in it is JSON.
    json: bool,
    /// It takes whole keys or headers.
    raw: bool,
}

/// By SQLite's rules of affinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Text,
    Blob,
    /// Numeric to SQLite, and not made for numbers.
    Numeric,
    Decimal,
    Real,
    Integer,
    /// No type: values stay as they come.
    Untyped,
}

impl Class {
    fn of(declared: &str, strict: bool) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |part: &str| declared.contains(part);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if has("BLOB") {
            Self::Blob
        } else if declared.is_empty() || (strict && declared == "ANY") {
            Self::Untyped
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else if has("NUM") || has("DEC") {
            Self::Decimal
        } else {
            Self::Numeric
        }
    }
}

impl Form {
    /// Of a column.
    pub fn of(declared: &str, strict: bool, column: &Column) -> Self {
        Self {
            class: Class::of(declared, strict),
            json: column.shape == Shape::Json,
            raw: column.take.is_bytes(),
        }
    }

    /// Binds a cell.
    pub fn bind<'q>(self, query: Query<'q>, cell: &Cell<'_>) -> Result<Query<'q>, Unreadable> {
        Ok(match (cell, self.class) {
            (Cell::Absent | Cell::Unchanged | Cell::Null, _) => query.bind(None::<String>),
            (Cell::Text(text), Class::Blob) if self.raw => query.bind(text.as_bytes().to_vec()),
            (Cell::Text(text), Class::Blob) => query.bind(base64(text)?),
            (Cell::Bytes(raw), Class::Blob) => query.bind(raw.to_vec()),
            (Cell::Uuid(raw), Class::Blob) => query.bind(raw.to_vec()),
            (Cell::Bytes(raw), Class::Untyped) if !self.json => query.bind(raw.to_vec()),
            (Cell::Bytes(_), _) | (_, Class::Blob) => return Err(Unreadable::Value),
            (Cell::Text(text), _) if self.json => self.string(query, json(text)?)?,
            (Cell::Text(text), _) => self.string(query, text)?,
            (Cell::Json(text), _) => self.string(query, text)?,
            (Cell::Int(number), _) => query.bind(*number),
            (Cell::Timestamp(at), _) if self.json => query.bind(at.value),
            (Cell::Timestamp(at), _) if self.counts() => query.bind(at.value),
            (Cell::Time(time), _) if self.counts() => query.bind(time.value),
            (Cell::Date(days), _) if self.counts() => query.bind(i64::from(*days)),
            (Cell::Float(value), _) if self.json && !value.as_f64().is_finite() => {
                query.bind(told(As::Json, cell)?)
            }
            (Cell::Float(Float::Double(value)), Class::Real) => match value.is_finite() {
                true => query.bind(*value),
                false => return Err(Unreadable::Value),
            },
            (Cell::Unsigned(_) | Cell::Float(_) | Cell::Decimal { .. }, _) => {
                return self.bind(query, &Cell::Number(&told(As::Number, cell)?));
            }
            (
                Cell::Date(_)
                | Cell::Time(_)
                | Cell::Timestamp(_)
                | Cell::Uuid(_)
                | Cell::Interval(_),
                _,
            ) => query.bind(told(if self.json { As::Json } else { As::Text }, cell)?),
            (Cell::Bool(yes), Class::Text | Class::Untyped) => query.bind(yes.to_string()),
            (Cell::Bool(yes), _) => query.bind(i64::from(*yes)),
            (Cell::Number(text), Class::Text) => query.bind((*text).to_owned()),
            (Cell::Number(text), Class::Real) => query.bind(float(text)?),
            (Cell::Number(text), _) => match number(text) {
                Ok(Number::Whole(whole)) => query.bind(whole),
                Ok(Number::Float(float)) => query.bind(float),
                Err(_) if self.class == Class::Untyped => query.bind((*text).to_owned()),
                Err(bad) => return Err(bad),
            },
        })
    }

    /// Whether a time is in it as its sender counted it.
    fn counts(self) -> bool {
        !self.json && matches!(self.class, Class::Integer | Class::Decimal | Class::Real)
    }

    /// A text that SQLite would turn into a number must be one that it can keep.
    fn string<'q>(self, query: Query<'q>, text: &str) -> Result<Query<'q>, Unreadable> {
        match self.class {
            Class::Text | Class::Untyped | Class::Blob => {}
            _ if !is_number(text) => {}
            Class::Real => _ = float(text.trim_ascii())?,
            Class::Integer | Class::Decimal | Class::Numeric => _ = number(text.trim_ascii())?,
        }
        Ok(query.bind(text.to_owned()))
    }
}

/// A number that 64 bits hold with every digit.
enum Number {
    Whole(i64),
    Float(f64),
}

fn number(text: &str) -> Result<Number, Unreadable> {
    match (text.parse::<i64>(), float(text)) {
        (Ok(whole), _) => Ok(Number::Whole(whole)),
        (_, Ok(float)) if digits(text) == digits(&format!("{float:e}")) => Ok(Number::Float(float)),
        (..) => Err(Unreadable::Value),
    }
}

/// A float, unless it is infinity, or nothing is left of a number.
fn float(text: &str) -> Result<f64, Unreadable> {
    let float: f64 = text.parse().map_err(|_| Unreadable::Value)?;
    match float.is_finite() && (float != 0.0 || digits(text).is_empty()) {
        true => Ok(float),
        false => Err(Unreadable::Value),
    }
}

/// Whether SQLite would take a text for a number.
fn is_number(text: &str) -> bool {
    let text = text.trim_ascii();
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    text.bytes().all(plain) && text.parse::<f64>().is_ok()
}

/// One value of JSON and nothing behind it.
fn json(text: &str) -> Result<&str, Unreadable> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Ok(text),
        Err(_) => Err(Unreadable::Value),
    }
}

/// The digits that count, of a number in any way of writing it. Its size need not be
/// compared: the float was read from it.
fn digits(number: &str) -> String {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}
