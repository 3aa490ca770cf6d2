//! Tables that are more than tables, columns that change, and records that are odd,
//! from the topic to the rows.

use crate::harness::kafka::{Kafka, Message};
use crate::harness::postgres::Database;
use crate::harness::process::{Process, plimsoll};
use crate::harness::service::Service;
use crate::harness::{servers, unique, wait};

struct Scene {
    kafka: Kafka,
    database: Database,
    topic: String,
    service: Service,
}

/// A topic, and a service into table `t`, which these statements make.
fn scene(test: &str, mode: &str, tables: &str) -> Scene {
    let (kafka, database, topic) = (Kafka::shared(), Database::shared(test), unique(test));
    // A broker refuses times that are an hour ahead, unless it is told otherwise.
    let any = [("message.timestamp.after.max.ms", "9223372036854775807")];
    kafka.create_topic_with(&topic, 1, &any);
    database.execute(tables);
    let mut service = Service::new(
        test,
        &topic,
        &database.table("t"),
        mode,
        &database.state_schema(),
    );
    service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    Scene {
        kafka,
        database,
        topic,
        service,
    }
}

impl Scene {
    fn send(&self, messages: &[Message]) {
        self.kafka.producer().send_all(&self.topic, messages);
    }

    fn wait_caught_up(&self) {
        self.database.wait_caught_up(&self.kafka, &self.topic);
    }
}

fn value(text: &str) -> Message {
    Message::of(0, text)
}

#[test]
fn a_record_however_deep_is_a_dead_letter_and_ends_nothing() {
    let scene = scene("deep", "append", "CREATE TABLE {s}.t (id int, a int[])");
    let deep = |levels| {
        let (open, shut) = ("[".repeat(levels), "]".repeat(levels));
        value(&format!("{{\"id\":{levels},\"a\":{open}{shut}}}"))
    };
    let six = value("{\"id\":6,\"a\":[[[[[[7]]]]]]}");
    scene.send(&[six.clone(), deep(7), deep(11_000), deep(200_000), six]);
    let mut process = Process::start_ready(&scene.service);
    scene.wait_caught_up();
    process.assert_running();
    let letters = scene
        .database
        .number("SELECT count(*) FROM {s}_state.dead_letters");
    assert_eq!(letters, 3);
    assert_eq!(scene.database.number("SELECT count(*) FROM {s}.t"), 2);
    assert!(process.drain().success());
}

#[test]
fn a_key_reaches_bytes_as_its_bytes_and_a_default_comes_from_its_domain() {
    let scene = {
        let tables = "CREATE DOMAIN {s}.level AS int DEFAULT 7;
            CREATE TABLE {s}.t (k bytea PRIMARY KEY, level {s}.level, twice text)";
        let mut scene = scene("bytes", "upsert", tables);
        scene.service.of_postgres = "key_columns = [\"k\"]".to_owned();
        scene.service.columns = "k = \"key\"\ntwice = \"value.a.b\"".to_owned();
        scene
    };
    let one = r#"{"a":{"b":"first"},"a":{"c":"last"}}"#;
    scene.send(&[value(one).key("abc"), value("{}").key("\"abc\"")]);
    let process = Process::start_ready(&scene.service);
    scene.wait_caught_up();
    let rows = scene.database.rows(
        "SELECT encode(k, 'escape'), level::text, coalesce(twice, 'none') FROM {s}.t ORDER BY 1",
    );
    let row = |key: &str| -> Vec<Option<String>> {
        [key, "7", "none"].map(|t| Some(t.to_owned())).into()
    };
    assert_eq!(rows, [row("\"abc\""), row("abc")]);
    // A tombstone is of its own key.
    scene.send(&[Message::tombstone(0, "abc")]);
    scene.wait_caught_up();
    assert_eq!(scene.database.number("SELECT count(*) FROM {s}.t"), 1);
    assert!(process.drain().success());
}

#[test]
fn a_dead_letter_can_be_written_whatever_its_time() {
    let scene = scene("times", "append", "CREATE TABLE {s}.t (id int)");
    let at = |ms| Message {
        timestamp: Some(ms),
        ..value("no JSON")
    };
    scene.send(&[
        at(i64::MAX),
        at(1),
        at(253_402_300_800_000),
        at(10_i64.pow(16)),
    ]);
    let process = Process::start_ready(&scene.service);
    scene.wait_caught_up();
    let letters = "SELECT count(*) FROM {s}_state.dead_letters";
    assert_eq!(scene.database.number(letters), 4);
    assert!(process.drain().success());
}

#[test]
fn a_column_counts_from_the_commit_of_its_alter_on() {
    for mode in ["append", "upsert"] {
        let scene = scene("since", mode, "CREATE TABLE {s}.t (id int PRIMARY KEY)");
        let process = Process::start_ready(&scene.service);
        for round in 0..5 {
            let id = round * 2;
            let column = format!("c{round}");
            let with = |id: i32| value(&format!("{{\"id\":{id},\"{column}\":\"x\"}}"));
            // The plan of now is read before the column is there.
            scene.send(&[with(id)]);
            scene.wait_caught_up();
            let alter = format!("ALTER TABLE {{s}}.t ADD COLUMN {column} text");
            scene.database.execute(&alter);
            scene.send(&[with(id + 1)]);
            scene.wait_caught_up();
            let count = format!("SELECT count(*) FROM {{s}}.t WHERE {column} = 'x'");
            assert_eq!(scene.database.number(&count), 1, "{mode}, {column}");
        }
        assert!(process.drain().success());
    }
}

/// Of one record, and of so many that they are copied.
#[test]
fn a_type_counts_from_the_commit_of_its_alter_on() {
    for (mode, records) in [("append", 1), ("upsert", 1), ("append", 600)] {
        let mut scene = scene("retyped", mode, "CREATE TABLE {s}.t (id int PRIMARY KEY)");
        scene.service.batch = "max_records = 1000\nlinger_ms = 200".to_owned();
        scene
            .database
            .execute("ALTER TABLE {s}.t ADD COLUMN at date");
        let process = Process::start_ready(&scene.service);
        let send = |from: i32| {
            let of = |id| format!("{{\"id\":{id},\"at\":\"2026-05-06T07:08:09Z\"}}");
            let all: Vec<Message> = (from..from + records).map(|id| value(&of(id))).collect();
            scene.send(&all);
            scene.wait_caught_up();
        };
        // The plan of now makes dates of them.
        send(0);
        scene
            .database
            .execute("ALTER TABLE {s}.t ALTER COLUMN at TYPE timestamptz");
        send(records);
        let whole = "SELECT count(*) FROM {s}.t WHERE at = '2026-05-06T07:08:09Z'";
        let whole = scene.database.number(whole);
        assert_eq!(whole, i64::from(records), "{mode}, {records} at once");
        assert!(process.drain().success());
    }
}

#[test]
fn a_table_that_does_not_keep_what_is_written_is_refused() {
    let tables = [
        "CREATE UNLOGGED TABLE {s}.t (id int)",
        "CREATE TABLE {s}.t (id int);
         CREATE RULE nothing AS ON INSERT TO {s}.t DO INSTEAD NOTHING",
        "CREATE TABLE {s}.t (id int);
         CREATE RULE too AS ON INSERT TO {s}.t DO ALSO SELECT 1",
    ];
    for table in tables {
        let scene = scene("refused", "append", table);
        scene.send(&[value("{\"id\":1}")]);
        let checked = plimsoll(&scene.service.config(), &["check", "--connect"]);
        assert!(!checked.status.success(), "{table}");
        let process = Process::start(&scene.service);
        wait::until("it halts", || {
            let report = process.report().unwrap_or_default();
            match report["sinks"]["orders"]["halted"][0]["reason"].as_str() {
                Some(_) => Ok(()),
                None => Err(report.to_string()),
            }
        });
        let at = scene.database.positions(&scene.topic).expect("positions");
        assert_eq!(at, [0], "{table}");
        assert!(process.drain().success());
    }
}

/// COPY does not work beside it, and a policy may refuse a record like any rule.
#[test]
fn under_row_security_the_result_does_not_depend_on_the_size_of_a_batch() {
    let mut scene = scene("secured", "append", "CREATE TABLE {s}.t (id int)");
    let (role, state) = (unique("role"), scene.database.state_schema());
    let (url, batch) = (servers::postgres(), "max_records = 2000\nlinger_ms = 200");
    let (_, place) = url.rsplit_once('@').expect("a user");
    scene.service.url = format!("postgres://{role}@{place}");
    scene.service.batch = batch.to_owned();
    scene.database.execute(&format!(
        "ALTER TABLE {{s}}.t ENABLE ROW LEVEL SECURITY;
         CREATE POLICY no_thirteen ON {{s}}.t WITH CHECK (id <> 13);
         CREATE ROLE {role} LOGIN;
         GRANT USAGE ON SCHEMA {{s}} TO {role};
         GRANT SELECT, INSERT ON {{s}}.t TO {role};
         CREATE SCHEMA {state} AUTHORIZATION {role}"
    ));
    let process = Process::start_ready(&scene.service);
    let rows = || scene.database.number("SELECT count(*) FROM {s}.t");
    let letters = || {
        let offsets = "SELECT kafka_offset FROM {s}_state.dead_letters ORDER BY 1";
        scene.database.rows(offsets)
    };
    let mut sent = 0;
    for ids in [100..120, 1_000..2_500, 10..20] {
        sent += ids.end - ids.start;
        let of = |id| value(&format!("{{\"id\":{id}}}"));
        let all: Vec<Message> = ids.map(of).collect();
        scene.send(&all);
        scene.wait_caught_up();
        let refused = i64::try_from(letters().len()).expect("a count");
        assert_eq!(rows() + refused, sent);
    }
    assert_eq!(letters(), [[Some("1523".to_owned())]]);
    assert!(process.drain().success());
    scene
        .database
        .execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}
