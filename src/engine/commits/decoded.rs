//! What was decoded of a part, with the memory that it borrows: a commit may be of the
//! parts of several writers, and outlives none of them.

use crate::engine::writer::Built;
use plimsoll_record::{Arena, Chunk};
use self_cell::self_cell;
use std::sync::Arc;

struct Memory {
    chunk: Arc<Chunk>,
    arena: Arena,
}

self_cell!(
    struct Held {
        owner: Memory,
        #[covariant]
        dependent: Built,
    }
);

/// What was decoded of a part of a chunk.
pub struct Decoded(Held);

// SAFETY: all that keeps it from being `Sync` is the arena, which changes as texts are kept
// in it. It is reached in `of` alone, before anybody else can have this: afterwards there is
// only what `built` gives, which is plain data.
#[allow(unsafe_code)]
unsafe impl Sync for Decoded {}

impl Decoded {
    /// Decodes, into an arena of its own.
    pub fn of(
        chunk: Arc<Chunk>,
        build: impl for<'c> FnOnce(&'c Chunk, &'c Arena) -> Built<'c>,
    ) -> Self {
        let memory = Memory {
            chunk,
            arena: Arena::new(),
        };
        Self(Held::new(memory, |memory| {
            build(&memory.chunk, &memory.arena)
        }))
    }

    /// Rows, dead letters, and what else came of it.
    pub fn built(&self) -> &Built<'_> {
        self.0.borrow_dependent()
    }
}

/// What [`Decoded`] gives to others is `Sync` by itself.
const _: () = {
    const fn is_sync<T: Sync>() {}
    is_sync::<Built<'static>>();
    is_sync::<Chunk>();
};
