//! Recognises a record.

use crate::Record;
use plimsoll_sink_api::Fingerprint;
use xxhash_rust::xxh3::Xxh3;

/// A record's offset, and a hash of its key and value that is the same on every
/// machine.
#[must_use]
pub fn fingerprint(record: &Record<'_>) -> Fingerprint {
    Fingerprint {
        offset: record.offset,
        hash: hash_of(record.key, record.value),
    }
}

/// The hash alone.
#[must_use]
pub fn hash_of(key: Option<&[u8]>, value: Option<&[u8]>) -> i64 {
    let mut hash = Xxh3::new();
    for part in [key, value] {
        // The length in front tells a null from an empty one, and where the key
        // ends.
        hash.update(&part.map_or(-1, |p| p.len() as i64).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    hash.digest().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_and_an_empty_value_differ_and_so_do_key_and_value() {
        let all = [
            hash_of(None, None),
            hash_of(None, Some(b"")),
            hash_of(Some(b""), None),
            hash_of(Some(b"a"), Some(b"b")),
            hash_of(Some(b"ab"), Some(b"")),
        ];
        let different: std::collections::BTreeSet<i64> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
