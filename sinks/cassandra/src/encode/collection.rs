//! Lists, sets, maps, tuples, UDTs and vectors, from JSON.

use super::{Refusal, cell};
use plimsoll_sink_api::Cell;
use scylla::cluster::metadata::{CollectionType, ColumnType, UserDefinedType};
use scylla::serialize::writers::{CellValueBuilder, CellWriter};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Writes JSON into a type that has parts.
pub(super) fn write(typ: &ColumnType<'_>, json: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    match typ {
        ColumnType::Collection {
            typ: CollectionType::List(element) | CollectionType::Set(element),
            ..
        } => {
            let elements = array(json)?;
            let mut builder = out.into_value_builder();
            count(elements.len(), &mut builder)?;
            for json in elements {
                inside(element, &of_json(json)?.cell(), builder.make_sub_writer())?;
            }
            done(builder)
        }
        ColumnType::Collection {
            typ: CollectionType::Map(key, value),
            ..
        } => {
            let pairs = object(json)?;
            let mut builder = out.into_value_builder();
            count(pairs.len(), &mut builder)?;
            for (name, json) in pairs {
                // JSON's names are strings, whatever they stand for.
                inside(key, &Cell::Text(&name), builder.make_sub_writer())?;
                inside(value, &of_json(json)?.cell(), builder.make_sub_writer())?;
            }
            done(builder)
        }
        ColumnType::Tuple(types) => {
            let elements = array(json)?;
            if elements.len() != types.len() {
                return Err(Refusal::Length);
            }
            let mut builder = out.into_value_builder();
            for (typ, json) in types.iter().zip(elements) {
                cell(
                    typ,
                    false,
                    &of_json(json)?.cell(),
                    builder.make_sub_writer(),
                )?;
            }
            done(builder)
        }
        ColumnType::UserDefinedType { definition, .. } => udt(definition, json, out),
        ColumnType::Vector { typ, dimensions } => vector(typ, *dimensions, json, out),
        _ => Err(Refusal::NotObject),
    }
}

/// What a type with parts takes, for a value without.
pub(super) fn wants(typ: &ColumnType<'_>) -> Refusal {
    match typ {
        ColumnType::UserDefinedType { .. }
        | ColumnType::Collection {
            typ: CollectionType::Map(..),
            ..
        } => Refusal::NotObject,
        _ => Refusal::NotArray,
    }
}

/// Fields by name; one that the record does not have is null.
fn udt(definition: &UserDefinedType<'_>, json: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    let pairs = object(json)?;
    let known = |name: &str| {
        definition
            .field_types
            .iter()
            .any(|(field, _)| field == name)
    };
    if pairs.iter().any(|(name, _)| !known(name)) {
        return Err(Refusal::UnknownField);
    }
    let mut builder = out.into_value_builder();
    for (field, typ) in &definition.field_types {
        let out = builder.make_sub_writer();
        match pairs.iter().rev().find(|(name, _)| name == field) {
            Some((_, json)) => cell(typ, false, &of_json(json)?.cell(), out)?,
            None => {
                out.set_null();
            }
        }
    }
    done(builder)
}

/// Elements of a fixed width stand without lengths, others behind an unsigned
/// vint.
fn vector(
    typ: &ColumnType<'_>,
    dimensions: u16,
    json: &str,
    out: CellWriter<'_>,
) -> Result<(), Refusal> {
    let elements = array(json)?;
    if elements.len() != usize::from(dimensions) {
        return Err(Refusal::Length);
    }
    let fixed = width(typ).is_some();
    let mut builder = out.into_value_builder();
    let mut element = Vec::new();
    for json in elements {
        let value = of_json(json)?;
        let value = value.cell();
        if fixed {
            inside(typ, &value, builder.make_sub_writer_without_size())?;
        } else {
            element.clear();
            inside(typ, &value, CellWriter::new_without_size(&mut element))?;
            let length = u64::try_from(element.len()).map_err(|_| Refusal::TooLarge)?;
            let (bytes, used) = vint(length);
            builder.append_bytes(&bytes[..used]);
            builder.append_bytes(&element);
        }
    }
    done(builder)
}

/// Bytes of a vector's element, where all have the same.
fn width(typ: &ColumnType<'_>) -> Option<usize> {
    match typ {
        ColumnType::Native(native) => native.type_size_for_vector(),
        ColumnType::Vector { typ, dimensions } => {
            width(typ).map(|each| each * usize::from(*dimensions))
        }
        _ => None,
    }
}

/// An unsigned variable-length integer: as many leading ones as bytes follow.
fn vint(value: u64) -> ([u8; 9], usize) {
    let bits = 64 - value.max(1).leading_zeros() as usize;
    // Seven bits a byte, and eight bytes at most behind the first.
    let more = ((bits - 1) / 7).min(8);
    let mut bytes = [0; 9];
    bytes[1..].copy_from_slice(&value.to_be_bytes());
    let start = 8 - more;
    let ones = !(0xff_u16 >> more) as u8;
    // With eight bytes behind it, the first has no room for the value.
    bytes[start] = ones | if more == 8 { 0 } else { bytes[start] };
    let mut out = [0; 9];
    out[..=more].copy_from_slice(&bytes[start..]);
    (out, more + 1)
}

/// A part that must be there.
fn inside(typ: &ColumnType<'_>, value: &Cell<'_>, out: CellWriter<'_>) -> Result<(), Refusal> {
    match value {
        Cell::Null | Cell::Absent | Cell::Unchanged => Err(Refusal::NullInside),
        _ => cell(typ, false, value, out),
    }
}

fn count(length: usize, builder: &mut CellValueBuilder<'_>) -> Result<(), Refusal> {
    let length = i32::try_from(length).map_err(|_| Refusal::TooLarge)?;
    builder.append_bytes(&length.to_be_bytes());
    Ok(())
}

fn done(builder: CellValueBuilder<'_>) -> Result<(), Refusal> {
    builder.finish().map(|_| ()).map_err(|_| Refusal::TooLarge)
}

fn array(json: &str) -> Result<Vec<&str>, Refusal> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| Refusal::NotArray)?;
    Ok(elements.into_iter().map(RawValue::get).collect())
}

/// Names and values in their order, repeated names too.
fn object(json: &str) -> Result<Vec<(Cow<'_, str>, &str)>, Refusal> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(Cow<'de, str>, &'de str)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                pairs.push((name.0, value.get()));
            }
            Ok(pairs)
        }
    }
    serde_json::Deserializer::from_str(json)
        .deserialize_map(Pairs)
        .map_err(|_| Refusal::NotObject)
}

/// A name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A JSON value, a string without its quotes.
enum Json<'a> {
    Text(Cow<'a, str>),
    Other(Cell<'a>),
}

impl Json<'_> {
    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Text(text) => Cell::Text(text),
            Self::Other(cell) => *cell,
        }
    }
}

/// By its first character.
fn of_json(json: &str) -> Result<Json<'_>, Refusal> {
    Ok(Json::Other(match json.as_bytes().first() {
        Some(b'"') => {
            let Name(text) = serde_json::from_str(json).map_err(|_| Refusal::NotString)?;
            return Ok(Json::Text(text));
        }
        Some(b'{' | b'[') => Cell::Json(json),
        Some(b't') => Cell::Bool(true),
        Some(b'f') => Cell::Bool(false),
        Some(b'n') => Cell::Null,
        Some(_) => Cell::Number(json),
        None => return Err(Refusal::NotString),
    }))
}
