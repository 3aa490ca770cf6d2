//! A cell → the bytes of the native protocol, by the column's type.
//!
//! Text forms stay until here, so a varint or decimal keeps every digit that
//! its sender wrote. What a type cannot hold exactly is a bad record, never a
//! rounded value; floats alone round, for that is what they are.

mod collection;
mod number;
mod refusal;
mod simple;
mod time;

#[cfg(test)]
mod tests;

pub(crate) use refusal::Refusal;

use plimsoll_sink_api::Cell;
use plimsoll_sink_api::canonical::Unfit;
use scylla::cluster::metadata::{ColumnType, NativeType};
use scylla::serialize::value::SerializeValue;
use scylla::serialize::writers::CellWriter;
use scylla::value::CqlTimestamp;

/// Writes one cell with its length in front: a null deletes, an absent field
/// is unset and leaves what stands.
///
/// `raw`: a blob takes the bytes of a string as they are (a record's key or
/// header); otherwise strings for a blob are base64.
pub(crate) fn cell(
    typ: &ColumnType<'_>,
    raw: bool,
    cell: &Cell<'_>,
    out: CellWriter<'_>,
) -> Result<(), Refusal> {
    match (typ, cell) {
        // Whether there is a row whose column can stay is not known without a read.
        (_, Cell::Absent | Cell::Unchanged) => {
            out.set_unset();
            Ok(())
        }
        (_, Cell::Null) => {
            out.set_null();
            Ok(())
        }
        (ColumnType::Native(native), _) => simple::write(native.clone(), raw, cell, out),
        (_, Cell::Json(json)) => collection::write(typ, json, out),
        (_, Cell::Bytes(_)) => Err(Unfit::NotText.into()),
        (_, _) => Err(collection::wants(typ)),
    }
}

/// Writes a value whose type the driver knows; it looks once more whether the
/// column has that type.
fn put<T: SerializeValue>(
    native: NativeType,
    value: &T,
    out: CellWriter<'_>,
) -> Result<(), Refusal> {
    value
        .serialize(&ColumnType::Native(native), out)
        .map(|_| ())
        .map_err(|_| Refusal::TooLarge)
}

/// Milliseconds since the Unix epoch, for a record's own time.
fn put_millis(millis: i64, out: CellWriter<'_>) -> Result<(), Refusal> {
    put(NativeType::Timestamp, &CqlTimestamp(millis), out)
}
