//! What the fuzz target calls, and the tests of its corpus: whatever message comes, there is
//! no panic, and what is read is one thing, by whichever way. A property that does not hold
//! panics.

use crate::{
    Arena, Budget, ConnectJson, Field, Filling, Format, Held, Incoming, Reader, Side, Undecoded,
    UnknownFields, Wanted,
};
use plimsoll_protocol::{Position, Span};
use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};
use serde_json::Value;
use serde_json::value::RawValue;
use std::time::Instant;

/// Reads a message whole, and each field of its payload alone.
///
/// # Panics
/// Where it is read though serde_json does not find its parts, where JSON of it is none,
/// where a field alone is not what it is among all, or where a reader that has met the
/// schema reads another thing than one that has not.
pub fn connect(data: &[u8]) {
    let view: Option<Value> = serde_json::from_slice(data).ok();
    let payload = view.as_ref().and_then(|view| view.get("payload"));
    let Some(whole) = read(&Path::default(), Shape::Json, data) else {
        // As cells, it may be read or not.
        for name in names(payload) {
            read(&Path(vec![name]), Shape::Scalar, data);
        }
        return;
    };
    serde_json::from_slice::<&RawValue>(data).expect("JSON that was read");
    // Deeper than serde_json's trees, or text that is not the JSON which its name says.
    let Some(payload) = payload else {
        return;
    };
    let whole: Value = match whole {
        Read::Json(json) => serde_json::from_str(&json).expect("JSON"),
        Read::Null => return assert!(payload.is_null(), "a tombstone"),
        Read::Other(_) => return,
    };
    for name in names(Some(payload)) {
        let path = Path(vec![name.clone()]);
        for shape in [Shape::Scalar, Shape::Bytes, Shape::Presence] {
            read(&path, shape, data);
        }
        let Some(Read::Json(alone)) = read(&path, Shape::Json, data) else {
            continue;
        };
        let alone: Value = serde_json::from_str(&alone).expect("JSON");
        // JSON of its own is no string, where a column takes it.
        if !whole[&name].is_string() {
            assert_eq!(whole[&name], alone, "{name} alone");
        }
    }
}

/// The fields of a payload, some of them.
fn names(payload: Option<&Value>) -> Vec<String> {
    let fields = payload.and_then(Value::as_object);
    let names = fields.into_iter().flat_map(|fields| fields.keys());
    names.take(64).cloned().collect()
}

/// What a column took.
#[derive(Debug, PartialEq)]
enum Read {
    Null,
    Json(String),
    Other(String),
}

/// One cell of it, if it is good: the same by a new reader and by one that knows the
/// schema.
fn read(path: &Path, shape: Shape, data: &[u8]) -> Option<Read> {
    let column = Column {
        name: "c".to_owned(),
        take: Source::Value(path.clone()).into(),
        shape,
        key: false,
        type_name: String::new(),
        holds: Holds::named(""),
    };
    let wanted = Wanted {
        side: Side::Value,
        fields: vec![Field {
            path,
            cell: 0,
            column: &column,
        }],
        bare: None,
        unknown: UnknownFields::Ignore,
        root: Path::default(),
    };
    let reader = ConnectJson.reader(&wanted);
    let first = read_by(&*reader, data);
    assert_eq!(first, read_by(&*reader, data), "the second time");
    first
}

fn read_by(reader: &dyn Reader, data: &[u8]) -> Option<Read> {
    let mut filling = Filling::new(Budget::new(1 << 24));
    let incoming = Incoming {
        offset: 0,
        timestamp: None,
        key: None,
        value: Some(data),
    };
    filling.push(&incoming, std::iter::empty(), None, Instant::now());
    let end = Position::new(1).expect("an offset");
    let chunk = filling.seal(Span::new(Position::ZERO, end).expect("a span"));
    let record = chunk.record(0);
    let (arena, mut cells) = (Arena::new(), [Cell::Absent]);
    let bytes = record.value.expect("a value");
    match reader.read(&record, bytes, &arena, &mut cells) {
        Ok(Held::Null) => Some(Read::Null),
        Ok(Held::Value) => Some(match cells[0] {
            Cell::Json(json) => Read::Json(json.to_owned()),
            ref other => Read::Other(format!("{other:?}")),
        }),
        Err(Undecoded::Bad(_)) => None,
        Err(other) => panic!("it needs nothing: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn corpus() -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/connect");
        let files = std::fs::read_dir(folder).expect("the corpus");
        files
            .map(|file| std::fs::read(file.expect("a file").path()).expect("a readable file"))
            .collect()
    }

    #[test]
    fn the_corpus_of_connect_holds() {
        let corpus = corpus();
        assert!(corpus.len() >= 5, "{} files", corpus.len());
        corpus.iter().for_each(|data| connect(data));
    }

    proptest! {
        #[test]
        fn what_the_corpus_becomes_by_chance_holds(
            from in any::<prop::sample::Index>(),
            changes in prop::collection::vec(
                (any::<prop::sample::Index>(), "[ -~]|null|true|\"\"|[0-9]{1,20}"),
                0..4,
            ),
        ) {
            let corpus = corpus();
            let mut data = from.get(&corpus).clone();
            for (at, piece) in changes {
                let at = at.index(data.len());
                data.splice(at..=at, piece.bytes());
            }
            connect(&data);
        }
    }
}
