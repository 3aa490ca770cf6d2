//! Debezium's change events: a create, a read of a snapshot, an update or a delete of
//! one row; and events that are about no row.
//!
//! (Debezium 3.3, "Data change events" and "New Record State Extraction".)

use super::unavailable::Unavailable;
use super::{Decimals, Envelope};
use crate::Arena;
use crate::decode::format::Field;
use crate::decode::json::unquoted;
use crate::decode::{BadRecord, Sender};
use plimsoll_sink_api::canonical;
use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};
use std::borrow::Cow;

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It puts a row: one that was not there, or one that was.
    Put {
        /// The row was there before, so that a value may stay as it is.
        stood: bool,
    },
    /// It deletes the row of a key.
    Delete,
    /// It is about no row: a truncation, a message, a heartbeat, a transaction's mark, a
    /// change of the schema.
    Nothing,
}

/// The fields that say what an event does, by their places behind the cells of a row.
const OP: usize = 0;
const DELETED: usize = 0;
const FLAT_OP: usize = 1;
const AFTER: usize = 1;
const SOURCE: usize = 2;
const TIME: usize = 3;
const STATUS: usize = 4;
const DATABASE: usize = 5;
const MARKS: [&str; 6] = ["op", "after", "source", "ts_ms", "status", "databaseName"];
pub(super) const FLAT_MARKS: [&str; 2] = ["__deleted", "__op"];

/// What an envelope asks of a format, and what it makes of the answer.
#[derive(Debug)]
pub struct Events {
    flat: bool,
    unavailable: Unavailable,
    decimals: Decimals,
    /// Cells of a row.
    width: usize,
    /// The columns of its key that the value tells; of one that is not flat, `before`
    /// tells them as well, behind the marks.
    keys: Vec<usize>,
    paths: Vec<Path>,
    columns: Vec<Column>,
}

impl Events {
    /// For a row of these fields; `None` where nothing stands around it.
    pub fn new(envelope: &Envelope, fields: &[Field<'_>], width: usize) -> Option<Self> {
        let (flat, connector) = match envelope {
            Envelope::None | Envelope::Maxwell(_) | Envelope::Canal(_) => return None,
            Envelope::Debezium(connector) => (false, connector),
            Envelope::DebeziumFlat(connector) => (true, connector),
        };
        let marks: &[&str] = if flat { &FLAT_MARKS } else { &MARKS };
        let mut paths: Vec<Path> = marks
            .iter()
            .map(|name| Path(vec![(*name).into()]))
            .collect();
        let of_key = || fields.iter().filter(|field| field.column.key);
        let keys = of_key().map(|field| field.cell).collect();
        if !flat {
            paths.extend(of_key().map(|field| below("before", field.path)));
        }
        let shape = |path: &Path| match path.0.as_slice() {
            [name] if ["after", "source", "status", "databaseName"].contains(&name.as_str()) => {
                Shape::Presence
            }
            _ => Shape::Scalar,
        };
        let column = |path: &Path| Column {
            name: path.0.join("."),
            take: Source::Value(path.clone()).into(),
            shape: shape(path),
            key: false,
            type_name: String::new(),
            holds: Holds::Other,
        };
        Some(Self {
            flat,
            unavailable: Unavailable::of(&connector.unavailable),
            decimals: connector.decimals,
            width,
            keys,
            columns: paths.iter().map(column).collect(),
            paths,
        })
    }

    /// Where the row stands in a value.
    pub fn root(&self) -> Path {
        match self.flat {
            true => Path::default(),
            false => Path(vec!["after".to_owned()]),
        }
    }

    /// The fields of the row where they stand.
    pub fn inside(&self, fields: &[Field<'_>]) -> Vec<Path> {
        let of = |field: &Field<'_>| match self.flat {
            true => field.path.clone(),
            false => below("after", field.path),
        };
        fields.iter().map(of).collect()
    }

    /// The fields of the envelope itself.
    pub fn own(&self) -> impl Iterator<Item = Field<'_>> {
        let cells = self.width..;
        let fields = self.paths.iter().zip(&self.columns).zip(cells);
        fields.map(|((path, column), cell)| Field { path, cell, column })
    }

    /// Cells that a value is read into: those of the row, and the envelope's own.
    pub fn cells(&self) -> usize {
        self.width + self.paths.len()
    }

    /// What an event does.
    ///
    /// # Errors
    /// It is not an event.
    pub fn change(&self, cells: &[Cell<'_>]) -> Result<Change, BadRecord> {
        let marks = &cells[self.width..];
        if self.flat {
            return Ok(flat(marks));
        }
        let has = |mark: usize| !matches!(marks[mark], Cell::Absent | Cell::Null);
        match marks[OP] {
            Cell::Text("c" | "r") if has(AFTER) => Ok(Change::Put { stood: false }),
            Cell::Text("u") if has(AFTER) => Ok(Change::Put { stood: true }),
            Cell::Text("c" | "r" | "u") => Err(BadRecord::EventWithoutRow(Sender::Debezium)),
            Cell::Text("d") => Ok(Change::Delete),
            Cell::Text("t" | "m") => Ok(Change::Nothing),
            Cell::Absent if has(STATUS) || has(DATABASE) => Ok(Change::Nothing),
            Cell::Absent if has(TIME) && !has(SOURCE) && !has(AFTER) => Ok(Change::Nothing),
            _ => Err(BadRecord::NotAnEvent(Sender::Debezium)),
        }
    }

    /// The columns of the key, and the places where a value tells them of the row that
    /// was.
    fn before(&self) -> impl Iterator<Item = (usize, usize)> {
        let before = self.width + self.paths.len() - self.keys.len();
        // Flattened, a delete holds the row that was.
        let known = move |(i, &cell): (usize, &usize)| match self.flat {
            true => (cell, cell),
            false => (cell, before + i),
        };
        self.keys.iter().enumerate().map(known)
    }

    /// The key of the row that was, where the record's own key does not tell it.
    pub fn fill_key<'c>(&self, value: &[Cell<'c>], cells: &mut [Cell<'c>]) {
        for (cell, known) in self.before() {
            if matches!(cells[cell], Cell::Absent) {
                cells[cell] = value[known];
            }
        }
    }

    /// Whether the row that was has another key than the one that is. Of a table with a
    /// key Debezium tells that by a delete and a create.
    pub fn moves(&self, value: &[Cell<'_>]) -> bool {
        let mut before = self.before();
        before.any(|(cell, known)| {
            // Where there is no `before`, a schema makes nulls of its fields.
            !matches!(value[known], Cell::Absent | Cell::Null) && value[known] != value[cell]
        })
    }

    /// Makes of Debezium's words for infinite decimals those that databases read.
    pub fn spell_infinities(&self, columns: &[Column], cells: &mut [Cell<'_>]) {
        for (column, cell) in columns.iter().zip(cells) {
            match (column.holds, &*cell) {
                (Holds::Numbers, Cell::Text("POSITIVE_INFINITY")) => {
                    *cell = Cell::Text("Infinity");
                }
                (Holds::Numbers, Cell::Text("NEGATIVE_INFINITY")) => {
                    *cell = Cell::Text("-Infinity");
                }
                _ => {}
            }
        }
    }

    /// Makes of values without a schema what can be made of them: days, and nothing of what
    /// could be several things.
    ///
    /// # Errors
    /// The column whose value is ambiguous.
    pub fn read_plain<'c>(
        &self,
        columns: &[Column],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<(), usize> {
        let digits = self.decimals == Decimals::Digits;
        for (i, (column, cell)) in columns.iter().zip(cells).enumerate() {
            if !column.take.source.is_of_value() {
                continue;
            }
            match (column.holds, &*cell) {
                // Base64, or digits: some texts are both.
                (Holds::Numbers, Cell::Text(text)) if !digits && may_be_base64(text) => {
                    return Err(i);
                }
                // Milliseconds, or microseconds.
                (
                    Holds::Times,
                    Cell::Number(_) | Cell::Int(_) | Cell::Unsigned(_) | Cell::Float(_),
                ) if column.take.make.epoch.is_none() => return Err(i),
                // Debezium tells JSON as a text.
                (_, Cell::Json(raw)) if column.shape == Shape::Json && raw.starts_with('"') => {
                    if let Some(json) = inner(raw, arena) {
                        *cell = Cell::Json(json);
                    }
                }
                (Holds::Days, Cell::Number(days)) => match days.parse() {
                    Ok(days) => *cell = Cell::Date(days),
                    Err(_) => return Err(i),
                },
                (Holds::Days, &Cell::Int(days)) => match i32::try_from(days) {
                    Ok(days) => *cell = Cell::Date(days),
                    Err(_) => return Err(i),
                },
                _ => {}
            }
        }
        Ok(())
    }

    /// Marks what the source did not send.
    ///
    /// # Errors
    /// The column that it is of, where no value is there that could stay.
    pub fn mark_unchanged(&self, cells: &mut [Cell<'_>], stood: bool) -> Result<(), usize> {
        for (i, cell) in cells.iter_mut().enumerate() {
            if self.unavailable.is(cell) {
                match stood {
                    true => *cell = Cell::Unchanged,
                    false => return Err(i),
                }
            }
        }
        Ok(())
    }
}

/// The JSON that a JSON string holds, if it is JSON.
pub(super) fn inner<'c>(raw: &'c str, arena: &'c Arena) -> Option<&'c str> {
    let text = match unquoted(raw)? {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => arena.text(&text),
    };
    canonical::json(text).ok()
}

/// Whether a text may be bytes: digits with a point or a sign are not.
fn may_be_base64(text: &str) -> bool {
    let one = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    text.len().is_multiple_of(4) && text.bytes().all(one)
}

/// Of a flattened event it says less: it puts, unless it says that it deletes.
fn flat(marks: &[Cell<'_>]) -> Change {
    let deleted = matches!(marks[DELETED], Cell::Text("true") | Cell::Bool(true));
    match marks[FLAT_OP] {
        _ if deleted => Change::Delete,
        Cell::Text("d") => Change::Delete,
        Cell::Text("t" | "m") => Change::Nothing,
        Cell::Text("c" | "r") => Change::Put { stood: false },
        _ => Change::Put { stood: true },
    }
}

fn below(name: &str, path: &Path) -> Path {
    let mut names = vec![name.to_owned()];
    names.extend(path.0.iter().cloned());
    Path(names)
}
