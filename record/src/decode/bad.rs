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
    /// A tombstone where none can be: `append` has no row to delete.
    Tombstone,
}

impl BadRecord {
    /// The column concerned, where there is one.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::BadString { column } | Self::KeyMissing { column } => Some(column),
            Self::ValueNotJson { .. }
            | Self::ValueNotObject
            | Self::KeyNotObject
            | Self::UnknownField { .. }
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
            Self::Tombstone => f.write_str("a tombstone, and mode \"append\" has no row to delete"),
        }
    }
}
