//! Why a record cannot become a row. No variant holds a value of the record.

use super::MAX_ROWS;
use super::fault::Fault;
use super::format::Side;
use super::mapping::Unmade;
use super::route::Unrouted;
use crate::{Looks, Unframed};
use std::fmt;

/// Why a record cannot become a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadRecord {
    /// The value is no JSON.
    ValueNotJson {
        /// The byte at which parsing stopped.
        at: usize,
        /// What it seems to be.
        looks: Option<Looks>,
    },
    /// The value is JSON, but no object, and columns ask for fields.
    ValueNotObject,
    /// The key is no JSON object, and a column asks for a field of it.
    KeyNotObject,
    /// A string with an escape that is none.
    BadString {
        /// The column that it was for.
        column: String,
    },
    /// A field that no column takes, with `unknown_fields = "reject"`.
    UnknownField {
        /// The field's name.
        field: String,
    },
    /// A key column without a value.
    KeyMissing {
        /// The key column.
        column: String,
        /// Whose bytes bring a schema, as Kafka Connect's JSON does, which their format
        /// does not read.
        brings_schema: Option<Side>,
    },
    /// A value that is not one of its envelope's change events.
    NotAnEvent(Sender),
    /// A change event that is about rows, and has none.
    EventWithoutRow(Sender),
    /// More rows than a record may have.
    TooManyRows,
    /// What is to be an array, of which every element is a row, is none.
    NotAnArray {
        /// Where it stands, as the config says it.
        source: String,
    },
    /// An element of that array is no object, and columns take fields of it.
    ItemNotObject {
        /// Its place, counted from 0.
        index: usize,
    },
    /// A value that the source did not send, where no row has it.
    ValueUnavailable {
        /// The column that it is for.
        column: String,
    },
    /// A change event's value that may mean several things, as nothing tells its type.
    Ambiguous {
        /// The column that it is for.
        column: String,
    },
    /// A text that should be bytes, each as the character of its number, and is not.
    NoBytes {
        /// The column that it is for.
        column: String,
    },
    /// A value that is not what its column was told to make something of.
    Unmade {
        /// The column that it is for.
        column: String,
        /// What could not be made.
        why: Unmade,
    },
    /// No table is known for it.
    Unrouted {
        /// What should tell it, as the config says it.
        source: String,
        /// Why it does not.
        why: Unrouted,
    },
    /// A tombstone where none can be: `append` has no row to delete.
    Tombstone,
    /// Bytes without the framing that they should have.
    Unframed {
        /// Whose bytes.
        side: Side,
        /// What is wrong with them.
        why: Unframed,
    },
    /// Bytes that are another thing than the format.
    OtherFormat {
        /// Whose bytes.
        side: Side,
        /// The format, as people call it.
        format: &'static str,
        /// What they seem to be.
        looks: Looks,
    },
    /// Another message than the one that the config names.
    OtherMessage {
        /// Whose bytes.
        side: Side,
    },
    /// Another number of fields than the config names.
    FieldCount {
        /// Whose bytes.
        side: Side,
        /// How many there are.
        found: usize,
        /// How many it names.
        named: usize,
    },
    /// Bytes of a format whose values have types that do not read as a value, or not as
    /// one that a cell can take.
    Binary {
        /// Which bytes.
        side: Side,
        /// The format, as people call it.
        format: &'static str,
        /// What is wrong.
        fault: Fault,
        /// The byte at which reading stopped.
        at: usize,
        /// The column that was being filled, if one was.
        column: Option<String>,
    },
}

/// Whose change events an envelope reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Debezium's.
    Debezium,
    /// Maxwell's.
    Maxwell,
    /// Those of Canal, as flat messages.
    Canal,
}

impl Sender {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debezium => "Debezium",
            Self::Maxwell => "Maxwell",
            Self::Canal => "Canal",
        }
    }

    /// The field that says what an event does.
    const fn mark(self) -> &'static str {
        match self {
            Self::Debezium => "op",
            Self::Maxwell | Self::Canal => "type",
        }
    }

    /// The field that holds the rows.
    const fn rows(self) -> &'static str {
        match self {
            Self::Debezium => "after",
            Self::Maxwell | Self::Canal => "data",
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Debezium => {
                "for events that ExtractNewRecordState flattened, envelope = \"debezium_flat\"; for \
                 those that bring their schema, format = \"connect_json\""
            }
            Self::Maxwell => {
                "other senders have envelopes of their own; rows alone have envelope = \"none\""
            }
            Self::Canal => {
                "set canal.mq.flatMessage = true: only flat messages are read; other senders have \
                 envelopes of their own"
            }
        }
    }
}

/// What to do about a value that the source did not send.
pub const UNAVAILABLE_HINT: &str = "ALTER TABLE … REPLICA IDENTITY FULL in the source database \
     makes it send every value of a row";

impl BadRecord {
    /// The column concerned, where there is one.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::BadString { column }
            | Self::KeyMissing { column, .. }
            | Self::Ambiguous { column }
            | Self::NoBytes { column }
            | Self::Unmade { column, .. }
            | Self::ValueUnavailable { column } => Some(column),
            Self::Binary { column, .. } => column.as_deref(),
            Self::ValueNotJson { .. }
            | Self::ValueNotObject
            | Self::KeyNotObject
            | Self::UnknownField { .. }
            | Self::NotAnEvent(_)
            | Self::EventWithoutRow(_)
            | Self::TooManyRows
            | Self::Unrouted { .. }
            | Self::NotAnArray { .. }
            | Self::ItemNotObject { .. }
            | Self::Tombstone
            | Self::OtherFormat { .. }
            | Self::OtherMessage { .. }
            | Self::FieldCount { .. }
            | Self::Unframed { .. } => None,
        }
    }

    /// A word for logs, metrics and the dead-letter table.
    #[must_use]
    pub fn condition(&self) -> &'static str {
        match self {
            Self::ValueNotJson { .. } => "value_not_json",
            Self::ValueNotObject => "value_not_object",
            Self::KeyNotObject => "key_not_object",
            Self::BadString { .. } => "bad_string",
            Self::UnknownField { .. } => "unknown_field",
            Self::KeyMissing { .. } => "key_missing",
            Self::NotAnEvent(_) => "not_a_change_event",
            Self::EventWithoutRow(_) => "event_without_row",
            Self::TooManyRows => "too_many_rows",
            Self::NotAnArray { .. } => "not_an_array",
            Self::ItemNotObject { .. } => "item_not_object",
            Self::ValueUnavailable { .. } => "value_unavailable",
            Self::Ambiguous { .. } => "ambiguous_value",
            Self::NoBytes { .. } => "invalid_bytes",
            Self::Unmade { why, .. } => why.condition(),
            Self::Unrouted { why, .. } => why.condition(),
            Self::Tombstone => "tombstone",
            Self::Unframed { why, .. } => why.condition(),
            Self::OtherFormat { .. } => "other_format",
            Self::OtherMessage { .. } => "other_message",
            Self::FieldCount { .. } => "wrong_field_count",
            Self::Binary { fault, .. } => fault.condition(),
        }
    }

    /// The same, found in bytes that so many others stand before: what frames them.
    #[must_use]
    pub fn behind(mut self, bytes: usize) -> Self {
        match &mut self {
            Self::Binary { at, .. } | Self::ValueNotJson { at, .. } => *at += bytes,
            Self::ValueNotObject
            | Self::KeyNotObject
            | Self::BadString { .. }
            | Self::UnknownField { .. }
            | Self::KeyMissing { .. }
            | Self::NotAnEvent(_)
            | Self::EventWithoutRow(_)
            | Self::TooManyRows
            | Self::Unrouted { .. }
            | Self::NotAnArray { .. }
            | Self::ItemNotObject { .. }
            | Self::ValueUnavailable { .. }
            | Self::Ambiguous { .. }
            | Self::NoBytes { .. }
            | Self::Unmade { .. }
            | Self::Unframed { .. }
            | Self::OtherFormat { .. }
            | Self::OtherMessage { .. }
            | Self::FieldCount { .. }
            | Self::Tombstone => {}
        }
        self
    }
}

fn brings_schema(side: Side, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let side = side.as_str();
    write!(
        f,
        "; hint: where the {side} brings its schema, as Kafka Connect writes it, {side} = {{ \
         format = \"connect_json\" }}"
    )
}

fn not_json(at: usize, looks: Option<Looks>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "the value is not JSON (byte {at})")?;
    match looks {
        Some(Looks::Framed(framing)) => write!(
            f,
            "; hint: it begins as a registry's serializers write: set the format and the framing of \
             the topic, such as format = \"avro\", framing = \"{}\"",
            framing.as_str()
        ),
        Some(looks) => write!(f, "; hint: {}", looks.hint()),
        None => Ok(()),
    }
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ValueNotJson { at, looks } => not_json(*at, *looks, f),
            Self::ValueNotObject => {
                f.write_str("the value is not a JSON object, and columns take fields of it")
            }
            Self::KeyNotObject => {
                f.write_str("the key is not a JSON object, and columns take fields of it")
            }
            Self::BadString { column } => {
                write!(f, "the string for column \"{column}\" has a broken escape")
            }
            Self::UnknownField { field } => {
                write!(f, "the field \"{field}\" has no column")?;
                match field.as_str() {
                    "schema" | "payload" => brings_schema(Side::Value, f),
                    _ => Ok(()),
                }
            }
            Self::KeyMissing {
                column,
                brings_schema: side,
            } => {
                write!(f, "the key column \"{column}\" has no value")?;
                side.map_or(Ok(()), |side| brings_schema(side, f))
            }
            Self::NotAnEvent(sender) => write!(
                f,
                "the value is not a change event of {}: it has no \"{}\" that is one of its own; \
                 hint: {}",
                sender.as_str(),
                sender.mark(),
                sender.hint()
            ),
            Self::EventWithoutRow(sender) => write!(
                f,
                "the change event puts a row, and its \"{}\" has none",
                sender.rows()
            ),
            Self::TooManyRows => write!(
                f,
                "the record has more than {MAX_ROWS} rows; hint: let the sender write fewer rows \
                 into a record"
            ),
            Self::NotAnArray { source } => write!(
                f,
                "\"{source}\" is not an array, and explode makes a row of each of its elements; \
                 hint: explode names the array itself; a record without it has no rows"
            ),
            Self::ItemNotObject { index } => write!(
                f,
                "element {index} of the array is not an object, and columns take fields of it; \
                 hint: a column takes a whole element with \"item\""
            ),
            Self::ValueUnavailable { column } => write!(
                f,
                "the source did not send the value of column \"{column}\", and no row has it; \
                 hint: {UNAVAILABLE_HINT}"
            ),
            Self::Ambiguous { column } => write!(
                f,
                "without a schema, nothing tells what the value for column \"{column}\" means; \
                 hint: set decimal.handling.mode = string and time.precision.mode = isostring in \
                 the connector and decimals = \"digits\" here, or use a column of text"
            ),
            Self::NoBytes { column } => write!(
                f,
                "the text for column \"{column}\" is not bytes, which Canal writes as the \
                 characters of their numbers; hint: use a column of text"
            ),
            Self::Unmade { column, why } => write!(
                f,
                "the value for column \"{column}\" {}; hint: {}",
                why.what(),
                why.hint()
            ),
            Self::Unrouted { source, why } => write!(
                f,
                "\"{source}\", which tells the table, {}; hint: {}",
                why.what(),
                why.hint()
            ),
            Self::Tombstone => f.write_str("a tombstone, and mode \"append\" has no row to delete"),
            Self::Unframed { side, why } => why.tell(*side, f),
            Self::OtherFormat {
                side,
                format,
                looks,
            } => write!(
                f,
                "the {} is not {format}; hint: {}",
                side.as_str(),
                looks.hint()
            ),
            Self::OtherMessage { side } => write!(
                f,
                "the {} is another message than the one that the config names; hint: without \
                 message = \"…\" any message of the schema is read",
                side.as_str()
            ),
            Self::FieldCount { side, found, named } => write!(
                f,
                "the {} has another number of fields, {found}, than the config names, {named}; \
                 hint: look at fields, delimiter and quote",
                side.as_str()
            ),
            Self::Binary {
                side,
                format,
                fault,
                at,
                column,
            } => {
                write!(f, "the {} as {format} {}", side.as_str(), fault.what())?;
                write!(f, " (byte {at})")?;
                if let Some(column) = column {
                    write!(f, ", for column \"{column}\"")?;
                }
                write!(f, "; hint: {}", fault.hint())
            }
        }
    }
}
