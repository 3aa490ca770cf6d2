//! The state that a released version left (`tests/data`), migrated and gone on from.

use crate::harness::cassandra::{self, Keyspace};
use crate::harness::kafka::{Kafka, Message};
use crate::harness::postgres::Database;
use crate::harness::process::{Process, plimsoll_ok};
use crate::harness::service::Service;
use crate::harness::{folder, servers, unique, wait};
use crate::upgrade::file;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One column of plimsoll's own tables, and all that the catalogue says of it.
type Shape = BTreeSet<String>;

/// The log of which the old state holds the first half.
struct Old {
    kafka: Kafka,
    topic: String,
    group: String,
}

impl Old {
    fn new(test: &str) -> Self {
        let old = Self {
            kafka: Kafka::shared(),
            topic: unique(test),
            group: unique(test),
        };
        old.kafka.create_topic(&old.topic, 1);
        // One of them had become a dead letter.
        old.produce(&[
            ("1", r#"{"id":1,"n":10}"#),
            ("2", "no JSON"),
            ("3", r#"{"id":3,"n":30}"#),
        ]);
        old
    }

    fn produce(&self, records: &[(&str, &str)]) {
        let message = |(key, value): &(&str, &str)| Message::of(0, value).key(key);
        let messages: Vec<Message> = records.iter().map(message).collect();
        self.kafka.producer().send_all(&self.topic, &messages);
    }

    fn fill(&self, state: &str) -> String {
        state
            .replace("{topic}", &self.topic)
            .replace("{group}", &self.group)
            .replace("{cluster}", &self.kafka.cluster_id())
    }

    /// The config of a sink that had this state.
    fn service(&self, backend: String) -> Service {
        let mut service = Service::new("upgrade", &self.topic, "", "", "");
        service.group.clone_from(&self.group);
        service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
        service.cassandra = Some(backend);
        service
    }

    /// Migrates, and goes on: `rows` are those of the table `t`, in their order.
    fn goes_on(&self, service: &Service, rows: impl Fn() -> Vec<(i64, i64)>) {
        let config = service.config();
        assert_eq!(rows(), [(1, 10), (3, 30)]);
        plimsoll_ok(&config, &["migrate"]);
        let letters = plimsoll_ok(&config, &["dead-letters", "list", "--sink", "orders"]);
        assert!(letters.contains("value_not_json"), "{letters}");
        let process = Process::start_ready(service);
        self.produce(&[("4", r#"{"id":4,"n":40}"#), ("3", r#"{"id":5,"n":50}"#)]);
        wait::until(
            "the new records are written, and the old ones not again",
            || match rows() {
                rows if rows == [(1, 10), (3, 30), (4, 40), (5, 50)] => Ok(()),
                rows => Err(format!(
                    "{rows:?}\n{}",
                    process.report().unwrap_or_default()
                )),
            },
        );
        assert!(process.drain().success());
        let list = plimsoll_ok(&config, &["positions", "list", "--json"]);
        let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
        assert_eq!(
            (&list[0]["position"], &list[0]["lag"]),
            (&5.into(), &0.into())
        );
        let told = plimsoll_ok(&config, &["verify"]);
        assert!(told.contains("exact"), "{told}");
    }
}

/// A database of its own: the schema's name is part of the state.
fn postgres_database() -> Database {
    let name = unique("upgrade");
    Database::shared("upgrade_admin").execute(&format!("CREATE DATABASE {name}"));
    let (server, _) = servers::postgres()
        .rsplit_once('/')
        .map(|(s, d)| (s.to_owned(), d.to_owned()))
        .expect("a URL");
    Database::on(&format!("{server}/{name}"), "upgrade")
}

fn postgres_shape(database: &Database) -> Shape {
    let rows = database.rows(
        "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
         FROM information_schema.columns WHERE table_schema = 'plimsoll'
         UNION SELECT 'function ' || oid::regprocedure FROM pg_proc
         WHERE pronamespace = 'plimsoll'::regnamespace
         UNION SELECT 'migration ' || version || ' ' || encode(checksum, 'hex')
         FROM plimsoll.migrations",
    );
    rows.into_iter().flatten().flatten().collect()
}

fn postgres_backend(database: &Database) -> String {
    let url = database.url();
    format!("[sinks.orders.postgres]\nurl = \"{url}\"\ntable = \"public.t\"\nmode = \"append\"")
}

#[test]
fn a_state_of_0_1_in_postgres_is_migrated_and_gone_on_from() {
    let old = Old::new("upgrade_pg");
    let database = postgres_database();
    database.execute(&old.fill(include_str!("../../data/state-0.1/postgres.sql")));
    let rows = || {
        let rows = database.rows("SELECT id, n FROM public.t ORDER BY id");
        let number = |text: &Option<String>| text.as_ref().and_then(|t| t.parse().ok());
        let pair = |row: &Vec<Option<String>>| Some((number(&row[0])?, number(&row[1])?));
        rows.iter().filter_map(pair).collect::<Vec<_>>()
    };
    old.goes_on(&old.service(postgres_backend(&database)), rows);
    // It has become what a new one would be.
    let fresh = postgres_database();
    fresh.execute("CREATE TABLE public.t (id bigint, n bigint)");
    plimsoll_ok(
        &old.service(postgres_backend(&fresh)).config(),
        &["migrate"],
    );
    assert_eq!(postgres_shape(&database), postgres_shape(&fresh));
    // By hand too.
    let by_hand = postgres_database();
    by_hand.execute(&old.fill(include_str!("../../data/state-0.1/postgres.sql")));
    let config = old.service(postgres_backend(&by_hand)).config();
    by_hand.execute(&printed(&config));
    assert_eq!(postgres_shape(&by_hand), postgres_shape(&fresh));
    assert_migrated(&config);
}

/// What is printed to be applied by hand: of what is missing, and of nothing else.
fn printed(config: &Path) -> String {
    let printed = plimsoll_ok(config, &["migrate", "--print"]);
    assert!(printed.starts_with("-- sinks.orders: what is missing\n"));
    assert!(printed.contains("acts (") && !printed.contains("dead_letters ("));
    printed
}

/// Nothing is missing, and the service knows it.
fn assert_migrated(config: &Path) {
    let printed = plimsoll_ok(config, &["migrate", "--print"]);
    assert_eq!(printed, "-- sinks.orders: nothing is missing\n\n");
    plimsoll_ok(config, &["migrate"]);
}

#[test]
fn a_state_of_0_1_in_sqlite_is_migrated_and_gone_on_from() {
    let old = Old::new("upgrade_sqlite");
    let folder = folder("upgrade_sqlite");
    let (path, fresh) = (folder.join("old.db"), folder.join("fresh.db"));
    let state = old.fill(include_str!("../../data/state-0.1/sqlite.sql"));
    file::execute(&path, &state);
    let backend = |path: &PathBuf| {
        let path = path.display();
        format!("[sinks.orders.sqlite]\npath = \"{path}\"\ntable = \"t\"\nmode = \"append\"")
    };
    let rows = || {
        let rows = file::values(&path, "SELECT id || ' ' || n FROM t ORDER BY id");
        let pair = |row: &String| {
            let (id, n) = row.split_once(' ')?;
            Some((id.parse().ok()?, n.parse().ok()?))
        };
        rows.iter().filter_map(pair).collect::<Vec<_>>()
    };
    old.goes_on(&old.service(backend(&path)), rows);
    file::execute(&fresh, "CREATE TABLE t (id integer, n integer)");
    plimsoll_ok(&old.service(backend(&fresh)).config(), &["migrate"]);
    let shape = |path| -> Shape {
        let columns = "SELECT m.name || ' ' || p.name || ' ' || p.type || ' ' || p.\"notnull\" \
                       FROM sqlite_schema AS m, pragma_table_info(m.name) AS p \
                       WHERE m.name LIKE 'plimsoll%' \
                       UNION SELECT 'migration ' || version || ' ' || hex(checksum) \
                       FROM plimsoll_migrations";
        file::values(path, columns).into_iter().collect()
    };
    assert_eq!(shape(&path), shape(&fresh));
    // By hand too: the old one, and a new one.
    let (old_file, new_file) = (folder.join("by_hand.db"), folder.join("new.db"));
    file::execute(&old_file, &state);
    let config = old.service(backend(&old_file)).config();
    file::execute(&old_file, &printed(&config));
    assert_eq!(shape(&old_file), shape(&fresh));
    assert_migrated(&config);
    let config = old.service(backend(&new_file)).config();
    let all = plimsoll_ok(&config, &["migrate", "--print"]);
    assert!(!new_file.exists(), "--print made the file");
    file::execute(&new_file, &all);
    assert_eq!(shape(&new_file), shape(&fresh));
    assert_migrated(&config);
}

#[test]
fn a_state_of_0_1_in_cassandra_is_migrated_and_gone_on_from() {
    let old = Old::new("upgrade_cassandra");
    let keyspace = || Keyspace::on(cassandra::shared(), "upgrade");
    let (there, fresh, by_hand) = (keyspace(), keyspace(), keyspace());
    let state = old.fill(include_str!("../../data/state-0.1/cassandra.cql"));
    let execute = |keyspace: &Keyspace, cql: &str| {
        for statement in cql.split(";\n").filter(|s| !s.trim().is_empty()) {
            keyspace.execute(statement);
        }
    };
    execute(&there, &state);
    execute(&by_hand, &state);
    let service = |keyspace: &Keyspace| {
        // A table takes its time to make on a machine that is busy.
        let settings = "call_timeout_ms = 60000\ntable = \"{k}.t\"";
        old.service(keyspace.sink(keyspace.address(), "", settings))
    };
    let rows = || {
        let rows = there.rows("id, n FROM {k}.t");
        let pair = |row: &serde_json::Value| Some((row["id"].as_i64()?, row["n"].as_i64()?));
        let mut rows: Vec<_> = rows.iter().filter_map(pair).collect();
        rows.sort_unstable();
        rows
    };
    old.goes_on(&service(&there), rows);
    fresh.execute("CREATE TABLE {k}.t (id bigint PRIMARY KEY, n bigint)");
    plimsoll_ok(&service(&fresh).config(), &["migrate"]);
    let shape = |keyspace: &Keyspace| -> Shape {
        let columns = "table_name, column_name, kind, type FROM system_schema.columns \
                       WHERE keyspace_name = '{k}'";
        let rows = keyspace.rows(columns);
        rows.iter().map(ToString::to_string).collect()
    };
    assert_eq!(shape(&there), shape(&fresh));
    // By hand too.
    let config = service(&by_hand).config();
    execute(&by_hand, &printed(&config));
    assert_eq!(shape(&by_hand), shape(&fresh));
    assert_migrated(&config);
}
