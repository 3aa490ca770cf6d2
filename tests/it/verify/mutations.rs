//! Every change of a table is found: of every type, in every mode. One topic of all
//! types for each mode, written once; then each column is changed in a row of its own,
//! so that one look tells of all: as many rows are different as there are columns, and
//! every column is named.

use super::tables::{Kind, Table, Tables, count, table};
use crate::harness::kafka::Message;
use std::fmt::Write;

/// A type, a value of it as JSON, and another one as SQL.
type Case = (&'static str, &'static str, &'static str);

const POSTGRES: &[Case] = &[
    ("smallint", "7", "8"),
    ("integer", "7", "-7"),
    ("bigint", "9007199254740993", "9007199254740992"),
    ("numeric", "1.10", "1.1"),
    (
        "numeric(30,10)",
        "12345678901234567890.0123456789",
        "12345678901234567890.0123456788",
    ),
    ("real", "0.1", "0.10000001"),
    ("double precision", "0.1", "0.10000000000000002"),
    ("boolean", "true", "false"),
    ("text", "\"a\"", "'a '"),
    ("varchar(10)", "\"\"", "' '"),
    ("char(5)", "\"ab\"", "'aB'"),
    ("\"char\"", "\"x\"", "'y'"),
    ("name", "\"a\"", "'b'"),
    ("bytea", "\"AAE=\"", "'\\x0002'"),
    ("json", "{\"a\":1}", "'{\"a\": 1}'"),
    ("jsonb", "{\"a\":[1]}", "'{\"a\": [[1]]}'"),
    ("xml", "\"<a/>\"", "'<b/>'"),
    (
        "uuid",
        "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'",
    ),
    ("date", "\"2024-02-29\"", "'2024-03-01'"),
    ("time", "\"23:59:59.999999\"", "'23:59:59.999998'"),
    ("timetz", "\"12:00+01\"", "'11:00+00'"),
    ("timestamp", "\"2024-02-29T23:59:59.999999\"", "'infinity'"),
    (
        "timestamptz",
        "\"2024-02-29T23:59:59.999999Z\"",
        "'2024-02-29 23:59:59.999998Z'",
    ),
    ("interval", "\"1 mon\"", "'30 days'"),
    ("inet", "\"10.0.0.1\"", "'10.0.0.1/31'"),
    ("cidr", "\"10.0.0.0/8\"", "'10.0.0.0/9'"),
    ("macaddr", "\"08:00:2b:01:02:03\"", "'08:00:2b:01:02:04'"),
    ("bit(3)", "\"101\"", "B'100'"),
    ("bit varying", "\"101\"", "B'1010'"),
    ("money", "\"1.50\"", "'1.51'"),
    ("oid", "7", "8"),
    ("pg_lsn", "\"0/1\"", "'0/2'"),
    ("point", "\"(1,2)\"", "'(1,3)'"),
    ("box", "\"(1,2),(0,0)\"", "'(2,1),(0,0)'"),
    ("int4range", "\"[1,3)\"", "'[1,4)'"),
    ("numrange", "\"[1,2]\"", "'[1.0,2]'"),
    ("tstzrange", "\"[2024-01-01,)\"", "'(2024-01-01,)'"),
    ("int4multirange", "\"{[1,2),[4,5)}\"", "'{[1,2)}'"),
    ("tsvector", "\"a b\"", "'a'"),
    ("tsquery", "\"a\"", "'!a'"),
    ("jsonpath", "\"$.a\"", "'$.b'"),
    ("integer[]", "[1,2]", "'{{1,2}}'"),
    ("text[]", "[\"a\",null]", "'{a,NULL,NULL}'"),
    (
        "jsonb[]",
        "[1,{\"a\":2}]",
        "ARRAY['1', '{\"a\": 3}']::jsonb[]",
    ),
    ("bytea[]", "[\"AAE=\"]", "ARRAY['\\x0002']::bytea[]"),
    ("{s}.mood", "\"sad\"", "'happy'"),
    ("{s}.cents", "1.5", "1.51"),
    ("{s}.pair", "\"(1,a)\"", "'(1,b)'"),
    ("text COLLATE {s}.blind", "\"a\"", "'A'"),
];

const MADE: &str = "CREATE TYPE {s}.mood AS ENUM ('sad', 'happy'); CREATE DOMAIN {s}.cents AS numeric(9,2); \
    CREATE TYPE {s}.pair AS (a integer, b text); \
    CREATE COLLATION {s}.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";

const SQLITE: &[Case] = &[
    ("INTEGER", "9007199254740993", "9007199254740992"),
    ("INTEGER", "\"x\"", "x'78'"),
    ("REAL", "0.1", "0.10000000000000002"),
    ("NUMERIC", "1.5", "'x'"),
    ("DECIMAL(10,2)", "7", "7.5"),
    ("BOOLEAN", "true", "0"),
    ("TEXT", "\"a\\u0000b\"", "'a' || char(0) || 'c'"),
    ("TEXT", "\"\"", "' '"),
    ("TEXT COLLATE NOCASE", "\"a\"", "'A'"),
    ("VARCHAR(3)", "1.50", "'1.5'"),
    ("BLOB", "\"/w==\"", "x'fe'"),
    ("BLOB", "\"AGE=\"", "x'0062'"),
    ("", "1", "'1'"),
    ("", "\"a\"", "x'61'"),
    ("JSON", "{\"a\":1}", "'{\"a\": 1}'"),
    ("TIMESTAMP", "\"2024-01-01\"", "2024"),
];

/// From this one on ids are of records that hold nulls.
const EMPTY: usize = 1_000;

const MODES: [&str; 5] = ["logged", "by_coordinate", "by_content", "by_key", "kept"];

/// A table of all types for each mode. For each type one record holds values in all
/// columns, and one nulls.
fn tables(kind: Kind, cases: &[Case]) -> Vec<Table> {
    let (mut columns, mut values, mut nulls, mut mapped) = Default::default();
    for (i, (type_name, value, _)) in cases.iter().enumerate() {
        let add = |text: &mut String, more: String| text.push_str(&more);
        add(&mut columns, format!(", c{i} {type_name}"));
        add(&mut values, format!(",\"c{i}\":{value}"));
        add(&mut nulls, format!(",\"c{i}\":null"));
        add(&mut mapped, format!(", c{i} = \"value.c{i}\""));
    }
    let record = |id: usize, rest: &str| Message::of(0, &format!("{{\"id\":{id}{rest}}}"));
    let full = (0..cases.len()).map(|id| record(id, &values));
    let empty = (0..cases.len()).map(|id| record(EMPTY + id, &nulls));
    let records: Vec<Message> = full.chain(empty).collect();
    let event = match kind {
        Kind::Postgres => "jsonb",
        Kind::Sqlite => "TEXT",
    };
    let table = |name: &str, before: &str, mode, lines: &str| Table {
        name: name.to_owned(),
        columns: format!("{before}{columns}"),
        mode,
        lines: lines.to_owned(),
        records: records.clone(),
    };
    let coordinates = format!(
        "kafka_topic varchar(255), kafka_partition integer, kafka_offset bigint, event_data {event}, id integer"
    );
    let log = format!("columns = {{ id = \"value.id\"{mapped} }}");
    let mut all = vec![
        table(MODES[0], &coordinates, "log", &log),
        table(
            MODES[1],
            "part integer, off bigint, id integer",
            "append",
            "columns = { part = \"partition\", off = \"offset\" }",
        ),
        table(MODES[2], "id integer", "append", ""),
        table(MODES[3], "id integer PRIMARY KEY", "upsert", ""),
        table(
            MODES[4],
            "id integer PRIMARY KEY",
            "upsert",
            "missing = \"keep\"",
        ),
    ];
    all[0].columns += ", PRIMARY KEY (kafka_topic, kafka_partition, kafka_offset)";
    all
}

fn restore(tables: &mut Tables, kind: Kind) {
    let mut sql = String::new();
    for mode in MODES {
        let (empty, saved) = match kind {
            Kind::Postgres => (
                format!("TRUNCATE {{s}}.{mode}"),
                format!("{{s}}.saved_{mode}"),
            ),
            Kind::Sqlite => (format!("DELETE FROM {mode}"), format!("saved_{mode}")),
        };
        write!(
            sql,
            "{empty}; INSERT INTO {{s}}.{mode} SELECT * FROM {saved}; "
        )
        .expect("a string grows");
    }
    tables.execute(&sql);
}

/// In each mode each column is different in one row. A row found by its content is one
/// that lacks and one too many.
#[track_caller]
fn assert_all_different(tables: &Tables, cases: &[Case], what: &str) {
    let (code, report) = tables.verify();
    assert_eq!(code, 1, "{what}: {report:#}");
    let rows = cases.len() as u64;
    for mode in MODES {
        let of = |finding| count(&report, mode, finding);
        if mode == "by_content" {
            let found = (of("missing"), of("extra"));
            assert_eq!(found, (rows, rows), "{what}: {report:#}");
            continue;
        }
        let columns = &table(&report, mode)["partitions"][0]["different_columns"];
        let all: Vec<String> = (0..cases.len()).map(|i| format!("c{i}")).collect();
        assert_eq!(columns, &serde_json::json!(all), "{what}, {mode}");
        let found = (of("different"), of("missing"), of("extra"));
        assert_eq!(found, (rows, 0, 0), "{what}, {mode}: {report:#}");
    }
}

/// Sets each column in a row of its own.
fn set_each(tables: &mut Tables, cases: &[Case], value: impl Fn(&Case) -> String, first: usize) {
    for mode in MODES {
        let mut sql = String::new();
        for (i, case) in cases.iter().enumerate() {
            let (value, id) = (value(case), first + i);
            write!(
                sql,
                "UPDATE {{s}}.{mode} SET c{i} = {value} WHERE id = {id}; "
            )
            .expect("a string grows");
        }
        tables.execute(&sql);
    }
}

fn every_change_is_found(test: &str, kind: Kind, made: &str, cases: &[Case]) {
    let mut tables = Tables::new(test, kind, made, "", &self::tables(kind, cases));
    tables.write();
    tables.assert_exact();
    for mode in MODES {
        tables.execute(&format!(
            "CREATE TABLE {{s}}.saved_{mode} AS SELECT * FROM {{s}}.{mode}"
        ));
    }
    let other = |(type_name, _, other): &Case| match kind {
        Kind::Postgres => format!("({other})::{type_name}"),
        Kind::Sqlite => (*other).to_owned(),
    };
    set_each(&mut tables, cases, other, 0);
    assert_all_different(&tables, cases, "another value");
    restore(&mut tables, kind);
    set_each(&mut tables, cases, |_| "NULL".to_owned(), 0);
    assert_all_different(&tables, cases, "no value any more");
    restore(&mut tables, kind);
    set_each(&mut tables, cases, other, EMPTY);
    assert_all_different(&tables, cases, "a value where there was none");
    restore(&mut tables, kind);
    tables.assert_exact();
    rows_are_counted(&mut tables, kind);
}

/// Removed, doubled where the table lets it, and beside it where it does not.
fn rows_are_counted(tables: &mut Tables, kind: Kind) {
    for id in [0, EMPTY] {
        for mode in MODES {
            tables.execute(&format!("DELETE FROM {{s}}.{mode} WHERE id = {id}"));
        }
        let (code, report) = tables.verify();
        assert_eq!(code, 1, "{report:#}");
        for mode in MODES {
            let found =
                ["missing", "different", "extra"].map(|finding| count(&report, mode, finding));
            assert_eq!(found, [1, 0, 0], "row {id} of {mode}: {report:#}");
        }
        restore(tables, kind);
        for mode in ["by_coordinate", "by_content"] {
            tables.execute(&format!(
                "INSERT INTO {{s}}.{mode} SELECT * FROM {{s}}.saved_{mode} WHERE id = {id}"
            ));
        }
        for mode in ["by_key", "kept"] {
            tables.execute(&format!("INSERT INTO {{s}}.{mode} (id) VALUES (-1)"));
        }
        let beside = "INSERT INTO {s}.logged (kafka_topic, kafka_partition, kafka_offset, id) \
                      SELECT kafka_topic, 0, 100000, id FROM {s}.logged WHERE id = 1";
        tables.execute(beside);
        let (code, report) = tables.verify();
        assert_eq!(code, 1, "{report:#}");
        for mode in MODES {
            let wanted = match mode {
                "by_coordinate" | "by_content" => [1, 0],
                _ => [0, 1],
            };
            let found = ["doubled", "extra"].map(|finding| count(&report, mode, finding));
            assert_eq!(found, wanted, "row {id} of {mode}: {report:#}");
        }
        restore(tables, kind);
    }
    tables.assert_exact();
}

#[test]
fn every_change_of_a_table_of_postgres_is_found() {
    every_change_is_found("verify_mutations_pg", Kind::Postgres, MADE, POSTGRES);
}

#[test]
fn every_change_of_a_table_of_sqlite_is_found() {
    every_change_is_found("verify_mutations_lite", Kind::Sqlite, "", SQLITE);
}
