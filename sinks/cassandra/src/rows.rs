//! The rows of a batch as the native protocol's bytes. All of a batch is written
//! before anything is sent: a bad record stops its batch before it touched the
//! database.

use crate::encode::{self, Refusal};
use crate::plan::{Layout, MAX_TTL_S, TtlPlan};
use plimsoll_protocol::{Class, Generation};
use plimsoll_sink_api::{Cell, Op, Rows, Secret, SinkError};
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::{CellWriter, RowWriter, WrittenCellProof};
use std::ops::Range;

/// All rows, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    rows: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    /// Where its cells lie; of a delete, those of the key alone.
    cells: Range<usize>,
    /// Where the cells of the partition key end.
    partition_end: usize,
    op: Op,
    timestamp: i64,
    ttl: Life,
}

/// How long a row lives from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// The table has no such setting.
    Unsaid,
    /// As long as the table says.
    Table,
    /// So many seconds.
    Seconds(i32),
}

/// One row as its statement wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound<'e> {
    /// Which statement.
    pub(crate) op: Op,
    cells: &'e [u8],
    timestamp: i64,
    ttl: Life,
}

impl Encoded {
    /// Encodes all rows. `now_ms`: since 1970, for times to live.
    pub(crate) fn of(
        layout: &Layout,
        generation: Generation,
        rows: &Rows<'_>,
        now_ms: i64,
    ) -> Result<Self, SinkError> {
        let mut encoded = Self::default();
        encoded.rows.reserve(rows.len());
        for (row, cells) in rows.iter() {
            encoded
                .push(layout, generation, row.op, row.offset, cells, now_ms)
                .map_err(|(refusal, column)| refused(layout, refusal, &column, row.offset))?;
        }
        Ok(encoded)
    }

    fn push(
        &mut self,
        layout: &Layout,
        generation: Generation,
        op: Op,
        offset: i64,
        cells: &[Cell<'_>],
        now_ms: i64,
    ) -> Result<(), (Refusal, String)> {
        let start = self.bytes.len();
        let mut partition_end = start;
        let (columns, timestamp, remains) = match op {
            Op::Delete => (layout.key, generation.deletes_at(offset), Remains::Unsaid),
            Op::Put => {
                let remains = layout.ttl.map_or(Ok(Remains::Unsaid), |ttl| {
                    remains(ttl, cells, now_ms).map_err(|refusal| (refusal, "ttl".to_owned()))
                })?;
                (layout.columns.len(), generation.writes_at(offset), remains)
            }
        };
        for (i, (column, cell)) in layout.columns[..columns].iter().zip(cells).enumerate() {
            // What has outlived its time is deleted, cell by cell: what other
            // records set stays.
            let cell = match (remains, cell) {
                (Remains::Nothing, cell)
                    if i >= layout.key && !matches!(cell, Cell::Absent | Cell::Unchanged) =>
                {
                    &Cell::Null
                }
                (_, cell) => cell,
            };
            let out = CellWriter::new(&mut self.bytes);
            encode::cell(&column.typ, column.raw, cell, out)
                .map_err(|refusal| (refusal, column.name.clone()))?;
            if i + 1 == layout.partition {
                partition_end = self.bytes.len();
            }
        }
        let ttl = match remains {
            Remains::Unsaid => Life::Unsaid,
            Remains::Table => Life::Table,
            Remains::Seconds(seconds) => Life::Seconds(seconds),
            // The row's own mark needs a time to live too, or a row of nulls
            // would stay: the shortest that there is.
            Remains::Nothing => Life::Seconds(1),
        };
        self.rows.push(Place {
            cells: start..self.bytes.len(),
            partition_end,
            op,
            timestamp,
            ttl,
        });
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Row `i`.
    pub(crate) fn row(&self, i: usize) -> Bound<'_> {
        let place = &self.rows[i];
        Bound {
            op: place.op,
            cells: &self.bytes[place.cells.clone()],
            timestamp: place.timestamp,
            ttl: place.ttl,
        }
    }

    /// Its partition key: rows with the same bytes go to the same replicas.
    pub(crate) fn partition(&self, i: usize) -> &[u8] {
        let place = &self.rows[i];
        &self.bytes[place.cells.start..place.partition_end]
    }

    /// Bytes of its cells.
    pub(crate) fn size(&self, i: usize) -> usize {
        self.rows[i].cells.len()
    }
}

/// What is left of a row's time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remains {
    Unsaid,
    Table,
    Seconds(i32),
    Nothing,
}

/// Counted from the record's time, so that a replay ends it at the same moment.
fn remains(ttl: TtlPlan, cells: &[Cell<'_>], now_ms: i64) -> Result<Remains, Refusal> {
    let seconds = match ttl.seconds {
        Err(seconds) => i64::from(seconds),
        Ok(i) => match &cells[i] {
            Cell::Absent | Cell::Unchanged | Cell::Null => return Ok(Remains::Table),
            Cell::Number(text) => text.parse().map_err(|_| Refusal::NotTtl)?,
            Cell::Text(text) => text.parse().map_err(|_| Refusal::NotTtl)?,
            Cell::Int(value) => *value,
            Cell::Unsigned(value) => i64::try_from(*value).map_err(|_| Refusal::NotTtl)?,
            Cell::Timestamp(at) => at.value,
            Cell::Bool(_)
            | Cell::Float(_)
            | Cell::Decimal { .. }
            | Cell::Json(_)
            | Cell::Bytes(_)
            | Cell::Date(_)
            | Cell::Time(_)
            | Cell::Uuid(_)
            | Cell::Interval(_) => return Err(Refusal::NotTtl),
        },
    };
    if !(1..=i64::from(MAX_TTL_S)).contains(&seconds) {
        return Err(Refusal::NotTtl);
    }
    let since = match cells[ttl.time] {
        Cell::Timestamp(at) => at.millis(),
        // A record without a time: from now on.
        _ => now_ms,
    };
    let left_ms = since.saturating_add(seconds * 1000).saturating_sub(now_ms);
    Ok(match left_ms {
        ..=0 => Remains::Nothing,
        // A record from the future lives no longer than it asked for, from now.
        _ => {
            let left = (left_ms.saturating_add(999) / 1000).min(i64::from(MAX_TTL_S));
            Remains::Seconds(i32::try_from(left).unwrap_or(i32::MAX))
        }
    })
}

fn refused(layout: &Layout, refusal: Refusal, column: &str, offset: i64) -> SinkError {
    let mut error = SinkError::new(Class::Rejected, refusal.condition()).hint(refusal.hint());
    error.detail.table = Some(format!("{}.{}", layout.keyspace, layout.table));
    error.detail.column = Some(column.to_owned());
    error.detail.text = Secret::new(format!(
        "{} in column \"{column}\" at offset {offset}: {}",
        refusal.condition(),
        refusal.hint()
    ));
    error
}

impl SerializeRow for Bound<'_> {
    fn serialize(
        &self,
        _: &RowSerializationContext<'_>,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        if self.op == Op::Delete {
            bigint(writer, self.timestamp)?;
        }
        let mut rest = self.cells;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let cell = writer.make_cell_writer();
            rest = match i32::from_be_bytes(*length) {
                -1 => {
                    cell.set_null();
                    after
                }
                -2 => {
                    cell.set_unset();
                    after
                }
                length => {
                    let (value, after) = after.split_at(usize::try_from(length).unwrap_or(0));
                    proof(cell.set_value(value))?;
                    after
                }
            };
        }
        if self.op == Op::Put {
            bigint(writer, self.timestamp)?;
            match self.ttl {
                Life::Unsaid => {}
                Life::Table => {
                    writer.make_cell_writer().set_unset();
                }
                Life::Seconds(seconds) => {
                    proof(writer.make_cell_writer().set_value(&seconds.to_be_bytes()))?;
                }
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        false
    }
}

fn bigint(writer: &mut RowWriter<'_>, value: i64) -> Result<(), SerializationError> {
    proof(writer.make_cell_writer().set_value(&value.to_be_bytes()))
}

fn proof(
    written: Result<WrittenCellProof<'_>, scylla::serialize::writers::CellOverflowError>,
) -> Result<(), SerializationError> {
    written.map(|_| ()).map_err(SerializationError::new)
}
