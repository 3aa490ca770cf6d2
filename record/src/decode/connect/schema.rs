//! The text of a schema → what values are.

use super::scalar::Scalar;
use crate::semantic::{Chars, Octets, Parts, Whole};
use serde_json::Value;
use std::collections::HashMap;

/// What a value is, if it is not null.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// A single value.
    Scalar(Scalar),
    /// An object with these fields, and the one value that it may be.
    Struct(HashMap<String, Type>, Option<Parts>),
    /// An array of values.
    Array(Box<Type>),
    /// An object with a value for each key.
    Map(Box<Type>),
    /// An array of pairs: a map whose keys are not texts.
    Pairs(Box<(Type, Type)>),
}

impl Type {
    /// Reads a schema; `None`: it is none. It is no deeper than serde_json reads (128), so
    /// that what walks along it needs no bound of its own.
    pub fn read(text: &str) -> Option<Self> {
        Self::of(&serde_json::from_str(text).ok()?)
    }

    /// Of a schema that is read.
    pub fn of(schema: &Value) -> Option<Self> {
        let name = schema["name"].as_str().unwrap_or_default();
        let parameter = |key: &str| schema["parameters"][key].as_str();
        let int = |bits| Scalar::Int(bits, Whole::named(name));
        Some(Self::Scalar(match schema["type"].as_str()? {
            "int8" => int(8),
            "int16" => int(16),
            "int32" => int(32),
            "int64" => int(64),
            "float" => Scalar::Float,
            "double" => Scalar::Double,
            "boolean" => Scalar::Boolean,
            "string" => Chars::named(name).map_or(Scalar::String, Scalar::Chars),
            "bytes" => Octets::named(name, parameter).map_or(Scalar::Bytes, Scalar::Octets),
            "struct" => return Self::of_fields(schema, Parts::named(name)),
            "array" => return Some(Self::Array(Box::new(Self::of(&schema["items"])?))),
            "map" => {
                let (keys, values) = (&schema["keys"], Self::of(&schema["values"])?);
                return Some(match keys["type"] == "string" {
                    true => Self::Map(Box::new(values)),
                    false => Self::Pairs(Box::new((Self::of(keys)?, values))),
                });
            }
            _ => return None,
        }))
    }

    fn of_fields(schema: &Value, parts: Option<Parts>) -> Option<Self> {
        let fields = schema["fields"].as_array()?.iter();
        let field = |field: &Value| Some((field["field"].as_str()?.to_owned(), Self::of(field)?));
        let fields: HashMap<String, Self> = fields.map(field).collect::<Option<_>>()?;
        let has_all = |parts: &Parts| parts.needs().iter().all(|name| fields.contains_key(*name));
        let parts = parts.filter(has_all);
        Some(Self::Struct(fields, parts))
    }
}
