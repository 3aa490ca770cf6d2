//! A schema, read into flat lists of messages and enums that name each other by number:
//! recursive types need no tree, and walking them no look-up of names.

mod build;
mod known;
mod meaning;
mod numbers;
mod source;

pub use meaning::{Meaning, One};
pub use numbers::Numbers;

use crate::SchemaError;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use source::{is_binary, packed, set};

/// The writer's schema. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schema {
    pub(crate) types: Arc<Types>,
    /// The messages of the file itself, without those of its imports.
    pub(crate) declared: Arc<[Declared]>,
}

impl Schema {
    /// Reads the text of a `.proto` file, or its `FileDescriptorProto` in base64.
    /// References are such files, too, by the names under which they are imported, in
    /// any order. What Google and Confluent give along need not be among them.
    ///
    /// # Errors
    /// [`SchemaError`]: it is not a schema, or larger than any sensible one.
    pub fn parse(text: &str, references: &[(&str, &str)]) -> Result<Self, SchemaError> {
        build::build(&source::read(text, references)?)
    }

    /// A message of the file or of its imports, by its name with the package.
    #[must_use]
    pub fn message(&self, name: &str) -> Option<MessageId> {
        self.types.named(name)
    }
}

/// A message that a file declares.
#[derive(Debug)]
pub struct Declared {
    /// Which one it is.
    pub id: MessageId,
    /// Those that are declared within it.
    pub within: Vec<Declared>,
    /// Whether nobody wrote it: what an entry of a map is.
    pub is_entry: bool,
}

/// A message, by its place in [`Types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageId(u32);

/// An enum, by its place in [`Types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnumId(u32);

/// All types of a schema.
#[derive(Debug)]
pub struct Types {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    names: HashMap<Box<str>, MessageId>,
    /// The longest JSON of a message that has no field.
    pub widest: usize,
}

impl Types {
    /// One of the messages.
    #[inline]
    pub fn message(&self, id: MessageId) -> &Message {
        &self.messages[id.0 as usize]
    }

    /// One of the enums.
    pub fn of_enum(&self, id: EnumId) -> &Enum {
        &self.enums[id.0 as usize]
    }

    /// A message by its name with the package.
    pub fn named(&self, name: &str) -> Option<MessageId> {
        self.names.get(name).copied()
    }
}

/// A message.
#[derive(Debug)]
pub struct Message {
    /// Its name with the package.
    pub name: Box<str>,
    /// Its fields, as they are declared.
    pub fields: Box<[MessageField]>,
    /// Their places, by their numbers.
    pub numbers: Numbers,
    /// Of how many fields at most one is set: so many sets of them.
    pub oneofs: u32,
    /// What it is, where it is more than its fields.
    pub meaning: Meaning,
}

/// A field of a message.
#[derive(Debug)]
pub struct MessageField {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: Box<str>,
    /// The same as JSON begins a field: in quotes, with a colon.
    pub quoted: Box<str>,
    /// What its values are.
    pub kind: FieldKind,
    /// How many there are.
    pub count: Count,
    /// Of which set of fields it is one, if of any.
    pub oneof: Option<u32>,
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// One, also where none was written: its type's zero.
    Always,
    /// One or none.
    Maybe,
    /// Any number.
    List,
    /// Any number of messages, each a key and a value.
    Map,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A single value.
    Scalar(Scalar),
    /// A message; `group`: written as one, between tags.
    Message {
        /// Which one.
        id: MessageId,
        /// Whether it stands between tags.
        group: bool,
    },
}

/// A single value: Protobuf's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Scalar {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    String,
    Bytes,
    Enum(EnumId),
}

/// An enum.
#[derive(Debug)]
pub struct Enum {
    /// Names by their numbers, in the order of numbers; of several for one the first.
    names: Box<[(i32, Box<str>)]>,
    /// What stands for a value that was not written.
    pub zero: i32,
}

impl Enum {
    /// The name of a number, if it has one.
    #[inline]
    pub fn name(&self, number: i32) -> Option<&str> {
        // Most are counted from zero on.
        let guess = usize::try_from(number)
            .ok()
            .and_then(|at| self.names.get(at));
        match guess {
            Some((found, name)) if *found == number => Some(name),
            Some(_) | None => {
                let found = self
                    .names
                    .binary_search_by_key(&number, |(number, _)| *number);
                found.ok().map(|at| &*self.names[at].1)
            }
        }
    }
}
