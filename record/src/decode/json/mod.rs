//! JSON: the fields of objects, walked over once and borrowed; keys may be bare texts.

mod fields;
mod object;
mod outline;
mod scan;

use super::decoder::text_or_bytes;
use super::format::{Fetching, Field, Format, Held, Need, Reader, Side, Undecoded, Wanted};
use super::{BadRecord, Described, Fault, LookInto};
use crate::{Arena, Looks, Record};
pub(super) use fields::Fields;
pub(super) use object::{ObjectReader, Take, cell, items, place, whole};
pub(super) use outline::Outline;
use plimsoll_sink_api::{Cell, Shape};
pub(super) use scan::{Scanner, unquoted};

/// JSON without a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json;

/// What a cell wants of the value that it takes.
#[derive(Debug, Clone)]
struct Target {
    cell: usize,
    shape: Shape,
    name: String,
}

impl Target {
    fn of(field: &Field<'_>) -> Self {
        Self {
            cell: field.cell,
            shape: field.column.shape,
            name: field.column.name.clone(),
        }
    }
}

impl Take for Target {
    const TYPED: bool = false;

    fn cell(&self) -> usize {
        self.cell
    }

    fn take<'c>(&self, raw: &'c str, arena: &'c Arena) -> Result<Cell<'c>, Fault> {
        cell(raw, self.shape, arena).ok_or(Fault::Escape)
    }

    /// Nothing else can be wrong with a value that has no type.
    fn bad(&self, _: Fault, _: usize) -> BadRecord {
        BadRecord::BadString {
            column: self.name.clone(),
        }
    }
}

/// What is wanted of an object, and of all that stands in the bytes.
#[derive(Debug)]
struct Plan {
    targets: Vec<Target>,
    fields: Fields,
    whole: Vec<usize>,
    bare: Option<Target>,
}

impl Plan {
    fn of(wanted: &Wanted<'_>) -> Self {
        let mut it = Self {
            targets: wanted.fields.iter().map(Target::of).collect(),
            fields: Fields::default(),
            whole: Vec::new(),
            bare: wanted.bare.as_ref().map(Target::of),
        };
        for (i, field) in wanted.fields.iter().enumerate() {
            match field.path.0.is_empty() {
                true => it.whole.push(i),
                false => it.fields.insert(&field.path.0, i),
            }
        }
        if wanted.unknown.are_errors() {
            it.fields.reject_unknown(&wanted.root.0, wanted.unknown);
        }
        it
    }

    fn object<'c>(
        &self,
        text: &'c str,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
        broken: impl FnOnce() -> BadRecord,
    ) -> Result<(), BadRecord> {
        let mut reader = ObjectReader {
            targets: &self.targets,
            cells,
            arena,
            message: text,
            bad: None,
        };
        reader.read(&self.fields, text).map_err(|_| broken())?;
        reader.bad.map_or(Ok(()), Err)
    }
}

#[derive(Debug)]
struct Values(Plan);

#[derive(Debug)]
struct Keys(Plan);

#[derive(Debug)]
struct Tombstones(Plan);

impl Format for Json {
    fn reader(&self, wanted: &Wanted<'_>) -> Box<dyn Reader> {
        let plan = Plan::of(wanted);
        match wanted.side {
            Side::Value => Box::new(Values(plan)),
            Side::Key => Box::new(Keys(plan)),
            Side::Tombstone => Box::new(Tombstones(plan)),
        }
    }

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
        let mut described = Described::default();
        if let Ok(value) = serde_json::from_slice(bytes) {
            described.add_json(&[], &value, into);
        }
        Ok(described)
    }

    /// JSON needs nothing.
    fn fetch<'f>(&'f self, _: &'f Need) -> Fetching<'f> {
        Box::pin(async { Ok(()) })
    }
}

/// Nothing that is known otherwise begins as JSON does.
pub(super) fn not_json(bytes: &[u8], at: usize) -> BadRecord {
    let looks = Looks::of(bytes).filter(|looks| *looks != Looks::Json);
    BadRecord::ValueNotJson { at, looks }
}

impl Reader for Values {
    fn read<'c>(
        &self,
        _: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let text = std::str::from_utf8(bytes).map_err(|e| not_json(bytes, e.valid_up_to()))?;
        let Self(plan) = self;
        let raw = if plan.fields.is_empty() && !plan.fields.is_strict() {
            whole(text).map_err(|at| not_json(bytes, at))?
        } else {
            let broken = || match whole(text) {
                Ok(_) => BadRecord::ValueNotObject,
                Err(at) => not_json(bytes, at),
            };
            plan.object(text, arena, cells, broken)?;
            text.trim_ascii()
        };
        for target in plan.whole.iter().map(|&i| &plan.targets[i]) {
            cells[target.cell] = match target.shape {
                // A payload of `null` is an event; only a tombstone is NULL.
                Shape::Json => Cell::Json(raw),
                Shape::Scalar | Shape::Bytes | Shape::Presence => {
                    let taken = target.take(raw, arena);
                    taken.map_err(|fault| target.bad(fault, 0))?
                }
            };
        }
        Ok(Held::Value)
    }
}

impl Reader for Keys {
    fn read<'c>(
        &self,
        _: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let Self(plan) = self;
        for target in plan.whole.iter().map(|&i| &plan.targets[i]) {
            cells[target.cell] = bare(bytes, target.shape, arena);
        }
        if plan.fields.is_empty() {
            return Ok(Held::Value);
        }
        let broken = || BadRecord::KeyNotObject;
        let text = std::str::from_utf8(bytes).map_err(|_| broken())?;
        plan.object(text, arena, cells, broken)?;
        Ok(Held::Value)
    }
}

impl Reader for Tombstones {
    fn read<'c>(
        &self,
        _: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let Self(plan) = self;
        match (std::str::from_utf8(bytes), &plan.bare) {
            (Ok(text), _) if text.trim_start().starts_with('{') => {
                plan.object(text, arena, cells, || BadRecord::KeyNotObject)?;
            }
            (_, Some(target)) => cells[target.cell] = bare(bytes, target.shape, arena),
            (_, None) => return Err(BadRecord::KeyNotObject.into()),
        }
        Ok(Held::Value)
    }
}

/// A key that is one value: a JSON string loses its quotes, anything else is
/// taken as it stands. A column of bytes takes all of it: with the quotes gone,
/// two keys would be one.
fn bare<'c>(key: &'c [u8], shape: Shape, arena: &'c Arena) -> Cell<'c> {
    let plain = text_or_bytes(key, shape);
    let Cell::Text(text) = plain else {
        return plain;
    };
    match (shape, whole(text)) {
        (Shape::Json, Ok(raw)) => cell(raw, shape, arena).unwrap_or(plain),
        (Shape::Scalar, Ok(raw)) if raw.starts_with('"') => {
            cell(raw, shape, arena).unwrap_or(plain)
        }
        _ => plain,
    }
}
