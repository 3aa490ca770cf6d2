//! A value in words, for people who look for columns to it.

use crate::token::{Token, Tokens};
use crate::walk::Walk;
use plimsoll_record::{Described, DescribedField, Fault, LookInto};
use plimsoll_sink_api::{Cell, Clock, Kind};

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
                typed: typed(&token),
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

fn typed(token: &Token<'_>) -> Option<Kind> {
    let cell = match token {
        Token::List(_) | Token::Map(_) => return Some(Kind::Json),
        Token::Scalar(cell) => cell,
    };
    Some(match cell {
        Cell::Absent | Cell::Unchanged | Cell::Null => return None,
        Cell::Bool(_) => Kind::Boolean,
        Cell::Int(_) => Kind::Integer,
        Cell::Unsigned(number) if i64::try_from(*number).is_ok() => Kind::Integer,
        Cell::Unsigned(_) => Kind::BigInteger,
        Cell::Float(_) => Kind::Float,
        Cell::Number(_) | Cell::Decimal { .. } => Kind::Decimal,
        // Not every sender uses the types that there are.
        Cell::Text(text) => Kind::of_text(text),
        Cell::Json(_) => Kind::Json,
        Cell::Bytes(_) => Kind::Bytes,
        Cell::Date(_) => Kind::Date,
        Cell::Time(_) => Kind::Time,
        Cell::Timestamp(at) => match at.clock {
            Clock::Utc => Kind::Timestamp,
            Clock::Local => Kind::LocalTimestamp,
        },
        Cell::Uuid(_) => Kind::Uuid,
        Cell::Interval(_) => Kind::Interval,
    })
}
