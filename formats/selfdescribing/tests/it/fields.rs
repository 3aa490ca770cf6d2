//! Fields by their paths, as JSON has them.

use crate::support::{CBOR, MSGPACK, Wants, json, path, with_record};
use ciborium::cbor;
use plimsoll_record::{BadRecord, Side, UnknownFields};
use plimsoll_sink_api::Shape;

fn bytes(value: &ciborium::Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("bytes");
    bytes
}

/// The same in MessagePack.
fn packed(json: &str) -> Vec<u8> {
    fn of(value: serde_json::Value) -> rmpv::Value {
        match value {
            serde_json::Value::Null => rmpv::Value::Nil,
            serde_json::Value::Bool(yes) => yes.into(),
            serde_json::Value::Number(number) => number.as_i64().expect("whole").into(),
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Array(items) => {
                rmpv::Value::Array(items.into_iter().map(of).collect())
            }
            serde_json::Value::Object(fields) => rmpv::Value::Map(
                fields
                    .into_iter()
                    .map(|(name, value)| (name.into(), of(value)))
                    .collect(),
            ),
        }
    }
    let mut bytes = Vec::new();
    let value = of(serde_json::from_str(json).expect("JSON"));
    rmpv::encode::write_value(&mut bytes, &value).expect("bytes");
    bytes
}

#[test]
fn a_path_goes_through_maps_and_nothing_else() {
    let order = r#"{"id": 7, "customer": {"name": {"last": "Lee"}, "tags": [1]}, "note": "n"}"#;
    let wants = Wants::of(
        &[
            "customer.name.last",
            "customer",
            "id",
            "id.x",
            "customer.tags.x",
            "none",
            "note",
        ],
        Shape::Scalar,
    );
    let row = wants.read(MSGPACK, &packed(order)).expect("a good record");
    let customer = "json {\"name\":{\"last\":\"Lee\"},\"tags\":[1]}";
    let expected = [
        "text Lee", customer, "int 7", "absent", "absent", "absent", "text n",
    ];
    assert_eq!(row, expected);
    // Null is nowhere a field's value, as in JSON.
    let row = wants.read(MSGPACK, &packed(r#"{"customer": null}"#));
    assert_eq!(row.unwrap()[..2], ["absent", "null"]);
    // The same whether one column takes it, or two.
    let twice = Wants::of(
        &["id", "id", "customer.name", "customer.name.last"],
        Shape::Scalar,
    );
    let row = twice.read(MSGPACK, &packed(order)).expect("a good record");
    let name = "json {\"last\":\"Lee\"}";
    assert_eq!(row, ["int 7", "int 7", name, "text Lee"]);
}

#[test]
fn of_two_fields_of_one_name_the_last_counts_whole() {
    let wants = Wants::of(&["a", "o.x", "o.y"], Shape::Scalar);
    let twice = [
        &b"\xa4\x61a\x01\x61o\xa2\x61x\x01\x61y\x01"[..],
        b"\x61o\xa1\x61y\x02\x61a\x02",
    ]
    .concat();
    assert_eq!(
        wants.read(CBOR, &twice).unwrap(),
        ["int 2", "absent", "int 2"]
    );
    let null = b"\xa2\x61o\xa1\x61x\x01\x61o\xf6";
    assert_eq!(wants.read(CBOR, null).unwrap()[1], "absent");
}

#[test]
fn keys_that_are_numbers_are_names_by_their_digits() {
    let value = cbor!({1 => "one", -2 => "two", "3" => "three"}).expect("a value");
    let wants = Wants::of(&["1", "-2", "3"], Shape::Scalar);
    let row = wants.read(CBOR, &bytes(&value));
    assert_eq!(row.unwrap(), ["text one", "text two", "text three"]);
    let numbers = rmpv::Value::Map(vec![(1.into(), "one".into()), (true.into(), "yes".into())]);
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &numbers).expect("bytes");
    assert_eq!(
        json(MSGPACK, &bytes).unwrap(),
        r#"{"1":"one","true":"yes"}"#
    );
}

#[test]
fn a_field_that_nobody_takes_may_be_refused() {
    let refused = |root: &str, paths: &[&str], json: &str| {
        let mut wants = Wants::of(paths, Shape::Scalar);
        wants.unknown = UnknownFields::Reject;
        wants.root = path(root);
        match wants.read(MSGPACK, &packed(json)) {
            Ok(_) => None,
            Err(BadRecord::UnknownField { field }) => Some(field),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(refused("", &["a"], r#"{"a": 1}"#), None);
    assert_eq!(
        refused("", &["a"], r#"{"a": 1, "b": 2}"#).as_deref(),
        Some("b")
    );
    assert_eq!(
        refused("", &["a.b"], r#"{"a": {"c": 2}}"#).as_deref(),
        Some("c")
    );
    // All of it is taken.
    assert_eq!(refused("", &["a"], r#"{"a": {"c": 2}}"#), None);
    // An envelope's own fields are nobody's.
    let event = r#"{"op": "c", "after": {"a": 1, "b": 2}}"#;
    assert_eq!(refused("after", &["after.a"], event).as_deref(), Some("b"));
    assert_eq!(refused("after", &["after.a", "after.b"], event), None);
}

#[test]
fn a_key_may_be_one_value() {
    let mut wants = Wants::of(&["id"], Shape::Scalar);
    wants.side = Side::Tombstone;
    wants.bare = true;
    assert_eq!(wants.read(CBOR, b"\x07").unwrap(), ["int 7"]);
    assert_eq!(wants.read(CBOR, b"\xa1\x62id\x07").unwrap(), ["int 7"]);
    assert_eq!(wants.read(CBOR, b"\xa1\x61x\x07").unwrap(), ["absent"]);
    // Of two columns, one value says nothing.
    wants.bare = false;
    let bad = wants.read(CBOR, b"\x07").expect_err("a bad key");
    assert_eq!(bad.condition(), "not_a_record");
}

#[test]
fn a_record_in_words_has_its_types() {
    let list = ciborium::Value::Array(vec![1.into()]);
    let value = ciborium::Value::from(vec![
        ("o".into(), vec![("x".into(), list)].into()),
        ("t".into(), ciborium::Value::Tag(1, Box::new(1.into()))),
        ("f".into(), 0.5.into()),
        ("b".into(), vec![0_u8].as_slice().into()),
        ("n".into(), ciborium::Value::Null),
    ]);
    let lines = |value: &ciborium::Value, into: &(dyn Fn(&[String]) -> bool + Sync)| {
        with_record(&bytes(value), |record, bytes| {
            let described = CBOR.describe(Side::Value, record, bytes, into);
            let fields = described.expect("a description").fields.into_iter();
            let line = |field: plimsoll_record::DescribedField| {
                let opened = if field.opened { " opened" } else { "" };
                format!("{} {}{opened}", field.path.join("."), field.kind)
            };
            fields.map(line).collect::<Vec<_>>()
        })
    };
    let rest = ["t timestamp", "f float", "b bytes", "n null"];
    let shut = lines(&value, &|_| false);
    assert_eq!(shut, [&["o map"], &rest[..]].concat());
    let open = lines(&value, &|path| path == ["o"]);
    assert_eq!(open, [&["o.x list", "o map opened"], &rest[..]].concat());
    assert_eq!(lines(&7.into(), &|_| true), [" integer"]);
    let broken = with_record(b"\xa2\x61a\x01", |record, bytes| {
        CBOR.describe(Side::Value, record, bytes, &|_| false)
    });
    assert_eq!(broken.expect("nothing").fields, []);
}
