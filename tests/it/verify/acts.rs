//! What an operator did on purpose is told apart from what is missing.

use super::tables::{Kind, Table, Tables, count};
use crate::harness::kafka::Message;
use crate::harness::process::plimsoll_ok;
use serde_json::Value;

const NAMES: [&str; 4] = ["by_coordinate", "by_content", "by_key", "kept"];

fn numbered(from: i64, to: i64) -> Vec<Message> {
    let bad = |n: i64| n % 10 == 9;
    let value = |n: i64| match bad(n) {
        // No number: a dead letter.
        true => format!("{{\"id\":{n},\"n\":\"many\"}}"),
        false => format!("{{\"id\":{n},\"n\":{n}}}"),
    };
    (from..to)
        .map(|n| Message::of(0, &value(n)).key(&n.to_string()))
        .collect()
}

/// In all modes, ten records each, the last of them a dead letter.
fn written(test: &str, kind: Kind) -> Tables {
    let coordinates = "columns = { part = \"partition\", off = \"offset\" }";
    let table = |name: &str, columns: &str, mode, lines: &str| Table {
        name: name.to_owned(),
        columns: columns.to_owned(),
        mode,
        lines: lines.to_owned(),
        records: numbered(0, 10),
    };
    let number = match kind {
        Kind::Postgres => "n integer",
        Kind::Sqlite => "n INTEGER CHECK (typeof(n) = 'integer')",
    };
    let all = [
        table(
            NAMES[0],
            &format!("id integer, {number}, part integer, off bigint"),
            "append",
            coordinates,
        ),
        table(NAMES[1], &format!("id integer, {number}"), "append", ""),
        table(
            NAMES[2],
            &format!("id integer PRIMARY KEY, {number}"),
            "upsert",
            "",
        ),
        table(
            NAMES[3],
            &format!("id integer PRIMARY KEY, {number}"),
            "upsert",
            "missing = \"keep\"",
        ),
    ];
    let mut tables = Tables::new(test, kind, "", "on_bad_record = \"dead_letter\"", &all);
    tables.write();
    tables.assert_exact();
    tables
}

fn ask(tables: &Tables, topic: &str, what: &[&str], more: &[&str]) -> String {
    let all = [what, &["--sink", "s", "--topic", topic], more].concat();
    plimsoll_ok(&tables.config(), &all)
}

fn set(tables: &Tables, table: &str, to: &str) {
    let more = ["--partition", "0", "--to", to, "--force"];
    ask(tables, tables.topic(table), &["positions", "set"], &more);
}

#[track_caller]
fn exact(tables: &Tables, passed_over: i64, dropped: i64) -> Value {
    let (code, report) = tables.verify();
    assert_eq!(code, 0, "{report:#}");
    for table in report["tables"].as_array().expect("tables") {
        let partition = &table["partitions"][0];
        assert_eq!(partition["passed_over"], passed_over, "{report:#}");
        assert_eq!(partition["dead_letters_dropped"], dropped, "{report:#}");
    }
    report
}

fn in_turn(test: &str, kind: Kind) {
    let mut tables = written(test, kind);
    // Ten more come, and six of them are jumped over, at once and bit by bit.
    for table in NAMES {
        tables.send(table, &numbered(10, 20));
        for to in ["12", "16"] {
            set(&tables, table, to);
        }
    }
    exact(&tables, 6, 0);
    tables.write();
    exact(&tables, 6, 0);
    // To and fro without a record read between: nothing was jumped over.
    for table in NAMES {
        set(&tables, table, "18");
        set(&tables, table, "20");
    }
    exact(&tables, 6, 0);
    // One of the rows that should be there goes, below and above what was skipped.
    for table in NAMES {
        tables.execute(&format!("DELETE FROM {{s}}.{table} WHERE id IN (3, 18)"));
    }
    let (code, report) = tables.verify();
    assert_eq!(code, 1, "{report:#}");
    for table in NAMES {
        assert_eq!(count(&report, table, "missing"), 2, "{report:#}");
        tables.execute(&format!("DELETE FROM {{s}}.{table}"));
        // From here on all of it is written again, letters too.
        set(&tables, table, "0");
    }
    tables.write();
    exact(&tables, 0, 0);
    // The dead letters go, one by one and together.
    for table in NAMES {
        let drop = ["dead-letters", "drop"];
        let more: &[&str] = match table {
            "by_key" => &["--all", "--yes"],
            _ => &["--partition", "0", "--offset", "9"],
        };
        ask(&tables, tables.topic(table), &drop, more);
        if table != "by_key" {
            ask(
                &tables,
                tables.topic(table),
                &drop,
                &["--partition", "0", "--offset", "19"],
            );
        }
    }
    exact(&tables, 0, 2);
    // Read again, they are letters again.
    for table in NAMES {
        tables.execute(&format!("DELETE FROM {{s}}.{table} WHERE id > 14"));
        set(&tables, table, "15");
    }
    tables.write();
    exact(&tables, 0, 1);
}

#[test]
fn what_an_operator_passed_over_in_postgres_is_not_missing() {
    in_turn("verify_acts_pg", Kind::Postgres);
}

#[test]
fn what_an_operator_passed_over_in_sqlite_is_not_missing() {
    in_turn("verify_acts_lite", Kind::Sqlite);
}

#[test]
fn rows_of_an_earlier_log_are_not_called_extra() {
    let mut tables = written("verify_reset", Kind::Postgres);
    for table in NAMES {
        tables.renew(table);
        tables.send(table, &numbered(100, 104));
        ask(&tables, tables.topic(table), &["positions", "reset"], &[]);
    }
    tables.write();
    let (code, report) = tables.verify();
    assert_eq!(code, 2, "{report:#}");
    for table in NAMES {
        let of = |finding| count(&report, table, finding);
        assert_eq!(
            (of("unverifiable"), of("extra"), of("missing")),
            (9, 0, 0),
            "{table}: {report:#}"
        );
        tables.execute(&format!("DELETE FROM {{s}}.{table} WHERE id = 101"));
    }
    let (code, report) = tables.verify();
    assert_eq!(code, 1, "{report:#}");
    for table in NAMES {
        assert_eq!(count(&report, table, "missing"), 1, "{table}: {report:#}");
    }
}

#[test]
fn rows_of_a_position_that_was_lost_are_not_called_extra() {
    let mut tables = written("verify_lost", Kind::Postgres);
    tables.execute("DELETE FROM {s}_state.positions");
    for table in NAMES {
        set(&tables, table, "10");
        tables.send(table, &numbered(10, 14));
    }
    tables.write();
    let (code, report) = tables.verify();
    assert_eq!(code, 2, "{report:#}");
    for table in NAMES {
        assert_eq!(
            count(&report, table, "unverifiable"),
            9,
            "{table}: {report:#}"
        );
    }
}
