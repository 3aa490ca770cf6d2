//! What a part of a program reads into: it has to be undone where something else is set
//! instead.

use super::Clear;

/// Cells and slots.
#[derive(Debug, Default, Clone)]
pub struct Cover {
    /// What it takes to undo them.
    clears: Vec<Clear>,
}

impl Cover {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(&mut self, clear: Clear) {
        if !self.clears.contains(&clear) {
            self.clears.push(clear);
        }
    }

    /// All of another's.
    pub fn join(&mut self, other: &Self) {
        other.clears.iter().for_each(|clear| self.add(*clear));
    }

    /// The same for what depends on a key of a map, which the schema does not say that it
    /// is there.
    pub fn by_key(&self) -> Self {
        let by_key = |clear: &Clear| match *clear {
            Clear::Null(cell) => Clear::Absent(cell),
            other => other,
        };
        Self {
            clears: self.clears.iter().map(by_key).collect(),
        }
    }

    /// What it takes to undo them.
    pub fn clears(&self) -> &[Clear] {
        &self.clears
    }
}
