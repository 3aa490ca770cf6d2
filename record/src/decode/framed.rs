//! A format that needs no schema, behind a framing that names one all the same.

use super::format::{Fetching, Format, Held, Need, Reader, Side, Undecoded, Wanted};
use super::{Described, LookInto};
use crate::{Arena, Framing, Record, split};
use plimsoll_sink_api::Cell;
use std::sync::Arc;

/// A format without schemas whose bytes a registry's serializer has framed, as those of
/// JSON Schema are. The schema is not asked for.
#[derive(Debug, Clone)]
pub struct WithFraming {
    /// What stands around the bytes.
    pub framing: Framing,
    /// How they are read.
    pub format: Arc<dyn Format>,
}

impl Format for WithFraming {
    fn reader(&self, wanted: &Wanted<'_>) -> Box<dyn Reader> {
        Box::new(Unframing {
            framing: self.framing,
            side: wanted.side,
            reader: self.format.reader(wanted),
        })
    }

    fn is_untyped(&self) -> bool {
        self.format.is_untyped()
    }

    fn describe(
        &self,
        side: Side,
        record: &Record<'_>,
        bytes: &[u8],
        into: LookInto<'_>,
    ) -> Result<Described, Undecoded> {
        let arena = Arena::new();
        let framed = split(self.framing, side, record.headers(), bytes)?;
        self.format
            .describe(side, record, framed.body(&arena)?, into)
    }

    fn fetch<'f>(&'f self, need: &'f Need) -> Fetching<'f> {
        self.format.fetch(need)
    }
}

#[derive(Debug)]
struct Unframing {
    framing: Framing,
    side: Side,
    reader: Box<dyn Reader>,
}

impl Reader for Unframing {
    fn read<'c>(
        &self,
        record: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let framed = split(self.framing, self.side, record.headers(), bytes)?;
        let read = self.reader.read(record, framed.body(arena)?, arena, cells);
        read.map_err(|undecoded| undecoded.behind(framed.front(bytes)))
    }
}
