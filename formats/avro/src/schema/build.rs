//! From JSON and names to types. Named types wait in a queue, so that no chain of names
//! makes a deep stack; what stands within one text is as deep as its JSON.

use super::index::{Names, full_name, join, namespace_of};
use super::logical::Said;
use super::{Base, Notes, RecordField, Type, TypeId, Types};
use crate::SchemaError;
use plimsoll_record::semantic::Parts;
use serde_json::{Map, Value};
use std::collections::{HashMap, VecDeque};

/// Types of a schema. A field of a type that stands for itself (`int`) takes none.
const MAX_TYPES: usize = 1 << 16;

/// A type that has no more than a name.
type Primitive = (&'static str, fn() -> Base);

/// All of them, in the order of their places.
const PRIMITIVES: [Primitive; 8] = [
    ("null", || Base::Null),
    ("boolean", || Base::Boolean),
    ("int", || Base::Int(None)),
    ("long", || Base::Long(None)),
    ("float", || Base::Float),
    ("double", || Base::Double),
    ("bytes", || Base::Bytes(None)),
    ("string", || Base::String(None)),
];

/// Whether a word is the name of a primitive type.
pub fn is_primitive(word: &str) -> bool {
    primitive(word).is_some()
}

fn primitive(word: &str) -> Option<TypeId> {
    let at = PRIMITIVES.iter().position(|(name, _)| *name == word)?;
    u32::try_from(at).ok().map(TypeId)
}

/// The types of a schema, and that of its values.
pub fn build(json: &Value, names: Names<'_>) -> Result<(Types, TypeId), SchemaError> {
    let mut it = Build {
        names,
        types: PRIMITIVES.iter().map(|(_, base)| plain(base())).collect(),
        built: HashMap::new(),
        waiting: VecDeque::new(),
    };
    let root = it.any(json, "")?;
    while let Some((id, name)) = it.waiting.pop_front() {
        it.definition(id, &name)?;
    }
    Ok((Types(it.types), root))
}

fn plain(base: Base) -> Type {
    Type { base, notes: None }
}

struct Build<'j> {
    names: Names<'j>,
    types: Vec<Type>,
    built: HashMap<String, TypeId>,
    waiting: VecDeque<(TypeId, String)>,
}

impl Build<'_> {
    fn add(&mut self, base: Base, notes: Option<Box<Notes>>) -> Result<TypeId, SchemaError> {
        if self.types.len() >= MAX_TYPES {
            return Err(SchemaError::TooLarge {
                what: "types of the schema",
                limit: MAX_TYPES,
            });
        }
        self.types.push(Type { base, notes });
        // In range: the bound is.
        Ok(TypeId(self.types.len() as u32 - 1))
    }

    fn any(&mut self, json: &Value, namespace: &str) -> Result<TypeId, SchemaError> {
        match json {
            Value::String(word) => match primitive(word) {
                Some(id) => Ok(id),
                None => self.named(word, namespace),
            },
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(object) => match object.get("type") {
                Some(Value::String(word)) => self.object(object, word, namespace),
                Some(inner @ (Value::Object(_) | Value::Array(_))) => self.any(inner, namespace),
                _ => Err(wrong(namespace, "a type needs a \"type\"")),
            },
            _ => Err(wrong(
                namespace,
                "a type is a name, an object, or an array of types",
            )),
        }
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<TypeId, SchemaError> {
        if branches.iter().any(Value::is_array) {
            return Err(wrong(namespace, "a union stands directly within a union"));
        }
        let branches: Result<Box<[TypeId]>, _> =
            branches.iter().map(|b| self.any(b, namespace)).collect();
        self.add(Base::Union(branches?), None)
    }

    fn object(
        &mut self,
        object: &Map<String, Value>,
        word: &str,
        namespace: &str,
    ) -> Result<TypeId, SchemaError> {
        let mut within = |of, what| match object.get(of) {
            Some(inner) => self.any(inner, namespace),
            None => Err(wrong(namespace, what)),
        };
        match word {
            "record" | "error" | "enum" | "fixed" => {
                let name = full_name(object, namespace)?;
                self.wait_for(name)
            }
            "array" => {
                let items = within("items", "an array needs \"items\"")?;
                self.add(Base::Array(items), Said::of(object).notes(None))
            }
            "map" => {
                let values = within("values", "a map needs \"values\"")?;
                self.add(Base::Map(values), Said::of(object).notes(None))
            }
            _ => match primitive(word) {
                Some(id) => self.annotated(id, object),
                None => self.named(word, namespace),
            },
        }
    }

    /// A primitive type of which more is said.
    fn annotated(
        &mut self,
        id: TypeId,
        object: &Map<String, Value>,
    ) -> Result<TypeId, SchemaError> {
        let said = Said::of(object);
        let base = match PRIMITIVES[id.0 as usize].1() {
            Base::Int(_) => Base::Int(said.int()),
            Base::Long(_) => Base::Long(said.long()),
            Base::Bytes(_) => Base::Bytes(said.bytes()),
            Base::String(_) => Base::String(said.string()),
            other => other,
        };
        match said.notes(None) {
            None if base_is_plain(&base) => Ok(id),
            notes => self.add(base, notes),
        }
    }

    /// A type by its name: in the namespace around it, or else in none.
    fn named(&mut self, word: &str, namespace: &str) -> Result<TypeId, SchemaError> {
        let full = join(word, namespace);
        let found = [full.as_str(), word]
            .into_iter()
            .find(|name| self.names.get(name).is_some());
        match found {
            Some(name) => self.wait_for(name.to_owned()),
            None => Err(SchemaError::UnknownType { name: full }),
        }
    }

    fn wait_for(&mut self, name: String) -> Result<TypeId, SchemaError> {
        if let Some(&id) = self.built.get(&name) {
            return Ok(id);
        }
        let id = self.add(Base::Null, None)?;
        self.built.insert(name.clone(), id);
        self.waiting.push_back((id, name));
        Ok(id)
    }

    fn definition(&mut self, id: TypeId, name: &str) -> Result<(), SchemaError> {
        let Some(json) = self.names.get(name) else {
            return Err(SchemaError::UnknownType {
                name: name.to_owned(),
            });
        };
        let said = Said::of(json);
        let base = match json.get("type").and_then(Value::as_str) {
            Some("enum") => Base::Enum(symbols(json, name)?),
            Some("fixed") => {
                let size = json.get("size").and_then(Value::as_u64);
                let size = size
                    .and_then(|size| u32::try_from(size).ok())
                    .ok_or_else(|| wrong(name, "a fixed needs a \"size\""))?;
                Base::Fixed(size, said.fixed(size))
            }
            _ => {
                let fields = self.fields(json, name)?;
                let parts = Parts::named(said.connect_name().unwrap_or(name));
                let has = |needed: &&str| fields.iter().any(|field| *field.name == **needed);
                let parts = parts.filter(|parts| parts.needs().iter().all(has));
                Base::Record(fields, parts)
            }
        };
        self.types[id.0 as usize] = Type {
            base,
            notes: said.notes(Some(name)),
        };
        Ok(())
    }

    fn fields(
        &mut self,
        json: &Map<String, Value>,
        name: &str,
    ) -> Result<Box<[RecordField]>, SchemaError> {
        let namespace = namespace_of(name);
        let Some(fields) = json.get("fields").and_then(Value::as_array) else {
            return Err(wrong(name, "a record needs \"fields\""));
        };
        let mut found: Vec<RecordField> = Vec::with_capacity(fields.len());
        let mut seen = std::collections::HashSet::new();
        for field in fields {
            let (Some(Value::String(field_name)), Some(json)) =
                (field.get("name"), field.get("type"))
            else {
                return Err(wrong(name, "a field needs a \"name\" and a \"type\""));
            };
            if !seen.insert(field_name.as_str()) {
                return Err(wrong(name, "two fields have one name"));
            }
            let mut quoted = String::new();
            plimsoll_record::quote(field_name, &mut quoted);
            quoted.push(':');
            found.push(RecordField {
                name: field_name.as_str().into(),
                quoted: quoted.into(),
                id: self.any(json, namespace)?,
            });
        }
        Ok(found.into())
    }
}

fn base_is_plain(base: &Base) -> bool {
    matches!(
        base,
        Base::Null
            | Base::Boolean
            | Base::Int(None)
            | Base::Long(None)
            | Base::Float
            | Base::Double
            | Base::Bytes(None)
            | Base::String(None)
    )
}

fn symbols(json: &Map<String, Value>, name: &str) -> Result<Box<[Box<str>]>, SchemaError> {
    let what = "an enum needs \"symbols\"";
    let symbols = json.get("symbols").and_then(Value::as_array);
    let symbols = symbols.ok_or_else(|| wrong(name, what))?;
    symbols
        .iter()
        .map(|symbol| symbol.as_str().map(Box::from))
        .collect::<Option<_>>()
        .ok_or_else(|| wrong(name, what))
}

fn wrong(at: &str, what: &'static str) -> SchemaError {
    let at = match at {
        "" => "the schema".to_owned(),
        at => at.to_owned(),
    };
    SchemaError::NotSchema { at, what }
}
