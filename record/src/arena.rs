//! Where decoding puts what a record does not hold as its cells want it: a string
//! without its escapes, JSON of a binary format.

use bumpalo::Bump;
use std::cell::RefCell;

/// Memory that the cells of some rows borrow, given back all at once. It holds no more
/// than their records make of themselves, which formats bound.
#[derive(Debug, Default)]
pub struct Arena {
    kept: Bump,
    /// Where a text grows before it is kept: one allocation serves all of them.
    scratch: RefCell<String>,
}

/// What the scratch may hold on to between two texts. Most are far shorter; one that
/// was long is no reason to keep as much for the life of a partition.
const SCRATCH_BYTES: usize = 1 << 20;

impl Arena {
    /// An empty one; it takes memory when it is first used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a text.
    pub fn text(&self, text: &str) -> &str {
        self.kept.alloc_str(text)
    }

    /// Keeps bytes.
    pub fn bytes(&self, bytes: &[u8]) -> &[u8] {
        self.kept.alloc_slice_copy(bytes)
    }

    /// Keeps a text that is written piece by piece.
    ///
    /// # Errors
    /// Those of `write`; nothing is kept then.
    pub fn written<E>(&self, write: impl FnOnce(&mut String) -> Result<(), E>) -> Result<&str, E> {
        // Taken, so that what is written may itself ask the arena for a text.
        let mut scratch = self.scratch.take();
        scratch.clear();
        let text = write(&mut scratch).map(|()| self.text(&scratch));
        if scratch.capacity() <= SCRATCH_BYTES {
            self.scratch.replace(scratch);
        }
        text
    }

    /// Bytes that it took from the system.
    #[must_use]
    pub fn allocated(&self) -> usize {
        self.kept.allocated_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_be_written_while_another_is() {
        let arena = Arena::new();
        let outer = arena.written::<()>(|out| {
            out.push('a');
            out.push_str(arena.written(|inner| {
                inner.push('b');
                Ok(())
            })?);
            out.push('c');
            Ok(())
        });
        assert_eq!(outer, Ok("abc"));
        assert_eq!(arena.written(|_| Err(7)), Err(7));
        assert_eq!(arena.written::<()>(|_| Ok(())), Ok(""));
    }

    #[test]
    fn a_long_text_leaves_no_long_scratch() {
        let arena = Arena::new();
        let long = "x".repeat(2 * SCRATCH_BYTES);
        let written = arena.written::<()>(|out| {
            out.push_str(&long);
            Ok(())
        });
        assert_eq!(written, Ok(&*long));
        assert!(arena.scratch.borrow().capacity() <= SCRATCH_BYTES);
    }
}
