//! One sink that cannot be compared hides no other, and `--json` always prints.

use super::{Case, Mode, found, verify, verify_with};
use crate::harness::postgres::Database;
use crate::harness::process::{Process, plimsoll};
use crate::harness::{folder, servers, unique, wait};
use serde_json::Value;

/// The error of a sink, or of a table of it.
#[track_caller]
fn error<'r>(report: &'r Value, sink: &str) -> &'r str {
    let errors = report["errors"].as_array().expect("a list of errors");
    let of = errors.iter().find(|e| e["sink"] == sink);
    of.and_then(|e| e["error"].as_str())
        .unwrap_or_else(|| panic!("no error of {sink}: {report:#}"))
}

#[test]
fn what_cannot_be_asked_is_no_answer() {
    let mut case = super::written("verify_unreachable", Mode::Append, 10);
    case.service.url = "postgres://postgres@127.0.0.1:1/postgres".to_owned();
    let (code, report) = verify(&case);
    assert_eq!(
        (code, &report["verdict"]),
        (2, &Value::from("could_not_tell")),
        "{report:#}"
    );
    assert!(!error(&report, "orders").is_empty());
    let output = plimsoll(&case.service.config(), &["verify", "--sink", "nobody"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("no sink \"nobody\"") && said.contains("orders"),
        "{said}"
    );
    // A sink that has never run has nothing that could be exact.
    let case = Case::new("verify_unstarted", Mode::Append, 1);
    let (code, _) = verify_with(&case.service.config(), &[]);
    assert_eq!(code, 2);
    let migrated = plimsoll(&case.service.config(), &["migrate"]);
    assert!(migrated.status.success());
    let (code, report) = verify(&case);
    assert_eq!(code, 2, "{report:#}");
    assert!(error(&report, "orders").contains("no position yet"));
}

#[test]
fn a_sink_that_cannot_be_compared_hides_no_other() {
    let test = "verify_hidden";
    let (mut case, folder) = (Case::new(test, Mode::Append, 1), folder(test));
    let database = &case.database;
    database.execute(
        "CREATE TABLE {s}.gone AS TABLE {s}.orders; CREATE TABLE {s}.last AS TABLE {s}.orders",
    );
    let head = format!(
        "[kafka]\nbootstrap_servers = \"{}\"\n[http]\nlisten = \"@HTTP@\"\n",
        case.service.bootstrap
    );
    let columns = "{ part = \"partition\", off = \"offset\" }";
    let sink = |name: &str, topic: &str, url: &str, table: &str| {
        format!(
            "[sinks.{name}]\ntopics = [\"{topic}\"]\ngroup_id = \"{}\"\n[sinks.{name}.postgres]\nurl = \"{url}\"\n\
             state_schema = \"{}\"\ntable = \"{}\"\nmode = \"append\"\ncolumns = {columns}\n",
            unique(name),
            database.state_schema(),
            database.table(table)
        )
    };
    let (good, topic) = (servers::postgres(), case.topic.clone());
    let topic = topic.as_str();
    // In the order of the config, what can be compared stands between what cannot.
    let sinks = [
        sink("a_gone", topic, &good, "gone"),
        sink("c_good", topic, &good, "orders"),
        sink("e_last", topic, &good, "last"),
    ];
    let away = sink(
        "b_away",
        topic,
        "postgres://postgres@127.0.0.1:1/postgres",
        "orders",
    );
    case.produce(50);
    let process = Process::start_config(&format!("{head}{}", sinks.concat()), &folder);
    let sql = "SELECT coalesce(sum(next_offset), 0) FROM {s}_state.positions";
    let all = Database::number;
    wait::until("three sinks have written all", || {
        match case.database.try_rows(sql) {
            Ok(_) if all(&case.database, sql) == 150 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert!(process.drain().success());
    case.database.execute("DROP TABLE {s}.gone");
    let [gone, ours, last] = sinks;
    let config = folder.join("all.toml");
    let text = format!("{head}{}", [gone, away, ours, last].concat());
    std::fs::write(&config, text.replace("@HTTP@", "127.0.0.1:0")).expect("a config file");

    let (code, report) = verify_with(&config, &[]);
    assert_eq!(
        (code, &report["verdict"]),
        (2, &Value::from("could_not_tell")),
        "{report:#}"
    );
    assert!(error(&report, "a_gone").contains("gone"), "{report:#}");
    assert!(!error(&report, "b_away").is_empty());
    let sinks: Vec<&Value> = report["tables"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|t| &t["sink"])
        .collect();
    assert_eq!(sinks, ["c_good", "e_last"], "{report:#}");
    // The worst of all counts.
    case.database
        .execute("DELETE FROM {s}.orders WHERE off = 7");
    let (code, report) = verify_with(&config, &[]);
    assert_eq!(
        (code, found(&report, "missing")),
        (1, (1, vec![7])),
        "{report:#}"
    );
    assert_eq!(report["errors"].as_array().map(Vec::len), Some(2));
    // For people the same.
    let output = plimsoll(&config, &["verify"]);
    let said = String::from_utf8_lossy(&output.stdout);
    for word in [
        "sinks.a_gone: could not tell",
        "sinks.b_away: could not tell",
        "1 missing",
        "DIFFERENT",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn without_kafka_each_sink_says_so() {
    let mut case = super::written("verify_no_kafka", Mode::Append, 10);
    case.service.bootstrap = "127.0.0.1:1".to_owned();
    let (code, report) = verify(&case);
    assert_eq!(
        (code, &report["verdict"]),
        (2, &Value::from("could_not_tell")),
        "{report:#}"
    );
    assert!(
        error(&report, "orders").contains("Connection refused"),
        "{report:#}"
    );
}
