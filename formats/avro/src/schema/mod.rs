//! A schema, read from its JSON into a flat list of types that name each other by
//! number: recursive types need no tree, and walking them no look-up of names.

mod build;
mod index;
mod logical;
mod node;

pub use node::{Kind, Node};

use crate::SchemaError;
use plimsoll_record::semantic::{Chars, Octets, Parts, Whole};
use std::sync::Arc;

/// The writer's schema. Cheap to clone.
///
/// What only readers have is not read: aliases, defaults, the order of sorting.
#[derive(Debug, Clone)]
pub struct Schema {
    pub(crate) types: Arc<Types>,
    pub(crate) root: TypeId,
    /// Whether bytes that are the whole value stand without their length.
    pub(crate) bare_bytes: bool,
}

impl Schema {
    /// Reads the JSON of a schema. References are schemas whose types it may name: by
    /// the names that stand in them, in any order.
    ///
    /// # Errors
    /// [`SchemaError`]: it is not a schema, or larger than any sensible one.
    pub fn parse(text: &str, references: &[(&str, &str)]) -> Result<Self, SchemaError> {
        let texts = index::texts(text, references)?;
        let names = index::Names::of(&texts)?;
        let (types, root) = build::build(&texts[0].1, names)?;
        Ok(Self {
            types: Arc::new(types),
            root,
            bare_bytes: false,
        })
    }

    /// The same for bytes that Confluent's serializers write: where the whole value is
    /// bytes, they stand without a length, and reach to the end.
    #[must_use]
    pub fn with_bare_bytes(mut self) -> Self {
        self.bare_bytes = true;
        self
    }

    /// What a value of it is, for people and for envelopes.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node::new(&self.types, self.root)
    }
}

/// A type, by its place in [`Types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(u32);

/// All types of a schema.
#[derive(Debug)]
pub struct Types(Vec<Type>);

impl Types {
    /// One of them.
    pub fn get(&self, id: TypeId) -> &Type {
        &self.0[id.0 as usize]
    }
}

/// A type.
#[derive(Debug)]
pub struct Type {
    /// How its values stand in bytes, and what they mean.
    pub base: Base,
    /// What is said of it besides.
    pub notes: Option<Box<Notes>>,
}

/// What is said of a type besides.
#[derive(Debug, Default)]
pub struct Notes {
    /// Its name, with its namespace, of a named type.
    pub full_name: Option<Box<str>>,
    /// `connect.name`
    pub connect_name: Option<Box<str>>,
    /// `connect.parameters`
    pub parameters: Vec<(Box<str>, Box<str>)>,
}

/// How values stand in bytes, and what they mean.
#[derive(Debug)]
pub enum Base {
    /// `null`
    Null,
    /// `boolean`
    Boolean,
    /// `int`
    Int(Option<Whole>),
    /// `long`
    Long(Option<Whole>),
    /// `float`
    Float,
    /// `double`
    Double,
    /// `bytes`
    Bytes(Option<Octets>),
    /// `string`
    String(Option<Chars>),
    /// `fixed`, of so many bytes.
    Fixed(u32, Option<Octets>),
    /// `enum`
    Enum(Box<[Box<str>]>),
    /// `record`
    Record(Box<[RecordField]>, Option<Parts>),
    /// `array`
    Array(TypeId),
    /// `map`
    Map(TypeId),
    /// `union`
    Union(Box<[TypeId]>),
}

/// A field of a record.
#[derive(Debug)]
pub struct RecordField {
    /// Its name.
    pub name: Box<str>,
    /// The same as JSON begins a field: in quotes, with a colon.
    pub quoted: Box<str>,
    /// Its type.
    pub id: TypeId,
}

impl Base {
    /// The word of the specification.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int(_) => "int",
            Self::Long(_) => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes(_) => "bytes",
            Self::String(_) => "string",
            Self::Fixed(..) => "fixed",
            Self::Enum(_) => "enum",
            Self::Record(..) => "record",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
        }
    }
}
