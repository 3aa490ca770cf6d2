//! Events of MySQL's binary log, as Maxwell and Canal send them, into tables: one record
//! may be several rows.

use crate::harness::feed::Feed;
use crate::harness::kafka::Message;
use crate::harness::process::{Process, plimsoll};
use crate::harness::wait;
use serde_json::{Value, json};

const CREATE: &str =
    "CREATE TABLE {s}.t (id int PRIMARY KEY, name text, CONSTRAINT odd CHECK (id <> 7777))";

fn feed(test: &str, envelope: &str, more: &str) -> Feed {
    let value = format!("value = {{ envelope = \"{envelope}\"{more} }}\n");
    Feed::new(test, CREATE, "upsert", &value)
}

fn canal(kind: &str, data: &[Value], old: &[Value]) -> Value {
    json!({"type": kind, "isDdl": false, "database": "shop", "table": "t",
           "data": data, "old": if old.is_empty() { Value::Null } else { old.into() }})
}

fn maxwell(kind: &str, data: &Value, old: Option<&Value>) -> Value {
    let mut event = json!({"database": "shop", "table": "t", "type": kind, "data": data});
    if let Some(old) = old {
        event["old"] = old.clone();
    }
    event
}

fn row(id: usize, name: &str) -> Value {
    json!({"id": id.to_string(), "name": name})
}

fn messages(events: &[Value]) -> Vec<Message> {
    let message = |event: &Value| Message::of(0, &event.to_string());
    events.iter().map(message).collect()
}

const ROUNDS: usize = 80;

/// In each round three rows come; one is changed, one moves, and one goes.
fn log(envelope: &str) -> Vec<Value> {
    let round = |i: usize| {
        let rows = [row(3 * i, "a"), row(3 * i + 1, "b"), row(3 * i + 2, "c")];
        let (new, moved) = (row(3 * i, "new"), row(1_000 + i, "moved"));
        let (name, key) = (
            json!({"name": "a"}),
            json!({"id": (3 * i + 1).to_string(), "name": "b"}),
        );
        match envelope {
            "canal" => vec![
                canal("INSERT", &rows, &[]),
                canal("UPDATE", &[new, moved], &[name, key]),
                json!({"type": "ALTER", "isDdl": true, "data": null}),
                canal("DELETE", &rows[2..], &[]),
            ],
            _ => {
                let inserted = rows.iter().map(|row| maxwell("insert", row, None));
                let then = [
                    maxwell("update", &new, Some(&name)),
                    maxwell("update", &moved, Some(&key)),
                    json!({"type": "table-alter", "database": "shop", "table": "t"}),
                    maxwell("delete", &rows[2], None),
                ];
                inserted.chain(then).collect()
            }
        }
    };
    (0..ROUNDS).flat_map(round).collect()
}

fn expected() -> Vec<String> {
    let changed = (0..ROUNDS).map(|i| format!("{} new", 3 * i));
    let moved = (0..ROUNDS).map(|i| format!("{} moved", 1_000 + i));
    changed.chain(moved).collect()
}

#[test]
fn rows_of_mysql_reach_their_table_at_any_batch_size_under_sigkills() {
    for envelope in ["maxwell", "canal"] {
        for batch in [1, 7, 500] {
            let mut case = feed("binlog", envelope, "");
            case.service.batch = format!("max_records = {batch}\nlinger_ms = 20");
            let messages = messages(&log(envelope));
            let (first, second) = messages.split_at(messages.len() / 2);
            case.send(first);
            let process = Process::start_ready(&case.service);
            process.kill();
            case.send(second);
            let process = Process::start_ready(&case.service);
            case.wait();
            let rows = case.rows("SELECT id || ' ' || name FROM {s}.t ORDER BY id");
            assert_eq!(rows, expected(), "{envelope}, {batch} at a time");
            assert_eq!(case.bad(), Vec::<String>::new());
            wait::until("what is passed over is counted", || {
                match process.metric("plimsoll_events_passed_over_total", &[]) > 0.0 {
                    true => Ok(()),
                    false => Err(format!("{envelope}: nothing")),
                }
            });
            case.verify();
            assert!(process.drain().success());
        }
    }
}

/// `plimsoll dead-letters replay`: whether all was replayed, and what it printed.
fn replay(case: &Feed) -> (bool, String) {
    let line = ["dead-letters", "replay", "--sink", "orders"];
    let output = plimsoll(&case.service.config(), &line);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(text).expect("text"),
    )
}

#[test]
fn a_record_with_a_bad_row_is_a_dead_letter_whole_and_is_replayed_whole() {
    let case = feed("binlog_bad", "canal", "");
    case.send(&messages(&[
        canal("INSERT", &[row(1, "a"), row(7777, "b"), row(2, "c")], &[]),
        canal("INSERT", &[row(3, "d")], &[]),
        // Behind the letter in the log: about no row, and about two.
        json!({"type": "TRUNCATE", "isDdl": true, "data": null}),
        canal("INSERT", &[row(4, "e"), row(5, "f")], &[]),
    ]));
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(case.bad(), ["check_violation"]);
    let ids = || case.rows("SELECT id::text FROM {s}.t ORDER BY id");
    assert_eq!(ids(), ["3", "4", "5"]);
    case.verify();
    let (all, said) = replay(&case);
    assert!(!all && said.contains("still bad"), "{said}");
    case.database
        .execute("ALTER TABLE {s}.t DROP CONSTRAINT odd");
    let (all, said) = replay(&case);
    assert!(all && said.contains("1 replayed"), "{said}");
    assert_eq!(ids(), ["1", "2", "3", "4", "5", "7777"]);
    assert_eq!(case.bad(), Vec::<String>::new());
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn a_later_record_supersedes_a_letter_by_any_of_its_rows() {
    let case = feed("binlog_later", "canal", "");
    case.send(&messages(&[
        canal("INSERT", &[row(1, "a"), row(7777, "b")], &[]),
        canal("UPDATE", &[row(5, "x"), row(1, "newer")], &[]),
    ]));
    let process = Process::start_ready(&case.service);
    case.wait();
    case.database
        .execute("ALTER TABLE {s}.t DROP CONSTRAINT odd");
    let (all, said) = replay(&case);
    assert!(!all && said.contains("superseded by offset 1"), "{said}");
    let rows = case.rows("SELECT id || ' ' || name FROM {s}.t ORDER BY id");
    assert_eq!(rows, ["1 newer", "5 x"]);
    assert!(process.drain().success());
}

#[test]
fn a_letter_that_turns_out_to_be_of_another_table_is_replayed_as_nothing() {
    let mut case = feed("binlog_other", "maxwell", "");
    let mut other = maxwell("insert", &json!({"sku": "x"}), None);
    other["table"] = "other".into();
    let ours = maxwell("insert", &row(1, "a"), None);
    case.send(&messages(&[other, ours]));
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(case.bad(), ["key_missing"]);
    assert!(process.drain().success());
    case.service.of_sink = "on_bad_record = \"dead_letter\"\nvalue = { envelope = \"maxwell\", \
                            source_tables = [\"shop.t\"] }\n"
        .to_owned();
    let (all, said) = replay(&case);
    assert!(all && said.contains("1 replayed"), "{said}");
    assert_eq!(case.bad(), Vec::<String>::new());
    assert_eq!(case.rows("SELECT id::text FROM {s}.t"), ["1"]);
    case.verify();
}
