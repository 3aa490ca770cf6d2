//! COPY: rows in binary or as text, streamed in pieces so that the server parses
//! while the next piece is written.

use crate::binary::{self, Binary, NotPlain};
use crate::encode::{self, Out};
use crate::error::from_sqlx;
use crate::plan::{PgPlan, PlanColumn};
use plimsoll_protocol::Class;
use plimsoll_sink_api::canonical::Unfit;
use plimsoll_sink_api::{Cell, Op, Rows, SinkError};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::collections::BTreeMap;

/// Bytes of a piece: large enough that a system call costs nothing, small enough
/// for the processor's cache and for the memory of many connections.
const PIECE: usize = 256 * 1024;

/// Rows of `DEFAULT VALUES` per message; only rows without any field end there.
const EMPTY_ROWS: usize = 1000;

/// COPY's text format: four characters are escaped, NULL is `\N`.
struct CopyText<'b>(&'b mut Vec<u8>);

const fn escapes() -> [u8; 256] {
    let mut table = [0; 256];
    table[b'\\' as usize] = b'\\';
    table[b'\t' as usize] = b't';
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table
}

/// What follows the backslash, or 0.
static ESCAPES: [u8; 256] = escapes();

impl Out for CopyText<'_> {
    fn raw(&mut self, text: &[u8]) {
        self.0.extend_from_slice(text);
    }

    fn text(&mut self, mut text: &[u8]) {
        while let Some(at) = text.iter().position(|&b| ESCAPES[usize::from(b)] != 0) {
            self.0.extend_from_slice(&text[..at]);
            self.0
                .extend_from_slice(&[b'\\', ESCAPES[usize::from(text[at])]]);
            text = &text[at + 1..];
        }
        self.0.extend_from_slice(text);
    }
}

/// Writes one row of the columns chosen.
pub(crate) fn push_row(
    columns: &[PlanColumn],
    chosen: &[usize],
    offset: i64,
    cells: &[Cell<'_>],
    buffer: &mut Vec<u8>,
) -> Result<(), SinkError> {
    for (i, &c) in chosen.iter().enumerate() {
        if i > 0 {
            buffer.push(b'\t');
        }
        match encode::write(columns[c].kind, &cells[c], &mut CopyText(buffer)) {
            Ok(true) => {}
            Ok(false) => buffer.extend_from_slice(b"\\N"),
            Err(fault) => return Err(bad_value(fault, &columns[c].name, offset)),
        }
    }
    buffer.push(b'\n');
    Ok(())
}

/// A value that has no text for its column.
pub(crate) fn bad_value(fault: encode::Fault, column: &str, offset: i64) -> SinkError {
    let mut error = SinkError::new(Class::Rejected, fault.condition()).hint(fault.hint());
    error.detail.column = Some(column.to_owned());
    error.detail.text = plimsoll_sink_api::Secret::new(format!(
        "{} in column \"{column}\" at offset {offset}",
        fault.condition()
    ));
    error
}

/// A table without a key has nothing to delete by.
pub(crate) fn tombstone(offset: i64) -> SinkError {
    let mut error =
        SinkError::new(Class::Rejected, Unfit::Tombstone.condition()).hint(Unfit::Tombstone.hint());
    error.detail.text =
        plimsoll_sink_api::Secret::new(format!("a tombstone without a key at offset {offset}"));
    error
}

/// Rows that leave the same columns to their defaults.
struct Group {
    columns: Vec<usize>,
    rows: Vec<usize>,
}

/// Groups rows by the columns that they leave out; one group for most batches.
fn groups(plan: &PgPlan, rows: &Rows<'_>) -> Vec<Group> {
    let absent = |cells: &[Cell<'_>]| -> Vec<usize> {
        let left_out = |&&c: &&usize| matches!(cells[c], Cell::Absent);
        plan.defaulted.iter().filter(left_out).copied().collect()
    };
    let mut by_absent: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    if plan.defaulted.is_empty() {
        by_absent.insert(Vec::new(), (0..rows.len()).collect());
    } else {
        for (i, (_, cells)) in rows.iter().enumerate() {
            by_absent.entry(absent(cells)).or_default().push(i);
        }
    }
    by_absent
        .into_iter()
        .map(|(absent, rows)| Group {
            columns: (0..plan.columns.len())
                .filter(|c| !absent.contains(c))
                .collect(),
            rows,
        })
        .collect()
}

/// In which form rows travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In binary as far as values have one plain form, the rest as text. The
    /// server takes the bytes for whatever type a column has now: whoever uses
    /// this ends with [`PgPlan::fence`].
    Binary,
    /// As text: the server's input functions judge each value.
    Text,
}

/// Copies rows into `target`, which has the plan's columns.
pub(crate) async fn copy_rows(
    conn: &mut PgConnection,
    buffer: &mut Vec<u8>,
    target: &str,
    plan: &PgPlan,
    rows: &Rows<'_>,
    form: Form,
) -> Result<u64, SinkError> {
    let mut written = 0;
    for group in groups(plan, rows) {
        if group.columns.is_empty() {
            written += insert_empty(conn, target, group.rows.len()).await?;
            continue;
        }
        let names: Vec<&str> = group
            .columns
            .iter()
            .map(|&c| plan.columns[c].quoted.as_str())
            .collect();
        let into = format!("COPY {target} ({}) FROM STDIN", names.join(", "));
        let plain = match form {
            Form::Binary => copy_binary(conn, buffer, &into, plan, rows, &group).await?,
            Form::Text => 0,
        };
        if plain < group.rows.len() {
            copy_text(conn, buffer, &into, plan, rows, &group, plain).await?;
        }
        written += group.rows.len() as u64;
    }
    // One row of many MiB must not keep its memory for good.
    buffer.clear();
    buffer.shrink_to(2 * PIECE);
    Ok(written)
}

/// Copies the first rows of a group, up to one whose values are not all plain;
/// says how many.
async fn copy_binary(
    conn: &mut PgConnection,
    buffer: &mut Vec<u8>,
    into: &str,
    plan: &PgPlan,
    rows: &Rows<'_>,
    group: &Group,
) -> Result<usize, SinkError> {
    let forms = group.columns.iter().map(|&c| plan.columns[c].binary);
    let Some(forms) = forms.collect::<Option<Vec<Binary>>>() else {
        return Ok(0);
    };
    let push = |row: usize, buffer: &mut Vec<u8>| {
        let (head, cells) = rows.row(row);
        if head.op == Op::Delete {
            return Err(NotPlain);
        }
        binary::begin_row(forms.len(), buffer)?;
        for (&c, &form) in group.columns.iter().zip(&forms) {
            binary::write(form, plan.columns[c].kind, &cells[c], buffer)?;
        }
        Ok(())
    };
    // Fills a piece from row `next` on; whether there is more to come.
    let fill = |next: &mut usize, buffer: &mut Vec<u8>| {
        while let Some(&row) = group.rows.get(*next) {
            let start = buffer.len();
            if push(row, buffer).is_err() {
                buffer.truncate(start);
                return false;
            }
            *next += 1;
            if buffer.len() >= PIECE {
                return true;
            }
        }
        false
    };
    let mut next = 0;
    buffer.clear();
    buffer.extend_from_slice(binary::HEADER);
    let mut more = fill(&mut next, buffer);
    if !more && next < group.rows.len() {
        // A few plain rows are not worth a statement of their own.
        return Ok(0);
    }
    let sql = format!("{into} (FORMAT binary)");
    let mut copy = conn.copy_in_raw(&sql).await.map_err(from_sqlx)?;
    while more {
        copy.send(buffer.as_slice()).await.map_err(from_sqlx)?;
        buffer.clear();
        more = fill(&mut next, buffer);
    }
    buffer.extend_from_slice(binary::TRAILER);
    copy.send(buffer.as_slice()).await.map_err(from_sqlx)?;
    copy.finish().await.map_err(from_sqlx)?;
    Ok(next)
}

/// Copies the rows of a group from the `first` on.
async fn copy_text(
    conn: &mut PgConnection,
    buffer: &mut Vec<u8>,
    into: &str,
    plan: &PgPlan,
    rows: &Rows<'_>,
    group: &Group,
    first: usize,
) -> Result<(), SinkError> {
    let mut copy = conn.copy_in_raw(into).await.map_err(from_sqlx)?;
    buffer.clear();
    for &i in &group.rows[first..] {
        let (row, cells) = rows.row(i);
        if row.op == Op::Delete {
            return Err(tombstone(row.offset));
        }
        push_row(&plan.columns, &group.columns, row.offset, cells, buffer)?;
        if buffer.len() >= PIECE {
            copy.send(buffer.as_slice()).await.map_err(from_sqlx)?;
            buffer.clear();
        }
    }
    if !buffer.is_empty() {
        copy.send(buffer.as_slice()).await.map_err(from_sqlx)?;
    }
    copy.finish().await.map_err(from_sqlx)?;
    Ok(())
}

async fn insert_empty(
    conn: &mut PgConnection,
    target: &str,
    rows: usize,
) -> Result<u64, SinkError> {
    let mut left = rows;
    while left > 0 {
        let now = left.min(EMPTY_ROWS);
        let sql = format!("INSERT INTO {target} DEFAULT VALUES;").repeat(now);
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut *conn)
            .await
            .map_err(from_sqlx)?;
        left -= now;
    }
    Ok(rows as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_special_characters_are_escaped() {
        let mut buffer = Vec::new();
        CopyText(&mut buffer).text("a\\b\tc\nd\re\\.\u{e4}".as_bytes());
        assert_eq!(
            String::from_utf8(buffer).unwrap(),
            "a\\\\b\\tc\\nd\\re\\\\.ä"
        );
    }
}
