//! How fast one core reads Protobuf into cells, beside serde_json on the same orders.
//!
//! `cargo run --release -p plimsoll-protobuf --example decode`

use plimsoll_format_testing::{Order, compare};
use plimsoll_protobuf::{Program, Schema};

const SCHEMA: &str = "syntax = \"proto3\";
    import \"google/protobuf/timestamp.proto\";
    import \"confluent/type/decimal.proto\";
    message Order {
        int64 id = 1;
        string customer = 2;
        confluent.type.Decimal amount = 3;
        int32 quantity = 4;
        string status = 5;
        bool paid = 6;
        google.protobuf.Timestamp placed_at = 7;
        optional string note = 8;
    }";

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn number(field: u8, number: i64, out: &mut Vec<u8>) {
    out.push(field << 3);
    varint(number as u64, out);
}

fn bytes(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint(bytes.len() as u64, out);
    out.extend(bytes);
}

fn written(order: &Order) -> Vec<u8> {
    let mut protobuf = Vec::new();
    number(1, order.id, &mut protobuf);
    bytes(2, order.customer.as_bytes(), &mut protobuf);
    let unscaled = order.cents.to_be_bytes();
    let used = unscaled.iter().position(|&byte| byte != 0).unwrap_or(7);
    let mut amount = Vec::new();
    bytes(1, &unscaled[used - 1..], &mut amount);
    number(2, 12, &mut amount);
    number(3, 2, &mut amount);
    bytes(3, &amount, &mut protobuf);
    number(4, order.quantity, &mut protobuf);
    bytes(5, order.status.as_bytes(), &mut protobuf);
    number(6, order.paid.into(), &mut protobuf);
    let mut at = Vec::new();
    number(1, order.placed_at / 1_000_000, &mut at);
    number(2, order.placed_at % 1_000_000 * 1_000, &mut at);
    bytes(7, &at, &mut protobuf);
    if let Some(note) = &order.note {
        bytes(8, note.as_bytes(), &mut protobuf);
    }
    protobuf
}

fn main() {
    let schema = Schema::parse(SCHEMA, &[]).expect("a schema");
    let report = compare("protobuf", written, |wanted| {
        let message = schema.message("Order").expect("its message");
        let program = Program::compile(&schema, message, wanted).expect("a program");
        move |body, arena, cells| program.read(body, arena, cells)
    });
    #[allow(clippy::print_stdout)] // What it is for.
    {
        println!("{report}");
    }
}
