//! What is read of bytes for one table: a flat list of steps, made once per schema and
//! table, and obeyed once per record.

mod compile;
mod read;
mod run;
mod unions;

use crate::SchemaError;
use crate::schema::{Schema, TypeId, Types};
use plimsoll_record::semantic::{Chars, Octets, Parts, Whole};
use plimsoll_record::{Side, Wanted};
use plimsoll_sink_api::Shape;
use std::sync::Arc;

/// Reads the fields that one table wants.
#[derive(Debug)]
pub struct Program {
    types: Arc<Types>,
    /// Whether the whole value is bytes without a length.
    bare: bool,
    side: Side,
    steps: Vec<Step>,
    /// Where each branch of each union begins among the steps.
    branches: Vec<u32>,
    /// Cells that become null together.
    nulls: Vec<u32>,
    /// Of each map: its keys, and from where to where their steps go.
    keys: Vec<Vec<(Box<str>, Steps)>>,
    /// Names of fields that nobody wants, where that is an error.
    unknown: Vec<Box<str>>,
    /// Names of columns by their cells, for messages.
    columns: Vec<(u32, Box<str>)>,
}

impl Program {
    /// For what is wanted of values of a schema.
    ///
    /// A path goes into records, maps and unions. What it leads to may be there or not:
    /// a field that the schema lacks stays as it is, and one whose record is null
    /// becomes null, as does one that another branch of a union has.
    ///
    /// # Errors
    /// [`SchemaError::KeyMissing`]: a column of the table's key would never have a value,
    /// in values that have a row at all: those of [`Wanted::root`].
    /// [`SchemaError::NotRecord`]: fields are wanted, and there are none.
    pub fn compile(schema: &Schema, wanted: &Wanted<'_>) -> Result<Self, SchemaError> {
        compile::compile(schema, wanted)
    }
}

/// Steps from one place to before another.
#[derive(Debug, Clone, Copy)]
struct Steps {
    from: u32,
    to: u32,
}

/// One step. Places are counted among the steps.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Reads a value into a cell.
    Put { cell: u32, read: Read },
    /// Goes over a value.
    Skip { id: TypeId, depth: u8 },
    /// Remembers the place among the bytes: another step reads the same value.
    Save,
    /// Back to it.
    Back,
    /// A union of null and one other type: on null, cells become null, and steps go on
    /// elsewhere.
    Nullable { null: u8, nulls: Steps, to: u32 },
    /// Another union: to the steps of its branch.
    Branch { branches: Steps },
    /// Goes on elsewhere.
    Jump { to: u32 },
    /// Cells become null.
    Null { nulls: Steps },
    /// A map: for each key that is known the steps of it, and over the values of others.
    Entries {
        keys: u32,
        values: TypeId,
        depth: u8,
        to: u32,
    },
    /// A field that nobody wants is an error.
    Unknown { name: u32 },
    /// A value without fields is an error.
    Refuse,
}

/// How a value is read.
#[derive(Debug, Clone, Copy)]
enum Read {
    Null,
    /// That there is a value, which is not gone over.
    Presence,
    Boolean,
    Bit,
    Int,
    Long,
    WholeInt(Whole),
    WholeLong(Whole),
    Float,
    Double,
    Text,
    Chars(Chars, Shape),
    Bytes,
    Octets(Octets),
    Fixed(u32),
    FixedOctets(u32, Octets),
    Symbol(TypeId),
    SymbolBytes(TypeId),
    Parts(TypeId, Parts, u8),
    Json(TypeId, u8),
    /// As it stands in the bytes, for a column of bytes.
    Encoded(TypeId, u8),
}
