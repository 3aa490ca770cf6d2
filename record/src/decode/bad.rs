//! Why a record cannot become a row. No variant holds a value of the record.

use std::fmt;

/// Why a record cannot become a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadRecord {
    /// The value is no JSON.
    ValueNotJson {
        /// The byte at which parsing stopped.
        at: usize,
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
    },
    /// A value that is not one of Debezium's change events.
    NotAnEvent,
    /// A change event that puts a row, and has none.
    EventWithoutRow,
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
    /// A tombstone where none can be: `append` has no row to delete.
    Tombstone,
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
            | Self::KeyMissing { column }
            | Self::Ambiguous { column }
            | Self::ValueUnavailable { column } => Some(column),
            Self::ValueNotJson { .. }
            | Self::ValueNotObject
            | Self::KeyNotObject
            | Self::UnknownField { .. }
            | Self::NotAnEvent
            | Self::EventWithoutRow
            | Self::Tombstone => None,
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
            Self::NotAnEvent => "not_a_change_event",
            Self::EventWithoutRow => "event_without_row",
            Self::ValueUnavailable { .. } => "value_unavailable",
            Self::Ambiguous { .. } => "ambiguous_value",
            Self::Tombstone => "tombstone",
        }
    }
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ValueNotJson { at } => write!(f, "the value is not JSON (byte {at})"),
            Self::ValueNotObject => {
                f.write_str("the value is not a JSON object, and columns take fields of it")
            }
            Self::KeyNotObject => {
                f.write_str("the key is not a JSON object, and columns take fields of it")
            }
            Self::BadString { column } => {
                write!(f, "the string for column \"{column}\" has a broken escape")
            }
            Self::UnknownField { field } => write!(f, "the field \"{field}\" has no column"),
            Self::KeyMissing { column } => write!(f, "the key column \"{column}\" has no value"),
            Self::NotAnEvent => f.write_str(
                "the value is not a change event of Debezium: it has no \"op\"; hint: for events \
                 that ExtractNewRecordState flattened, envelope = \"debezium_flat\"; of events with \
                 their schema, set schemas.enable = false in the converter",
            ),
            Self::EventWithoutRow => {
                f.write_str("the change event puts a row, and its \"after\" has none")
            }
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
            Self::Tombstone => f.write_str("a tombstone, and mode \"append\" has no row to delete"),
        }
    }
}
