//! Walks over messages whose fields come in any order, and more than once: where a field's
//! values stand is found first, and what they are is read then. No deeper than
//! [`MAX_DEPTH`], and with no more places in mind than the record has fields.

use crate::MAX_DEPTH;
use crate::schema::{Count, EnumId, FieldKind, Message, Scalar, Types};
use crate::wire::{Body, Span, Wire};
use plimsoll_record::{Arena, Fault, JsonText};
use plimsoll_sink_api::{Cell, Float};
use smallvec::SmallVec;
use std::ops::Range;

/// Fields that nobody wrote stand in JSON, too, and a message of nothing but such takes two
/// bytes: so much more JSON may become of them, but no more of a message than this.
const JSON_WIDEST: usize = 1 << 10;

/// Where a value of a field stands.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The place of the field in its message.
    pub field: u32,
    /// The value.
    pub span: Span,
}

/// A walk over the bytes of one record.
pub struct Walk<'p, 'c> {
    /// The schema's types.
    pub types: &'p Types,
    /// The bytes.
    pub body: Body<'c>,
    /// For texts that are not the record's.
    pub arena: &'c Arena,
    /// Bytes of JSON that the record may still become.
    pub json_left: usize,
    /// What was found, of all messages that are being read, the innermost last.
    pub found: Vec<Found>,
}

impl<'p, 'c> Walk<'p, 'c> {
    /// At the first byte.
    pub fn new(types: &'p Types, bytes: &'c [u8], arena: &'c Arena) -> Self {
        let unwritten = bytes
            .len()
            .saturating_mul(types.widest.min(JSON_WIDEST) / 2)
            .saturating_add(types.widest);
        Self {
            types,
            body: Body::new(bytes),
            arena,
            json_left: JsonText::limit(bytes.len())
                .saturating_add(unwritten)
                .min(JsonText::limit(usize::MAX)),
            found: Vec::new(),
        }
    }

    /// A level deeper.
    pub fn deeper(depth: u8) -> Result<u8, Fault> {
        match depth < MAX_DEPTH {
            true => Ok(depth + 1),
            false => Err(Fault::TooDeep),
        }
    }

    /// Finds the values of all fields of a message, which may stand in several parts:
    /// then they are as if written behind each other. Gives those that count, in the
    /// order of the message's fields.
    pub fn scan(&mut self, message: &Message, parts: Range<usize>) -> Result<Range<usize>, Fault> {
        let from = self.found.len();
        let mut sets: SmallVec<[Set; 4]> = SmallVec::new();
        let mut sorted = true;
        let mut before = 0;
        for part in parts {
            self.body.open(self.found[part].span);
            while !self.body.is_over() {
                let (number, wire) = self.body.tag()?;
                let Some(place) = message.numbers.get(number) else {
                    self.body.skip(number, wire)?;
                    continue;
                };
                let field = &message.fields[place];
                Writing::of(field.kind, field.count).check(wire)?;
                let span = self.body.span(number, wire)?;
                let field_at = place as u32;
                if let Some(set) = field.oneof {
                    note(&mut sets, set, field_at, self.found.len());
                }
                sorted &= before <= field_at;
                before = field_at;
                self.found.push(Found {
                    field: field_at,
                    span,
                });
            }
        }
        if sets.iter().any(|set| set.changed) {
            self.drop_unset(message, from, &sets);
        }
        if !sorted {
            // Keeps the order of one field's values.
            self.found[from..].sort_by_key(|found| found.field);
        }
        Ok(from..self.found.len())
    }

    /// Of fields of which one is set only the last counts, from where it was set last.
    fn drop_unset(&mut self, message: &Message, from: usize, sets: &[Set]) {
        let mut at = from;
        let mut kept = from;
        while at < self.found.len() {
            let found = self.found[at];
            let set = message.fields[found.field as usize].oneof;
            let set = set.and_then(|set| sets.iter().find(|of| of.set == set));
            if set.is_none_or(|set| set.field == found.field && at >= set.since) {
                self.found[kept] = found;
                kept += 1;
            }
            at += 1;
        }
        self.found.truncate(kept);
    }

    /// The value of a scalar, which begins here, into its cell. Written there piece by
    /// piece, and not moved: that is what takes the time.
    #[inline(always)]
    pub fn put(&mut self, scalar: Scalar, to: &mut Cell<'c>) -> Result<(), Fault> {
        let body = &mut self.body;
        // Of a number that is longer than its type the low bits count, as for all readers.
        match scalar {
            Scalar::Int64 => *to = Cell::Int(body.varint()? as i64),
            Scalar::String => *to = Cell::Text(text(body.delimited()?)?),
            Scalar::Int32 => *to = Cell::Int((body.varint()? as i32).into()),
            Scalar::Bool => *to = Cell::Bool(body.varint()? != 0),
            Scalar::Uint32 => *to = Cell::Int((body.varint()? as u32).into()),
            Scalar::Uint64 => *to = Cell::Unsigned(body.varint()?),
            Scalar::Sint32 => {
                let zigzag = body.varint()? as u32;
                *to = Cell::Int(((zigzag >> 1) as i32 ^ -((zigzag & 1) as i32)).into());
            }
            Scalar::Sint64 => {
                let zigzag = body.varint()?;
                *to = Cell::Int((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
            }
            Scalar::Fixed32 => *to = Cell::Int(body.fixed32()?.into()),
            Scalar::Fixed64 => *to = Cell::Unsigned(body.fixed64()?),
            Scalar::Sfixed32 => *to = Cell::Int((body.fixed32()? as i32).into()),
            Scalar::Sfixed64 => *to = Cell::Int(body.fixed64()? as i64),
            Scalar::Float => *to = Cell::Float(Float::Single(f32::from_bits(body.fixed32()?))),
            Scalar::Double => *to = Cell::Float(Float::Double(f64::from_bits(body.fixed64()?))),
            Scalar::Bytes => *to = Cell::Bytes(body.delimited()?),
            Scalar::Enum(of) => {
                let number = body.varint()? as i32;
                match self.types.of_enum(of).name(number) {
                    // Kept in the arena: cells outlive the program.
                    Some(name) => *to = Cell::Text(self.arena.text(name)),
                    None => *to = Cell::Int(number.into()),
                }
            }
        }
        Ok(())
    }

    /// The same.
    pub fn scalar(&mut self, scalar: Scalar) -> Result<Cell<'c>, Fault> {
        let mut cell = Cell::Null;
        self.put(scalar, &mut cell)?;
        Ok(cell)
    }

    /// The same of one that was found.
    pub fn scalar_at(&mut self, scalar: Scalar, span: Span) -> Result<Cell<'c>, Fault> {
        match scalar {
            // Their lengths stand before what was found.
            Scalar::String => {
                self.body.open(span);
                text(self.body.bytes_of(span)).map(Cell::Text)
            }
            Scalar::Bytes => Ok(Cell::Bytes(self.body.bytes_of(span))),
            _ => {
                self.body.open(span);
                self.scalar(scalar)
            }
        }
    }

    /// What a scalar is that nobody wrote.
    pub fn zero(&self, scalar: Scalar) -> Cell<'c> {
        match scalar.zero() {
            Ok(zero) => zero,
            Err(of) => {
                let of = self.types.of_enum(of);
                match of.name(of.zero) {
                    Some(name) => Cell::Text(self.arena.text(name)),
                    None => Cell::Int(of.zero.into()),
                }
            }
        }
    }
}

/// Fields of which one is set.
struct Set {
    set: u32,
    /// The one that is.
    field: u32,
    /// From where on it is.
    since: usize,
    /// Whether another one was before.
    changed: bool,
}

fn note(sets: &mut SmallVec<[Set; 4]>, set: u32, field: u32, at: usize) {
    match sets.iter_mut().find(|of| of.set == set) {
        None => sets.push(Set {
            set,
            field,
            since: at,
            changed: false,
        }),
        Some(of) if of.field == field => {}
        Some(of) => {
            of.field = field;
            of.since = at;
            of.changed = true;
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
}

/// How the values of a field may be written.
#[derive(Debug, Clone, Copy)]
pub struct Writing {
    own: Wire,
    /// Numbers of a list may stand together, or each alone, whatever the schema says.
    together: bool,
}

impl Writing {
    /// Of a field.
    #[inline]
    pub fn of(kind: FieldKind, count: Count) -> Self {
        let own = match kind {
            FieldKind::Scalar(scalar) => scalar.wire(),
            FieldKind::Message { group: false, .. } => Wire::Length,
            FieldKind::Message { group: true, .. } => Wire::Group,
        };
        let together = count == Count::List && own != Wire::Group;
        Self { own, together }
    }

    /// Whether one may be written so. Others read such a field as one that they do not
    /// know; here it tells that the bytes belong to another schema.
    #[inline]
    pub fn check(self, wire: Wire) -> Result<(), Fault> {
        match self.own == wire || (self.together && wire == Wire::Length) {
            true => Ok(()),
            false => Err(Fault::WireType),
        }
    }
}

impl Scalar {
    /// What it is where nobody wrote it.
    ///
    /// # Errors
    /// An enum's is a name of its own.
    pub fn zero(self) -> Result<Cell<'static>, EnumId> {
        Ok(match self {
            Self::Bool => Cell::Bool(false),
            Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Sint32
            | Self::Sint64
            | Self::Fixed32
            | Self::Sfixed32
            | Self::Sfixed64 => Cell::Int(0),
            Self::Uint64 | Self::Fixed64 => Cell::Unsigned(0),
            Self::Float => Cell::Float(Float::Single(0.0)),
            Self::Double => Cell::Float(Float::Double(0.0)),
            Self::String => Cell::Text(""),
            Self::Bytes => Cell::Bytes(&[]),
            Self::Enum(of) => return Err(of),
        })
    }

    /// How it is written.
    #[inline]
    pub fn wire(self) -> Wire {
        match self {
            Self::Bool
            | Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Enum(_) => Wire::Varint,
            Self::Fixed32 | Self::Sfixed32 | Self::Float => Wire::Fixed32,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => Wire::Fixed64,
            Self::String | Self::Bytes => Wire::Length,
        }
    }
}
