//! Values at random, written by other libraries: what those mean, this reads.

use crate::support::{CBOR, MSGPACK, json};
use plimsoll_record::JsonText;
use plimsoll_sink_api::Cell;
use plimsoll_sink_api::Float;
use proptest::prelude::*;
use serde_json::Value as Json;

/// What both formats have.
#[derive(Debug, Clone)]
enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Single(f32),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-300_i64..300).prop_map(Value::Int),
        any::<u64>().prop_map(Value::Unsigned),
        any::<f32>().prop_map(Value::Single),
        any::<f64>().prop_map(Value::Double),
        any::<String>().prop_map(Value::Text),
        "[a-z]{0,300}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
    ];
    scalar.prop_recursive(4, 60, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::List),
            prop::collection::btree_map("[a-zé]{0,40}", inner, 0..20)
                .prop_map(|fields| Value::Map(fields.into_iter().collect())),
        ]
    })
}

impl Value {
    fn json(&self, out: &mut JsonText<'_>) {
        match self {
            Self::Null => out.cell(&Cell::Null),
            Self::Bool(yes) => out.cell(&Cell::Bool(*yes)),
            Self::Int(number) => out.cell(&Cell::Int(*number)),
            Self::Unsigned(number) => out.cell(&Cell::Unsigned(*number)),
            Self::Single(number) => out.cell(&Cell::Float(Float::Single(*number))),
            Self::Double(number) => out.cell(&Cell::Float(Float::Double(*number))),
            Self::Text(text) => out.cell(&Cell::Text(text)),
            Self::Bytes(bytes) => out.cell(&Cell::Bytes(bytes)),
            Self::List(items) => {
                out.raw("[").expect("room");
                for (i, item) in items.iter().enumerate() {
                    out.raw(if i == 0 { "" } else { "," }).expect("room");
                    item.json(out);
                }
                out.raw("]")
            }
            Self::Map(fields) => {
                out.raw("{").expect("room");
                for (i, (name, value)) in fields.iter().enumerate() {
                    out.raw(if i == 0 { "" } else { "," }).expect("room");
                    out.text(name).expect("room");
                    out.raw(":").expect("room");
                    value.json(out);
                }
                out.raw("}")
            }
        }
        .expect("JSON");
    }

    /// As JSON whose numbers keep their digits.
    fn text(&self) -> String {
        let mut text = String::new();
        self.json(&mut JsonText::new(&mut text, usize::MAX));
        text
    }

    fn packed(&self) -> rmpv::Value {
        match self {
            Self::Null => rmpv::Value::Nil,
            Self::Bool(yes) => (*yes).into(),
            Self::Int(number) => (*number).into(),
            Self::Unsigned(number) => (*number).into(),
            Self::Single(number) => (*number).into(),
            Self::Double(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Bytes(bytes) => bytes.as_slice().into(),
            Self::List(items) => rmpv::Value::Array(items.iter().map(Self::packed).collect()),
            Self::Map(fields) => {
                let pair = |(name, value): &(String, Self)| (name.as_str().into(), value.packed());
                rmpv::Value::Map(fields.iter().map(pair).collect())
            }
        }
    }

    fn cbor(&self) -> ciborium::Value {
        match self {
            Self::Null => ciborium::Value::Null,
            Self::Bool(yes) => (*yes).into(),
            Self::Int(number) => (*number).into(),
            Self::Unsigned(number) => (*number).into(),
            // ciborium writes the shortest of three widths that holds a number.
            Self::Single(number) => f64::from(*number).into(),
            Self::Double(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Bytes(bytes) => bytes.as_slice().into(),
            Self::List(items) => items.iter().map(Self::cbor).collect::<Vec<_>>().into(),
            Self::Map(fields) => {
                let pair = |(name, value): &(String, Self)| (name.as_str().into(), value.cbor());
                fields.iter().map(pair).collect::<Vec<_>>().into()
            }
        }
    }
}

/// A number that 32 bits hold is one of them, and printed by their digits.
fn shortest(value: &Value) -> Value {
    match value {
        Value::Double(number) if f64::from(*number as f32) == *number => {
            Value::Single(*number as f32)
        }
        Value::List(items) => Value::List(items.iter().map(shortest).collect()),
        Value::Map(fields) => {
            let pair = |(name, value): &(String, Value)| (name.clone(), shortest(value));
            Value::Map(fields.iter().map(pair).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn messagepack_is_what_rmpv_writes(value in value()) {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &value.packed()).expect("bytes");
        prop_assert_eq!(json(MSGPACK, &bytes), Ok(value.text()));
    }

    #[test]
    fn cbor_is_what_ciborium_writes(value in value()) {
        let mut bytes = Vec::new();
        ciborium::into_writer(&value.cbor(), &mut bytes).expect("bytes");
        prop_assert_eq!(json(CBOR, &bytes), Ok(shortest(&value).text()));
    }

    /// Spoilt bytes are refused where the other library refuses them; where both read them,
    /// they are JSON.
    #[test]
    fn spoilt_bytes_are_read_by_both_or_by_none(
        value in value(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &value.packed()).expect("bytes");
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut rest = bytes.as_slice();
        let other = rmpv::decode::read_value(&mut rest);
        match json(MSGPACK, &bytes) {
            Ok(text) => {
                prop_assert!(other.is_ok() && rest.is_empty());
                let _: Json = serde_json::from_str(&text).expect("JSON");
            }
            // rmpv takes texts that are none, keys that are no names, times out of range.
            Err(bad) => prop_assert!(
                other.is_err() || !rest.is_empty() || [
                    "invalid_utf8", "invalid_map_key", "invalid_tag_content", "time_out_of_range",
                    "value_out_of_range", "other_format", "unassigned_code",
                ].contains(&bad.condition()),
                "{}", bad
            ),
        }
    }
}
