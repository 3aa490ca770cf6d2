//! How a column takes values, as docs/CONFIG.md tells it.

use super::Query;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use plimsoll_sink_api::snapshot::Unreadable;
use plimsoll_sink_api::{Cell, Column};

/// With `=` at its end or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// By SQLite's rules of affinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    /// Base64.
    Blob,
    /// A whole key or a header.
    RawBlob,
    Numeric,
    Real,
    Integer,
    /// No type: values stay as they come.
    Untyped,
}

impl Form {
    /// Of a column.
    pub fn of(declared: &str, strict: bool, column: &Column) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |part: &str| declared.contains(part);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if has("BLOB") {
            match column.source.is_bytes() {
                true => Self::RawBlob,
                false => Self::Blob,
            }
        } else if declared.is_empty() || (strict && declared == "ANY") {
            Self::Untyped
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else {
            Self::Numeric
        }
    }

    /// Binds a cell.
    pub fn bind<'q>(self, query: Query<'q>, cell: &Cell<'_>) -> Result<Query<'q>, Unreadable> {
        let bytes = matches!(self, Self::Blob | Self::RawBlob);
        Ok(match (cell, self) {
            (Cell::Absent | Cell::Null, _) => query.bind(None::<String>),
            (Cell::Int(number), _) => query.bind(*number),
            (Cell::Millis(ms), Self::Integer) => query.bind(*ms),
            (Cell::Millis(ms), _) => query.bind(time(*ms)?),
            // Whatever the column: what is no text stays bytes.
            (Cell::Bytes(bytes), _) => query.bind(bytes.to_vec()),
            (Cell::Text(text), Self::Blob) => {
                query.bind(BASE64.decode(&**text).map_err(|_| Unreadable::Value)?)
            }
            (Cell::Text(text), Self::RawBlob) => query.bind(text.as_bytes().to_vec()),
            (Cell::Text(text), _) => query.bind(text.clone().into_owned()),
            _ if bytes => return Err(Unreadable::Value),
            (Cell::Json(text), _) => query.bind((*text).to_owned()),
            (Cell::Bool(yes), Self::Integer | Self::Numeric | Self::Real) => {
                query.bind(i64::from(*yes))
            }
            (Cell::Bool(yes), _) => query.bind(yes.to_string()),
            (Cell::Number(text), Self::Text) => query.bind((*text).to_owned()),
            (Cell::Number(text), Self::Real) => query.bind(float(text)?),
            (Cell::Number(text), _) => match (text.parse::<i64>(), float(text)) {
                (Ok(whole), _) => query.bind(whole),
                (_, Ok(float)) if digits(text) == digits(&format!("{float:e}")) => {
                    query.bind(float)
                }
                (..) if self == Self::Untyped => query.bind((*text).to_owned()),
                (..) => return Err(Unreadable::Value),
            },
        })
    }
}

fn float(text: &str) -> Result<f64, Unreadable> {
    let float: f64 = text.parse().map_err(|_| Unreadable::Value)?;
    match float.is_finite() {
        true => Ok(float),
        false => Err(Unreadable::Value),
    }
}

/// The digits that count, of a number in any way of writing it. Its size need not be
/// compared: the float was read from it.
fn digits(number: &str) -> String {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

/// UTC with milliseconds.
fn time(ms: i64) -> Result<String, Unreadable> {
    let time = jiff::Timestamp::from_millisecond(ms).map_err(|_| Unreadable::Value)?;
    Ok(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}
