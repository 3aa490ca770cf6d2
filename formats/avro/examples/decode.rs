//! How fast one core reads Avro into cells, beside serde_json on the same orders.
//!
//! `cargo run --release -p plimsoll-avro --example decode`

use plimsoll_avro::{Program, Schema};
use plimsoll_format_testing::{Order, compare};

const SCHEMA: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"},
    {"name": "customer", "type": "string"},
    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal",
        "precision": 12, "scale": 2}},
    {"name": "quantity", "type": "int"},
    {"name": "status", "type": "string"},
    {"name": "paid", "type": "boolean"},
    {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "note", "type": ["null", "string"]}
]}"#;

fn long(number: i64, out: &mut Vec<u8>) {
    let mut zigzag = ((number << 1) ^ (number >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn text(text: &str, out: &mut Vec<u8>) {
    long(text.len() as i64, out);
    out.extend(text.as_bytes());
}

fn written(order: &Order) -> Vec<u8> {
    let mut avro = Vec::new();
    long(order.id, &mut avro);
    text(&order.customer, &mut avro);
    let bytes = order.cents.to_be_bytes();
    let amount = &bytes[bytes.iter().position(|&b| b != 0).unwrap_or(7) - 1..];
    long(amount.len() as i64, &mut avro);
    avro.extend(amount);
    long(order.quantity, &mut avro);
    text(order.status, &mut avro);
    avro.push(order.paid.into());
    long(order.placed_at, &mut avro);
    match &order.note {
        None => avro.push(0),
        Some(note) => {
            avro.push(2);
            text(note, &mut avro);
        }
    }
    avro
}

fn main() {
    let schema = Schema::parse(SCHEMA, &[]).expect("a schema");
    let report = compare("avro", written, |wanted| {
        let program = Program::compile(&schema, wanted).expect("a program");
        move |body, arena, cells| program.read(body, arena, cells)
    });
    #[allow(clippy::print_stdout)] // What it is for.
    {
        println!("{report}");
    }
}
