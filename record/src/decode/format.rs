//! The seam for formats: how the bytes of a key or a value become cells.

use super::{BadRecord, UnknownFields};
use crate::{Arena, Record};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Cell, Column, Path};
use std::fmt;
use std::pin::Pin;

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

/// A format of keys or values.
pub trait Format: fmt::Debug + Send + Sync {
    /// What reads these fields. Made once per table and partition.
    fn reader(&self, wanted: &Wanted<'_>) -> Box<dyn Reader>;

    /// Whether its values have no types but JSON's own.
    fn is_untyped(&self) -> bool {
        false
    }

    /// Gets what reading needs, and keeps it for the process: what could be read once
    /// can be read again.
    fn fetch<'f>(&'f self, need: &'f Need) -> Fetching<'f>;
}

/// Getting what reading needs.
pub type Fetching<'f> = Pin<Box<dyn Future<Output = Result<(), Unavailable>> + Send + 'f>>;

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
    ) -> Result<(), Undecoded>;
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
}

/// What reading needs cannot be had now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// [`Class::Away`]: it will be there some time. [`Class::Halt`]: somebody has to do
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

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Value => "value",
            Side::Key | Side::Tombstone => "key",
        };
        write!(f, "the {side}'s schema ")?;
        match &self.schema {
            SchemaId::Id(id) => write!(f, "{id}"),
            SchemaId::Guid(guid) => write!(f, "{:032x}", u128::from_be_bytes(*guid)),
            SchemaId::Global(id) => write!(f, "with global id {id}"),
            SchemaId::Content(id) => write!(f, "with content id {id}"),
        }
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
