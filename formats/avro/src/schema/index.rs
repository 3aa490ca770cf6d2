//! The texts of a schema as JSON, and the names that they define.

use crate::SchemaError;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Bytes of a schema and its references together. A registry keeps one in a record of
/// Kafka, which is a megabyte unless somebody says otherwise; as a tree in memory they
/// take some thirty times as much.
const MAX_BYTES: usize = 4 << 20;

/// The texts as JSON, the schema's own first, each with what people call it. The parser
/// bounds their depth (128), and so that of every walk over them.
pub fn texts(text: &str, references: &[(&str, &str)]) -> Result<Vec<(String, Value)>, SchemaError> {
    let bytes = references.iter().map(|(_, text)| text.len()).sum::<usize>();
    if text.len() + bytes > MAX_BYTES {
        return Err(SchemaError::TooLarge {
            what: "bytes of the schema with its references",
            limit: MAX_BYTES,
        });
    }
    let own = [("the schema".to_owned(), text)];
    let others = references
        .iter()
        .map(|(name, text)| (format!("the reference \"{name}\""), *text));
    let parsed = own.into_iter().chain(others).map(|(of, text)| {
        match serde_json::from_str(text) {
            Ok(json) => Ok((of, json)),
            // A schema that is one name may stand without its quotes: `string`.
            Err(_) if super::build::is_primitive(text.trim()) => {
                Ok((of, Value::String(text.trim().to_owned())))
            }
            Err(why) => Err(SchemaError::NotJson {
                of,
                why: why.to_string(),
            }),
        }
    });
    parsed.collect()
}

/// The named types of all texts, by their full names.
#[derive(Debug, Default)]
pub struct Names<'j>(HashMap<String, &'j Map<String, Value>>);

impl<'j> Names<'j> {
    /// Those that the texts define.
    pub fn of(texts: &'j [(String, Value)]) -> Result<Self, SchemaError> {
        let mut names = Self::default();
        for (_, json) in texts {
            names.gather(json, "")?;
        }
        Ok(names)
    }

    /// A definition, by its full name.
    pub fn get(&self, full_name: &str) -> Option<&'j Map<String, Value>> {
        self.0.get(full_name).copied()
    }

    fn gather(&mut self, json: &'j Value, namespace: &str) -> Result<(), SchemaError> {
        let object = match json {
            Value::Array(branches) => {
                return branches.iter().try_for_each(|b| self.gather(b, namespace));
            }
            Value::Object(object) => object,
            _ => return Ok(()),
        };
        match object.get("type") {
            Some(Value::String(word)) => match word.as_str() {
                "record" | "error" | "enum" | "fixed" => self.define(object, namespace),
                "array" => self.within(object, "items", namespace),
                "map" => self.within(object, "values", namespace),
                _ => Ok(()),
            },
            Some(inner @ (Value::Object(_) | Value::Array(_))) => self.gather(inner, namespace),
            _ => Ok(()),
        }
    }

    fn within(
        &mut self,
        object: &'j Map<String, Value>,
        of: &str,
        namespace: &str,
    ) -> Result<(), SchemaError> {
        object
            .get(of)
            .map_or(Ok(()), |inner| self.gather(inner, namespace))
    }

    fn define(&mut self, json: &'j Map<String, Value>, outer: &str) -> Result<(), SchemaError> {
        let name = full_name(json, outer)?;
        let inner = namespace_of(&name).to_owned();
        match self.0.entry(name) {
            Entry::Vacant(free) => free.insert(json),
            Entry::Occupied(taken) => {
                return Err(SchemaError::DefinedTwice {
                    name: taken.key().clone(),
                });
            }
        };
        let fields = json.get("fields").and_then(Value::as_array);
        for field in fields.into_iter().flatten() {
            if let Some(json) = field.get("type") {
                self.gather(json, &inner)?;
            }
        }
        Ok(())
    }
}

/// The full name of a definition, in a namespace around it.
pub fn full_name(json: &Map<String, Value>, outer: &str) -> Result<String, SchemaError> {
    let text = |key| json.get(key).and_then(Value::as_str);
    let name = text("name")
        .filter(|name| !name.is_empty())
        .ok_or_else(|| SchemaError::NotSchema {
            at: format!("a type in the namespace \"{outer}\""),
            what: "a record, an enum and a fixed need a name",
        })?;
    Ok(join(name, text("namespace").unwrap_or(outer)))
}

/// A name that may be a full one already, in a namespace.
pub fn join(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

/// What stands before the last dot of a full name.
pub fn namespace_of(full_name: &str) -> &str {
    full_name.rsplit_once('.').map_or("", |(space, _)| space)
}
