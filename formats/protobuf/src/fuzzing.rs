//! What the fuzz target calls, and the tests of its corpus: whatever schema and bytes
//! come, there is no panic, and what is read is one thing, by whichever way. A property
//! that does not hold panics.

use crate::{MessageId, Program, Schema};
use plimsoll_format_testing::{Want, wanted};
use plimsoll_record::{Arena, Side};
use plimsoll_sink_api::{Cell, Path, Shape};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Stands between schema and bytes; it is in no UTF-8.
const BETWEEN: u8 = 0xff;

/// For bytes that bring no schema.
const SCHEMA: &str = "syntax = \"proto3\";
    import \"google/protobuf/any.proto\"; import \"google/protobuf/struct.proto\";
    import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/wrappers.proto\";
    import \"google/type/date.proto\"; import \"confluent/type/decimal.proto\";
    enum E { ZERO = 0; ONE = 1; }
    message M {
        int64 id = 1; optional string note = 2; E status = 3; M child = 4;
        repeated M list = 5; map<string, int32> counts = 6; map<int32, M> by_id = 7;
        oneof pay { string card = 8; M cash = 9; sint32 points = 10; }
        repeated double numbers = 11; bytes raw = 12;
        google.protobuf.Timestamp at = 13; google.protobuf.Value value = 14;
        google.protobuf.Struct extra = 15; google.protobuf.Any any = 16;
        google.protobuf.StringValue text = 17; google.type.Date day = 18;
        confluent.type.Decimal amount = 19; fixed32 f32 = 20;
    }";

/// Reads bytes as the first message of a schema: the schema's text stands before them,
/// and a byte of 255 between.
///
/// # Panics
/// Where the JSON of all of it is none, where a field alone is not what it is among all,
/// or where what was cut off is read all the same.
pub fn protobuf(data: &[u8]) {
    let parts = data.iter().position(|&byte| byte == BETWEEN);
    let (text, body) = match parts {
        Some(at) => (std::str::from_utf8(&data[..at]), &data[at + 1..]),
        None => (Ok(SCHEMA), data),
    };
    let Some(schema) = text.ok().and_then(|text| Schema::parse(text, &[]).ok()) else {
        return;
    };
    let Some(id) = schema.declared.first().map(|of| of.id) else {
        return;
    };
    let of = Reading {
        schema: &schema,
        id,
        body,
    };
    let names: Vec<Path> = schema
        .types
        .message(id)
        .fields
        .iter()
        .map(|field| Path(vec![field.name.to_string()]))
        .collect();
    let arena = Arena::new();
    let whole = of.read(&Path::default(), Shape::Json, &arena);
    if let Some(Cell::Json(whole)) = whole {
        let json: &RawValue = serde_json::from_str(whole).expect("JSON");
        let by_name: BTreeMap<&str, &RawValue> =
            serde_json::from_str(json.get()).unwrap_or_default();
        for path in &names {
            let alone = of.read(path, Shape::Json, &arena);
            let among = by_name.get(path.0[0].as_str()).map(|among| among.get());
            match (among, alone) {
                (None | Some("null"), Some(Cell::Null)) => {}
                (Some(among), Some(Cell::Json(alone))) => assert_eq!(among, alone, "{path:?}"),
                (among, alone) => panic!("{path:?} is {among:?}, and alone {alone:?}"),
            }
        }
        // A message behind another is one with it.
        let twice = [body, body].concat();
        let of = Reading { body: &twice, ..of };
        let again = of.read(&Path::default(), Shape::Json, &arena);
        assert!(
            again.is_some() || whole.len() > 1 << 10,
            "the same once more"
        );
    }
    // As other cells it may be read or not.
    for path in &names {
        of.read(path, Shape::Scalar, &arena);
        of.read(path, Shape::Bytes, &arena);
        for below in ["id", "cash", "x", "1"] {
            let mut path = path.clone();
            path.0.push(below.to_owned());
            of.read(&path, Shape::Scalar, &arena);
        }
    }
}

struct Reading<'s> {
    schema: &'s Schema,
    id: MessageId,
    body: &'s [u8],
}

impl<'s> Reading<'s> {
    /// One cell of it, if it is good.
    fn read(&self, path: &Path, shape: Shape, arena: &'s Arena) -> Option<Cell<'s>> {
        let want = [Want::of(0, path.clone()).shaped(shape)];
        let wanted = wanted(&want, Side::Value);
        let program = Program::compile(self.schema, self.id, &wanted).ok()?;
        let mut cells = [Cell::Absent];
        program.read(self.body, arena, &mut cells).ok()?;
        Some(cells[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_format_testing::{changed, corpus};
    use proptest::prelude::*;

    #[test]
    fn the_corpus_of_protobuf_holds() {
        corpus("protobuf").iter().for_each(|data| protobuf(data));
    }

    proptest! {
        #[test]
        fn what_the_corpus_becomes_by_chance_holds(data in changed(corpus("protobuf"))) {
            protobuf(&data);
        }

        #[test]
        fn any_bytes_hold(data in prop::collection::vec(any::<u8>(), 0..60)) {
            protobuf(&data);
        }
    }
}
