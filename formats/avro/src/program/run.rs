//! The steps of a program, obeyed over the bytes of one value.

use super::{Program, Read, Step, Steps};
use crate::schema::{Base, TypeId};
use crate::walk::Walk;
use plimsoll_record::semantic::{Parts, bit};
use plimsoll_record::{Arena, BadRecord, Fault};
use plimsoll_sink_api::{Cell, Float};

/// Why it stopped before the end.
enum Stop {
    /// Something is wrong with the bytes.
    Fault(Fault),
    /// A field that nobody wants, by its place among the names.
    Unknown(u32),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

struct Run<'p, 'c, 'r> {
    program: &'p Program,
    walk: Walk<'p, 'c>,
    cells: &'r mut [Cell<'c>],
    /// The cell that was being filled last, for messages.
    filling: Option<u32>,
}

impl Program {
    /// Fills the cells of the fields that the bytes have, and leaves others as they are.
    /// The bytes are all of a value, without what frames it.
    ///
    /// # Errors
    /// [`BadRecord::Binary`], with the byte counted from the first of these; or
    /// [`BadRecord::UnknownField`]. Cells may be filled already.
    ///
    /// # Panics
    /// Where there are fewer cells than the wanted fields said.
    pub fn read<'c>(
        &self,
        body: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<(), BadRecord> {
        let mut run = Run {
            program: self,
            walk: Walk::new(&self.types, body, self.bare, arena),
            cells,
            filling: None,
        };
        match run.all() {
            Ok(()) => Ok(()),
            Err(stop) => Err(run.bad(&stop)),
        }
    }
}

impl<'c> Run<'_, 'c, '_> {
    fn all(&mut self) -> Result<(), Stop> {
        self.steps(Steps {
            from: 0,
            to: self.program.steps.len() as u32,
        })?;
        match self.walk.body.left() {
            0 => Ok(()),
            _ => Err(Fault::Trailing.into()),
        }
    }

    #[cold]
    fn bad(&self, stop: &Stop) -> BadRecord {
        let named = |cell| self.program.columns.iter().find(|(of, _)| *of == cell);
        match stop {
            Stop::Unknown(name) => BadRecord::UnknownField {
                field: self.program.unknown[*name as usize].to_string(),
            },
            Stop::Fault(fault) => BadRecord::Binary {
                side: self.program.side,
                format: "Avro",
                fault: *fault,
                at: self.walk.body.at(),
                column: self
                    .filling
                    .and_then(named)
                    .map(|(_, name)| name.to_string()),
            },
        }
    }

    fn steps(&mut self, of: Steps) -> Result<(), Stop> {
        let steps = &self.program.steps[..of.to as usize];
        let mut next = of.from as usize;
        let mut saved = 0;
        while let Some(step) = steps.get(next) {
            next += 1;
            match *step {
                Step::Put { cell, read } => match self.value(read) {
                    Ok(value) => self.cells[cell as usize] = value,
                    Err(fault) => {
                        self.filling = Some(cell);
                        return Err(fault.into());
                    }
                },
                Step::Skip { id, depth } => self.walk.skip(id, depth)?,
                Step::Save => saved = self.walk.body.at(),
                Step::Back => self.walk.body.go(saved),
                Step::Nullable { null, nulls, to } => {
                    if self.walk.body.index(2)? == usize::from(null) {
                        self.null(nulls);
                        next = to as usize;
                    }
                }
                Step::Branch { branches } => {
                    let branches = branches.of(&self.program.branches);
                    next = branches[self.walk.body.index(branches.len())?] as usize;
                }
                Step::Jump { to } => next = to as usize,
                Step::Null { nulls } => self.null(nulls),
                Step::Entries {
                    keys,
                    values,
                    depth,
                    to,
                } => {
                    self.entries(keys, values, depth)?;
                    next = to as usize;
                }
                Step::Unknown { name } => return Err(Stop::Unknown(name)),
                Step::Refuse => return Err(Fault::NotRecord.into()),
            }
        }
        Ok(())
    }

    /// A null says nothing against a value: two fields may be wanted for one cell, and
    /// only one of them may be there.
    fn null(&mut self, nulls: Steps) {
        for &cell in nulls.of(&self.program.nulls) {
            let cell = &mut self.cells[cell as usize];
            if matches!(cell, Cell::Absent) {
                *cell = Cell::Null;
            }
        }
    }

    fn entries(&mut self, keys: u32, values: TypeId, depth: u8) -> Result<(), Stop> {
        let known = &self.program.keys[keys as usize];
        while let Some(block) = self.walk.block()? {
            for _ in 0..block.count {
                let key = self.walk.body.text()?;
                match known.iter().find(|(name, _)| **name == *key) {
                    Some((_, steps)) => self.steps(*steps)?,
                    None => self.walk.skip(values, depth)?,
                }
            }
            self.walk.end_block(&block)?;
        }
        Ok(())
    }

    #[inline]
    fn value(&mut self, read: Read) -> Result<Cell<'c>, Fault> {
        let walk = &mut self.walk;
        let body = &mut walk.body;
        Ok(match read {
            Read::Null => Cell::Null,
            Read::Presence => Cell::Bool(true),
            Read::Boolean => Cell::Bool(body.boolean()?),
            Read::Bit => bit(body.boolean()?),
            Read::Int => Cell::Int(body.int()?),
            Read::Long => Cell::Int(body.long()?),
            Read::WholeInt(whole) => whole.cell(body.int()?)?,
            Read::WholeLong(whole) => whole.cell(body.long()?)?,
            Read::Float => Cell::Float(Float::Single(body.float()?)),
            Read::Double => Cell::Float(Float::Double(body.double()?)),
            Read::Text => Cell::Text(body.text()?),
            Read::Chars(chars, shape) => chars.cell(body.text()?, shape)?,
            Read::Bytes => Cell::Bytes(body.bytes()?),
            Read::Octets(octets) => octets.cell(body.bytes()?, walk.arena)?,
            Read::Fixed(size) => Cell::Bytes(body.take(size as usize)?),
            Read::FixedOctets(size, octets) => {
                octets.cell(body.take(size as usize)?, walk.arena)?
            }
            Read::Symbol(id) => Cell::Text(self.symbol(id)?),
            Read::SymbolBytes(id) => Cell::Bytes(self.symbol(id)?.as_bytes()),
            Read::Parts(id, parts, depth) => self.parts(id, parts, depth)?,
            Read::Json(id, depth) => walk.json_cell(id, depth)?,
            Read::Encoded(id, depth) => {
                let at = body.at();
                walk.skip(id, depth)?;
                Cell::Bytes(walk.body.since(at))
            }
        })
    }

    /// Kept in the arena: cells outlive the program.
    fn symbol(&mut self, id: TypeId) -> Result<&'c str, Fault> {
        match &self.walk.types.get(id).base {
            Base::Enum(symbols) => {
                let index = self.walk.body.index(symbols.len())?;
                Ok(self.walk.arena.text(&symbols[index]))
            }
            // Compiled for nothing else.
            _ => Err(Fault::Index),
        }
    }

    fn parts(&mut self, id: TypeId, parts: Parts, depth: u8) -> Result<Cell<'c>, Fault> {
        match &self.walk.types.get(id).base {
            Base::Record(fields, _) => {
                let gathered = self.walk.gather(fields, depth)?;
                parts.cell(&gathered, self.walk.arena)
            }
            // Compiled for nothing else.
            _ => Err(Fault::NotRecord),
        }
    }
}

impl Steps {
    fn of(self, list: &[u32]) -> &[u32] {
        &list[self.from as usize..self.to as usize]
    }
}
