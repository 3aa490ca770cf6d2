//! A message in words, for people who look for columns to it.

use crate::schema::{Count, FieldKind, Meaning, MessageField, MessageId, One, Scalar, Schema};
use plimsoll_record::{Described, DescribedField, LookInto};

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
    }
}
