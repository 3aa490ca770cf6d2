//! Schemas of Kafka Connect, and messages of one value.

use crate::support::{Want, message, read, want};
use plimsoll_record::BadRecord;
use serde_json::{Value, json};

/// A field of a struct: its schema, with its name.
pub fn field(name: &str, mut schema: Value) -> Value {
    schema["field"] = name.into();
    schema
}

pub fn named(of: &str, name: &str) -> Value {
    json!({"type": of, "name": name, "version": 1, "optional": true})
}

pub fn of(kind: &str) -> Value {
    json!({"type": kind, "optional": true})
}

pub fn decimal(scale: i32) -> Value {
    let name = "org.apache.kafka.connect.data.Decimal";
    json!({"type": "bytes", "name": name, "parameters": {"scale": scale.to_string()}})
}

pub fn structure(fields: Vec<Value>) -> Value {
    json!({"type": "struct", "fields": fields, "optional": true})
}

pub fn array(items: Value) -> Value {
    json!({"type": "array", "items": items, "optional": true})
}

pub fn map(keys: Value, values: Value) -> Value {
    json!({"type": "map", "keys": keys, "values": values})
}

/// A struct with a field of each kind.
pub fn order() -> Value {
    let customer = structure(vec![
        field("name", of("string")),
        field("since", of("int64")),
    ]);
    structure(vec![
        field("id", of("int64")),
        field("note", of("string")),
        field("customer", customer),
    ])
}

/// One value in a column of its own.
pub fn alone(schema: &Value, value: &str) -> Result<String, BadRecord> {
    one(schema, value, want("a"))
}

/// The same in a column of JSON.
pub fn in_json(schema: &Value, value: &str) -> Result<String, BadRecord> {
    one(schema, value, want("a").json())
}

pub fn one(schema: &Value, value: &str, want: Want) -> Result<String, BadRecord> {
    let schema = structure(vec![field("a", schema.clone())]);
    let text = message(&schema, &format!("{{\"a\":{value}}}"));
    read(&[want], &text).map(|mut cells| cells.remove(0))
}
