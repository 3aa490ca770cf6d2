//! What a fuzzer begins with.

use proptest::prelude::*;
use proptest::sample::Index;
use std::path::Path;

/// The files of a target's corpus, by the name of the target.
///
/// # Panics
/// There are fewer than five.
#[must_use]
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let files = std::fs::read_dir(folder.join(target)).expect("the corpus");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        std::fs::read(file.expect("a file").path()).expect("a readable file")
    };
    let files: Vec<Vec<u8>> = files.map(read).collect();
    assert!(files.len() >= 5, "{} files", files.len());
    files
}

/// A file of it with a few bytes changed, and some more behind it.
pub fn changed(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    let tail = prop::collection::vec(any::<u8>(), 0..8);
    (any::<Index>(), changes, tail).prop_map(move |(from, changes, tail)| {
        let mut data = from.get(&corpus).clone();
        for (at, byte) in changes {
            if !data.is_empty() {
                let at = at.index(data.len());
                data[at] = byte;
            }
        }
        data.extend(tail);
        data
    })
}
