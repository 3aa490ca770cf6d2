//! One record, a row of every element of an array in it: in each envelope, of odd arrays,
//! and all of a record's rows or none.

use plimsoll_format_testing::{one, shown};
use plimsoll_record::{
    Arena, ConnectJson, Connector, Decimals, Decoded, Decoder, Envelope, Format, Formats, Json,
    MAX_ROWS, Undecoded, UnknownFields,
};
use plimsoll_sink_api::{Column, Holds, Mode, Path, Rows, Shape, Table};
use std::sync::Arc;

/// Items of an order, by order and sku.
const ITEMS: &[(&str, bool)] = &[
    ("value.id", true),
    ("item.sku", true),
    ("item.n", false),
    ("index", false),
];

fn table(mode: Mode, columns: &[(&str, bool)]) -> Table {
    let column = |&(source, key): &(&str, bool)| Column {
        name: source.to_owned(),
        take: source.parse().unwrap(),
        shape: Shape::Scalar,
        key: key && mode == Mode::Upsert,
        type_name: String::new(),
        holds: Holds::Other,
    };
    Table {
        name: "t".to_owned(),
        mode,
        columns: columns.iter().map(column).collect(),
        explode: Some(Path(vec!["items".to_owned()])),
        filter: None,
        evolve: None,
    }
}

/// The rows of a value, cells joined; or what becomes of its record instead.
fn rows_by(table: &Table, formats: &Formats, value: Option<&str>) -> Result<Vec<String>, String> {
    let decoder = Decoder::new(table, "t", 0, formats);
    // A key without fields: no tombstone is to be read.
    let chunk = one(0, Some(b"7"), value.map(str::as_bytes));
    let (arena, mut rows) = (Arena::new(), Rows::with_capacity(table.columns.len(), 1));
    match decoder.decode(&chunk.record(0), &arena, &mut rows) {
        Ok(Decoded::Rows) => {
            let cells = |(_, cells): (_, &[plimsoll_sink_api::Cell<'_>])| {
                cells.iter().map(shown).collect::<Vec<_>>().join(" ")
            };
            Ok(rows.iter().map(cells).collect())
        }
        Ok(none) => {
            assert!(rows.is_empty());
            Err(format!("{none:?}"))
        }
        Err(Undecoded::Bad(bad)) => {
            assert!(rows.is_empty(), "a bad record left a row behind");
            Err(bad.condition().to_owned())
        }
        Err(other) => panic!("{other}"),
    }
}

fn formats(envelope: Envelope) -> Formats {
    Formats {
        envelope,
        ..Formats::json(UnknownFields::Ignore)
    }
}

fn rows(mode: Mode, columns: &[(&str, bool)], value: &str) -> Result<Vec<String>, String> {
    rows_by(&table(mode, columns), &formats(Envelope::None), Some(value))
}

fn plain(value: &str) -> Result<Vec<String>, String> {
    rows(Mode::Upsert, ITEMS, value)
}

fn bad(condition: &str) -> Result<Vec<String>, String> {
    Err(condition.to_owned())
}

/// The same columns and elements, however they came.
fn two_items() -> Result<Vec<String>, String> {
    rows(
        Mode::Append,
        ITEMS,
        r#"{"id":1,"items":[{"sku":"a","n":2},{"sku":"b"}]}"#,
    )
}

#[test]
fn every_element_is_a_row_with_its_place() {
    let rows = two_items().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(
        rows[0].contains('a') && rows[0].contains('2') && rows[0].contains('0'),
        "{rows:?}"
    );
    assert!(rows[1].contains('b') && rows[1].contains('1'), "{rows:?}");
    assert_eq!(
        plain(r#"{"id":1,"items":[{"sku":"a","n":2},{"sku":"b"}]}"#).unwrap(),
        rows
    );
}

#[test]
fn without_elements_a_record_is_passed_over_in_every_mode() {
    for mode in [Mode::Append, Mode::Log, Mode::Upsert] {
        for value in [
            "{}",
            r#"{"items":null}"#,
            r#"{"items":[]}"#,
            r#"{"items":[ ]}"#,
        ] {
            assert_eq!(rows(mode, ITEMS, value), bad("PassedOver"), "{value}");
        }
        let none = rows_by(&table(mode, ITEMS), &formats(Envelope::None), None);
        assert_eq!(none, bad("PassedOver"));
    }
}

#[test]
fn what_is_no_array_is_a_bad_record_and_so_is_one_bad_element() {
    for value in ["{}", "\"[]\"", "7", "true"] {
        let value = format!("{{\"id\":1,\"items\":{value}}}");
        assert_eq!(plain(&value), bad("not_an_array"), "{value}");
    }
    for (items, condition) in [
        (r#"[{"sku":"a"},7]"#, "item_not_object"),
        (r#"[{"sku":"a"},[]]"#, "item_not_object"),
        (r#"[{"sku":"a"},{"n":1}]"#, "key_missing"),
        (r#"[{"sku":"a"},null]"#, "key_missing"),
        (r#"[{"sku":"a"},{"sku":"\x"}]"#, "value_not_json"),
    ] {
        let value = format!("{{\"id\":1,\"items\":{items}}}");
        assert_eq!(plain(&value), bad(condition), "{items}");
    }
    // A field that no column takes, where that is refused: of the record, and of an element.
    let strict = Formats::json(UnknownFields::Reject);
    let strict = |value| rows_by(&table(Mode::Upsert, ITEMS), &strict, Some(value));
    assert!(strict(r#"{"id":1,"items":[{"sku":"a"}]}"#).is_ok());
    for value in [
        r#"{"id":1,"items":[{"sku":"a"}],"x":1}"#,
        r#"{"id":1,"items":[{"sku":"a","x":1}]}"#,
    ] {
        assert_eq!(strict(value), bad("unknown_field"));
    }
}

#[test]
fn elements_without_fields_are_taken_whole() {
    let tags: &[(&str, bool)] = &[("item", false), ("index", false)];
    let found = rows(Mode::Append, tags, r#"{"items":["a",7,null,[1],{"b":2}]}"#).unwrap();
    assert_eq!(found.len(), 5);
    let strict = Formats::json(UnknownFields::Reject);
    let same = rows_by(
        &table(Mode::Append, tags),
        &strict,
        Some(r#"{"items":["a",7]}"#),
    );
    assert_eq!(same.unwrap(), found[..2]);
    // The value itself is the array.
    let whole = Table {
        explode: Some(Path::default()),
        ..table(Mode::Append, tags)
    };
    let of_whole = rows_by(&whole, &formats(Envelope::None), Some(r#"["a", 7]"#));
    assert_eq!(of_whole.unwrap(), found[..2]);
}

#[test]
fn a_record_has_no_more_elements_than_a_commit_can_take() {
    let value = |elements: usize| {
        let elements: Vec<String> = (0..elements).map(|n| format!("{{\"sku\":{n}}}")).collect();
        format!("{{\"id\":1,\"items\":[{}]}}", elements.join(","))
    };
    assert_eq!(plain(&value(MAX_ROWS)).unwrap().len(), MAX_ROWS);
    assert_eq!(plain(&value(MAX_ROWS + 1)), bad("too_many_rows"));
}

#[test]
fn of_one_key_in_one_record_the_last_element_counts() {
    let value = r#"{"id":1,"items":[{"sku":"a","n":1},{"sku":"b","n":1},{"sku":"a","n":9}]}"#;
    let found = plain(value).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found[1].contains('9'), "{found:?}");
    assert_eq!(rows(Mode::Append, ITEMS, value).unwrap().len(), 3);
}

#[test]
fn the_row_of_a_change_event_has_the_array() {
    let debezium = |decimals| {
        Envelope::Debezium(Connector {
            decimals,
            ..Connector::default()
        })
    };
    let of = |event: &str| {
        let formats = formats(debezium(Decimals::Unknown));
        rows_by(&table(Mode::Upsert, ITEMS), &formats, Some(event))
    };
    let items = r#"[{"sku":"a","n":2},{"sku":"b"}]"#;
    let row = |items: &str| format!("{{\"id\":1,\"items\":{items}}}");
    let event = |op: &str, items: &str| {
        format!(
            "{{\"op\":\"{op}\",\"before\":null,\"after\":{}}}",
            row(items)
        )
    };
    assert_eq!(of(&event("c", items)), two_items());
    // A column of JSON comes as a text.
    let text = serde_json::Value::from(items).to_string();
    assert_eq!(of(&event("u", &text)), two_items());
    let delete = format!("{{\"op\":\"d\",\"before\":{},\"after\":null}}", row(items));
    assert_eq!(of(&delete), bad("PassedOver"));
    let unsent = event("u", "\"__debezium_unavailable_value\"");
    assert_eq!(of(&unsent), bad("value_unavailable"));
    let flat = formats(Envelope::DebeziumFlat(Connector::default()));
    let of_flat = |value: &str| rows_by(&table(Mode::Upsert, ITEMS), &flat, Some(value));
    assert_eq!(of_flat(&row(items)), two_items());
    let deleted = format!("{{\"id\":1,\"items\":{items},\"__deleted\":\"true\"}}");
    assert_eq!(of_flat(&deleted), bad("PassedOver"));
}

#[test]
fn an_array_with_a_schema_has_the_same_rows() {
    let connect: Arc<dyn Format> = Arc::new(ConnectJson);
    let formats = Formats {
        key: Arc::new(Json),
        value: connect,
        ..formats(Envelope::None)
    };
    let message = r#"{"schema":{"type":"struct","fields":[
        {"field":"id","type":"int32"},
        {"field":"items","type":"array","optional":true,"items":{"type":"struct","fields":[
            {"field":"sku","type":"string"},{"field":"n","type":"int32","optional":true}]}}]},
        "payload":{"id":1,"items":[{"sku":"a","n":2},{"sku":"b","n":null}]}}"#;
    let found = rows_by(&table(Mode::Upsert, ITEMS), &formats, Some(message)).unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains('a') && found[1].contains('b'),
        "{found:?}"
    );
    let null = message.replace(r#"[{"sku":"a","n":2},{"sku":"b","n":null}]"#, "null");
    let of_null = rows_by(&table(Mode::Upsert, ITEMS), &formats, Some(&null));
    assert_eq!(of_null, bad("PassedOver"));
    let nothing = rows_by(
        &table(Mode::Upsert, ITEMS),
        &formats,
        Some(r#"{"schema":null,"payload":null}"#),
    );
    assert_eq!(nothing, bad("PassedOver"));
}
