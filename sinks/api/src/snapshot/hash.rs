//! Values and keys as hashes: small enough for a topic of any size, and the same on
//! both sides of a comparison.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// A field that the record has not: what stands in the column stays.
pub const ABSENT: u64 = u64::MAX;
/// NULL.
pub const NULL: u64 = u64::MAX - 1;
/// A value that the source did not send: what stands in the column stays, and a row
/// stands there.
pub const UNCHANGED: u64 = u64::MAX - 2;
/// A column that is not compared.
pub const SKIPPED: u64 = 0;

/// A value as the database writes it.
#[must_use]
pub fn hash(text: Option<&str>) -> u64 {
    match text {
        None => NULL,
        Some(text) => hash_bytes(text.as_bytes()),
    }
}

/// A value that is bytes.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    // The words above mean something else.
    xxh3_64(bytes).clamp(SKIPPED + 1, UNCHANGED - 1)
}

/// What two rows have in common when they are the same one.
#[must_use]
pub fn identity<'t>(parts: impl Iterator<Item = Option<&'t [u8]>>) -> u128 {
    let mut bytes = Vec::new();
    for part in parts {
        let inside = part.unwrap_or_default();
        bytes.push(u8::from(part.is_some()));
        bytes.extend_from_slice(&(inside.len() as u64).to_le_bytes());
        bytes.extend_from_slice(inside);
    }
    xxh3_128(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_not_an_empty_text_and_parts_have_borders() {
        assert_ne!(hash(None), hash(Some("")));
        let of = |parts: &[Option<&str>]| identity(parts.iter().map(|p| p.map(str::as_bytes)));
        assert_ne!(of(&[Some("a"), Some("b")]), of(&[Some("ab"), Some("")]));
        assert_ne!(of(&[None]), of(&[Some("")]));
    }
}
