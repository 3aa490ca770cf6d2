//! Every native type that JSON can reach, there and back.

use super::{Process, World};
use plimsoll_sink_api::{Cell, Op};

/// Type, what a record says, and what Cassandra reads of it.
const MATRIX: &[(&str, Said, &str)] = &[
    ("tinyint", Said::Number("-128"), "-128"),
    ("smallint", Said::Number("32767"), "32767"),
    ("int", Said::Number("-2147483648"), "-2147483648"),
    (
        "bigint",
        Said::Number("9223372036854775807"),
        "9223372036854775807",
    ),
    (
        "varint",
        Said::Number("-123456789012345678901234567890"),
        "-123456789012345678901234567890",
    ),
    (
        "decimal",
        Said::Text("12345678901234567890.1230"),
        "12345678901234567890.1230",
    ),
    ("float", Said::Number("1.5"), "1.5"),
    ("double", Said::Number("-0.1"), "-0.1"),
    ("text", Said::Text("grüße"), "\"grüße\""),
    ("ascii", Said::Text("plain"), "\"plain\""),
    ("boolean", Said::Bool(true), "true"),
    (
        "uuid",
        Said::Text("936da01f-9abd-4d9d-80c7-02af85c822a8"),
        "\"936da01f-9abd-4d9d-80c7-02af85c822a8\"",
    ),
    (
        "timeuuid",
        Said::Text("50554d6e-29bb-11e5-b345-feff819cdc9f"),
        "\"50554d6e-29bb-11e5-b345-feff819cdc9f\"",
    ),
    (
        "timestamp",
        Said::Text("2024-05-06T07:08:09.123Z"),
        "\"2024-05-06 07:08:09.123Z\"",
    ),
    ("date", Said::Text("2024-05-06"), "\"2024-05-06\""),
    (
        "time",
        Said::Text("07:08:09.123456789"),
        "\"07:08:09.123456789\"",
    ),
    (
        "duration",
        Said::Text("P1Y2M3DT4H5M6S"),
        "\"1y2mo3d4h5m6s\"",
    ),
    (
        "inet",
        Said::Text("2001:db8::1"),
        "\"2001:db8:0:0:0:0:0:1\"",
    ),
    ("blob", Said::Text("AQL/"), "\"0x0102ff\""),
    ("frozen<list<int>>", Said::Json("[3, 1, 3]"), "[3, 1, 3]"),
    ("set<text>", Said::Json("[\"b\", \"a\"]"), "[\"a\", \"b\"]"),
    ("frozen<set<int>>", Said::Json("[2, 1, 2]"), "[1, 2]"),
    (
        "map<text, int>",
        Said::Json("{\"b\": 2, \"a\": 1}"),
        "{\"a\": 1, \"b\": 2}",
    ),
    (
        "frozen<map<int, text>>",
        Said::Json("{\"2\": \"b\"}"),
        "{\"2\": \"b\"}",
    ),
    ("tuple<int, text>", Said::Json("[1, null]"), "[1, null]"),
    (
        "{}.place",
        Said::Json("{\"lat\": 1.5}"),
        "{\"lat\": 1.5, \"name\": null}",
    ),
    (
        "frozen<{}.place>",
        Said::Json("{\"name\": \"x\", \"lat\": 2.5}"),
        "{\"lat\": 2.5, \"name\": \"x\"}",
    ),
    (
        "vector<float, 3>",
        Said::Json("[1, 2.5, 0]"),
        "[1.0, 2.5, 0.0]",
    ),
    (
        "vector<text, 2>",
        Said::Json("[\"a\", \"bc\"]"),
        "[\"a\", \"bc\"]",
    ),
    (
        "map<text, frozen<list<int>>>",
        Said::Json("{\"a\": [1, 2]}"),
        "{\"a\": [1, 2]}",
    ),
];

#[derive(Clone, Copy)]
enum Said {
    Number(&'static str),
    Text(&'static str),
    Bool(bool),
    Json(&'static str),
}

impl Said {
    fn cell(self) -> Cell<'static> {
        match self {
            Self::Number(text) => Cell::Number(text),
            Self::Text(text) => Cell::Text(text),
            Self::Bool(value) => Cell::Bool(value),
            Self::Json(text) => Cell::Json(text),
        }
    }
}

#[tokio::test]
async fn every_type_keeps_what_was_sent() {
    let world = World::new().await;
    let k = &world.keyspace;
    world
        .cql(&format!("CREATE TYPE {k}.place (lat double, name text)"))
        .await;
    let columns: Vec<String> = MATRIX
        .iter()
        .enumerate()
        .map(|(i, (typ, ..))| format!("c{i:02} {}", typ.replace("{}", k)))
        .collect();
    world
        .cql(&format!(
            "CREATE TABLE {k}.t (id int PRIMARY KEY, {})",
            columns.join(", ")
        ))
        .await;
    let p = Process::start(&world, "t", 1).await;
    let mut cells = vec![Cell::Number("1")];
    cells.extend(MATRIX.iter().map(|(_, said, _)| said.cell()));
    p.commit(0, 1, &[(0, Op::Put, cells)]).await.unwrap();
    for (i, (typ, _, expected)) in MATRIX.iter().enumerate() {
        let found = world.json(&format!("c{i:02} FROM {k}.t")).await;
        assert_eq!(found, [format!("{{\"c{i:02}\": {expected}}}")], "{typ}");
    }
}

#[tokio::test]
async fn counters_and_growing_lists_are_refused_with_their_reason() {
    use plimsoll_sink_api::Sink;
    let world = World::new().await;
    let k = &world.keyspace;
    world
        .cql(&format!(
            "CREATE TABLE {k}.c (id int PRIMARY KEY, n counter)"
        ))
        .await;
    world
        .cql(&format!(
            "CREATE TABLE {k}.l (id int PRIMARY KEY, n list<int>)"
        ))
        .await;
    for (table, why) in [("c", "is a counter"), ("l", "is a list that is not frozen")] {
        let error = world.sink(table).prepare("t").await.unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(why) && shown.contains("\"n\""), "{shown}");
    }
    let near = world.sink("lx").prepare("t").await.unwrap_err().to_string();
    assert!(near.contains("does not exist"), "{near}");
}

#[tokio::test]
async fn a_plan_is_made_anew_when_the_schema_changed_and_only_then() {
    use plimsoll_sink_api::Sink;
    use std::sync::Arc;
    let world = World::new().await;
    let k = &world.keyspace;
    let create = format!("CREATE TABLE {k}.t (id int PRIMARY KEY, p {k}.place)");
    for cql in [&format!("CREATE TYPE {k}.place (lat double)"), &create] {
        world.cql(cql).await;
    }
    let sink = world.sink("t");
    let mut last = sink.prepare("t").await.unwrap();
    let same = sink.prepare("t").await.unwrap();
    assert!(Arc::ptr_eq(&last, &same), "made anew for nothing");
    let drop = format!("DROP TABLE {k}.t");
    for (changes, columns) in [
        (vec![format!("ALTER TABLE {k}.t ADD n int")], 3),
        (vec![format!("ALTER TYPE {k}.place ADD name text")], 3),
        (vec![format!("ALTER TABLE {k}.t DROP n")], 2),
        (vec![drop.clone(), create.clone()], 2),
    ] {
        for cql in &changes {
            world.cql(cql).await;
        }
        let next = sink.prepare("t").await.unwrap();
        assert!(!Arc::ptr_eq(&last, &next), "{changes:?}");
        assert_eq!(next.table.columns.len(), columns, "{changes:?}");
        let again = sink.prepare("t").await.unwrap();
        assert!(Arc::ptr_eq(&next, &again), "{changes:?}");
        last = next;
    }
    world.cql(&drop).await;
    let gone = sink.prepare("t").await.unwrap_err();
    assert!(gone.to_string().contains("does not exist"), "{gone}");
}
