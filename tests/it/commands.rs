//! The commands of an operator, asked of real servers.

use crate::harness::kafka::{Kafka, Message};
use crate::harness::postgres::Database;
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::service::Service;
use crate::harness::{free_port, servers, unique, wait};
use std::process::Output;

/// A topic with two partitions, ten records in the first and none in the other,
/// and a table for them.
struct Scene {
    database: Database,
    topic: String,
    service: Service,
}

impl Scene {
    fn new(test: &str) -> Self {
        let kafka = Kafka::shared();
        let topic = unique(test);
        kafka.create_topic(&topic, 2);
        let records: Vec<Message> = (0..10)
            .map(|id| {
                let value = format!(r#"{{"id":{id},"n":"{id}.50","customer":{{"name":"x"}}}}"#);
                Message::of(0, &value)
            })
            .collect();
        kafka.producer().send_all(&topic, &records);
        let database = Database::shared(test);
        database.execute("CREATE TABLE {s}.t (id bigint PRIMARY KEY, n numeric(6,2), name text)");
        let mut service = Service::new(
            test,
            &topic,
            &database.table("t"),
            "upsert",
            &database.state_schema(),
        );
        service.columns = "name = \"value.customer.name\"".to_owned();
        Self {
            database,
            topic,
            service,
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        plimsoll(&self.service.config(), arguments)
    }

    fn ok(&self, arguments: &[&str]) -> String {
        plimsoll_ok(&self.service.config(), arguments)
    }

    /// What it printed, and with which code it ended.
    fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("text");
        let code = output.status.code().expect("no signal");
        assert_ne!(code, 0, "{text}");
        (code, text)
    }

    /// Whether plimsoll's own schema is there.
    fn has_state(&self) -> bool {
        let state = self.database.state_schema();
        let found = self.database.number(&format!(
            "SELECT count(*) FROM pg_namespace WHERE nspname = '{state}'"
        ));
        found > 0
    }

    fn set<'a>(&'a self, to: &'a str) -> Vec<&'a str> {
        vec![
            "positions",
            "set",
            "--sink",
            "orders",
            "--topic",
            &self.topic,
            "--partition",
            "0",
            "--to",
            to,
        ]
    }
}

#[test]
fn a_check_shows_tables_and_tries_records_and_writes_nothing() {
    let scene = Scene::new("check_all_well");
    let text = scene.ok(&["check", "--connect", "--sample", "100"]);
    for line in [
        "value.customer.name  →  name  text".to_owned(),
        "value.id             →  id    bigint (key)".to_owned(),
        format!("topic    {}: 2 partitions, 10 offsets", scene.topic),
        "10 rows written and rolled back, 0 bad".to_owned(),
        "all well".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is not in:\n{text}");
    }
    assert!(!scene.has_state(), "a check made plimsoll's schema");
    assert_eq!(scene.database.number("SELECT count(*) FROM {s}.t"), 0);
}

#[test]
fn a_check_names_a_topic_a_table_and_a_key_that_are_not_there() {
    let mut scene = Scene::new("check_not_there");
    scene.service.topics = "topics = [\"no_such_topic\"]".to_owned();
    scene.service.of_postgres = "key_columns = [\"idd\"]".to_owned();
    let (code, text) = scene.fails(&["check", "--connect"]);
    assert_eq!(code, 1);
    assert!(
        text.contains("Kafka knows no topic \"no_such_topic\""),
        "{text}"
    );
    assert!(text.contains("did you mean \"id\"?"), "{text}");

    scene.service.table = scene.database.table("tt");
    let (code, text) = scene.fails(&["check", "--connect"]);
    assert_eq!(code, 1);
    assert!(
        text.contains("\" does not exist; hint: did you mean "),
        "{text}"
    );
}

#[test]
fn a_sample_finds_the_bad_records_and_shows_no_value() {
    let scene = Scene::new("check_sample");
    let kafka = Kafka::shared();
    let bad = [
        r#"{"id":100,"n":"hunter2"}"#,
        r#"{"id":101,"n":1.5}"#,
        r#"{"id":102"#,
        r#"{"n":7}"#,
    ];
    let records: Vec<Message> = bad.iter().map(|value| Message::of(1, value)).collect();
    kafka.producer().send_all(&scene.topic, &records);
    let (code, text) = scene.fails(&["check", "--sample", "100"]);
    assert_eq!(code, 1);
    for (offset, word) in [(0, "column \"n\""), (2, "JSON"), (3, "id")] {
        let start = format!("{}[1] offset {offset}: ", scene.topic);
        let line = text.lines().find(|line| line.contains(&start));
        assert!(
            line.is_some_and(|line| line.contains(word)),
            "{start}… {word} is not in:\n{text}"
        );
    }
    assert!(
        text.contains("11 rows written and rolled back, 3 bad"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(scene.database.number("SELECT count(*) FROM {s}.t"), 0);
}

#[test]
fn a_check_lists_what_the_role_may_not_do() {
    let mut scene = Scene::new("check_privileges");
    let role = unique("role");
    scene.database.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {{s}} TO {role}; GRANT SELECT, INSERT ON {{s}}.t TO {role}"
    ));
    let (_, place) = scene.service.url.split_once('@').expect("a user");
    scene.service.url = format!("postgres://{role}@{place}");
    let (code, text) = scene.fails(&["check", "--connect"]);
    assert_eq!(code, 1);
    // The statements themselves, with the names of object and role.
    let table = scene.database.table("t");
    for statement in [
        format!("GRANT UPDATE ON TABLE {table} TO {role}"),
        format!("GRANT DELETE ON TABLE {table} TO {role}"),
        format!("GRANT CREATE ON DATABASE postgres TO {role}"),
    ] {
        assert!(text.contains(&statement), "{statement} is not in:\n{text}");
    }
    assert!(!text.contains("INSERT on TABLE"), "{text}");
    scene
        .database
        .execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn the_printed_sql_applied_by_hand_is_what_migrate_makes() {
    let mut scene = Scene::new("migrate_print");
    scene.service.of_postgres = "auto_migrate = false".to_owned();
    let (code, text) = scene.fails(&["check", "--connect"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("plimsoll migrate"), "{text}");

    let sql = scene.ok(&["migrate", "--print"]);
    assert!(
        sql.starts_with("-- sinks.orders: what is missing\n"),
        "{sql}"
    );
    assert!(!scene.has_state(), "--print made the schema");
    scene.database.execute(&sql);
    assert!(
        scene
            .ok(&["check", "--connect"])
            .contains("state    0 positions")
    );
    // Nothing is left to do, and it knows.
    let nothing = "-- sinks.orders: nothing is missing\n\n";
    assert_eq!(scene.ok(&["migrate", "--print"]), nothing);
    scene.ok(&["migrate"]);
    scene.ok(&["migrate"]);
}

#[test]
fn what_a_database_lacks_that_does_not_answer_is_all() {
    let mut scene = Scene::new("migrate_offline");
    let online = scene.ok(&["migrate", "--print"]);
    scene.service.url = format!("postgres://127.0.0.1:{}/none", free_port());
    let offline = scene.ok(&["migrate", "--print"]);
    let (comment, sql) = offline.split_once('\n').expect("lines");
    assert!(
        comment.starts_with("-- sinks.orders: all there is: leave out what is there already"),
        "{comment}"
    );
    let (_, all) = online.split_once('\n').expect("lines");
    assert_eq!(sql, all);
}

#[test]
fn positions_are_set_and_listed_with_their_lag() {
    let scene = Scene::new("positions_set");
    scene.ok(&["migrate"]);
    let dry = scene.ok(&[&scene.set("4")[..], &["--dry-run"]].concat());
    assert!(dry.contains("would be set from nowhere to 4"), "{dry}");
    assert!(
        scene
            .database
            .positions(&scene.topic)
            .expect("rows")
            .is_empty()
    );
    scene.ok(&scene.set("4"));
    assert_eq!(scene.database.positions(&scene.topic).expect("rows"), [4]);

    let list = scene.ok(&["positions", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list[0]["topic"], scene.topic.as_str());
    assert_eq!(list[0]["position"], 4);
    assert_eq!(list[0]["high_watermark"], 10);
    assert_eq!(list[0]["lag"], 6);
    assert_eq!(list[1]["partition"], 1);
    assert!(list[1]["position"].is_null());

    for (to, position) in [
        ("earliest", 0),
        ("latest", 10),
        ("2001-01-01T00:00:00Z", 0),
        ("2999-01-01T00:00:00Z", 10),
    ] {
        scene.ok(&scene.set(to));
        assert_eq!(
            scene.database.positions(&scene.topic).expect("rows"),
            [position],
            "--to {to}"
        );
    }
    let (code, text) = scene.fails(&scene.set("11"));
    assert_eq!(code, 5);
    assert!(text.contains("its log goes from 0 to 10"), "{text}");
}

#[test]
fn a_dry_run_answers_beside_a_running_service() {
    let scene = Scene::new("dry_run_beside");
    let process = Process::start_ready(&scene.service);
    let dry = scene.ok(&[&scene.set("4")[..], &["--dry-run"]].concat());
    assert!(dry.contains("would be set from"), "{dry}");
    let (code, text) = scene.fails(&scene.set("4"));
    assert_eq!(code, 5, "{text}");
    for (what, said) in [
        ("reset", "would be reset from"),
        ("adopt", "would be adopted at"),
    ] {
        let line = [
            "positions",
            what,
            "--sink",
            "orders",
            "--topic",
            &scene.topic,
        ];
        let line = [&line[..], &["--partition", "0"]].concat();
        let dry = scene.ok(&[&line[..], &["--dry-run"]].concat());
        assert!(dry.contains(said), "{dry}");
        let (code, text) = scene.fails(&line);
        assert_eq!(code, 5, "{text}");
        assert!(text.contains("use --force"), "{text}");
    }
    assert!(process.drain().success());
}

#[test]
fn another_groups_positions_are_named_and_not_touched() {
    let mut scene = Scene::new("positions_foreign");
    scene.ok(&["migrate"]);
    scene.ok(&scene.set("4"));
    scene.service.group = unique("another");
    let (code, text) = scene.fails(&["check", "--connect"]);
    assert_eq!(code, 1);
    assert!(text.contains("belongs to group"), "{text}");
    let (code, text) = scene.fails(&scene.set("5"));
    assert_eq!(code, 5, "{text}");
    assert_eq!(scene.database.positions(&scene.topic).expect("rows"), [4]);
}

#[test]
fn a_command_does_not_wait_for_servers_that_are_away() {
    let mut scene = Scene::new("commands_away");
    scene.ok(&["migrate"]);
    scene.ok(&scene.set("4"));
    let bootstrap = std::mem::replace(&mut scene.service.bootstrap, "127.0.0.1:9".to_owned());
    let (code, text) = scene.fails(&["positions", "list"]);
    assert_eq!(code, 7);
    assert!(
        text.contains(&scene.topic),
        "positions are there without Kafka: {text}"
    );
    scene.service.bootstrap = bootstrap;
    scene.service.url = "postgres://app:hunter2@127.0.0.1:9/shop".to_owned();
    let (code, text) = scene.fails(&["positions", "list"]);
    assert_eq!(code, 7);
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(servers::kafka(), scene.service.bootstrap);
}

/// A service whose first partition has met a bad record, five good ones before it and
/// one behind.
fn halted(test: &str) -> (Scene, Process) {
    let scene = Scene::new(test);
    let old = Some(1_000_000_000_000);
    let of = |value: &str| Message {
        timestamp: old,
        ..Message::of(1, value)
    };
    let records = ["{\"id\":20}", "no JSON", "{\"id\":21}"].map(of);
    let process = Process::start_ready(&scene.service);
    Kafka::shared().producer().send_all(&scene.topic, &records);
    wait::until("the partition halts", || {
        match process.metric("plimsoll_partitions_halted", &[]) {
            1.0 => Ok(()),
            other => Err(other),
        }
    });
    (scene, process)
}

#[test]
fn a_halted_partition_is_listed_with_the_services_own_reason() {
    let (scene, process) = halted("halted_here");
    let list = plimsoll_ok(&process.config(), &["positions", "list"]);
    let why = format!(
        "sinks.orders: {}[1] is halted: at offset 1: value_not_json",
        scene.topic
    );
    assert!(list.contains(&why) && list.contains("  halted  "), "{list}");
    let checked = plimsoll(&process.config(), &["check", "--connect"]);
    let text = String::from_utf8(checked.stdout).expect("text");
    assert_eq!(checked.status.code(), Some(1), "{text}");
    assert!(text.contains(&why) && !text.contains("all well"), "{text}");
    assert!(process.drain().success());
}

#[test]
fn a_probe_is_strict_where_it_is_asked_to_be_and_nowhere_else() {
    let (_, process) = halted("strictly");
    let status = |path| process.get(path).map(|(status, _)| status);
    for (path, expected) in [
        ("/readyz", 200),
        ("/readyz?strict=false", 200),
        ("/readyz?strict=0", 200),
        ("/readyz?strict", 503),
        ("/readyz?strict=true", 503),
        ("/readyz?strict=perhaps", 400),
    ] {
        assert_eq!(status(path), Some(expected), "{path}");
    }
    assert!(process.drain().success());
}

#[test]
fn of_a_service_elsewhere_it_is_seen_that_records_wait_and_whom_to_ask() {
    let (scene, process) = halted("halted_elsewhere");
    // As if it had halted a while ago.
    scene
        .database
        .execute("UPDATE {s}_state.positions SET moved_at = now() - interval '5 minutes'");
    // Another address for HTTP: nobody answers there.
    let list = scene.ok(&["positions", "list"]);
    assert!(list.contains("  stuck  "), "{list}");
    for words in [
        "[1] is stuck: it has not moved for 5 min",
        "wait from offset 1 to 3",
        "/readyz",
    ] {
        assert!(list.contains(words), "{list}");
    }
    let (code, text) = scene.fails(&["check", "--connect"]);
    assert_eq!(code, 1);
    assert!(text.contains("[1] is stuck"), "{text}");
    assert!(process.drain().success());
    // Nobody is to be asked any more, and nothing is wrong with a service that rests.
    wait::until("its last sign of life is old", || {
        let list = scene.ok(&["positions", "list"]);
        if list.contains("  stuck  ") {
            Err(list)
        } else {
            Ok(())
        }
    });
    assert!(scene.ok(&["positions", "list"]).contains("  unowned  "));
    assert!(scene.ok(&["check", "--connect"]).contains("all well"));
}

#[test]
fn a_position_outside_its_log_has_no_lag_and_is_halted() {
    let scene = Scene::new("outside");
    scene.ok(&["migrate"]);
    scene.ok(&scene.set("4"));
    scene
        .database
        .execute("UPDATE {s}_state.positions SET next_offset = 99");
    let list = scene.ok(&["positions", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list[0]["state"], "halted");
    assert!(list[0]["lag"].is_null(), "{list}");
    let why = list[0]["why"].as_str().expect("words");
    assert!(why.contains("position 99 lies behind 10, the end"), "{why}");
    let (code, text) = scene.fails(&["check", "--connect"]);
    assert_eq!(code, 1);
    assert!(text.contains("position 99 lies behind 10"), "{text}");
}

#[test]
fn no_part_of_a_password_is_shown_and_an_address_may_stand_in_brackets() {
    let mut scene = Scene::new("password");
    // Each of these ends the password early for who reads up to it.
    for mark in ["/", "#", ",", "?"] {
        scene.service.url = format!("postgres://app:alpha7@bravo9{mark}x@127.0.0.1:9/shop");
        for command in [
            &["check", "--connect"][..],
            &["positions", "list"],
            &["check"],
        ] {
            let output = scene.run(command);
            let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
            for part in ["alpha7", "bravo9"] {
                assert!(
                    !text.contains(part),
                    "{command:?} shows {part} of it: {text}"
                );
            }
            assert!(!output.status.success(), "{command:?}: {text}");
        }
    }
    scene.service.url = "postgres://app:hunter2@[::1]:9/shop".to_owned();
    scene.ok(&["check"]);
    let (code, text) = scene.fails(&["positions", "list"]);
    assert_eq!(code, 7, "{text}");
    assert!(text.contains("::1"), "{text}");
}

#[test]
fn a_name_that_no_table_can_have_is_refused_without_a_network() {
    let mut scene = Scene::new("long_name");
    scene.service.url = "postgres://app@127.0.0.1:9/shop".to_owned();
    scene.service.bootstrap = "127.0.0.1:9".to_owned();
    scene.service.table = format!("public.{}", "x".repeat(64));
    let (_, text) = scene.fails(&["check"]);
    assert!(text.contains("63 bytes"), "{text}");
}
