//! Payloads through the decoder, beside what serde_json's own tree says of them.

use crate::config::UnknownFields;
use plimsoll_protocol::{Position, Span};
use plimsoll_record::{Arena, Budget, Decoder, Filling, Formats, Incoming};
use plimsoll_sink_api::{Cell, Column, Holds, Mode, Rows, Shape, Table};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

/// Name, source and shape of the table's columns.
const COLUMNS: [(&str, &str, Shape); 5] = [
    ("a", "value.a", Shape::Scalar),
    ("b", "value.b", Shape::Json),
    ("d", "value.c.d", Shape::Scalar),
    ("c", "value.c", Shape::Scalar),
    ("whole", "value", Shape::Json),
];

/// Decodes a payload: flags in the first byte, the value in the others.
///
/// # Panics
/// Where it was accepted or refused against serde_json's view, or where a cell
/// is not what serde_json finds there.
pub fn json(data: &[u8]) {
    let Some((flags, payload)) = data.split_first() else {
        return;
    };
    let rejects = flags & 1 == 1;
    let mode = if flags & 2 == 2 {
        Mode::Log
    } else {
        Mode::Append
    };
    let column = |&(name, source, shape): &(&str, &str, Shape)| Column {
        name: name.to_owned(),
        take: source.parse().expect("a source"),
        shape,
        key: false,
        type_name: String::new(),
        holds: Holds::Other,
    };
    let table = Table {
        name: "t".to_owned(),
        mode,
        columns: COLUMNS.iter().map(column).collect(),
        filter: None,
        explode: None,
        evolve: None,
    };
    let mut filling = Filling::new(Budget::new(1 << 20));
    let incoming = Incoming {
        offset: 7,
        timestamp: None,
        key: None,
        value: Some(payload),
    };
    filling.push(&incoming, std::iter::empty(), None, Instant::now());
    let position = |offset| Position::new(offset).expect("an offset");
    let chunk = filling.seal(Span::new(position(7), position(8)).expect("a span"));
    let mut rows = Rows::with_capacity(COLUMNS.len(), 1);
    let unknown = match rejects {
        true => UnknownFields::Reject,
        false => UnknownFields::Ignore,
    };
    let arena = Arena::new();
    let accepted = Decoder::new(&table, "orders", 3, &Formats::json(unknown))
        .decode(&chunk.record(0), &arena, &mut rows)
        .is_ok();
    assert_eq!(rows.len(), usize::from(accepted), "a row per good record");

    let view = serde_json::from_slice::<Value>(payload);
    // A field that is there twice: which one counts is nobody's promise.
    let twice = |fields: &serde_json::Map<String, Value>| {
        names(payload).is_some_and(|names| names.len() > fields.len())
    };
    match (accepted, &view) {
        (true, Ok(Value::Object(fields))) => {
            if !twice(fields) {
                compare(payload, &view.expect("matched"), rows.row(0).1);
            }
        }
        (true, Ok(other)) => panic!("no object, and accepted: {other}"),
        (true, Err(error)) => assert!(beyond_a_tree(error), "accepted against: {error}"),
        (false, Ok(Value::Object(fields))) => {
            let all = |value: &Value, known: &[&str]| {
                let mut names = value.as_object().into_iter().flat_map(|o| o.keys());
                names.all(|name| known.contains(&name.as_str()))
            };
            // Where a column takes a field of an object, the others need one too.
            let below = fields.get("c").is_none_or(|c| all(c, &["d"]));
            let known = below && view.as_ref().is_ok_and(|v| all(v, &["a", "b", "c"]));
            let rightly = rejects && (!known || twice(fields));
            assert!(rightly, "a good record was refused");
        }
        (false, _) => {}
    }
}

/// What a payload may hold that is never made a tree of here, and is a tree's
/// own limit: depth, the range of a float, a lone surrogate in a field that
/// nobody reads.
fn beyond_a_tree(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    [
        "recursion limit",
        "number out of range",
        "surrogate",
        "hex escape",
        "invalid unicode",
    ]
    .iter()
    .any(|part| text.contains(part))
}

fn compare(payload: &[u8], view: &Value, cells: &[Cell<'_>]) {
    let found = [
        view.get("a"),
        view.get("b"),
        view.get("c").and_then(|c| c.get("d")),
        view.get("c"),
        Some(view),
    ];
    for (((name, _, shape), cell), field) in COLUMNS.iter().zip(cells).zip(found) {
        match (cell, field) {
            (Cell::Absent, None) | (Cell::Null, Some(Value::Null)) => {}
            (Cell::Bool(b), Some(Value::Bool(field))) => assert_eq!(b, field, "{name}"),
            (Cell::Text(s), Some(Value::String(field))) => assert_eq!(s, field, "{name}"),
            (Cell::Number(s), Some(field @ Value::Number(_))) => same(s, field, name),
            (Cell::Json(s), Some(field)) => {
                let tree = matches!(field, Value::Array(_) | Value::Object(_));
                assert!(tree || *shape == Shape::Json, "{name}: a scalar as JSON");
                same(s, field, name);
                let payload = std::str::from_utf8(payload).expect("it was accepted");
                assert!(payload.contains(s), "{name}: as written");
            }
            (cell, field) => panic!("{name}: {cell:?} for {field:?}"),
        }
    }
}

fn same(text: &str, field: &Value, name: &str) {
    let read: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(&read, field, "{name}");
}

/// The names of an object and of the objects right below it, one entry for each
/// time that a name stands there; `None` for anything else.
fn names(payload: &[u8]) -> Option<Vec<String>> {
    struct All;
    impl<'de> Visitor<'de> for All {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some((name, raw)) = map.next_entry::<String, &RawValue>()? {
                names.push(name);
                let below = serde_json::Deserializer::from_str(raw.get()).deserialize_map(All);
                if let Ok(below) = below {
                    let single: BTreeSet<&String> = below.iter().collect();
                    // Twice below counts as twice here.
                    names.extend((single.len()..below.len()).map(|_| String::new()));
                }
            }
            Ok(names)
        }
    }
    serde_json::Deserializer::from_slice(payload)
        .deserialize_map(All)
        .ok()
}
