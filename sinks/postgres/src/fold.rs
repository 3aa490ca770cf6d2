//! The last record of each key of a batch, as far as keys are the same text:
//! what the server need not see. Keys that are equal only to the database (two
//! cases of a uuid, 1 and 1.0) it still tells by itself.

use plimsoll_sink_api::{Cell, Rows};
use std::collections::HashSet;
use std::hash::{Hash, Hasher};

struct Key<'r> {
    columns: &'r [usize],
    cells: &'r [Cell<'r>],
}

impl Key<'_> {
    fn cells(&self) -> impl Iterator<Item = &Cell<'_>> {
        self.columns.iter().map(|&c| &self.cells[c])
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cells().for_each(|cell| cell.hash(state));
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cells().eq(other.cells())
    }
}

impl Eq for Key<'_> {}

/// Which rows are the last of their key, in their order. A bad record that a
/// later one of its key supersedes is never seen by the database then.
pub(crate) fn last_of_each_key(rows: &Rows<'_>, columns: &[usize]) -> Vec<usize> {
    let mut seen = HashSet::with_capacity(rows.len());
    let mut last: Vec<usize> = (0..rows.len())
        .rev()
        .filter(|&i| {
            let (_, cells) = rows.row(i);
            seen.insert(Key { columns, cells })
        })
        .collect();
    last.reverse();
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sink_api::{Op, Row};

    #[test]
    fn the_last_record_of_a_key_stays_in_its_place() {
        let mut rows = Rows::with_capacity(3, 8);
        let text = |t: &'static str| Cell::Text(t);
        for (offset, (a, b)) in [
            (text("x"), Cell::Number("1")),
            (text("x"), Cell::Number("2")),
            (text("x"), Cell::Number("1")),
            // Equal to the database, perhaps: it is asked.
            (text("x"), Cell::Number("1.0")),
            (text("x"), text("1")),
            (text("x"), Cell::Number("2")),
        ]
        .into_iter()
        .enumerate()
        {
            let head = Row {
                offset: offset as i64,
                op: Op::Put,
            };
            let cells = rows.push(head);
            (cells[0], cells[2]) = (a, b);
        }
        assert_eq!(last_of_each_key(&rows, &[0, 2]), [2, 3, 4, 5]);
        assert_eq!(last_of_each_key(&rows, &[0]), [5]);
    }
}
