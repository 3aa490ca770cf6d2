//! A program, obeyed over the bytes of one record.

use super::{Clear, Fill, Form, Level, Make, Part, Program, Slot, What};
use crate::schema::{MessageId, Scalar};
use crate::walk::{Found, Walk};
use crate::wire::{Span, Wire};
use plimsoll_record::semantic::bit;
use plimsoll_record::{Arena, BadRecord, Fault, Framing, Looks};
use plimsoll_sink_api::{Cell, canonical};

/// Why it stopped before the end.
enum Stop {
    /// Something is wrong with the bytes.
    Fault(Fault),
    /// A field that nobody wants, by its place among the names.
    Unknown(u32),
    /// One that the schema does not have either, by its number.
    UnknownNumber(u32),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The first place that was noted for a slot, and where the others are.
#[derive(Clone, Copy)]
struct Chain {
    first: Option<Span>,
    next: u32,
    last: u32,
}

/// A further place, and the next one for the same slot.
#[derive(Clone, Copy)]
struct Noted {
    span: Span,
    next: u32,
}

const NONE: u32 = u32::MAX;

const EMPTY: Chain = Chain {
    first: None,
    next: NONE,
    last: NONE,
};

/// Slots that are kept on the stack.
const FEW: usize = 8;

struct Run<'p, 'c, 'r> {
    program: &'p Program,
    walk: Walk<'p, 'c>,
    cells: &'r mut [Cell<'c>],
    chains: &'r mut [Chain],
    noted: Vec<Noted>,
    /// The cell that was being filled last, for messages.
    filling: Option<u32>,
}

impl Program {
    /// Fills the cells of the fields that the schema has, and leaves others as they are.
    /// The bytes are all of a message, without what frames it.
    ///
    /// # Errors
    /// [`BadRecord::Binary`], with the byte counted from the first of these;
    /// [`BadRecord::OtherFormat`], or [`BadRecord::UnknownField`]. Cells may be filled
    /// already.
    ///
    /// # Panics
    /// Where there are fewer cells than the wanted fields said.
    pub fn read<'c>(
        &self,
        body: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<(), BadRecord> {
        // Most tables have few slots: no memory is asked for them.
        let (mut few, mut many);
        let chains: &mut [Chain] = match self.slots.len() {
            slots @ ..=FEW => {
                few = [EMPTY; FEW];
                &mut few[..slots]
            }
            slots => {
                many = vec![EMPTY; slots];
                &mut many
            }
        };
        let mut run = Run {
            program: self,
            walk: Walk::new(&self.types, body, arena),
            cells,
            chains,
            noted: Vec::new(),
            filling: None,
        };
        match run.all() {
            Ok(()) => Ok(()),
            Err(stop) => Err(run.bad(&stop, body)),
        }
    }
}

impl<'p, 'c> Run<'p, 'c, '_> {
    fn all(&mut self) -> Result<(), Stop> {
        let program = self.program;
        let all = Span {
            from: 0,
            to: self.walk.body.end() as u32,
        };
        for &slot in &program.whole {
            self.note(slot, all);
        }
        self.level(&program.levels[program.root as usize])?;
        for (at, slot) in program.slots.iter().enumerate() {
            let chain = self.chains[at];
            if let Some(first) = chain.first {
                self.fill_slot(first, chain.next, *slot)?;
            }
        }
        Ok(())
    }

    #[cold]
    fn bad(&self, stop: &Stop, body: &[u8]) -> BadRecord {
        let (side, format) = (self.program.side, "Protobuf");
        let named = |cell| self.program.columns.iter().find(|(of, _)| *of == cell);
        match (stop, looks(body)) {
            (Stop::Unknown(name), _) => BadRecord::UnknownField {
                field: self.program.unknown[*name as usize].to_string(),
            },
            (Stop::UnknownNumber(number), _) => BadRecord::UnknownField {
                field: format!("number {number}"),
            },
            (Stop::Fault(_), Some(looks)) => BadRecord::OtherFormat {
                side,
                format,
                looks,
            },
            (Stop::Fault(fault), None) => BadRecord::Binary {
                side,
                format,
                fault: *fault,
                at: self.walk.body.at(),
                column: self
                    .filling
                    .and_then(named)
                    .map(|(_, name)| name.to_string()),
            },
        }
    }

    /// The fields of a message, to the end of the window.
    fn level(&mut self, level: &'p Level) -> Result<(), Stop> {
        for &(cell, fill) in level.fills.of(&self.program.fills) {
            self.fill(cell, fill)?;
        }
        while !self.walk.body.is_over() {
            let (number, wire) = self.walk.body.tag()?;
            match level.numbers.get(number) {
                Some(place) => {
                    let act = &level.acts[place];
                    act.writing.check(wire)?;
                    if !act.clears.is_empty() {
                        self.clear(act.clears);
                    }
                    self.what(act.what, number, wire)?;
                }
                None if level.strict => return Err(Stop::UnknownNumber(number)),
                None => self.walk.body.skip(number, wire)?,
            }
        }
        match level.unknown {
            None => Ok(()),
            Some(name) => Err(Stop::Unknown(name)),
        }
    }

    #[inline]
    fn what(&mut self, what: What, number: u32, wire: Wire) -> Result<(), Stop> {
        match what {
            // What most are.
            What::Put {
                cell,
                scalar,
                form: Form::Own,
            } => {
                let put = self.walk.put(scalar, &mut self.cells[cell as usize]);
                if put.is_err() {
                    self.filling = Some(cell);
                }
                put?;
            }
            other => self.rarer(other, number, wire)?,
        }
        Ok(())
    }

    fn rarer(&mut self, what: What, number: u32, wire: Wire) -> Result<(), Stop> {
        match what {
            What::Skip => self.walk.body.skip(number, wire)?,
            What::Put { cell, scalar, form } => match self.put(scalar, form) {
                Ok(value) => self.cells[cell as usize] = value,
                Err(fault) => {
                    self.filling = Some(cell);
                    return Err(fault.into());
                }
            },
            What::Presence { cell } => self.cells[cell as usize] = Cell::Bool(true),
            What::Note { slot } => {
                let span = self.walk.body.span(number, wire)?;
                self.note(slot, span);
            }
            What::Enter { level } => {
                let span = self.walk.body.span(number, wire)?;
                self.within(level, span)?;
            }
            What::Entry { map } => {
                let span = self.walk.body.span(number, wire)?;
                self.entry(map, span)?;
            }
            What::Many { whats } => {
                let at = self.walk.body.at();
                for &what in whats.of(&self.program.whats) {
                    self.walk.body.go(at);
                    self.what(what, number, wire)?;
                }
            }
        }
        Ok(())
    }

    /// A message within: its fields, and back.
    fn within(&mut self, level: u32, span: Span) -> Result<(), Stop> {
        let (at, end) = (self.walk.body.at(), self.walk.body.end());
        self.walk.body.open(span);
        self.level(&self.program.levels[level as usize])?;
        self.walk.body.window(at, end);
        Ok(())
    }

    /// An entry of a map: of several with one key the last counts, whole.
    fn entry(&mut self, map: u32, span: Span) -> Result<(), Stop> {
        let map = &self.program.maps[map as usize];
        let (at, end) = (self.walk.body.at(), self.walk.body.end());
        let key = self.walk.key(self.walk.types.message(map.entry), span)?;
        if let Some(known) = map.known.iter().find(|known| known.key.is(key)) {
            self.clear(known.clears);
            for &slot in &known.begun {
                self.note(slot, Span { from: 0, to: 0 });
            }
            self.within(known.level, span)?;
        }
        self.walk.body.window(at, end);
        Ok(())
    }

    #[inline]
    fn note(&mut self, slot: u32, span: Span) {
        let chain = &mut self.chains[slot as usize];
        if chain.first.is_none() {
            chain.first = Some(span);
            return;
        }
        // As a rule there is one.
        let at = self.noted.len() as u32;
        self.noted.push(Noted { span, next: NONE });
        match chain.last {
            NONE => chain.next = at,
            last => self.noted[last as usize].next = at,
        }
        chain.last = at;
    }

    fn clear(&mut self, clears: Part) {
        for &clear in clears.of(&self.program.clears) {
            match clear {
                Clear::Null(cell) => self.cells[cell as usize] = Cell::Null,
                Clear::Absent(cell) => self.cells[cell as usize] = Cell::Absent,
                Clear::Slot(slot) => self.chains[slot as usize] = EMPTY,
            }
        }
    }

    /// What a cell is before something is read into it: two fields may be wanted for one
    /// cell, and one of them may have filled it.
    #[inline]
    fn fill(&mut self, cell: u32, fill: Fill) -> Result<(), Fault> {
        let is_free = match self.cells[cell as usize] {
            Cell::Absent => true,
            Cell::Null => !matches!(fill, Fill::Null),
            _ => false,
        };
        if !is_free {
            return Ok(());
        }
        self.cells[cell as usize] = match fill {
            Fill::Null => Cell::Null,
            Fill::Cell(cell) => cell,
            Fill::Symbol(scalar, form) => {
                let symbol = self.walk.zero(scalar);
                self.formed(symbol, form)?
            }
        };
        Ok(())
    }

    #[inline]
    fn put(&mut self, scalar: Scalar, form: Form) -> Result<Cell<'c>, Fault> {
        match (form, scalar) {
            (Form::Own, _) => self.walk.scalar(scalar),
            // A column of bytes takes any.
            (Form::Bytes, Scalar::String | Scalar::Bytes) => {
                self.walk.body.delimited().map(Cell::Bytes)
            }
            (Form::Json | Form::Bytes | Form::Bit, _) => {
                let cell = self.walk.scalar(scalar)?;
                self.formed(cell, form)
            }
        }
    }

    /// A value in the form that its column wants.
    fn formed(&mut self, cell: Cell<'c>, form: Form) -> Result<Cell<'c>, Fault> {
        match (form, cell) {
            (_, Cell::Null) | (Form::Own, _) => Ok(cell),
            (Form::Json, Cell::Json(_)) => Ok(cell),
            (Form::Json, _) => self.walk.written(|_, out| out.cell(&cell)),
            (Form::Bytes, Cell::Text(text)) => Ok(Cell::Bytes(text.as_bytes())),
            (Form::Bit, Cell::Bool(yes)) => Ok(bit(yes)),
            // The column says what it thinks of it.
            (Form::Bytes | Form::Bit, _) => Ok(cell),
        }
    }

    /// Makes a cell of all that was noted for it.
    fn fill_slot(&mut self, first: Span, mut next: u32, slot: Slot) -> Result<(), Stop> {
        self.filling = Some(slot.cell);
        if let (NONE, Make::One(id, one, Form::Own)) = (next, slot.make) {
            let to = &mut self.cells[slot.cell as usize];
            self.walk.put_one(one, id, first, to)?;
            self.filling = None;
            return Ok(());
        }
        self.walk.found.push(Found {
            field: 0,
            span: first,
        });
        while next != NONE {
            let noted = self.noted[next as usize];
            self.walk.found.push(Found {
                field: 0,
                span: noted.span,
            });
            next = noted.next;
        }
        let cell = self.made(slot)?;
        self.walk.found.clear();
        self.cells[slot.cell as usize] = cell;
        self.filling = None;
        Ok(())
    }

    fn made(&mut self, slot: Slot) -> Result<Cell<'c>, Fault> {
        let walk = &mut self.walk;
        let parts = 0..walk.found.len();
        let depth = slot.depth;
        match slot.make {
            Make::Field { message, place } => {
                let field = &walk.types.message(message).fields[place as usize];
                walk.written(|walk, out| walk.field_json(field, parts, depth, out))
            }
            Make::Message(id) => walk.written(|walk, out| walk.message_json(id, parts, depth, out)),
            Make::One(id, one, form) => {
                let cell = walk.one(one, id, parts)?;
                self.formed(cell, form)
            }
            Make::Value(id, form) => self.value(id, form, depth),
            Make::Encoded => Ok(self.encoded()),
        }
    }

    fn value(&mut self, id: MessageId, form: Form, depth: u8) -> Result<Cell<'c>, Fault> {
        let walk = &mut self.walk;
        let parts = 0..walk.found.len();
        let cell = walk.value(walk.types.message(id), parts, depth, None)?;
        self.formed(cell.unwrap_or(Cell::Null), form)
    }

    /// Messages behind each other are what they are together.
    fn encoded(&mut self) -> Cell<'c> {
        let walk = &self.walk;
        match &*walk.found {
            [only] => Cell::Bytes(walk.body.bytes_of(only.span)),
            all => {
                let parts = all.iter().map(|found| walk.body.bytes_of(found.span));
                let parts: Vec<&[u8]> = parts.collect();
                Cell::Bytes(walk.arena.bytes(&parts.concat()))
            }
        }
    }
}

/// What bytes are that are not read: no message begins as a registry's framing does, and
/// what is JSON to its end is nothing else.
fn looks(body: &[u8]) -> Option<Looks> {
    match Looks::of(body)? {
        Looks::Json => {
            let text = std::str::from_utf8(body).ok()?;
            canonical::json(text).ok().map(|_| Looks::Json)
        }
        looks @ Looks::Framed(Framing::Confluent) | looks @ Looks::Gzip => Some(looks),
        Looks::Framed(_) | Looks::AvroFile | Looks::Cbor | Looks::MessagePack => None,
    }
}
