//! What the config says of a Postgres sink.

use crate::{PostgresSink, PostgresSnapshot};
use plimsoll_sink_api::{Backend, Secret, SinkError, TableRule};
use std::time::Duration;

/// `[sinks.NAME.postgres]`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    /// The sink's name; the first part of every position's key.
    pub sink: String,
    /// A `postgres://` URL; it may hold a password.
    pub url: Secret,
    /// Where plimsoll keeps its own tables.
    pub state_schema: String,
    /// Writers' connections; claims and heartbeats use one more.
    pub max_connections: usize,
    /// Whether the service applies migrations when it starts.
    pub auto_migrate: bool,
    /// How long one call may take before its connection is dropped and the
    /// outcome judged by a claim.
    pub call_timeout: Duration,
    /// Which topics go into which table.
    pub tables: Vec<TableRule>,
}

impl Backend for PostgresSettings {
    const NAMES: &'static [&'static str] = &["postgres"];
    type Sink = PostgresSink;
    type Snapshot = PostgresSnapshot;

    fn open(&self, member: &str) -> Result<PostgresSink, SinkError> {
        PostgresSink::open(self.clone(), member)
    }

    fn open_to_look(&self, member: &str) -> Result<PostgresSink, SinkError> {
        self.open(member).map(PostgresSink::read_only)
    }

    async fn snapshot(&self) -> Result<PostgresSnapshot, SinkError> {
        PostgresSnapshot::open(self).await
    }

    fn auto_migrate(&self) -> bool {
        self.auto_migrate
    }

    fn shares_state(&self, other: &Self) -> bool {
        self.url == other.url && self.state_schema == other.state_schema
    }

    fn lacks_state(&self, error: &SinkError) -> bool {
        // undefined_table, invalid_schema_name
        matches!(error.detail.code.as_deref(), Some("42P01" | "3F000"))
    }
}
