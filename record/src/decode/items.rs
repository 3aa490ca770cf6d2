//! What the elements hold of which the rows of a table are made, for people.

use super::decoder::{Decoder, Formats};
use super::format::{Format, Side};
use super::json::Json;
use super::{Described, LookInto, UnknownFields};
use crate::{Arena, Record};
use plimsoll_sink_api::{Cell, Column, Holds, Mode, Path, Rows, Shape, Source, Table};

/// Reads the elements of the array of which every element is a row.
#[derive(Debug)]
pub struct Items(Decoder);

impl Items {
    /// `None`: a record is one row of the table.
    #[must_use]
    pub fn of(table: &Table, topic: &str, partition: i32, formats: &Formats) -> Option<Self> {
        table.explode.as_ref()?;
        let whole = Column {
            name: "item".to_owned(),
            take: Source::Item(Path::default()).into(),
            shape: Shape::Json,
            key: false,
            type_name: String::new(),
            holds: Holds::Other,
        };
        let table = Table {
            mode: Mode::Append,
            columns: vec![whole],
            filter: None,
            evolve: None,
            ..table.clone()
        };
        let formats = Formats {
            unknown: UnknownFields::Ignore,
            ..formats.clone()
        };
        Some(Self(Decoder::new(&table, topic, partition, &formats)))
    }

    /// What each element of a record holds that was decoded before; nothing of one that is
    /// bad, which decoding tells.
    #[must_use]
    pub fn describe(&self, record: &Record<'_>, into: LookInto<'_>) -> Vec<Described> {
        let (arena, mut rows) = (Arena::new(), Rows::with_capacity(1, 0));
        if self.0.decode(record, &arena, &mut rows).is_err() {
            return Vec::new();
        }
        let described = |cells: &[Cell<'_>]| match cells {
            [Cell::Json(text)] => {
                let described = Json.describe(Side::Value, record, text.as_bytes(), into);
                described.ok()
            }
            _ => None,
        };
        rows.iter()
            .filter_map(|(_, cells)| described(cells))
            .collect()
    }
}
