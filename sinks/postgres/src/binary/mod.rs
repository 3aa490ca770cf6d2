//! Cells in the binary form that Postgres' receive functions read: for values
//! of one plain form, the server has less to do than with their text.
//!
//! A value of any other form is [`NotPlain`], no fault: its text goes to the
//! server, whose input functions know every form and say what is wrong.
//! Integers with an exponent, `now`, a time zone's name: all of them text.

mod number;
mod time;

use crate::encode::Kind;
use plimsoll_sink_api::canonical::{self, Wanted, base64_into};
use plimsoll_sink_api::{Cell, Float};
use std::borrow::Cow;

/// Types whose binary form is written here, by what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    /// The characters themselves: text, varchar, char, json.
    Text,
    Jsonb,
    Bytea,
    Uuid,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
}

impl Binary {
    /// By the name of a built-in type.
    pub(crate) fn of(base: &str) -> Option<Self> {
        Some(match base {
            "bool" => Self::Bool,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "float4" => Self::Float4,
            "float8" => Self::Float8,
            "numeric" => Self::Numeric,
            "text" | "varchar" | "bpchar" | "json" => Self::Text,
            "jsonb" => Self::Jsonb,
            "bytea" => Self::Bytea,
            "uuid" => Self::Uuid,
            "date" => Self::Date,
            "time" => Self::Time,
            "interval" => Self::Interval,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::Timestamptz,
            _ => return None,
        })
    }
}

/// The value has another form than the one that is written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPlain;

/// Before the first row of a COPY: signature, no flags, no extension.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Behind the last one.
pub(crate) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// Length of a NULL.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Writes the number of a row's columns.
pub(crate) fn begin_row(columns: usize, out: &mut Vec<u8>) -> Result<(), NotPlain> {
    let columns = i16::try_from(columns).map_err(|_| NotPlain)?;
    out.extend_from_slice(&columns.to_be_bytes());
    Ok(())
}

/// Writes one value with its length. After an error, what was written of it is
/// still there: the caller cuts the row off.
pub(crate) fn write(
    binary: Binary,
    kind: Kind,
    cell: &Cell<'_>,
    out: &mut Vec<u8>,
) -> Result<(), NotPlain> {
    if matches!(cell, Cell::Unchanged) {
        return Err(NotPlain);
    }
    if matches!(cell, Cell::Absent | Cell::Null) {
        out.extend_from_slice(&NULL);
        return Ok(());
    }
    let start = out.len();
    out.extend_from_slice(&NULL);
    value(binary, kind, cell, out)?;
    let length = i32::try_from(out.len() - start - 4).map_err(|_| NotPlain)?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn value(binary: Binary, kind: Kind, cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<(), NotPlain> {
    match binary {
        Binary::Bool => match cell {
            Cell::Bool(yes) => out.push(u8::from(*yes)),
            _ => return Err(NotPlain),
        },
        Binary::Int2 => put(&whole::<i16>(cell)?.to_be_bytes(), out),
        Binary::Int4 => put(&whole::<i32>(cell)?.to_be_bytes(), out),
        Binary::Int8 => put(&whole::<i64>(cell)?.to_be_bytes(), out),
        Binary::Float4 => put(&single(cell)?.to_be_bytes(), out),
        Binary::Float8 => put(&double(cell)?.to_be_bytes(), out),
        Binary::Numeric => number::numeric(&digits(cell)?, out)?,
        Binary::Text => characters(kind, cell, out)?,
        Binary::Jsonb => {
            // The version of the form.
            out.push(1);
            characters(kind, cell, out)?;
        }
        Binary::Bytea => match (kind, cell) {
            (_, Cell::Bytes(bytes)) => put(bytes, out),
            (_, Cell::Uuid(bytes)) => put(bytes, out),
            (Kind::RawBytea, Cell::Text(text)) => put(text.as_bytes(), out),
            (Kind::Bytea, Cell::Text(text)) => base64_into(text, out).map_err(|_| NotPlain)?,
            _ => return Err(NotPlain),
        },
        Binary::Uuid => put(&uuid(cell)?, out),
        Binary::Date => put(&day(cell)?.to_be_bytes(), out),
        Binary::Time => put(&time_of_day(cell)?.to_be_bytes(), out),
        Binary::Interval => interval(cell, out)?,
        Binary::Timestamp => put(&instant(cell, time::local)?.to_be_bytes(), out),
        Binary::Timestamptz => put(&instant(cell, time::zoned)?.to_be_bytes(), out),
    }
    Ok(())
}

fn put(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes);
}

/// The digits of a number as its sender wrote them, in JSON or in a text.
fn written<'c>(cell: &Cell<'c>) -> Result<&'c str, NotPlain> {
    match cell {
        Cell::Number(digits) => Ok(digits),
        Cell::Text(text) => Ok(text),
        _ => Err(NotPlain),
    }
}

/// The digits of any number.
fn digits<'c>(cell: &Cell<'c>) -> Result<Cow<'c, str>, NotPlain> {
    match cell {
        Cell::Number(digits) => Ok(Cow::Borrowed(digits)),
        Cell::Text(text) => Ok(Cow::Borrowed(text)),
        typed => told(Wanted::Number, typed).map(Cow::Owned),
    }
}

fn told(wanted: Wanted, cell: &Cell<'_>) -> Result<String, NotPlain> {
    canonical::written(wanted, cell).map_err(|_| NotPlain)
}

fn whole<T: TryFrom<i64>>(cell: &Cell<'_>) -> Result<T, NotPlain> {
    let number = match cell {
        Cell::Int(number) => *number,
        Cell::Unsigned(number) => i64::try_from(*number).map_err(|_| NotPlain)?,
        Cell::Timestamp(at) => at.value,
        Cell::Time(time) => time.value,
        Cell::Date(days) => i64::from(*days),
        other => number::integer(written(other)?)?,
    };
    T::try_from(number).map_err(|_| NotPlain)
}

fn single(cell: &Cell<'_>) -> Result<f32, NotPlain> {
    match cell {
        Cell::Float(Float::Single(number)) => Ok(*number),
        // A double is rounded from its digits, as the server does.
        other => number::float4(&digits(other)?),
    }
}

fn double(cell: &Cell<'_>) -> Result<f64, NotPlain> {
    match cell {
        Cell::Float(Float::Double(number)) => Ok(*number),
        // From its digits: to the server 0.1 of 32 bits is 0.1.
        other => number::float8(&digits(other)?),
    }
}

/// Days since 2000-01-01.
fn day(cell: &Cell<'_>) -> Result<i32, NotPlain> {
    match cell {
        Cell::Date(days) => time::epoch_days(*days),
        other => time::date(text(other)?),
    }
}

/// Microseconds since midnight.
fn time_of_day(cell: &Cell<'_>) -> Result<i64, NotPlain> {
    match cell {
        Cell::Time(time) => time::of_day(time.micros().ok_or(NotPlain)?),
        _ => Err(NotPlain),
    }
}

/// Microseconds, days, months.
fn interval(cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<(), NotPlain> {
    let Cell::Interval(interval) = cell else {
        return Err(NotPlain);
    };
    if interval.nanos % 1_000 != 0 {
        return Err(NotPlain);
    }
    put(&(interval.nanos / 1_000).to_be_bytes(), out);
    put(&interval.days.to_be_bytes(), out);
    put(&interval.months.to_be_bytes(), out);
    Ok(())
}

/// The same characters as in [`crate::encode::write`].
fn characters(kind: Kind, cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<(), NotPlain> {
    match (cell, kind) {
        (Cell::Text(text), _) => put(text.as_bytes(), out),
        (Cell::Number(text) | Cell::Json(text), _) => put(text.as_bytes(), out),
        (Cell::Bool(true), _) => put(b"true", out),
        (Cell::Bool(false), _) => put(b"false", out),
        (typed, _) => put(told(kind.wanted(), typed)?.as_bytes(), out),
    }
    Ok(())
}

fn text<'c>(cell: &Cell<'c>) -> Result<&'c str, NotPlain> {
    match cell {
        Cell::Text(text) => Ok(text),
        _ => Err(NotPlain),
    }
}

/// Microseconds since 2000-01-01.
fn instant(cell: &Cell<'_>, read: fn(&str) -> Result<i64, NotPlain>) -> Result<i64, NotPlain> {
    match cell {
        Cell::Timestamp(at) => time::epoch_micros(at.micros().ok_or(NotPlain)?),
        other => read(text(other)?),
    }
}

/// With hyphens, 8-4-4-4-12.
fn uuid(cell: &Cell<'_>) -> Result<[u8; 16], NotPlain> {
    if let Cell::Uuid(bytes) = cell {
        return Ok(*bytes);
    }
    let text = text(cell)?.as_bytes();
    if text.len() != 36 {
        return Err(NotPlain);
    }
    let mut bytes = [0; 16];
    let mut at = 0;
    for (i, byte) in bytes.iter_mut().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            if text[at] != b'-' {
                return Err(NotPlain);
            }
            at += 1;
        }
        *byte = hex(text[at])? << 4 | hex(text[at + 1])?;
        at += 2;
    }
    Ok(bytes)
}

fn hex(digit: u8) -> Result<u8, NotPlain> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(NotPlain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(binary: Binary, cell: &Cell<'_>) -> Result<Vec<u8>, NotPlain> {
        let mut out = Vec::new();
        write(binary, Kind::Plain, cell, &mut out)?;
        let length = i32::from_be_bytes(out[..4].try_into().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), out.len() - 4);
        Ok(out.split_off(4))
    }

    fn text(text: &str) -> Cell<'_> {
        Cell::Text(text)
    }

    #[test]
    fn a_null_has_a_length_and_no_bytes() {
        let mut out = Vec::new();
        write(Binary::Int4, Kind::Number, &Cell::Null, &mut out).unwrap();
        assert_eq!(out, [255; 4]);
    }

    #[test]
    fn integers_are_written_only_within_their_range() {
        assert_eq!(bytes(Binary::Int2, &Cell::Number("-2")), Ok(vec![255, 254]));
        assert_eq!(bytes(Binary::Int2, &Cell::Number("32768")), Err(NotPlain));
        assert_eq!(bytes(Binary::Int4, &text("7")), Ok(vec![0, 0, 0, 7]));
        assert_eq!(bytes(Binary::Int4, &text(" 7")), Err(NotPlain));
        assert_eq!(bytes(Binary::Int4, &Cell::Number("7.0")), Err(NotPlain));
        assert_eq!(bytes(Binary::Int8, &Cell::Number("1e3")), Err(NotPlain));
    }

    #[test]
    fn other_forms_are_left_to_the_server() {
        assert_eq!(bytes(Binary::Bool, &text("yes")), Err(NotPlain));
        assert_eq!(bytes(Binary::Uuid, &text("{a0ee}")), Err(NotPlain));
        assert_eq!(bytes(Binary::Text, &Cell::Bytes(b"a")), Err(NotPlain));
        assert_eq!(bytes(Binary::Date, &text("today")), Err(NotPlain));
    }

    #[test]
    fn a_uuid_is_sixteen_bytes_in_either_case() {
        let expected: Vec<u8> = (0..16).map(|i| i * 0x11).collect();
        let lower = text("00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(bytes(Binary::Uuid, &lower), Ok(expected.clone()));
        let upper = text("00112233-4455-6677-8899-AABBCCDDEEFF");
        assert_eq!(bytes(Binary::Uuid, &upper), Ok(expected));
        let shifted = text("0011223-34455-6677-8899-aabbccddeeff");
        assert_eq!(bytes(Binary::Uuid, &shifted), Err(NotPlain));
    }
}
