//! A cell → the value that its column keeps, by the strictest rules.

use jiff::civil::Date;
use plimsoll_conformance::{Kept, Type};
use plimsoll_sink_api::canonical::{self, Unfit, Wanted};
use plimsoll_sink_api::{Cell, Unit};

/// The value; `None`: the record says nothing of the column. `raw`: keys and headers
/// are bytes as they came.
pub(super) fn keep(typ: Type, raw: bool, cell: &Cell<'_>) -> Result<Option<Kept>, Unfit> {
    Ok(Some(match (typ, cell) {
        (_, Cell::Absent | Cell::Unchanged) => return Ok(None),
        (_, Cell::Null) => Kept::Null,
        (Type::Bytes, _) => Kept::Bytes(bytes(raw, cell)?),
        (_, Cell::Bytes(_)) => return Err(Unfit::NotText),
        (Type::Text, _) => Kept::Text(written(cell)?),
        (Type::Json, Cell::Text(text)) => json(canonical::json(text)?)?,
        (Type::Json, _) => json(&canonical::written(Wanted::Json, cell)?)?,
        (Type::Time, Cell::Timestamp(at)) if at.unit == Unit::Millis => Kept::Time(at.value),
        (Type::Time, _) => Kept::time(&written(cell)?).ok_or(Unfit::NotTime)?,
        (Type::Date, Cell::Timestamp(_)) => Kept::Text(written(cell)?[..10].to_owned()),
        (Type::Date, _) => {
            let day: Date = written(cell)?.parse().map_err(|_| Unfit::NotTime)?;
            Kept::Text(day.to_string())
        }
        (Type::Bool, Cell::Bool(yes)) => Kept::Bool(*yes),
        (Type::Bool, _) => match written(cell)?.as_str() {
            "true" => Kept::Bool(true),
            "false" => Kept::Bool(false),
            _ => return Err(Unfit::Form),
        },
        (Type::Uuid, _) => Kept::Text(uuid(&written(cell)?)?),
        (Type::Int | Type::Decimal | Type::Float, Cell::Bool(_) | Cell::Json(_)) => {
            return Err(Unfit::Form);
        }
        (Type::Int, _) => integer(&canonical::written(Wanted::Number, cell)?)?,
        (Type::Decimal, _) => number(&canonical::written(Wanted::Number, cell)?)?,
        (Type::Float, _) => float(&canonical::written(Wanted::Number, cell)?)?,
    }))
}

fn json(text: &str) -> Result<Kept, Unfit> {
    Kept::json_in_range(text).ok_or(Unfit::OutOfRange)
}

fn bytes(raw: bool, cell: &Cell<'_>) -> Result<Vec<u8>, Unfit> {
    match cell {
        Cell::Bytes(bytes) => Ok(bytes.to_vec()),
        Cell::Uuid(bytes) => Ok(bytes.to_vec()),
        Cell::Text(text) if raw => Ok(text.as_bytes().to_vec()),
        Cell::Text(text) => canonical::base64(text),
        _ => Err(Unfit::NotBytes),
    }
}

fn written(cell: &Cell<'_>) -> Result<String, Unfit> {
    canonical::written(Wanted::Text, cell)
}

fn number(text: &str) -> Result<Kept, Unfit> {
    let digits = |c: char| c.is_ascii_digit();
    let form = |c: char| digits(c) || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    // What a float can be read from, is a number.
    match text.chars().all(form) && text.contains(digits) && text.parse::<f64>().is_ok() {
        true => Ok(Kept::number(text)),
        false => Err(Unfit::Form),
    }
}

fn integer(text: &str) -> Result<Kept, Unfit> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match text.parse::<i64>() {
        Ok(_) => number(text),
        Err(_) if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) => {
            Err(Unfit::OutOfRange)
        }
        Err(_) => Err(Unfit::Form),
    }
}

fn float(text: &str) -> Result<Kept, Unfit> {
    let exact = number(text)?;
    let float: f64 = text.parse().map_err(|_| Unfit::Form)?;
    let vanished = float == 0.0 && exact != Kept::number("0");
    match float.is_finite() && !vanished {
        true => Ok(Kept::number(&format!("{float:e}"))),
        false => Err(Unfit::OutOfRange),
    }
}

fn uuid(text: &str) -> Result<String, Unfit> {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    match parts == [8, 4, 4, 4, 12] && text.chars().all(hex) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(Unfit::Form),
    }
}
