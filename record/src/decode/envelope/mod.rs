//! Envelopes: what stands around the row in a value, and says what becomes of it. An
//! envelope knows no format: it asks for the fields that it needs beside those of the
//! columns.

mod binlog;
mod debezium;
mod unavailable;

pub(super) use binlog::{ChangedRow, RowEvents};
pub(super) use debezium::{Change, Events};
pub use unavailable::PLACEHOLDER;

/// What stands around a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Envelope {
    /// Nothing: the value is the row.
    #[default]
    None,
    /// Debezium's change event: `before`, `after`, `op`.
    Debezium(Connector),
    /// The same, flattened by `ExtractNewRecordState`: the row, and fields that begin
    /// with two underscores.
    DebeziumFlat(Connector),
    /// Maxwell's: `type`, `data`, and what was before in `old`.
    Maxwell(SourceTables),
    /// Those of Canal, as flat messages: the same with several rows in one event.
    Canal(SourceTables),
}

impl Envelope {
    /// Fields of the row itself that are the envelope's, and no column's unless it is named.
    #[must_use]
    pub const fn own_fields(&self) -> &'static [&'static str] {
        match self {
            Self::DebeziumFlat(_) => &debezium::FLAT_MARKS,
            Self::None | Self::Debezium(_) | Self::Maxwell(_) | Self::Canal(_) => &[],
        }
    }
}

/// Whose events count, of a topic that holds those of several tables. Empty: all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceTables(pub Vec<SourceTable>);

/// A table of the database that events come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTable {
    /// Its database.
    pub database: String,
    /// Its name there.
    pub table: String,
}

/// How a connector of Debezium is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// Its word for a value that the source did not send.
    pub unavailable: String,
    /// How it writes decimals, where no schema tells.
    pub decimals: Decimals,
}

impl Default for Connector {
    fn default() -> Self {
        Self {
            unavailable: PLACEHOLDER.to_owned(),
            decimals: Decimals::Unknown,
        }
    }
}

/// How decimals are written in JSON without a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decimals {
    /// Nobody has told: what could be digits or base64 is a bad record.
    Unknown,
    /// As their digits.
    Digits,
}
