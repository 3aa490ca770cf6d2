//! `[sinks.NAME.cassandra]`, or `scylla`.

use super::columns;
use super::reader::Reader;
use super::settings::Backend;
use super::spec::words;
use super::table_names;
use super::tables;
use super::topics::Reads;
use plimsoll_cassandra::{CassandraSettings, CassandraTable, Consistency, Login, Ttl};
use plimsoll_sink_api::{Missing, Mode, Secret, TableRule, TableSettings};
use plimsoll_tls::Tls;
use std::time::Duration;

const LEVELS: [(&str, Consistency); 8] = [
    ("LOCAL_QUORUM", Consistency::LocalQuorum),
    ("QUORUM", Consistency::Quorum),
    ("EACH_QUORUM", Consistency::EachQuorum),
    ("ALL", Consistency::All),
    ("TWO", Consistency::Two),
    ("THREE", Consistency::Three),
    ("ONE", Consistency::One),
    ("LOCAL_ONE", Consistency::LocalOne),
];
pub(super) const LEVEL_WORDS: [&str; 8] = words(&LEVELS);

pub(super) fn read(
    mut reader: Reader<'_, '_>,
    sink: &str,
    topics: Option<&Reads>,
) -> Option<Backend> {
    let contact_points = reader.texts("contact_points");
    let login = read_login(&reader);
    let tls = read_tls(&reader);
    let local_datacenter = reader.text("local_datacenter").map(|text| text.value);
    let single_node = reader.boolean("single_node");
    let consistency = reader.choice("consistency", &LEVELS);
    let state_keyspace = reader.text_or_default("state_keyspace");
    let state_replication = reader.text("state_replication").map(|text| text.value);
    let max_in_flight = reader.integer("max_in_flight");
    let batches = reader.boolean("batches");
    let auto_migrate = reader.boolean("auto_migrate");
    let call_timeout_ms = reader.integer("call_timeout_ms");
    let rewind_ms = reader.integer("rewind_ms");
    let tables = tables::read_with(&mut reader, topics, (read_table, table_names::cassandra));
    reader.finish();
    let tables = tables?
        .into_iter()
        .map(|(topics, (settings, ttl))| CassandraTable {
            rule: TableRule { topics, settings },
            ttl,
        });
    Some(Backend::Cassandra(CassandraSettings {
        sink: sink.to_owned(),
        contact_points: contact_points?.into_iter().map(|text| text.value).collect(),
        login,
        tls: tls?,
        local_datacenter,
        consistency: consistency?,
        single_node,
        state_keyspace: state_keyspace?,
        state_replication,
        max_in_flight: usize::try_from(max_in_flight?).ok()?,
        batches,
        auto_migrate,
        call_timeout: Duration::from_millis(call_timeout_ms?),
        rewind: Duration::from_millis(rewind_ms?),
        tables: tables.collect(),
    }))
}

/// Both or none; half of it is a fault that the table of settings knows.
fn read_login(reader: &Reader<'_, '_>) -> Option<Login> {
    let (username, password) = (reader.text("username"), reader.text("password"));
    Some(Login {
        username: username?.value,
        password: Secret::new(password?.value),
    })
}

fn read_tls(reader: &Reader<'_, '_>) -> Option<Option<Tls>> {
    if !reader.has("tls") {
        return Some(None);
    }
    let table = reader.table("tls")?;
    let tls = super::tls::read(&table);
    table.finish();
    Some(Some(tls))
}

fn read_table(
    reader: &mut Reader<'_, '_>,
    reads: Option<&Reads>,
) -> Option<(TableSettings, Option<Ttl>)> {
    let table = tables::read_name(reader, reads);
    let mapping = columns::read(reader);
    let ttl = read_ttl(reader);
    if let (Some(Ttl::Source(source)), false) = (&ttl, reader.has("explode")) {
        columns::check_items(reader, "ttl", std::iter::once(source));
    }
    Some((
        TableSettings {
            missing: Missing::Keep,
            captures: tables::captures_of(reads).cloned(),
            ..mapping?.of(table?, Mode::Upsert)
        },
        ttl,
    ))
}

/// A number of seconds, or where each record says it.
fn read_ttl(reader: &Reader<'_, '_>) -> Option<Ttl> {
    let fixed = reader.integer("ttl_s");
    let source = reader.text("ttl");
    let source = source.and_then(|text| columns::read_source(reader, &text));
    let fixed = fixed.map(|seconds| Ttl::Fixed(Duration::from_secs(seconds)));
    fixed.or(source.map(Ttl::Source))
}
