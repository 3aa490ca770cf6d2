//! The config file: TOML in, checked settings or *all* faults out.
//!
//! Nothing here knows a network. A value that came from `${VAR}` or
//! `${file:PATH}`, and every URL, may be a secret: no message shows it.

mod backend;
mod cassandra;
mod environment;
mod expand;
mod fault;
mod kafka;
mod reader;
mod settings;
mod sink;
mod size;
mod start;
mod suggest;
mod table_names;
mod tables;
mod topics;

#[cfg(test)]
mod tests;

pub use environment::{Environment, Process};
pub use fault::{Fault, Faults};
pub use settings::{
    Backend, BatchLimits, Config, GroupProtocol, Isolation, Kafka, OnBadRecord, Sink, Start,
    Topics, UnknownFields,
};
pub use topics::{leaves_out, reads};

use reader::{Judge, Reader};
use size::read_size;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use toml::de::DeTable;

/// Librdkafka's queues and our own buffers need this much to move at all; more
/// than a TiB is a slip.
const MEMORY: std::ops::RangeInclusive<u64> = (32 << 20)..=(1 << 40);
const MEMORY_DEFAULT: u64 = 256 << 20;

/// A hand-over waits for a drain, and Kafka waits for the hand-over: the upper
/// bound stays below `max.poll.interval.ms` (5 minutes).
const DRAIN_MS: std::ops::RangeInclusive<u64> = 0..=240_000;
const DRAIN_MS_DEFAULT: u64 = 10_000;

/// 9464 is the port that OpenTelemetry uses for Prometheus; loopback, for it
/// has no password.
const LISTEN_DEFAULT: &str = "127.0.0.1:9464";

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
    let judge = Judge::new(text, env);
    let config = match DeTable::parse(text) {
        Ok(table) => {
            let top = Reader::new(&judge, "", 0..0, table.get_ref());
            read(top)
        }
        Err(error) => {
            judge.fault(
                "",
                error.span().as_ref(),
                format!("this is no TOML: {}", error.message()),
                None,
            );
            None
        }
    };
    let list = judge.into_faults();
    match config {
        Some(config) if list.is_empty() => Ok(config),
        _ => Err(Faults { file: None, list }),
    }
}

fn read(mut top: Reader<'_, '_>) -> Option<Config> {
    let memory_limit = read_size(
        &mut top,
        "memory_limit",
        MEMORY,
        "librdkafka's queues and plimsoll's buffers share it; the default is \"256MiB\"",
    )
    .unwrap_or(MEMORY_DEFAULT);
    let drain = top
        .integer(
            "drain_ms",
            DRAIN_MS,
            "a drain must end before Kafka takes the partitions away (max.poll.interval.ms, 5 \
             minutes); the default is 10000",
        )
        .unwrap_or(DRAIN_MS_DEFAULT);
    let kafka = match top.table("kafka") {
        Some(table) => kafka::read(table),
        None => {
            if !top.has("kafka") {
                top.missing(
                    "kafka",
                    "where Kafka is: [kafka] with bootstrap_servers = \"127.0.0.1:9092\"",
                );
            }
            None
        }
    };
    let listen = match top.table("http") {
        Some(table) => read_http(table),
        None => LISTEN_DEFAULT.parse().ok(),
    };
    if let Some(kafka) = &kafka {
        check_drain(&top, kafka, drain);
    }
    let sinks = read_sinks(&mut top, memory_limit);
    top.finish();
    Some(Config {
        kafka: kafka?,
        listen,
        memory_limit,
        drain: Duration::from_millis(drain),
        sinks: sinks?,
    })
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

fn read_http(mut reader: Reader<'_, '_>) -> Option<SocketAddr> {
    let listen = reader.filled("listen");
    let address = match &listen {
        None => LISTEN_DEFAULT.parse().ok(),
        Some(text) if text.value == "off" => None,
        Some(text) => {
            let address = text.value.parse().ok();
            if address.is_none() {
                reader.fault_in(
                    text,
                    format!("{} is no address with a port", text.shown()),
                    "digits, not names: \"127.0.0.1:9464\", \"0.0.0.0:9464\" for all interfaces, \
                     or \"off\"",
                );
            }
            address
        }
    };
    reader.finish();
    address
}

fn read_sinks(top: &mut Reader<'_, '_>, memory_limit: u64) -> Option<Vec<Sink>> {
    const HINT: &str = "add one: [sinks.orders], and [sinks.orders.postgres] or \
                        [sinks.orders.sqlite]";
    let Some(table) = top.table("sinks") else {
        if !top.has("sinks") {
            top.missing("sinks", HINT);
        }
        return None;
    };
    let entries = table.entries();
    if entries.is_empty() {
        table.fault("has no sink", HINT);
        return None;
    }
    let mut groups = sink::Groups::default();
    let mut sinks = Vec::with_capacity(entries.len());
    let mut good = true;
    for entry in entries {
        let place = table.place_of(entry.key);
        let read = table
            .as_table(place, entry.key_at.clone(), entry.value)
            .and_then(|reader| {
                sink::read(reader, entry.key, &entry.key_at, memory_limit, &mut groups)
            });
        match read {
            Some(sink) => sinks.push(sink),
            None => good = false,
        }
    }
    sinks.sort_by(|a, b| a.name.cmp(&b.name));
    good.then_some(sinks)
}
