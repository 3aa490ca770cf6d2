//! One record → the rows of an event that may be about several.

use super::{Added, Decoded, Decoder, decoded};
use crate::decode::envelope::{ChangedRow, Envelope, RowEvents};
use crate::decode::format::{Field, Format, Held, Reader, Side, Undecoded, Wanted};
use crate::decode::json::Json;
use crate::decode::{BadRecord, Described, LookInto, UnknownFields};
use crate::{Arena, Record};
use plimsoll_sink_api::{Cell, Op, Path, Rows};
use smallvec::{SmallVec, smallvec};

/// What reads such events. An event's own fields are read by the format of the value; its
/// rows are JSON, which any format makes of what is nested.
#[derive(Debug)]
pub(super) struct Changes {
    events: RowEvents,
    rows: Box<dyn Reader>,
    /// Of the fields of the table's key alone.
    keys: Box<dyn Reader>,
    /// The columns of the key that rows tell.
    told: Vec<usize>,
}

impl Changes {
    /// `None` for envelopes of other events. `fields`: what columns take of a row.
    pub(super) fn new(
        envelope: &Envelope,
        fields: &[Field<'_>],
        unknown: UnknownFields,
    ) -> Option<Self> {
        let reader = |fields: Vec<Field<'_>>, unknown| {
            Json.reader(&Wanted {
                side: Side::Value,
                fields,
                bare: None,
                unknown,
                root: Path::default(),
            })
        };
        let keys: Vec<Field<'_>> = fields.iter().filter(|f| f.column.key).copied().collect();
        Some(Self {
            events: RowEvents::new(envelope)?,
            rows: reader(fields.to_vec(), unknown),
            told: keys.iter().map(|field| field.cell).collect(),
            keys: reader(keys, UnknownFields::Ignore),
        })
    }

    /// An event's own fields.
    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            side: Side::Value,
            fields: self.events.fields(),
            bare: None,
            unknown: UnknownFields::Ignore,
            root: Path::default(),
        }
    }

    /// What the first row of an event holds.
    pub(super) fn describe(
        &self,
        decoder: &Decoder,
        record: &Record<'_>,
        into: LookInto<'_>,
    ) -> Result<Described, Undecoded> {
        let arena = Arena::new();
        match decoder.told(self, record, &arena)?.first() {
            Some(row) => Json.describe(Side::Value, record, row.data.as_bytes(), into),
            None => Ok(Described::default()),
        }
    }
}

impl Decoder {
    /// Adds the rows of an event.
    pub(super) fn rows_of_event<'c>(
        &self,
        changes: &Changes,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<Decoded, Undecoded> {
        let from = rows.len();
        let mut filtered = false;
        for row in self.told(changes, record, arena)? {
            let added = self.changed(changes, &row, record, arena, rows);
            let added = added.inspect_err(|_| rows.truncate(from))?;
            filtered |= added == Added::Filtered;
        }
        self.keep_last_of_each_key(from, rows);
        Ok(decoded(rows.len() > from, filtered))
    }

    /// The rows that an event is about.
    fn told<'c>(
        &self,
        changes: &Changes,
        record: &Record<'c>,
        arena: &'c Arena,
    ) -> Result<Vec<ChangedRow<'c>>, Undecoded> {
        let mut told = [Cell::Absent; RowEvents::CELLS];
        let held = match record.value {
            None => Held::Null,
            Some(value) => self.value.read(record, value, arena, &mut told)?,
        };
        match held {
            // Neither Maxwell nor Canal sends tombstones.
            Held::Null => Err(BadRecord::NotAnEvent(changes.events.sender).into()),
            Held::Value => Ok(changes.events.rows(&told)?),
        }
    }

    /// Adds what becomes of one of them.
    fn changed<'c>(
        &self,
        changes: &Changes,
        row: &ChangedRow<'c>,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<Added, Undecoded> {
        let key_of = |json: &'c str| {
            let mut key: SmallVec<[Cell<'c>; 64]> = smallvec![Cell::Absent; self.mapping.cells()];
            let held = changes.keys.read(record, json.as_bytes(), arena, &mut key);
            held.map(|_| key)
        };
        let delete = |key: &[Cell<'c>], rows: &mut Rows<'c>| {
            self.add(record, Op::Delete, arena, rows, |cells| {
                cells.copy_from_slice(key);
                changes
                    .events
                    .read_texts(&self.mapping.columns, arena, cells)?;
                // A row may have no key of its record.
                let _ = self.key(record, arena, cells)?;
                self.own(record, arena, cells);
                self.only_key(cells);
                Ok(Held::Value)
            })
        };
        if row.deletes {
            return delete(&key_of(row.data)?, rows);
        }
        if let Some(old) = row.old {
            let (now, mut before) = (key_of(row.data)?, key_of(old)?);
            let mut moved = false;
            for &i in &changes.told {
                match before[i] {
                    Cell::Absent => before[i] = now[i],
                    _ => moved |= before[i] != now[i],
                }
            }
            if moved {
                let _ = delete(&before, rows)?;
            }
        }
        self.add(record, Op::Put, arena, rows, |cells| {
            let _ = changes
                .rows
                .read(record, row.data.as_bytes(), arena, cells)?;
            changes
                .events
                .read_texts(&self.mapping.columns, arena, cells)?;
            self.beside(record, arena, cells)
        })
    }
}
