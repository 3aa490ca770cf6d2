//! A Postgres that Debezium reads, and Debezium's connectors as docs/FORMATS.md has them.

use super::connect::Connector;
use super::postgres::Database;
use super::servers::OwnPostgres;
use super::wait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const DOCS: &str = include_str!("../../../docs/FORMATS.md");

/// The block of a recipe in docs/FORMATS.md, in one of its languages.
pub fn recipe(name: &str, language: &str) -> &'static str {
    let mark = format!("<!-- recipe: {name} -->");
    let (_, behind) = DOCS.split_once(&mark).expect(&mark);
    let (_, block) = behind.split_once(&format!("```{language}\n")).expect(&mark);
    block.split_once("```").expect("an end").0
}

/// The settings of a connector in a recipe.
pub fn settings(name: &str) -> BTreeMap<String, String> {
    let json: BTreeMap<String, Value> = serde_json::from_str(recipe(name, "json")).expect(name);
    let text = |value: Value| value.as_str().expect("settings are texts").to_owned();
    json.into_iter().map(|(k, v)| (k, text(v))).collect()
}

/// A Postgres of the test's own, whose changes are read by replication.
pub struct Source {
    server: OwnPostgres,
    /// Where its tables are.
    pub database: Database,
}

impl Source {
    /// Starts one.
    pub fn start(test: &str) -> Self {
        let server = OwnPostgres::stopped();
        server.put(
            "postgresql.auto.conf",
            "wal_level = logical\nmax_replication_slots = 20\nmax_wal_senders = 20\n",
        );
        server.begin();
        let database = Database::on(&server.url(), test);
        database.execute("CREATE TABLE {s}.marks (id bigint PRIMARY KEY, at timestamptz)");
        database.execute("INSERT INTO {s}.marks VALUES (1, now())");
        Self { server, database }
    }

    /// A connector of these settings that reads its tables, into topics `PREFIX_TABLE`.
    pub fn connector(&self, prefix: &str, settings: &BTreeMap<String, String>) -> Connector {
        let (schema, address) = (&self.database.schema, self.server.address());
        let mut settings = settings.clone();
        let mut set = |name: &str, value: &str| {
            let before = settings.insert(name.to_owned(), value.to_owned());
            assert!(before.is_some(), "the recipe lacks {name}");
        };
        set("database.hostname", &address.ip().to_string());
        set("database.port", &address.port().to_string());
        set("database.user", "postgres");
        set("database.dbname", "postgres");
        set("topic.prefix", prefix);
        set("schema.include.list", schema);
        set("slot.name", prefix);
        set("publication.name", prefix);
        set(
            "transforms.route.regex",
            &format!("{prefix}\\.{schema}\\.(.*)"),
        );
        set("transforms.route.replacement", &format!("{prefix}_$1"));
        Connector {
            name: prefix.to_owned(),
            settings,
        }
    }

    /// Waits until all that was committed before is in Kafka: the connector has told the
    /// server that it needs nothing older, which it does once Kafka has acknowledged.
    #[track_caller]
    pub fn wait_sent<'c>(&self, connectors: impl IntoIterator<Item = &'c Connector>) {
        let end = self.database.value("SELECT pg_current_wal_insert_lsn()");
        let end = end.expect("a position");
        for Connector { name, .. } in connectors {
            let confirmed = format!(
                "SELECT concat_ws(' ', confirmed_flush_lsn > '{end}', confirmed_flush_lsn, active) \
                 FROM pg_replication_slots WHERE slot_name = '{name}'"
            );
            wait::within(Duration::from_secs(300), "all changes are sent", || {
                // What it tells is where a transaction before its last event ended: only
                // further events move it over the last of those waited for.
                self.database
                    .execute("UPDATE {s}.marks SET at = clock_timestamp()");
                match self.database.value(&confirmed) {
                    Some(told) if told.starts_with("t ") => Ok(()),
                    other => Err(format!("{other:?}, up to {end}")),
                }
            });
        }
    }

    /// Waits until nobody reads its changes: the server has noticed that Connect is gone.
    #[track_caller]
    pub fn wait_unread(&self) {
        let readers = "SELECT count(*) FROM pg_replication_slots WHERE active";
        wait::until("nobody reads the changes", || {
            match self.database.number(readers) {
                0 => Ok(()),
                readers => Err(readers),
            }
        });
    }
}
