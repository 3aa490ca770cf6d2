//! A table, and what its columns get of a record.

use plimsoll_format_testing::one;
use plimsoll_record::{
    Arena, BadRecord, Decoder, Envelope, Format, Formats, Json, Undecoded, UnknownFields,
};
use plimsoll_sink_api::{Cell, Column, Holds, Mode, Op, Rows, Shape, Table};
use std::sync::Arc;

/// `name = source`, each with a shape; the first one is the key.
pub fn table(mode: Mode, columns: &[(&str, &str, Shape)]) -> Table {
    let columns = columns.iter().enumerate();
    let column = |(i, (name, source, shape)): (usize, &(&str, &str, Shape))| Column {
        name: (*name).to_owned(),
        take: source.parse().expect("a source"),
        shape: *shape,
        key: mode == Mode::Upsert && i == 0,
        type_name: String::new(),
        holds: Holds::Other,
    };
    Table {
        name: "t".to_owned(),
        mode,
        columns: columns.map(column).collect(),
        filter: None,
        explode: None,
        evolve: None,
    }
}

/// Values of a format, keys of another; JSON where there is none.
pub fn formats(value: Option<Arc<dyn Format>>, key: Option<Arc<dyn Format>>) -> Formats {
    Formats {
        value: value.unwrap_or_else(|| Arc::new(Json)),
        key: key.unwrap_or_else(|| Arc::new(Json)),
        unknown: UnknownFields::Ignore,
        unit: None,
        envelope: Envelope::None,
    }
}

pub fn decoder(table: &Table, formats: &Formats) -> Decoder {
    Decoder::new(table, "t", 0, formats)
}

/// The row of a record, as the tests write it down.
pub fn row(
    table: &Table,
    formats: &Formats,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<Vec<String>, BadRecord> {
    let chunk = one(0, key, value);
    let (arena, mut rows) = (Arena::new(), Rows::with_capacity(table.columns.len(), 1));
    match decoder(table, formats).decode(&chunk.record(0), &arena, &mut rows) {
        Ok(_) => {
            let (row, cells) = rows.row(0);
            let deleted = (row.op == Op::Delete).then(|| "deleted".to_owned());
            Ok(deleted.into_iter().chain(cells.iter().map(shown)).collect())
        }
        Err(Undecoded::Bad(bad)) => Err(bad),
        Err(other) => panic!("{other}"),
    }
}

fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Absent => "absent".to_owned(),
        Cell::Null => "null".to_owned(),
        other => format!("{other:?}"),
    }
}
