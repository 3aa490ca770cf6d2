//! Over the tokens of one value, into the cells that are wanted of it.

use crate::MAX_DEPTH;
use crate::cursor::Cursor;
use crate::plan::{Level, Plan, Target};
use crate::token::{Count, Token, Tokens};
use plimsoll_record::semantic::bit;
use plimsoll_record::{Arena, BadRecord, Fault, JsonText, Looks};
use plimsoll_sink_api::canonical::{Wanted, write};
use plimsoll_sink_api::{Cell, Shape};
use std::marker::PhantomData;

/// Why it stopped before the end.
pub enum Stop {
    /// Something is wrong with the bytes.
    Fault(Fault),
    /// A field that nobody wants.
    Unknown(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A walk over the bytes of one value.
pub struct Walk<'c, T> {
    cursor: Cursor<'c>,
    /// For what the bytes do not hold in one piece.
    pub arena: &'c Arena,
    /// Bytes of JSON that the record may still become.
    pub json_left: usize,
    tokens: PhantomData<T>,
}

impl<'c, T: Tokens> Walk<'c, T> {
    /// Before the value.
    pub fn new(bytes: &'c [u8], arena: &'c Arena) -> Self {
        Self {
            cursor: Cursor::new(bytes),
            arena,
            json_left: JsonText::limit(bytes.len()),
            tokens: PhantomData,
        }
    }

    /// The next token; a fault leaves the place where it began.
    pub fn token(&mut self) -> Result<Token<'c>, Fault> {
        let at = self.cursor.at();
        let token = T::token(&mut self.cursor, self.arena);
        if token.is_err() {
            self.cursor.go(at);
        }
        token
    }

    /// Whether a list or a map has another one.
    pub fn more(&mut self, count: &mut Count) -> bool {
        match count {
            Count::Of(0) => false,
            Count::Of(left) => {
                *left -= 1;
                true
            }
            Count::ToMark => !T::took_mark(&mut self.cursor),
        }
    }

    /// A level deeper.
    pub fn deeper(depth: u8) -> Result<u8, Fault> {
        match depth < MAX_DEPTH {
            true => Ok(depth + 1),
            false => Err(Fault::TooDeep),
        }
    }

    /// A key of a map, as a name: a text, or what a number or a truth value is as one.
    pub fn name(&mut self) -> Result<&'c str, Fault> {
        let at = self.cursor.at();
        let name = match self.token()? {
            Token::Scalar(Cell::Text(text)) => Some(text),
            // Senders that do not tell texts from bytes.
            Token::Scalar(Cell::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
            Token::Scalar(
                key @ (Cell::Int(_)
                | Cell::Unsigned(_)
                | Cell::Bool(_)
                | Cell::Float(_)
                | Cell::Decimal { .. }),
            ) => {
                let digits = |out: &mut String| write(Wanted::Text, &key, out).map(drop);
                self.arena.written(digits).ok()
            }
            Token::Scalar(_) | Token::List(_) | Token::Map(_) => None,
        };
        name.ok_or_else(|| {
            self.cursor.go(at);
            Fault::MapKey
        })
    }

    /// Over a value.
    pub fn skip(&mut self, depth: u8) -> Result<(), Fault> {
        let token = self.token()?;
        self.skip_rest(token, depth)
    }

    /// Over what a token leads into.
    pub fn skip_rest(&mut self, token: Token<'c>, depth: u8) -> Result<(), Fault> {
        let (mut count, is_map) = match token {
            Token::Scalar(_) => return Ok(()),
            Token::List(count) => (count, false),
            Token::Map(count) => (count, true),
        };
        let depth = Self::deeper(depth)?;
        while self.more(&mut count) {
            if is_map {
                self.skip(depth)?;
            }
            self.skip(depth)?;
        }
        Ok(())
    }
}

/// The walk of a plan.
pub struct Run<'p, 'c, 'r, T> {
    plan: &'p Plan,
    walk: Walk<'c, T>,
    cells: &'r mut [Cell<'c>],
    /// What was being filled last, for messages.
    filling: Option<&'p Target>,
}

impl<'p, 'c, 'r, T: Tokens> Run<'p, 'c, 'r, T> {
    /// Fills the cells of the fields that the bytes have, and leaves others as they are.
    ///
    /// # Errors
    /// What is wrong with the bytes; cells may be filled already.
    pub fn read(
        plan: &'p Plan,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &'r mut [Cell<'c>],
    ) -> Result<(), BadRecord> {
        let mut run = Self {
            plan,
            walk: Walk::new(bytes, arena),
            cells,
            filling: None,
        };
        run.all().map_err(|stop| run.bad(stop, bytes))
    }

    fn all(&mut self) -> Result<(), Stop> {
        let root = &self.plan.root;
        match &self.plan.bare {
            Some(bare) if !self.is_map()? => self.put(bare, 0, 0)?,
            Some(_) | None => {
                for target in &root.here {
                    self.whole(target)?;
                }
                let wants_fields = root.has_fields() || root.strict || self.plan.bare.is_some();
                if wants_fields {
                    self.walk.cursor.go(0);
                    match self.walk.token()? {
                        Token::Map(count) => self.fields(root, count, 0)?,
                        Token::Scalar(_) | Token::List(_) => {
                            self.walk.cursor.go(0);
                            return Err(Fault::NotRecord.into());
                        }
                    }
                } else if root.here.is_empty() {
                    self.walk.skip(0)?;
                }
            }
        }
        match self.walk.cursor.left() {
            0 => Ok(()),
            _ => Err(Fault::Trailing.into()),
        }
    }

    fn is_map(&mut self) -> Result<bool, Fault> {
        let token = self.walk.token()?;
        self.walk.cursor.go(0);
        Ok(matches!(token, Token::Map(_)))
    }

    #[cold]
    fn bad(&self, stop: Stop, bytes: &[u8]) -> BadRecord {
        let (side, format) = (self.plan.side, T::NAME);
        match (stop, looks(bytes, T::LOOKS)) {
            (Stop::Unknown(field), _) => BadRecord::UnknownField { field },
            (Stop::Fault(_), Some(looks)) => BadRecord::OtherFormat {
                side,
                format,
                looks,
            },
            (Stop::Fault(fault), None) => BadRecord::Binary {
                side,
                format,
                fault,
                at: self.walk.cursor.at(),
                column: self.filling.map(|target| target.column.to_string()),
            },
        }
    }

    /// All of the value. Null is an event, too, where it is kept as JSON: only no value at
    /// all is NULL there.
    fn whole(&mut self, target: &'p Target) -> Result<(), Stop> {
        if target.shape != Shape::Json {
            return self.put(target, 0, 0);
        }
        self.walk.cursor.go(0);
        self.filling = Some(target);
        self.cells[target.cell] = self.walk.json_cell(0)?;
        self.filling = None;
        Ok(())
    }

    /// The fields of a map, into which the walk has gone.
    fn fields(&mut self, level: &'p Level, mut count: Count, depth: u8) -> Result<(), Stop> {
        let depth = Walk::<T>::deeper(depth)?;
        // Not allocated where nothing is taken from below a field.
        let mut opened: Vec<*const Level> = Vec::new();
        while self.walk.more(&mut count) {
            let name = self.walk.name()?;
            let Some(field) = level.get(name) else {
                if level.strict {
                    return Err(Stop::Unknown(name.to_owned()));
                }
                self.walk.skip(depth)?;
                continue;
            };
            if field.has_fields() {
                // Of two fields of one name the last one counts whole.
                if opened.contains(&std::ptr::from_ref(field)) {
                    field.each_below(&mut |cell| self.cells[cell] = Cell::Absent);
                } else {
                    opened.push(field);
                }
            }
            self.field(field, depth)?;
        }
        Ok(())
    }

    /// A value of which something is wanted.
    fn field(&mut self, level: &'p Level, depth: u8) -> Result<(), Stop> {
        let from = self.walk.cursor.at();
        for target in &level.here {
            self.put(target, from, depth)?;
        }
        if !level.has_fields() {
            return Ok(());
        }
        self.walk.cursor.go(from);
        match self.walk.token()? {
            Token::Map(count) => self.fields(level, count, depth),
            // Nothing can be in it: the fields are not there.
            token @ (Token::Scalar(_) | Token::List(_)) => Ok(self.walk.skip_rest(token, depth)?),
        }
    }

    fn put(&mut self, target: &'p Target, from: usize, depth: u8) -> Result<(), Stop> {
        self.walk.cursor.go(from);
        self.filling = Some(target);
        self.cells[target.cell] = self.walk.cell(target, depth)?;
        self.filling = None;
        Ok(())
    }
}

impl<'c, T: Tokens> Walk<'c, T> {
    fn cell(&mut self, target: &Target, depth: u8) -> Result<Cell<'c>, Fault> {
        let from = self.cursor.at();
        let token = self.token()?;
        Ok(match (token, target.shape) {
            (Token::Scalar(Cell::Null), _) => Cell::Null,
            (Token::Scalar(Cell::Bool(yes)), Shape::Scalar) if target.bit => bit(yes),
            (Token::Scalar(cell), Shape::Scalar) => cell,
            (Token::Scalar(Cell::Text(text)), Shape::Bytes) => Cell::Bytes(text.as_bytes()),
            (Token::Scalar(Cell::Bytes(bytes)), Shape::Bytes) => Cell::Bytes(bytes),
            (token, Shape::Presence) => {
                self.skip_rest(token, depth)?;
                Cell::Bool(true)
            }
            // As it stands in the bytes.
            (token, Shape::Bytes) => {
                self.skip_rest(token, depth)?;
                Cell::Bytes(self.cursor.since(from))
            }
            (Token::Scalar(_) | Token::List(_) | Token::Map(_), Shape::Json)
            | (Token::List(_) | Token::Map(_), Shape::Scalar) => {
                self.cursor.go(from);
                self.json_cell(depth)?
            }
        })
    }
}

/// What bytes are that are not read, if it is not what they should be.
fn looks(bytes: &[u8], own: Looks) -> Option<Looks> {
    let looks = Looks::of(bytes).filter(|looks| *looks != own)?;
    let is_json = || plimsoll_sink_api::canonical::json(std::str::from_utf8(bytes).ok()?).ok();
    match looks {
        // What only begins so is what it is.
        Looks::Json => is_json().map(|_| looks),
        Looks::Framed(_) | Looks::AvroFile | Looks::Gzip | Looks::Cbor | Looks::MessagePack => {
            Some(looks)
        }
    }
}
