//! Two keys that the database tells apart are two rows for `verify`, too; two that it
//! calls equal are one.

use super::tables::{Kind, Table, Tables, count};
use crate::harness::kafka::Message;

/// A type, keys of it that are different ones, and other ways to write the first.
type Keys = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const POSTGRES: &[Keys] = &[
    (
        "jsonb",
        &["1", "[1]", "[[1]]", "[[[1]]]", "\"1\"", "[]", "{}", "-1"],
        &["1.0", "1.00"],
    ),
    (
        "bigint",
        &["1", "4294967296", "-1", "-4294967297"],
        &["\"1\""],
    ),
    (
        "numeric",
        &["5", "-5", "0.5", "50", "\"NaN\""],
        &["5.0", "5e0"],
    ),
    (
        "timestamptz",
        &[
            "\"2000-01-01T00:00:00.000001Z\"",
            "\"2000-01-01T01:11:34.967296Z\"",
        ],
        &["\"2000-01-01T01:00:00.000001+01:00\""],
    ),
    ("float8", &["0", "1", "-1"], &["-0.0", "0.0"]),
    (
        "integer[]",
        &["[1,2]", "[[1,2]]", "[1]", "[2]"],
        &["[1, 2]"],
    ),
    (
        "numrange",
        &["\"[1,2]\"", "\"[1,2)\"", "\"(1,2]\"", "\"[-1,2]\""],
        &["\"[1.0,2.0]\""],
    ),
    (
        "interval",
        &["\"1 day\"", "\"-1 day\"", "\"1 mon\""],
        &["\"24 hours\""],
    ),
    ("text COLLATE {s}.blind", &["\"a\"", "\"b\""], &["\"A\""]),
    ("char(5)", &["\"a\"", "\"b\""], &["\"a  \""]),
    ("bytea", &["\"\"", "\"AA==\"", "\"AAA=\""], &[]),
    ("{s}.exact", &["1", "-1"], &["1.0"]),
];

const SQLITE: &[Keys] = &[
    (
        "TEXT",
        &[
            "\"a\\u0000b\"",
            "\"a\\u0000c\"",
            "\"a\"",
            "\"\"",
            "\"\\u0000\"",
            "\"A\"",
        ],
        &[],
    ),
    ("TEXT COLLATE NOCASE", &["\"a\"", "\"b\""], &["\"A\""]),
    ("TEXT COLLATE RTRIM", &["\"a\"", "\"b\""], &["\"a  \""]),
    (
        "NUMERIC",
        &["1", "-1", "1.5", "9007199254740993", "\"x\""],
        &["1.0", "\"1\""],
    ),
    ("REAL", &["1", "0", "1e300"], &["1.0", "\"1.00\""]),
    ("INTEGER", &["1", "4294967296", "-1"], &["1.0"]),
];

const SQLITE_BYTES: &[Keys] = &[("BLOB", &["\"\"", "\"AA==\"", "\"/w==\"", "\"YWJj\""], &[])];

/// What is first of each pair of keys goes, the rest of the table is missing.
fn told_apart(test: &str, kind: Kind, all: &[Keys], prepare: &str) {
    let record = |key: &str, n: usize| Message::of(0, &format!("{{\"k\":{key},\"n\":{n}}}"));
    let tables: Vec<Table> = (0..)
        .zip(all)
        .map(|(i, (type_name, keys, again))| Table {
            name: format!("t{i}"),
            columns: format!("k {type_name} PRIMARY KEY, n integer"),
            mode: "upsert",
            lines: String::new(),
            records: again
                .iter()
                .chain(*keys)
                .zip(0..)
                .map(|(key, n)| record(key, n))
                .collect(),
        })
        .collect();
    let mut tables = Tables::new(test, kind, prepare, "", &tables);
    tables.write();
    tables.assert_exact();
    for (i, (_, _, again)) in all.iter().enumerate() {
        // The first key was written last of its ways to be written.
        let first = again.len();
        tables.execute(&format!("DELETE FROM {{s}}.t{i} WHERE n <> {first}"));
    }
    let (code, report) = tables.verify();
    assert_eq!(code, 1, "{report:#}");
    for (i, (type_name, keys, _)) in all.iter().enumerate() {
        let missing = count(&report, &format!("t{i}"), "missing");
        assert_eq!(missing, keys.len() as u64 - 1, "{type_name}: {report:#}");
        for other in ["different", "extra", "doubled"] {
            assert_eq!(
                count(&report, &format!("t{i}"), other),
                0,
                "{type_name}: {report:#}"
            );
        }
    }
}

#[test]
fn keys_that_postgres_tells_apart_are_two_rows() {
    let prepare = "CREATE COLLATION {s}.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
                   CREATE DOMAIN {s}.inside AS numeric; CREATE DOMAIN {s}.exact AS {s}.inside";
    told_apart("verify_keys_pg", Kind::Postgres, POSTGRES, prepare);
}

#[test]
fn keys_that_sqlite_tells_apart_are_two_rows() {
    told_apart("verify_keys_lite", Kind::Sqlite, SQLITE, "");
}

#[test]
fn keys_of_bytes_that_sqlite_tells_apart_are_two_rows() {
    told_apart("verify_keys_bytes", Kind::Sqlite, SQLITE_BYTES, "");
}
