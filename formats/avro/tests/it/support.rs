//! What is wanted, and what is read of it.

use plimsoll_avro::{Program, Schema, SchemaError};
use plimsoll_record::{Arena, BadRecord, Fault, Field, Side, UnknownFields, Wanted};
use plimsoll_sink_api::canonical::{self, written};
use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};

/// A cell of a table, as the tests want it.
#[derive(Clone)]
pub struct Want {
    path: Path,
    cell: usize,
    column: Column,
}

/// A cell that takes a field: `a.b`; all of the value: ``.
pub fn want(cell: usize, path: &str) -> Want {
    let parts = path.split('.').filter(|part| !part.is_empty());
    let path = Path(parts.map(str::to_owned).collect());
    Want {
        column: Column {
            name: format!("c{cell}"),
            source: Source::Value(path.clone()),
            shape: Shape::Scalar,
            key: false,
            type_name: "text".to_owned(),
            holds: Holds::named("text"),
        },
        path,
        cell,
    }
}

impl Want {
    pub fn json(mut self) -> Self {
        self.column.shape = Shape::Json;
        self
    }

    pub fn presence(mut self) -> Self {
        self.column.shape = Shape::Presence;
        self
    }

    pub fn bytes(mut self) -> Self {
        self.column.shape = Shape::Bytes;
        self
    }

    pub fn key(mut self) -> Self {
        self.column.key = true;
        self
    }

    pub fn typed(mut self, name: &str) -> Self {
        self.column.type_name = name.to_owned();
        self
    }

    fn field(&self) -> Field<'_> {
        Field {
            path: &self.path,
            cell: self.cell,
            column: &self.column,
        }
    }
}

/// Each in a cell of its own.
pub fn paths(paths: &[&str]) -> Vec<Want> {
    let numbered = paths.iter().enumerate();
    numbered.map(|(cell, path)| want(cell, path)).collect()
}

pub fn schema(text: &str) -> Schema {
    Schema::parse(text, &[]).expect("a schema")
}

pub fn compile_as(
    schema: &Schema,
    wants: &[Want],
    side: Side,
    unknown: UnknownFields,
) -> Result<Program, SchemaError> {
    compile_in(schema, wants, side, unknown, &[])
}

/// The same for values whose row stands at a path.
pub fn compile_in(
    schema: &Schema,
    wants: &[Want],
    side: Side,
    unknown: UnknownFields,
    root: &[&str],
) -> Result<Program, SchemaError> {
    let root = Path(root.iter().map(|&name| name.to_owned()).collect());
    let wanted = Wanted {
        unknown,
        root,
        ..wanted(wants, side)
    };
    Program::compile(schema, &wanted)
}

/// All of them.
pub fn wanted(wants: &[Want], side: Side) -> Wanted<'_> {
    let bare = (side == Side::Tombstone).then(|| wants.first().map(Want::field));
    Wanted {
        side,
        fields: wants.iter().map(Want::field).collect(),
        bare: bare.flatten(),
        unknown: UnknownFields::Ignore,
        root: Path::default(),
    }
}

pub fn compile(schema: &Schema, wants: &[Want]) -> Program {
    compile_as(schema, wants, Side::Value, UnknownFields::Ignore).expect("a program")
}

/// What is read, and shown by `show`.
pub fn read_by<T>(
    program: &Program,
    body: &[u8],
    cells: usize,
    show: impl FnOnce(&[Cell<'_>]) -> T,
) -> Result<T, BadRecord> {
    let arena = Arena::new();
    let mut row = vec![Cell::Absent; cells];
    program.read(body, &arena, &mut row)?;
    Ok(show(&row))
}

/// What is read, as the tests write it down.
pub fn read(program: &Program, body: &[u8], cells: usize) -> Result<Vec<String>, BadRecord> {
    read_by(program, body, cells, |row| row.iter().map(shown).collect())
}

/// What is wrong with it.
pub fn fault(result: &Result<impl Sized, BadRecord>) -> Option<Fault> {
    match result {
        Err(BadRecord::Binary { fault, .. }) => Some(*fault),
        _ => None,
    }
}

/// A cell with its kind: its text, or what else it is.
pub fn shown(cell: &Cell<'_>) -> String {
    let text = || written(canonical::Wanted::Text, cell).expect("a text");
    match cell {
        Cell::Absent | Cell::Unchanged => "absent".to_owned(),
        Cell::Null => "null".to_owned(),
        Cell::Text(text) => format!("text {text}"),
        Cell::Json(json) => format!("json {json}"),
        Cell::Bytes(bytes) => format!("bytes {}", canonical::to_base64(bytes)),
        Cell::Bool(_)
        | Cell::Int(_)
        | Cell::Unsigned(_)
        | Cell::Float(_)
        | Cell::Number(_)
        | Cell::Decimal { .. }
        | Cell::Date(_)
        | Cell::Time(_)
        | Cell::Timestamp(_)
        | Cell::Uuid(_)
        | Cell::Interval(_) => text(),
    }
}

/// A number as Avro writes it.
pub fn long(number: i64) -> Vec<u8> {
    let mut zigzag = ((number << 1) ^ (number >> 63)) as u64;
    let mut bytes = Vec::new();
    while zigzag >= 0x80 {
        bytes.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    bytes.push(zigzag as u8);
    bytes
}

/// A text, or bytes, as Avro writes them.
pub fn text(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&long(bytes.len() as i64)[..], bytes].concat()
}

/// A record with these fields, each as JSON.
pub fn record(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, json)| format!("{{\"name\": \"{name}\", \"type\": {json}}}"))
        .collect();
    format!(
        "{{\"type\": \"record\", \"name\": \"R\", \"fields\": [{}]}}",
        fields.join(",")
    )
}
