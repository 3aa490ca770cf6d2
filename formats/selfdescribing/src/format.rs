//! The two as formats.

use crate::plan::Plan;
use crate::token::Tokens;
use crate::walk::{Run, Walk};
use plimsoll_record::{
    Arena, Described, Fetching, Format, Held, LookInto, Need, Reader, Record, Side, Undecoded,
    Wanted,
};
use plimsoll_sink_api::Cell;
use std::marker::PhantomData;

/// [`crate::Cbor`] or [`crate::MessagePack`], as a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelfDescribing<T>(pub T);

impl<T: Tokens> Format for SelfDescribing<T> {
    fn reader(&self, wanted: &Wanted<'_>) -> Box<dyn Reader> {
        Box::new(Planned::<T> {
            plan: Plan::of(wanted),
            tokens: PhantomData,
        })
    }

    /// A number says nothing of what it counts.
    fn is_untyped(&self) -> bool {
        true
    }

    fn describe(
        &self,
        _: Side,
        _: &Record<'_>,
        bytes: &[u8],
        into: LookInto<'_>,
    ) -> Result<Described, Undecoded> {
        let arena = Arena::new();
        let mut described = Described::default();
        let walked = Walk::<T>::new(bytes, &arena).describe(&mut described, &[], into, 0);
        // What is wrong with it is for reading to say.
        Ok(walked.map(|()| described).unwrap_or_default())
    }

    /// They need nothing.
    fn fetch<'f>(&'f self, _: &'f Need) -> Fetching<'f> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Debug)]
struct Planned<T> {
    plan: Plan,
    tokens: PhantomData<T>,
}

impl<T: Tokens> Reader for Planned<T> {
    fn read<'c>(
        &self,
        _: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        Run::<T>::read(&self.plan, bytes, arena, cells)?;
        Ok(Held::Value)
    }
}
