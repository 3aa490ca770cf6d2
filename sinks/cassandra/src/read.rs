//! Rows as they stand, for whoever compares them with the log.

use crate::encode;
use crate::plan::CassandraPlan;
use crate::{CassandraSink, acts, claims, connect};
use futures_util::TryStreamExt;
use plimsoll_protocol::{Class, TopicPartition};
use plimsoll_sink_api::{Act, Cell, Prepared, Secret, SinkError};
use scylla::cluster::metadata::{CollectionType, ColumnType, NativeType};
use scylla::deserialize::row::{ColumnIterator, DeserializeRow};
use scylla::deserialize::{DeserializationError, TypeCheckError};
use scylla::frame::response::result::ColumnSpec;
use scylla::serialize::writers::CellWriter;
use std::collections::BTreeMap;

/// Rows of one answer: far below what a server times out on.
const PAGE_ROWS: i32 = 1_000;

/// A value in a form that is equal exactly when the values are: the native
/// protocol's bytes, elements of sets and maps in order. `None`: null.
pub(crate) type Plain = Option<Vec<u8>>;

/// What a record makes of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// It leaves it as it is.
    Absent,
    /// It sets it.
    Value(Plain),
}

impl CassandraSink {
    /// The lowest offset that each partition ever began at.
    ///
    /// # Errors
    /// The cluster is away, or there are no tables.
    pub(crate) async fn starts(&self) -> Result<Vec<(TopicPartition, i64)>, SinkError> {
        let rows = claims::list(self.state().await?).await?;
        Ok(rows
            .iter()
            .map(|row| (row.tp(), row.start_offset))
            .collect())
    }

    /// What operators did by hand, in its order.
    ///
    /// # Errors
    /// The cluster is away, or there are no tables.
    pub(crate) async fn acts(&self) -> Result<BTreeMap<TopicPartition, Vec<Act>>, SinkError> {
        Ok(acts::list(self.state().await?).await?)
    }

    /// Every row of a table, page by page: a value for each of its columns.
    ///
    /// # Errors
    /// The cluster's, and what `each` says.
    pub(crate) async fn scan<E: From<SinkError>>(
        &self,
        table: &Prepared<CassandraPlan>,
        mut each: impl FnMut(Vec<Plain>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (session, level) = self.reading().await?;
        let layout = &table.plan.layout;
        let mut select = session
            .prepare(layout.select_cql())
            .await
            .map_err(|error| crate::error::of_prepare(&error).error)?;
        select.set_page_size(PAGE_ROWS);
        select.set_consistency(connect::read_level(level));
        select.set_is_idempotent(true);
        let failed = |error: &dyn std::fmt::Display| {
            let mut away = SinkError::new(Class::Unavailable, "rows could not be read");
            away.detail.text = Secret::new(error.to_string());
            away
        };
        let pager = session
            .execute_iter(select, ())
            .await
            .map_err(|error| failed(&error))?;
        let rows = pager.rows_stream::<Raw>().map_err(|e| failed(&e))?;
        let mut rows = std::pin::pin!(rows);
        while let Some(Raw(values)) = rows.try_next().await.map_err(|e| failed(&e))? {
            let plain = values.into_iter().zip(&layout.columns);
            each(plain.map(|(value, c)| whole(&c.typ, value)).collect())?;
        }
        Ok(())
    }
}

impl CassandraPlan {
    /// What a record makes of each column; of a tombstone, of those of the key.
    ///
    /// # Errors
    /// A value that its column does not take.
    pub(crate) fn written(
        &self,
        cells: &[Cell<'_>],
        key_only: bool,
    ) -> Result<Vec<Written>, SinkError> {
        let mut bytes = Vec::new();
        let key = self.layout.key;
        let columns = self.layout.columns.iter().zip(cells).enumerate();
        columns
            .map(|(i, (column, cell))| {
                if key_only && i >= key {
                    return Ok(Written::Absent);
                }
                bytes.clear();
                encode::cell(&column.typ, column.raw, cell, CellWriter::new(&mut bytes)).map_err(
                    |refusal| {
                        let mut error = SinkError::new(Class::Rejected, refusal.condition());
                        error.detail.column = Some(column.name.clone());
                        error
                    },
                )?;
                let (length, value) = bytes.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
                Ok(match i32::from_be_bytes(*length) {
                    -2 => Written::Absent,
                    -1 => Written::Value(None),
                    _ => Written::Value(whole(&column.typ, Some(value.to_vec()))),
                })
            })
            .collect()
    }

    /// Columns of the primary key; they come first.
    #[must_use]
    pub(crate) fn key(&self) -> usize {
        self.layout.key
    }

    /// A value of the key in a form that is equal exactly where the server calls two
    /// equal: behind the partition key a decimal counts by its value, 1.0 and 1.00 are
    /// one.
    #[must_use]
    pub(crate) fn of_key(&self, column: usize, value: Plain) -> Plain {
        let decimal = ColumnType::Native(NativeType::Decimal);
        let clusters = (self.layout.partition..self.layout.key).contains(&column);
        let counts = clusters && self.layout.columns[column].typ == decimal;
        match value {
            Some(bytes) if counts => Some(by_value(bytes)),
            value => value,
        }
    }

    /// A value as text, where the column is of text or integers.
    #[must_use]
    pub(crate) fn text(&self, column: usize, value: &Plain) -> Option<String> {
        let bytes = value.as_deref()?;
        let typ = &self.layout.columns.get(column)?.typ;
        match typ {
            ColumnType::Native(NativeType::Text | NativeType::Ascii) => {
                String::from_utf8(bytes.to_vec()).ok()
            }
            ColumnType::Native(NativeType::Int) => {
                Some(i32::from_be_bytes(bytes.try_into().ok()?).to_string())
            }
            ColumnType::Native(NativeType::BigInt) => {
                Some(i64::from_be_bytes(bytes.try_into().ok()?).to_string())
            }
            _ => None,
        }
    }
}

/// Longer decimals, of some hundred digits, are left as they are: taking zeros off is
/// quadratic in their length.
const DECIMAL_BYTES: usize = 256;

/// A decimal without the zeros at its end: a scale, and a whole number in two's
/// complement, the highest byte first.
fn by_value(decimal: Vec<u8>) -> Vec<u8> {
    let Some((scale, whole)) = decimal.split_first_chunk::<4>() else {
        return decimal;
    };
    if whole.is_empty() || decimal.len() > DECIMAL_BYTES {
        return decimal;
    }
    let negative = whole[0] & 0x80 != 0;
    let mut size = whole.to_vec();
    if negative {
        negate(&mut size);
    }
    if size.iter().all(|byte| *byte == 0) {
        return vec![0; 5];
    }
    let mut scale = i64::from(i32::from_be_bytes(*scale));
    loop {
        let mut tenth = size.clone();
        let rest = tenth.iter_mut().fold(0_u16, |rest, byte| {
            let part = rest * 256 + u16::from(*byte);
            *byte = u8::try_from(part / 10).unwrap_or(u8::MAX);
            part % 10
        });
        if rest != 0 {
            let first = size.iter().position(|byte| *byte != 0).unwrap_or(0);
            let mut value = scale.to_be_bytes().to_vec();
            value.push(u8::from(negative));
            value.extend_from_slice(&size[first..]);
            return value;
        }
        (size, scale) = (tenth, scale - 1);
    }
}

fn negate(number: &mut [u8]) {
    let mut carry = true;
    for byte in number.iter_mut().rev() {
        let (sum, over) = (!*byte).overflowing_add(u8::from(carry));
        (*byte, carry) = (sum, over);
    }
}

/// A value of a column. Of what is not frozen, nothing inside is nothing at all.
fn whole(typ: &ColumnType<'_>, value: Plain) -> Plain {
    let value = plain(typ, &value?);
    let empty = match typ {
        ColumnType::Collection { frozen: false, .. } => value == 0_i32.to_be_bytes(),
        ColumnType::UserDefinedType { frozen: false, .. } => value.is_empty(),
        _ => false,
    };
    (!empty).then_some(value)
}

/// Bytes that are not of their type stay as they are: they equal nothing else.
fn plain(typ: &ColumnType<'_>, value: &[u8]) -> Vec<u8> {
    let parts = match typ {
        ColumnType::Collection { typ, .. } => collection(typ, value),
        ColumnType::Tuple(types) => fields(types.iter(), value),
        ColumnType::UserDefinedType { definition, .. } => {
            fields(definition.field_types.iter().map(|(_, typ)| typ), value)
        }
        _ => None,
    };
    parts.unwrap_or_else(|| value.to_vec())
}

fn collection(typ: &CollectionType<'_>, value: &[u8]) -> Option<Vec<u8>> {
    let (count, mut rest) = value.split_first_chunk::<4>()?;
    let count = usize::try_from(i32::from_be_bytes(*count)).ok()?;
    let mut next = |typ: &ColumnType<'_>| {
        let (part, after) = take(rest)?;
        rest = after;
        let mut out = Vec::new();
        put(&mut out, Some(plain(typ, part?)));
        Some(out)
    };
    let mut parts = Vec::new();
    for _ in 0..count {
        parts.push(match typ {
            CollectionType::List(element) | CollectionType::Set(element) => next(element)?,
            CollectionType::Map(key, value) => [next(key)?, next(value)?].concat(),
            _ => return None,
        });
    }
    if !matches!(typ, CollectionType::List(_)) {
        parts.sort_unstable();
        parts.dedup();
    }
    let count = i32::try_from(parts.len()).ok()?;
    Some([count.to_be_bytes().to_vec(), parts.concat()].concat())
}

/// Without the nulls at the end, which a server may leave out.
fn fields<'t>(types: impl Iterator<Item = &'t ColumnType<'t>>, value: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut rest, mut end) = (Vec::new(), value, 0);
    for typ in types {
        if rest.is_empty() {
            break;
        }
        let (part, after) = take(rest)?;
        rest = after;
        put(&mut out, part.map(|part| plain(typ, part)));
        if part.is_some() {
            end = out.len();
        }
    }
    out.truncate(end);
    Some(out)
}

/// A value with its length in front; `Some(None)`: null.
fn take(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Err(_) => Some((None, rest)),
        Ok(length) => rest
            .split_at_checked(length)
            .map(|(value, rest)| (Some(value), rest)),
    }
}

fn put(out: &mut Vec<u8>, value: Plain) {
    let length = value.as_ref().map_or(-1, |v| v.len() as i32);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend(value.unwrap_or_default());
}

/// The bytes of a row, whatever its columns are.
struct Raw(Vec<Plain>);

impl<'f, 'm> DeserializeRow<'f, 'm> for Raw {
    fn type_check(_: &[ColumnSpec<'_>]) -> Result<(), TypeCheckError> {
        Ok(())
    }

    fn deserialize(row: ColumnIterator<'f, 'm>) -> Result<Self, DeserializationError> {
        let bytes = |column: scylla::deserialize::row::RawColumn<'f, 'm>| {
            column.slice.map(|slice| slice.as_slice().to_vec())
        };
        row.map(|column| column.map(bytes))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = (parts.len() as i32).to_be_bytes().to_vec();
        for part in parts {
            put(&mut out, Some(part.to_vec()));
        }
        out
    }

    #[test]
    fn decimals_are_equal_by_their_value() {
        let of = |scale: i32, whole: &[u8]| by_value([&scale.to_be_bytes(), whole].concat());
        let one = of(0, &[1]);
        assert_eq!(of(1, &[10]), one);
        assert_eq!(of(2, &[100]), one);
        assert_eq!(of(3, &[0x03, 0xe8]), one);
        assert_eq!(of(-1, &[1]), of(0, &[10]));
        assert_eq!(of(0, &[0]), of(7, &[0]));
        let minus = of(0, &[0xff]);
        assert_eq!(of(1, &[0xf6]), minus);
        assert_eq!(of(3, &[0xfc, 0x18]), minus);
        let all = [
            one,
            minus,
            of(0, &[2]),
            of(1, &[1]),
            of(0, &[0]),
            of(0, &[10]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "{a:?}");
        }
    }

    #[test]
    fn sets_are_equal_in_any_order_and_lists_are_not() {
        let text = || ColumnType::Native(NativeType::Text);
        let of = |typ| ColumnType::Collection { frozen: false, typ };
        let set = of(CollectionType::Set(Box::new(text())));
        let list = of(CollectionType::List(Box::new(text())));
        let (ab, ba) = (frame(&[b"a", b"b"]), frame(&[b"b", b"a", b"b"]));
        assert_eq!(plain(&set, &ab), plain(&set, &ba));
        assert_ne!(plain(&list, &ab), plain(&list, &ba));
        assert_eq!(whole(&set, Some(frame(&[]))), None);
    }

    #[test]
    fn nulls_at_the_end_of_a_tuple_are_nothing() {
        let types = vec![
            ColumnType::Native(NativeType::Text),
            ColumnType::Native(NativeType::Int),
        ];
        let tuple = ColumnType::Tuple(types);
        let (mut short, mut long) = (Vec::new(), Vec::new());
        put(&mut short, Some(b"a".to_vec()));
        put(&mut long, Some(b"a".to_vec()));
        put(&mut long, None);
        assert_eq!(plain(&tuple, &short), plain(&tuple, &long));
    }
}
