//! What is wanted, and what is read of it.

use plimsoll_format_testing::wanted_in;
pub use plimsoll_format_testing::{Want, fault, paths, shown, want};
use plimsoll_protobuf::{Program, Schema, SchemaError};
use plimsoll_record::{Arena, BadRecord, Side, UnknownFields};
use plimsoll_sink_api::Cell;

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
    let wanted = wanted_in(wants, side, unknown, root);
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
