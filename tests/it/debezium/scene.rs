//! A source, Debezium in a Connect, and a plimsoll that feeds a table of each of the
//! source's tables in every form of its events.

use super::tables::{self, TABLES};
use super::writers;
use crate::harness::connect::{Connect, Connector};
use crate::harness::debezium::{self, Source, recipe};
use crate::harness::kafka::Kafka;
use crate::harness::postgres::Database;
use crate::harness::process::Process;
use crate::harness::random::Random;
use crate::harness::registry::Registry;
use crate::harness::{folder, servers, unique, wait};
use std::fmt::Write as _;
use std::path::PathBuf;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// JSON with schemas: the recipe itself.
    Connect,
    /// JSON without.
    Json,
    /// The same, flattened.
    Flat,
    /// Avro, with schemas in a registry.
    Avro,
}

impl Form {
    pub const ALL: [Self; 4] = [Self::Connect, Self::Json, Self::Flat, Self::Avro];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Json => "json",
            Self::Flat => "flat",
            Self::Avro => "avro",
        }
    }

    /// Whether a schema tells the types of values.
    pub const fn has_schema(self) -> bool {
        match self {
            Self::Connect | Self::Avro => true,
            Self::Json | Self::Flat => false,
        }
    }

    /// What the recipe says of it, beside what stands for all.
    const fn recipe(self) -> Option<&'static str> {
        match self {
            Self::Connect => None,
            Self::Json => Some("debezium-postgres-json"),
            Self::Flat => Some("debezium-postgres-flat"),
            Self::Avro => Some("debezium-postgres-avro"),
        }
    }
}

/// Where the events of one form go.
pub struct Target {
    pub form: Form,
    pub database: Database,
    /// Of its topics and tables.
    pub prefix: String,
    connector: Connector,
}

impl Target {
    pub fn topics(&self) -> Vec<String> {
        let topic = |table: &tables::Table| format!("{}_{}", self.prefix, table.name);
        TABLES.iter().map(topic).collect()
    }

    fn connector(source: &Source, form: Form, prefix: &str) -> Connector {
        let mut settings = debezium::settings("debezium-postgres");
        if let Some(recipe) = form.recipe() {
            settings.extend(debezium::settings(recipe));
        }
        for (name, value) in &mut settings {
            if name.ends_with("registry.url") {
                *value = Registry::shared().native_url();
            }
        }
        let keys = tables::message_keys(&source.database.schema);
        settings.insert("message.key.columns".to_owned(), keys);
        source.connector(prefix, &settings)
    }

    /// Its sink, as the recipe has it.
    fn sink(&self, batch: usize) -> String {
        let (name, schema) = (self.form.name(), &self.database.schema);
        let (_, sink) = recipe("debezium-postgres", "toml")
            .split_once("[sinks.shop]")
            .expect("a sink");
        let of_form = self
            .form
            .recipe()
            .map(|recipe_of| recipe(recipe_of, "toml"));
        let topics: Vec<String> = self.topics().iter().map(|t| format!("\"{t}\"")).collect();
        let mut lines = format!(
            "[sinks.{name}.batch]\nmax_records = {batch}\nlinger_ms = 20\n\n[sinks.{name}]\n\
             topics = [{}]\ngroup_id = \"{}\"\non_bad_record = \"dead_letter\"\n{}",
            topics.join(", "),
            self.prefix,
            of_form.unwrap_or_default()
        );
        for line in sink.lines() {
            let of_sink = |setting: &str| line.starts_with(setting);
            if of_sink("topics") || of_sink("on_bad_record") {
                continue;
            }
            if of_form.is_some() && (of_sink("value") || of_sink("key ")) {
                continue;
            }
            let line = line
                .replace("sinks.shop", &format!("sinks.{name}"))
                .replace("${DATABASE_URL}", &servers::postgres())
                .replace("public.", &format!("{schema}."));
            writeln!(lines, "{line}").expect("a string grows");
            if line.starts_with("url") {
                writeln!(lines, "state_schema = \"{}\"", self.database.state_schema())
                    .expect("a string grows");
            }
        }
        lines
    }

    /// How far its positions are, all topics together.
    fn progress(&self) -> i64 {
        let sum = "SELECT coalesce(sum(next_offset), 0)::text FROM {s}_state.positions";
        let rows = self.database.try_rows(sum);
        let value = rows.ok().and_then(|rows| rows[0][0].clone());
        value.map_or(0, |sum| sum.parse().expect("a number"))
    }
}

/// The parts, for the test to play with.
pub struct Scene {
    pub source: Source,
    pub targets: Vec<Target>,
    pub connect: Connect,
    pub kafka: Kafka,
    folder: PathBuf,
}

impl Scene {
    /// Some rows stand in the source already when the connectors begin.
    pub fn start(test: &str, forms: &[Form], seed: u64) -> Self {
        let source = Source::start(test);
        tables::create_source(&source.database);
        let mut random = Random::new(seed);
        for _ in 0..20 {
            writers::write(&source.database, &mut random);
        }
        tables::insert_odd(&source.database, tables::ODD_FROM[0]);
        let kafka = Kafka::shared();
        let target = |form: &Form| {
            let prefix = unique(form.name());
            let target = Target {
                form: *form,
                database: Database::shared(&format!("{test}_{}", form.name())),
                connector: Target::connector(&source, *form, &prefix),
                prefix,
            };
            tables::create_target(&target.database, &target.prefix, *form);
            for (topic, table) in target.topics().iter().zip(&TABLES) {
                kafka.create_topic(topic, table.partitions);
            }
            target
        };
        let targets: Vec<Target> = forms.iter().map(target).collect();
        let connectors = targets.iter().map(|target| target.connector.clone());
        let connect = Connect::start(connectors.collect());
        Self {
            source,
            targets,
            connect,
            kafka,
            folder: folder(test),
        }
    }

    /// Starts plimsoll with the sinks of all targets.
    pub fn plimsoll(&self, batch: usize) -> Process {
        // Who is killed comes back by its name, and need not be missed before.
        let mut config = format!(
            "[kafka]\nbootstrap_servers = \"{}\"\ngroup_instance_id = \"one\"\n[http]\nlisten = \
             \"@HTTP@\"\n",
            servers::kafka()
        );
        if self.targets.iter().any(|target| target.form == Form::Avro) {
            let url = Registry::shared().url();
            writeln!(config, "[schema_registry]\nurl = [\"{url}\"]").expect("a string grows");
        }
        for target in &self.targets {
            config.push_str(&target.sink(batch));
        }
        Process::start_config(&config, &self.folder)
    }

    /// How far plimsoll's positions are, all together.
    pub fn progress(&self) -> i64 {
        self.targets.iter().map(Target::progress).sum()
    }

    /// How many records are left to it.
    pub fn lag(&self) -> i64 {
        let topics = self.targets.iter().flat_map(Target::topics);
        let ends: i64 = topics.flat_map(|topic| self.kafka.ends(&topic)).sum();
        ends - self.progress()
    }

    /// Waits until its positions moved beyond `from`.
    #[track_caller]
    pub fn wait_progress(&self, process: &mut Process, from: i64) {
        wait::until("the positions move", || {
            process.assert_running();
            match self.progress() {
                progress if progress > from => Ok(()),
                progress => Err(progress),
            }
        });
    }

    /// Waits until all changes are in Kafka, and noted by Connect.
    #[track_caller]
    pub fn wait_sent(&self) {
        let connectors = self.targets.iter().map(|target| &target.connector);
        self.source.wait_sent(connectors);
    }

    /// Waits until all changes are in Kafka, and all that is in Kafka is written.
    #[track_caller]
    pub fn wait_rest(&self) {
        self.wait_sent();
        for target in &self.targets {
            for topic in target.topics() {
                target.database.wait_caught_up(&self.kafka, &topic);
            }
        }
    }
}
