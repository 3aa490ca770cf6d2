//! The types without parts.

use super::{Refusal, number, put, time};
use plimsoll_sink_api::canonical::{self, Unfit, Wanted};
use plimsoll_sink_api::{Cell, Float};
use scylla::cluster::metadata::NativeType;
use scylla::serialize::writers::CellWriter;
use scylla::value::CqlTimeuuid;
use std::net::IpAddr;
use uuid::Uuid;

/// Writes a cell that is neither absent nor null.
pub(super) fn write(
    native: NativeType,
    raw: bool,
    cell: &Cell<'_>,
    out: CellWriter<'_>,
) -> Result<(), Refusal> {
    match cell {
        // The caller has written these.
        Cell::Absent | Cell::Unchanged | Cell::Null => Err(Refusal::NullInside),
        Cell::Text(text) => string(native, raw, text, out),
        Cell::Number(text) => numeral(native, text, out),
        Cell::Float(Float::Double(value)) if native == NativeType::Double => {
            put(native, value, out)
        }
        Cell::Float(Float::Single(value)) if native == NativeType::Float => put(native, value, out),
        Cell::Int(_) | Cell::Unsigned(_) | Cell::Float(_) | Cell::Decimal { .. } => {
            numeral(native, &canonical::written(Wanted::Number, cell)?, out)
        }
        Cell::Timestamp(_) | Cell::Date(_) | Cell::Time(_) | Cell::Interval(_) => {
            time::typed(native, cell, out)
        }
        Cell::Uuid(bytes) if native == NativeType::Blob => value(bytes, out),
        Cell::Uuid(_) => match native {
            NativeType::Uuid | NativeType::Timeuuid | NativeType::Text | NativeType::Ascii => {
                string(native, raw, &canonical::written(Wanted::Text, cell)?, out)
            }
            _ => Err(wants(&native)),
        },
        Cell::Bool(value) => boolean(native, *value, out),
        Cell::Json(json) => match native {
            NativeType::Text => value(json.as_bytes(), out),
            NativeType::Ascii => ascii(json, out),
            _ => Err(wants(&native)),
        },
        Cell::Bytes(bytes) => match native {
            NativeType::Blob => value(bytes, out),
            _ => Err(Unfit::NotText.into()),
        },
    }
}

pub(super) fn value(bytes: &[u8], out: CellWriter<'_>) -> Result<(), Refusal> {
    out.set_value(bytes)
        .map(|_| ())
        .map_err(|_| Refusal::TooLarge)
}

fn ascii(text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    match text.is_ascii() {
        true => value(text.as_bytes(), out),
        false => Err(Refusal::NotAscii),
    }
}

fn boolean(native: NativeType, flag: bool, out: CellWriter<'_>) -> Result<(), Refusal> {
    let text = if flag { "true" } else { "false" };
    match native {
        NativeType::Boolean => put(native, &flag, out),
        NativeType::Text | NativeType::Ascii => value(text.as_bytes(), out),
        _ => Err(wants(&native)),
    }
}

pub(super) fn numeral(native: NativeType, text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    match native {
        NativeType::TinyInt => put(native, &number::integer::<i8>(text)?, out),
        NativeType::SmallInt => put(native, &number::integer::<i16>(text)?, out),
        NativeType::Int => put(native, &number::integer::<i32>(text)?, out),
        NativeType::BigInt => put(native, &number::integer::<i64>(text)?, out),
        NativeType::Varint => number::varint(text, out),
        NativeType::Decimal => number::decimal(text, out),
        NativeType::Float => put(native, &number::float(text, |f: &f32| f.is_finite())?, out),
        NativeType::Double => put(native, &number::float(text, |f: &f64| f.is_finite())?, out),
        NativeType::Timestamp => time::timestamp_number(text, out),
        NativeType::Time => time::time_number(text, out),
        NativeType::Text | NativeType::Ascii => value(text.as_bytes(), out),
        _ => Err(wants(&native)),
    }
}

fn string(native: NativeType, raw: bool, text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    match native {
        NativeType::Text => value(text.as_bytes(), out),
        NativeType::Ascii => ascii(text, out),
        NativeType::Blob if raw => value(text.as_bytes(), out),
        NativeType::Blob => value(&canonical::base64(text)?, out),
        NativeType::Boolean => match text {
            "true" => put(native, &true, out),
            "false" => put(native, &false, out),
            _ => Err(Refusal::NotBoolean),
        },
        NativeType::Timestamp => time::timestamp_text(text, out),
        NativeType::Date => time::date(text, out),
        NativeType::Time => time::time_text(text, out),
        NativeType::Duration => time::duration(text, out),
        NativeType::Uuid => put(native, &uuid(text)?, out),
        NativeType::Timeuuid => {
            let uuid = uuid(text)?;
            match uuid.get_version_num() {
                1 => put(native, &CqlTimeuuid::from(uuid), out),
                _ => Err(Refusal::NotTimeuuid),
            }
        }
        NativeType::Inet => {
            let address: IpAddr = text.parse().map_err(|_| Refusal::NotInet)?;
            put(native, &address, out)
        }
        _ => numeral(native, text, out),
    }
}

fn uuid(text: &str) -> Result<Uuid, Refusal> {
    Uuid::try_parse(text).map_err(|_| Refusal::NotUuid)
}

/// What a type takes, for a value of quite another kind.
pub(super) fn wants(native: &NativeType) -> Refusal {
    match native {
        NativeType::Boolean => Refusal::NotBoolean,
        NativeType::Blob => Unfit::NotBytes.into(),
        NativeType::Uuid | NativeType::Timeuuid => Refusal::NotUuid,
        NativeType::Timestamp => Refusal::NotTimestamp,
        NativeType::Date => Refusal::NotDate,
        NativeType::Time => Refusal::NotTime,
        NativeType::Duration => Refusal::NotDuration,
        NativeType::Inet => Refusal::NotInet,
        NativeType::Text | NativeType::Ascii => Refusal::NotString,
        _ => Refusal::NotNumber,
    }
}
