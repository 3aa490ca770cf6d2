//! A place in some bytes.

use plimsoll_record::Fault;

/// Bytes, and how far they were read.
#[derive(Debug, Clone)]
pub struct Cursor<'c> {
    bytes: &'c [u8],
    at: usize,
}

impl<'c> Cursor<'c> {
    /// At the first of them.
    pub fn new(bytes: &'c [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where it stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// To a place where it stood.
    pub fn go(&mut self, at: usize) {
        self.at = at;
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// What was read from a place on.
    pub fn since(&self, at: usize) -> &'c [u8] {
        &self.bytes[at..self.at]
    }

    /// The next byte, which is not passed.
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// So many bytes.
    pub fn take(&mut self, length: u64) -> Result<&'c [u8], Fault> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length))
            .and_then(|end| Some((end, self.bytes.get(self.at..end)?)));
        let (end, taken) = taken.ok_or(Fault::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    /// A text of so many bytes.
    pub fn text(&mut self, length: u64) -> Result<&'c str, Fault> {
        std::str::from_utf8(self.take(length)?).map_err(|_| Fault::NotUtf8)
    }

    /// Some bytes of a number.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (array, _) = self.bytes[self.at..]
            .split_first_chunk()
            .ok_or(Fault::Truncated)?;
        self.at += N;
        Ok(*array)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Fault> {
        self.array().map(|[byte]| byte)
    }
}
