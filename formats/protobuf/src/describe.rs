//! A message in words, for people who look for columns to it.

use crate::schema::{Count, FieldKind, Meaning, MessageField, MessageId, One, Scalar, Schema};
use plimsoll_record::{Described, DescribedField, LookInto};
use plimsoll_sink_api::Kind;

/// The fields of a message.
pub fn describe(schema: &Schema, message: MessageId, into: LookInto<'_>) -> Described {
    let root = schema.types.message(message);
    let mut described = Described {
        schema: Some(root.name.to_string()),
        fields: Vec::new(),
    };
    match root.meaning {
        Meaning::Fields => add(&mut described, schema, &[], message, into),
        _ => described.fields.push(DescribedField {
            path: Vec::new(),
            kind: root.name.to_string(),
            typed: Some(typed_message(root.meaning)),
            opened: false,
        }),
    }
    described
}

fn add(
    described: &mut Described,
    schema: &Schema,
    path: &[String],
    message: MessageId,
    into: LookInto<'_>,
) {
    for field in &schema.types.message(message).fields {
        let mut path = path.to_vec();
        path.push(field.name.to_string());
        let below = below(schema, field).filter(|_| into(&path));
        if let Some(below) = below {
            add(described, schema, &path, below, into);
        }
        described.fields.push(DescribedField {
            path,
            kind: words(schema, field),
            typed: Some(typed(schema, field)),
            opened: below.is_some(),
        });
    }
}

/// The message that is one of a field's values, where paths lead into it.
fn below(schema: &Schema, field: &MessageField) -> Option<MessageId> {
    let FieldKind::Message { id, .. } = field.kind else {
        return None;
    };
    let single = matches!(field.count, Count::Always | Count::Maybe);
    let plain = schema.types.message(id).meaning == Meaning::Fields;
    (single && plain).then_some(id)
}

fn words(schema: &Schema, field: &MessageField) -> String {
    match field.count {
        Count::Always => one(schema, field.kind),
        Count::Maybe => format!("{} or null", one(schema, field.kind)),
        Count::List => format!("repeated {}", one(schema, field.kind)),
        Count::Map => "map".to_owned(),
    }
}

/// What a column of its own has to hold.
fn typed(schema: &Schema, field: &MessageField) -> Kind {
    match (field.count, field.kind) {
        (Count::List | Count::Map, _) => Kind::Json,
        (Count::Always | Count::Maybe, FieldKind::Scalar(scalar)) => typed_scalar(scalar),
        (Count::Always | Count::Maybe, FieldKind::Message { id, .. }) => {
            typed_message(schema.types.message(id).meaning)
        }
    }
}

const fn typed_message(meaning: Meaning) -> Kind {
    match meaning {
        Meaning::Fields | Meaning::Struct | Meaning::Value | Meaning::List | Meaning::Any => {
            Kind::Json
        }
        Meaning::One(one) => match one {
            One::Timestamp => Kind::Timestamp,
            One::Duration => Kind::Interval,
            One::Mask => Kind::Text,
            One::Wrapper(scalar) => typed_scalar(scalar),
            One::Date => Kind::Date,
            One::TimeOfDay => Kind::Time,
            One::Digits | One::Decimal => Kind::Decimal,
        },
    }
}

const fn typed_scalar(scalar: Scalar) -> Kind {
    match scalar {
        Scalar::Bool => Kind::Boolean,
        Scalar::Int32
        | Scalar::Int64
        | Scalar::Uint32
        | Scalar::Sint32
        | Scalar::Sint64
        | Scalar::Fixed32
        | Scalar::Sfixed32
        | Scalar::Sfixed64 => Kind::Integer,
        Scalar::Uint64 | Scalar::Fixed64 => Kind::BigInteger,
        Scalar::Float | Scalar::Double => Kind::Float,
        Scalar::String | Scalar::Enum(_) => Kind::Text,
        Scalar::Bytes => Kind::Bytes,
    }
}

/// Protobuf's word, or the name of the message.
fn one(schema: &Schema, kind: FieldKind) -> String {
    let scalar = match kind {
        FieldKind::Scalar(scalar) => scalar,
        FieldKind::Message { id, .. } => {
            let message = schema.types.message(id);
            match message.meaning {
                Meaning::One(One::Wrapper(scalar)) => scalar,
                _ => return message.name.to_string(),
            }
        }
    };
    let word = match scalar {
        Scalar::Bool => "bool",
        Scalar::Int32 => "int32",
        Scalar::Int64 => "int64",
        Scalar::Uint32 => "uint32",
        Scalar::Uint64 => "uint64",
        Scalar::Sint32 => "sint32",
        Scalar::Sint64 => "sint64",
        Scalar::Fixed32 => "fixed32",
        Scalar::Fixed64 => "fixed64",
        Scalar::Sfixed32 => "sfixed32",
        Scalar::Sfixed64 => "sfixed64",
        Scalar::Float => "float",
        Scalar::Double => "double",
        Scalar::String => "string",
        Scalar::Bytes => "bytes",
        Scalar::Enum(_) => "enum",
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_protobufs_word() {
        let text = r#"syntax = "proto3"; package shop;
            import "google/protobuf/timestamp.proto";
            import "google/protobuf/wrappers.proto";
            message Order {
              int64 id = 1;
              optional string note = 2;
              google.protobuf.Timestamp at = 3;
              google.protobuf.Int64Value left = 4;
              repeated string tags = 5;
              map<string, int32> counts = 6;
              Customer customer = 7;
              enum State { NEW = 0; }
              State state = 8;
              message Customer { string name = 1; Customer friend = 2; }
            }"#;
        let schema = Schema::parse(text, &[]).expect("a schema");
        let message = schema.message("shop.Order").expect("a message");
        let described = describe(&schema, message, &|path| path.len() < 2);
        assert_eq!(described.schema.as_deref(), Some("shop.Order"));
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
                "id int64",
                "note string or null",
                "at google.protobuf.Timestamp or null",
                "left int64 or null",
                "tags repeated string",
                "counts map",
                "customer.name string",
                "customer.friend shop.Order.Customer or null",
                "customer shop.Order.Customer or null opened",
                "state enum",
            ]
        );
        let typed = described.fields.iter().filter_map(|field| field.typed);
        assert_eq!(
            typed.collect::<Vec<_>>(),
            [
                Kind::Integer,
                Kind::Text,
                Kind::Timestamp,
                Kind::Integer,
                Kind::Json,
                Kind::Json,
                Kind::Text,
                Kind::Json,
                Kind::Json,
                Kind::Text,
            ]
        );
    }
}
