//! COPY in binary stores what COPY as text stores, and refuses what it refuses.

use super::typed_cells as typed;
use super::world::*;
use crate::binary::{self, Binary};
use crate::encode::Kind;
use plimsoll_sink_api::{Cell, Mode, SinkError};

/// A type, values that fit, and values that do not.
struct Kinds {
    sql: &'static str,
    base: &'static str,
    fit: Vec<Cell<'static>>,
    unfit: Vec<Cell<'static>>,
}

fn numbers(digits: &[&'static str]) -> Vec<Cell<'static>> {
    digits.iter().map(|d| number(d)).collect()
}

fn texts(all: &[&'static str]) -> Vec<Cell<'static>> {
    all.iter().map(|t| text(t)).collect()
}

fn json(all: &[&'static str]) -> Vec<Cell<'static>> {
    all.iter().map(|j| Cell::Json(j)).collect()
}

/// The first value of each has the plain form.
fn kinds() -> Vec<Kinds> {
    let kind = |sql, base, fit, unfit| Kinds {
        sql,
        base,
        fit,
        unfit,
    };
    let instants = [
        "2024-05-06T07:08:09.123456+02:00",
        "2000-01-01T00:00:00Z",
        "1999-12-31 23:59:59.9-11:30",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "2024-02-29T23:59:59z",
        "1900-03-01T00:00:00.5+15:59",
        "2024-05-06T07:08:09.1234567Z",
        "2024-05-06T07:08:60Z",
        "2024-05-06T24:00:00Z",
        "2024-05-06T07:08Z",
        "20240506T070809Z",
        "epoch",
        "infinity",
        "6 May 2024 07:08:09 UTC",
    ];
    let bad_instants = ["2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "yesterdays"];
    let mut zoned = texts(&instants);
    zoned.push(Cell::millis(1_700_000_000_123));
    zoned.push(Cell::millis(-1));
    let times = [
        typed::times(),
        texts(&["07:08", "24:00:00", "07:08:09.1234567"]),
    ]
    .concat();
    let bad_times = [typed::bad_times(), texts(&["25:00"])].concat();
    let whole = ["7", "-1", "0", "-0", "32767", "-32768", "007"];
    let decimals = [
        "1234.56",
        "-0.00010",
        "0",
        "-0",
        "0.0",
        "12345678901234567890.123456789",
        "9999",
        "10000",
        "100000000",
        "0.0001",
        "0.00001",
        "1e3",
        "1.5E-7",
        "00012.500",
    ];
    vec![
        kind(
            "smallint",
            "int2",
            numbers(&whole),
            numbers(&["32768", "1.5", "1e2"]),
        ),
        kind(
            "integer",
            "int4",
            numbers(&whole),
            numbers(&["2147483648", "-2147483649"]),
        ),
        kind(
            "bigint",
            "int8",
            [
                numbers(&whole),
                numbers(&["9223372036854775807", "-9223372036854775808"]),
                texts(&[" 12 ", "+5", "12"]),
                vec![Cell::Int(-5), Cell::millis(5)],
            ]
            .concat(),
            numbers(&["9223372036854775808", "1.0"]),
        ),
        kind(
            "real",
            "float4",
            [
                numbers(&["0.1", "-1e10", "16777217", "1e-40", "0e99"]),
                texts(&["NaN", "inf"]),
            ]
            .concat(),
            numbers(&["1e39", "1e-60"]),
        ),
        kind(
            "double precision",
            "float8",
            [
                numbers(&[
                    "0.1",
                    "-0.0",
                    "1e300",
                    "123456789.123456789",
                    "4.9e-324",
                    "2.2250738585072011e-308",
                ]),
                texts(&["NaN", "-Infinity"]),
            ]
            .concat(),
            [numbers(&["1e999", "1e-999"]), texts(&["x"])].concat(),
        ),
        kind(
            "numeric",
            "numeric",
            [
                numbers(&decimals),
                texts(&["5.50", " 5 ", "NaN", ".5", "5."]),
            ]
            .concat(),
            texts(&["5,5", ""]),
        ),
        kind(
            "numeric(8,2)",
            "numeric",
            numbers(&["1.005", "-1.005", "999999.994", "0.004", "5"]),
            numbers(&["999999.995", "1000000"]),
        ),
        kind(
            "boolean",
            "bool",
            [
                vec![Cell::Bool(true), Cell::Bool(false)],
                texts(&["off", "y"]),
            ]
            .concat(),
            texts(&["maybe"]),
        ),
        kind(
            "text",
            "text",
            [
                texts(&["tab\t back\\slash \r\n \\N \u{e4} \u{1f6a2}", "", "\\."]),
                numbers(&["1.50"]),
                json(&["{\"a\": [1]}"]),
                vec![Cell::Bool(true), Cell::Int(7), Cell::millis(0)],
            ]
            .concat(),
            texts(&["nul \0 inside"]),
        ),
        kind(
            "varchar(3)",
            "varchar",
            texts(&["abc", "ab   ", "äöü"]),
            texts(&["abcd"]),
        ),
        kind(
            "char(3)",
            "bpchar",
            texts(&["a", "abc", "abc   "]),
            texts(&["abcd"]),
        ),
        kind(
            "json",
            "json",
            json(&["{\"b\": 1.10, \"b\": 2}", "\"text\"", "1"]),
            texts(&["{"]),
        ),
        kind(
            "jsonb",
            "jsonb",
            [
                json(&["{\"b\": 1.10, \"a\": [null, true]}", "\"text\"", "1e2"]),
                vec![Cell::Bool(true), Cell::millis(5)],
            ]
            .concat(),
            [json(&["\"\\u0000\""]), texts(&["{"])].concat(),
        ),
        kind(
            "bytea",
            "bytea",
            [texts(&["YWJj", ""]), vec![Cell::Bytes(&[0, 255, 92])]].concat(),
            [texts(&["###"]), numbers(&["1"])].concat(),
        ),
        kind(
            "uuid",
            "uuid",
            texts(&[
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
            ]),
            texts(&[
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
                "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ]),
        ),
        kind(
            "date",
            "date",
            [
                texts(&[
                    "2024-02-29",
                    "0001-01-01",
                    "9999-12-31",
                    "2024-5-6",
                    "6 May 2024",
                    "infinity",
                ]),
                vec![Cell::millis(1_700_000_000_123)],
            ]
            .concat(),
            texts(&["2023-02-29", "2024-00-01"]),
        ),
        kind(
            "timestamptz",
            "timestamptz",
            zoned.clone(),
            texts(&bad_instants),
        ),
        kind(
            "timestamptz(2)",
            "timestamptz",
            zoned.clone(),
            texts(&bad_instants),
        ),
        kind("timestamp", "timestamp", zoned, texts(&bad_instants)),
        kind("time", "time", times.clone(), bad_times.clone()),
        kind("time(2)", "time", times, bad_times),
        kind(
            "interval",
            "interval",
            [
                typed::intervals(),
                texts(&["1 day", "P1Y2M3DT4.5S", "-00:00:01"]),
            ]
            .concat(),
            texts(&["soon"]),
        ),
    ]
    .into_iter()
    .map(|mut kind: Kinds| {
        let (fit, unfit) = typed::of(kind.base);
        kind.fit.extend(fit);
        kind.unfit.extend(unfit);
        kind
    })
    .collect()
}

/// Into a table of one column, and into one with another column that has no
/// binary form, so that its rows are text.
async fn both(
    world: &mut World,
    kind: &Kinds,
    cells: &[Cell<'static>],
) -> [Result<u64, SinkError>; 2] {
    let mut done = Vec::new();
    for (table, width) in [("in_binary", 1), ("as_text", 2)] {
        let sink = world.sink(world.settings(Mode::Append, table), "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        assert_eq!(
            writer.table.plan.columns[0].binary,
            Binary::of(kind.base),
            "{}",
            kind.sql
        );
        let records: Vec<Record> = (writer.at..)
            .zip(cells)
            .map(|(offset, cell)| {
                let mut row = vec![*cell];
                row.resize(width, Cell::Absent);
                put(offset, row)
            })
            .collect();
        done.push(
            writer
                .commit(&records)
                .await
                .map(|committed| committed.rows),
        );
    }
    done.try_into().unwrap()
}

#[tokio::test]
async fn binary_and_text_store_and_refuse_the_same() {
    let mut world = World::new("t_binary", "SELECT 1").await;
    for kind in kinds() {
        let form = Binary::of(kind.base).expect("a type with a binary form");
        let json_kind = match kind.base {
            "json" | "jsonb" => Kind::Json,
            "bytea" => Kind::Bytea,
            "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" => Kind::Number,
            _ => Kind::Plain,
        };
        let plain = |cell: &Cell<'_>| binary::write(form, json_kind, cell, &mut Vec::new()).is_ok();
        assert!(plain(&kind.fit[0]), "{}: the first is not plain", kind.sql);
        let sql = kind.sql;
        world
            .run(&format!(
                "DROP TABLE IF EXISTS in_binary, as_text; CREATE TABLE in_binary (v {sql}); \
                 CREATE TABLE as_text (v {sql}, other inet)"
            ))
            .await;
        // Plain ones first, so that they go in binary, and the others behind.
        let mut fit = kind.fit.clone();
        fit.sort_by_key(|cell| !plain(cell));
        for cells in [&fit, &kind.fit, &vec![Cell::Null, fit[0]]] {
            let done = both(&mut world, &kind, cells).await;
            let rows = cells.len() as u64;
            assert_eq!(done, [Ok(rows), Ok(rows)], "{sql}");
        }
        let differences = world
            .one(
                "SELECT count(*) AS n FROM ((SELECT v::text FROM in_binary EXCEPT ALL SELECT v::text FROM as_text) \
                 UNION ALL (SELECT v::text FROM as_text EXCEPT ALL SELECT v::text FROM in_binary)) AS d",
            )
            .await;
        assert_eq!(differences, "0", "{sql}");
        for cell in &kind.unfit {
            let [binary, text] = both(&mut world, &kind, std::slice::from_ref(cell)).await;
            let (binary, text) = (binary.unwrap_err(), text.unwrap_err());
            assert_eq!(
                (binary.class, &binary.detail.code),
                (text.class, &text.detail.code),
                "{sql}: {cell:?}"
            );
        }
    }
}

/// Rows that change their form in the middle of a batch that fills several
/// pieces.
#[tokio::test]
async fn a_batch_goes_on_as_text_from_the_first_row_that_is_not_plain() {
    let mut world = World::new(
        "t_mixed_forms",
        "CREATE TABLE orders (id bigint, note text)",
    )
    .await;
    let sink = world
        .sink(world.settings(Mode::Append, "orders"), "m")
        .await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let long: &str = "a line of a note that is long enough to fill a piece soon, "
        .repeat(20)
        .leak();
    let records: Vec<Record> = (0..1_000)
        .map(|i| {
            let id = match i {
                600 => text(" 600 "),
                _ => Cell::Int(i),
            };
            put(i, vec![id, Cell::Text(long)])
        })
        .collect();
    assert_eq!(writer.commit(&records).await.unwrap().rows, 1_000);
    let seen = world
        .one("SELECT count(*) AS n, sum(id) AS s, min(length(note)) AS l FROM orders")
        .await;
    assert_eq!(seen, format!("1000|{}|{}", 999 * 1_000 / 2, long.len()));
}
