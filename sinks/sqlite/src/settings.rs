//! What the config says of a SQLite sink.

use plimsoll_sink_api::TableRule;
use std::path::PathBuf;

/// `[sinks.NAME.sqlite]`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The sink's name; the first part of every position's key.
    pub sink: String,
    /// The database file; made if missing.
    pub path: PathBuf,
    /// Whether the service applies migrations when it starts.
    pub auto_migrate: bool,
    /// Which topics go into which table.
    pub tables: Vec<TableRule>,
}
