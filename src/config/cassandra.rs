//! `[sinks.NAME.cassandra]`, or `scylla`.

use super::reader::{Reader, Text};
use super::table_names;
use super::tables;
use super::topics::Reads;
use plimsoll_cassandra::{CassandraSettings, CassandraTable, Consistency, Login, Tls, Ttl};
use plimsoll_sink_api::{Missing, Mode, Secret, Source, TableRule, TableSettings};
use std::path::PathBuf;
use std::time::Duration;

const LEVELS: &[(&str, Option<Consistency>)] = &[
    ("LOCAL_QUORUM", Some(Consistency::LocalQuorum)),
    ("QUORUM", Some(Consistency::Quorum)),
    ("EACH_QUORUM", Some(Consistency::EachQuorum)),
    ("ALL", Some(Consistency::All)),
    ("TWO", Some(Consistency::Two)),
    ("THREE", Some(Consistency::Three)),
    ("ONE", Some(Consistency::One)),
    ("LOCAL_ONE", Some(Consistency::LocalOne)),
    // A level too, and refused.
    ("ANY", None),
];

/// Requests under way: more than this is a load test, and beyond the streams of
/// a few connections.
const IN_FLIGHT: std::ops::RangeInclusive<u64> = 1..=10_000;
const IN_FLIGHT_DEFAULT: u64 = 256;

/// A request shorter than a tenth of a second would give up on an ordinary
/// write; one longer than five minutes would hold a partition.
const CALL_MS: std::ops::RangeInclusive<u64> = 100..=300_000;
/// Beyond the server's own time-outs, so that its answer is heard.
const CALL_MS_DEFAULT: u64 = 5_000;

/// Servers sync their commit logs every ten seconds unless told otherwise.
const REWIND_MS: std::ops::RangeInclusive<u64> = 0..=3_600_000;
const REWIND_MS_DEFAULT: u64 = 15_000;

/// Seconds of a fixed time to live; twenty years are Cassandra's own limit.
const TTL_S: std::ops::RangeInclusive<u64> = 1..=630_720_000;

/// Cassandra's own limit for the names of keyspaces.
const IDENTIFIER_BYTES: usize = 48;

/// The settings of one table, as names.
const OF_A_TABLE: &[&str] = &["table", "columns", "ttl_s", "ttl"];

pub(super) fn read(
    mut reader: Reader<'_, '_>,
    sink: &str,
    topics: Option<&Reads>,
) -> Option<CassandraSettings> {
    let contact_points = read_contact_points(&mut reader);
    let login = read_login(&mut reader);
    let tls = read_tls(&mut reader);
    let local_datacenter = reader.filled("local_datacenter").map(|text| text.value);
    let single_node = reader.boolean("single_node").unwrap_or(false);
    let consistency = read_consistency(&mut reader, single_node);
    let state_keyspace = match reader.filled("state_keyspace") {
        None => Some("plimsoll".to_owned()),
        Some(text) => checked_keyspace(&reader, text),
    };
    let state_replication = reader.filled("state_replication").map(|text| text.value);
    let max_in_flight = reader
        .integer(
            "max_in_flight",
            IN_FLIGHT,
            "requests under way at once, all partitions of the sink together",
        )
        .unwrap_or(IN_FLIGHT_DEFAULT);
    let batches = reader.boolean("batches").unwrap_or(true);
    let auto_migrate = reader.boolean("auto_migrate").unwrap_or(true);
    let call_timeout = reader
        .integer(
            "call_timeout_ms",
            CALL_MS,
            "how long one request may take before it counts as lost",
        )
        .unwrap_or(CALL_MS_DEFAULT);
    let rewind = reader
        .integer(
            "rewind_ms",
            REWIND_MS,
            "longer than commitlog_sync_period, which is 10000 unless the server says otherwise",
        )
        .unwrap_or(REWIND_MS_DEFAULT);
    let tables = tables::read_with(
        &mut reader,
        topics,
        OF_A_TABLE,
        (read_table, table_names::cassandra),
    );
    reader.foreign(
        "url",
        "url is a setting of postgres; cassandra has contact_points",
    );
    reader.foreign(
        "path",
        "path is a setting of sqlite; cassandra has contact_points",
    );
    reader.foreign(
        "state_schema",
        "state_schema is a setting of postgres; cassandra has state_keyspace",
    );
    for key in ["mode", "key_columns", "missing"] {
        reader.foreign(
            key,
            format!("{key} is a setting of SQL sinks; cassandra upserts by the table's primary key, and a missing field leaves what stands"),
        );
    }
    reader.finish();
    let tables = tables?
        .into_iter()
        .map(|(topics, (settings, ttl))| CassandraTable {
            rule: TableRule { topics, settings },
            ttl,
        });
    Some(CassandraSettings {
        sink: sink.to_owned(),
        contact_points: contact_points?,
        login: login?,
        tls: tls?,
        local_datacenter,
        consistency: consistency?,
        single_node,
        state_keyspace: state_keyspace?,
        state_replication,
        max_in_flight: usize::try_from(max_in_flight).ok()?,
        batches,
        auto_migrate,
        call_timeout: Duration::from_millis(call_timeout),
        rewind: Duration::from_millis(rewind),
        tables: tables.collect(),
    })
}

fn read_contact_points(reader: &mut Reader<'_, '_>) -> Option<Vec<String>> {
    const HINT: &str = "nodes to begin with, the driver finds the others: [\"10.0.0.1:9042\"]";
    if !reader.has("contact_points") {
        let _ = reader.raw("contact_points");
        reader.missing("contact_points", HINT);
        return None;
    }
    let texts = reader.strings("contact_points")?;
    if texts.is_empty() {
        reader.fault_of("contact_points", "is empty", HINT);
        return None;
    }
    let mut good = true;
    for text in &texts {
        let port = text
            .value
            .rsplit_once(':')
            .map(|(host, port)| (host, port.parse::<u16>()));
        if !matches!(port, Some((host, Ok(_))) if !host.is_empty()) {
            reader.fault_in(text, format!("{} is no host:port", text.shown()), HINT);
            good = false;
        }
    }
    good.then(|| texts.into_iter().map(|text| text.value).collect())
}

/// Both or none.
fn read_login(reader: &mut Reader<'_, '_>) -> Option<Option<Login>> {
    let username = reader.filled("username");
    let password = reader.filled("password");
    match (reader.has("username"), reader.has("password")) {
        (false, false) => Some(None),
        (true, false) => {
            reader.missing("password", "password = \"${CASSANDRA_PASSWORD}\"");
            None
        }
        (false, true) => {
            reader.missing("username", "username = \"${CASSANDRA_USER}\"");
            None
        }
        (true, true) => Some(Some(Login {
            username: username?.value,
            password: Secret::new(password?.value),
        })),
    }
}

fn read_tls(reader: &mut Reader<'_, '_>) -> Option<Option<Tls>> {
    let there = reader.has("tls");
    let Some(mut table) = reader.table("tls") else {
        return (!there).then_some(None);
    };
    let file = |text: Option<Text>| text.map(|text| PathBuf::from(text.value));
    let ca_file = file(table.filled("ca_file"));
    let cert_file = file(table.filled("cert_file"));
    let key_file = file(table.filled("key_file"));
    let identity = match (cert_file, key_file) {
        (Some(certificate), Some(key)) => Some(Some((certificate, key))),
        (None, None) => Some(None),
        (Some(_), None) => {
            table.missing("key_file", "the key of cert_file, a PEM file");
            None
        }
        (None, Some(_)) => {
            table.missing("cert_file", "the certificate of key_file, a PEM file");
            None
        }
    };
    table.finish();
    Some(Some(Tls {
        ca_file,
        identity: identity?,
    }))
}

fn read_consistency(reader: &mut Reader<'_, '_>, single_node: bool) -> Option<Consistency> {
    if !reader.has("consistency") {
        let _ = reader.raw("consistency");
        return Some(Consistency::LocalQuorum);
    }
    let Some(level) = reader.choice("consistency", "consistency level", LEVELS)? else {
        reader.fault_of(
            "consistency",
            "acknowledges what no replica has yet, and rows or positions may be lost",
            "LOCAL_QUORUM",
        );
        return None;
    };
    if matches!(level, Consistency::One | Consistency::LocalOne) && !single_node {
        reader.fault_of(
            "consistency",
            "of one replica may lose rows and positions with that replica",
            "LOCAL_QUORUM; or for a cluster of one node, say so: single_node = true",
        );
        return None;
    }
    Some(level)
}

fn checked_keyspace(reader: &Reader<'_, '_>, text: Text) -> Option<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.value.len() > IDENTIFIER_BYTES || !text.value.chars().all(word) {
        reader.fault_in(
            &text,
            format!("{} is no name of a keyspace", text.shown()),
            "letters, digits and underscores, 48 at most",
        );
        return None;
    }
    Some(text.value)
}

fn read_table(reader: &mut Reader<'_, '_>) -> Option<(TableSettings, Option<Ttl>)> {
    let table = tables::read_name(reader);
    let columns = tables::read_columns(reader, Some(Mode::Upsert));
    let ttl = read_ttl(reader);
    Some((
        TableSettings {
            table: table?,
            mode: Mode::Upsert,
            key_columns: Vec::new(),
            columns: columns?,
            missing: Missing::Keep,
        },
        ttl?,
    ))
}

/// A number of seconds, or where each record says it.
fn read_ttl(reader: &mut Reader<'_, '_>) -> Option<Option<Ttl>> {
    let both = reader.has("ttl_s") && reader.has("ttl");
    let fixed = reader.integer(
        "ttl_s",
        TTL_S,
        "seconds from the record's time on; 630720000 are Cassandra's 20 years",
    );
    let source = reader.filled("ttl");
    if both {
        reader.fault_of("ttl", "does not go with ttl_s", "keep one of them");
        return None;
    }
    match (reader.has("ttl_s"), source) {
        (true, _) => Some(Some(Ttl::Fixed(Duration::from_secs(fixed?)))),
        (false, None) => (!reader.has("ttl")).then_some(None),
        (false, Some(text)) => match text.value.parse::<Source>() {
            Ok(source) => Some(Some(Ttl::Source(source))),
            Err(_) => {
                reader.fault_in(
                    &text,
                    format!("{} is no source", text.shown()),
                    tables::source_hint(&text),
                );
                None
            }
        },
    }
}
