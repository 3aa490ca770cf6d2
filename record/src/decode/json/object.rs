//! JSON text → cells, borrowed from the payload.

use super::fields::{Fields, Node};
use super::scan::{Scanner, unquoted};
use crate::{Arena, BadRecord, Fault};
use plimsoll_sink_api::{Cell, Shape};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A cell, and how it takes a value.
pub trait Take {
    /// Whether a schema tells where objects are: what lies below a null is null then, and
    /// below anything else but an object there can be nothing.
    const TYPED: bool;

    /// Which cell.
    fn cell(&self) -> usize;

    /// A value, by its text.
    ///
    /// # Errors
    /// What is wrong with it.
    fn take<'c>(&self, raw: &'c str, arena: &'c Arena) -> Result<Cell<'c>, Fault>;

    /// The same about the record, where the value stands so many bytes behind its
    /// beginning.
    fn bad(&self, fault: Fault, at: usize) -> BadRecord;
}

/// Reads one JSON object into the cells of its columns.
pub struct ObjectReader<'t, 'c, 'de, T> {
    /// What takes values, by the numbers in [`Fields`].
    pub targets: &'t [T],
    /// The cells of the row.
    pub cells: &'c mut [Cell<'de>],
    /// For strings with escapes.
    pub arena: &'de Arena,
    /// The whole text that the object is of.
    pub message: &'de str,
    /// What is wrong beyond JSON's grammar: the first thing found.
    pub bad: Option<BadRecord>,
}

/// The text is no JSON object.
pub struct NoObject;

impl<'de, T: Take> ObjectReader<'_, '_, 'de, T> {
    /// Reads `text`, which must be one JSON object.
    ///
    /// # Errors
    /// It is none.
    pub fn read(&mut self, fields: &Fields, text: &'de str) -> Result<(), NoObject> {
        self.walk(fields, text).ok_or(NoObject)
    }

    fn walk(&mut self, fields: &Fields, text: &'de str) -> Option<()> {
        let mut scanner = Scanner::new(text);
        // Not allocated where no column lies below a field.
        let mut parents: Vec<*const Node> = Vec::new();
        let mut before = None;
        let mut more = scanner.open_object()?;
        while more {
            let guess = fields.guess(before);
            let node = match guess.filter(|node| scanner.took_name(node.quoted())) {
                Some(node) => Some(node),
                None => {
                    let name = scanner.name()?;
                    let found = fields.get(&name, before);
                    if found.is_none() && fields.is_strict() {
                        self.bad.get_or_insert(BadRecord::UnknownField {
                            field: name.into_owned(),
                        });
                    }
                    found
                }
            };
            scanner.colon()?;
            let raw = scanner.value()?;
            if let Some(node) = node {
                before = Some(node);
                self.put(node, raw);
                // A nested object is read again for its fields; only paths pay.
                if let Some(below) = &node.below {
                    // Of two fields of one name the last one counts whole, as it
                    // does in a json column: nothing of the first one stays.
                    if parents.contains(&std::ptr::from_ref(node)) {
                        below.each_column(&mut |i| {
                            self.cells[self.targets[i].cell()] = Cell::Absent;
                        });
                    } else {
                        parents.push(node);
                    }
                    if raw.starts_with('{') {
                        self.walk(below, raw)?;
                    } else if T::TYPED {
                        self.no_object(below, raw);
                    }
                }
            }
            more = scanner.next_field()?;
        }
        scanner.end()
    }

    fn put(&mut self, node: &Node, raw: &'de str) {
        for &target in &node.columns {
            let target = &self.targets[target];
            match target.take(raw, self.arena) {
                Ok(cell) => self.cells[target.cell()] = cell,
                Err(fault) => {
                    let at = place(raw, self.message);
                    self.bad.get_or_insert_with(|| target.bad(fault, at));
                }
            }
        }
    }

    fn no_object(&mut self, below: &Fields, raw: &str) {
        below.each_column(&mut |i| {
            let target = &self.targets[i];
            if raw == "null" {
                self.cells[target.cell()] = Cell::Null;
            } else {
                let at = place(raw, self.message);
                self.bad
                    .get_or_insert_with(|| target.bad(Fault::OtherType, at));
            }
        });
    }
}

/// Where a part of a text stands in it.
pub fn place(part: &str, text: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

/// The one JSON value that a text is, without white space around it.
///
/// # Errors
/// The byte at which the grammar was broken.
pub fn whole(text: &str) -> Result<&str, usize> {
    let mut scanner = Scanner::new(text);
    match scanner.value().filter(|_| scanner.end().is_some()) {
        Some(value) => Ok(value),
        None => judged(text),
    }
}

/// The items of the JSON array that a text is, up to one more than `most`; `None`: it is
/// none.
#[must_use]
pub fn items(text: &str, most: usize) -> Option<Vec<&str>> {
    let mut scanner = Scanner::new(text);
    let mut items = Vec::new();
    let mut more = scanner.open_array()?;
    while more {
        items.push(scanner.value()?);
        more = scanner.next_item()?;
        if items.len() > most {
            return Some(items);
        }
    }
    scanner.end().map(|()| items)
}

/// What [`whole`] tells, by serde_json, which says where the grammar was broken.
fn judged(text: &str) -> Result<&str, usize> {
    serde_json::from_str::<&RawValue>(text)
        .map(RawValue::get)
        .map_err(|e| byte_of(text, &e))
}

/// serde_json counts lines and columns; people with a payload at hand count
/// bytes.
fn byte_of(text: &str, error: &serde_json::Error) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    (before + error.column()).min(text.len())
}

/// One JSON value, as its text, as a cell; `None` for a string whose escapes
/// are broken.
#[must_use]
pub fn cell<'c>(raw: &'c str, shape: Shape, arena: &'c Arena) -> Option<Cell<'c>> {
    let bytes = raw.as_bytes();
    Some(match (bytes.first()?, shape) {
        (b'n', _) => Cell::Null,
        (_, Shape::Presence) => Cell::Bool(true),
        (_, Shape::Json) => Cell::Json(raw),
        (_, Shape::Bytes) => Cell::Bytes(bytes),
        (b't', Shape::Scalar) => Cell::Bool(true),
        (b'f', Shape::Scalar) => Cell::Bool(false),
        (b'{' | b'[', Shape::Scalar) => Cell::Json(raw),
        (b'"', Shape::Scalar) => Cell::Text(match unquoted(raw)? {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => arena.text(&text),
        }),
        (_, Shape::Scalar) => Cell::Number(raw),
    })
}
