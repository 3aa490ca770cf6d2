//! Cells as texts, told from the documented rules (docs/CONFIG.md) and from
//! nothing that the writers use.

use plimsoll_sink_api::snapshot::Unreadable;
use plimsoll_sink_api::snapshot::told::{As, base64, told};
use plimsoll_sink_api::{Cell, Column};
use serde_json::value::RawValue;

/// What a column makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Its text.
    Text,
    /// Its text; a time is milliseconds.
    Number,
    /// Its JSON.
    Json,
    /// Bytes out of base64.
    Base64,
    /// Bytes as they are: of a header, or of a whole key.
    Bytes,
    /// An array of texts.
    Array,
    /// An array of JSON values.
    ArrayOfJson,
    /// An array of bytes out of base64.
    ArrayOfBase64,
}

impl Form {
    /// By the names of built-in types.
    pub fn of(column: &Column, array: bool, base: &str, element: Option<&str>) -> Self {
        match (array, base, element) {
            (true, _, Some("json" | "jsonb")) => Self::ArrayOfJson,
            (true, _, Some("bytea")) => Self::ArrayOfBase64,
            (true, ..) => Self::Array,
            (_, "bytea", _) if column.take.is_bytes() => Self::Bytes,
            (_, "bytea", _) => Self::Base64,
            (_, "json" | "jsonb", _) => Self::Json,
            (_, "int2" | "int4" | "int8" | "numeric" | "float4" | "float8", _) => Self::Number,
            _ => Self::Text,
        }
    }
}

/// The text that Postgres is to read; `None`: NULL, or no such field.
pub fn text_of(form: Form, cell: &Cell<'_>) -> Result<Option<String>, Unreadable> {
    let array = matches!(form, Form::Array | Form::ArrayOfJson | Form::ArrayOfBase64);
    Ok(Some(match (cell, form) {
        (Cell::Absent | Cell::Unchanged | Cell::Null, _) => return Ok(None),
        (Cell::Text(text), Form::Base64) => hex(&base64(text)?),
        (Cell::Text(text), Form::Bytes) => hex(text.as_bytes()),
        (Cell::Bytes(bytes), Form::Bytes | Form::Base64) => hex(bytes),
        (Cell::Uuid(bytes), Form::Bytes | Form::Base64) => hex(bytes),
        (Cell::Bytes(_), _) | (_, Form::Bytes | Form::Base64) => return Err(Unreadable::Value),
        (Cell::Json(json), _) if array => literal(json, form, DIMENSIONS)?,
        (_, Form::Number) => told(As::Number, cell)?,
        (_, Form::Json) => told(As::Json, cell)?,
        (_, Form::Text | Form::Array | Form::ArrayOfJson | Form::ArrayOfBase64) => {
            told(As::Text, cell)?
        }
    }))
}

fn hex(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(bytes))
}

/// Postgres' arrays have no more (`MAXDIM`).
const DIMENSIONS: usize = 6;

/// A JSON array as Postgres' literal, of so many dimensions at most; what is none
/// goes through for the server to judge.
fn literal(json: &str, form: Form, dimensions: usize) -> Result<String, Unreadable> {
    if !json.starts_with('[') {
        return Ok(serde_json::from_str(json).unwrap_or_else(|_| json.to_owned()));
    }
    let inside = dimensions.checked_sub(1).ok_or(Unreadable::Value)?;
    let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| Unreadable::Value)?;
    let items = items
        .into_iter()
        .map(|item| element(item.get(), form, inside))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(format!("{{{}}}", items.join(",")))
}

fn element(json: &str, form: Form, dimensions: usize) -> Result<String, Unreadable> {
    if json == "null" {
        return Ok("NULL".to_owned());
    }
    if json.starts_with('[') && form != Form::ArrayOfJson {
        return literal(json, form, dimensions);
    }
    // A string alone is taken apart: an object may be as deep as its sender likes.
    let string = serde_json::from_str::<String>(json);
    let text = match (form, string) {
        (Form::ArrayOfJson, _) => json.to_owned(),
        (Form::ArrayOfBase64, Ok(text)) => hex(&base64(&text)?),
        (Form::ArrayOfBase64, _) => return Err(Unreadable::Value),
        (_, Ok(text)) => text,
        _ => json.to_owned(),
    };
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(form: Form, cell: Cell<'_>) -> String {
        text_of(form, &cell).unwrap().unwrap()
    }

    #[test]
    fn texts_are_those_of_the_documented_rules() {
        let text = |t: &'static str| Cell::Text(t);
        assert_eq!(of(Form::Base64, text("YWJj")), "\\x616263");
        assert_eq!(of(Form::Bytes, text("YWJj")), "\\x59574a6a");
        assert_eq!(of(Form::Text, Cell::millis(-1)), "1969-12-31T23:59:59.999Z");
        assert_eq!(of(Form::Number, Cell::millis(-1)), "-1");
        assert_eq!(
            of(Form::Array, Cell::Json(r#"[1.50,null,"a\"\\",[true]]"#)),
            r#"{"1.50",NULL,"a\"\\",{"true"}}"#
        );
        assert_eq!(
            of(Form::ArrayOfJson, Cell::Json(r#"[[1],"x"]"#)),
            r#"{"[1]","\"x\""}"#
        );
        assert!(text_of(Form::Base64, &Cell::Number("1")).is_err());
        assert!(text_of(Form::Text, &Cell::Bytes(b"\xff")).is_err());
        assert!(matches!(text_of(Form::Text, &Cell::Null), Ok(None)));
    }

    #[test]
    fn typed_values_are_told_as_they_are_written() {
        use crate::encode::{Kind, Out, write};
        struct Plain(Vec<u8>);
        impl Out for Plain {
            fn raw(&mut self, text: &[u8]) {
                self.0.extend_from_slice(text);
            }
            fn text(&mut self, text: &[u8]) {
                self.0.extend_from_slice(text);
            }
        }
        let mut told = 0;
        for base in [
            "int2",
            "float8",
            "numeric",
            "text",
            "bytea",
            "uuid",
            "date",
            "timestamp",
        ] {
            let (fit, unfit) = crate::tests::typed_cells::of(base);
            for cell in fit.iter().chain(&unfit) {
                for (form, kind) in [
                    (Form::Text, Kind::Plain),
                    (Form::Number, Kind::Number),
                    (Form::Json, Kind::Json),
                    (Form::Base64, Kind::Bytea),
                    (Form::Bytes, Kind::RawBytea),
                ] {
                    let mut out = Plain(Vec::new());
                    let written = write(kind, cell, &mut out).ok();
                    let written = written.map(|_| String::from_utf8(out.0).unwrap());
                    assert_eq!(
                        text_of(form, cell).ok().flatten(),
                        written,
                        "{cell:?} {kind:?}"
                    );
                    told += usize::from(written.is_some());
                }
            }
        }
        assert!(told > 100, "{told}");
    }

    #[test]
    fn arrays_deeper_than_postgres_takes_are_bad_without_recursion() {
        let small = || {
            for depth in [7, 129, 11_000, 200_000] {
                let nested = "[".repeat(depth) + &"]".repeat(depth);
                assert!(text_of(Form::Array, &Cell::Json(&nested)).is_err());
                assert!(text_of(Form::ArrayOfJson, &Cell::Json(&nested)).is_ok());
                let objects =
                    "[".to_owned() + &r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth) + "]";
                assert!(text_of(Form::Array, &Cell::Json(&objects)).is_ok());
            }
        };
        std::thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(small)
            .unwrap()
            .join()
            .unwrap();
    }
}
