//! Why a schema is of no use.

use thiserror::Error;

/// Why a schema is of no use, at all or for the fields that a table wants.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// It is not JSON.
    #[error("{of} is not JSON ({why})")]
    NotJson {
        /// The schema, or the reference by its name.
        of: String,
        /// What the parser says, and where.
        why: String,
    },
    /// It is larger than what is read.
    #[error("{what}: more than {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// It is JSON, but not a schema.
    #[error("{at}: {what}")]
    NotSchema {
        /// The type or field concerned.
        at: String,
        /// What is wrong there.
        what: &'static str,
    },
    /// A name that neither the schema nor a reference defines.
    #[error("the type \"{name}\" is not defined, in the schema or in its references")]
    UnknownType {
        /// The name, with its namespace.
        name: String,
    },
    /// A name that is defined twice.
    #[error("the type \"{name}\" is defined twice")]
    DefinedTwice {
        /// The name, with its namespace.
        name: String,
    },
    /// Columns take fields, and values of the schema have none.
    #[error("columns take fields of the {side}, and its schema is not one of a record: {kind}")]
    NotRecord {
        /// Key or value.
        side: &'static str,
        /// What it is.
        kind: &'static str,
    },
    /// A column of the table's key takes a field that the schema does not have.
    #[error("the key column \"{column}\" takes the field {path}, which the {side}'s schema lacks")]
    KeyMissing {
        /// The column.
        column: String,
        /// The field, or those that it could be.
        path: String,
        /// Key or value.
        side: &'static str,
    },
}

impl SchemaError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotJson { .. } | Self::NotSchema { .. } => {
                "is it a schema of another format? the registry's schemaType says"
            }
            Self::TooLarge { .. } => "take the schema apart, or write to the table another way",
            Self::UnknownType { .. } => "register the schema with its references",
            Self::DefinedTwice { .. } => {
                "a type that is a reference is named, and not written out again"
            }
            Self::NotRecord { .. } => "give a column the source \"value\" or \"key\": all of it",
            Self::KeyMissing { .. } => {
                "columns = { COLUMN = \"value.FIELD\" } gives a column another field; key_columns \
                 names other columns as the key"
            }
        }
    }
}
