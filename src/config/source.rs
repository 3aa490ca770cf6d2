//! `[sources.NAME]`.

use super::judge::At;
use super::reader::Reader;
use super::sink::check_name;
use super::spec::words;
use super::text::Text;
use plimsoll_sink_api::Secret;
use plimsoll_source::{
    Boundary, Columns, OnBadRow, Outbox, PostgresSettings, SourceSettings, TableName, Template,
};
use std::collections::BTreeMap;
use std::time::Duration;

const BOUNDARIES: [(&str, Boundary); 3] = [
    ("poll", Boundary::Poll),
    ("interval", Boundary::Interval),
    ("connector", Boundary::Connector),
];
pub(super) const BOUNDARY_WORDS: [&str; 3] = words(&BOUNDARIES);

const BAD_ROW: [(&str, OnBadRow); 2] = [("halt", OnBadRow::Halt), ("skip", OnBadRow::Skip)];
pub(super) const BAD_ROW_WORDS: [&str; 2] = words(&BAD_ROW);

/// Properties that carry the promise of a source's producer, which sets them itself.
pub(super) const PROPERTIES: [&str; 11] = [
    "transactional.id",
    "transaction.timeout.ms",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "partitioner",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "max.in.flight.requests.per.connection",
];

/// What no two sources may share, and which has it.
#[derive(Default)]
pub(super) struct Taken(BTreeMap<(&'static str, String), String>);

/// Reads one source.
pub(super) fn read(
    mut reader: Reader<'_, '_>,
    name: &str,
    name_at: &At,
    taken: &mut Taken,
) -> Option<SourceSettings> {
    check_name(&reader, name, name_at);
    let boundary = reader.choice("boundary", &BOUNDARIES);
    let on_bad_row = reader.choice("on_bad_row", &BAD_ROW);
    let interval_ms = reader.integer("interval_ms");
    let max_records = reader.integer("max_records");
    let timeout_ms = reader.integer("transaction_timeout_ms");
    let topic = named(&reader, "positions_topic", || {
        format!("plimsoll-source-{name}")
    });
    let topic = topic.filter(|topic| alone(&reader, "positions_topic", topic, taken));
    let postgres = reader.table("postgres");
    let postgres = postgres.and_then(|table| read_postgres(table, name, taken));
    reader.finish();
    Some(SourceSettings {
        name: name.to_owned(),
        positions_topic: topic?,
        boundary: boundary?,
        interval: Duration::from_millis(interval_ms?),
        max_records: max_records?,
        transaction_timeout: Duration::from_millis(timeout_ms?),
        on_bad_row: on_bad_row?,
        postgres: postgres?,
    })
}

/// What a text says; else what follows from the source's name.
fn named(reader: &Reader<'_, '_>, key: &str, else_: impl FnOnce() -> String) -> Option<String> {
    match reader.text(key) {
        Some(text) => Some(text.value),
        None if reader.has(key) => None,
        None => Some(else_()),
    }
}

fn alone(reader: &Reader<'_, '_>, key: &'static str, value: &str, taken: &mut Taken) -> bool {
    let place = reader.place().to_owned();
    let Some(other) = taken.0.insert((key, value.to_owned()), place) else {
        return true;
    };
    reader.fault_of(
        key,
        format!("\"{value}\" is also that of {other}"),
        "each source needs one of its own",
    );
    false
}

fn read_postgres(
    reader: Reader<'_, '_>,
    name: &str,
    taken: &mut Taken,
) -> Option<PostgresSettings> {
    let url = reader.text("url");
    let url = url.and_then(|url| checked_url(&reader, url));
    let slot = named(&reader, "slot", || {
        let name = name.to_ascii_lowercase().replace('-', "_");
        format!("plimsoll_{name}").chars().take(63).collect()
    });
    let slot = slot.filter(|slot| alone(&reader, "slot", slot, taken));
    let publication = named(&reader, "publication", || slot.clone().unwrap_or_default());
    let outbox = match reader.has("messages") {
        true => reader
            .text("messages")
            .map(|text| Outbox::Messages { prefix: text.value }),
        false => read_table(&reader),
    };
    reader.finish();
    Some(PostgresSettings {
        url: Secret::new(url?),
        slot: slot?,
        publication: publication?,
        outbox: outbox?,
    })
}

fn read_table(reader: &Reader<'_, '_>) -> Option<Outbox> {
    let table = reader.text_or_default("outbox")?;
    let (schema, table) = table.split_once('.').unwrap_or(("public", &table));
    let wrong =
        |name: &str| name.is_empty() || name.contains(|c: char| c == '.' || c.is_whitespace());
    if wrong(schema) || wrong(table) {
        reader.fault_of(
            "outbox",
            "is not the name of a table",
            "name it as public.outbox, without quotes",
        );
        return None;
    }
    let topic = reader.text_or_default("topic")?;
    let topic = match Template::parse(&topic) {
        Ok(topic) => topic,
        Err(error) => {
            let hint = "such as \"outbox.event.{aggregatetype}\"; braces hold a column's name";
            reader.fault_of("topic", error.to_string(), hint);
            return None;
        }
    };
    let headers = match reader.texts("headers") {
        Some(texts) => texts.into_iter().map(|text| text.value).collect(),
        None if reader.has("headers") => return None,
        None => vec!["id".to_owned(), "type".to_owned()],
    };
    Some(Outbox::Table {
        table: TableName {
            schema: schema.to_owned(),
            table: table.to_owned(),
        },
        columns: Columns {
            topic,
            key: reader.text_or_default("key")?,
            value: reader.text_or_default("value")?,
            headers: headers
                .into_iter()
                .map(|name: String| (name.clone(), name))
                .collect(),
        },
    })
}

/// No message shows a URL: it may hold a password, wherever it came from.
fn checked_url(reader: &Reader<'_, '_>, url: Text) -> Option<String> {
    match plimsoll_source::check_url(&url.value) {
        Ok(()) => Some(url.value),
        Err(what) => {
            let from = match url.is_expanded() {
                true => format!(" ({})", url.shown()),
                false => String::new(),
            };
            reader.fault_in(
                &url,
                format!("{what}{from}"),
                "postgres://user:password@host:5432/database, special characters of the password \
                 as %XX",
            );
            None
        }
    }
}
