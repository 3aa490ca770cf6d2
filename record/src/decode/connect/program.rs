//! A schema, and what is wanted of its payloads → what reads them.

use super::FORMAT;
use super::rewrite::{Rewrite, gather};
use super::scalar::{Scalar, bytes, text};
use super::schema::Type;
use crate::decode::format::{Field, Side, Wanted};
use crate::decode::json::{Fields, ObjectReader, Take, place};
use crate::decode::{BadRecord, UnknownFields};
use crate::semantic::{Chars, Parts, is_bit};
use crate::{Arena, Fault, JsonText};
use plimsoll_sink_api::{Cell, Column, Shape};
use std::collections::{HashMap, HashSet};

/// What reads the payloads of one schema for one table.
#[derive(Debug)]
pub struct Program {
    side: Side,
    targets: Vec<Target>,
    /// Those that take all of a payload.
    whole: Vec<usize>,
    /// Where the others stand; `None`: payloads have no fields.
    fields: Option<Fields>,
    /// Whether there are such all the same.
    refuses: bool,
    /// Cells of fields that the schema has: where a payload does not tell them, they are
    /// null, as for Connect's own reader, but for the default, which nobody sent.
    nulls: Vec<usize>,
}

/// A cell, and how it takes a value.
#[derive(Debug)]
struct Target {
    cell: usize,
    column: String,
    side: Side,
    how: How,
}

/// How a value is taken that is not null.
#[derive(Debug)]
enum How {
    /// That there is one.
    Presence,
    /// As what it is.
    Cell(Scalar),
    /// A struct as the one value that it is.
    Parts(Parts, HashMap<String, Type>),
    /// As JSON, with some parts of it written anew.
    Json(Option<Rewrite>),
    /// A text, for a column of JSON: as the JSON that it holds.
    JsonText,
    /// The bytes of a text.
    OfText,
    /// The bytes that base64 stands for.
    OfBase64,
    /// The bytes as they came.
    Raw,
    /// Not at all: nobody wants the field, and that is an error.
    Nobody,
}

impl How {
    fn of(of: &Type, column: &Column) -> Self {
        match (of, column.shape) {
            (_, Shape::Presence) => Self::Presence,
            (Type::Scalar(Scalar::Chars(Chars::Json)), Shape::Json) => Self::JsonText,
            (_, Shape::Json) => Self::Json(Rewrite::of(of)),
            (Type::Scalar(Scalar::String | Scalar::Chars(_)), Shape::Bytes) => Self::OfText,
            (Type::Scalar(Scalar::Bytes | Scalar::Octets(_)), Shape::Bytes) => Self::OfBase64,
            (_, Shape::Bytes) => Self::Raw,
            (Type::Scalar(scalar), Shape::Scalar) => Self::Cell(match *scalar {
                Scalar::Boolean if is_bit(column) => Scalar::Bit,
                Scalar::Octets(octets) => Scalar::Octets(octets.of_column(column)),
                other => other,
            }),
            (Type::Struct(fields, Some(parts)), Shape::Scalar) => {
                Self::Parts(*parts, fields.clone())
            }
            (
                Type::Struct(_, None) | Type::Array(_) | Type::Map(_) | Type::Pairs(_),
                Shape::Scalar,
            ) => Self::Json(Rewrite::of(of)),
        }
    }
}

impl Take for Target {
    const TYPED: bool = true;

    fn cell(&self) -> usize {
        self.cell
    }

    fn take<'c>(&self, raw: &'c str, arena: &'c Arena) -> Result<Cell<'c>, Fault> {
        match &self.how {
            How::Nobody => Err(Fault::OtherType),
            _ if raw == "null" => Ok(Cell::Null),
            How::Presence => Ok(Cell::Bool(true)),
            How::Cell(scalar) => scalar.cell(raw, arena),
            How::Parts(parts, fields) => parts.cell(&gather(raw, fields, arena)?, arena),
            How::Json(None) => Ok(Cell::Json(raw)),
            How::Json(Some(rewrite)) => {
                let limit = JsonText::limit(raw.len());
                let written =
                    arena.written(|out| rewrite.write(raw, &mut JsonText::new(out, limit), arena));
                written.map(Cell::Json)
            }
            How::JsonText => Chars::Json.cell(text(raw, arena)?, Shape::Json),
            How::OfText => text(raw, arena).map(|text| Cell::Bytes(text.as_bytes())),
            How::OfBase64 => bytes(raw, arena).map(Cell::Bytes),
            How::Raw => Ok(Cell::Bytes(raw.as_bytes())),
        }
    }

    fn bad(&self, fault: Fault, at: usize) -> BadRecord {
        match (&self.how, fault) {
            (How::Nobody, _) => BadRecord::UnknownField {
                field: self.column.clone(),
            },
            (_, Fault::Escape) => BadRecord::BadString {
                column: self.column.clone(),
            },
            _ => BadRecord::Binary {
                side: self.side,
                format: FORMAT,
                fault,
                at,
                column: Some(self.column.clone()),
            },
        }
    }
}

impl Program {
    /// For what is wanted of payloads of a schema. Fields that the schema lacks are read
    /// from no payload.
    pub fn compile(of: &Type, wanted: &Wanted<'_>) -> Self {
        let has_fields = matches!(of, Type::Struct(..) | Type::Map(_));
        let mut it = Self {
            side: wanted.side,
            targets: Vec::new(),
            whole: Vec::new(),
            fields: None,
            refuses: false,
            nulls: Vec::new(),
        };
        let (whole, below): (Vec<_>, Vec<_>) = wanted
            .fields
            .iter()
            .partition(|field| field.path.0.is_empty());
        match (wanted.side, wanted.bare) {
            // A key that stands for a row to delete is a struct, or one value.
            (Side::Tombstone, Some(bare)) if !has_fields => it.add_whole(of, &bare),
            (Side::Tombstone, _) => it.refuses = !has_fields,
            (Side::Value | Side::Key, _) => {
                whole.into_iter().for_each(|field| it.add_whole(of, field));
                it.refuses = !has_fields && !below.is_empty();
            }
        }
        if has_fields {
            let mut fields = Fields::default();
            for field in below {
                it.add_field(of, field, &mut fields);
            }
            match wanted.unknown {
                UnknownFields::Ignore => {}
                UnknownFields::Reject => fields.reject_unknown(&wanted.root.0, wanted.unknown),
                UnknownFields::RejectOwn => it.refuse_own(of, wanted, &mut fields),
            }
            it.fields = Some(fields);
        }
        it
    }

    /// Refuses the fields of the row itself that nobody wants, as far as the schema has them:
    /// what stands in a payload without a schema has no type.
    fn refuse_own(&mut self, of: &Type, wanted: &Wanted<'_>, fields: &mut Fields) {
        let root = &wanted.root.0;
        let mut at = of;
        for name in root {
            match at {
                Type::Struct(fields, _) => match fields.get(name) {
                    Some(inner) => at = inner,
                    None => return,
                },
                _ => return,
            }
        }
        let Type::Struct(own, _) = at else {
            return;
        };
        let below = wanted
            .fields
            .iter()
            .filter_map(|field| field.path.0.strip_prefix(&root[..]));
        let known: HashSet<&String> = below.filter_map(<[String]>::first).collect();
        for name in own.keys().filter(|name| !known.contains(name)) {
            self.targets.push(Target {
                cell: 0,
                column: name.clone(),
                side: self.side,
                how: How::Nobody,
            });
            let path = [root.as_slice(), std::slice::from_ref(name)].concat();
            fields.insert(&path, self.targets.len() - 1);
        }
    }

    fn add(&mut self, of: &Type, field: &Field<'_>) -> usize {
        self.targets.push(Target {
            cell: field.cell,
            column: field.column.name.clone(),
            side: self.side,
            how: How::of(of, field.column),
        });
        self.targets.len() - 1
    }

    fn add_whole(&mut self, of: &Type, field: &Field<'_>) {
        let target = self.add(of, field);
        self.whole.push(target);
    }

    fn add_field(&mut self, of: &Type, field: &Field<'_>, fields: &mut Fields) {
        let (mut at, mut certain) = (of, true);
        for name in &field.path.0 {
            at = match at {
                Type::Struct(of, _) => match of.get(name) {
                    Some(of) => of,
                    None => return,
                },
                // Which keys a map has no schema says.
                Type::Map(values) => {
                    certain = false;
                    values
                }
                Type::Scalar(_) | Type::Array(_) | Type::Pairs(_) => return,
            };
        }
        let target = self.add(at, field);
        fields.insert(&field.path.0, target);
        if certain {
            self.nulls.push(field.cell);
        }
    }

    /// Fills the cells of the fields that a payload has, which is good JSON and not null.
    /// `message` is the text that it is of.
    pub fn read<'c>(
        &self,
        message: &'c str,
        payload: &'c str,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<(), BadRecord> {
        let bad = |fault| BadRecord::Binary {
            side: self.side,
            format: FORMAT,
            fault,
            at: place(payload, message),
            column: None,
        };
        if self.refuses {
            return Err(bad(Fault::NotRecord));
        }
        for target in self.whole.iter().map(|&i| &self.targets[i]) {
            let taken = target.take(payload, arena);
            cells[target.cell] =
                taken.map_err(|fault| target.bad(fault, place(payload, message)))?;
        }
        let Some(fields) = &self.fields else {
            return Ok(());
        };
        if !payload.starts_with('{') {
            return Err(bad(Fault::OtherType));
        }
        if !fields.is_empty() || fields.is_strict() {
            let mut reader = ObjectReader {
                targets: &self.targets,
                cells,
                arena,
                message,
                bad: None,
            };
            // Good JSON, but for names with broken escapes.
            let read = reader.read(fields, payload);
            read.map_err(|_| bad(Fault::Escape))?;
            reader.bad.map_or(Ok(()), Err)?;
        }
        for &cell in &self.nulls {
            if matches!(cells[cell], Cell::Absent) {
                cells[cell] = Cell::Null;
            }
        }
        Ok(())
    }
}
