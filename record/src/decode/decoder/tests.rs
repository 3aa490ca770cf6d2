//! What becomes of one record.

use super::*;
use crate::{Budget, Filling, Incoming};
use plimsoll_protocol::{Position, Span};
use plimsoll_sink_api::Holds;
use std::time::Instant;

fn table(mode: Mode, columns: &[(&str, &str, bool, Shape)]) -> Table {
    let column = |&(name, source, key, shape): &(&str, &str, bool, Shape)| Column {
        name: name.to_owned(),
        take: source.parse().unwrap(),
        shape,
        key,
        type_name: String::new(),
        holds: Holds::Other,
    };
    Table {
        name: "t".to_owned(),
        mode,
        columns: columns.iter().map(column).collect(),
        filter: None,
        explode: None,
        evolve: None,
    }
}

fn decode_with(
    table: &Table,
    unknown: UnknownFields,
    key: Option<&str>,
    value: Option<&str>,
    check: impl FnOnce(Result<(Op, Vec<Cell<'_>>), BadRecord>),
) {
    let mut filling = Filling::new(Budget::new(1 << 20));
    let incoming = Incoming {
        offset: 7,
        timestamp: Some(1234),
        key: key.map(str::as_bytes),
        value: value.map(str::as_bytes),
    };
    let headers: [(&[u8], Option<&[u8]>); 3] = [
        (b"trace", Some(b"abc")),
        (b"raw", Some(b"\xff")),
        (b"nil", None),
    ];
    filling.push(&incoming, headers.into_iter(), None, Instant::now());
    let span = Span::new(Position::new(7).unwrap(), Position::new(8).unwrap()).unwrap();
    let chunk = filling.seal(span);
    let mut rows = Rows::with_capacity(table.columns.len(), 1);
    let decoder = Decoder::new(table, "orders", 3, &Formats::json(unknown));
    let arena = Arena::new();
    match decoder.decode(&chunk.record(0), &arena, &mut rows) {
        Ok(_) => {
            let (row, cells) = rows.row(0);
            check(Ok((row.op, cells.to_vec())));
        }
        Err(Undecoded::Bad(bad)) => {
            assert!(rows.is_empty(), "a bad record left a row behind");
            check(Err(bad));
        }
        Err(other) => panic!("JSON needs nothing: {other}"),
    }
}

fn decode(
    table: &Table,
    key: Option<&str>,
    value: Option<&str>,
    check: impl FnOnce(Result<(Op, Vec<Cell<'_>>), BadRecord>),
) {
    decode_with(table, UnknownFields::Ignore, key, value, check);
}

const S: Shape = Shape::Scalar;

#[test]
fn a_whole_key_reaches_a_column_of_bytes_as_its_bytes() {
    let table = table(
        Mode::Upsert,
        &[("k", "key", true, Shape::Bytes), ("v", "value.v", false, S)],
    );
    for key in ["abc", "\"abc\"", "1", "{\"k\":1}", " abc ", ""] {
        for value in [Some(r#"{"v":1}"#), None] {
            decode(&table, Some(key), value, |decoded| {
                let (_, cells) = decoded.unwrap();
                assert_eq!(cells[0], Cell::Bytes(key.as_bytes()));
            });
        }
    }
}

#[test]
fn a_header_reaches_a_column_of_bytes_as_its_bytes() {
    let columns = [
        ("trace", "headers.trace", false, Shape::Bytes),
        ("raw", "headers.raw", false, Shape::Bytes),
    ];
    decode(
        &table(Mode::Append, &columns),
        None,
        Some("{}"),
        |decoded| {
            let (_, cells) = decoded.unwrap();
            assert_eq!(cells, [Cell::Bytes(b"abc"), Cell::Bytes(b"\xff")]);
        },
    );
}

#[test]
fn of_two_fields_of_one_name_the_last_one_counts_whole() {
    let table = table(
        Mode::Append,
        &[
            ("x", "value.a.x", false, S),
            ("y", "value.a.y", false, S),
            ("z", "value.a.b.z", false, S),
            ("all", "value.a", false, Shape::Json),
        ],
    );
    let (one, two) = (Cell::Number("1"), Cell::Number("2"));
    let none = Cell::Absent;
    for (text, x, y, z) in [
        (r#"{"a":{"x":1},"a":{"y":2}}"#, &none, &two, &none),
        (r#"{"a":{"b":{"z":1}},"a":{"y":2}}"#, &none, &two, &none),
        (r#"{"a":{"x":1,"y":2},"a":3}"#, &none, &none, &none),
        (r#"{"a":{"x":1,"b":{"z":2},"b":{}}}"#, &one, &none, &none),
        (r#"{"a":3,"a":{"x":1,"x":2}}"#, &two, &none, &none),
    ] {
        decode(&table, None, Some(text), |decoded| {
            let (_, cells) = decoded.unwrap();
            assert_eq!([&cells[0], &cells[1], &cells[2]], [x, y, z], "{text}");
        });
    }
}

#[test]
fn every_json_value_keeps_its_text() {
    let table = table(
        Mode::Append,
        &[
            ("a", "value.a", false, S),
            ("b", "value.b", false, S),
            ("c", "value.c", false, S),
            ("d", "value.d", false, S),
            ("e", "value.e", false, S),
            ("f", "value.f", false, Shape::Json),
            ("g", "value.g", false, S),
        ],
    );
    let value = r#"{"x":[1,{"a":9}], "a":123456789012345678901234567890.10, "b":"q\"\u00e9", "c":true,
        "d":null, "e":{"k": [1]}, "f":"text"}"#;
    decode(&table, None, Some(value), |row| {
        let (op, cells) = row.unwrap();
        assert_eq!(op, Op::Put);
        assert_eq!(
            cells,
            [
                Cell::Number("123456789012345678901234567890.10"),
                Cell::Text("q\"é"),
                Cell::Bool(true),
                Cell::Null,
                Cell::Json(r#"{"k": [1]}"#),
                Cell::Json(r#""text""#),
                Cell::Absent,
            ]
        );
    });
}

#[test]
fn a_string_without_escapes_is_borrowed() {
    let table = table(Mode::Append, &[("a", "value.a", false, S)]);
    decode(&table, None, Some(r#"{"a":"plain"}"#), |row| {
        assert!(matches!(&row.unwrap().1[0], Cell::Text("plain")));
    });
}

#[test]
fn paths_lead_into_nested_objects_and_past_missing_ones() {
    let table = table(
        Mode::Append,
        &[
            ("name", "value.customer.fullName", false, S),
            ("all", "value.customer", false, Shape::Json),
            ("dots", "value.\"a.b\"", false, S),
            ("none", "value.ship.city", false, S),
        ],
    );
    decode(
        &table,
        None,
        Some(r#"{"customer":{"fullName":"Ann"},"a.b":1,"ship":3}"#),
        |row| {
            assert_eq!(
                row.unwrap().1,
                [
                    Cell::Text("Ann"),
                    Cell::Json(r#"{"fullName":"Ann"}"#),
                    Cell::Number("1"),
                    Cell::Absent
                ]
            );
        },
    );
}

#[test]
fn coordinates_keys_and_headers_are_sources() {
    let table = table(
        Mode::Append,
        &[
            ("t", "topic", false, S),
            ("p", "partition", false, S),
            ("o", "offset", false, S),
            ("ts", "timestamp", false, S),
            ("k", "key.id", false, S),
            ("h", "headers.trace", false, S),
            ("r", "headers.raw", false, S),
            ("n", "headers.nil", false, S),
            ("m", "headers.missing", false, S),
            ("w", "value", false, Shape::Json),
        ],
    );
    decode(&table, Some(r#"{"id":5}"#), Some("{}"), |row| {
        assert_eq!(
            row.unwrap().1,
            [
                Cell::Text("orders"),
                Cell::Int(3),
                Cell::Int(7),
                Cell::millis(1234),
                Cell::Number("5"),
                Cell::Text("abc"),
                Cell::Bytes(b"\xff"),
                Cell::Null,
                Cell::Absent,
                Cell::Json("{}"),
            ]
        );
    });
}

#[test]
fn a_tombstone_deletes_by_the_records_key() {
    let table = table(
        Mode::Upsert,
        &[
            ("id", "value.orderId", true, S),
            ("note", "value.note", false, S),
        ],
    );
    for key in ["42", r#"{"orderId":42}"#, r#"{"id":42,"more":1}"#] {
        decode(&table, Some(key), None, |row| {
            let (op, cells) = row.unwrap();
            assert_eq!(op, Op::Delete);
            assert!(
                matches!(&cells[0], Cell::Number("42") | Cell::Text("42")),
                "{key}"
            );
            assert_eq!(cells[1], Cell::Absent);
        });
    }
    decode(&table, Some(r#""a b""#), None, |row| {
        assert_eq!(row.unwrap().1[0], Cell::Text("a b"));
    });
}

#[test]
fn a_tombstone_whose_key_does_not_fit_is_bad() {
    let one = table(Mode::Upsert, &[("id", "value.id", true, S)]);
    let two = table(
        Mode::Upsert,
        &[("a", "value.a", true, S), ("b", "value.b", true, S)],
    );
    let missing = |column: &str| BadRecord::KeyMissing {
        column: column.to_owned(),
        brings_schema: None,
    };
    decode(&one, None, None, |row| {
        assert_eq!(row.unwrap_err(), missing("id"))
    });
    decode(&one, Some(r#"{"x":1}"#), None, |row| {
        assert_eq!(row.unwrap_err(), missing("id"))
    });
    decode(&one, Some(r#"{"id":null}"#), None, |row| {
        assert_eq!(row.unwrap_err(), missing("id"))
    });
    decode(&two, Some(r#"{"a":1}"#), None, |row| {
        assert_eq!(row.unwrap_err(), missing("b"))
    });
    decode(&two, Some("1"), None, |row| {
        assert_eq!(row.unwrap_err(), BadRecord::KeyNotObject)
    });
}

#[test]
fn a_tombstone_is_an_event_in_a_log_and_bad_in_append() {
    let log = table(
        Mode::Log,
        &[
            ("event_data", "value", false, Shape::Json),
            ("x", "value.x", false, S),
        ],
    );
    decode(&log, None, None, |row| {
        assert_eq!(row.unwrap(), (Op::Put, vec![Cell::Null, Cell::Absent]))
    });
    let whole = table(Mode::Log, &[("event_data", "value", false, Shape::Json)]);
    for (value, raw) in [("null", "null"), (" [1, 2]\n", "[1, 2]"), ("7", "7")] {
        decode(&whole, None, Some(value), |row| {
            assert_eq!(row.unwrap(), (Op::Put, vec![Cell::Json(raw)]))
        });
    }
    let append = table(Mode::Append, &[("x", "value.x", false, S)]);
    decode(&append, None, None, |row| {
        assert_eq!(row.unwrap_err(), BadRecord::Tombstone)
    });
}

#[test]
fn an_upsert_without_its_key_is_bad() {
    let table = table(Mode::Upsert, &[("id", "value.id", true, S)]);
    for value in ["{}", r#"{"id":null}"#] {
        decode(&table, None, Some(value), |row| {
            assert_eq!(
                row.unwrap_err(),
                BadRecord::KeyMissing {
                    column: "id".into(),
                    brings_schema: None,
                }
            );
        });
    }
}

#[test]
fn a_missing_key_says_whose_bytes_bring_a_schema() {
    let table = table(Mode::Upsert, &[("id", "value.id", true, S)]);
    let brings = r#"{"schema":{"type":"struct","fields":[]},"payload":{"id":1}}"#;
    let other = r#"{"schema":"public","payload":1}"#;
    let more = r#"{"schema":{},"payload":{},"id":null}"#;
    let cases = [
        (None, Some(brings), Some(Side::Value)),
        (Some("1"), Some(brings), Some(Side::Value)),
        (Some(brings), Some("{}"), Some(Side::Key)),
        (Some(brings), None, Some(Side::Key)),
        (None, Some(other), None),
        (None, Some(more), None),
    ];
    for (key, value, side) in cases {
        decode(&table, key, value, |row| {
            let bad = row.unwrap_err();
            let column = "id".to_owned();
            let missing = BadRecord::KeyMissing {
                column,
                brings_schema: side,
            };
            assert_eq!(bad, missing, "{key:?} {value:?}");
            let hint = side.map(|side| format!("{} = {{ format = \"connect_", side.as_str()));
            let told = bad.to_string();
            assert!(hint.is_none_or(|hint| told.contains(&hint)), "{told}");
        });
    }
}

fn not_json(at: usize) -> BadRecord {
    BadRecord::ValueNotJson { at, looks: None }
}

#[test]
fn a_value_of_another_format_tells_which() {
    let table = table(Mode::Append, &[("x", "value.x", false, S)]);
    let cases = [
        (
            "\0\0\0\0\u{1}{\"x\":1}",
            "format = \"avro\", framing = \"confluent\"",
        ),
        ("\u{3}\0", "framing = \"glue\""),
        ("Obj\u{1}", "a whole file of Avro"),
    ];
    for (value, hint) in cases {
        decode(&table, None, Some(value), |row| {
            let bad = row.unwrap_err();
            assert_eq!(bad.condition(), "value_not_json");
            assert!(bad.to_string().contains(hint), "{bad}");
        });
    }
}

#[test]
fn broken_values_are_told_apart_and_located() {
    let table = table(Mode::Append, &[("x", "value.x", false, S)]);
    let cases = [
        (r#"{"x":}"#, not_json(6)),
        ("{\"x\":1,\n\"y\":tru}", not_json(16)),
        (r#"{"x":1} {}"#, not_json(9)),
        ("", not_json(0)),
        ("[1]", BadRecord::ValueNotObject),
        ("7", BadRecord::ValueNotObject),
        (
            r#"{"x":"\ud800"}"#,
            BadRecord::BadString { column: "x".into() },
        ),
    ];
    for (value, bad) in cases {
        decode(&table, None, Some(value), |row| {
            assert_eq!(row.unwrap_err(), bad, "{value}")
        });
    }
}

#[test]
fn a_field_without_a_column_is_bad_only_where_that_is_asked() {
    let table = table(Mode::Append, &[("x", "value.x", false, S)]);
    decode(&table, None, Some(r#"{"x":1,"y":2}"#), |row| {
        assert!(row.is_ok())
    });
    decode_with(
        &table,
        UnknownFields::Reject,
        None,
        Some(r#"{"x":1,"y":2}"#),
        |row| {
            assert_eq!(
                row.unwrap_err(),
                BadRecord::UnknownField { field: "y".into() }
            );
        },
    );
}
