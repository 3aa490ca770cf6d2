//! Bytes that promise more than there is.

use crate::support::{compile, fault, long, paths, read, record, schema, text, want};
use plimsoll_record::Fault;

fn list(items: &str) -> String {
    record(&[
        ("a", &format!("{{\"type\": \"array\", \"items\": {items}}}")),
        ("z", "\"int\""),
    ])
}

/// What is wrong with it, whether somebody wants it or not.
fn faults(schema_text: &str, body: &[u8]) -> [Option<Fault>; 2] {
    let schema = schema(schema_text);
    ["a", "z"].map(|path| fault(&read(&compile(&schema, &paths(&[path])), body, 1)))
}

#[test]
fn lengths_are_held_against_what_is_left() {
    let of = |json: &str| record(&[("a", json), ("z", "\"int\"")]);
    for json in ["\"string\"", "\"bytes\""] {
        for length in [3, 1 << 20, i64::MAX] {
            let body = [long(length), vec![b'x', b'x']].concat();
            let expected = [Some(Fault::Truncated); 2];
            assert_eq!(faults(&of(json), &body), expected, "{json} {length}");
        }
        for length in [-1, i64::MIN] {
            let body = [long(length), vec![0; 9]].concat();
            assert_eq!(faults(&of(json), &body), [Some(Fault::Length); 2]);
        }
    }
    let fixed = "{\"type\": \"fixed\", \"name\": \"F\", \"size\": 4294967295}";
    assert_eq!(faults(&of(fixed), &[1, 2]), [Some(Fault::Truncated); 2]);
}

#[test]
fn counts_are_no_promise() {
    for items in ["\"int\"", "\"double\"", "[\"null\", \"int\"]"] {
        for count in [9, 1 << 40, i64::MAX, i64::MIN, -(1 << 40)] {
            let body = [long(count), vec![2; 8]].concat();
            let faults = faults(&list(items), &body);
            assert!(
                faults.iter().all(Option::is_some),
                "{items} {count}: {faults:?}"
            );
        }
    }
    let body = [long(8), vec![0; 63]].concat();
    let expected = [Some(Fault::Truncated); 2];
    assert_eq!(faults(&list("\"double\""), &body), expected);
}

#[test]
fn items_without_bytes_are_counted() {
    let empty = "{\"type\": \"record\", \"name\": \"E\", \"fields\": [\
         {\"name\": \"n\", \"type\": \"null\"}]}";
    let none = "{\"type\": \"fixed\", \"name\": \"F\", \"size\": 0}";
    let bare = "{\"type\": \"record\", \"name\": \"B\", \"fields\": []}";
    for items in ["\"null\"", empty, none, bare] {
        let of = |count: i64| [long(count), long(0), long(1)].concat();
        let [wanted, skipped] = faults(&list(items), &of(100_000_000));
        assert!(
            matches!(wanted, Some(Fault::TooMany | Fault::TooLarge)),
            "{items}: {wanted:?}"
        );
        assert_eq!(skipped, Some(Fault::TooMany), "{items}");
        assert_eq!(faults(&list(items), &of(10)), [None; 2]);
        // Many blocks are no way around.
        let blocks = long(1_000).repeat(100);
        let body = [blocks, long(0), long(1)].concat();
        let [_, skipped] = faults(&list(items), &body);
        assert_eq!(skipped, Some(Fault::TooMany), "{items}");
    }
    // Nulls of a union take a byte each, and are not counted.
    let count = 200_000;
    let body = [long(count), vec![0; count as usize], long(0), long(1)].concat();
    assert_eq!(faults(&list("[\"null\", \"int\"]"), &body), [None; 2]);
}

#[test]
fn json_is_no_longer_than_its_record_gives_reason_for() {
    // A byte for each record, and a name of a thousand characters for each byte.
    let name = "n".repeat(1_000);
    let items = format!(
        "{{\"type\": \"record\", \"name\": \"L\", \"fields\": [\
         {{\"name\": \"{name}\", \"type\": [\"null\", \"int\"]}}]}}"
    );
    let body = |count: i64| [long(count), vec![0; count as usize], long(0), long(1)].concat();
    assert_eq!(faults(&list(&items), &body(4)), [None; 2]);
    assert_eq!(
        faults(&list(&items), &body(100)),
        [Some(Fault::TooLarge), None]
    );
    // The same once more, for several columns together.
    let schema = schema(&list(&items));
    let wants: Vec<_> = (0..100).map(|cell| want(cell, "a")).collect();
    let result = read(&compile(&schema, &wants), &body(4), 100);
    assert_eq!(fault(&result), Some(Fault::TooLarge));
    // Names as long as columns' may be are no reason.
    let items = items.replace(&name, &"n".repeat(63));
    assert_eq!(faults(&list(&items), &body(10_000)), [None; 2]);
}

#[test]
fn depth_is_bounded_in_every_walk() {
    let schema = schema(
        r#"{"type": "record", "name": "T", "fields": [
            {"name": "v", "type": "int"},
            {"name": "down", "type": {"type": "array", "items": "T"}},
            {"name": "by", "type": {"type": "map", "values": "T"}}]}"#,
    );
    // Each level is a record and an array, or a record and a map.
    let nested = |levels: usize, by_key: bool| {
        let open = match by_key {
            false => [long(1), long(1)].concat(),
            true => [long(1), long(0), long(1), text("k")].concat(),
        };
        let close = match by_key {
            false => vec![0, 0],
            true => vec![0],
        };
        let mut body = open.repeat(levels);
        body.extend([long(1), long(0), long(0)].concat());
        body.extend(close.repeat(levels));
        body
    };
    for by_key in [false, true] {
        for (path, json) in [
            ("v", false),
            ("", true),
            ("down", false),
            ("by.k.by.k.v", false),
        ] {
            let wanted = if json {
                want(0, path).json()
            } else {
                want(0, path)
            };
            let program = compile(&schema, &[wanted]);
            let of = |levels| fault(&read(&program, &nested(levels, by_key), 1));
            assert_eq!(of(20), None, "{path:?}");
            assert_eq!(of(31), None, "{path:?}");
            assert_eq!(of(2_000), Some(Fault::TooDeep), "{path:?}");
        }
    }
}
