//! How the records of a load are written: the same orders, as others send them.

use crate::Result;
use plimsoll_sink_api::canonical;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::LazyLock;

/// The form of a record's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// JSON.
    Json,
    /// JSON whose fields have other names than the columns.
    Renamed,
    /// Avro with its schema in a file, decimals and timestamps as its logical types.
    Avro,
    /// Protobuf with its schema in a file, decimals and timestamps as their messages.
    Protobuf,
    /// Debezium's change event around the JSON.
    Debezium,
    /// Debezium's change event in Avro.
    DebeziumAvro,
    /// Debezium's change event in Kafka Connect's JSON, which brings its schema.
    DebeziumConnect,
}

/// What an order holds, beside its JSON.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'o> {
    pub id: u64,
    pub customer: &'o str,
    pub status: &'o str,
    pub cents: u64,
    pub quantity: u64,
    /// Since 1970.
    pub created_at_micros: u64,
    /// The same as a text.
    pub created_at: &'o str,
    pub seq: u64,
    pub note: &'o str,
}

const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"},
    {"name": "customer", "type": "string"},
    {"name": "status", "type": "string"},
    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "quantity", "type": "int"},
    {"name": "created_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "seq", "type": "long"},
    {"name": "note", "type": "string"}]}"#;

const ORDER_PROTO: &str = "syntax = \"proto3\";
    import \"google/protobuf/timestamp.proto\";
    import \"confluent/type/decimal.proto\";
    message Order {
        int64 id = 1;
        string customer = 2;
        string status = 3;
        confluent.type.Decimal amount = 4;
        int32 quantity = 5;
        google.protobuf.Timestamp created_at = 6;
        int64 seq = 7;
        string note = 8;
    }";

/// As Debezium's connector for Postgres tells where an event is from.
const SOURCE_FIELDS: [(&str, &str); 7] = [
    ("version", "3.3.1.Final"),
    ("connector", "postgresql"),
    ("name", "shop"),
    ("snapshot", "false"),
    ("db", "shop"),
    ("schema", "public"),
    ("table", "orders"),
];
const AT_MS: u64 = 1_772_323_200_000;
const LSN: u64 = 24_023_128;

/// Columns, and the fields that they take where these are spelled otherwise.
const RENAMED: [(&str, &str); 8] = [
    ("id", "no"),
    ("customer", "client"),
    ("status", "phase"),
    ("amount", "charge"),
    ("quantity", "pieces"),
    ("created_at", "createdTs"),
    ("seq", "sqn"),
    ("note", "memo"),
];

impl Wire {
    /// Lines of `[sinks.bench.postgres]`.
    #[must_use]
    pub fn mapping(self) -> String {
        match self {
            Self::Renamed => {
                let columns =
                    RENAMED.map(|(column, field)| format!("{column} = \"value.{field}\""));
                format!(
                    "where = \"value.phase != 'lost' and value.sqn >= 0\"\ncolumns = {{ {} }}\n",
                    columns.join(", ")
                )
            }
            Self::Json
            | Self::Avro
            | Self::Protobuf
            | Self::Debezium
            | Self::DebeziumAvro
            | Self::DebeziumConnect => String::new(),
        }
    }

    /// Lines of `[sinks.bench]`; a schema goes into the folder.
    ///
    /// # Errors
    /// It cannot be written there.
    pub fn settings(self, folder: &Path) -> Result<String> {
        let schema = match self {
            Self::Json | Self::Renamed => return Ok(String::new()),
            Self::Debezium => {
                return Ok("value = { envelope = \"debezium\", decimals = \"digits\" }".to_owned());
            }
            Self::DebeziumConnect => {
                let format = "{ format = \"connect_json\", envelope = \"debezium\" }";
                return Ok(format!("value = {format}"));
            }
            Self::Protobuf => {
                let file = folder.join("order.proto");
                std::fs::write(&file, ORDER_PROTO)?;
                let file = file.display();
                return Ok(format!(
                    "value = {{ format = \"protobuf\", schema_file = \"{file}\" }}"
                ));
            }
            Self::Avro => ORDER.to_owned(),
            Self::DebeziumAvro => event_schema(),
        };
        let file = folder.join("order.avsc");
        std::fs::write(&file, schema)?;
        let envelope = match self {
            Self::DebeziumAvro => ", envelope = \"debezium\"",
            Self::Json
            | Self::Renamed
            | Self::Avro
            | Self::Protobuf
            | Self::Debezium
            | Self::DebeziumConnect => "",
        };
        let file = file.display();
        Ok(format!(
            "value = {{ format = \"avro\", schema_file = \"{file}\"{envelope} }}"
        ))
    }

    /// Writes an order, whose JSON is given.
    pub fn write(self, order: &Fields<'_>, json: &str, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Self::Json => out.extend(json.as_bytes()),
            Self::Renamed => renamed(json, out),
            Self::Avro => avro(order, out),
            Self::Protobuf => protobuf(order, out),
            Self::Debezium => event(order, json, out),
            Self::DebeziumConnect => {
                out.extend(b"{\"schema\":");
                out.extend(CONNECT_SCHEMA.as_bytes());
                out.extend(b",\"payload\":");
                event(order, &connect(order), out);
                out.push(b'}');
            }
            Self::DebeziumAvro => {
                // No row before; one behind.
                out.extend([0, 2]);
                avro(order, out);
                for (_, value) in SOURCE_FIELDS {
                    text(value, out);
                }
                for number in [AT_MS, order.seq, LSN] {
                    long(number, out);
                }
                text("c", out);
                long(AT_MS, out);
            }
        }
    }
}

/// The same order under other names.
fn renamed(json: &str, out: &mut Vec<u8>) {
    let mut rest = json;
    for (column, field) in RENAMED {
        let (before, behind) = rest
            .split_once(&format!("\"{column}\":"))
            .unwrap_or((rest, ""));
        out.extend(before.as_bytes());
        out.extend(format!("\"{field}\":").as_bytes());
        rest = behind;
    }
    out.extend(rest.as_bytes());
}

/// An event around the JSON of an order.
fn event(order: &Fields<'_>, json: &str, out: &mut Vec<u8>) {
    out.extend(b"{\"before\":null,\"after\":");
    out.extend(json.as_bytes());
    out.extend(b",\"source\":{");
    for (name, value) in SOURCE_FIELDS {
        out.extend(format!("\"{name}\":\"{value}\",").as_bytes());
    }
    let rest = format!(
        "\"ts_ms\":{AT_MS},\"txId\":{},\"lsn\":{LSN}}},\"op\":\"c\",\"ts_ms\":{AT_MS}}}",
        order.seq
    );
    out.extend(rest.as_bytes());
}

/// An order as the connector tells it with `time.precision.mode = connect`; decimals are
/// base64, as they are unless something else is set.
fn connect(order: &Fields<'_>) -> String {
    let Fields {
        id,
        customer,
        status,
        quantity,
        seq,
        note,
        created_at,
        ..
    } = order;
    let amount = canonical::to_base64(unscaled(&order.cents.to_be_bytes()));
    format!(
        "{{\"id\":{id},\"customer\":\"{customer}\",\"status\":\"{status}\",\"amount\":\"{amount}\",\
         \"quantity\":{quantity},\"created_at\":\"{created_at}\",\"seq\":{seq},\"note\":\"{note}\"}}"
    )
}

/// As it stands in front of each event.
static CONNECT_SCHEMA: LazyLock<String> = LazyLock::new(|| {
    let of = |name: &str, kind: &str| json!({"type": kind, "optional": false, "field": name});
    let named = |name: &str, kind: &str, of: &str, parameters: Value| {
        let of = format!("org.apache.kafka.connect.data.{of}");
        json!({"type": kind, "optional": false, "name": of, "version": 1,
            "parameters": parameters, "field": name})
    };
    let decimal = json!({"scale": "2", "connect.decimal.precision": "12"});
    let order = [
        of("id", "int64"),
        of("customer", "string"),
        of("status", "string"),
        named("amount", "bytes", "Decimal", decimal),
        of("quantity", "int32"),
        // As Debezium tells a timestamptz.
        json!({"type": "string", "optional": false, "version": 1,
            "name": "io.debezium.time.ZonedTimestamp", "field": "created_at"}),
        of("seq", "int64"),
        of("note", "string"),
    ];
    let row = |name: &str| {
        json!({"type": "struct", "fields": order, "optional": true,
            "name": "shop.public.orders.Value", "field": name})
    };
    let mut source: Vec<Value> = SOURCE_FIELDS.map(|(name, _)| of(name, "string")).into();
    source.extend(["ts_ms", "txId", "lsn"].map(|name| of(name, "int64")));
    let source = json!({"type": "struct", "fields": source, "optional": false,
        "name": "io.debezium.connector.postgresql.Source", "version": 1, "field": "source"});
    let fields = json!([
        row("before"),
        row("after"),
        source,
        of("op", "string"),
        of("ts_ms", "int64")
    ]);
    let name = "shop.public.orders.Envelope";
    let schema = json!({"type": "struct", "fields": fields, "optional": false, "name": name});
    schema.to_string()
});

fn event_schema() -> String {
    let texts =
        SOURCE_FIELDS.map(|(name, _)| format!("{{\"name\": \"{name}\", \"type\": \"string\"}}"));
    let numbers = ["ts_ms", "txId", "lsn"]
        .map(|name| format!("{{\"name\": \"{name}\", \"type\": \"long\"}}"));
    let source = [&texts[..], &numbers[..]].concat().join(", ");
    format!(
        "{{\"type\": \"record\", \"name\": \"Envelope\", \"fields\": [
            {{\"name\": \"before\", \"type\": [\"null\", {ORDER}]}},
            {{\"name\": \"after\", \"type\": [\"null\", \"Order\"]}},
            {{\"name\": \"source\", \"type\": {{\"type\": \"record\", \"name\": \"Source\", \
             \"fields\": [{source}]}}}},
            {{\"name\": \"op\", \"type\": \"string\"}},
            {{\"name\": \"ts_ms\", \"type\": \"long\"}}]}}"
    )
}

fn avro(order: &Fields<'_>, out: &mut Vec<u8>) {
    long(order.id, out);
    text(order.customer, out);
    text(order.status, out);
    let cents = order.cents.to_be_bytes();
    let cents = unscaled(&cents);
    long(cents.len() as u64, out);
    out.extend(cents);
    long(order.quantity, out);
    long(order.created_at_micros, out);
    long(order.seq, out);
    text(order.note, out);
}

/// In two's complement: a zero in front keeps it positive.
fn unscaled(bytes: &[u8; 8]) -> &[u8] {
    let used = bytes.iter().position(|&byte| byte != 0).unwrap_or(7);
    let sign = usize::from(bytes[used] >= 0x80);
    &bytes[used - sign..]
}

fn protobuf(order: &Fields<'_>, out: &mut Vec<u8>) {
    number(1, order.id, out);
    delimited(2, order.customer.as_bytes(), out);
    delimited(3, order.status.as_bytes(), out);
    let mut amount = Vec::with_capacity(16);
    delimited(1, unscaled(&order.cents.to_be_bytes()), &mut amount);
    number(2, 12, &mut amount);
    number(3, 2, &mut amount);
    delimited(4, &amount, out);
    number(5, order.quantity, out);
    let mut at = Vec::with_capacity(16);
    number(1, order.created_at_micros / 1_000_000, &mut at);
    number(2, order.created_at_micros % 1_000_000 * 1_000, &mut at);
    delimited(6, &at, out);
    number(7, order.seq, out);
    delimited(8, order.note.as_bytes(), out);
}

fn number(field: u8, value: u64, out: &mut Vec<u8>) {
    out.push(field << 3);
    varint(value, out);
}

fn delimited(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint(bytes.len() as u64, out);
    out.extend(bytes);
}

fn text(text: &str, out: &mut Vec<u8>) {
    long(text.len() as u64, out);
    out.extend(text.as_bytes());
}

/// A number that is not below zero, as Avro writes it: doubled.
fn long(number: u64, out: &mut Vec<u8>) {
    varint(number << 1, out);
}

/// Seven bits a byte, the lowest first.
fn varint(mut rest: u64, out: &mut Vec<u8>) {
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_decimals_are_those_of_avro() {
        let written = |number| {
            let mut out = Vec::new();
            long(number, &mut out);
            out
        };
        assert_eq!(written(0), [0]);
        assert_eq!(written(63), [0x7e]);
        assert_eq!(written(64), [0x80, 0x01]);
        let order = Fields {
            id: 1,
            customer: "a",
            status: "b",
            cents: 200,
            quantity: 2,
            created_at_micros: 3,
            created_at: "",
            seq: 4,
            note: "",
        };
        let mut out = Vec::new();
        Wire::Avro.write(&order, "", &mut out);
        assert_eq!(out, [2, 2, b'a', 2, b'b', 4, 0, 200, 4, 6, 8, 0]);
        Wire::DebeziumAvro.write(&order, "", &mut out);
        assert_eq!(out[..4], [0, 2, 2, 2]);
        Wire::Protobuf.write(&order, "", &mut out);
        let amount = [0x22, 8, 0x0a, 2, 0, 200, 0x10, 12, 0x18, 2];
        assert_eq!(out[8..18], amount, "behind three fields");
    }

    #[test]
    fn events_of_json_are_json_around_the_order() {
        let order = Fields {
            id: 1,
            customer: "",
            status: "",
            cents: 0,
            quantity: 0,
            created_at_micros: 0,
            created_at: "2026-03-01T00:30:00.000000Z",
            seq: 7,
            note: "",
        };
        let mut out = Vec::new();
        Wire::Debezium.write(&order, "{\"id\":1}", &mut out);
        let event: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(event["after"]["id"], 1);
        assert_eq!(
            (&event["op"], &event["source"]["txId"]),
            (&"c".into(), &7.into())
        );
        Wire::DebeziumConnect.write(&order, "", &mut out);
        let message: Value = serde_json::from_slice(&out).expect("JSON");
        let [schema, payload] = ["schema", "payload"].map(|name| &message[name]);
        assert_eq!(schema["fields"][1]["fields"][3]["parameters"]["scale"], "2");
        assert_eq!(payload["after"]["amount"], "AA==");
        assert_eq!(payload["source"]["txId"], 7);
        let schema: serde_json::Value = serde_json::from_str(&event_schema()).expect("JSON");
        assert_eq!(schema["fields"].as_array().map(Vec::len), Some(5));
    }
}
