//! Where decoding puts what a record does not hold as its cells want it: a string
//! without its escapes, JSON of a binary format.

use bumpalo::Bump;

/// Memory that the cells of some rows borrow, given back all at once. It holds no more
/// than their records make of themselves, which formats bound.
#[derive(Debug, Default)]
pub struct Arena(Bump);

impl Arena {
    /// An empty one; it takes memory when it is first used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a text.
    pub fn text(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    /// Keeps bytes.
    pub fn bytes(&self, bytes: &[u8]) -> &[u8] {
        self.0.alloc_slice_copy(bytes)
    }

    /// Bytes that it took from the system.
    #[must_use]
    pub fn allocated(&self) -> usize {
        self.0.allocated_bytes()
    }
}
