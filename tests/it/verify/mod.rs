//! `plimsoll verify` says "exact" of what is exact, and names what is not.

mod acts;
mod exploded;
mod honest;
mod keys;
mod mutations;
mod reach;
mod tables;

use crate::harness::case::Case;
use crate::harness::kafka::Message;
use crate::harness::oracle::Mode;
use crate::harness::process::{Process, plimsoll};
use crate::harness::{folder, wait};
use serde_json::Value;
use std::path::Path;

/// Exit code and what was found.
fn verify_with(config: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut all = vec!["verify", "--json"];
    all.extend_from_slice(arguments);
    let output = plimsoll(config, &all);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::String(said));
    (output.status.code().unwrap_or(-1), report)
}

fn verify(case: &Case) -> (i32, Value) {
    verify_with(&case.service.config(), &[])
}

#[track_caller]
fn assert_exact(case: &Case) -> Value {
    let (code, report) = verify(case);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["verdict"], "exact");
    report
}

/// The sum of one finding, and its first offsets.
fn found(report: &Value, what: &str) -> (u64, Vec<i64>) {
    let partitions = report["tables"][0]["partitions"].as_array();
    let mut offsets = Vec::new();
    let mut count = 0;
    for partition in partitions.into_iter().flatten() {
        count += partition[what]["count"].as_u64().unwrap_or(0);
        let first = partition[what]["first_offsets"].as_array();
        offsets.extend(first.into_iter().flatten().filter_map(Value::as_i64));
    }
    (count, offsets)
}

/// Only this is wrong.
#[track_caller]
fn assert_found(case: &Case, wanted: &[(&str, u64)]) -> Value {
    let (code, report) = verify(case);
    assert_eq!(code, 1, "{report:#}");
    for what in ["missing", "different", "doubled", "extra"] {
        let expected = wanted.iter().find(|(w, _)| *w == what).map_or(0, |w| w.1);
        assert_eq!(found(&report, what).0, expected, "{what}: {report:#}");
    }
    report
}

/// A topic of orders, written whole, and nobody writing any more.
fn written(test: &str, mode: Mode, records: usize) -> Case {
    let mut case = Case::new(test, mode, 3);
    let process = Process::start_ready(&case.service);
    case.produce(records);
    case.wait_caught_up();
    assert!(process.drain().success());
    case
}

#[test]
fn each_mode_is_exact_and_every_tampering_is_found() {
    for mode in Mode::ALL {
        let case = written("verify", mode, 3_000);
        let report = assert_exact(&case);
        let by = match mode {
            Mode::Log | Mode::Append => "coordinate",
            Mode::Upsert => "key",
        };
        assert_eq!(report["tables"][0]["compared_by"], by);
        let rows = case.database.number("SELECT count(*) FROM {s}.orders");
        assert_eq!(report["tables"][0]["rows"], rows);
        let (set, tail) = match mode {
            Mode::Log => (
                "event_data = '{\"id\": 0}'",
                "(kafka_partition, kafka_offset) = (0, 7)",
            ),
            Mode::Append => ("note = 'forged'", "(part, off) = (0, 7)"),
            Mode::Upsert => ("note = 'forged'", "id = (SELECT min(id) FROM {s}.orders)"),
        };
        case.database
            .execute("CREATE TABLE {s}.kept AS TABLE {s}.orders");
        case.database
            .execute(&format!("UPDATE {{s}}.orders SET {set} WHERE {tail}"));
        let report = assert_found(&case, &[("different", 1)]);
        if mode == Mode::Append {
            assert_eq!(found(&report, "different").1, [7]);
            let partition = &report["tables"][0]["partitions"][0];
            assert_eq!(partition["different_columns"][0], "note");
        }
        case.database
            .execute(&format!("DELETE FROM {{s}}.orders WHERE {tail}"));
        assert_found(&case, &[("missing", 1)]);
        let again = "INSERT INTO {s}.orders SELECT * FROM {s}.kept k WHERE NOT EXISTS \
                     (SELECT FROM {s}.orders o WHERE o = k)";
        case.database.execute(again);
        assert_exact(&case);
        match mode {
            Mode::Append => {
                case.database.execute(&format!(
                    "INSERT INTO {{s}}.orders SELECT * FROM {{s}}.kept WHERE {tail}"
                ));
                let report = assert_found(&case, &[("doubled", 1)]);
                assert_eq!(found(&report, "doubled").1, [7]);
            }
            Mode::Log => {
                case.database.execute(
                    "INSERT INTO {s}.orders SELECT kafka_topic, 0, 1000000, event_data \
                     FROM {s}.kept LIMIT 1",
                );
                let report = assert_found(&case, &[("extra", 1)]);
                assert_eq!(found(&report, "extra").1, [1_000_000]);
            }
            Mode::Upsert => {
                case.database
                    .execute("INSERT INTO {s}.orders (id) VALUES (-1)");
                assert_found(&case, &[("extra", 1)]);
            }
        }
    }
}

#[test]
fn rows_without_coordinates_are_compared_as_a_multiset() {
    let mut case = Case::new("verify_content", Mode::Append, 3);
    case.service.columns = String::new();
    case.database
        .execute("ALTER TABLE {s}.orders DROP part, DROP off");
    let process = Process::start_ready(&case.service);
    case.produce(2_000);
    // Twice the same content, which is no double row.
    let twin = Message::of(0, "{\"id\":1,\"quantity\":5}").key("1");
    case.producer
        .send_all(&case.topic, &[twin.clone(), twin.clone()]);
    case.wait_caught_up();
    assert!(process.drain().success());
    let report = assert_exact(&case);
    assert_eq!(report["tables"][0]["compared_by"], "content");
    let one = "(SELECT ctid FROM {s}.orders WHERE quantity = 5 AND customer IS NULL LIMIT 1)";
    case.database
        .execute(&format!("DELETE FROM {{s}}.orders WHERE ctid = {one}"));
    assert_found(&case, &[("missing", 1)]);
    case.database
        .execute("INSERT INTO {s}.orders (id, quantity) VALUES (1, 5), (1, 5), (-1, 0)");
    assert_found(&case, &[("doubled", 1), ("extra", 1)]);
}

#[test]
fn little_memory_and_a_sample_come_to_the_same() {
    let case = written("verify_memory", Mode::Upsert, 6_000);
    let config = case.service.config();
    // Some hundred rows a bucket.
    let (code, report) = verify_with(&config, &["--memory-mib", "1"]);
    assert_eq!(code, 0, "{report:#}");
    let (code, report) = verify_with(&config, &["--sample", "1/4"]);
    assert_eq!((code, &report["tables"][0]["sample"]), (0, &Value::from(4)));
    case.database.execute("TRUNCATE {s}.orders");
    let (code, all) = verify_with(&config, &["--memory-mib", "1"]);
    assert_eq!(code, 1);
    let (code, some) = verify_with(&config, &["--sample", "1/4"]);
    assert_eq!(code, 1);
    let (all, some) = (found(&all, "missing").0, found(&some, "missing").0);
    assert!(some > 0 && some < all, "{some} of {all}");
}

#[test]
fn beside_a_live_service_nothing_seems_wrong() {
    for mode in Mode::ALL {
        let mut case = Case::new("verify_live", mode, 3);
        let process = Process::start_ready(&case.service);
        let mut seen = 0;
        for _ in 0..4 {
            case.produce(3_000);
            let report = assert_exact(&case);
            let partitions = report["tables"][0]["partitions"].as_array();
            seen = partitions
                .into_iter()
                .flatten()
                .filter_map(|p| p["records"].as_i64())
                .sum();
        }
        assert!(seen > 0, "it looked at records");
        case.assert_exact();
        assert!(process.drain().success());
    }
}

#[test]
fn markers_and_aborted_records_are_no_loss() {
    let mut case = Case::new("verify_gaps", Mode::Append, 2);
    let process = Process::start_ready(&case.service);
    let producer = case.kafka.transactional(&case.topic);
    for round in 0..4 {
        producer.begin();
        for message in case.orders.take(100) {
            producer.send(&case.topic, &message);
        }
        // The last one is aborted: nothing but markers and dead records behind.
        match round % 2 {
            0 => producer.commit(),
            _ => producer.abort(),
        }
    }
    case.wait_caught_up();
    assert!(process.drain().success());
    let report = assert_exact(&case);
    let partitions = report["tables"][0]["partitions"]
        .as_array()
        .expect("a list");
    let sum = |what: &str| -> i64 { partitions.iter().filter_map(|p| p[what].as_i64()).sum() };
    assert_eq!(sum("records"), 200);
    let ends: i64 = case.kafka.ends(&case.topic).iter().sum();
    assert_eq!(sum("offsets_without_record"), ends - 200);
}

#[test]
fn what_retention_took_is_never_called_good() {
    let case = written("verify_retention", Mode::Append, 900);
    case.kafka.delete_records(&case.topic, 50);
    let (code, report) = verify(&case);
    assert_eq!(code, 2, "{report:#}");
    assert_eq!(report["verdict"], "could_not_tell");
    assert_eq!(report["tables"][0]["partitions"][0]["gone"], 50);
    assert_eq!(
        report["tables"][0]["partitions"][0]["unverifiable"]["count"],
        50
    );
    // What is still there is compared.
    case.database
        .execute("DELETE FROM {s}.orders WHERE (part, off) = (0, 60)");
    let report = assert_found(&case, &[("missing", 1)]);
    assert_eq!(found(&report, "missing").1, [60]);
}

#[test]
fn a_sink_that_began_late_is_not_asked_for_what_came_before() {
    let mut case = Case::new("verify_start", Mode::Append, 2);
    case.service.of_sink = "start = \"latest\"".to_owned();
    case.produce(500);
    let process = Process::start_ready(&case.service);
    case.produce(500);
    case.wait_caught_up();
    assert!(process.drain().success());
    let report = assert_exact(&case);
    let partitions = report["tables"][0]["partitions"]
        .as_array()
        .expect("a list");
    let records: i64 = partitions
        .iter()
        .filter_map(|p| p["records"].as_i64())
        .sum();
    assert_eq!(records, 500);
}

#[test]
fn dead_letters_are_accounted_for() {
    for mode in [Mode::Append, Mode::Upsert] {
        let mut case = Case::new("verify_dead", mode, 1);
        case.service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
        let process = Process::start_ready(&case.service);
        case.produce(100);
        let bad = [
            Message::of(0, "no JSON").key("1"),
            Message::of(0, "{\"id\":7,\"quantity\":\"many\"}").key("7"),
        ];
        case.producer.send_all(&case.topic, &bad);
        case.wait_caught_up();
        assert!(process.drain().success());
        let report = assert_exact(&case);
        assert_eq!(report["tables"][0]["partitions"][0]["dead_letters"], 2);
        case.database
            .execute("DELETE FROM {s}_state.dead_letters WHERE kafka_offset = 101");
        let report = assert_found(&case, &[("missing", 1)]);
        assert_eq!(found(&report, "missing").1, [101]);
    }
}

#[test]
fn a_merge_of_fields_is_folded_as_it_was_written() {
    let mut case = Case::new("verify_keep", Mode::Upsert, 2);
    case.service.of_postgres = "missing = \"keep\"".to_owned();
    let process = Process::start_ready(&case.service);
    case.produce(3_000);
    case.wait_caught_up();
    assert!(process.drain().success());
    assert_exact(&case);
    case.database
        .execute("UPDATE {s}.orders SET note = 'x' WHERE id = (SELECT max(id) FROM {s}.orders)");
    assert_found(&case, &[("different", 1)]);
}

#[test]
fn keys_that_only_the_database_calls_equal_are_one_row() {
    let mut case = Case::new("verify_keys", Mode::Upsert, 1);
    case.service.columns = String::new();
    case.database.execute(
        "DROP TABLE {s}.orders; CREATE TABLE {s}.orders (id numeric PRIMARY KEY, at timestamptz, \
         doc jsonb, tags text[], raw bytea, price numeric(8,2), code char(5), u uuid)",
    );
    let values = [
        "{\"id\":1,\"at\":\"2024-05-06T07:08:09+02:00\",\"doc\":{\"b\":1,\"a\":[2]},\"tags\":[\"x\",null],\
         \"raw\":\"YWJj\",\"price\":1.005,\"code\":\"ab\",\"u\":\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"}",
        "{\"id\":1.0,\"price\":2}",
        "{\"id\":2,\"doc\":\"text\",\"tags\":[]}",
    ];
    let messages: Vec<Message> = values.iter().map(|v| Message::of(0, v)).collect();
    let process = Process::start_ready(&case.service);
    case.producer.send_all(&case.topic, &messages);
    case.wait_caught_up();
    assert!(process.drain().success());
    assert_eq!(case.database.number("SELECT count(*) FROM {s}.orders"), 2);
    assert_exact(&case);
}

#[test]
fn a_file_is_compared_by_its_own_rules() {
    let test = "verify_sqlite";
    let mut case = Case::new(test, Mode::Upsert, 2);
    let folder = folder(test);
    let file = folder.join("orders.db");
    let mut sqlite = crate::several::connect_sqlite(&file);
    for (name, key) in [("current", " PRIMARY KEY"), ("history", "")] {
        let sql = format!(
            "CREATE TABLE {name} (id INTEGER{key}, customer TEXT, status TEXT, amount NUMERIC, \
             quantity REAL, placed_at TEXT, note TEXT DEFAULT 'none')"
        );
        crate::several::execute_sqlite(&mut sqlite, &sql);
    }
    case.orders = crate::harness::orders::Orders::new(7, 2);
    let (bootstrap, topic, group) = (&case.service.bootstrap, &case.topic, &case.service.group);
    let sink = |name: &str, mode: &str| {
        format!(
            "[sinks.{name}]\ntopics = [\"{topic}\"]\ngroup_id = \"{group}-{name}\"\n\
             [sinks.{name}.sqlite]\npath = \"{}\"\ntable = \"{name}\"\nmode = \"{mode}\"\n",
            file.display()
        )
    };
    let config = format!(
        "[kafka]\nbootstrap_servers = \"{bootstrap}\"\n[http]\nlisten = \"@HTTP@\"\n{}{}",
        sink("current", "upsert"),
        sink("history", "append")
    );
    let process = Process::start_config(&config, &folder);
    case.produce(1_500);
    wait::until("the file holds all", || {
        let sql = "SELECT coalesce(sum(next_offset), 0) FROM plimsoll_positions";
        match crate::several::try_count_sqlite(&mut sqlite, sql) {
            Some(3_000) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert!(process.drain().success());
    let config = folder.join("plimsoll.toml");
    let (code, report) = verify_with(&config, &[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["tables"][1]["compared_by"], "content");
    crate::several::execute_sqlite(
        &mut sqlite,
        "UPDATE current SET amount = amount + 1 WHERE id = (SELECT max(id) FROM current)",
    );
    let (code, report) = verify_with(&config, &["--sink", "current"]);
    assert_eq!((code, found(&report, "different").0), (1, 1), "{report:#}");
}
