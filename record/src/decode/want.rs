//! The fields that are wanted, as a tree of their paths: for formats that compile what
//! they read.

use super::format::Field;
use plimsoll_sink_api::Column;
use std::collections::BTreeMap;

/// A cell that takes a value.
#[derive(Debug, Clone, Copy)]
pub struct Target<'t> {
    /// The cell.
    pub cell: u32,
    /// Its column.
    pub column: &'t Column,
    /// Which one of the wanted fields it is.
    pub field: usize,
}

/// What is wanted of a value.
#[derive(Debug, Default)]
pub struct Want<'t> {
    /// What takes the value itself.
    pub here: Vec<Target<'t>>,
    /// What is wanted of its fields.
    pub below: BTreeMap<&'t str, Want<'t>>,
}

impl<'t> Want<'t> {
    /// Of these fields, each with its number.
    #[must_use]
    pub fn of(fields: impl Iterator<Item = (usize, Field<'t>)>) -> Self {
        let mut it = Self::default();
        for (number, field) in fields {
            it.add(&field.path.0, Target::of(number, &field));
        }
        it
    }

    /// Of a value itself.
    #[must_use]
    pub fn bare(field: &Field<'t>) -> Self {
        Self {
            here: vec![Target::of(usize::MAX, field)],
            below: BTreeMap::new(),
        }
    }

    fn add(&mut self, path: &'t [String], target: Target<'t>) {
        match path {
            [] => self.here.push(target),
            [first, rest @ ..] => self.below.entry(first).or_default().add(rest, target),
        }
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.here.is_empty() && self.below.is_empty()
    }
}

impl<'t> Target<'t> {
    fn of(number: usize, field: &Field<'t>) -> Self {
        Self {
            // A table has no more columns than that.
            cell: u32::try_from(field.cell).unwrap_or(u32::MAX),
            column: field.column,
            field: number,
        }
    }
}
