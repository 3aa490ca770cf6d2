//! The config file: TOML in, checked settings or *all* faults out.
//!
//! Nothing here knows a network. A value that came from `${VAR}` or
//! `${file:PATH}`, and every URL, may be a secret: no message shows it.

mod backend;
mod cassandra;
mod columns;
mod environment;
mod expand;
mod fault;
mod formats;
mod http;
mod judge;
mod kafka;
mod reader;
mod registry;
mod routing;
mod rules;
mod schema;
mod settings;
mod sink;
mod size;
mod source;
mod spec;
mod start;
mod suggest;
mod table_names;
mod tables;
mod text;
mod tls;
mod topics;
mod unknown;
mod values;

#[cfg(test)]
pub(crate) mod tests;

pub use environment::{Environment, Process};
pub use fault::{Fault, Faults};
pub use schema::schema;
pub use settings::{
    Access, Admin, Backend, BatchLimits, Codec, Config, Encoding, GroupProtocol, Isolation, Kafka,
    OnBadRecord, Reads, Sink, Start, Topics, UnknownFields,
};
pub use topics::{leaves_out, reads};

/// The words for a format.
#[must_use]
pub fn formats() -> &'static [&'static str] {
    &formats::FORMAT_WORDS
}

/// The words for what stands around a row.
#[must_use]
pub fn envelopes() -> &'static [&'static str] {
    &formats::ENVELOPE_WORDS
}

use judge::Judge;
use plimsoll_source::SourceSettings;
use reader::Reader;
use spec::{Kind, ROOT};
use std::path::Path;
use std::time::Duration;
use toml::de::DeTable;
use unknown::Sinks;
use values::misread;

/// Reads and judges a config file, in the environment of this process.
///
/// # Errors
/// All faults of the file at once.
pub fn load(path: &Path) -> Result<Config, Faults> {
    let file = Some(path.display().to_string());
    let text = Process
        .file(&path.to_string_lossy())
        .map_err(|error| Faults {
            file: file.clone(),
            list: vec![Fault {
                place: String::new(),
                line: None,
                column: None,
                what: format!("cannot be read: {}", expand::reason(&error)),
                hint: Some("name the config file by --config FILE".to_owned()),
            }],
        })?;
    parse(&text, &Process).map_err(|faults| Faults { file, ..faults })
}

/// Judges the text of a config.
///
/// # Errors
/// All faults of the text at once.
pub fn parse(text: &str, env: &dyn Environment) -> Result<Config, Faults> {
    let file = match DeTable::parse(text) {
        Ok(file) => file,
        Err(error) => {
            let judge = Judge::new(text, env, Sinks::default());
            let what = format!("not valid TOML: {}", error.message());
            judge.fault("", error.span().as_ref(), what, None);
            let list = judge.into_faults();
            return Err(Faults { file: None, list });
        }
    };
    let judge = Judge::new(text, env, Sinks::of(file.get_ref()));
    let config = read(Reader::new(&judge, &ROOT, "", 0..0, Some(file.get_ref())));
    let list = judge.into_faults();
    match config {
        Some(config) if list.is_empty() => Ok(config),
        _ => Err(Faults { file: None, list }),
    }
}

fn read(top: Reader<'_, '_>) -> Option<Config> {
    let memory_limit = top.size("memory_limit");
    let drain_ms = top.integer("drain_ms");
    let kafka = top.table("kafka").and_then(kafka::read);
    let registry = top.table("schema_registry").and_then(registry::read);
    let http = top.table_or_empty("http").map(http::read);
    let admin = top.table_or_empty("admin").map(http::read_admin);
    if let (Some(kafka), Some(drain_ms)) = (&kafka, drain_ms) {
        check_drain(&top, kafka, drain_ms);
    }
    let shared = sink::Shared {
        memory_limit: memory_limit?,
        has_registry: top.has("schema_registry"),
    };
    let sinks = match top.has("sinks") || !top.has("sources") {
        true => read_sinks(&top, shared),
        false => Some(Vec::new()),
    };
    let sources = match top.has("sources") {
        true => read_sources(&top),
        false => Some(Vec::new()),
    };
    if let (Some(kafka), true) = (&kafka, top.has("sources")) {
        check_properties(&top, kafka);
    }
    top.finish();
    let (sinks, http) = (sinks?, http?);
    let asked = sinks.iter().any(|sink| sink.reads.asks_registry());
    Some(Config {
        kafka: kafka?,
        registry: registry.filter(|_| asked),
        listen: http.listen,
        hosts: http.hosts,
        admin: admin?,
        memory_limit: memory_limit?,
        drain: Duration::from_millis(drain_ms?),
        sinks,
        sources: sources?,
    })
}

/// Each has a producer, whose promise these carry.
fn check_properties(top: &Reader<'_, '_>, kafka: &Kafka) {
    for name in source::PROPERTIES {
        if kafka.properties.contains_key(name) {
            top.fault_of(
                "sources",
                format!("{name} of kafka.properties is refused: a source sets it itself"),
                "leave it out, or run sources and sinks by two configs",
            );
        }
    }
}

fn read_sources(top: &Reader<'_, '_>) -> Option<Vec<SourceSettings>> {
    let (setting, _) = top.find("sources");
    let Kind::Named(each) = setting.kind else {
        misread(setting);
    };
    let table = top.table("sources")?;
    let entries = table.entries();
    if entries.is_empty() {
        table.fault("has no source", setting.missed);
        return None;
    }
    let mut taken = source::Taken::default();
    let mut sources = Vec::with_capacity(entries.len());
    let mut good = true;
    for entry in entries {
        let place = table.place_of(entry.key);
        let read = table
            .as_table(each, place, entry.key_at.clone(), entry.value)
            .and_then(|reader| source::read(reader, entry.key, &entry.key_at, &mut taken));
        match read {
            Some(source) => sources.push(source),
            None => good = false,
        }
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    good.then_some(sources)
}

/// Kafka takes the partitions away from a member that drains for longer.
fn check_drain(top: &Reader<'_, '_>, kafka: &Kafka, drain: u64) {
    let longest = kafka
        .properties
        .get("max.poll.interval.ms")
        .and_then(|value| value.parse::<u64>().ok());
    if longest.is_some_and(|longest| longest <= drain) {
        top.fault_of(
            "drain_ms",
            format!("{drain} is not below the max.poll.interval.ms of kafka.properties"),
            "a hand-over waits for a drain, and Kafka waits no longer than that for the hand-over",
        );
    }
}

fn read_sinks(top: &Reader<'_, '_>, shared: sink::Shared) -> Option<Vec<Sink>> {
    let (setting, _) = top.find("sinks");
    let Kind::Named(each) = setting.kind else {
        misread(setting);
    };
    let table = top.table("sinks")?;
    let entries = table.entries();
    if entries.is_empty() {
        table.fault("has no sink", setting.missed);
        return None;
    }
    let mut groups = sink::Groups::default();
    let mut sinks = Vec::with_capacity(entries.len());
    let mut good = true;
    for entry in entries {
        let place = table.place_of(entry.key);
        let read = table
            .as_table(each, place, entry.key_at.clone(), entry.value)
            .and_then(|reader| sink::read(reader, entry.key, &entry.key_at, shared, &mut groups));
        match read {
            Some(sink) => sinks.push(sink),
            None => good = false,
        }
    }
    sinks.sort_by(|a, b| a.name.cmp(&b.name));
    good.then_some(sinks)
}
