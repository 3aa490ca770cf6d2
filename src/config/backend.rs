//! The one table of a sink that says where it writes.

use super::cassandra;
use super::reader::{Reader, Text};
use super::settings::Backend;
use super::table_names;
use super::tables;
use super::topics::Reads;
use plimsoll_postgres::PostgresSettings;
use plimsoll_sink_api::Secret;
use plimsoll_sqlite::SqliteSettings;
use std::path::PathBuf;
use std::time::Duration;

const BACKENDS: &str = "the backends are postgres, sqlite, cassandra and scylla";

/// The tables that say where a sink writes.
const WORDS: [&str; 4] = ["postgres", "sqlite", "cassandra", "scylla"];

/// Databases that people will ask for: a better answer than "unknown setting".
const NOT_THERE: &[&str] = &[
    "mysql",
    "mariadb",
    "clickhouse",
    "redis",
    "mongodb",
    "elasticsearch",
    "duckdb",
    "sqlserver",
    "oracle",
];

/// Connections: more than this is no pool but a load test.
const CONNECTIONS: std::ops::RangeInclusive<u64> = 1..=1_000;
const CONNECTIONS_DEFAULT: u64 = 4;

/// A call shorter than a second would give up on an ordinary commit; one longer
/// than ten minutes would hold a partition that nobody else may take.
const CALL_MS: std::ops::RangeInclusive<u64> = 1_000..=600_000;
const CALL_MS_DEFAULT: u64 = 30_000;

/// Postgres cuts longer names off, silently.
const IDENTIFIER_BYTES: usize = 63;

/// Finds and reads the backend's table of a sink.
pub(super) fn read(
    sink: &mut Reader<'_, '_>,
    name: &str,
    topics: Option<&Reads>,
) -> Option<Backend> {
    for word in NOT_THERE {
        if sink.has(word) && sink.raw(word).is_some() {
            sink.fault_of(word, "is no backend of plimsoll", BACKENDS);
            return None;
        }
    }
    // All are read, so that the faults of each are told.
    let read = [
        sink.table("postgres")
            .map(|t| read_postgres(t, name, topics).map(Backend::Postgres)),
        sink.table("sqlite")
            .map(|t| read_sqlite(t, name, topics).map(Backend::Sqlite)),
        sink.table("cassandra")
            .map(|t| cassandra::read(t, name, topics).map(Backend::Cassandra)),
        sink.table("scylla")
            .map(|t| cassandra::read(t, name, topics).map(Backend::Cassandra)),
    ];
    let named: Vec<&str> = WORDS
        .iter()
        .copied()
        .filter(|word| sink.has(word))
        .collect();
    match named.as_slice() {
        [first, second, ..] => {
            sink.fault(
                format!("has two backends, {first} and {second}"),
                "make a second sink, with a group_id of its own",
            );
            None
        }
        [] => {
            // A slip in its name is named by itself.
            if !sink.has_unknown_table() {
                let [first @ .., last] = WORDS.map(|word| format!("[{}]", sink.place_of(word)));
                sink.fault(
                    "says nothing of where to write",
                    format!("add {} or {last}", first.join(", ")),
                );
            }
            None
        }
        [_] => read.into_iter().flatten().next().flatten(),
    }
}

fn read_postgres(
    mut reader: Reader<'_, '_>,
    sink: &str,
    topics: Option<&Reads>,
) -> Option<PostgresSettings> {
    let url = reader.filled("url");
    if !reader.has("url") {
        reader.missing(
            "url",
            "url = \"${DATABASE_URL}\", which holds postgres://user:password@host:5432/database",
        );
    }
    let url = url.and_then(|url| checked_url(&reader, url));
    let state_schema = match reader.filled("state_schema") {
        None => Some("plimsoll".to_owned()),
        Some(text) => checked_schema(&reader, text),
    };
    let max_connections = reader
        .integer(
            "max_connections",
            CONNECTIONS,
            "one commit per partition runs at a time, so a few connections go a long way",
        )
        .unwrap_or(CONNECTIONS_DEFAULT);
    let auto_migrate = reader.boolean("auto_migrate").unwrap_or(true);
    let call_timeout = reader
        .integer(
            "call_timeout_ms",
            CALL_MS,
            "how long one call to the database may take before its connection is dropped",
        )
        .unwrap_or(CALL_MS_DEFAULT);
    let tables = tables::read(&mut reader, topics, table_names::postgres);
    reader.foreign("path", "path is a setting of sqlite; postgres has url");
    reader.finish();
    Some(PostgresSettings {
        sink: sink.to_owned(),
        url: Secret::new(url?),
        state_schema: state_schema?,
        max_connections: usize::try_from(max_connections).ok()?,
        auto_migrate,
        call_timeout: Duration::from_millis(call_timeout),
        tables: tables?,
    })
}

/// No message shows a URL: it may hold a password, wherever it came from.
fn checked_url(reader: &Reader<'_, '_>, url: Text) -> Option<String> {
    const HINT: &str = "postgres://user:password@host:5432/database, special characters of the \
                        password as %XX";
    let Err(said) = plimsoll_postgres::check_url(&url.value) else {
        return Some(url.value);
    };
    let (what, hint) = said.split_once("; hint: ").unwrap_or((said.as_str(), HINT));
    let from = if url.is_expanded() {
        format!(" ({})", url.shown())
    } else {
        String::new()
    };
    reader.fault_in(&url, format!("{what}{from}"), hint);
    None
}

fn checked_schema(reader: &Reader<'_, '_>, text: Text) -> Option<String> {
    if text.value.starts_with("pg_") {
        reader.fault_in(
            &text,
            format!("{} is a name that Postgres keeps for itself", text.shown()),
            "leave it out to use \"plimsoll\"",
        );
        return None;
    }
    if text.value.len() > IDENTIFIER_BYTES {
        reader.fault_in(
            &text,
            format!("{} is longer than {IDENTIFIER_BYTES} bytes", text.shown()),
            "Postgres would cut it off",
        );
        return None;
    }
    Some(text.value)
}

fn read_sqlite(
    mut reader: Reader<'_, '_>,
    sink: &str,
    topics: Option<&Reads>,
) -> Option<SqliteSettings> {
    let path = reader.filled("path");
    if !reader.has("path") {
        reader.missing("path", "the database file: path = \"orders.db\"");
    }
    let path = path.and_then(|path| checked_path(&reader, path));
    let auto_migrate = reader.boolean("auto_migrate").unwrap_or(true);
    let tables = tables::read(&mut reader, topics, table_names::sqlite);
    reader.foreign("url", "url is a setting of postgres; sqlite has path");
    for key in ["state_schema", "max_connections", "call_timeout_ms"] {
        reader.foreign(
            key,
            format!("{key} is a setting of postgres; sqlite is a file with one writer"),
        );
    }
    reader.finish();
    Some(SqliteSettings {
        sink: sink.to_owned(),
        path: PathBuf::from(path?),
        auto_migrate,
        tables: tables?,
    })
}

fn checked_path(reader: &Reader<'_, '_>, path: Text) -> Option<String> {
    if path.value.starts_with("sqlite:") || path.value.starts_with("file:") {
        reader.fault_in(
            &path,
            format!("{} is a URL, not a path", path.shown()),
            "the path of a file: path = \"orders.db\"",
        );
        return None;
    }
    if path.value == ":memory:" {
        reader.fault_in(
            &path,
            "a database in memory loses rows and positions with the process",
            "the path of a file: path = \"orders.db\"",
        );
        return None;
    }
    Some(path.value)
}
