//! Debezium's change events in these formats: as in JSON without a schema, a number does not
//! say what it counts.

use ciborium::Value;
use plimsoll_format_testing::one;
use plimsoll_record::{
    Arena, BadRecord, Connector, Decoder, Envelope, Formats, Undecoded, UnknownFields,
};
use plimsoll_selfdescribing::{Cbor, SelfDescribing};
use plimsoll_sink_api::{Cell, Column, Epoch, Holds, Mode, Rows, Shape, Source, Table, Take, Unit};
use std::sync::Arc;

/// What a column of a type gets of a field of the row that a create puts.
fn put(type_name: &str, shape: Shape, value: Value) -> Result<String, BadRecord> {
    put_to(
        "value.v".parse().expect("a source"),
        type_name,
        shape,
        value,
    )
}

/// The same of a column that takes something else.
fn put_to(take: Take, type_name: &str, shape: Shape, value: Value) -> Result<String, BadRecord> {
    let column = |take: Take, type_name: &str, shape, key| Column {
        name: take.to_string(),
        take,
        shape,
        key,
        type_name: type_name.to_owned(),
        holds: Holds::named(type_name),
    };
    let table = Table {
        name: "t".to_owned(),
        mode: Mode::Upsert,
        columns: vec![
            column(
                "value.id".parse().expect("a source"),
                "bigint",
                Shape::Scalar,
                true,
            ),
            column(take, type_name, shape, false),
        ],
        filter: None,
        explode: None,
        evolve: None,
    };
    let formats = Formats {
        key: Arc::new(SelfDescribing(Cbor)),
        value: Arc::new(SelfDescribing(Cbor)),
        unknown: UnknownFields::Ignore,
        envelope: Envelope::Debezium(Connector::default()),
        unit: None,
    };
    let row = Value::Map(vec![("id".into(), 1.into()), ("v".into(), value)]);
    let event = Value::Map(vec![("op".into(), "c".into()), ("after".into(), row)]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&event, &mut bytes).expect("bytes");

    let chunk = one(0, None, Some(&bytes));
    let (arena, mut rows) = (Arena::new(), Rows::with_capacity(2, 1));
    let decoder = Decoder::new(&table, "t", 0, &formats);
    match decoder.decode(&chunk.record(0), &arena, &mut rows) {
        Ok(_) => Ok(format!("{:?}", rows.row(0).1[1])),
        Err(Undecoded::Bad(bad)) => Err(bad),
        Err(other) => panic!("{other}"),
    }
}

fn scalar(type_name: &str, value: impl Into<Value>) -> Result<String, &'static str> {
    put(type_name, Shape::Scalar, value.into()).map_err(|bad| bad.condition())
}

#[test]
fn numbers_are_days_or_ambiguous() {
    assert_eq!(
        scalar("date", 20_512),
        Ok(format!("{:?}", Cell::Date(20_512)))
    );
    assert_eq!(scalar("date", i64::MAX), Err("ambiguous_value"));
    for type_name in ["timestamp with time zone", "time"] {
        assert_eq!(scalar(type_name, 1), Err("ambiguous_value"));
        assert_eq!(scalar(type_name, u64::MAX), Err("ambiguous_value"));
        assert_eq!(scalar(type_name, 1.5), Err("ambiguous_value"));
    }
    // Digits or base64.
    assert_eq!(scalar("numeric", "MTIz"), Err("ambiguous_value"));
    assert_eq!(scalar("numeric", "1.50"), Ok("Text(\"1.50\")".to_owned()));
    assert_eq!(scalar("bigint", 7), Ok("Int(7)".to_owned()));
}

#[test]
fn what_a_tag_tells_is_not_ambiguous() {
    let moment = scalar(
        "timestamp with time zone",
        Value::Tag(1, Box::new(1.into())),
    );
    assert!(moment.is_ok_and(|moment| moment.starts_with("Timestamp(")));
    let days = scalar("date", Value::Tag(100, Box::new(1.into())));
    assert_eq!(days, Ok("Date(1)".to_owned()));
}

#[test]
fn json_that_is_a_text_becomes_json() {
    let json = put("jsonb", Shape::Json, "{\"a\": 1}".into());
    assert_eq!(json, Ok("Json(\"{\\\"a\\\": 1}\")".to_owned()));
    let text = put("jsonb", Shape::Json, "a".into());
    assert_eq!(text, Ok("Json(\"\\\"a\\\"\")".to_owned()));
}

#[test]
fn a_column_takes_a_part_of_an_array_and_what_no_other_takes() {
    let to = |source: &str, shape| {
        let item = Value::Map(vec![("sku".into(), "a".into()), ("n".into(), 2.into())]);
        let array = Value::Array(vec![item.clone(), item]);
        let take = source.parse().expect("a source");
        put_to(take, "text", shape, array).expect("a row")
    };
    assert_eq!(to("value.v[1].sku", Shape::Scalar), "Text(\"a\")");
    assert_eq!(to("value.v[*].n", Shape::Scalar), "Json(\"[2,2]\")");
    let rest = to("value.*", Shape::Json);
    assert!(rest.starts_with("Json(\"{\\\"v\\\":[{"), "{rest}");
    assert_eq!(to("value.w[0]", Shape::Scalar), "Absent");
}

#[test]
fn a_unit_says_what_a_number_counts() {
    let mut take: Take = "value.v".parse().expect("a source");
    take.make.epoch = Some(Epoch::Parts(Unit::Micros));
    let at = put_to(take.clone(), "timestamptz", Shape::Scalar, 1.into());
    assert!(at.is_ok_and(|at| at.starts_with("Timestamp(Timestamp { value: 1, unit: Micros")));
    // Of whichever source the value is.
    let value = std::mem::replace(&mut take.source, Source::Header("h".to_owned()));
    take.otherwise.push(value);
    let at = put_to(take, "timestamptz", Shape::Scalar, 1.into());
    assert!(at.is_ok_and(|at| at.starts_with("Timestamp(")));
}
