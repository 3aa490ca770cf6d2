//! Texts and bytes as docs/CONFIG.md tells them, for snapshots alone: no writer uses
//! these.

use super::Unreadable;
use crate::{Cell, Clock, Decimal, Float, Interval, Unit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use num_bigint::{BigInt, Sign};

/// What a typed value is told as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// A text that people read.
    Text,
    /// A number: a time as it was counted.
    Number,
    /// JSON: a timestamp as it was counted, other times in quotes.
    Json,
}

/// The text of a cell that is neither absent nor null.
///
/// # Errors
/// [`Unreadable::Value`]: it has none.
pub fn told(wanted: As, cell: &Cell<'_>) -> Result<String, Unreadable> {
    let text = match cell {
        Cell::Absent | Cell::Unchanged | Cell::Null | Cell::Bytes(_) => {
            return Err(Unreadable::Value);
        }
        Cell::Bool(yes) => return Ok(yes.to_string()),
        Cell::Int(number) => return Ok(number.to_string()),
        Cell::Unsigned(number) => return Ok(number.to_string()),
        Cell::Number(text) | Cell::Json(text) | Cell::Text(text) => return Ok((*text).to_owned()),
        &Cell::Decimal { unscaled, scale } => return decimal(Decimal { unscaled, scale }),
        Cell::Float(number) => match (float(*number), wanted) {
            (text, As::Json) if !number.as_f64().is_finite() => text,
            (text, _) => return Ok(text),
        },
        Cell::Date(days) if wanted == As::Number => return Ok(days.to_string()),
        Cell::Date(days) => {
            let midnight = moment(i64::from(*days) * 86_400, 1)?;
            midnight.date().to_string()
        }
        Cell::Time(time) if wanted == As::Number => return Ok(time.value.to_string()),
        Cell::Time(time) => clock(time.value, time.unit)?,
        Cell::Timestamp(at) if wanted != As::Text => return Ok(at.value.to_string()),
        Cell::Timestamp(at) => {
            let time = moment(at.value, at.unit.per_second())?;
            let text = format!("{time:.0$}", at.unit.digits());
            match at.clock {
                Clock::Utc => text + "Z",
                Clock::Local => text,
            }
        }
        Cell::Uuid(bytes) => uuid(bytes),
        Cell::Interval(interval) => iso(interval),
    };
    Ok(match wanted {
        As::Json => format!("\"{text}\""),
        As::Text | As::Number => text,
    })
}

/// In the years 1 to 9999: so many parts of a second behind 1970.
fn moment(value: i64, per_second: i64) -> Result<DateTime, Unreadable> {
    let nanos = i128::from(value) * i128::from(1_000_000_000 / per_second);
    let behind = SignedDuration::from_nanos_i128(nanos);
    let epoch = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);
    match epoch.checked_add(behind) {
        Ok(time) if time.year() >= 1 => Ok(time),
        Ok(_) | Err(_) => Err(Unreadable::Value),
    }
}

fn clock(value: i64, unit: Unit) -> Result<String, Unreadable> {
    let each = unit.per_second();
    let day = 0..=24 * 3_600 * each;
    if !day.contains(&value) {
        return Err(Unreadable::Value);
    }
    let two = |seconds: i64, of: i64| format!("{:02}", value / each / seconds % of);
    let rest = format!("{:0>1$}", value % each, unit.digits());
    Ok([two(3_600, 25), two(60, 60), two(1, 60)].join(":") + "." + &rest)
}

/// Every digit; zeros that would be more than 64 are an exponent; 10,000 digits and a
/// few are as many as are kept.
fn decimal(number: Decimal<'_>) -> Result<String, Unreadable> {
    if number.unscaled.len() > 4_152 {
        return Err(Unreadable::Value);
    }
    let whole = BigInt::from_signed_bytes_be(number.unscaled);
    let sign = if whole.sign() == Sign::Minus { "-" } else { "" };
    let digits = whole.magnitude().to_string();
    let scale = i64::from(number.scale);
    let behind = usize::try_from(scale).unwrap_or(0);
    let before = usize::try_from(-scale).unwrap_or(0);
    Ok(if before > 0 && digits == "0" {
        digits
    } else if before > 64 {
        format!("{sign}{digits}e{before}")
    } else if behind > digits.len() + 64 {
        format!("{sign}{digits}e-{behind}")
    } else if behind == 0 {
        format!("{sign}{digits}{}", "0".repeat(before))
    } else {
        let padded = format!("{digits:0>0$}", behind + 1);
        let (whole, rest) = padded.split_at(padded.len() - behind);
        format!("{sign}{whole}.{rest}")
    })
}

fn float(number: Float) -> String {
    let text = match number {
        Float::Single(number) => format!("{number:?}"),
        Float::Double(number) => format!("{number:?}"),
    };
    text.replace("inf", "Infinity")
}

fn uuid(bytes: &[u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(*bytes));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| digits[part].to_owned()).join("-")
}

/// ISO 8601, each part with its own sign.
fn iso(interval: &Interval) -> String {
    let mut text = "P".to_owned();
    for (count, letter) in [(interval.months, 'M'), (interval.days, 'D')] {
        if count != 0 {
            text += &format!("{count}{letter}");
        }
    }
    if interval.nanos != 0 || text == "P" {
        let nanos = i128::from(interval.nanos);
        let sign = if nanos < 0 { "-" } else { "" };
        let seconds = format!(
            "{}.{:09}",
            nanos.abs() / 1_000_000_000,
            nanos.abs() % 1_000_000_000
        );
        text += &format!(
            "T{sign}{}S",
            seconds.trim_end_matches('0').trim_end_matches('.')
        );
    }
    text
}

/// Bytes out of base64.
///
/// # Errors
/// [`Unreadable::Value`]: it is not.
pub fn base64(text: &str) -> Result<Vec<u8>, Unreadable> {
    STANDARD.decode(text).map_err(|_| Unreadable::Value)
}
