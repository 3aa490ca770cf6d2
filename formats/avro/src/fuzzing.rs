//! What the fuzz target calls, and the tests of its corpus: whatever schema and bytes
//! come, there is no panic, and what is read is one thing, by whichever way. A property
//! that does not hold panics.

use crate::{Kind, Node, Program, Schema};
use plimsoll_format_testing::{Want, wanted};
use plimsoll_record::semantic::{Chars, Parts};
use plimsoll_record::{Arena, Side};
use plimsoll_sink_api::{Cell, Path, Shape};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Stands between schema and bytes; it is in no UTF-8.
const BETWEEN: u8 = 0xff;

/// For bytes that bring no schema.
const SCHEMA: &str = r#"{"type": "record", "name": "T", "fields": [
    {"name": "a", "type": ["null", "T", "long"]},
    {"name": "b", "type": {"type": "array", "items": ["string", "null"]}},
    {"name": "c", "type": {"type": "map", "values": {"type": "bytes",
        "logicalType": "decimal", "precision": 9, "scale": 2}}},
    {"name": "d", "type": {"type": "enum", "name": "E", "symbols": ["x", "y"]}},
    {"name": "e", "type": [{"type": "int", "logicalType": "date"}, "boolean", "double"]},
    {"name": "f", "type": {"type": "array", "items": "null"}}
]}"#;

/// Reads bytes by a schema: the schema's text stands before them, and a byte of 255
/// between.
///
/// # Panics
/// Where the JSON of all of it is none, where a field alone is not what it is among all,
/// or where a part of the bytes is read as well.
pub fn avro(data: &[u8]) {
    let parts = data.iter().position(|&byte| byte == BETWEEN);
    let (text, body) = match parts {
        Some(at) => (std::str::from_utf8(&data[..at]), &data[at + 1..]),
        None => (Ok(SCHEMA), data),
    };
    let Some(schema) = text.ok().and_then(|text| Schema::parse(text, &[]).ok()) else {
        return;
    };
    let arena = Arena::new();
    let Some(Cell::Json(whole)) = read(&schema, &Path::default(), Shape::Json, body, &arena) else {
        // As cells, it may be read or not.
        read(&schema, &Path::default(), Shape::Scalar, body, &arena);
        each_field(&schema, |path, _| {
            read(&schema, path, Shape::Scalar, body, &arena);
        });
        return;
    };
    let json: &RawValue = serde_json::from_str(whole).expect("JSON");
    for end in [0, body.len() / 2, body.len().saturating_sub(1)] {
        if end < body.len() {
            let cut = read(&schema, &Path::default(), Shape::Json, &body[..end], &arena);
            assert_eq!(cut, None, "a part of it");
        }
    }
    let by_name: BTreeMap<&str, &RawValue> = serde_json::from_str(json.get()).unwrap_or_default();
    each_field(&schema, |path, node| {
        let name = path.0[0].as_str();
        let alone = read(&schema, path, Shape::Json, body, &arena);
        match (by_name.get(name), alone) {
            (Some(among), Some(Cell::Null)) => assert_eq!(among.get(), "null", "{name}"),
            // JSON of its own is no string, where a column takes it.
            (Some(_), Some(_)) if may_be_json(node) => {}
            (Some(among), Some(Cell::Json(alone))) => assert_eq!(among.get(), alone, "{name}"),
            (None, _) => {}
            (Some(_), alone) => panic!("{name} alone is {alone:?}"),
        }
        read(&schema, path, Shape::Scalar, body, &arena);
        read(&schema, path, Shape::Bytes, body, &arena);
    });
}

/// The fields of a record that has names which a map of them holds.
fn each_field(schema: &Schema, mut each: impl FnMut(&Path, Node<'_>)) {
    let root = schema.root();
    if root.kind() == Kind::Record(Some(Parts::Decimal)) {
        return;
    }
    for (name, node) in root.fields() {
        each(&Path(vec![name.to_owned()]), node);
    }
}

fn may_be_json(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::String(Some(Chars::Json)) => true,
        Kind::Union(branches) => branches.into_iter().any(may_be_json),
        _ => false,
    }
}

/// One cell of it, if it is good.
fn read<'c>(
    schema: &Schema,
    path: &Path,
    shape: Shape,
    body: &'c [u8],
    arena: &'c Arena,
) -> Option<Cell<'c>> {
    let want = [Want::of(0, path.clone()).shaped(shape)];
    let wanted = wanted(&want, Side::Value);
    let program = Program::compile(schema, &wanted).ok()?;
    let mut cells = [Cell::Absent];
    program.read(body, arena, &mut cells).ok()?;
    Some(cells[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_format_testing::{changed, corpus};
    use proptest::prelude::*;

    #[test]
    fn the_corpus_of_avro_holds() {
        corpus("avro").iter().for_each(|data| avro(data));
    }

    proptest! {
        #[test]
        fn what_the_corpus_becomes_by_chance_holds(data in changed(corpus("avro"))) {
            avro(&data);
        }

        #[test]
        fn any_bytes_hold(data in prop::collection::vec(any::<u8>(), 0..60)) {
            avro(&data);
        }
    }
}
