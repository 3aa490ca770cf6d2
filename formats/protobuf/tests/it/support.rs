//! What is wanted, and what is read of it.

use plimsoll_protobuf::{Program, Schema, SchemaError};
use plimsoll_record::{Arena, BadRecord, Fault, Field, Side, UnknownFields, Wanted};
use plimsoll_sink_api::canonical::{self, written};
use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};

/// A cell of a table, as the tests want it.
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

/// A schema of proto3.
pub fn schema(text: &str) -> Schema {
    Schema::parse(&format!("syntax = \"proto3\"; {text}"), &[]).expect("a schema")
}

pub fn compile_as(
    schema: &Schema,
    message: &str,
    wants: &[Want],
    side: Side,
    unknown: UnknownFields,
) -> Result<Program, SchemaError> {
    compile_in(schema, message, wants, side, unknown, &[])
}

/// The same for values whose row stands at a path.
pub fn compile_in(
    schema: &Schema,
    message: &str,
    wants: &[Want],
    side: Side,
    unknown: UnknownFields,
    root: &[&str],
) -> Result<Program, SchemaError> {
    let wanted = Wanted {
        side,
        fields: wants.iter().map(Want::field).collect(),
        bare: (side == Side::Tombstone)
            .then(|| wants.first().map(Want::field))
            .flatten(),
        unknown,
        root: Path(root.iter().map(|&name| name.to_owned()).collect()),
    };
    let message = schema.message(message).expect("its message");
    Program::compile(schema, message, &wanted)
}

pub fn compile(schema: &Schema, message: &str, wants: &[Want]) -> Program {
    let unknown = UnknownFields::Ignore;
    compile_as(schema, message, wants, Side::Value, unknown).expect("a program")
}

/// What is read, as the tests write it down.
pub fn read(program: &Program, body: &[u8], cells: usize) -> Result<Vec<String>, BadRecord> {
    let arena = Arena::new();
    let mut row = vec![Cell::Absent; cells];
    program.read(body, &arena, &mut row)?;
    Ok(row.iter().map(shown).collect())
}

/// What paths of a message `M` give.
pub fn read_paths(schema: &Schema, names: &[&str], body: &[u8]) -> Vec<String> {
    let program = compile(schema, "M", &paths(names));
    read(&program, body, names.len()).expect("a good record")
}

/// All of a message as JSON.
pub fn json(schema: &Schema, message: &str, body: &[u8]) -> Result<String, BadRecord> {
    let program = compile(schema, message, &[want(0, "").json()]);
    let cells = read(&program, body, 1)?;
    Ok(cells[0].strip_prefix("json ").expect("JSON").to_owned())
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

/// A number of any length.
pub fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field that is a number.
pub fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field that is bytes, a text or a message.
pub fn bytes(field: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [
        &varint(field << 3 | 2)[..],
        &varint(value.len() as u64),
        value,
    ]
    .concat()
}
