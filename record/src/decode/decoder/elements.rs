//! One record → a row of every element of an array in it (`explode`).

use super::{Added, Decoder};
use crate::decode::format::{Field, Format, Held, Reader, Side, Undecoded, Wanted};
use crate::decode::json::{Json, items};
use crate::decode::mapping::Mapping;
use crate::decode::{BadRecord, MAX_ROWS, UnknownFields};
use crate::{Arena, Record};
use plimsoll_sink_api::{Cell, Op, Path, Row, Rows, Source};
use smallvec::{SmallVec, smallvec};

/// What reads the elements. The record around them is read by the format of the value; they
/// are JSON, which any format makes of what is nested.
#[derive(Debug)]
pub(super) struct Elements {
    /// The cell that holds the array.
    array: usize,
    /// Where it stands, as the config says it.
    source: String,
    objects: Box<dyn Reader>,
    /// Of other elements; `None`: columns take fields, which those have not.
    others: Option<Box<dyn Reader>>,
    /// The cells that take an element whole: null where it is.
    whole: Vec<usize>,
    /// The cells that take its place.
    index: Vec<usize>,
}

impl Elements {
    /// `None`: a record is one row. `fields`: what columns take of an element.
    pub(super) fn new(
        mapping: &Mapping,
        fields: &[Field<'_>],
        unknown: UnknownFields,
    ) -> Option<Self> {
        let array = mapping.exploded()?;
        let index = mapping.read();
        let index = index.filter(|(_, column)| column.take.source == Source::Index);
        let reader = |unknown| {
            Json.reader(&Wanted {
                side: Side::Value,
                fields: fields.to_vec(),
                bare: None,
                unknown,
                root: Path::default(),
            })
        };
        let only_whole = fields.iter().all(|field| field.path.0.is_empty());
        Some(Self {
            array,
            source: mapping.columns[array].name.clone(),
            objects: reader(unknown),
            // They have no fields that could be unknown.
            others: only_whole.then(|| reader(UnknownFields::Ignore)),
            whole: super::whole(fields),
            index: index.map(|(cell, _)| cell).collect(),
        })
    }

    /// The elements of a record that was read, each as JSON; none where there is no array.
    fn of<'c>(&self, cells: &[Cell<'c>]) -> Result<Vec<&'c str>, BadRecord> {
        let elements = match cells[self.array] {
            Cell::Absent | Cell::Null => return Ok(Vec::new()),
            Cell::Unchanged => {
                return Err(BadRecord::ValueUnavailable {
                    column: self.source.clone(),
                });
            }
            Cell::Json(array) => items(array, MAX_ROWS),
            _ => None,
        };
        match elements {
            None => Err(BadRecord::NotAnArray {
                source: self.source.clone(),
            }),
            Some(elements) if elements.len() > MAX_ROWS => Err(BadRecord::TooManyRows),
            Some(elements) => Ok(elements),
        }
    }

    /// Fills the cells of one element.
    fn read<'c>(
        &self,
        record: &Record<'c>,
        (index, element): (usize, &'c str),
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<(), Undecoded> {
        for &cell in &self.index {
            // A record has no more elements than MAX_ROWS.
            cells[cell] = Cell::Int(i64::try_from(index).unwrap_or(i64::MAX));
        }
        if element == "null" {
            self.whole.iter().for_each(|&i| cells[i] = Cell::Null);
            return Ok(());
        }
        let reader = match (element.starts_with('{'), &self.others) {
            (true, _) => &self.objects,
            (false, Some(others)) => others,
            (false, None) => return Err(BadRecord::ItemNotObject { index }.into()),
        };
        let _ = reader.read(record, element.as_bytes(), arena, cells)?;
        Ok(())
    }
}

impl Decoder {
    /// Adds the rows of a record whose cells `fill` fills: all that are to be, or none.
    pub(super) fn explode<'c>(
        &self,
        elements: &Elements,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
        fill: impl FnOnce(&mut [Cell<'c>]) -> Result<Held, Undecoded>,
    ) -> Result<Added, Undecoded> {
        let mut around: SmallVec<[Cell<'c>; 64]> = smallvec![Cell::Absent; self.mapping.cells()];
        if fill(&mut around)? == Held::Null {
            return Ok(Added::Nothing);
        }
        let from = rows.len();
        let mut added = Added::Nothing;
        for element in elements.of(&around)?.into_iter().enumerate() {
            let of_one = self.element(elements, record, element, &around, arena, rows);
            match of_one.inspect_err(|_| rows.truncate(from))? {
                Added::Row => added = Added::Row,
                Added::Filtered if added == Added::Nothing => added = Added::Filtered,
                Added::Filtered | Added::Nothing => {}
            }
        }
        self.keep_last_of_each_key(from, rows);
        Ok(added)
    }

    /// Adds the row of one element. `around`: what was read of its record.
    fn element<'c>(
        &self,
        elements: &Elements,
        record: &Record<'c>,
        element: (usize, &'c str),
        around: &[Cell<'c>],
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<Added, Undecoded> {
        let mut cells: SmallVec<[Cell<'c>; 64]> = SmallVec::from_slice(around);
        elements.read(record, element, arena, &mut cells)?;
        let added = self.finish(record, Op::Put, arena, &mut cells)?;
        if added == Added::Row {
            let offset = record.offset;
            let row = rows.push(Row {
                offset,
                op: Op::Put,
            });
            row.copy_from_slice(&cells[..row.len()]);
        }
        Ok(added)
    }
}
