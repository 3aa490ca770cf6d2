//! What is read of a message for one table: flat lists, made once per message and table,
//! and obeyed once per record.
//!
//! Fields come in any order, so a record leads and the program answers: to the number of
//! each field there is an [`Act`], in the [`Level`] of the message that it stands in. What
//! needs all of a field's values, a list or a message as JSON, is noted in a [`Slot`] and
//! made in the end.

mod compile;
mod cover;
mod read;
mod run;

use crate::SchemaError;
use crate::json::Key;
use crate::schema::{MessageId, Numbers, One, Scalar, Schema, Types};
use crate::walk::Writing;
use plimsoll_record::{Side, Wanted};
use plimsoll_sink_api::Cell;
use std::sync::Arc;

/// Reads the fields that one table wants of one message.
#[derive(Debug)]
pub struct Program {
    types: Arc<Types>,
    side: Side,
    levels: Vec<Level>,
    /// The record's own.
    root: u32,
    /// What is done with one value besides, where it is more than one thing.
    whats: Vec<What>,
    /// What cells are before something is read into them.
    fills: Vec<(u32, Fill)>,
    /// What cells become, and slots that are emptied, where what was read does not count.
    clears: Vec<Clear>,
    /// The maps of which single keys are wanted.
    maps: Vec<Map>,
    slots: Vec<Slot>,
    /// Slots that take the whole record.
    whole: Vec<u32>,
    /// Names of fields that nobody wants, where that is an error.
    unknown: Vec<Box<str>>,
    /// Names of columns by their cells, for messages.
    columns: Vec<(u32, Box<str>)>,
}

impl Program {
    /// For what is wanted of a message of a schema.
    ///
    /// A path goes into messages, and into maps by their keys. What it leads to may be
    /// there or not: a field that the schema lacks stays as it is, and one whose message
    /// is not set becomes null.
    ///
    /// # Errors
    /// [`SchemaError::KeyMissing`]: a column of the table's key would never have a value.
    pub fn compile(
        schema: &Schema,
        message: MessageId,
        wanted: &Wanted<'_>,
    ) -> Result<Self, SchemaError> {
        compile::compile(schema, message, wanted)
    }
}

/// From one place of a list to before another.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    from: u32,
    to: u32,
}

impl Part {
    fn of<T>(self, list: &[T]) -> &[T] {
        &list[self.from as usize..self.to as usize]
    }

    fn is_empty(self) -> bool {
        self.from == self.to
    }
}

/// What is done with the fields of a message.
#[derive(Debug)]
struct Level {
    numbers: Numbers,
    acts: Vec<Act>,
    /// What cells are once the message is there; nothing that was read is lost by it.
    fills: Part,
    /// Whether a field that nobody wants is an error.
    strict: bool,
    /// One that the schema has.
    unknown: Option<u32>,
}

/// What is done with a field.
#[derive(Debug, Clone, Copy)]
struct Act {
    /// How its values are written.
    writing: Writing,
    /// What others of its set have left.
    clears: Part,
    what: What,
}

/// What is done with a value.
#[derive(Debug, Clone, Copy)]
enum What {
    /// Nobody wants it.
    Skip,
    /// It goes into a cell.
    Put {
        cell: u32,
        scalar: Scalar,
        form: Form,
    },
    /// A cell takes that it is there. Stands only before others, in [`What::Many`].
    Presence { cell: u32 },
    /// Its place is noted.
    Note { slot: u32 },
    /// Its fields are wanted.
    Enter { level: u32 },
    /// It is an entry of a map, of which some are wanted.
    Entry { map: u32 },
    /// Several things, the last of which goes over it.
    Many { whats: Part },
}

/// The form that a column wants its value in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Its type's own.
    Own,
    /// JSON.
    Json,
    /// Bytes.
    Bytes,
    /// A truth value as 0 or 1.
    Bit,
}

/// What a cell is before something is read into it.
#[derive(Debug, Clone, Copy)]
enum Fill {
    /// Null.
    Null,
    /// What a value is that nobody wrote: zero, an empty text, an empty list.
    Cell(Cell<'static>),
    /// The same of an enum, which has a name.
    Symbol(Scalar, Form),
}

/// What is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clear {
    /// A cell is null.
    Null(u32),
    /// A cell is absent: it takes a key of a map.
    Absent(u32),
    /// Nothing was noted.
    Slot(u32),
}

/// A map of which single keys are wanted.
#[derive(Debug)]
struct Map {
    entry: MessageId,
    known: Vec<Known>,
}

/// A key that is wanted.
#[derive(Debug)]
struct Known {
    key: OwnKey,
    /// The level of its entry.
    level: u32,
    /// All that an earlier entry has left.
    clears: Part,
    /// Slots of a message, which is there even where it was not written.
    begun: Vec<u32>,
}

/// A key, kept.
#[derive(Debug)]
enum OwnKey {
    Text(Box<str>),
    Other(Key<'static>),
}

impl OwnKey {
    fn is(&self, key: Key<'_>) -> bool {
        match (self, key) {
            (Self::Text(own), Key::Text(key)) => **own == *key,
            (Self::Other(own), key) => *own == key,
            (Self::Text(_), _) => false,
        }
    }
}

/// A cell that is filled in the end, from all that was noted.
#[derive(Debug, Clone, Copy)]
struct Slot {
    cell: u32,
    make: Make,
    /// Messages around it.
    depth: u8,
}

/// What is made of what was noted.
#[derive(Debug, Clone, Copy)]
enum Make {
    /// JSON of all values of a field.
    Field { message: MessageId, place: u32 },
    /// JSON of a message.
    Message(MessageId),
    /// The value that a message stands for.
    One(MessageId, One, Form),
    /// A value of JSON.
    Value(MessageId, Form),
    /// A message as it stands in the bytes.
    Encoded,
}
