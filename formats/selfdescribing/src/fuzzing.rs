//! What the fuzz targets call, and the tests of their corpora: whatever bytes come, there
//! is no panic, and what is read is one thing, by whichever way. A property that does not
//! hold panics.

use crate::plan::Plan;
use crate::token::Tokens;
use crate::walk::Run;
use crate::{Cbor, MessagePack};
use plimsoll_format_testing::{Want, wanted};
use plimsoll_record::{Arena, Side};
use plimsoll_sink_api::{Cell, Path, Shape};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Reads bytes as CBOR.
///
/// # Panics
/// Where the JSON of all of it is none, where a field alone is not what it is among all,
/// or where what is cut off, or has more behind it, is read all the same.
pub fn cbor(data: &[u8]) {
    holds::<Cbor>(data);
}

/// Reads bytes as MessagePack.
///
/// # Panics
/// As of [`cbor`].
pub fn msgpack(data: &[u8]) {
    holds::<MessagePack>(data);
}

fn holds<T: Tokens>(data: &[u8]) {
    let arena = Arena::new();
    let all = Path::default();
    let whole = read::<T>(&all, Shape::Json, data, &arena);
    let mut names = vec!["a".to_owned(), "1".to_owned()];
    if let Some(Cell::Json(whole)) = whole {
        let json: &RawValue = serde_json::from_str(whole).expect("JSON");
        let by_name: BTreeMap<String, &RawValue> =
            serde_json::from_str(json.get()).unwrap_or_default();
        for (name, among) in by_name.iter().take(64) {
            let path = Path(vec![name.clone()]);
            match (among.get(), read::<T>(&path, Shape::Json, data, &arena)) {
                ("null", Some(Cell::Null)) => {}
                (among, Some(Cell::Json(alone))) => assert_eq!(among, alone, "{path:?}"),
                (among, alone) => panic!("{path:?} is {among}, and alone {alone:?}"),
            }
        }
        names.extend(by_name.into_keys().take(64));
        let more = [data, &[0]].concat();
        let less = &data[..data.len() - 1];
        for spoilt in [&more, less] {
            let read = read::<T>(&all, Shape::Presence, spoilt, &arena);
            assert_eq!(read, None, "read, though it does not end where it should");
        }
    }
    // As other cells it may be read or not.
    for name in names {
        for shape in [Shape::Scalar, Shape::Bytes, Shape::Presence] {
            read::<T>(&Path(vec![name.clone()]), shape, data, &arena);
            read::<T>(
                &Path(vec![name.clone(), "a".to_owned()]),
                shape,
                data,
                &arena,
            );
        }
    }
}

/// One cell of it, if it is good.
fn read<'c, T: Tokens>(
    path: &Path,
    shape: Shape,
    data: &'c [u8],
    arena: &'c Arena,
) -> Option<Cell<'c>> {
    let want = [Want::of(0, path.clone()).shaped(shape)];
    let wanted = wanted(&want, Side::Value);
    let mut cells = [Cell::Absent];
    let plan = Plan::of(&wanted);
    Run::<T>::read(&plan, data, arena, &mut cells).ok()?;
    Some(cells[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_format_testing::{changed, corpus};
    use proptest::prelude::*;

    #[test]
    fn the_corpora_hold() {
        for (target, run) in [("cbor", cbor as fn(&[u8])), ("msgpack", msgpack)] {
            corpus(target).iter().for_each(|data| run(data));
        }
    }

    proptest! {
        #[test]
        fn what_the_corpora_become_by_chance_holds(
            as_cbor in changed(corpus("cbor")),
            as_msgpack in changed(corpus("msgpack")),
        ) {
            cbor(&as_cbor);
            msgpack(&as_msgpack);
        }

        #[test]
        fn any_bytes_hold(data in prop::collection::vec(any::<u8>(), 0..60)) {
            cbor(&data);
            msgpack(&data);
        }
    }
}
