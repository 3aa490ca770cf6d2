//! Unions: which branch there is, a record says; which cells it fills, the schema.

use super::compile::{At, Compile};
use super::{Step, Steps};
use crate::SchemaError;
use crate::schema::{Base, TypeId};
use plimsoll_record::Want;

impl Compile<'_> {
    /// A union of which something is wanted.
    pub fn union(
        &mut self,
        branches: &[TypeId],
        want: &Want<'_>,
        at: At<'_>,
    ) -> Result<(), SchemaError> {
        let is_null = |id: &TypeId| matches!(self.base(*id), Base::Null);
        let (null, other) = match branches {
            [a, b] if is_null(a) && !is_null(b) => (0, *b),
            [a, b] if is_null(b) && !is_null(a) => (1, *a),
            _ => {
                return self.branches(branches, want, |it, branch| it.value(branch, want, at));
            }
        };
        let nulls = self.reach(other, want)?;
        let nulls = self.nulls(&nulls);
        let place = self.program.steps.len();
        self.step(Step::Refuse)?;
        self.value(other, want, at)?;
        let to = self.here();
        self.program.steps[place] = Step::Nullable { null, nulls, to };
        Ok(())
    }

    /// A union of other types: each branch has its own steps, and cells that another
    /// branch fills are null.
    pub fn branches(
        &mut self,
        branches: &[TypeId],
        want: &Want<'_>,
        mut steps: impl FnMut(&mut Self, TypeId) -> Result<(), SchemaError>,
    ) -> Result<(), SchemaError> {
        let mut reached = Vec::with_capacity(branches.len());
        for &branch in branches {
            reached.push(self.reach(branch, want)?);
        }
        let mut all: Vec<u32> = reached.concat();
        all.sort_unstable();
        all.dedup();

        let from = self.program.branches.len();
        let room = from + branches.len();
        self.program.branches.resize(room, 0);
        self.step(Step::Branch {
            branches: Steps {
                from: from as u32,
                to: room as u32,
            },
        })?;
        let mut ends = Vec::with_capacity(branches.len());
        for (i, (&branch, reached)) in branches.iter().zip(&reached).enumerate() {
            self.program.branches[from + i] = self.here();
            steps(self, branch)?;
            let missed: Vec<u32> = all
                .iter()
                .copied()
                .filter(|cell| !reached.contains(cell))
                .collect();
            if !missed.is_empty() {
                let nulls = self.nulls(&missed);
                self.step(Step::Null { nulls })?;
            }
            ends.push(self.program.steps.len());
            self.step(Step::Refuse)?;
        }
        let to = self.here();
        for end in ends {
            self.program.steps[end] = Step::Jump { to };
        }
        Ok(())
    }

    fn nulls(&mut self, cells: &[u32]) -> Steps {
        let from = self.program.nulls.len() as u32;
        self.program.nulls.extend(cells);
        let to = self.program.nulls.len() as u32;
        Steps { from, to }
    }

    /// The cells that a value of a type can fill, each once. Keys of maps are not counted:
    /// the schema does not say that they are there.
    fn reach(&mut self, id: TypeId, want: &Want<'_>) -> Result<Vec<u32>, SchemaError> {
        let mut cells = Vec::new();
        self.reach_into(id, want, &mut cells)?;
        cells.sort_unstable();
        cells.dedup();
        Ok(cells)
    }

    fn reach_into(
        &mut self,
        id: TypeId,
        want: &Want<'_>,
        cells: &mut Vec<u32>,
    ) -> Result<(), SchemaError> {
        self.look()?;
        match self.base(id) {
            Base::Union(branches) => {
                for &branch in branches {
                    self.reach_into(branch, want, cells)?;
                }
                return Ok(());
            }
            Base::Record(fields, _) => {
                for field in fields {
                    if let Some(below) = want.below.get(&*field.name) {
                        self.reach_into(field.id, below, cells)?;
                    }
                }
            }
            _ => {}
        }
        cells.extend(want.here.iter().map(|target| target.cell));
        Ok(())
    }
}
