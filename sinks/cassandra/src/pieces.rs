//! A record that is too large for one mutation, in pieces.
//!
//! The cluster bounds a request and a mutation (16 MiB each by default, and nobody
//! tells), so the payload of a large letter stands beside it in rows of its own: in
//! the letter's own partition, at negative offsets, where no list looks. The letter
//! itself is written last, with a value that says so.

use plimsoll_sink_api::{DeadLetter, Payload, Secret};

/// Bytes of one piece: below what any cluster is set to, in practice.
const PIECE: usize = 1 << 20;
/// Bits of a piece's number: so many pieces hold more than a record may have.
const NUMBER: u32 = 12;

/// The value of a letter whose payload stands in pieces. An older version that
/// meets it finds no JSON, rather than a record without a value.
pub(crate) const ELSEWHERE: &[u8] = b"plimsoll keeps this record in pieces";

/// Where the pieces of a letter stand: first and last. `None`: the offset is beyond
/// all that a log ever reached.
pub(crate) fn places(offset: i64) -> Option<(i64, i64)> {
    let first = offset.checked_mul(1 << NUMBER)?.checked_add(1)?;
    let last = offset.checked_add(1)?.checked_mul(1 << NUMBER)?;
    Some((-last, -first))
}

/// The pieces of a letter that is too large to stand in one row, each with its
/// place. `None`: it is not.
pub(crate) fn of(letter: &DeadLetter<'_>) -> Option<Vec<(i64, Vec<u8>)>> {
    let size = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let headers = letter.headers.iter();
    let all = size(letter.key)
        + size(letter.value)
        + headers
            .map(|(name, value)| name.len() + size(*value))
            .sum::<usize>();
    if all <= PIECE {
        return None;
    }
    let (_, first) = places(letter.offset)?;
    let mut whole = Vec::with_capacity(all + 16 * letter.headers.len() + 16);
    // The length first: it tells how many pieces there are.
    whole.extend([0; 8]);
    put(&mut whole, letter.key);
    put(&mut whole, letter.value);
    for (name, value) in &letter.headers {
        put(&mut whole, Some(name.as_bytes()));
        put(&mut whole, *value);
    }
    let length = (whole.len() as u64).to_be_bytes();
    whole[..8].copy_from_slice(&length);
    let pieces = whole.chunks(PIECE).map(<[u8]>::to_vec);
    Some((0..).map(|i: i64| first - i).zip(pieces).collect())
}

/// How many pieces there are, by the first of them.
pub(crate) fn count(first: &[u8]) -> Option<i64> {
    let length = u64::from_be_bytes(*first.first_chunk()?);
    let count = length.div_ceil(PIECE as u64);
    i64::try_from(count).ok().filter(|n| *n <= 1 << NUMBER)
}

/// The payload that the pieces hold, one behind the other.
pub(crate) fn read(whole: &[u8], text: String) -> Option<Payload> {
    let mut rest = whole.get(8..)?;
    let (key, value) = (take(&mut rest)?, take(&mut rest)?);
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let name = String::from_utf8(take(&mut rest)??).ok()?;
        headers.push((name, take(&mut rest)?));
    }
    Some(Payload {
        key,
        value,
        headers,
        text: Secret::new(text),
    })
}

/// Its length, or -1 for none; then the bytes.
fn put(whole: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let length = bytes.map_or(-1, |b| i64::try_from(b.len()).unwrap_or(i64::MAX));
    whole.extend(length.to_be_bytes());
    whole.extend_from_slice(bytes.unwrap_or_default());
}

#[expect(clippy::option_option, reason = "no field at all, or one of no bytes")]
fn take(rest: &mut &[u8]) -> Option<Option<Vec<u8>>> {
    let (length, behind) = rest.split_first_chunk::<8>()?;
    let Ok(length) = usize::try_from(i64::from_be_bytes(*length)) else {
        *rest = behind;
        return Some(None);
    };
    let (bytes, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(Some(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(value: &[u8]) -> DeadLetter<'_> {
        DeadLetter {
            offset: 7,
            timestamp: None,
            key: Some(b""),
            value: Some(value),
            headers: vec![("a".into(), None), ("".into(), Some(b"x".as_slice()))],
            condition: String::new(),
            code: None,
            column: None,
            text: String::new(),
        }
    }

    #[test]
    fn what_is_cut_into_pieces_is_whole_again() {
        assert!(of(&letter(b"small")).is_none());
        for more in [0, 1, PIECE, 3 * PIECE + 5] {
            let value = vec![5; PIECE + more];
            let pieces = of(&letter(&value)).unwrap();
            assert_eq!(count(&pieces[0].1), Some(pieces.len() as i64));
            let whole: Vec<u8> = pieces.iter().flat_map(|(_, p)| p.clone()).collect();
            let read = read(&whole, "text".to_owned()).unwrap();
            assert_eq!(read.key.as_deref(), Some(b"".as_slice()));
            assert!(read.value == Some(value));
            let named = |n: &str, v| (n.to_owned(), v);
            assert_eq!(
                read.headers,
                [named("a", None), named("", Some(vec![b'x']))]
            );
        }
    }

    #[test]
    fn pieces_of_different_letters_stand_apart_and_below_every_letter() {
        let mut below = 0;
        for offset in [0, 1, 2, 1 << 40] {
            let (last, first) = places(offset).unwrap();
            assert!(first < below && last < first, "{offset}");
            assert_eq!(first - last, (1 << NUMBER) - 1);
            below = last;
        }
        assert_eq!(places(i64::MAX), None);
    }
}
