//! A config for one test, written as a user would write it.

use super::process::plimsoll_ok;
use super::{folder, free_port, servers, unique};
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One sink into one Postgres table; members of a group are made of one of
/// these, each with a port of its own.
#[derive(Debug, Clone)]
pub struct Service {
    /// The sink's name.
    pub sink: String,
    /// Kafka's `host:port`.
    pub bootstrap: String,
    /// In front of `[kafka.properties]`.
    pub kafka: String,
    /// librdkafka's own settings.
    pub properties: Vec<(String, String)>,
    /// `topics = …` or `topics_regex = …`.
    pub topics: String,
    /// The consumer group.
    pub group: String,
    /// Lines of `[sinks.NAME]`.
    pub of_sink: String,
    /// Lines of `[sinks.NAME.batch]`.
    pub batch: String,
    /// Where the database is, perhaps through a proxy.
    pub url: String,
    /// Where plimsoll keeps its own tables.
    pub state_schema: String,
    /// The table.
    pub table: String,
    /// `log`, `append` or `upsert`.
    pub mode: String,
    /// Lines of `[sinks.NAME.postgres]`.
    pub of_postgres: String,
    /// Lines of `[sinks.NAME.postgres.columns]`.
    pub columns: String,
    /// `[sinks.NAME.cassandra]` in place of Postgres, with its tables.
    pub cassandra: Option<String>,
    /// Lines at the top.
    pub top: String,
    folder: PathBuf,
}

impl Service {
    /// A sink named `orders` on the shared servers, whose members are missed
    /// within seconds.
    pub fn new(test: &str, topic: &str, table: &str, mode: &str, state_schema: &str) -> Self {
        let property = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            sink: "orders".to_owned(),
            bootstrap: servers::kafka(),
            kafka: String::new(),
            properties: [
                ("session.timeout.ms", "3000"),
                ("heartbeat.interval.ms", "500"),
                // Partitions that are added are seen within seconds.
                ("topic.metadata.refresh.interval.ms", "2000"),
                // An aborted connection is made again at once.
                ("reconnect.backoff.max.ms", "1000"),
            ]
            .map(property)
            .to_vec(),
            topics: format!("topics = [\"{topic}\"]"),
            group: unique(test),
            of_sink: String::new(),
            batch: "max_records = 500\nlinger_ms = 20".to_owned(),
            url: servers::postgres(),
            state_schema: state_schema.to_owned(),
            table: table.to_owned(),
            mode: mode.to_owned(),
            of_postgres: String::new(),
            columns: String::new(),
            cassandra: None,
            top: String::new(),
            folder: folder(test),
        }
    }

    /// Sets a property of librdkafka.
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.retain(|(n, _)| n != name);
        self.properties.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a config with a port of its own for HTTP.
    pub fn write(&self) -> (PathBuf, SocketAddr) {
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let path = self.folder.join(format!("{}.toml", unique("plimsoll")));
        std::fs::write(&path, self.toml(http)).expect("a config file");
        (path, http)
    }

    /// A config for the commands beside `run`.
    pub fn config(&self) -> PathBuf {
        self.write().0
    }

    /// Puts partition 0 of a topic somewhere, whoever owns it.
    #[track_caller]
    pub fn set_position(&self, topic: &str, to: &str) {
        self.set_position_of(topic, 0, to);
    }

    /// The same of any partition.
    #[track_caller]
    pub fn set_position_of(&self, topic: &str, partition: i64, to: &str) {
        let partition = partition.to_string();
        let set = ["positions", "set", "--sink", &self.sink, "--topic", topic];
        let set = [
            &set[..],
            &["--partition", &partition, "--to", to, "--force"],
        ]
        .concat();
        plimsoll_ok(&self.config(), &set);
    }

    fn toml(&self, http: SocketAddr) -> String {
        let Self {
            sink,
            bootstrap,
            kafka,
            topics,
            group,
            of_sink,
            batch,
            ..
        } = self;
        let (top, backend) = (&self.top, self.backend());
        let mut properties = String::new();
        for (name, value) in &self.properties {
            writeln!(properties, "\"{name}\" = \"{value}\"").expect("a string grows");
        }
        format!(
            r#"{top}
[kafka]
bootstrap_servers = "{bootstrap}"
{kafka}
[kafka.properties]
{properties}
[http]
listen = "{http}"

[sinks.{sink}]
{topics}
group_id = "{group}"
{of_sink}
[sinks.{sink}.batch]
{batch}

{backend}"#
        )
    }

    fn backend(&self) -> String {
        let Self {
            sink,
            url,
            state_schema,
            table,
            mode,
            of_postgres,
            columns,
            cassandra,
            ..
        } = self;
        match cassandra {
            Some(lines) => lines.clone(),
            None => format!(
                r#"[sinks.{sink}.postgres]
url = "{url}"
state_schema = "{state_schema}"
table = "{table}"
mode = "{mode}"
{of_postgres}
[sinks.{sink}.postgres.columns]
{columns}
"#
            ),
        }
    }
}
