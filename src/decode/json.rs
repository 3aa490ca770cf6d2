//! JSON text → cells, borrowed from the payload.

use super::BadRecord;
use super::fields::{Fields, Node};
use plimsoll_sink_api::{Cell, Column, Shape};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Reads one JSON object into the cells of its columns.
pub struct ObjectReader<'t, 'c, 'de> {
    /// The columns, for shapes and names.
    pub columns: &'t [Column],
    /// The cells of the row.
    pub cells: &'c mut [Cell<'de>],
    /// Whether a field without a column is an error.
    pub reject_unknown: bool,
    /// What is wrong beyond JSON's grammar: the first thing found.
    pub bad: Option<BadRecord>,
}

impl<'de> ObjectReader<'_, '_, 'de> {
    /// Reads `text`, which must be one JSON object.
    ///
    /// # Errors
    /// The byte at which the grammar was broken; 0 where the text is no object.
    pub fn read(&mut self, fields: &Fields, text: &'de str) -> Result<(), usize> {
        let mut json = serde_json::Deserializer::from_str(text);
        let level = Level {
            reader: self,
            fields,
        };
        level
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|e| byte_of(text, &e))
    }

    fn put(&mut self, node: &Node, raw: &'de str) {
        for &column in &node.columns {
            match cell(raw, self.columns[column].shape) {
                Some(cell) => self.cells[column] = cell,
                None => {
                    let column = self.columns[column].name.clone();
                    self.bad.get_or_insert(BadRecord::BadString { column });
                }
            }
        }
    }
}

/// Checks that a text is one JSON value.
///
/// # Errors
/// The byte at which the grammar was broken.
pub fn whole(text: &str) -> Result<&str, usize> {
    serde_json::from_str::<&RawValue>(text)
        .map(RawValue::get)
        .map_err(|e| byte_of(text, &e))
}

/// serde_json counts lines and columns; people with a payload at hand count
/// bytes.
fn byte_of(text: &str, error: &serde_json::Error) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    (before + error.column()).min(text.len())
}

/// One JSON value, as its text, as a cell; `None` for a string whose escapes
/// are broken.
#[must_use]
pub fn cell(raw: &str, shape: Shape) -> Option<Cell<'_>> {
    let bytes = raw.as_bytes();
    Some(match (bytes.first()?, shape) {
        (b'n', _) => Cell::Null,
        (_, Shape::Json) => Cell::Json(raw),
        (b't', Shape::Scalar) => Cell::Bool(true),
        (b'f', Shape::Scalar) => Cell::Bool(false),
        (b'{' | b'[', Shape::Scalar) => Cell::Json(raw),
        (b'"', Shape::Scalar) => Cell::Text(string(raw)?),
        (_, Shape::Scalar) => Cell::Number(raw),
    })
}

/// A JSON string without its quotes; borrowed unless it has escapes.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    if raw.as_bytes().contains(&b'\\') {
        serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
    } else {
        raw.get(1..raw.len() - 1).map(Cow::Borrowed)
    }
}

struct Level<'r, 'f, 't, 'c, 'de> {
    reader: &'r mut ObjectReader<'t, 'c, 'de>,
    fields: &'f Fields,
}

impl<'de> DeserializeSeed<'de> for Level<'_, '_, '_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Level<'_, '_, '_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut before = None;
        while let Some(name) = map.next_key_seed(Name)? {
            let Some(node) = self.fields.get(&name, before) else {
                if self.reader.reject_unknown {
                    self.reader.bad.get_or_insert(BadRecord::UnknownField {
                        field: name.into_owned(),
                    });
                }
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            before = Some(node);
            let raw: &'de str = map.next_value::<&RawValue>()?.get();
            self.reader.put(node, raw);
            // A nested object is read again for its fields; only paths pay.
            if let Some(below) = &node.below
                && raw.starts_with('{')
            {
                self.reader
                    .read(below, raw)
                    .map_err(|_| A::Error::custom("nested object"))?;
            }
        }
        Ok(())
    }
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
