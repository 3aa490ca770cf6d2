//! A look at a schema from outside: for envelopes, which look for what they know, and
//! for `check` and `init`, which tell people what becomes of each field.

use super::{Base, Notes, TypeId, Types};
use plimsoll_record::semantic::{Chars, Octets, Parts, Whole};

/// A type of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Node<'s> {
    types: &'s Types,
    id: TypeId,
}

/// What a type is, and what its values mean.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // Avro's own words.
pub enum Kind<'s> {
    Null,
    Boolean,
    Int(Option<Whole>),
    Long(Option<Whole>),
    Float,
    Double,
    Bytes(Option<Octets>),
    String(Option<Chars>),
    Fixed(u32, Option<Octets>),
    Enum(Vec<&'s str>),
    /// With what the record is, where it is one value.
    Record(Option<Parts>),
    Array(Node<'s>),
    Map(Node<'s>),
    Union(Vec<Node<'s>>),
}

impl<'s> Node<'s> {
    pub(super) fn new(types: &'s Types, id: TypeId) -> Self {
        Self { types, id }
    }

    fn at(self, id: TypeId) -> Self {
        Self { id, ..self }
    }

    fn base(self) -> &'s Base {
        &self.types.get(self.id).base
    }

    fn notes(self) -> Option<&'s Notes> {
        self.types.get(self.id).notes.as_deref()
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind<'s> {
        match self.base() {
            Base::Null => Kind::Null,
            Base::Boolean => Kind::Boolean,
            Base::Int(whole) => Kind::Int(*whole),
            Base::Long(whole) => Kind::Long(*whole),
            Base::Float => Kind::Float,
            Base::Double => Kind::Double,
            Base::Bytes(octets) => Kind::Bytes(*octets),
            Base::String(chars) => Kind::String(*chars),
            Base::Fixed(size, octets) => Kind::Fixed(*size, *octets),
            Base::Enum(symbols) => Kind::Enum(symbols.iter().map(|s| &**s).collect()),
            Base::Record(_, parts) => Kind::Record(*parts),
            Base::Array(items) => Kind::Array(self.at(*items)),
            Base::Map(values) => Kind::Map(self.at(*values)),
            Base::Union(branches) => {
                Kind::Union(branches.iter().map(|&branch| self.at(branch)).collect())
            }
        }
    }

    /// The word of the specification.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.base().as_str()
    }

    /// The fields of a record, in their order; of other types none.
    pub fn fields(self) -> impl Iterator<Item = (&'s str, Self)> {
        let fields = match self.base() {
            Base::Record(fields, _) => &**fields,
            _ => &[],
        };
        fields
            .iter()
            .map(move |field| (&*field.name, self.at(field.id)))
    }

    /// A field of a record.
    #[must_use]
    pub fn field(self, name: &str) -> Option<Self> {
        self.fields()
            .find_map(|(found, node)| (found == name).then_some(node))
    }

    /// Without null: `T` of `[null, T]` and of `[T, null]`; else itself.
    #[must_use]
    pub fn without_null(self) -> Self {
        let is_null = |id: &TypeId| matches!(self.types.get(*id).base, Base::Null);
        match self.base() {
            Base::Union(branches) => match &**branches {
                [null, other] | [other, null] if is_null(null) && !is_null(other) => {
                    self.at(*other)
                }
                _ => self,
            },
            _ => self,
        }
    }

    /// Its name, with its namespace, of a named type.
    #[must_use]
    pub fn full_name(self) -> Option<&'s str> {
        self.notes()?.full_name.as_deref()
    }

    /// Its `connect.name`.
    #[must_use]
    pub fn connect_name(self) -> Option<&'s str> {
        self.notes()?.connect_name.as_deref()
    }

    /// One of its `connect.parameters`.
    #[must_use]
    pub fn parameter(self, name: &str) -> Option<&'s str> {
        let parameters = &self.notes()?.parameters;
        parameters
            .iter()
            .find_map(|(found, value)| (**found == *name).then_some(&**value))
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.types, other.types) && self.id == other.id
    }
}

impl Eq for Node<'_> {}
