//! What is wanted, and what is read of it.

use plimsoll_format_testing::one;
use plimsoll_record::{
    Arena, BadRecord, Fault, Field, Format, Record, Side, Undecoded, UnknownFields, Wanted,
};
use plimsoll_selfdescribing::{Cbor, MessagePack, SelfDescribing};
use plimsoll_sink_api::canonical::{self, written};
use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};

pub const CBOR: &dyn Format = &SelfDescribing(Cbor);
pub const MSGPACK: &dyn Format = &SelfDescribing(MessagePack);

/// What a test wants of some bytes.
pub struct Wants {
    pub side: Side,
    columns: Vec<Column>,
    paths: Vec<Path>,
    pub unknown: UnknownFields,
    pub root: Path,
    /// The first column takes a key without fields.
    pub bare: bool,
}

/// `a.b`; all of the value: ``.
pub fn path(text: &str) -> Path {
    let parts = text.split('.').filter(|part| !part.is_empty());
    Path(parts.map(str::to_owned).collect())
}

impl Wants {
    /// Each in a cell of its own, in one shape.
    pub fn of(paths: &[&str], shape: Shape) -> Self {
        let paths: Vec<Path> = paths.iter().map(|text| path(text)).collect();
        let numbered = paths.iter().enumerate();
        let columns = numbered.map(|(i, path)| Column {
            name: format!("c{i}"),
            take: Source::Value(path.clone()).into(),
            shape,
            key: false,
            type_name: "text".to_owned(),
            holds: Holds::named("text"),
        });
        Self {
            side: Side::Value,
            columns: columns.collect(),
            paths,
            unknown: UnknownFields::Ignore,
            root: Path::default(),
            bare: false,
        }
    }

    pub fn typed(mut self, name: &str) -> Self {
        for column in &mut self.columns {
            column.type_name = name.to_owned();
        }
        self
    }

    /// Reads bytes, and has the cells shown.
    pub fn read_by<T>(
        &self,
        format: &dyn Format,
        bytes: &[u8],
        show: impl FnOnce(&[Cell<'_>]) -> T,
    ) -> Result<T, BadRecord> {
        let fields: Vec<Field<'_>> = (0..self.columns.len())
            .map(|cell| Field {
                path: &self.paths[cell],
                cell,
                column: &self.columns[cell],
            })
            .collect();
        let wanted = Wanted {
            side: self.side,
            bare: fields.first().copied().filter(|_| self.bare),
            fields,
            unknown: self.unknown,
            root: self.root.clone(),
        };
        let reader = format.reader(&wanted);
        with_record(bytes, |record, bytes| {
            let arena = Arena::new();
            let mut cells = vec![Cell::Absent; self.columns.len()];
            match reader.read(record, bytes, &arena, &mut cells) {
                Ok(_) => Ok(show(&cells)),
                Err(Undecoded::Bad(bad)) => Err(bad),
                Err(other) => panic!("it needs nothing: {other}"),
            }
        })
    }

    /// What is read, as the tests write it down.
    pub fn read(&self, format: &dyn Format, bytes: &[u8]) -> Result<Vec<String>, BadRecord> {
        self.read_by(format, bytes, |cells| cells.iter().map(shown).collect())
    }

    pub fn fault(&self, format: &dyn Format, bytes: &[u8]) -> (Fault, usize) {
        match self.read(format, bytes) {
            Err(BadRecord::Binary { fault, at, .. }) => (fault, at),
            other => panic!("{other:?}"),
        }
    }
}

/// Calls with a record of this value.
pub fn with_record<T>(bytes: &[u8], call: impl FnOnce(&Record<'_>, &[u8]) -> T) -> T {
    let chunk = one(0, None, Some(bytes));
    let record = chunk.record(0);
    call(&record, record.value.expect("a value"))
}

/// All of it, as JSON.
pub fn json(format: &dyn Format, bytes: &[u8]) -> Result<String, BadRecord> {
    let whole = Wants::of(&[""], Shape::Json);
    whole.read_by(format, bytes, |cells| match cells[0] {
        Cell::Json(json) => json.to_owned(),
        ref other => panic!("{other:?}"),
    })
}

/// A cell with its kind: its text, or what else it is.
pub fn shown(cell: &Cell<'_>) -> String {
    let text = || written(canonical::Wanted::Text, cell).expect("a text");
    match cell {
        Cell::Absent | Cell::Unchanged => "absent".to_owned(),
        Cell::Null => "null".to_owned(),
        Cell::Text(text) => format!("text {text}"),
        Cell::Json(json) => format!("json {json}"),
        Cell::Bytes(bytes) => format!("bytes {bytes:02x?}"),
        Cell::Bool(_) => format!("bool {}", text()),
        Cell::Int(_) => format!("int {}", text()),
        Cell::Unsigned(_) => format!("unsigned {}", text()),
        Cell::Float(_) => format!("float {}", text()),
        Cell::Number(_) | Cell::Decimal { .. } => format!("decimal {}", text()),
        Cell::Date(_) => format!("date {}", text()),
        Cell::Time(_) => format!("time {}", text()),
        Cell::Timestamp(_) => format!("moment {}", text()),
        Cell::Uuid(_) => format!("uuid {}", text()),
        Cell::Interval(_) => format!("interval {}", text()),
    }
}
