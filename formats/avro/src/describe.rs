//! A schema in words, for people who look for columns to it.

use crate::{Kind, Node, Schema};
use plimsoll_record::{Described, DescribedField, LookInto};
use plimsoll_sink_api::Kind as Typed;
use std::fmt::Display;

/// The fields of a schema's records.
pub fn describe(schema: &Schema, into: LookInto<'_>) -> Described {
    let root = schema.root().without_null();
    let mut described = Described {
        schema: root.full_name().map(str::to_owned),
        fields: Vec::new(),
    };
    match root.kind() {
        Kind::Record(None) => add(&mut described, &[], root, into),
        _ => described.fields.push(DescribedField {
            path: Vec::new(),
            kind: words(root),
            typed: typed(root),
            opened: false,
        }),
    }
    described
}

fn add(described: &mut Described, path: &[String], record: Node<'_>, into: LookInto<'_>) {
    for (name, node) in record.fields() {
        let mut path = path.to_vec();
        path.push(name.to_owned());
        let below = node.without_null();
        let opened = below.kind() == Kind::Record(None) && into(&path);
        if opened {
            add(described, &path, below, into);
        }
        described.fields.push(DescribedField {
            path,
            kind: words(node),
            typed: typed(node),
            opened,
        });
    }
}

/// The word of Avro, and what its values mean.
fn words(node: Node<'_>) -> String {
    let with = |meaning: Option<&dyn Display>| match meaning {
        Some(meaning) => format!("{}: {meaning}", node.word()),
        None => node.word().to_owned(),
    };
    match node.kind() {
        Kind::Int(whole) | Kind::Long(whole) => with(whole.as_ref().map(|it| it as _)),
        Kind::Bytes(octets) | Kind::Fixed(_, octets) => with(octets.as_ref().map(|it| it as _)),
        Kind::String(chars) => with(chars.as_ref().map(|it| it as _)),
        Kind::Record(parts) => with(parts.as_ref().map(|it| it as _)),
        Kind::Array(items) => format!("array of {}", words(items)),
        Kind::Map(values) => format!("map of {}", words(values)),
        Kind::Union(branches) => {
            let branches: Vec<String> = branches.into_iter().map(words).collect();
            branches.join(" or ")
        }
        Kind::Null | Kind::Boolean | Kind::Float | Kind::Double | Kind::Enum(_) => with(None),
    }
}

/// What a column of its own has to hold.
fn typed(node: Node<'_>) -> Option<Typed> {
    Some(match node.kind() {
        Kind::Null => return None,
        Kind::Boolean => Typed::Boolean,
        Kind::Int(whole) | Kind::Long(whole) => whole.map_or(Typed::Integer, |it| it.kind()),
        Kind::Float | Kind::Double => Typed::Float,
        Kind::Bytes(octets) | Kind::Fixed(_, octets) => octets.map_or(Typed::Bytes, |it| it.kind()),
        Kind::String(chars) => chars.map_or(Typed::Text, |it| it.kind()),
        Kind::Enum(_) => Typed::Text,
        Kind::Record(parts) => parts.map_or(Typed::Json, |it| it.kind()),
        Kind::Array(_) | Kind::Map(_) => Typed::Json,
        Kind::Union(branches) => return branches.into_iter().filter_map(typed).reduce(Typed::with),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_avros_word_and_its_meaning() {
        let schema = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
            {"name":"id","type":"long"},
            {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
            {"name":"seen","type":["null",{"type":"long","connect.name":"io.debezium.time.Timestamp"}]},
            {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
            {"name":"tags","type":{"type":"array","items":"string"}},
            {"name":"more","type":{"type":"map","values":["null","int"]}},
            {"name":"state","type":{"type":"enum","name":"State","symbols":["A"]}},
            {"name":"customer","type":["null",{"type":"record","name":"Customer","fields":[
                {"name":"key","type":{"type":"string","logicalType":"uuid"}},
                {"name":"friend","type":["null","Customer"]}]}]}]}"#;
        let schema = Schema::parse(schema, &[]).expect("a schema");
        let described = describe(&schema, &|path| path.len() < 3);
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
                "id long",
                "at long: timestamp (µs, UTC)",
                "seen null or long: timestamp (ms)",
                "total bytes: decimal (scale 2)",
                "tags array of string",
                "more map of null or int",
                "state enum",
                "customer.key string: uuid",
                "customer.friend.key string: uuid",
                "customer.friend.friend null or record",
                "customer.friend null or record opened",
                "customer null or record opened",
            ]
        );
        let typed = described.fields.iter().filter_map(|field| field.typed);
        assert_eq!(
            typed.take(8).collect::<Vec<_>>(),
            [
                Typed::Integer,
                Typed::Timestamp,
                Typed::LocalTimestamp,
                Typed::Decimal,
                Typed::Json,
                Typed::Json,
                Typed::Text,
                Typed::Uuid,
            ]
        );
    }

    #[test]
    fn what_is_no_record_is_one_field() {
        let schema = Schema::parse("\"string\"", &[]).expect("a schema");
        let described = describe(&schema, &|_| true);
        assert_eq!(described.fields[0].path, [""; 0]);
        assert_eq!(described.fields[0].kind, "string");
    }
}
