//! Many small tables of one database, each fed by a topic of its own, all written by
//! one run of the service.

use super::verify_with;
use crate::harness::kafka::{Kafka, Message};
use crate::harness::postgres::Database;
use crate::harness::process::Process;
use crate::harness::{folder, servers, unique, wait};
use crate::several::{connect_sqlite, execute_sqlite, try_count_sqlite};
use serde_json::Value;
use sqlx::SqliteConnection;
use std::fmt::Write;
use std::path::PathBuf;

/// One table, and what its topic holds.
pub struct Table {
    pub name: String,
    /// Columns and constraints.
    pub columns: String,
    pub mode: &'static str,
    /// Lines of its settings.
    pub lines: String,
    pub records: Vec<Message>,
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Sqlite,
}

enum Place {
    Postgres(Database),
    Sqlite(SqliteConnection),
}

/// The tables, and who writes them.
pub struct Tables {
    place: Place,
    kafka: Kafka,
    topics: Vec<(String, String)>,
    folder: PathBuf,
    config: String,
}

impl Tables {
    /// Makes topics and tables, after what `prepare` makes; nothing is written yet.
    pub fn new(test: &str, kind: Kind, prepare: &str, of_sink: &str, tables: &[Table]) -> Self {
        let (kafka, folder) = (Kafka::shared(), folder(test));
        let file = folder.join("tables.db");
        let mut place = match kind {
            Kind::Postgres => Place::Postgres(Database::shared(test)),
            Kind::Sqlite => Place::Sqlite(connect_sqlite(&file)),
        };
        if !prepare.is_empty() {
            execute(&mut place, prepare);
        }
        let backend = match &place {
            Place::Postgres(database) => format!(
                "[sinks.s.postgres]\nurl = \"{}\"\nstate_schema = \"{}\"\n",
                servers::postgres(),
                database.state_schema()
            ),
            Place::Sqlite(_) => format!("[sinks.s.sqlite]\npath = \"{}\"\n", file.display()),
        };
        let (mut topics, mut entries) = (Vec::new(), String::new());
        let producer = kafka.producer();
        for table in tables {
            let topic = unique(&format!("{test}_{}", table.name));
            kafka.create_topic(&topic, 1);
            producer.send_all(&topic, &table.records);
            let create = format!("CREATE TABLE {{s}}.{} ({})", table.name, table.columns);
            execute(&mut place, &create);
            let name = match &place {
                Place::Postgres(database) => database.table(&table.name),
                Place::Sqlite(_) => table.name.clone(),
            };
            let which = match kind {
                Kind::Postgres => "postgres",
                Kind::Sqlite => "sqlite",
            };
            write!(
                entries,
                "[[sinks.s.{which}.tables]]\ntopics = [\"{topic}\"]\ntable = '{name}'\nmode = \"{}\"\n{}\n",
                table.mode, table.lines
            )
            .expect("a string grows");
            topics.push((topic, table.name.clone()));
        }
        let names: Vec<String> = topics.iter().map(|(t, _)| format!("\"{t}\"")).collect();
        let config = format!(
            "[kafka]\nbootstrap_servers = \"{}\"\n[http]\nlisten = \"@HTTP@\"\n[sinks.s]\n\
             topics = [{}]\ngroup_id = \"{}\"\n{of_sink}\n[sinks.s.batch]\nlinger_ms = 20\n{backend}{entries}",
            servers::kafka(),
            names.join(", "),
            unique(test),
        );
        Self {
            place,
            kafka,
            topics,
            folder,
            config,
        }
    }

    /// Lets the service write all that there is.
    #[track_caller]
    pub fn write(&mut self) {
        let process = Process::start_config(&self.config, &self.folder);
        let topics = self.topics.iter();
        let ends: i64 = topics.flat_map(|(topic, _)| self.kafka.ends(topic)).sum();
        wait::until("all is written", || match self.written() {
            Some(written) if written == ends => Ok(()),
            other => Err(format!("{other:?} of {ends}\n{}", process.log())),
        });
        assert!(process.drain().success());
    }

    fn written(&mut self) -> Option<i64> {
        match &mut self.place {
            Place::Postgres(database) => {
                let sql = "SELECT coalesce(sum(next_offset), 0)::text FROM {s}_state.positions";
                let rows = database.try_rows(sql).ok()?;
                rows.first()?.first()?.as_ref()?.parse().ok()
            }
            Place::Sqlite(connection) => {
                let sql = "SELECT coalesce(sum(next_offset), 0) FROM plimsoll_positions";
                try_count_sqlite(connection, sql)
            }
        }
    }

    /// The topic that feeds a table.
    pub fn topic(&self, table: &str) -> &str {
        let found = self.topics.iter().find(|(_, name)| name == table);
        &found.expect("a table of the test").0
    }

    /// Deletes a table's topic, and makes it anew, empty.
    pub fn renew(&self, table: &str) {
        let topic = self.topic(table);
        self.kafka.delete_topic(topic);
        self.kafka.create_topic(topic, 1);
    }

    /// More records for a table.
    pub fn send(&self, table: &str, records: &[Message]) {
        self.kafka.producer().send_all(self.topic(table), records);
    }

    /// Changes something; `{s}.` stands before a table's name.
    pub fn execute(&mut self, sql: &str) {
        execute(&mut self.place, sql);
    }

    /// Asserts what a statement counts.
    #[track_caller]
    pub fn assert_count(&mut self, sql: &str, expected: i64) {
        let found = match &mut self.place {
            Place::Postgres(database) => {
                let rows = database.try_rows(&format!("SELECT ({sql})::text"));
                rows.ok().and_then(|rows| rows[0][0].as_ref()?.parse().ok())
            }
            Place::Sqlite(connection) => try_count_sqlite(connection, &sql.replace("{s}.", "")),
        };
        assert_eq!(found, Some(expected), "{sql}");
    }

    /// The config's file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("plimsoll.toml")
    }

    /// Exit code and report.
    pub fn verify(&self) -> (i32, Value) {
        verify_with(&self.config(), &[])
    }

    #[track_caller]
    pub fn assert_exact(&self) {
        let (code, report) = self.verify();
        assert_eq!(code, 0, "{report:#}");
    }
}

fn execute(place: &mut Place, sql: &str) {
    match place {
        Place::Postgres(database) => database.execute(sql),
        Place::Sqlite(connection) => execute_sqlite(connection, &sql.replace("{s}.", "")),
    }
}

/// A table of a report.
#[track_caller]
pub fn table<'r>(report: &'r Value, name: &str) -> &'r Value {
    let tables = report["tables"].as_array().expect("tables");
    let is = |found: &&Value| {
        let found = found["table"].as_str().expect("a name");
        found == name || found.ends_with(&format!(".{name}"))
    };
    let found = tables.iter().find(is);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

/// How often something was found in a table.
#[track_caller]
pub fn count(report: &Value, name: &str, finding: &str) -> u64 {
    let partitions = table(report, name)["partitions"].as_array();
    let of = |partition: &Value| partition[finding]["count"].as_u64().unwrap_or(0);
    partitions.expect("partitions").iter().map(of).sum()
}
