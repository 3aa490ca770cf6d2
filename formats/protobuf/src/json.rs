//! Messages as JSON: fields by the names that the schema gives them, numbers with all
//! their digits. What was not written is what it is: a zero, an empty list; what may be
//! unset, and is, is left out.

use crate::schema::{Count, FieldKind, Meaning, Message, MessageField, MessageId, Scalar};
use crate::walk::{Found, Walk, text};
use crate::wire::Span;
use plimsoll_record::{Fault, JsonText};
use plimsoll_sink_api::Cell;
use std::collections::HashMap;
use std::ops::Range;

/// The key of a map's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key<'k> {
    /// A text.
    Text(&'k str),
    /// A number.
    Int(i64),
    /// One that may be beyond the others.
    Unsigned(u64),
    /// True or false.
    Bool(bool),
}

impl<'k> Key<'k> {
    /// What a cell is as a key; keys have no other types.
    fn of(cell: Cell<'k>) -> Self {
        match cell {
            Cell::Text(text) => Self::Text(text),
            Cell::Unsigned(number) => Self::Unsigned(number),
            Cell::Bool(yes) => Self::Bool(yes),
            Cell::Int(number) => Self::Int(number),
            _ => Self::Int(0),
        }
    }
}

impl<'c> Walk<'_, 'c> {
    /// Text of JSON, as a cell.
    pub fn written(
        &mut self,
        write: impl FnOnce(&mut Self, &mut JsonText<'_>) -> Result<(), Fault>,
    ) -> Result<Cell<'c>, Fault> {
        let (arena, limit) = (self.arena, self.json_left);
        let text = arena.written(|out| write(self, &mut JsonText::new(out, limit)))?;
        self.json_left -= text.len();
        Ok(Cell::Json(text))
    }

    /// A message that stands in these parts; there may be none.
    pub fn message_json(
        &mut self,
        id: MessageId,
        parts: Range<usize>,
        depth: u8,
        out: &mut JsonText<'_>,
    ) -> Result<(), Fault> {
        let depth = Self::deeper(depth)?;
        let message = self.types.message(id);
        match message.meaning {
            Meaning::Fields => self.fields_json(message, parts, depth, "{", out),
            Meaning::One(one) => {
                let cell = self.one(one, id, parts)?;
                out.cell(&cell)
            }
            Meaning::Any => self.any_json(message, parts, depth, out),
            Meaning::Value => {
                let cell = self.value(message, parts, depth, Some(out))?;
                cell.map_or(Ok(()), |cell| out.cell(&cell))
            }
            Meaning::Struct | Meaning::List => {
                let found = self.scan(message, parts)?;
                let field = &message.fields[0];
                self.field_json(field, found.clone(), depth, out)?;
                self.found.truncate(found.start);
                Ok(())
            }
        }
    }

    /// The fields of a message, behind what an object begins with.
    fn fields_json(
        &mut self,
        message: &Message,
        parts: Range<usize>,
        depth: u8,
        begin: &str,
        out: &mut JsonText<'_>,
    ) -> Result<(), Fault> {
        let found = self.scan(message, parts)?;
        let mut at = found.start;
        let mut before = begin;
        for (place, field) in message.fields.iter().enumerate() {
            let from = at;
            while at < found.end && self.found[at].field as usize == place {
                at += 1;
            }
            if from == at && field.count == Count::Maybe {
                continue;
            }
            out.raw(before)?;
            out.raw(&field.quoted)?;
            self.field_json(field, from..at, depth, out)?;
            before = ",";
        }
        self.found.truncate(found.start);
        out.raw(if before == "{" { "{}" } else { "}" })
    }

    /// All values of a field; there may be none.
    pub fn field_json(
        &mut self,
        field: &MessageField,
        values: Range<usize>,
        depth: u8,
        out: &mut JsonText<'_>,
    ) -> Result<(), Fault> {
        match (field.count, field.kind) {
            (Count::Map, FieldKind::Message { id, .. }) => self.map_json(id, values, depth, out),
            (Count::List | Count::Map, kind) => self.list_json(kind, values, depth, out),
            (Count::Always | Count::Maybe, FieldKind::Message { id, .. }) => {
                self.message_json(id, values, depth, out)
            }
            (Count::Always | Count::Maybe, FieldKind::Scalar(scalar)) => {
                let cell = self.last(scalar, values)?;
                out.cell(&cell)
            }
        }
    }

    /// The last value counts; where there is none, zero.
    fn last(&mut self, scalar: Scalar, values: Range<usize>) -> Result<Cell<'c>, Fault> {
        match self.found[values].last() {
            Some(last) => {
                let span = last.span;
                self.scalar_at(scalar, span)
            }
            None => Ok(self.zero(scalar)),
        }
    }

    fn list_json(
        &mut self,
        kind: FieldKind,
        values: Range<usize>,
        depth: u8,
        out: &mut JsonText<'_>,
    ) -> Result<(), Fault> {
        out.raw("[")?;
        let mut before = "";
        for at in values {
            match kind {
                FieldKind::Message { id, .. } => {
                    out.raw(before)?;
                    self.message_json(id, at..at + 1, depth, out)?;
                }
                FieldKind::Scalar(scalar @ (Scalar::String | Scalar::Bytes)) => {
                    out.raw(before)?;
                    let cell = self.scalar_at(scalar, self.found[at].span)?;
                    out.cell(&cell)?;
                }
                // One number or many.
                FieldKind::Scalar(scalar) => {
                    self.body.open(self.found[at].span);
                    while !self.body.is_over() {
                        out.raw(before)?;
                        let cell = self.scalar(scalar)?;
                        out.cell(&cell)?;
                        before = ",";
                    }
                    continue;
                }
            }
            before = ",";
        }
        out.raw("]")
    }

    /// Of entries with one key the last counts, and stands where it stands.
    fn map_json(
        &mut self,
        id: MessageId,
        entries: Range<usize>,
        depth: u8,
        out: &mut JsonText<'_>,
    ) -> Result<(), Fault> {
        let entry = self.types.message(id);
        let mut last = HashMap::new();
        if entries.len() > 1 {
            for at in entries.clone() {
                let span = self.found[at].span;
                last.insert(self.key(entry, span)?, at);
            }
        }
        out.raw("{")?;
        let mut before = "";
        for at in entries {
            let found = self.scan(entry, at..at + 1)?;
            let values = self.found[found.clone()].partition_point(|found| found.field == 0);
            let values = found.start + values;
            let key = self.key_of(entry, found.start..values)?;
            if last.get(&key).is_none_or(|last| *last == at) {
                out.raw(before)?;
                match key {
                    Key::Text(text) => out.text(text)?,
                    Key::Int(number) => out.text(&number.to_string())?,
                    Key::Unsigned(number) => out.text(&number.to_string())?,
                    Key::Bool(yes) => out.text(if yes { "true" } else { "false" })?,
                }
                out.raw(":")?;
                match entry.fields.get(1) {
                    Some(value) => self.field_json(value, values..found.end, depth, out)?,
                    None => out.raw("null")?,
                }
                before = ",";
            }
            self.found.truncate(found.start);
        }
        out.raw("}")
    }

    /// The key of an entry.
    pub fn key(&mut self, entry: &Message, span: Span) -> Result<Key<'c>, Fault> {
        let at = self.found.len();
        self.found.push(Found { field: 0, span });
        let found = self.scan(entry, at..at + 1)?;
        let values = self.found[found.clone()].partition_point(|found| found.field == 0);
        let key = self.key_of(entry, found.start..found.start + values);
        self.found.truncate(at);
        key
    }

    fn key_of(&mut self, entry: &Message, values: Range<usize>) -> Result<Key<'c>, Fault> {
        match entry.fields.first().map(|field| field.kind) {
            Some(FieldKind::Scalar(scalar)) => self.last(scalar, values).map(Key::of),
            Some(FieldKind::Message { .. }) | None => Ok(Key::Int(0)),
        }
    }

    /// A value of JSON: goes to the text where there is one and it is an object or an
    /// array, else it is a cell.
    pub fn value(
        &mut self,
        message: &Message,
        parts: Range<usize>,
        depth: u8,
        out: Option<&mut JsonText<'_>>,
    ) -> Result<Option<Cell<'c>>, Fault> {
        let found = self.scan(message, parts)?;
        // All fields are of one set: what is left is of one of them.
        let last = self.found[found.clone()].last().copied();
        let field = last.map(|last| &message.fields[last.field as usize]);
        let cell = match (field, last) {
            (Some(field), Some(last)) => match (field.number, field.kind) {
                (2..=4, FieldKind::Scalar(scalar)) => Some(self.scalar_at(scalar, last.span)?),
                (_, FieldKind::Message { id, .. }) => match out {
                    Some(out) => {
                        self.message_json(id, found.clone(), depth, out)?;
                        None
                    }
                    None => Some(
                        self.written(|it, out| it.message_json(id, found.clone(), depth, out))?,
                    ),
                },
                (_, FieldKind::Scalar(_)) => Some(Cell::Null),
            },
            (None, _) | (_, None) => Some(Cell::Null),
        };
        self.found.truncate(found.start);
        Ok(cell)
    }

    /// A message with the name of its type: its own fields where the schema has it, and
    /// else its bytes.
    fn any_json(
        &mut self,
        message: &Message,
        parts: Range<usize>,
        depth: u8,
        out: &mut JsonText<'_>,
    ) -> Result<(), Fault> {
        let found = self.scan(message, parts)?;
        let of = |it: &Self, number: u32| {
            let mut found = it.found[found.clone()].iter().rev();
            let is = |found: &&Found| message.fields[found.field as usize].number == number;
            found.find(is).map(|found| found.span)
        };
        let (url, value) = (of(self, 1), of(self, 2));
        let Some(url) = url else {
            self.found.truncate(found.start);
            return out.raw("{}");
        };
        self.body.open(url);
        let url = text(self.body.bytes_of(url))?;
        out.raw("{\"@type\":")?;
        out.text(url)?;
        let name = url.rsplit('/').next().unwrap_or_default();
        let value = value.unwrap_or(Span { from: 0, to: 0 });
        let at = self.found.len();
        self.found.push(Found {
            field: 0,
            span: value,
        });
        match self.types.named(name) {
            None => {
                out.raw(",\"value\":")?;
                out.bytes(self.body.bytes_of(value))?;
                out.raw("}")?;
            }
            Some(id) => {
                let of = self.types.message(id);
                match of.meaning {
                    Meaning::Fields => {
                        let depth = Self::deeper(depth)?;
                        self.fields_json(of, at..at + 1, depth, ",", out)?;
                    }
                    Meaning::One(_)
                    | Meaning::Struct
                    | Meaning::Value
                    | Meaning::List
                    | Meaning::Any => {
                        out.raw(",\"value\":")?;
                        self.message_json(id, at..at + 1, depth, out)?;
                        out.raw("}")?;
                    }
                }
            }
        }
        self.found.truncate(found.start);
        Ok(())
    }
}
