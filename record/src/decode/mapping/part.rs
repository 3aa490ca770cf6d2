//! What a column takes of what was read: a cell as it is, what stands in an array, or the
//! fields that no other column takes.

use crate::Arena;
use crate::decode::json::{Scanner, cell};
use plimsoll_sink_api::{Cell, Shape, Step};
use std::collections::BTreeSet;

#[derive(Debug)]
pub(super) enum Part {
    /// A cell as it was read.
    Cell(usize),
    /// What these steps lead to, in the JSON of a cell.
    Inside(usize, Vec<Step>),
    /// The object in a cell without these fields.
    Rest(usize, BTreeSet<String>),
}

impl Part {
    /// `None`: a string with an escape that is none.
    pub(super) fn take<'c>(
        &self,
        cells: &[Cell<'c>],
        shape: Shape,
        arena: &'c Arena,
    ) -> Option<Cell<'c>> {
        match self {
            Self::Cell(at) => Some(cells[*at]),
            Self::Inside(at, steps) => match cells[*at] {
                Cell::Json(raw) => match inside(raw, steps, arena) {
                    None => Some(Cell::Absent),
                    Some(found) => cell(found, shape, arena),
                },
                // What is no JSON has nothing in it.
                Cell::Null => Some(Cell::Null),
                Cell::Unchanged => Some(Cell::Unchanged),
                _ => Some(Cell::Absent),
            },
            Self::Rest(at, without) => Some(match cells[*at] {
                Cell::Json(raw) => rest(raw, without, arena).map_or(Cell::Absent, Cell::Json),
                other => other,
            }),
        }
    }
}

/// What some steps lead to; `None`: nothing is there. The calls within each other are as
/// many as the config has steps.
fn inside<'c>(raw: &'c str, steps: &[Step], arena: &'c Arena) -> Option<&'c str> {
    let (step, further) = match steps {
        [] => return Some(raw),
        [step, further @ ..] => (step, further),
    };
    match step {
        Step::Field(name) => inside(field(raw, name)?, further, arena),
        Step::Element(place) => inside(element(raw, *place)?, further, arena),
        Step::Every => {
            let mut every = String::from("[");
            each_element(raw, |element| {
                if let Some(found) = inside(element, further, arena) {
                    push_found(found, further, &mut every);
                }
            })?;
            every.push(']');
            Some(arena.text(&every))
        }
    }
}

/// Adds what was found in one element; what every element of that has becomes part of the
/// one array.
fn push_found(found: &str, further: &[Step], every: &mut String) {
    let array = found
        .strip_prefix('[')
        .and_then(|found| found.strip_suffix(']'));
    let flat = match array {
        Some(inner) if further.contains(&Step::Every) => inner,
        _ => found,
    };
    if flat.is_empty() {
        return;
    }
    if every.len() > 1 {
        every.push(',');
    }
    every.push_str(flat);
}

/// The last field of a name, as everywhere.
fn field<'c>(raw: &'c str, name: &str) -> Option<&'c str> {
    let mut scanner = Scanner::new(raw);
    let mut found = None;
    let mut more = scanner.open_object()?;
    while more {
        let is = scanner.name()? == name;
        scanner.colon()?;
        let value = scanner.value()?;
        if is {
            found = Some(value);
        }
        more = scanner.next_field()?;
    }
    found
}

fn element(raw: &str, place: i32) -> Option<&str> {
    let mut count = 0;
    each_element(raw, |_| count += 1)?;
    let wanted = match usize::try_from(place) {
        Ok(place) => place,
        Err(_) => usize::checked_sub(count, place.unsigned_abs() as usize)?,
    };
    let (mut at, mut found) = (0, None);
    each_element(raw, |element| {
        if at == wanted {
            found = Some(element);
        }
        at += 1;
    })?;
    found
}

fn each_element<'c>(raw: &'c str, mut each: impl FnMut(&'c str)) -> Option<()> {
    let mut scanner = Scanner::new(raw);
    let mut more = scanner.open_array()?;
    while more {
        each(scanner.value()?);
        more = scanner.next_item()?;
    }
    Some(())
}

/// An object without some fields; `None`: it is none.
fn rest<'c>(raw: &'c str, without: &BTreeSet<String>, arena: &'c Arena) -> Option<&'c str> {
    let mut scanner = Scanner::new(raw);
    let mut kept = String::from("{");
    let mut more = scanner.open_object()?;
    while more {
        let name = scanner.name()?;
        scanner.colon()?;
        let value = scanner.value()?;
        if !without.contains(&*name) {
            if kept.len() > 1 {
                kept.push(',');
            }
            crate::json_text::quote(&name, &mut kept);
            kept.push(':');
            kept.push_str(value);
        }
        more = scanner.next_field()?;
    }
    kept.push('}');
    Some(arena.text(&kept))
}
