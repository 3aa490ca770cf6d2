//! Which message of a Protobuf schema a payload is, as Confluent's serializers say it.

use std::ops::Deref;

/// How deep messages may be declared within each other: `protoc` takes 32.
const DEPTH: usize = 32;

/// How a payload says which message of its schema it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageName<'c> {
    /// By where it is declared: Confluent's serializers.
    Indexes(MessageIndexes),
    /// By its name, with its package or without: Apicurio's.
    Name(&'c str),
}

/// The way to a message's declaration: the first index is the one among a file's
/// messages, each further one among those declared within the one before.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageIndexes {
    // No file declares more messages than this at one place.
    at: [u16; DEPTH],
    len: u8,
}

impl MessageIndexes {
    const FIRST: Self = Self {
        at: [0; DEPTH],
        len: 1,
    };

    fn push(&mut self, index: u16) -> Option<()> {
        *self.at.get_mut(usize::from(self.len))? = index;
        self.len += 1;
        Some(())
    }
}

impl Deref for MessageIndexes {
    type Target = [u16];

    fn deref(&self) -> &[u16] {
        &self.at[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for MessageIndexes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Reads how many indexes there are, and them; none stands for the first message.
/// What is left is the message.
pub(super) fn read_indexes(bytes: &[u8]) -> Option<(MessageIndexes, &[u8])> {
    let (count, mut rest) = number(bytes)?;
    if count == 0 {
        return Some((MessageIndexes::FIRST, rest));
    }
    let mut indexes = MessageIndexes {
        at: [0; DEPTH],
        len: 0,
    };
    for _ in 0..count {
        let (index, behind) = number(rest)?;
        indexes.push(index)?;
        rest = behind;
    }
    Some((indexes, rest))
}

/// Reads the message by which Apicurio's serializers name another: its length in a byte,
/// as no name has more than a hundred, and a name as its field 1, unless it is empty.
/// What is left is the message itself.
pub(super) fn read_reference(bytes: &[u8]) -> Option<(Option<MessageName<'_>>, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (reference, rest) = rest.split_at_checked(length.into())?;
    match reference {
        [] => Some((None, rest)),
        [0x0a, length, name @ ..] if name.len() == usize::from(*length) => {
            let name = std::str::from_utf8(name).ok()?;
            Some((Some(MessageName::Name(name)), rest))
        }
        [..] => None,
    }
}

/// A zigzag varint; what is below zero, or above all indexes, is none.
fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let mut zigzag = 0u64;
    // Five bytes hold what Java's readers take.
    for (i, &byte) in bytes.iter().enumerate().take(5) {
        zigzag |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            if zigzag & 1 == 1 {
                return None;
            }
            return Some((u16::try_from(zigzag >> 1).ok()?, &bytes[i + 1..]));
        }
    }
    None
}
