//! How fast one core reads Protobuf into cells, beside serde_json, which reads the same
//! orders into a struct that borrows from them. Both in turns, so that what else the
//! machine does hits both alike.
//!
//! `cargo run --release -p plimsoll-protobuf --example decode`

use plimsoll_protobuf::{Program, Schema};
use plimsoll_record::{Arena, Field, Side, UnknownFields, Wanted};
use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};
use serde::Deserialize;
use std::hint::black_box;
use std::time::{Duration, Instant};

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

const NAMES: [&str; 8] = [
    "id",
    "customer",
    "amount",
    "quantity",
    "status",
    "paid",
    "placed_at",
    "note",
];

#[derive(Deserialize)]
#[allow(dead_code)] // Read as a whole.
struct Order<'a> {
    id: i64,
    customer: &'a str,
    amount: &'a str,
    quantity: i32,
    status: &'a str,
    paid: bool,
    placed_at: i64,
    note: Option<&'a str>,
}

/// Orders of one round; all of them stay in the processor's cache, so that reading is
/// what is measured.
const ORDERS: i64 = 1_000;
const ROUNDS: usize = 400;

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

/// The same order in both formats.
fn order(i: i64) -> (Vec<u8>, String) {
    let id = 4_000_000_000 + i * 7;
    let customer = format!("customer-{:08}-of-the-north", i * 31 % 100_000_000);
    let cents = 1_999 + i * 137;
    let quantity = 1 + i % 9;
    let placed_at = 1_790_000_000_000_000 + i * 1_234_567;
    let note = (i % 3 != 0).then(|| format!("leave it at the door of number {i}"));
    let mut protobuf = Vec::new();
    number(1, id, &mut protobuf);
    bytes(2, customer.as_bytes(), &mut protobuf);
    let unscaled = cents.to_be_bytes();
    let used = unscaled.iter().position(|&byte| byte != 0).unwrap_or(7);
    let mut amount = Vec::new();
    bytes(1, &unscaled[used - 1..], &mut amount);
    number(2, 12, &mut amount);
    number(3, 2, &mut amount);
    bytes(3, &amount, &mut protobuf);
    number(4, quantity, &mut protobuf);
    bytes(5, b"SHIPPED", &mut protobuf);
    number(6, i % 2, &mut protobuf);
    let mut at = Vec::new();
    number(1, placed_at / 1_000_000, &mut at);
    number(2, placed_at % 1_000_000 * 1_000, &mut at);
    bytes(7, &at, &mut protobuf);
    if let Some(note) = &note {
        bytes(8, note.as_bytes(), &mut protobuf);
    }
    let json = serde_json::json!({
        "id": id,
        "customer": customer,
        "amount": format!("{}.{:02}", cents / 100, cents % 100),
        "quantity": quantity,
        "status": "SHIPPED",
        "paid": i % 2 == 1,
        "placed_at": placed_at,
        "note": note,
    });
    (protobuf, json.to_string())
}

fn program() -> Program {
    let paths = NAMES.map(|name| Path(vec![name.to_owned()]));
    let columns: Vec<Column> = paths
        .iter()
        .map(|path| Column {
            name: path.0[0].clone(),
            source: Source::Value(path.clone()),
            shape: Shape::Scalar,
            key: false,
            type_name: String::new(),
            holds: Holds::named(""),
        })
        .collect();
    let fields = paths.iter().zip(&columns).enumerate();
    let wanted = Wanted {
        side: Side::Value,
        fields: fields
            .map(|(cell, (path, column))| Field { path, cell, column })
            .collect(),
        bare: None,
        unknown: UnknownFields::Ignore,
        root: Path::default(),
    };
    let schema = Schema::parse(SCHEMA, &[]).expect("a schema");
    Program::compile(
        &schema,
        schema.message("Order").expect("its message"),
        &wanted,
    )
    .expect("a program")
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn main() {
    let (protobuf, json): (Vec<_>, Vec<_>) = (0..ORDERS).map(order).unzip();
    let (program, arena) = (program(), Arena::new());
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(timed(|| {
            for body in &protobuf {
                let mut cells = [Cell::Absent; NAMES.len()];
                let read = program.read(black_box(body), &arena, &mut cells);
                read.expect("a good record");
                black_box(&cells);
            }
        }));
        times[1].push(timed(|| {
            for text in &json {
                let order: Order<'_> =
                    serde_json::from_slice(black_box(text.as_bytes())).expect("an order");
                black_box(&order);
            }
        }));
    }
    let bytes = |all: usize| all / ORDERS as usize;
    let [protobuf_rate, json_rate] = times.map(|mut times| {
        times.sort_unstable();
        ORDERS as f64 / times[ROUNDS / 2].as_secs_f64()
    });
    let report = format!(
        "protobuf    {:>5.1} M/s  ({} bytes)\n\
         serde_json  {:>5.1} M/s  ({} bytes)\n\
         ratio       {:>5.2}",
        protobuf_rate / 1e6,
        bytes(protobuf.iter().map(Vec::len).sum()),
        json_rate / 1e6,
        bytes(json.iter().map(String::len).sum()),
        protobuf_rate / json_rate,
    );
    #[allow(clippy::print_stdout)] // What it is for.
    {
        println!("{report}");
    }
}
