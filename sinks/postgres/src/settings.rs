//! What the config says of a Postgres sink.

use plimsoll_sink_api::{Secret, TableRule};
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
