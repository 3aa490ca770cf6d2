//! A value in words, for people who look for columns to it.

use crate::token::{Token, Tokens};
use crate::walk::Walk;
use plimsoll_record::{Described, DescribedField, Fault, LookInto};
use plimsoll_sink_api::Cell;

impl<T: Tokens> Walk<'_, T> {
    /// The fields of the value that is next, each with its path.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn describe(
        &mut self,
        described: &mut Described,
        path: &[String],
        into: LookInto<'_>,
        depth: u8,
    ) -> Result<(), Fault> {
        let token = self.token()?;
        let mut opened = false;
        match token {
            Token::Map(mut count) if path.is_empty() || into(path) => {
                opened = true;
                let depth = Self::deeper(depth)?;
                while self.more(&mut count) {
                    let mut path = path.to_vec();
                    path.push(self.name()?.to_owned());
                    self.describe(described, &path, into, depth)?;
                }
            }
            token => self.skip_rest(token, depth)?,
        }
        if !(opened && path.is_empty()) {
            described.fields.push(DescribedField {
                path: path.to_vec(),
                kind: kind(&token).to_owned(),
                opened,
            });
        }
        Ok(())
    }
}

const fn kind(token: &Token<'_>) -> &'static str {
    let cell = match token {
        Token::List(_) => return "list",
        Token::Map(_) => return "map",
        Token::Scalar(cell) => cell,
    };
    match cell {
        Cell::Absent | Cell::Unchanged | Cell::Null => "null",
        Cell::Bool(_) => "boolean",
        Cell::Int(_) | Cell::Unsigned(_) => "integer",
        Cell::Float(_) => "float",
        Cell::Number(_) | Cell::Decimal { .. } => "decimal",
        Cell::Text(_) | Cell::Json(_) => "text",
        Cell::Bytes(_) => "bytes",
        Cell::Date(_) => "date",
        Cell::Time(_) => "time",
        Cell::Timestamp(_) => "timestamp",
        Cell::Uuid(_) => "uuid",
        Cell::Interval(_) => "interval",
    }
}
