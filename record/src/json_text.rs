//! Values of binary formats as JSON text, for columns of JSON and for values that no
//! single cell holds.

use crate::Fault;
use crate::semantic::Whole;
use plimsoll_sink_api::Cell;
use plimsoll_sink_api::canonical::{self, Unfit, Wanted};
use std::fmt::Write;

/// JSON text that grows up to a limit.
///
/// Numbers keep every digit, NaN and the infinities are strings, bytes are base64;
/// times are ISO 8601 in quotes, because a number alone would not tell its unit.
#[derive(Debug)]
pub struct JsonText<'o> {
    out: &'o mut String,
    limit: usize,
}

/// How much JSON bytes may become: so many for each of them. A null of Avro's takes one
/// byte, and in JSON the name of its field, with quotes, colon and comma: with the longest
/// name of a column that is 73. A text takes up to six for each.
const FACTOR: usize = 128;

/// And so many besides, for fields that take no byte.
const SPARE: usize = 1 << 12;

/// And never more: no database takes a longer value.
const MOST: usize = 1 << 28;

impl<'o> JsonText<'o> {
    /// How long JSON may become that is made of so many bytes.
    #[must_use]
    pub const fn limit(bytes: usize) -> usize {
        let most = bytes.saturating_mul(FACTOR).saturating_add(SPARE);
        if most < MOST { most } else { MOST }
    }

    /// Behind what stands in `out`, which is not to become longer than `limit`.
    pub fn new(out: &'o mut String, limit: usize) -> Self {
        Self { out, limit }
    }

    fn check(&self) -> Result<(), Fault> {
        match self.out.len() <= self.limit {
            true => Ok(()),
            false => Err(Fault::TooLarge),
        }
    }

    /// What is JSON already, or a part of it.
    ///
    /// # Errors
    /// [`Fault::TooLarge`]
    pub fn raw(&mut self, json: &str) -> Result<(), Fault> {
        self.out.push_str(json);
        self.check()
    }

    /// A string.
    ///
    /// # Errors
    /// [`Fault::TooLarge`]
    pub fn text(&mut self, text: &str) -> Result<(), Fault> {
        quote(text, self.out);
        self.check()
    }

    /// Bytes, as base64.
    ///
    /// # Errors
    /// [`Fault::TooLarge`]
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.out.push('"');
        self.out.push_str(&canonical::to_base64(bytes));
        self.out.push('"');
        self.check()
    }

    /// Any value; what is not there is null here.
    ///
    /// # Errors
    /// [`Fault::TooLarge`], and what JSON cannot tell.
    pub fn cell(&mut self, cell: &Cell<'_>) -> Result<(), Fault> {
        match cell {
            Cell::Absent | Cell::Unchanged | Cell::Null => self.raw("null"),
            Cell::Text(text) => self.text(text),
            Cell::Json(json) => self.raw(json),
            Cell::Bytes(bytes) => self.bytes(bytes),
            Cell::Bool(_)
            | Cell::Int(_)
            | Cell::Unsigned(_)
            | Cell::Float(_)
            | Cell::Number(_)
            | Cell::Decimal { .. } => self.write(Wanted::Json, cell),
            Cell::Date(_)
            | Cell::Time(_)
            | Cell::Timestamp(_)
            | Cell::Uuid(_)
            | Cell::Interval(_) => {
                self.out.push('"');
                self.write(Wanted::Text, cell)?;
                self.raw("\"")
            }
        }
    }

    /// A number that counts something. Infinity is a text here, as NaN is: what reads an
    /// array of dates knows it.
    ///
    /// # Errors
    /// Those of [`Whole::cell`] and [`Self::cell`].
    pub fn whole(&mut self, number: i64, whole: Whole) -> Result<(), Fault> {
        match whole.infinity(number) {
            Some(word) => self.text(word),
            None => self.cell(&whole.cell(number)?),
        }
    }

    fn write(&mut self, wanted: Wanted, cell: &Cell<'_>) -> Result<(), Fault> {
        canonical::write(wanted, cell, self.out).map_err(|unfit| match unfit {
            Unfit::Time | Unfit::TimeOfDay => Fault::Time,
            Unfit::OutOfRange => Fault::Digits,
            Unfit::Base64
            | Unfit::NotBytes
            | Unfit::NotText
            | Unfit::NotJson
            | Unfit::Form
            | Unfit::NotTime
            | Unfit::Tombstone
            | Unfit::Unavailable => Fault::OutOfRange,
        })?;
        self.check()
    }
}

/// Writes a text as a JSON string (RFC 8259, 7): what has to be escaped is, and nothing
/// else.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // Such bytes are characters of their own.
        out.push_str(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sink_api::{Clock, Float, Interval, TimeOfDay, Timestamp, Unit};
    use proptest::prelude::*;

    fn json(cell: Cell<'_>) -> Result<String, Fault> {
        let mut out = String::new();
        JsonText::new(&mut out, 1_000).cell(&cell).map(|()| out)
    }

    fn is(cell: Cell<'_>, expected: &str) {
        assert_eq!(json(cell), Ok(expected.to_owned()));
        serde_json::from_str::<serde_json::Value>(expected).expect("JSON");
    }

    #[test]
    fn each_cell_has_its_json() {
        is(Cell::Absent, "null");
        is(Cell::Null, "null");
        is(Cell::Bool(true), "true");
        is(Cell::Int(i64::MIN), "-9223372036854775808");
        is(Cell::Float(Float::Single(0.1)), "0.1");
        is(Cell::Float(Float::Double(f64::NAN)), "\"NaN\"");
        is(Cell::Text("a\"b\\\n\u{1}é"), "\"a\\\"b\\\\\\n\\u0001é\"");
        is(Cell::Bytes(&[0, 255]), "\"AP8=\"");
        is(Cell::Json("[1]"), "[1]");
        is(Cell::Date(20_512), "\"2026-02-28\"");
        let cent = Cell::Decimal {
            unscaled: &[1],
            scale: 2,
        };
        is(cent, "0.01");
        let time = TimeOfDay {
            value: 1,
            unit: Unit::Micros,
        };
        is(Cell::Time(time), "\"00:00:00.000001\"");
        is(Cell::millis(-1), "\"1969-12-31T23:59:59.999Z\"");
        let local = Timestamp {
            value: 0,
            unit: Unit::Millis,
            clock: Clock::Local,
        };
        is(Cell::Timestamp(local), "\"1970-01-01T00:00:00.000\"");
        let day = Interval {
            months: 0,
            days: 1,
            nanos: 0,
        };
        is(Cell::Interval(day), "\"P1D\"");
        is(
            Cell::Uuid([0x11; 16]),
            "\"11111111-1111-1111-1111-111111111111\"",
        );
    }

    #[test]
    fn what_json_cannot_tell_is_a_fault() {
        assert_eq!(json(Cell::Date(i32::MAX)), Err(Fault::Time));
        let long = Cell::Decimal {
            unscaled: &[1; 5_000],
            scale: 0,
        };
        assert_eq!(json(long), Err(Fault::Digits));
        let text = "x".repeat(1_000);
        assert_eq!(json(Cell::Text(&text)), Err(Fault::TooLarge));
        assert!(json(Cell::Text(&text[2..])).is_ok());
    }

    proptest! {
        #[test]
        fn quoted_texts_are_those_of_serde_json(text in any::<String>()) {
            let mut out = String::new();
            quote(&text, &mut out);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}
