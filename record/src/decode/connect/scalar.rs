//! Single values: JSON's text → a cell of the type that the schema says.

use crate::decode::json::unquoted;
use crate::semantic::{Chars, Octets, Whole, bit};
use crate::{Arena, Fault};
use plimsoll_sink_api::{Cell, Float, Shape, canonical};
use std::borrow::Cow;
use std::str::FromStr;

/// What a single value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// A whole number of so many bits, and what it counts.
    Int(u32, Option<Whole>),
    /// A floating-point number of 32 bits.
    Float,
    /// One of 64 bits.
    Double,
    /// A truth value.
    Boolean,
    /// A truth value for a column of bits.
    Bit,
    /// A text.
    String,
    /// A text that is something else.
    Chars(Chars),
    /// Bytes, in base64.
    Bytes,
    /// Bytes that are something else; a decimal may be a number (`decimal.format =
    /// NUMERIC`).
    Octets(Octets),
}

impl Scalar {
    /// A value that is not null, by its text.
    pub fn cell<'c>(self, raw: &'c str, arena: &'c Arena) -> Result<Cell<'c>, Fault> {
        match self {
            Self::Int(bits, None) => int(raw, bits).map(Cell::Int),
            Self::Int(bits, Some(whole)) => whole.cell(int(raw, bits)?),
            Self::Float => {
                float(raw, f32::is_finite).map(|number: f32| Cell::Float(Float::Single(number)))
            }
            Self::Double => {
                float(raw, f64::is_finite).map(|number: f64| Cell::Float(Float::Double(number)))
            }
            Self::Boolean => boolean(raw).map(Cell::Bool),
            Self::Bit => boolean(raw).map(bit),
            Self::String => text(raw, arena).map(Cell::Text),
            Self::Chars(chars) => chars.cell(text(raw, arena)?, Shape::Scalar),
            Self::Bytes => bytes(raw, arena).map(Cell::Bytes),
            Self::Octets(Octets::Decimal { .. }) if is_number(raw) => Ok(Cell::Number(raw)),
            Self::Octets(octets) => octets.cell(bytes(raw, arena)?, arena),
        }
    }
}

/// A whole number of so many bits.
pub fn int(raw: &str, bits: u32) -> Result<i64, Fault> {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::OtherType);
    }
    let number: i64 = raw.parse().map_err(|_| Fault::OutOfRange)?;
    let unused = i64::BITS - bits;
    match number << unused >> unused == number {
        true => Ok(number),
        false => Err(Fault::OutOfRange),
    }
}

/// A floating-point number; those that JSON lacks are texts.
fn float<T: FromStr + Copy>(raw: &str, is_finite: fn(T) -> bool) -> Result<T, Fault> {
    let special = match raw {
        "\"NaN\"" => Some("NaN"),
        "\"Infinity\"" => Some("inf"),
        "\"-Infinity\"" => Some("-inf"),
        _ => None,
    };
    if special.is_none() && !is_number(raw) {
        return Err(Fault::OtherType);
    }
    let number: T = special
        .unwrap_or(raw)
        .parse()
        .map_err(|_| Fault::OtherType)?;
    match special.is_some() || is_finite(number) {
        true => Ok(number),
        false => Err(Fault::OutOfRange),
    }
}

fn boolean(raw: &str) -> Result<bool, Fault> {
    raw.parse().map_err(|_| Fault::OtherType)
}

/// A text without its quotes.
pub fn text<'c>(raw: &'c str, arena: &'c Arena) -> Result<&'c str, Fault> {
    if !raw.starts_with('"') {
        return Err(Fault::OtherType);
    }
    match unquoted(raw).ok_or(Fault::Escape)? {
        Cow::Borrowed(text) => Ok(text),
        Cow::Owned(text) => Ok(arena.text(&text)),
    }
}

/// Bytes, of base64.
pub fn bytes<'c>(raw: &'c str, arena: &'c Arena) -> Result<&'c [u8], Fault> {
    let bytes = canonical::base64(text(raw, arena)?).map_err(|_| Fault::Base64)?;
    Ok(arena.bytes(&bytes))
}

fn is_number(raw: &str) -> bool {
    matches!(raw.as_bytes().first(), Some(b'-' | b'0'..=b'9'))
}
