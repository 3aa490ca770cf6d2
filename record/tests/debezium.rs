//! Change events that Debezium 3.3.1 made of a Postgres that was written to, as rows: in
//! the end they are the rows of the source (tests/data/debezium).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plimsoll_format_testing::one as one_record;
use plimsoll_record::{
    Arena, ConnectJson, Connector, Decimals, Decoder, Envelope, Format, Formats, Json, Undecoded,
    UnknownFields,
};
use plimsoll_sink_api::canonical::{Wanted, written};
use plimsoll_sink_api::{Cell, Column, Holds, Mode, Op, Rows, Shape, Table};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

fn data(name: &str) -> String {
    let path = format!("{}/tests/data/debezium/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn table(columns: &[(&str, bool)]) -> Table {
    let column = |&(name, key): &(&str, bool)| Column {
        name: name.to_owned(),
        take: format!("value.{name}").parse().unwrap(),
        shape: Shape::Scalar,
        key,
        type_name: String::new(),
        holds: Holds::Other,
    };
    Table {
        name: "t".to_owned(),
        mode: Mode::Upsert,
        columns: columns.iter().map(column).collect(),
        filter: None,
        explode: None,
        evolve: None,
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    let text = |name: &str| value[name].as_str();
    match (text("text"), text("b64")) {
        (Some(text), _) => Some(text.as_bytes().to_vec()),
        (None, Some(base64)) => Some(STANDARD.decode(base64).unwrap()),
        (None, None) => None,
    }
}

type Texts = Vec<Option<String>>;

/// The rows in the end, by their keys, and the conditions of bad records by offset.
fn folded(
    file: &str,
    topic: &str,
    below: i64,
    columns: &[(&str, bool)],
    envelope: Envelope,
) -> (Vec<Texts>, BTreeMap<i64, &'static str>) {
    let table = table(columns);
    let format: Arc<dyn Format> = match file {
        "pg-json.ndjson" | "pg-flat.ndjson" | "pg-toast.ndjson" => Arc::new(Json),
        "pg-jsons.ndjson" | "pg-flatd.ndjson" | "mariadb-jsons.ndjson" => Arc::new(ConnectJson),
        other => panic!("{other}"),
    };
    let formats = Formats {
        key: format.clone(),
        value: format,
        unknown: UnknownFields::Ignore,
        unit: None,
        envelope,
    };
    let decoder = Decoder::new(&table, topic, 0, &formats);
    let mut rows: BTreeMap<Texts, Texts> = BTreeMap::new();
    let mut bad = BTreeMap::new();
    let mut seen = 0;
    for line in data(file).lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let offset = record["offset"].as_i64().unwrap();
        if !record["topic"].as_str().unwrap().ends_with(topic) || offset >= below {
            continue;
        }
        seen += 1;
        let (key, value) = (bytes(&record["key"]), bytes(&record["value"]));
        let chunk = one_record(offset, key.as_deref(), value.as_deref());
        let arena = Arena::new();
        let mut decoded = Rows::with_capacity(columns.len(), 1);
        match decoder.decode(&chunk.record(0), &arena, &mut decoded) {
            Ok(_) => {}
            Err(Undecoded::Bad(why)) => {
                bad.insert(offset, why.condition());
                continue;
            }
            Err(other) => panic!("{other}"),
        }
        for (head, cells) in decoded.iter() {
            let text = |i: usize| written(Wanted::Text, &cells[i]).unwrap();
            let is_key = |i: &usize| columns[*i].1;
            let key: Texts = (0..cells.len())
                .filter(is_key)
                .map(|i| Some(text(i)))
                .collect();
            let stood = rows.remove(&key);
            if head.op == Op::Delete {
                continue;
            }
            // A sink says so.
            if stood.is_none() && cells.contains(&Cell::Unchanged) {
                bad.insert(offset, "value_unavailable");
                continue;
            }
            let cell = |i: usize| match cells[i] {
                Cell::Null => None,
                Cell::Absent => None,
                Cell::Unchanged => stood.as_ref().expect("a row that stands")[i].clone(),
                _ => Some(text(i)),
            };
            let row = (0..cells.len()).map(cell).collect();
            rows.insert(key, row);
        }
    }
    assert!(seen > 0, "{file} has no records of {topic}");
    (rows.into_values().collect(), bad)
}

fn debezium() -> Envelope {
    Envelope::Debezium(Connector::default())
}

fn flat() -> Envelope {
    Envelope::DebeziumFlat(Connector::default())
}

/// The rows of the source, of some of its columns; none of these holds a comma.
fn expected(file: &str, columns: &[(&str, bool)]) -> Vec<Texts> {
    let text = data(file);
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let at = |name: &str| names.iter().position(|n| *n == name).unwrap();
    let places: Vec<usize> = columns.iter().map(|(name, _)| at(name)).collect();
    let value = |text: &str| (text != "\\N").then(|| text.to_owned());
    let mut rows: Vec<Texts> = lines
        .map(|line| places.iter().map(|&i| value(line[i])).collect())
        .collect();
    rows.sort();
    rows
}

fn sorted((mut rows, bad): (Vec<Texts>, BTreeMap<i64, &'static str>)) -> Vec<Texts> {
    assert_eq!(bad, BTreeMap::new());
    rows.sort();
    rows
}

/// Each with its envelope.
fn files() -> [(&'static str, Envelope); 4] {
    [
        ("pg-json.ndjson", debezium()),
        ("pg-flat.ndjson", flat()),
        ("pg-jsons.ndjson", debezium()),
        ("pg-flatd.ndjson", flat()),
    ]
}

#[test]
fn deletes_and_changed_keys_of_several_columns_reach_their_rows() {
    let columns = [("a", true), ("b", true), ("v", false)];
    let rows = expected("expected.two.csv", &columns);
    for (file, envelope) in files() {
        let folded = folded(file, ".shop.two", 9, &columns, envelope);
        assert_eq!(sorted(folded), rows, "{file}");
    }
}

#[test]
fn columns_that_came_later_are_absent_before() {
    let columns = [("id", true), ("w", false)];
    let rows = expected("expected.evolve.csv", &columns);
    for (file, envelope) in files() {
        let (found, bad) = folded(file, ".shop.evolve", i64::MAX, &columns, envelope);
        assert_eq!(bad, BTreeMap::new(), "{file}");
        let known: Vec<_> = found.into_iter().filter(|row| row[1].is_some()).collect();
        let last: Vec<_> = rows.iter().filter(|row| known.contains(row)).collect();
        assert_eq!(last.len(), known.len(), "{file}: {known:?}");
        assert!(!known.is_empty(), "{file}");
    }
}

#[test]
fn a_value_that_was_not_sent_stays_and_of_a_new_row_is_bad() {
    let columns = [("id", true), ("name", false), ("big", false)];
    let mut rows = expected("expected.plain.csv", &columns);
    // Its key was changed, and so its large value was not sent.
    rows.retain(|row| row[0].as_deref() != Some("20"));
    for (file, envelope) in files() {
        // Tombstones in place of deletes, which have none behind them.
        let (below, new) = if file == "pg-flatd.ndjson" {
            (10, 5)
        } else {
            (12, 6)
        };
        let (mut found, bad) = folded(file, ".shop.plain", below, &columns, envelope);
        assert_eq!(bad, BTreeMap::from([(new, "value_unavailable")]), "{file}");
        found.sort();
        assert_eq!(found, rows, "{file}");
    }
}

#[test]
fn every_form_of_a_value_that_was_not_sent_is_known() {
    let names = ["t", "b", "j", "ta", "ia", "la", "h", "ua", "x"];
    let mut columns = vec![("id", true), ("n", false)];
    columns.extend(names.map(|name| (name, false)));
    let (rows, bad) = folded(
        "pg-toast.ndjson",
        ".shop.toast",
        i64::MAX,
        &columns,
        debezium(),
    );
    assert_eq!((rows.len(), bad.len()), (1, 0));
    assert_eq!(rows[0][1].as_deref(), Some("2"));
    for (text, (name, _)) in rows[0].iter().zip(&columns).skip(2) {
        let text = text.as_deref().unwrap();
        match *name {
            // It was sent again.
            "j" => assert_eq!(text, "{\"a\": 1}"),
            // 3,000 characters or 300 elements, and no word.
            _ => assert!(text.len() > 1_000, "{name}: {text}"),
        }
    }
}

#[test]
fn a_table_without_a_key_is_told_by_the_row_that_was() {
    let columns = [("a", true), ("b", true)];
    for file in ["pg-json.ndjson", "pg-jsons.ndjson"] {
        let (found, bad) = folded(file, ".shop.nopk", i64::MAX, &columns, debezium());
        assert_eq!(bad, BTreeMap::new(), "{file}");
        // Rows that are equal are one.
        let row = |a: &str, b: &str| vec![Some(a.to_owned()), Some(b.to_owned())];
        assert_eq!(found, [row("1", "a")], "{file}");
    }
}

#[test]
fn events_that_are_about_no_row_are_passed_over_and_others_are_bad() {
    let columns = [("id", true)];
    let messages = folded("pg-json.ndjson", ".message", i64::MAX, &columns, debezium());
    assert_eq!(messages.0, Vec::<Texts>::new());
    assert_eq!(messages.1, BTreeMap::new());
    let marks = folded(
        "pg-json.ndjson",
        ".transaction",
        i64::MAX,
        &columns,
        debezium(),
    );
    assert_eq!((marks.0.len(), marks.1.len()), (0, 0));
    // Changes of the schema, in the topic of the connector's name.
    let (rows, bad) = folded(
        "mariadb-jsons.ndjson",
        "formats_my",
        i64::MAX,
        &columns,
        debezium(),
    );
    assert_eq!((rows.len(), bad.len()), (0, 0));
    // Flattened ones have no op.
    let (rows, bad) = folded("pg-flat.ndjson", ".shop.two", 3, &columns, debezium());
    assert!(rows.is_empty());
    assert_eq!(bad.len(), 3);
    assert!(bad.values().all(|word| *word == "not_a_change_event"));
}

#[test]
fn changes_of_mariadb_reach_their_rows() {
    let columns = [("id", true), ("name", false), ("extra", false)];
    let file = "mariadb-jsons.ndjson";
    let (rows, bad) = folded(file, ".shop.plain", i64::MAX, &columns, debezium());
    assert_eq!(bad, BTreeMap::new());
    let row = |texts: [Option<&str>; 3]| texts.map(|text| text.map(str::to_owned)).to_vec();
    let expected = [
        row([Some("20"), Some("zwei"), None]),
        row([Some("3"), Some("three"), Some("6")]),
        row([Some("4"), Some("four"), Some("7")]),
    ];
    assert_eq!(rows, expected);
}

/// What one record of JSON does, and the texts of its row; or why it is bad.
fn one(
    table: &Table,
    formats: &Formats,
    key: Option<&str>,
    value: Option<&str>,
) -> Result<(Op, Vec<String>), &'static str> {
    let chunk = one_record(0, key.map(str::as_bytes), value.map(str::as_bytes));
    let (arena, mut rows) = (Arena::new(), Rows::with_capacity(2, 1));
    let decoder = Decoder::new(table, "t", 0, formats);
    match decoder.decode(&chunk.record(0), &arena, &mut rows) {
        Ok(_) => {}
        Err(Undecoded::Bad(why)) => return Err(why.condition()),
        Err(other) => panic!("{other}"),
    }
    let (head, cells) = rows.row(0);
    let text = |cell: &Cell<'_>| match cell {
        Cell::Absent => "absent".to_owned(),
        cell => written(Wanted::Text, cell).unwrap(),
    };
    Ok((head.op, cells.iter().map(text).collect()))
}

fn plain(envelope: Envelope) -> Formats {
    Formats {
        envelope,
        ..Formats::json(UnknownFields::Ignore)
    }
}

#[test]
fn a_flattened_delete_without_a_key_tells_its_row_itself() {
    let table = table(&[("a", true), ("b", false)]);
    let deleted = "{\"a\":1,\"b\":\"two\",\"__deleted\":\"true\"}";
    let texts = |a: &str| vec![a.to_owned(), "absent".to_owned()];
    let of = |key| one(&table, &plain(flat()), key, Some(deleted));
    assert_eq!(of(None), Ok((Op::Delete, texts("1"))));
    // The record's own goes before.
    assert_eq!(of(Some("{\"a\":2}")), Ok((Op::Delete, texts("2"))));
}

#[test]
fn a_key_without_a_schema_is_read_alike_where_its_row_is_put_and_deleted() {
    let mut table = table(&[("day", true), ("b", false)]);
    table.columns[0].holds = Holds::Days;
    let key = Some("{\"day\":20000}");
    let day = |result: Result<(Op, Vec<String>), _>| result.map(|(_, texts)| texts[0].clone());
    let put = "{\"op\":\"c\",\"after\":{\"day\":20000,\"b\":\"two\"}}";
    let delete = "{\"op\":\"d\",\"before\":{\"day\":20000}}";
    let formats = plain(debezium());
    for (key, value) in [
        (key, Some(put)),
        (key, Some(delete)),
        (None, Some(delete)),
        (key, None),
    ] {
        let found = day(one(&table, &formats, key, value));
        assert_eq!(found, Ok("2024-10-04".to_owned()), "{key:?} {value:?}");
    }
    // Milliseconds, or microseconds.
    table.columns[0].holds = Holds::Times;
    for value in [Some(put), Some(delete), None] {
        assert_eq!(
            day(one(&table, &formats, key, value)),
            Err("ambiguous_value")
        );
    }
}

#[test]
fn infinite_decimals_are_spelled_as_databases_read_them() {
    let mut table = table(&[("id", true), ("amount", false)]);
    let of = |table: &Table, word: &str| {
        let event = format!("{{\"op\":\"c\",\"after\":{{\"id\":1,\"amount\":\"{word}\"}}}}");
        one(table, &plain(debezium()), None, Some(&event))
            .unwrap()
            .1[1]
            .clone()
    };
    assert_eq!(of(&table, "POSITIVE_INFINITY"), "POSITIVE_INFINITY");
    table.columns[1].holds = Holds::Numbers;
    assert_eq!(of(&table, "POSITIVE_INFINITY"), "Infinity");
    assert_eq!(of(&table, "NEGATIVE_INFINITY"), "-Infinity");
}

#[test]
fn what_may_mean_several_things_without_a_schema_is_bad() {
    let columns = [("id", true), ("amount", false)];
    let holds = |holds| {
        let mut table = table(&columns);
        table.columns[1].holds = holds;
        table
    };
    let of = |value: &str, table: &Table, decimals| {
        let formats = Formats {
            envelope: Envelope::Debezium(Connector {
                decimals,
                ..Connector::default()
            }),
            ..Formats::json(UnknownFields::Ignore)
        };
        let event = format!("{{\"op\":\"c\",\"after\":{{\"id\":1,\"amount\":{value}}}}}");
        match one(table, &formats, None, Some(&event)) {
            Ok((_, texts)) => texts[1].clone(),
            Err(condition) => condition.to_owned(),
        }
    };
    let numbers = holds(Holds::Numbers);
    // Base64, or a number of four digits.
    for text in ["\"bg==\"", "\"1234\"", "\"\""] {
        assert_eq!(of(text, &numbers, Decimals::Unknown), "ambiguous_value");
    }
    for text in ["12.5", "-123", "12345"] {
        let quoted = format!("\"{text}\"");
        assert_eq!(of(&quoted, &numbers, Decimals::Unknown), text);
        assert_eq!(of(text, &numbers, Decimals::Unknown), text);
    }
    assert_eq!(of("\"1234\"", &numbers, Decimals::Digits), "1234");
    let times = holds(Holds::Times);
    assert_eq!(of("20260102", &times, Decimals::Digits), "ambiguous_value");
    let iso = "2026-01-02T03:04:05Z";
    assert_eq!(of(&format!("\"{iso}\""), &times, Decimals::Unknown), iso);
    let days = holds(Holds::Days);
    assert_eq!(of("20000", &days, Decimals::Unknown), "2024-10-04");
    assert_eq!(of("1.5", &days, Decimals::Unknown), "ambiguous_value");
    assert_eq!(
        of("\"bg==\"", &holds(Holds::Other), Decimals::Unknown),
        "bg=="
    );
}
