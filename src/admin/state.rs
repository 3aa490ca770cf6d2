//! Whether plimsoll's own tables are there.

use crate::config::Backend;
use plimsoll_protocol::Class;
use plimsoll_sink_api::SinkError;

/// Whether an error says that they are not, or not all of them: nobody has migrated
/// yet, or an older version has.
pub(super) fn is_missing(backend: &Backend, error: &SinkError) -> bool {
    match backend {
        // undefined_table, invalid_schema_name
        Backend::Postgres(_) => matches!(error.detail.code.as_deref(), Some("42P01" | "3F000")),
        Backend::Sqlite(sqlite) => {
            !sqlite.path.exists() || error.detail.condition.starts_with("no such table: ")
        }
        // Statements over tables or a keyspace that are not there.
        Backend::Cassandra(_) => error.class == Class::Stale,
    }
}
