//! A cell as text, for the three kinds of columns that take one.

use super::Unfit;
use crate::value::write_date;
use crate::{Cell, Decimal, Float};
use std::fmt::{Debug, Write};
use uuid::Uuid;

/// What a column takes a text for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// What people read; also what a database's own input functions read. Times as RFC
    /// 3339, lengths of time as ISO 8601.
    Text,
    /// A number: times are what their senders counted.
    Number,
    /// JSON: times of records are numbers, for their senders count them; text is
    /// JSON already.
    Json,
}

/// Writes a cell behind what stands in `out`; `false` where there is nothing to write,
/// which absent, unchanged and null values are. After an error, what was written of it is
/// still there.
///
/// # Errors
/// [`Unfit`]: bytes, and times that no text tells.
pub fn write(wanted: Wanted, cell: &Cell<'_>, out: &mut String) -> Result<bool, Unfit> {
    match (cell, wanted) {
        (Cell::Absent | Cell::Unchanged | Cell::Null, _) => return Ok(false),
        (Cell::Bytes(_), _) => return Err(Unfit::NotText),
        (Cell::Text(text), Wanted::Json) => out.push_str(super::json(text)?),
        (Cell::Text(text) | Cell::Number(text) | Cell::Json(text), _) => out.push_str(text),
        (Cell::Bool(yes), _) => out.push_str(if *yes { "true" } else { "false" }),
        (Cell::Int(number), _) => digits(number, out),
        (Cell::Unsigned(number), _) => digits(number, out),
        (Cell::Float(number), Wanted::Json) if !number.as_f64().is_finite() => {
            quoted(out, |out| float(*number, out));
        }
        (Cell::Float(number), _) => float(*number, out),
        (&Cell::Decimal { unscaled, scale }, _) => Decimal { unscaled, scale }.write(out)?,
        (Cell::Date(days), Wanted::Number) => digits(days, out),
        (Cell::Time(time), Wanted::Number) => digits(&time.value, out),
        (Cell::Timestamp(at), Wanted::Number | Wanted::Json) => digits(&at.value, out),
        (Cell::Timestamp(at), Wanted::Text) => at.write(out)?,
        (_, Wanted::Json) => {
            let mut text = String::new();
            write(Wanted::Text, cell, &mut text)?;
            quoted(out, |out| out.push_str(&text));
        }
        (Cell::Date(days), Wanted::Text) => write_date((*days).into(), out)?,
        (Cell::Time(time), Wanted::Text) => time.write(out)?,
        (Cell::Uuid(bytes), _) => uuid(bytes, out),
        (Cell::Interval(interval), _) => interval.write(out),
    }
    Ok(true)
}

/// The same as a text of its own; empty where there is nothing to write.
///
/// # Errors
/// As of [`write`].
pub fn written(wanted: Wanted, cell: &Cell<'_>) -> Result<String, Unfit> {
    let mut out = String::new();
    write(wanted, cell, &mut out).map(|_| out)
}

fn digits(number: &impl ToString, out: &mut String) {
    out.push_str(&number.to_string());
}

/// Only for what needs no escape.
fn quoted(out: &mut String, inside: impl FnOnce(&mut String)) {
    out.push('"');
    inside(out);
    out.push('"');
}

/// The shortest digits that are read as the same number again.
fn float(number: Float, out: &mut String) {
    match number {
        Float::Single(number) => shortest(number, number.into(), out),
        Float::Double(number) => shortest(number, number, out),
    }
}

fn shortest(number: impl Debug, wide: f64, out: &mut String) {
    match wide {
        _ if wide.is_nan() => out.push_str("NaN"),
        f64::INFINITY => out.push_str("Infinity"),
        f64::NEG_INFINITY => out.push_str("-Infinity"),
        _ => {
            let _ = write!(out, "{number:?}");
        }
    }
}

fn uuid(bytes: &[u8; 16], out: &mut String) {
    let _ = write!(out, "{}", Uuid::from_bytes_ref(bytes).as_hyphenated());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Interval, TimeOfDay, Timestamp, Unit};

    fn all(cell: Cell<'_>) -> [String; 3] {
        [Wanted::Text, Wanted::Number, Wanted::Json].map(|wanted| written(wanted, &cell).unwrap())
    }

    fn same(text: &str) -> [String; 3] {
        [text; 3].map(str::to_owned)
    }

    #[test]
    fn numbers_are_their_digits() {
        assert_eq!(all(Cell::Int(-7)), same("-7"));
        assert_eq!(all(Cell::Unsigned(u64::MAX)), same("18446744073709551615"));
        assert_eq!(all(Cell::Float(Float::Single(0.1))), same("0.1"));
        assert_eq!(all(Cell::Float(Float::Double(1e300))), same("1e300"));
        let cent = Cell::Decimal {
            unscaled: &[1],
            scale: 2,
        };
        assert_eq!(all(cent), same("0.01"));
        let [text, number, json] = all(Cell::Float(Float::Double(f64::NEG_INFINITY)));
        assert_eq!(
            [&*text, &*number, &*json],
            ["-Infinity", "-Infinity", "\"-Infinity\""]
        );
    }

    #[test]
    fn times_are_counted_in_numbers_and_told_in_texts() {
        let [text, number, json] = all(Cell::millis(-1));
        assert_eq!(
            [&*text, &*number, &*json],
            ["1969-12-31T23:59:59.999Z", "-1", "-1"]
        );
        let [text, number, json] = all(Cell::Date(1));
        assert_eq!(
            [&*text, &*number, &*json],
            ["1970-01-02", "1", "\"1970-01-02\""]
        );
        let noon = TimeOfDay {
            value: 43_200_000,
            unit: Unit::Millis,
        };
        let [text, number, json] = all(Cell::Time(noon));
        assert_eq!(
            [&*text, &*number, &*json],
            ["12:00:00.000", "43200000", "\"12:00:00.000\""]
        );
        let local = Timestamp {
            value: 0,
            unit: Unit::Micros,
            clock: Clock::Local,
        };
        assert_eq!(all(Cell::Timestamp(local))[0], "1970-01-01T00:00:00.000000");
    }

    #[test]
    fn other_values_are_quoted_in_json() {
        let id = Cell::Uuid(std::array::from_fn(|i| i as u8));
        let text = "00010203-0405-0607-0809-0a0b0c0d0e0f";
        assert_eq!(all(id), [text, text, &format!("\"{text}\"")]);
        let day = Interval {
            months: 0,
            days: 1,
            nanos: 0,
        };
        assert_eq!(all(Cell::Interval(day)), ["P1D", "P1D", "\"P1D\""]);
    }

    #[test]
    fn some_cells_have_no_text() {
        let mut out = String::new();
        for cell in [Cell::Absent, Cell::Null] {
            assert_eq!(write(Wanted::Text, &cell, &mut out), Ok(false));
        }
        assert_eq!(
            write(Wanted::Text, &Cell::Bytes(b"a"), &mut out),
            Err(Unfit::NotText)
        );
        assert_eq!(
            write(Wanted::Json, &Cell::Text("a"), &mut out),
            Err(Unfit::NotJson)
        );
        assert_eq!(out, "");
    }
}
