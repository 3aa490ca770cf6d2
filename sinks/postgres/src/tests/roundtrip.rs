//! Random values through a real server and back, in each way that rows are
//! written, read by a reader that shares nothing with the writers.

use super::world::*;
use plimsoll_protocol::Span;
use plimsoll_sink_api::{Batch, Cell, Marks, Mode, Op, Row as RowHead, Rows, Sink, TableRows};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use std::cell::RefCell;

/// Batches; each goes every way.
const CASES: u32 = 64;

/// One row's values; `None` is NULL.
#[derive(Debug, Clone, PartialEq)]
struct Values {
    small: Option<i16>,
    integer: Option<i32>,
    big: Option<i64>,
    numeric: Option<String>,
    double: Option<f64>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    json: Option<serde_json::Value>,
    /// Microseconds since the Unix epoch.
    at: Option<i64>,
    /// Days since the Unix epoch.
    day: Option<i32>,
    id: Option<u128>,
    flag: Option<bool>,
    integers: Option<Vec<Option<i32>>>,
    texts: Option<Vec<Option<String>>>,
}

/// Postgres refuses NUL in any text.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\\\\t\n\r\"'{},NULab ]{0,12}",
        Just("\\N".to_owned()),
        Just("\\.".to_owned()),
        Just("NULL".to_owned()),
    ]
    .prop_map(|s| s.replace('\0', "0"))
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    // A whole null is NULL for a column.
    tree.prop_filter("no bare null", |value| !value.is_null())
}

fn some<T: std::fmt::Debug + Clone>(
    strategy: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.9, strategy)
}

fn values() -> impl Strategy<Value = Values> {
    // Years 1 to 9998.
    let at = -62_135_596_800_000_000_i64..253_370_764_800_000_000;
    let day = -719_162..2_932_500;
    let finite = any::<f64>().prop_filter("JSON has finite numbers only", |f| f.is_finite());
    let numbers = (
        some(any::<i16>()),
        some(any::<i32>()),
        some(any::<i64>()),
        some("-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,25})?"),
        some(finite),
    );
    let others = (
        some(text()),
        some(prop::collection::vec(any::<u8>(), 0..40)),
        some(json()),
        some(at),
        some(day),
        some(any::<u128>()),
        some(any::<bool>()),
    );
    let arrays = (
        some(prop::collection::vec(some(any::<i32>()), 0..6)),
        some(prop::collection::vec(some(text()), 0..6)),
    );
    (numbers, others, arrays).prop_map(|(numbers, others, arrays)| {
        let (small, integer, big, numeric, double) = numbers;
        let (text, bytes, json, at, day, id, flag) = others;
        let (integers, texts) = arrays;
        Values {
            small,
            integer,
            big,
            numeric,
            double,
            text,
            bytes,
            json,
            at,
            day,
            id,
            flag,
            integers,
            texts,
        }
    })
}

const COLUMNS: &str = "seq bigint PRIMARY KEY, small smallint, integer integer, big bigint, numeric numeric, \
    double double precision, text text, bytes bytea, json jsonb, at timestamptz, day date, id uuid, flag boolean";

/// Columns whose values are written as text only, so that the whole row is.
const ARRAYS: &str = ", integers integer[], texts text[]";

/// As a JSON record would hold it.
fn field(values: &Values, column: &str, seq: i64) -> Option<serde_json::Value> {
    use base64::Engine as _;
    use serde_json::Value;
    match column {
        "seq" => Some(Value::from(seq)),
        "small" => values.small.map(Value::from),
        "integer" => values.integer.map(Value::from),
        "big" => values.big.map(Value::from),
        "text" => values.text.clone().map(Value::from),
        "bytes" => {
            let base64 = base64::engine::general_purpose::STANDARD;
            values.bytes.as_ref().map(|b| Value::from(base64.encode(b)))
        }
        "json" => values.json.clone(),
        "at" => values.at.map(|us| {
            let at = jiff::Timestamp::from_microsecond(us).expect("in range");
            Value::from(at.to_string())
        }),
        "day" => values.day.map(|days| {
            let epoch = jiff::civil::date(1970, 1, 1);
            let span = jiff::Span::new().days(days);
            Value::from(epoch.checked_add(span).expect("in range").to_string())
        }),
        "id" => values.id.map(|id| Value::from(format!("{id:032X}"))),
        "flag" => values.flag.map(Value::from),
        "integers" => values.integers.clone().map(Value::from),
        "texts" => values.texts.clone().map(Value::from),
        other => panic!("no column {other}"),
    }
}

/// Cells borrow their text from here: one for each column, `None` for NULL.
fn texts_of(values: &Values, columns: &[String], seq: i64) -> Vec<Option<String>> {
    let text = |column: &String| match column.as_str() {
        // Digits of their own: a tree of serde_json does not keep them.
        "numeric" => values.numeric.clone(),
        "double" => values.double.map(|f| format!("{f:?}")),
        other => field(values, other, seq).map(|value| match (other, value) {
            ("text" | "bytes" | "at" | "day" | "id", serde_json::Value::String(s)) => s,
            (_, value) => value.to_string(),
        }),
    };
    columns.iter().map(text).collect()
}

fn cell<'t>(column: &str, text: &'t Option<String>) -> Cell<'t> {
    match (column, text) {
        (_, None) => Cell::Null,
        ("flag", Some(s)) => Cell::Bool(s == "true"),
        ("json" | "integers" | "texts", Some(s)) => Cell::Json(s),
        ("text" | "bytes" | "at" | "day" | "id", Some(s)) => Cell::Text(s),
        (_, Some(s)) => Cell::Number(s),
    }
}

const READ: &str = "SELECT small, integer, big, numeric::text AS numeric, double, text, bytes, json::text AS json, \
    (extract(epoch FROM at) * 1000000)::bigint AS at, day - date '1970-01-01' AS day, \
    replace(id::text, '-', '') AS id, flag{} FROM o WHERE seq BETWEEN $1 AND $2 ORDER BY seq";

fn read_back(row: &PgRow) -> Values {
    Values {
        small: row.get("small"),
        integer: row.get("integer"),
        big: row.get("big"),
        numeric: row.get("numeric"),
        double: row.get("double"),
        text: row.get("text"),
        bytes: row.get("bytes"),
        json: row
            .get::<Option<String>, _>("json")
            .map(|text| serde_json::from_str(&text).expect("JSON")),
        at: row.get("at"),
        day: row.get("day"),
        id: row
            .get::<Option<String>, _>("id")
            .map(|text| u128::from_str_radix(&text, 16).expect("hex")),
        flag: row.get("flag"),
        integers: row.try_get("integers").unwrap_or_default(),
        texts: row.try_get("texts").unwrap_or_default(),
    }
}

/// What the table keeps: a numeric has no minus zero.
fn as_stored(mut values: Values, arrays: bool) -> Values {
    if !arrays {
        (values.integers, values.texts) = (None, None);
    }
    if let Some(numeric) = &mut values.numeric
        && !numeric.contains(|c: char| ('1'..='9').contains(&c))
    {
        *numeric = numeric.trim_start_matches('-').to_owned();
    }
    values
}

impl Writer<'_> {
    /// Commits rows of random values, and reads them back.
    async fn round_trip(&mut self, world: &mut World, rows: &[Values]) -> Vec<Values> {
        let (from, to) = (self.at, self.at + rows.len() as i64);
        let columns: Vec<String> = self
            .table
            .table
            .columns
            .iter()
            .map(|c| c.name.clone())
            .collect();
        let texts: Vec<_> = (from..)
            .zip(rows)
            .map(|(seq, values)| texts_of(values, &columns, seq))
            .collect();
        let mut cells = Rows::with_capacity(columns.len(), rows.len());
        for (offset, texts) in (from..).zip(&texts) {
            let row = cells.push(RowHead {
                offset,
                op: Op::Put,
            });
            for ((to, column), text) in row.iter_mut().zip(&columns).zip(texts) {
                *to = cell(column, text);
            }
        }
        let batch = Batch {
            topic: "orders",
            partition: self.partition,
            claim: self.claim,
            span: Span::new(at(from), at(to)).expect("a span"),
            tables: TableRows::only(&self.table, &cells),
            dead: &[],
            marks: Marks::default(),
        };
        self.sink.commit_one(&batch).await.expect("good values");
        self.at = to;
        let arrays = columns.iter().any(|c| c == "texts");
        let read = READ.replace("{}", if arrays { ", integers, texts" } else { "" });
        let found = sqlx::query(AssertSqlSafe(read))
            .bind(from)
            .bind(to - 1)
            .fetch_all(&mut world.sql)
            .await
            .expect("rows");
        found.iter().map(read_back).collect()
    }
}

#[test]
fn random_values_come_back_equal_by_every_way_in() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ways = [
        ("rt_copy_binary", Mode::Append, false),
        ("rt_copy_text", Mode::Append, true),
        ("rt_small_unnest", Mode::Append, true),
        ("rt_upsert", Mode::Upsert, true),
    ];
    for (name, mode, arrays) in ways {
        let more = if arrays { ARRAYS } else { "" };
        let table = format!("CREATE TABLE o ({COLUMNS}{more})");
        let mut world = runtime.block_on(World::new(name, &table));
        let sink = runtime.block_on(world.sink(world.settings(mode, "o"), "m"));
        let writer = runtime.block_on(Writer::claim(&sink, &member(1)));
        assert_eq!(writer.table.plan.in_binary, !arrays, "{name}");
        let both = RefCell::new((&mut world, writer));
        // The seed is random, and shown with what it breaks.
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            failure_persistence: None,
            max_shrink_iters: 500,
            ..Config::default()
        });
        let batches = prop::collection::vec(values(), 1..30);
        let outcome = runner.run(&batches, |rows| {
            let (world, writer) = &mut *both.borrow_mut();
            let found = runtime.block_on(writer.round_trip(world, &rows));
            let expected: Vec<Values> = rows.into_iter().map(|v| as_stored(v, arrays)).collect();
            prop_assert_eq!(found, expected);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{name}: {error}");
        }
    }
}
