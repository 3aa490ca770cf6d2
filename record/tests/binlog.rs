//! Events of Maxwell and of Canal, as rows: in the end they are the rows of the source.

use plimsoll_format_testing::one;
use plimsoll_record::{
    Arena, Decoder, Envelope, Formats, MAX_ROWS, SourceTable, SourceTables, Undecoded,
    UnknownFields,
};
use plimsoll_sink_api::canonical::{Wanted, written};
use plimsoll_sink_api::{Cell, Column, Holds, Mode, Op, Rows, Shape, Table};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Column, shape, type; the first one is the key.
const COLUMNS: [(&str, Shape, &str); 6] = [
    ("id", Shape::Scalar, "integer"),
    ("name", Shape::Scalar, "text"),
    ("amount", Shape::Scalar, "numeric"),
    ("at", Shape::Scalar, "timestamp"),
    ("doc", Shape::Json, "jsonb"),
    ("bin", Shape::Scalar, "bytea"),
];

fn table() -> Table {
    let column = |(name, shape, type_name): (&str, Shape, &str)| Column {
        name: name.to_owned(),
        take: format!("value.{name}").parse().unwrap(),
        shape,
        key: name == "id",
        type_name: type_name.to_owned(),
        holds: Holds::named(type_name),
    };
    Table {
        name: "t".to_owned(),
        mode: Mode::Upsert,
        columns: COLUMNS.into_iter().map(column).collect(),
        filter: None,
        explode: None,
        evolve: None,
    }
}

fn maxwell() -> Envelope {
    Envelope::Maxwell(SourceTables::default())
}

fn canal() -> Envelope {
    Envelope::Canal(SourceTables::default())
}

fn decoder(envelope: &Envelope, unknown: UnknownFields) -> Decoder {
    let formats = Formats {
        envelope: envelope.clone(),
        ..Formats::json(unknown)
    };
    Decoder::new(&table(), "t", 0, &formats)
}

fn with_record<T>(value: Option<&str>, then: impl FnOnce(&plimsoll_record::Record<'_>) -> T) -> T {
    let chunk = one(
        7,
        Some(br#"{"database":"shop","table":"plain","pk.id":1}"#),
        value.map(str::as_bytes),
    );
    then(&chunk.record(0))
}

/// What a row becomes: its operation, and the cells that say something.
type Done = (Op, Vec<(&'static str, Option<String>)>);

fn shown(cell: &Cell<'_>) -> Option<Option<String>> {
    match cell {
        Cell::Absent => None,
        Cell::Null => Some(None),
        Cell::Bytes(bytes) => Some(Some(format!("{bytes:?}"))),
        cell => Some(Some(written(Wanted::Text, cell).unwrap().to_string())),
    }
}

fn decoded(decoder: &Decoder, value: Option<&str>) -> Result<Vec<Done>, &'static str> {
    with_record(value, |record| {
        let arena = Arena::new();
        let mut rows = Rows::with_capacity(COLUMNS.len(), 1);
        let done = decoder.decode(record, &arena, &mut rows);
        match done {
            Ok(_) => {}
            Err(Undecoded::Bad(bad)) => {
                assert!(rows.is_empty(), "a bad record leaves no row");
                assert!(!bad.to_string().is_empty());
                return Err(bad.condition());
            }
            Err(other) => panic!("{other}"),
        }
        let row = |(head, cells): (plimsoll_sink_api::Row, &[Cell<'_>])| {
            assert_eq!(head.offset, 7);
            let cells = cells.iter().zip(COLUMNS);
            let cells = cells.filter_map(|(cell, (name, ..))| Some((name, shown(cell)?)));
            (head.op, cells.collect())
        };
        Ok(rows.iter().map(row).collect())
    })
}

fn of(envelope: &Envelope, value: &Value) -> Result<Vec<Done>, &'static str> {
    let decoder = decoder(envelope, UnknownFields::Ignore);
    decoded(&decoder, Some(&value.to_string()))
}

fn put(cells: &[(&'static str, Option<&str>)]) -> Done {
    let cells = cells
        .iter()
        .map(|(name, text)| (*name, text.map(str::to_owned)));
    (Op::Put, cells.collect())
}

fn gone(id: &str) -> Done {
    (Op::Delete, vec![("id", Some(id.to_owned()))])
}

#[test]
fn documented_events_do_what_they_say() {
    let full = |id, name, amount, at| {
        let cells = [
            ("id", Some(id)),
            ("name", name),
            ("amount", amount),
            ("at", at),
        ];
        put(&cells)
    };
    let moment = Some("2026-03-29 01:30:00");
    let one = || full("1", Some("one"), Some("1.10"), moment);
    let uno = |id| full(id, Some("uno"), Some("1.10"), None);
    let expected = [
        ("maxwell insert", vec![one()]),
        ("maxwell update", vec![uno("1")]),
        ("maxwell update of the key", vec![gone("1"), uno("2")]),
        ("maxwell delete", vec![gone("2")]),
        (
            "maxwell bootstrap-insert",
            vec![full("3", Some("three"), None, None)],
        ),
        ("maxwell table-alter", vec![]),
        (
            "canal insert of two rows",
            vec![one(), full("2", None, None, None)],
        ),
        ("canal update", vec![uno("1")]),
        ("canal delete", vec![gone("2")]),
        ("canal ddl", vec![]),
    ];
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/wire/maxwell-canal.ndjson"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), expected.len());
    for (line, (case, rows)) in lines.iter().zip(expected) {
        assert_eq!(line["case"], case);
        let envelope = if case.starts_with("maxwell") {
            maxwell()
        } else {
            canal()
        };
        let decoder = decoder(&envelope, UnknownFields::Ignore);
        assert_eq!(
            decoded(&decoder, line["value"].as_str()),
            Ok(rows),
            "{case}"
        );
    }
}

#[test]
fn what_is_no_event_is_a_bad_record() {
    let row = json!({"id": 1});
    let not = Err("not_a_change_event");
    let without = Err("event_without_row");
    let cases = [
        (maxwell(), json!({}), &not),
        (maxwell(), json!({"type": "INSERT", "data": row}), &not),
        (maxwell(), json!({"type": 7, "data": row}), &not),
        (maxwell(), json!({"type": "insert", "data": [row]}), &not),
        (
            maxwell(),
            json!({"type": "update", "data": row, "old": "x"}),
            &not,
        ),
        (maxwell(), json!({"type": "insert"}), &without),
        (maxwell(), json!({"type": "insert", "data": null}), &without),
        (canal(), json!({"type": "insert", "data": [row]}), &not),
        (canal(), json!({"type": "INSERT", "data": row}), &not),
        (canal(), json!({"type": "INSERT", "data": [row, 7]}), &not),
        (canal(), json!({"type": "INSERT", "data": []}), &without),
        (
            canal(),
            json!({"type": "INSERT", "data": [row, null]}),
            &without,
        ),
        (canal(), json!({"type": "DELETE", "data": null}), &without),
        (
            canal(),
            json!({"type": "INSERT", "isDdl": false, "data": null}),
            &without,
        ),
    ];
    for (envelope, event, bad) in cases {
        assert_eq!(of(&envelope, &event), *bad, "{event}");
    }
    for envelope in [maxwell(), canal()] {
        let decoder = decoder(&envelope, UnknownFields::Ignore);
        assert_eq!(decoded(&decoder, None), not);
        assert_eq!(decoded(&decoder, Some("{\"type\"")), Err("value_not_json"));
        assert_eq!(decoded(&decoder, Some("[]")), Err("value_not_object"));
    }
    // One row without a key, and none is written.
    let event = json!({"type": "INSERT", "data": [{"id": "1"}, {"name": "x"}]});
    assert_eq!(of(&canal(), &event), Err("key_missing"));
    let event = json!({"type": "update", "data": {"id": 1}, "old": {"id": null}});
    assert_eq!(of(&maxwell(), &event), Err("key_missing"));
}

#[test]
fn events_about_no_row_change_nothing() {
    let about = [
        "bootstrap-start",
        "bootstrap-complete",
        "table-create",
        "database-drop",
    ];
    for kind in about {
        assert_eq!(
            of(&maxwell(), &json!({"type": kind, "data": {}})),
            Ok(vec![])
        );
    }
    for kind in ["QUERY", "TRUNCATE", "ERASE", "MHEARTBEAT", "TIDB_WATERMARK"] {
        assert_eq!(
            of(&canal(), &json!({"type": kind, "data": null})),
            Ok(vec![])
        );
    }
    let odd = json!({"type": "SOMETHING", "isDdl": true, "data": null});
    assert_eq!(of(&canal(), &odd), Ok(vec![]));
}

#[test]
fn events_of_other_tables_change_nothing() {
    let table = |database: &str, table: &str| SourceTable {
        database: database.to_owned(),
        table: table.to_owned(),
    };
    let tables = SourceTables(vec![table("shop", "plain"), table("shop", "a.b")]);
    for (database, name, rows) in [
        ("shop", "plain", 1),
        ("shop", "a.b", 1),
        ("shop", "other", 0),
        ("plain", "shop", 0),
        ("Shop", "plain", 0),
    ] {
        let event = |kind: &str, data: Value| json!({"type": kind, "database": database, "table": name, "data": data});
        let maxwell = Envelope::Maxwell(tables.clone());
        let done = of(&maxwell, &event("insert", json!({"id": 1}))).unwrap();
        assert_eq!(done.len(), rows, "{database}.{name}");
        // Of another table, whatever its rows are.
        let done = of(&maxwell, &event("insert", json!({"other": 1})));
        assert_eq!(done.is_err(), rows == 1, "{database}.{name}");
        let canal = Envelope::Canal(tables.clone());
        let done = of(&canal, &event("DELETE", json!([{"id": "1"}]))).unwrap();
        assert_eq!(done.len(), rows, "{database}.{name}");
    }
    let nameless = json!({"type": "insert", "data": {"id": 1}});
    assert_eq!(
        of(&Envelope::Maxwell(tables), &nameless),
        Err("not_a_change_event")
    );
}

#[test]
fn texts_of_canal_become_what_their_columns_hold() {
    let event = |doc: &str, bin: &str| json!({"type": "INSERT", "data": [{"id": "1", "doc": doc, "bin": bin}]});
    let row = |doc, bin| {
        Ok(vec![put(&[
            ("id", Some("1")),
            ("doc", Some(doc)),
            ("bin", Some(bin)),
        ])])
    };
    let cases = [
        (
            "{\"a\":[1]}",
            "\0\u{ff}A",
            row("{\"a\":[1]}", "[0, 255, 65]"),
        ),
        // No JSON, and a text all the same.
        ("{a", "", row("\"{a\"", "[]")),
        ("[]", "\u{100}", Err("invalid_bytes")),
    ];
    for (doc, bin, expected) in cases {
        assert_eq!(of(&canal(), &event(doc, bin)), expected);
    }
    // Maxwell sends JSON as JSON, and bytes in base64, which sinks read.
    let event = json!({"type": "insert", "data": {"id": 1, "doc": "{}", "bin": "AP9B"}});
    let row = put(&[
        ("id", Some("1")),
        ("doc", Some("\"{}\"")),
        ("bin", Some("AP9B")),
    ]);
    assert_eq!(of(&maxwell(), &event), Ok(vec![row]));
}

#[test]
fn a_field_without_a_column_is_one_of_the_row() {
    let strict = |envelope: &Envelope, event: &Value| {
        let decoder = decoder(envelope, UnknownFields::Reject);
        decoded(&decoder, Some(&event.to_string()))
    };
    let known = json!({"type": "insert", "xid": 7, "data": {"id": 1}, "old": {"more": 1}});
    assert!(strict(&maxwell(), &known).is_ok());
    let unknown = json!({"type": "insert", "data": {"id": 1, "more": 1}});
    assert_eq!(strict(&maxwell(), &unknown), Err("unknown_field"));
    let unknown = json!({"type": "INSERT", "data": [{"id": "1"}, {"id": "2", "more": "1"}]});
    assert_eq!(strict(&canal(), &unknown), Err("unknown_field"));
}

#[test]
fn of_one_key_in_one_record_the_last_row_counts() {
    let row = |id: &str, name: &str| json!({"id": id, "name": name});
    let event = json!({
        "type": "UPDATE",
        "data": [row("3", "b"), row("2", "a"), row("1", "c")],
        "old": [{"id": "2"}, {"id": "1"}, null],
    });
    let named = |id, name| put(&[("id", Some(id)), ("name", Some(name))]);
    let rows = vec![named("3", "b"), named("2", "a"), named("1", "c")];
    assert_eq!(of(&canal(), &event), Ok(rows));
}

#[test]
fn a_record_has_no_more_rows_than_it_may() {
    let event = |rows: usize| {
        let data: Vec<Value> = (0..rows).map(|id| json!({"id": id.to_string()})).collect();
        json!({"type": "INSERT", "data": data})
    };
    assert_eq!(of(&canal(), &event(MAX_ROWS)).unwrap().len(), MAX_ROWS);
    assert_eq!(of(&canal(), &event(MAX_ROWS + 1)), Err("too_many_rows"));
}

#[test]
fn a_sample_tells_the_fields_of_the_row() {
    let described = |envelope: &Envelope, event: Value| {
        let decoder = decoder(envelope, UnknownFields::Ignore);
        let text = event.to_string();
        let described = with_record(Some(&text), |record| decoder.describe(record, &|_| false));
        let fields = described.unwrap().fields.into_iter();
        let field = |field: plimsoll_record::DescribedField| {
            format!("{} {}", field.path.join("."), field.kind)
        };
        fields.map(field).collect::<Vec<_>>()
    };
    let event = json!({"type": "insert", "data": {"id": 1, "name": "x"}});
    assert_eq!(described(&maxwell(), event), ["id number", "name string"]);
    let event = json!({"type": "DELETE", "data": [{"id": "1"}, {"id": "2"}]});
    assert_eq!(described(&canal(), event), ["id string"]);
    let event = json!({"type": "QUERY", "isDdl": false, "data": null});
    assert!(described(&canal(), event).is_empty());
}

/// A statement of the source: which rows it inserts, changes or deletes.
#[derive(Debug, Clone)]
enum Statement {
    Insert(Vec<(u8, u8)>),
    /// By how much keys move, and the new name.
    Update(Vec<u8>, u8, u8),
    Delete(Vec<u8>),
}

fn statement() -> impl Strategy<Value = Statement> {
    let ids = || prop::collection::vec(0_u8..12, 1..5);
    prop_oneof![
        prop::collection::vec((0_u8..12, any::<u8>()), 1..5).prop_map(Statement::Insert),
        (ids(), 0_u8..3, any::<u8>()).prop_map(|(ids, by, name)| Statement::Update(ids, by, name)),
        ids().prop_map(Statement::Delete),
    ]
}

/// A changed row: what it was, and what it is.
type Changed = (Option<(u8, u8)>, Option<(u8, u8)>);

/// Runs a statement as MySQL does, row by row; a row that would break the key is left.
fn run(source: &mut BTreeMap<u8, u8>, statement: &Statement) -> Vec<Changed> {
    let mut changed = Vec::new();
    match statement {
        Statement::Insert(rows) => {
            for &(id, name) in rows {
                if let std::collections::btree_map::Entry::Vacant(free) = source.entry(id) {
                    free.insert(name);
                    changed.push((None, Some((id, name))));
                }
            }
        }
        Statement::Update(ids, by, name) => {
            for &id in ids {
                let to = id + by;
                if *by > 0 && source.contains_key(&to) {
                    continue;
                }
                if let Some(was) = source.remove(&id) {
                    source.insert(to, *name);
                    changed.push((Some((id, was)), Some((to, *name))));
                }
            }
        }
        Statement::Delete(ids) => {
            for &id in ids {
                if let Some(was) = source.remove(&id) {
                    changed.push((Some((id, was)), None));
                }
            }
        }
    }
    changed
}

/// What changed of a row, in the form of `old`.
fn old(from: (u8, u8), to: (u8, u8)) -> Value {
    let mut old = serde_json::Map::new();
    if from.0 != to.0 {
        old.insert("id".to_owned(), from.0.to_string().into());
    }
    if from.1 != to.1 {
        old.insert("name".to_owned(), from.1.to_string().into());
    }
    old.into()
}

fn row((id, name): (u8, u8)) -> Value {
    json!({"id": id.to_string(), "name": name.to_string()})
}

fn events(envelope: &Envelope, changed: &[Changed]) -> Vec<Value> {
    let old = |&(from, to): &Changed| Some(old(from?, to?));
    let now = |&(from, to): &Changed| row(to.or(from).unwrap());
    let kind = |(from, to): &Changed| match (from, to) {
        (None, _) => "insert",
        (Some(_), Some(_)) => "update",
        (Some(_), None) => "delete",
    };
    let Some(first) = changed.first() else {
        return Vec::new();
    };
    match envelope {
        Envelope::Canal(_) => {
            let data: Vec<Value> = changed.iter().map(now).collect();
            let old: Option<Vec<Value>> = changed.iter().map(old).collect();
            let kind = kind(first).to_uppercase();
            vec![json!({"type": kind, "isDdl": false, "data": data, "old": old})]
        }
        _ => {
            let event = |change| match old(change) {
                None => json!({"type": kind(change), "data": now(change)}),
                Some(old) => json!({"type": kind(change), "data": now(change), "old": old}),
            };
            changed.iter().map(event).collect()
        }
    }
}

proptest! {
    #[test]
    fn the_fold_of_the_events_is_the_source(statements in prop::collection::vec(statement(), 0..40)) {
        for envelope in [maxwell(), canal()] {
            let mut source = BTreeMap::new();
            let mut target: BTreeMap<String, String> = BTreeMap::new();
            for statement in &statements {
                let changed = run(&mut source, statement);
                for event in events(&envelope, &changed) {
                    for (op, cells) in of(&envelope, &event).unwrap() {
                        let cell = |name| {
                            let mut cells = cells.iter();
                            cells.find(|(n, _)| *n == name).and_then(|(_, text)| text.clone())
                        };
                        let id = cell("id").unwrap();
                        match op {
                            Op::Put => target.insert(id, cell("name").unwrap()),
                            Op::Delete => target.remove(&id),
                        };
                    }
                }
                let expected: BTreeMap<String, String> =
                    source.iter().map(|(id, name)| (id.to_string(), name.to_string())).collect();
                prop_assert_eq!(&target, &expected);
            }
        }
    }
}
