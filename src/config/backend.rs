//! The one table of a sink that says where it writes.

use super::reader::Reader;
use super::settings::Backend;
use super::spec::{Kind, ReadBackend, Setting};
use super::suggest::listed;
use super::table_names;
use super::tables;
use super::text::Text;
use super::topics::Reads;
use plimsoll_postgres::PostgresSettings;
use plimsoll_sink_api::Secret;
use plimsoll_sqlite::SqliteSettings;
use std::path::PathBuf;
use std::time::Duration;

/// Finds and reads the backend's table of a sink.
pub(super) fn read(sink: &Reader<'_, '_>, name: &str, topics: Option<&Reads>) -> Option<Backend> {
    let kinds = || sink.spec.settings().filter_map(as_backend);
    let mut named = Vec::new();
    let mut read = Vec::new();
    // All are read, so that the faults of each are told.
    for (setting, open) in kinds() {
        if sink.has(setting.name) {
            named.push(setting.name);
            let table = sink.table(setting.name);
            read.push(table.and_then(|table| open(table, name, topics)));
        }
    }
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
                let places = kinds().map(|(kind, _)| format!("[{}]", sink.place_of(kind.name)));
                let hint = format!("add {}", listed(places, "or"));
                sink.fault("does not say where to write", hint);
            }
            None
        }
        [_] => read.into_iter().next().flatten(),
    }
}

fn as_backend(setting: &'static Setting) -> Option<(&'static Setting, ReadBackend)> {
    match setting.kind {
        Kind::Backend(_, open) => Some((setting, open)),
        _ => None,
    }
}

pub(super) fn read_postgres(
    mut reader: Reader<'_, '_>,
    sink: &str,
    topics: Option<&Reads>,
) -> Option<Backend> {
    let url = reader.text("url");
    let url = url.and_then(|url| checked_url(&reader, url));
    let state_schema = reader.text_or_default("state_schema");
    let max_connections = reader.integer("max_connections");
    let auto_migrate = reader.boolean("auto_migrate");
    let call_timeout_ms = reader.integer("call_timeout_ms");
    let tables = tables::read(
        &mut reader,
        topics,
        (tables::read_partitioned, table_names::postgres),
    );
    reader.finish();
    Some(Backend::Postgres(PostgresSettings {
        sink: sink.to_owned(),
        url: Secret::new(url?),
        state_schema: state_schema?,
        max_connections: usize::try_from(max_connections?).ok()?,
        auto_migrate,
        call_timeout: Duration::from_millis(call_timeout_ms?),
        tables: tables?,
    }))
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

pub(super) fn read_sqlite(
    mut reader: Reader<'_, '_>,
    sink: &str,
    topics: Option<&Reads>,
) -> Option<Backend> {
    let path = reader.text("path");
    let auto_migrate = reader.boolean("auto_migrate");
    let tables = tables::read(&mut reader, topics, (tables::read_one, table_names::sqlite));
    reader.finish();
    Some(Backend::Sqlite(SqliteSettings {
        sink: sink.to_owned(),
        path: PathBuf::from(path?.value),
        auto_migrate,
        tables: tables?,
    }))
}
