//! A schema of Connect's in words, for people who look for columns to it.

use super::scalar::Scalar;
use super::schema::Type;
use crate::decode::{Described, DescribedField, LookInto};
use plimsoll_sink_api::Kind;
use serde_json::Value;

/// The fields that a message says that it holds; nothing, where it brings no schema.
pub fn describe(bytes: &[u8], into: LookInto<'_>) -> Described {
    let mut described = Described::default();
    let Ok(mut message) = serde_json::from_slice::<Value>(bytes) else {
        return described;
    };
    let schema = message.get_mut("schema").map(Value::take);
    let schema = schema.unwrap_or_default();
    if schema["type"] == "struct" {
        described.schema = schema["name"].as_str().map(str::to_owned);
        add(&mut described, &[], &schema, into);
    } else if schema["type"].is_string() {
        described.fields.push(DescribedField {
            path: Vec::new(),
            kind: words(&schema),
            typed: typed(&schema),
            opened: false,
        });
    }
    described
}

fn add(described: &mut Described, path: &[String], schema: &Value, into: LookInto<'_>) {
    for field in schema["fields"].as_array().into_iter().flatten() {
        let mut path = path.to_vec();
        path.push(field["field"].as_str().unwrap_or_default().to_owned());
        let opened = field["type"] == "struct" && into(&path);
        if opened {
            add(described, &path, field, into);
        }
        described.fields.push(DescribedField {
            path,
            kind: words(field),
            typed: typed(field),
            opened,
        });
    }
}

/// The word of Connect, the name that says what its values mean, and whether it may be
/// null.
fn words(schema: &Value) -> String {
    let mut words = schema["type"].as_str().unwrap_or("unknown").to_owned();
    if let Some(name) = schema["name"].as_str() {
        words.push_str(": ");
        words.push_str(name);
    }
    if schema["optional"] == true {
        words.push_str(" or null");
    }
    words
}

fn typed(schema: &Value) -> Option<Kind> {
    Some(match Type::of(schema)? {
        Type::Scalar(scalar) => match scalar {
            Scalar::Int(_, None) => Kind::Integer,
            Scalar::Int(_, Some(whole)) => whole.kind(),
            Scalar::Float | Scalar::Double => Kind::Float,
            Scalar::Boolean | Scalar::Bit => Kind::Boolean,
            Scalar::String => Kind::Text,
            Scalar::Chars(chars) => chars.kind(),
            Scalar::Bytes => Kind::Bytes,
            Scalar::Octets(octets) => octets.kind(),
        },
        Type::Struct(_, Some(parts)) => parts.kind(),
        Type::Struct(_, None) | Type::Array(_) | Type::Map(_) | Type::Pairs(_) => Kind::Json,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_connects_word_its_name_and_whether_it_may_be_null() {
        let message = r#"{"schema":{"type":"struct","name":"shop.Envelope","fields":[
            {"field":"op","type":"string","optional":false},
            {"field":"after","type":"struct","name":"shop.Value","optional":true,"fields":[
                {"field":"at","type":"int64","name":"io.debezium.time.MicroTimestamp"},
                {"field":"tags","type":"array","items":{"type":"string"},"optional":true}]}]},
            "payload":null}"#;
        let described = describe(message.as_bytes(), &|_| true);
        assert_eq!(described.schema.as_deref(), Some("shop.Envelope"));
        let lines: Vec<String> = described
            .fields
            .iter()
            .map(|field| {
                let opened = if field.opened { " opened" } else { "" };
                format!("{} {}{opened}", field.path.join("."), field.kind)
            })
            .collect();
        assert_eq!(
            lines,
            [
                "op string",
                "after.at int64: io.debezium.time.MicroTimestamp",
                "after.tags array or null",
                "after struct: shop.Value or null opened",
            ]
        );
        let typed = described.fields.iter().filter_map(|field| field.typed);
        assert_eq!(
            typed.collect::<Vec<_>>(),
            [Kind::Text, Kind::LocalTimestamp, Kind::Json, Kind::Json]
        );
    }

    #[test]
    fn what_brings_no_schema_has_no_fields() {
        for bytes in [
            "",
            "7",
            "{}",
            r#"{"schema":null,"payload":1}"#,
            r#"{"id":1}"#,
        ] {
            assert_eq!(
                describe(bytes.as_bytes(), &|_| true),
                Described::default(),
                "{bytes}"
            );
        }
        let bare = describe(br#"{"schema":{"type":"int64"},"payload":1}"#, &|_| true);
        assert_eq!(bare.fields[0].kind, "int64");
    }
}
