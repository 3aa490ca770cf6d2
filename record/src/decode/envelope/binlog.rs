//! Events of MySQL's binary log, as Maxwell and Canal send them: rows as they are now in
//! `data`, and in `old` what they were before, as far as it changed.
//!
//! (Maxwell, "Data Format"; Canal's `FlatMessage` and its `EntryProtocol.proto`; "TiCDC
//! Canal-JSON Protocol".)

use super::debezium::inner;
use super::{Envelope, SourceTables};
use crate::Arena;
use crate::decode::format::Field;
use crate::decode::json::items;
use crate::decode::{BadRecord, MAX_ROWS, Sender};
use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};

const TYPE: usize = 0;
const DDL: usize = 1;
const DATABASE: usize = 2;
const TABLE: usize = 3;
const DATA: usize = 4;
const OLD: usize = 5;
const MARKS: [(&str, Shape); 6] = [
    ("type", Shape::Scalar),
    ("isDdl", Shape::Scalar),
    ("database", Shape::Scalar),
    ("table", Shape::Scalar),
    ("data", Shape::Json),
    ("old", Shape::Json),
];

/// What such an envelope asks of a format, and what it makes of the answer.
#[derive(Debug)]
pub struct RowEvents {
    /// Whose events they are.
    pub sender: Sender,
    tables: SourceTables,
    marks: Vec<(Path, Column)>,
}

/// A row that an event is about, as the JSON that it was sent as, or that its format made of
/// it.
#[derive(Debug, Clone, Copy)]
pub struct ChangedRow<'c> {
    /// It is deleted; or it is inserted or replaced.
    pub deletes: bool,
    /// The row: as it is now, or as it was when it was deleted.
    pub data: &'c str,
    /// What was otherwise before.
    pub old: Option<&'c str>,
}

/// What an event does to its rows.
enum Does {
    Put,
    Delete,
    /// It is about no row.
    Nothing,
}

impl RowEvents {
    /// Cells that a value is read into.
    pub const CELLS: usize = MARKS.len();

    /// `None` for envelopes of other events.
    pub fn new(envelope: &Envelope) -> Option<Self> {
        let (sender, tables) = match envelope {
            Envelope::None | Envelope::Debezium(_) | Envelope::DebeziumFlat(_) => return None,
            Envelope::Maxwell(tables) => (Sender::Maxwell, tables),
            Envelope::Canal(tables) => (Sender::Canal, tables),
        };
        let mark = |(name, shape): (&str, Shape)| {
            let path = Path(vec![name.to_owned()]);
            let column = Column {
                name: name.to_owned(),
                take: Source::Value(path.clone()).into(),
                shape,
                key: false,
                type_name: String::new(),
                holds: Holds::Other,
            };
            (path, column)
        };
        Some(Self {
            sender,
            tables: tables.clone(),
            marks: MARKS.into_iter().map(mark).collect(),
        })
    }

    /// The fields of the event itself.
    pub fn fields(&self) -> Vec<Field<'_>> {
        let fields = self.marks.iter().zip(0..);
        fields
            .map(|((path, column), cell)| Field { path, cell, column })
            .collect()
    }

    /// The rows that an event is about, in their order; none where it is about none, or
    /// about those of another table.
    ///
    /// # Errors
    /// It is not such an event, or has no rows, or too many.
    pub fn rows<'c>(
        &self,
        told: &[Cell<'c>; Self::CELLS],
    ) -> Result<Vec<ChangedRow<'c>>, BadRecord> {
        let refused = || BadRecord::NotAnEvent(self.sender);
        let deletes = match self.does(told).ok_or_else(refused)? {
            Does::Nothing => return Ok(Vec::new()),
            Does::Put => false,
            Does::Delete => true,
        };
        if !self.is_wanted(told).ok_or_else(refused)? {
            return Ok(Vec::new());
        }
        let data = self.objects(told[DATA])?;
        if data.is_empty() || data.contains(&None) {
            return Err(BadRecord::EventWithoutRow(self.sender));
        }
        // What did not change is not told.
        let old = self.objects(told[OLD])?;
        let old = old.into_iter().chain(std::iter::repeat(None));
        let rows = data.into_iter().flatten().zip(old);
        let row = |(data, old)| ChangedRow { deletes, data, old };
        Ok(rows.map(row).collect())
    }

    /// `None`: it is no event.
    fn does(&self, told: &[Cell<'_>]) -> Option<Does> {
        let Cell::Text(kind) = told[TYPE] else {
            return None;
        };
        match self.sender {
            Sender::Maxwell => match kind {
                "insert" | "update" | "bootstrap-insert" => Some(Does::Put),
                "delete" => Some(Does::Delete),
                "bootstrap-start" | "bootstrap-complete" | "table-create" | "table-alter"
                | "table-drop" | "database-create" | "database-alter" | "database-drop" => {
                    Some(Does::Nothing)
                }
                _ => None,
            },
            Sender::Canal => match kind {
                _ if told[DDL] == Cell::Bool(true) => Some(Does::Nothing),
                "INSERT" | "UPDATE" => Some(Does::Put),
                "DELETE" => Some(Does::Delete),
                "CREATE" | "ALTER" | "ERASE" | "QUERY" | "TRUNCATE" | "RENAME" | "CINDEX"
                | "DINDEX" | "GTID" | "XACOMMIT" | "XAROLLBACK" | "MHEARTBEAT"
                // TiCDC's own.
                | "TIDB_WATERMARK" => Some(Does::Nothing),
                _ => None,
            },
            Sender::Debezium => None,
        }
    }

    /// Whether it is of a table whose events count; `None`: it does not say of which.
    fn is_wanted(&self, told: &[Cell<'_>]) -> Option<bool> {
        let SourceTables(wanted) = &self.tables;
        if wanted.is_empty() {
            return Some(true);
        }
        let (Cell::Text(database), Cell::Text(table)) = (told[DATABASE], told[TABLE]) else {
            return None;
        };
        let mut wanted = wanted.iter();
        Some(wanted.any(|it| it.database == database && it.table == table))
    }

    /// The objects that a field holds: one, or a list of them; `None` for a null.
    fn objects<'c>(&self, field: Cell<'c>) -> Result<Vec<Option<&'c str>>, BadRecord> {
        let refused = || BadRecord::NotAnEvent(self.sender);
        let raw = match field {
            Cell::Absent | Cell::Null => return Ok(Vec::new()),
            Cell::Json(raw) => raw,
            _ => return Err(refused()),
        };
        let all = match self.sender {
            Sender::Canal => items(raw, MAX_ROWS).ok_or_else(refused)?,
            Sender::Maxwell | Sender::Debezium => vec![raw],
        };
        if all.len() > MAX_ROWS {
            return Err(BadRecord::TooManyRows);
        }
        let object = |raw: &'c str| match raw {
            "null" => Ok(None),
            _ if raw.starts_with('{') => Ok(Some(raw)),
            _ => Err(refused()),
        };
        all.into_iter().map(object).collect()
    }

    /// Makes of a row's values what they are: Canal sends every value as a text.
    ///
    /// # Errors
    /// The column whose text stands for no bytes.
    pub fn read_texts<'c>(
        &self,
        columns: &[Column],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<(), BadRecord> {
        if self.sender != Sender::Canal {
            return Ok(());
        }
        for (column, cell) in columns.iter().zip(cells) {
            if !column.take.source.is_of_value() {
                continue;
            }
            match (column.shape, column.holds, &*cell) {
                (Shape::Json, _, Cell::Json(raw)) if raw.starts_with('"') => {
                    if let Some(json) = inner(raw, arena) {
                        *cell = Cell::Json(json);
                    }
                }
                (_, Holds::Bytes, Cell::Text(text)) => {
                    let bytes = latin1(text).ok_or_else(|| BadRecord::NoBytes {
                        column: column.name.clone(),
                    })?;
                    *cell = Cell::Bytes(arena.bytes(&bytes));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Bytes that were written as the characters of their numbers (ISO 8859-1).
fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}
