//! Every type that a text form can reach, in the two ways that rows are written.

use super::world::*;
use plimsoll_sink_api::{Cell, Mode, Shape, Sink};

/// Column type, cell, and what `SELECT column::text` shows.
fn matrix() -> Vec<(&'static str, Cell<'static>, &'static str)> {
    vec![
        ("smallint", number("-32768"), "-32768"),
        (
            "bigint",
            number("9223372036854775807"),
            "9223372036854775807",
        ),
        (
            "numeric",
            number("123456789012345678901234567890.123456789012345678901234567890"),
            "123456789012345678901234567890.123456789012345678901234567890",
        ),
        ("numeric(10,2)", number("1.005"), "1.01"),
        ("double precision", number("1e3"), "1000"),
        ("real", text("NaN"), "NaN"),
        ("text", number("1.50"), "1.50"),
        ("text", Cell::Json("{\"a\": [1]}"), "{\"a\": [1]}"),
        ("varchar(5)", text("abc"), "abc"),
        ("char(5)", text("abc"), "abc"),
        ("boolean", Cell::Bool(true), "true"),
        ("boolean", text("off"), "false"),
        (
            "timestamptz",
            text("2024-05-06T07:08:09.123456+02:00"),
            "2024-05-06 05:08:09.123456+00",
        ),
        (
            "timestamptz",
            Cell::millis(1_700_000_000_123),
            "2023-11-14 22:13:20.123+00",
        ),
        (
            "timestamp",
            Cell::millis(1_700_000_000_123),
            "2023-11-14 22:13:20.123",
        ),
        (
            "timestamp(0)",
            text("2024-05-06 07:08:09.6"),
            "2024-05-06 07:08:10",
        ),
        ("date", text("2024-05-06"), "2024-05-06"),
        ("date", Cell::millis(1_700_000_000_123), "2023-11-14"),
        ("bigint", Cell::millis(1_700_000_000_123), "1700000000123"),
        ("time", text("07:08:09.123456"), "07:08:09.123456"),
        ("interval", text("1 day 2 hours"), "1 day 02:00:00"),
        (
            "uuid",
            text("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        (
            "jsonb",
            Cell::Json("{\"b\": 1.10, \"a\": \"tab\\there\\\\\"}"),
            "{\"a\": \"tab\\there\\\\\", \"b\": 1.10}",
        ),
        ("json", Cell::Json("\"text\""), "\"text\""),
        (
            "jsonb",
            Cell::Json("12345678901234567890.5"),
            "12345678901234567890.5",
        ),
        ("mood", text("so-so"), "so-so"),
        ("posint", number("5"), "5"),
        ("int[]", Cell::Json("[1,null,3]"), "{1,NULL,3}"),
        ("int[]", Cell::Json("[[1,2],[3,4]]"), "{{1,2},{3,4}}"),
        (
            "text[]",
            Cell::Json(r#"["a,b","NULL","q\"\\\n",""]"#),
            "{\"a,b\",\"NULL\",\"q\\\"\\\\\n\",\"\"}",
        ),
        ("varchar(3)[]", Cell::Json(r#"["abc"]"#), "{abc}"),
        (
            "jsonb[]",
            Cell::Json(r#"[{"a":[1]},null,"x"]"#),
            "{\"{\\\"a\\\": [1]}\",NULL,\"\\\"x\\\"\"}",
        ),
        ("mood[]", Cell::Json(r#"["so-so"]"#), "{so-so}"),
        ("bytea[]", Cell::Json(r#"["YWJj"]"#), r#"{"\\x616263"}"#),
        ("posint[]", Cell::Json("[1,2]"), "{1,2}"),
        ("ints", Cell::Json("[1,2]"), "{1,2}"),
        ("bytea", text("AP9hYmM="), "\\x00ff616263"),
        ("bit(3)", text("101"), "101"),
        ("varbit(5)", text("101"), "101"),
        ("inet", text("192.168.0.1/24"), "192.168.0.1/24"),
        ("int4range", text("[1,5)"), "[1,5)"),
        ("point", text("(1,2)"), "(1,2)"),
        ("xml", text("<a/>"), "<a/>"),
        ("\"Odd \"\"type\"", text("x"), "x"),
        ("\"char\"", text("c"), "c"),
        ("money", number("12.34"), "$12.34"),
    ]
}

#[tokio::test]
async fn every_type_is_reached_by_copy_and_by_unnest() {
    let matrix = matrix();
    for (name, mode) in [
        ("y_append", Mode::Append),
        ("y_small", Mode::Append),
        ("y_upsert", Mode::Upsert),
    ] {
        let columns: Vec<String> = matrix
            .iter()
            .enumerate()
            .map(|(i, (ty, ..))| format!(", c{i} {ty}"))
            .collect();
        let mut world = World::new(
            name,
            &format!(
                "CREATE TYPE mood AS ENUM ('so-so', 'fine'); CREATE DOMAIN posint AS int CHECK (VALUE > 0); \
                 CREATE DOMAIN ints AS int[]; CREATE TYPE \"Odd \"\"type\" AS ENUM ('x'); \
                 SET lc_monetary = 'C'; CREATE TABLE o (id int PRIMARY KEY{})",
                columns.concat()
            ),
        )
        .await;
        let sink = world.sink(world.settings(mode, "o"), "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        let row = |id| {
            std::iter::once(Cell::Int(id))
                .chain(matrix.iter().map(|(_, c, _)| *c))
                .collect()
        };
        let nulls = std::iter::once(Cell::Int(2))
            .chain(matrix.iter().map(|_| Cell::Null))
            .collect();
        let absent = std::iter::once(Cell::Int(3))
            .chain(matrix.iter().map(|_| Cell::Absent))
            .collect();
        writer
            .commit(&[put(0, row(1)), put(1, nulls), put(2, absent)])
            .await
            .unwrap();
        for (i, (ty, cell, shown)) in matrix.iter().enumerate() {
            let found = world
                .rows(&format!("SELECT c{i}::text FROM o ORDER BY id"))
                .await;
            assert_eq!(found, [*shown, "NULL", "NULL"], "{mode:?} {ty} {cell:?}");
            let shape = sink.prepare("orders").await.unwrap().table.columns[i + 1].shape;
            let json = ty.contains("json") || ty.ends_with("[]") || *ty == "ints";
            assert_eq!(
                shape,
                if json { Shape::Json } else { Shape::Scalar },
                "{ty}"
            );
        }
    }
}

#[tokio::test]
async fn generated_identity_partitioned_and_mixed_case_tables_work() {
    for (name, mode) in [
        ("y_odd_append", Mode::Append),
        ("y_odd_small", Mode::Append),
        ("y_odd_upsert", Mode::Upsert),
    ] {
        let mut world = World::new(
            name,
            "CREATE TABLE \"Or\"\"ders\" (\"Id\" int, \"a b\" text, twice int GENERATED ALWAYS AS (\"Id\" * 2) STORED, \
             seq int GENERATED ALWAYS AS IDENTITY, own int GENERATED BY DEFAULT AS IDENTITY, ser serial, \
             made timestamptz DEFAULT now(), PRIMARY KEY (\"Id\")) PARTITION BY RANGE (\"Id\"); \
             CREATE TABLE p1 PARTITION OF \"Or\"\"ders\" FOR VALUES FROM (0) TO (10); \
             CREATE TABLE p2 PARTITION OF \"Or\"\"ders\" FOR VALUES FROM (10) TO (20)",
        )
        .await;
        // Identity columns of partitioned tables need PostgreSQL's parent sequence.
        let mut settings = world.settings(mode, "x");
        settings.tables[0].settings.table = format!("{name}.\"Or\"\"ders\"");
        let sink = world.sink(settings, "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        let names: Vec<_> = writer
            .table
            .table
            .columns
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        assert_eq!(names, ["Id", "a b", "own", "ser", "made"]);
        let row = |id: i64| {
            vec![
                Cell::Int(id),
                text("x"),
                Cell::Absent,
                Cell::Absent,
                Cell::Absent,
            ]
        };
        writer
            .commit(&[put(0, row(1)), put(1, row(11))])
            .await
            .unwrap();
        writer
            .commit(&[put(
                2,
                vec![
                    Cell::Int(2),
                    text("y"),
                    number("70"),
                    number("71"),
                    text("2024-01-01Z"),
                ],
            )])
            .await
            .unwrap();
        assert_eq!(
            world.rows("SELECT \"Id\", \"a b\", twice, own > 0, ser > 0, made IS NOT NULL FROM \"Or\"\"ders\" ORDER BY 1").await,
            ["1|x|2|true|true|true", "2|y|4|true|true|true", "11|x|22|true|true|true"]
        );
        assert_eq!(
            world.one("SELECT own, ser FROM p1 WHERE \"Id\" = 2").await,
            "70|71"
        );
        let nowhere = writer.commit(&[put(3, row(99))]).await.unwrap_err();
        assert_eq!(nowhere.detail.condition, "check_violation", "{nowhere}");
        if mode == Mode::Upsert {
            writer
                .commit(&[put(
                    3,
                    vec![
                        Cell::Int(11),
                        text("new"),
                        Cell::Absent,
                        Cell::Absent,
                        Cell::Absent,
                    ],
                )])
                .await
                .unwrap();
            assert_eq!(world.one("SELECT \"a b\" FROM p2").await, "new");
        }
    }
}
