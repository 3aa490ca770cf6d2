//! The seam for formats: how the bytes of a key or a value become cells.

use super::{BadRecord, Described, LookInto, UnknownFields};
use crate::{Arena, Record};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Cell, Column, Path};
use std::fmt;
use std::pin::Pin;
use uuid::Uuid;

/// What some bytes are to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Its value.
    Value,
    /// Its key, for columns that name it.
    Key,
    /// The key of a tombstone, for the columns of the table's key.
    Tombstone,
}

impl Side {
    /// Whose bytes, in a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Key | Self::Tombstone => "key",
        }
    }
}

/// A field that a column takes.
#[derive(Debug, Clone, Copy)]
pub struct Field<'t> {
    /// The way to it; empty: all that the bytes hold.
    pub path: &'t Path,
    /// The cell that takes it.
    pub cell: usize,
    /// The column, for its shape and for messages.
    pub column: &'t Column,
}

/// What is wanted of some bytes.
#[derive(Debug)]
pub struct Wanted<'t> {
    /// Whose bytes.
    pub side: Side,
    /// The fields; one may be wanted twice.
    pub fields: Vec<Field<'t>>,
    /// Of a tombstone: what takes a key that has no fields.
    pub bare: Option<Field<'t>>,
    /// What a field does that nobody wants.
    pub unknown: UnknownFields,
    /// Where [`Self::unknown`] begins to hold: at an envelope's row, and below it.
    pub root: Path,
}

impl<'t> Wanted<'t> {
    /// A column of the table's key for which no field was found, and the paths that it
    /// would take, in words. `found`: for each field, whether the schema has it.
    #[must_use]
    pub fn missing_key(&self, found: &[bool]) -> Option<(&'t Column, String)> {
        let fields = || self.fields.iter().zip(found);
        let of = |cell| fields().filter(move |(other, _)| other.cell == cell);
        let mut keys = fields().filter(|(field, _)| field.column.key);
        let (field, _) = keys.find(|(field, _)| !of(field.cell).any(|(_, found)| *found))?;
        let paths: Vec<String> = of(field.cell)
            .map(|(other, _)| format!("\"{}\"", other.path.0.join(".")))
            .collect();
        Some((field.column, paths.join(" or ")))
    }
}

/// The same, kept: for formats that compile a program for each schema that they meet.
#[derive(Debug, Clone)]
pub struct OwnedWanted {
    /// See [`Wanted::side`].
    pub side: Side,
    fields: Vec<OwnedField>,
    bare: Option<OwnedField>,
    unknown: UnknownFields,
    root: Path,
}

#[derive(Debug, Clone)]
struct OwnedField {
    path: Path,
    cell: usize,
    column: Column,
}

impl OwnedField {
    fn of(field: &Field<'_>) -> Self {
        Self {
            path: field.path.clone(),
            cell: field.cell,
            column: field.column.clone(),
        }
    }

    fn field(&self) -> Field<'_> {
        Field {
            path: &self.path,
            cell: self.cell,
            column: &self.column,
        }
    }
}

impl OwnedWanted {
    /// A copy.
    #[must_use]
    pub fn of(wanted: &Wanted<'_>) -> Self {
        Self {
            side: wanted.side,
            fields: wanted.fields.iter().map(OwnedField::of).collect(),
            bare: wanted.bare.as_ref().map(OwnedField::of),
            unknown: wanted.unknown,
            root: wanted.root.clone(),
        }
    }

    /// What was kept.
    #[must_use]
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted {
            side: self.side,
            fields: self.fields.iter().map(OwnedField::field).collect(),
            bare: self.bare.as_ref().map(OwnedField::field),
            unknown: self.unknown,
            root: self.root.clone(),
        }
    }
}

/// A format of keys or values.
pub trait Format: fmt::Debug + Send + Sync {
    /// What reads these fields. Made once per table and partition.
    fn reader(&self, wanted: &Wanted<'_>) -> Box<dyn Reader>;

    /// Whether nothing tells what its numbers and texts stand for, as in JSON.
    fn is_untyped(&self) -> bool {
        false
    }

    /// What can be said of these fields before any record is there, by formats whose
    /// fields the config tells.
    ///
    /// # Errors
    /// No record will ever have what is wanted.
    fn judge(&self, _wanted: &Wanted<'_>) -> Result<(), Unavailable> {
        Ok(())
    }

    /// What a record's bytes hold, for people. What is wrong with them is for reading to
    /// say.
    ///
    /// # Errors
    /// [`Undecoded`]
    fn describe(
        &self,
        side: Side,
        record: &Record<'_>,
        bytes: &[u8],
        into: LookInto<'_>,
    ) -> Result<Described, Undecoded>;

    /// Gets what reading needs, and keeps it for the process: what could be read once
    /// can be read again.
    fn fetch<'f>(&'f self, need: &'f Need) -> Fetching<'f>;
}

/// Getting what reading needs.
pub type Fetching<'f> = Pin<Box<dyn Future<Output = Result<(), Unavailable>> + Send + 'f>>;

/// What some bytes held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Held {
    /// A value, whose fields are in their cells.
    Value,
    /// Null: as good as no bytes, a tombstone of a value. No cell is filled. Formats say
    /// so whose null takes bytes.
    Null,
}

/// Reads the bytes of one side of a record, always to the same cells for the same
/// bytes.
pub trait Reader: fmt::Debug + Send + Sync {
    /// Fills the cells of the fields that the bytes have, and leaves the others as
    /// they are. What a cell cannot borrow from the record goes into the arena.
    ///
    /// # Errors
    /// [`Undecoded`]; cells may be filled already.
    fn read<'c>(
        &self,
        record: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded>;
}

/// Why bytes did not become cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecoded {
    /// They never will: the record is a bad one.
    Bad(BadRecord),
    /// Not now: what is needed to read them is not here yet. It is fetched, and the
    /// record is none the worse for it.
    Needs(Need),
    /// Not before somebody does something: what is needed is here and of no use, a
    /// schema that does not parse, or lacks what the table's key is made of.
    Unusable(Unavailable),
}

/// What reading needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Need {
    /// Whose bytes need it.
    pub side: Side,
    /// The schema that they were written with.
    pub schema: SchemaId,
}

/// How a record names the schema that it was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaId {
    /// Confluent's number.
    Id(u32),
    /// Confluent's GUID, of a header.
    Guid([u8; 16]),
    /// Apicurio's number of an artifact's version.
    Global(i64),
    /// Apicurio's number of a content.
    Content(i64),
    /// AWS Glue's UUID of a schema's version.
    Glue([u8; 16]),
    /// Avro's fingerprint of a schema, CRC-64-AVRO.
    Fingerprint(u64),
}

/// What reading needs cannot be had now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// [`Class::Unavailable`]: it will be there some time. [`Class::Halt`]: somebody has to do
    /// something first.
    pub class: Class,
    /// In words, without any value of a record.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unavailable {}

impl Undecoded {
    /// The same, found in bytes that so many others stand before: what frames them.
    #[must_use]
    pub fn behind(self, bytes: usize) -> Self {
        match self {
            Self::Bad(bad) => Self::Bad(bad.behind(bytes)),
            Self::Needs(_) | Self::Unusable(_) => self,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {}'s {}", self.side.as_str(), self.schema)
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "schema {id}"),
            Self::Guid(guid) => write!(f, "schema {}", Self::hyphenated(guid)),
            Self::Global(id) => write!(f, "schema with global id {id}"),
            Self::Content(id) => write!(f, "schema with content id {id}"),
            Self::Glue(version) => write!(f, "schema version {}", Self::hyphenated(version)),
            Self::Fingerprint(fingerprint) => {
                write!(f, "schema with fingerprint {fingerprint:016x}")
            }
        }
    }
}

impl SchemaId {
    /// A UUID as registries write it.
    #[must_use]
    pub fn hyphenated(uuid: &[u8; 16]) -> &uuid::fmt::Hyphenated {
        Uuid::from_bytes_ref(uuid).as_hyphenated()
    }
}

impl From<BadRecord> for Undecoded {
    fn from(bad: BadRecord) -> Self {
        Self::Bad(bad)
    }
}

impl fmt::Display for Undecoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(bad) => bad.fmt(f),
            Self::Needs(need) => write!(f, "{need} is not here yet"),
            Self::Unusable(why) => why.fmt(f),
        }
    }
}
