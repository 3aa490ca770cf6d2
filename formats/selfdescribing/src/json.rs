//! A value as JSON: numbers with all their digits, keys of maps as their names.

use crate::token::{Token, Tokens};
use crate::walk::Walk;
use plimsoll_record::{Fault, JsonText};
use plimsoll_sink_api::Cell;

impl<'c, T: Tokens> Walk<'c, T> {
    /// A value as a cell of JSON.
    pub fn json_cell(&mut self, depth: u8) -> Result<Cell<'c>, Fault> {
        let (arena, limit) = (self.arena, self.json_left);
        let text = arena.written(|out| self.json(depth, &mut JsonText::new(out, limit)))?;
        self.json_left -= text.len();
        Ok(Cell::Json(text))
    }

    fn json(&mut self, depth: u8, out: &mut JsonText<'_>) -> Result<(), Fault> {
        let (mut count, is_map) = match self.token()? {
            Token::Scalar(cell) => return out.cell(&cell),
            Token::List(count) => (count, false),
            Token::Map(count) => (count, true),
        };
        let depth = Self::deeper(depth)?;
        let (open, close) = if is_map { ("{", "}") } else { ("[", "]") };
        out.raw(open)?;
        let mut before = "";
        while self.more(&mut count) {
            out.raw(before)?;
            if is_map {
                out.text(self.name()?)?;
                out.raw(":")?;
            }
            self.json(depth, out)?;
            before = ",";
        }
        out.raw(close)
    }
}
