//! `init`: a config that runs and a table, from what a topic holds.

use super::{create_table, has_line};
use crate::harness::cassandra::{self, Keyspace};
use crate::harness::kafka::{Kafka, Message};
use crate::harness::postgres::Database;
use crate::harness::process::{Process, plimsoll_in, plimsoll_ok};
use crate::harness::registry::Registry;
use crate::harness::{folder, free_port, servers, unique};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder, and a topic.
struct Scene {
    folder: PathBuf,
    topic: String,
    kafka: String,
}

impl Scene {
    fn new(test: &str, messages: &[Message]) -> Self {
        Self::with(test, messages, &[])
    }

    fn with(test: &str, messages: &[Message], settings: &[(&str, &str)]) -> Self {
        let (kafka, topic) = (Kafka::shared(), unique(test));
        kafka.create_topic_with(&topic, 1, settings);
        kafka.producer().send_all(&topic, messages);
        Self {
            folder: folder(test),
            topic,
            kafka: servers::kafka(),
        }
    }

    /// `plimsoll init --topic … …`: its exit code, and what was printed.
    fn init(&self, line: &[&str]) -> (i32, String) {
        self.init_of(&self.topic, &[], line)
    }

    fn init_of(&self, topic: &str, variables: &[(&str, &str)], line: &[&str]) -> (i32, String) {
        let head = ["init", "--bootstrap-servers", &self.kafka, "--topic", topic];
        let output = plimsoll_in(&self.folder, variables, &[&head[..], line].concat());
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        (output.status.code().expect("no signal"), text)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("plimsoll.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.config()).expect("a config")
    }

    /// The config with a port of its own for HTTP, run until all is written.
    fn runs(&self, database: &Database, state: &str) {
        let text = self.text().replace(
            "\nmode = ",
            &format!("\nstate_schema = \"{state}\"\nmode = "),
        );
        fs::write(self.config(), &text).expect("a config");
        let config = format!("{text}\n[http]\nlisten = \"@HTTP@\"\n");
        let mut process = Process::start_config(&config, &self.folder);
        process.wait_ready();
        database.wait_caught_up(&Kafka::shared(), &self.topic);
        assert!(process.drain().success());
    }
}

fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// Customers as somebody's service writes them, by a bare key.
fn customers() -> Vec<Message> {
    let customer = |id: u8, more: &str| {
        let value = format!(r#"{{"customerId":"c{id}","since":"2026-01-31T08:00:00Z"{more}}}"#);
        Message::of(0, &value).key(&format!("c{id}"))
    };
    vec![
        customer(1, r#","secret":"hunter2""#),
        customer(2, ""),
        customer(1, r#","visits":7"#),
        Message::tombstone(0, "c2"),
    ]
}

#[test]
fn from_a_topic_of_json_to_the_first_row_it_takes_two_commands() {
    let scene = Scene::new("init_json", &customers());
    let database = Database::shared("init_json");
    let table = database.table("customers");
    let to = ["--postgres", database.url(), "--table", &table];
    let (code, text) = scene.init(&[&to[..], &["--create"]].concat());
    assert_eq!(code, 0, "{text}");
    for line in [
        "format json: all 3 values look so",
        "key string, in 4 of 4",
        "value.visits number, in 1 of 3",
        "mode upsert: there are tombstones, which delete the row of their key",
        "\"customerId\" text NOT NULL,",
        "since timestamptz,",
        "visits bigint,",
        "PRIMARY KEY (\"customerId\")",
    ] {
        let line = line
            .replace(", in 4 of 4", "")
            .replace("key string", "key text");
        assert!(has_line(&text, &line), "{line} is not in:\n{text}");
    }
    assert!(text.contains("made "), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let sql = fs::read_to_string(scene.folder.join("plimsoll.sql")).expect("a statement");
    assert!(text.contains(sql.trim_end()), "{sql} is not in:\n{text}");
    scene.runs(&database, &database.state_schema());
    let rows = database.rows("SELECT \"customerId\", visits::text FROM {s}.customers");
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(rows, [[text("c1"), text("7")]]);
    plimsoll_ok(&scene.config(), &["verify"]);
    // What is there is not written over, and not made twice.
    let (code, said) = scene.init(&to);
    assert_eq!(code, 5, "{said}");
    assert!(
        said.contains("plimsoll.toml is there already; hint: "),
        "{said}"
    );
    let (code, said) = scene.init(&[&to[..], &["--create", "--force"]].concat());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("is there already"), "{said}");
}

#[test]
fn a_key_that_no_field_tells_becomes_a_column_of_its_own() {
    let message = |key: &str| Message::of(0, r#"{"n":1}"#).key(key);
    let compact = [("cleanup.policy", "compact")];
    let messages = [message("a"), message("b")];
    let scene = Scene::with("init_own_key", &messages, &compact);
    let database = Database::shared("init_own_key");
    let table = database.table("t");
    let to = ["--postgres", database.url(), "--table", &table, "--create"];
    let (code, text) = scene.init(&to);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("upsert: the topic is compacted"), "{text}");
    assert!(
        scene.text().contains("columns = { key = \"key\" }"),
        "{}",
        scene.text()
    );
    scene.runs(&database, &database.state_schema());
    assert_eq!(database.number("SELECT count(DISTINCT key) FROM {s}.t"), 2);
}

#[test]
fn without_a_sign_that_keys_count_nothing_is_replaced() {
    let message = |key: &str| Message::of(0, r#"{"n":1}"#).key(key);
    let scene = Scene::new("init_append", &[message("a"), message("a")]);
    let (code, text) = scene.init(&["--sqlite", "t.db", "--table", "t", "--create"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("append: records have keys, but nothing says"),
        "{text}"
    );
    assert!(!create_table(&text).contains("PRIMARY KEY"), "{text}");
    // A relative path is one from here.
    let check = ["check", "--connect", "--sample", "10"];
    let output = plimsoll_in(&scene.folder, &[], &check);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("2 rows written and rolled back, 0 bad"),
        "{said}"
    );
    let (_, text) = scene.init(&["--sqlite", "u.db", "--mode", "upsert", "--force"]);
    assert!(has_line(create_table(&text), "PRIMARY KEY (key)"), "{text}");
    assert!(
        !scene.folder.join("u.db").exists(),
        "nobody has asked for it"
    );
    let database = Database::shared("init_log");
    let table = database.table("log");
    for to in [
        ["--sqlite", "u.db", "--table", "t"],
        ["--postgres", database.url(), "--table", &table],
    ] {
        let (code, text) = scene.init(&[&to[..], &["--mode", "log", "--force"]].concat());
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("the service makes it"), "{text}");
        assert!(!text.contains("CREATE TABLE"), "{text}");
    }
}

#[test]
fn a_schema_of_a_registry_is_asked_for_and_found() {
    const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [
        {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]}]}"#;
    let registry = Registry::shared();
    let id = registry.register(ORDER);
    let mut value = vec![0];
    value.extend(id.to_be_bytes());
    value.extend([2, 0]);
    let message = Message {
        value: Some(value),
        key: Some(7_i64.to_be_bytes().to_vec()),
        ..Message::default()
    };
    let scene = Scene::new("init_avro", &[message]);
    let (code, text) = scene.init(&["--sqlite", "t.db"]);
    assert_eq!(code, 5, "{text}");
    assert!(
        text.contains(&format!("name schema {id} of a registry; hint: --registry")),
        "{text}"
    );
    let to = [
        "--sqlite",
        "t.db",
        "--mode",
        "upsert",
        "--registry",
        &registry.url(),
    ];
    let (code, text) = scene.init(&to);
    assert_eq!(code, 0, "{text}");
    for line in [
        "format avro, framed as confluent does: all 1 values look so",
        "format int64: all 1 keys look so",
        "\"id\" INTEGER NOT NULL,",
        "note TEXT,",
    ] {
        let line = line.replace("\"id\" INTEGER NOT NULL,", "id INTEGER,");
        assert!(has_line(&text, &line), "{line} is not in:\n{text}");
    }
    let config = scene.text();
    assert!(
        config.contains("format = \"avro\"\nframing = \"confluent\""),
        "{config}"
    );
}

#[test]
fn what_no_table_can_have_is_told_beside_the_config() {
    let long = "n".repeat(64);
    let message = Message::of(0, &format!(r#"{{"{long}":1}}"#));
    let scene = Scene::new("init_long", &[message]);
    let database = Database::shared("init_long");
    let (code, text) = scene.init(&["--postgres", database.url(), "--create"]);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("has a name of 64 bytes"), "{text}");
    assert!(scene.config().exists() && !scene.folder.join("plimsoll.sql").exists());
    // An upsert without any key.
    let line = [
        "--sqlite", "t.db", "--mode", "upsert", "--create", "--force",
    ];
    let (code, text) = scene.init(&line);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("would have no primary key"), "{text}");
    assert!(!scene.folder.join("t.db").exists());
}

#[test]
fn change_events_are_found_by_their_fields() {
    let event = r#"{"before":null,"after":{"id":1,"name":"a"},"op":"c","source":{},"ts_ms":1}"#;
    let message = Message::of(0, event).key(r#"{"id":1}"#);
    let scene = Scene::new("init_debezium", &[message]);
    let (code, text) = scene.init(&["--sqlite", "t.db"]);
    assert_eq!(code, 0, "{text}");
    let made = create_table(&text);
    for line in ["id INTEGER NOT NULL,", "name TEXT,", "PRIMARY KEY (id)"] {
        assert!(has_line(made, line), "{line} is not in:\n{text}");
    }
    assert!(scene.text().contains("envelope = \"debezium\""), "{text}");
    assert!(
        text.contains("upsert: change events put and delete rows"),
        "{text}"
    );
}

#[test]
fn cassandra_gets_a_table_of_its_keyspace() {
    let scene = Scene::new("init_cassandra", &customers());
    let keyspace = Keyspace::on(cassandra::shared(), "init_cassandra");
    let to = format!("{}/{}", keyspace.address(), keyspace.name);
    let line = ["--cassandra", &to, "--table", "customers", "--create"];
    let (code, text) = scene.init(&line);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("upsert: cassandra has no other"), "{text}");
    let said = plimsoll_ok(&scene.config(), &["check", "--connect", "--sample", "10"]);
    assert!(said.contains("0 bad"), "{said}");
    assert!(
        keyspace
            .rows("\"customerId\" FROM {k}.customers")
            .is_empty()
    );
    let line = ["--cassandra", &to, "--mode", "append", "--force"];
    let (code, text) = scene.init(&line);
    assert_eq!(code, 5, "{text}");
    assert!(
        text.contains("cassandra has no mode append; hint: "),
        "{text}"
    );
}

#[test]
fn a_password_is_never_printed_and_a_variable_keeps_it_out_of_the_file() {
    let scene = Scene::new("init_password", &customers());
    let url = "postgres://plimsoll:hunter2pass@127.0.0.1:1/shop";
    let (code, text) = scene.init(&["--postgres", url]);
    assert_eq!(code, 7, "the database is away: {text}");
    assert!(!text.contains("hunter2"), "{text}");
    // It is written for all that.
    assert!(scene.text().contains(url));
    assert_eq!(mode_of(&scene.config()), 0o600);
    assert!(scene.folder.join("plimsoll.sql").exists(), "{text}");
    let variables = [("SHOP_URL", url)];
    let line = ["--postgres", url, "--force"];
    let (_, text) = scene.init_of(&scene.topic, &variables, &line);
    assert!(!text.contains("hunter2"), "{text}");
    let config = scene.text();
    assert!(
        config.contains("url = \"${SHOP_URL}\"") && !config.contains("hunter2"),
        "{config}"
    );
    let (code, text) = scene.init(&["--postgres", url, "--out", "-"]);
    assert_eq!(code, 5, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    // What is printed is a config.
    let line = ["--postgres", "${SHOP_URL}", "--out", "-"];
    let (_, text) = scene.init_of(&scene.topic, &variables, &line);
    let printed = scene.folder.join("printed.toml");
    let config = &text[..text.rfind("\n# FAULT").expect(&text)];
    fs::write(&printed, config).expect("a file");
    let checked = ["check", "-c", "printed.toml"];
    assert!(
        plimsoll_in(&scene.folder, &variables, &checked)
            .status
            .success(),
        "{config}"
    );
}

#[test]
fn what_is_not_there_is_told() {
    let scene = Scene::new("init_missing", &[]);
    let to = ["--sqlite", "t.db"];
    let (code, text) = scene.init_of(&format!("{}x", scene.topic), &[], &to);
    assert_eq!(code, 5, "{text}");
    let near = format!("hint: did you mean \"{}\"?", scene.topic);
    assert!(
        text.contains("Kafka knows no topic") && text.contains(&near),
        "{text}"
    );
    // No record: a config that runs, and no table.
    let (code, text) = scene.init(&to);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("no record tells what its columns could be"),
        "{text}"
    );
    assert!(!scene.folder.join("plimsoll.sql").exists());
    plimsoll_ok(&scene.config(), &["check"]);
    let (code, _) = scene.init(&["--sqlite", "t.db", "--force", "--create"]);
    assert_eq!(code, 1);
    let away = format!("127.0.0.1:{}", free_port());
    let line = [
        "--bootstrap-servers",
        &away,
        "--topic",
        "t",
        "--sqlite",
        "t.db",
    ];
    let head = ["init", "--out", "away.toml"];
    let output = plimsoll_in(&scene.folder, &[], &[&head[..], &line].concat());
    assert_eq!(output.status.code(), Some(7));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("hint: "), "{text}");
    assert!(!scene.folder.join("away.toml").exists());
}
