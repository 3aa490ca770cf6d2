//! What the fuzz targets call, and the tests of their corpus: arbitrary cells
//! are encoded, parsed back by parsers that share no code with the encoders, and
//! compared with the cells. A property that does not hold panics.

mod cases;
mod literal;
mod view;

use crate::array::TextArray;
use crate::copy::push_row;
use crate::encode;
use crate::plan::PlanColumn;
use cases::Case;
use plimsoll_sink_api::Cell;
use sqlx::Encode;
use sqlx::postgres::PgArgumentBuffer;

/// Columns of a row, in both targets.
const WIDTH: usize = 3;

/// COPY's text format.
///
/// # Panics
/// Where the rows that are parsed back are not the ones that were written.
pub fn copy(data: &[u8]) {
    let cases = cases::read(data);
    let mut text = Vec::new();
    let mut written = Vec::new();
    for row in cases.chunks(WIDTH) {
        let columns: Vec<PlanColumn> = row.iter().map(|c| PlanColumn::of_kind(c.kind)).collect();
        let cells: Vec<Cell<'_>> = row.iter().map(Case::cell).collect();
        let chosen: Vec<usize> = (0..row.len()).collect();
        let start = text.len();
        match push_row(&columns, &chosen, 0, &cells, &mut text) {
            Ok(()) => written.push(row),
            Err(_) => {
                text.truncate(start);
                let refused = row.iter().any(Case::has_no_text);
                assert!(refused, "a good row was refused: {row:?}");
            }
        }
    }
    let rows = copied_rows(&text);
    assert_eq!(rows.len(), written.len(), "rows");
    for (cells, row) in rows.iter().zip(written) {
        assert_eq!(cells.len(), row.len(), "cells of {row:?}");
        for (cell, case) in cells.iter().zip(row) {
            case.check(cell.as_deref());
        }
    }
}

/// Reads COPY's text format as its documentation tells it.
fn copied_rows(text: &[u8]) -> Vec<Vec<Option<Vec<u8>>>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = Vec::new();
    let (mut null, mut bytes) = (false, text.iter());
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\t' | b'\n' => {
                let done = std::mem::take(&mut cell);
                row.push((!std::mem::take(&mut null)).then_some(done));
                if byte == b'\n' {
                    rows.push(std::mem::take(&mut row));
                }
            }
            b'\\' => match bytes.next().expect("something is escaped") {
                b'N' => {
                    assert!(cell.is_empty(), "\\N stands alone");
                    null = true;
                }
                b'b' => cell.push(8),
                b'f' => cell.push(12),
                b'n' => cell.push(b'\n'),
                b'r' => cell.push(b'\r'),
                b't' => cell.push(b'\t'),
                b'v' => cell.push(11),
                b'0'..=b'9' | b'x' | b'.' => panic!("never written by us"),
                &other => cell.push(other),
            },
            b'\r' => panic!("a bare carriage return ends a row for some servers"),
            other => {
                assert!(!null, "\\N stands alone");
                cell.push(other);
            }
        }
    }
    assert!(
        cell.is_empty() && row.is_empty(),
        "the last row has its end"
    );
    rows
}

/// Text arrays in their binary form, as UNNEST gets them: one per column.
///
/// # Panics
/// Where the elements that are parsed back are not the ones that were written.
pub fn unnest(data: &[u8]) {
    let cases = cases::read(data);
    let mut array = TextArray::default();
    let mut written = Vec::new();
    for case in &cases {
        let cell = case.cell();
        // The row of a bad value never comes to its commit: an array that began
        // such an element is thrown away whole.
        let mut alone = TextArray::default();
        match alone.push(|out| encode::write(case.kind, &cell, out)) {
            Ok(()) => {
                let pushed = array.push(|out| encode::write(case.kind, &cell, out));
                assert_eq!(pushed, Ok(()), "it can be written twice");
                written.push(case);
            }
            Err(_) => assert!(case.has_no_text(), "a good value was refused: {case:?}"),
        }
    }
    let mut buffer = PgArgumentBuffer::default();
    let null = array.encode_by_ref(&mut buffer).expect("an array");
    assert!(!null.is_null(), "the array itself is no NULL");
    let elements = elements(&buffer);
    assert_eq!(elements.len(), written.len(), "elements");
    for (element, case) in elements.into_iter().zip(written) {
        case.check(element);
    }
}

/// Reads `array_send`'s form: dimensions, whether there are NULLs, the type;
/// length and lower bound of the dimension; the elements.
fn elements(mut bytes: &[u8]) -> Vec<Option<&[u8]>> {
    let dimensions = integer(&mut bytes);
    let nulls = integer(&mut bytes);
    assert_eq!(integer(&mut bytes), 25, "text");
    let mut elements = Vec::new();
    match dimensions {
        0 => {}
        1 => {
            let count = integer(&mut bytes);
            assert!(count > 0, "an empty array has no dimension");
            assert_eq!(integer(&mut bytes), 1, "the lower bound");
            for _ in 0..count {
                let length = usize::try_from(integer(&mut bytes)).ok();
                elements.push(length.map(|length| {
                    let (element, rest) = bytes.split_at(length);
                    bytes = rest;
                    element
                }));
            }
        }
        other => panic!("{other} dimensions"),
    }
    assert!(bytes.is_empty(), "nothing behind the last element");
    assert_eq!(
        nulls == 1,
        elements.contains(&None),
        "the flag tells of NULLs"
    );
    elements
}

fn integer(bytes: &mut &[u8]) -> i32 {
    let (head, rest) = bytes.split_first_chunk::<4>().expect("four bytes");
    *bytes = rest;
    i32::from_be_bytes(*head)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn corpus(target: &str, run: fn(&[u8])) {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus"));
        let files = std::fs::read_dir(folder.join(target)).expect("the corpus");
        let mut count = 0;
        for file in files {
            let path = file.expect("a file").path();
            let data = std::fs::read(&path).expect("a readable file");
            eprintln!("{}", path.display());
            run(&data);
            count += 1;
        }
        assert!(count >= 5, "{count} files in the corpus of {target}");
    }

    #[test]
    fn the_corpus_of_copy_holds() {
        corpus("copy", super::copy);
    }

    #[test]
    fn the_corpus_of_unnest_holds() {
        corpus("unnest", super::unnest);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_cells_are_parsed_back(data in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            super::copy(&data);
            super::unnest(&data);
        }
    }
}
