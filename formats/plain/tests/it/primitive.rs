//! One value that is all of the bytes.

use crate::support::{formats, row, table};
use plimsoll_plain::Primitive;
use plimsoll_record::BadRecord;
use plimsoll_sink_api::{Mode, Shape};
use std::sync::Arc;

/// A value in a column of a shape.
fn of(primitive: Primitive, shape: Shape, bytes: &[u8]) -> Result<String, BadRecord> {
    let table = table(Mode::Append, &[("v", "value", shape)]);
    let formats = formats(Some(Arc::new(primitive)), None);
    row(&table, &formats, None, Some(bytes)).map(|mut row| row.remove(0))
}

fn condition(primitive: Primitive, bytes: &[u8]) -> &'static str {
    let bad = of(primitive, Shape::Scalar, bytes).expect_err("a bad record");
    bad.condition()
}

#[test]
fn numbers_are_those_of_kafkas_serializers() {
    use Primitive::{Boolean, Float32, Float64, Int16, Int32, Int64};
    let scalar = |primitive, bytes: &[u8]| of(primitive, Shape::Scalar, bytes).expect("good");
    // As ShortSerializer, IntegerSerializer, LongSerializer, FloatSerializer,
    // DoubleSerializer and BooleanSerializer of Kafka 4.1 write them.
    assert_eq!(scalar(Int16, &[0xff, 0xfe]), "Int(-2)");
    assert_eq!(scalar(Int32, &[0, 0, 1, 0]), "Int(256)");
    assert_eq!(
        scalar(Int64, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
        "Int(-9223372036854775808)"
    );
    assert_eq!(
        scalar(Float32, &[0x3d, 0xcc, 0xcc, 0xcd]),
        "Float(Single(0.1))"
    );
    assert_eq!(
        scalar(Float64, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
        "Float(Double(1.5))"
    );
    assert_eq!(scalar(Boolean, &[1]), "Bool(true)");
    assert_eq!(scalar(Boolean, &[0]), "Bool(false)");
}

#[test]
fn another_length_is_another_type() {
    use Primitive::{Boolean, Float32, Float64, Int16, Int32, Int64};
    for (primitive, length) in [
        (Int16, 2),
        (Int32, 4),
        (Int64, 8),
        (Float32, 4),
        (Float64, 8),
        (Boolean, 1),
    ] {
        assert_eq!(condition(primitive, &vec![0; length - 1]), "truncated");
        assert_eq!(condition(primitive, &vec![0; length + 1]), "trailing_bytes");
        assert_eq!(condition(primitive, b""), "truncated");
    }
    assert_eq!(condition(Boolean, &[2]), "invalid_boolean");
    let bad = of(Int64, Shape::Scalar, &[0; 4]).expect_err("a bad record");
    assert_eq!(
        bad.to_string(),
        "the value as int64 ends too early (byte 4); hint: the bytes were written in another \
         way: look at format and framing, and at the schema, where the record names one"
    );
}

#[test]
fn a_text_is_utf_8_and_nothing_else() {
    let scalar = |bytes: &[u8]| of(Primitive::Text, Shape::Scalar, bytes);
    assert_eq!(scalar("hé".as_bytes()).unwrap(), "Text(\"hé\")");
    assert_eq!(scalar(b"").unwrap(), "Text(\"\")");
    // Also where it looks like something else.
    assert_eq!(scalar(b"{\"a\": 1}").unwrap(), "Text(\"{\\\"a\\\": 1}\")");
    assert_eq!(scalar(b"\"a\"").unwrap(), "Text(\"\\\"a\\\"\")");
    let bad = scalar(b"ab\xff").expect_err("a bad record");
    assert_eq!(bad.condition(), "invalid_utf8");
    assert!(bad.to_string().contains("(byte 2)"), "{bad}");
    let gzip = scalar(b"\x1f\x8b\x08\0").expect_err("a bad record");
    assert!(gzip.to_string().contains("gzip"), "{gzip}");
    let cbor = scalar(b"\xa1\x62id\x01").expect_err("a bad record");
    assert_eq!(
        cbor.to_string(),
        "the value is not text; hint: format = \"cbor\"?"
    );
}

#[test]
fn bytes_are_what_they_are() {
    let bytes = &[0, 0xff];
    assert_eq!(
        of(Primitive::Bytes, Shape::Scalar, bytes).unwrap(),
        "Bytes([0, 255])"
    );
    assert_eq!(
        of(Primitive::Bytes, Shape::Bytes, b"").unwrap(),
        "Bytes([])"
    );
}

#[test]
fn a_column_of_json_takes_each_of_them() {
    let json = |primitive, bytes: &[u8]| of(primitive, Shape::Json, bytes).expect("good");
    assert_eq!(
        json(Primitive::Text, b"a\"b"),
        "Json(\"\\\"a\\\\\\\"b\\\"\")"
    );
    assert_eq!(json(Primitive::Bytes, &[0, 0xff]), "Json(\"\\\"AP8=\\\"\")");
    assert_eq!(json(Primitive::Int16, &[0, 7]), "Json(\"7\")");
    assert_eq!(
        json(Primitive::Float32, &[0x7f, 0xc0, 0, 0]),
        "Json(\"\\\"NaN\\\"\")"
    );
    assert_eq!(json(Primitive::Boolean, &[1]), "Json(\"true\")");
}

#[test]
fn a_key_goes_into_its_column_and_a_tombstone_finds_it_there() {
    let table = table(
        Mode::Upsert,
        &[
            ("id", "key", Shape::Scalar),
            ("note", "value", Shape::Scalar),
        ],
    );
    let formats = formats(
        Some(Arc::new(Primitive::Text)),
        Some(Arc::new(Primitive::Int64)),
    );
    let key = 42_i64.to_be_bytes();
    let put = row(&table, &formats, Some(&key), Some(b"n"));
    assert_eq!(put.unwrap(), ["Int(42)", "Text(\"n\")"]);
    let delete = row(&table, &formats, Some(&key), None);
    assert_eq!(delete.unwrap(), ["deleted", "Int(42)", "absent"]);
    let bad = row(&table, &formats, Some(b"42"), None).expect_err("a bad key");
    assert_eq!(bad.condition(), "truncated");
    assert!(bad.to_string().starts_with("the key as int64 "), "{bad}");
    let none = row(&table, &formats, None, Some(b"n")).expect_err("no key");
    assert_eq!(none.condition(), "key_missing");
}

#[test]
fn a_tombstones_key_is_the_key_that_the_value_has_otherwise() {
    let one = table(
        Mode::Upsert,
        &[
            ("id", "value.id", Shape::Scalar),
            ("v", "value.v", Shape::Scalar),
        ],
    );
    let formats = formats(None, Some(Arc::new(Primitive::Text)));
    let delete = row(&one, &formats, Some(b"42"), None);
    assert_eq!(delete.unwrap(), ["deleted", "Text(\"42\")", "absent"]);
    // As it stands, and not as JSON would read it.
    let delete = row(&one, &formats, Some(b"\"42\""), None);
    assert_eq!(delete.unwrap()[1], "Text(\"\\\"42\\\"\")");
    let mut two = one.clone();
    two.columns[1].key = true;
    let bad = row(&two, &formats, Some(b"42"), None).expect_err("half a key");
    assert_eq!(bad.condition(), "not_a_record");
}
