//! What the config says of a SQLite sink.

use crate::{SqliteSink, SqliteSnapshot};
use plimsoll_sink_api::{Backend, Mode, SinkError, TableRule, rule_for};
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

impl Backend for SqliteSettings {
    const NAMES: &'static [&'static str] = &["sqlite"];
    type Sink = SqliteSink;
    type Snapshot = SqliteSnapshot;

    fn open(&self, _: &str) -> Result<SqliteSink, SinkError> {
        SqliteSink::open(self.clone())
    }

    fn open_to_look(&self, _: &str) -> Result<SqliteSink, SinkError> {
        SqliteSink::open(Self {
            auto_migrate: false,
            ..self.clone()
        })
    }

    async fn snapshot(&self) -> Result<SqliteSnapshot, SinkError> {
        SqliteSnapshot::open(self).await
    }

    fn auto_migrate(&self) -> bool {
        self.auto_migrate
    }

    fn shares_state(&self, other: &Self) -> bool {
        self.path == other.path
    }

    fn lacks_state(&self, error: &SinkError) -> bool {
        !self.path.exists() || error.detail.condition.starts_with("no such table: ")
    }

    /// A log table, or the file for it.
    fn will_make(&self, topic: &str, error: &SinkError) -> bool {
        let rule = rule_for(&self.tables, topic).filter(|table| table.routing.is_none());
        let log = rule.is_some_and(|table| table.mode == Mode::Log);
        log && self.auto_migrate && error.detail.no_table
    }
}
