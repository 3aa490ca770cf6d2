//! A value as JSON: no names of union branches, numbers with all their digits.

use crate::schema::{Base, RecordField, TypeId};
use crate::walk::Walk;
use plimsoll_record::semantic::{Parts, Whole};
use plimsoll_record::{Fault, JsonText};
use plimsoll_sink_api::{Cell, Float, Shape};

impl<'c> Walk<'_, 'c> {
    /// A value as a cell of JSON.
    pub fn json_cell(&mut self, id: TypeId, depth: u8) -> Result<Cell<'c>, Fault> {
        let (arena, limit) = (self.arena, self.json_left);
        let text = arena.written(|out| self.json(id, depth, &mut JsonText::new(out, limit)))?;
        self.json_left -= text.len();
        Ok(Cell::Json(text))
    }

    fn json(&mut self, id: TypeId, depth: u8, out: &mut JsonText<'_>) -> Result<(), Fault> {
        let (types, arena) = (self.types, self.arena);
        match &types.get(id).base {
            Base::Null => {
                self.empty()?;
                out.raw("null")
            }
            Base::Boolean => out.cell(&Cell::Bool(self.body.boolean()?)),
            Base::Int(whole) => whole_json(self.body.int()?, *whole, out),
            Base::Long(whole) => whole_json(self.body.long()?, *whole, out),
            Base::Float => out.cell(&Cell::Float(Float::Single(self.body.float()?))),
            Base::Double => out.cell(&Cell::Float(Float::Double(self.body.double()?))),
            Base::Bytes(octets) => {
                let bytes = self.body.bytes()?;
                match octets {
                    None => out.bytes(bytes),
                    Some(octets) => out.cell(&octets.cell(bytes, arena)?),
                }
            }
            Base::String(chars) => {
                let text = self.body.text()?;
                match chars {
                    None => out.text(text),
                    Some(chars) => out.cell(&chars.cell(text, Shape::Scalar)?),
                }
            }
            Base::Fixed(size, octets) => {
                if *size == 0 {
                    self.empty()?;
                }
                let bytes = self.body.take(*size as usize)?;
                match octets {
                    None => out.bytes(bytes),
                    Some(octets) => out.cell(&octets.cell(bytes, arena)?),
                }
            }
            Base::Enum(symbols) => out.text(&symbols[self.body.index(symbols.len())?]),
            Base::Record(fields, Some(parts @ Parts::Decimal)) => {
                let gathered = self.gather(fields, depth)?;
                out.cell(&parts.cell(&gathered, arena)?)
            }
            Base::Record(fields, _) => self.object(fields, depth, out),
            Base::Array(items) => self.list(*items, false, depth, out),
            Base::Map(values) => self.list(*values, true, depth, out),
            Base::Union(branches) => match self.branch(branches)? {
                None => out.raw("null"),
                Some(branch) => self.json(branch, depth, out),
            },
        }
    }

    fn object(
        &mut self,
        fields: &[RecordField],
        depth: u8,
        out: &mut JsonText<'_>,
    ) -> Result<(), Fault> {
        let depth = Self::deeper(depth)?;
        if fields.is_empty() {
            self.empty()?;
        }
        let mut before = "{";
        for field in fields {
            out.raw(before)?;
            out.raw(&field.quoted)?;
            self.json(field.id, depth, out)?;
            before = ",";
        }
        out.raw(if fields.is_empty() { "{}" } else { "}" })
    }

    fn list(
        &mut self,
        id: TypeId,
        keys: bool,
        depth: u8,
        out: &mut JsonText<'_>,
    ) -> Result<(), Fault> {
        let depth = Self::deeper(depth)?;
        let (open, close) = if keys { ("{", "}") } else { ("[", "]") };
        out.raw(open)?;
        let mut before = "";
        while let Some(block) = self.block()? {
            for _ in 0..block.count {
                out.raw(before)?;
                if keys {
                    out.text(self.body.text()?)?;
                    out.raw(":")?;
                }
                self.json(id, depth, out)?;
                before = ",";
            }
            self.end_block(&block)?;
        }
        out.raw(close)
    }
}

fn whole_json(number: i64, whole: Option<Whole>, out: &mut JsonText<'_>) -> Result<(), Fault> {
    match whole {
        None => out.cell(&Cell::Int(number)),
        Some(whole) => out.whole(number, whole),
    }
}
