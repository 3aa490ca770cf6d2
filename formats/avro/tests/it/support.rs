//! What is wanted, and what is read of it.

use plimsoll_avro::{Program, Schema, SchemaError};
use plimsoll_format_testing::wanted_in;
pub use plimsoll_format_testing::{Want, fault, paths, shown, want, wanted};
use plimsoll_record::{Arena, BadRecord, Side, UnknownFields};
use plimsoll_sink_api::Cell;

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
    let wanted = wanted_in(wants, side, unknown, root);
    Program::compile(schema, &wanted)
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
