//! Why a schema is of no use.

use thiserror::Error;

/// Why a schema is of no use, at all or for the fields that a table wants.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// It is neither the text of a file nor a descriptor.
    #[error("{of} is no schema of Protobuf ({why})")]
    NotSchema {
        /// The schema, or the reference by its name.
        of: String,
        /// What the parser says, and where.
        why: String,
    },
    /// Its types do not fit together.
    #[error("the schema does not hold: {why}")]
    Broken {
        /// What is wrong.
        why: String,
    },
    /// A type is not there, and neither is a file that is imported.
    #[error("the import \"{name}\" is missing ({why})")]
    ImportMissing {
        /// The file's name.
        name: String,
        /// What is wrong without it.
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
    /// It has no message of a name.
    #[error("it has no message \"{name}\"")]
    NoMessage {
        /// The name.
        name: String,
    },
    /// It has no message where a record says that its own is declared.
    #[error("it has no message with the indexes {indexes:?}, which a record names")]
    NoIndex {
        /// The way to it.
        indexes: Vec<u16>,
    },
    /// Two messages may be meant.
    #[error(
        "the indexes {indexes:?} of a record may mean \"{}\" and \"{}\"",
        names[0],
        names[1]
    )]
    Ambiguous {
        /// The way to them.
        indexes: Vec<u16>,
        /// What they are called.
        names: [String; 2],
    },
    /// Nothing says which one of its messages a record is.
    #[error("nothing tells which of its messages the {side} is")]
    Untold {
        /// Key or value.
        side: &'static str,
    },
    /// A column of the table's key takes a field that the message does not have.
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
            Self::NotSchema { .. } => {
                "proto2 and proto3 are read, as text, or as a descriptor in base64"
            }
            Self::Broken { .. } => "protoc says more about it",
            Self::ImportMissing { .. } => {
                "register the schema with its references; of a schema_file, imports lie beside \
                 it, or in a descriptor set: protoc --include_imports --descriptor_set_out=FILE"
            }
            Self::TooLarge { .. } => "take the schema apart, or write to the table another way",
            Self::NoMessage { .. } => "message = \"package.Name\" names one that the schema has",
            Self::NoIndex { .. } => "was the record written with another schema?",
            Self::Ambiguous { .. } | Self::Untold { .. } => {
                "say which one it is: message = \"package.Name\""
            }
            Self::KeyMissing { .. } => {
                "columns = { COLUMN = \"value.FIELD\" } gives a column another field; key_columns \
                 names other columns as the key"
            }
        }
    }
}
