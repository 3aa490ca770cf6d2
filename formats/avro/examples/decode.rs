//! How fast one core reads Avro into cells, beside serde_json, which reads the same
//! orders into a struct that borrows from them. Both in turns, so that what else the
//! machine does hits both alike.
//!
//! `cargo run --release -p plimsoll-avro --example decode`

use plimsoll_avro::{Program, Schema};
use plimsoll_record::{Arena, Field, Side, UnknownFields, Wanted};
use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};
use serde::Deserialize;
use std::hint::black_box;
use std::time::{Duration, Instant};

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

/// The same order in both formats.
fn order(i: i64) -> (Vec<u8>, String) {
    let id = 4_000_000_000 + i * 7;
    let customer = format!("customer-{:08}-of-the-north", i * 31 % 100_000_000);
    let cents = 1_999 + i * 137;
    let quantity = 1 + i % 9;
    let placed_at = 1_790_000_000_000_000 + i * 1_234_567;
    let note = (i % 3 != 0).then(|| format!("leave it at the door of number {i}"));
    let mut avro = Vec::new();
    long(id, &mut avro);
    text(&customer, &mut avro);
    let bytes = cents.to_be_bytes();
    let amount = &bytes[bytes.iter().position(|&b| b != 0).unwrap_or(7) - 1..];
    long(amount.len() as i64, &mut avro);
    avro.extend(amount);
    long(quantity, &mut avro);
    text("SHIPPED", &mut avro);
    avro.push((i % 2) as u8);
    long(placed_at, &mut avro);
    match &note {
        None => avro.push(0),
        Some(note) => {
            avro.push(2);
            text(note, &mut avro);
        }
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
    (avro, json.to_string())
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
    Program::compile(&schema, &wanted).expect("a program")
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn main() {
    let (avro, json): (Vec<_>, Vec<_>) = (0..ORDERS).map(order).unzip();
    let (program, arena) = (program(), Arena::new());
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(timed(|| {
            for body in &avro {
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
    let [avro_rate, json_rate] = times.map(|mut times| {
        times.sort_unstable();
        ORDERS as f64 / times[ROUNDS / 2].as_secs_f64()
    });
    let report = format!(
        "avro        {:>5.1} M/s  ({} bytes)\n\
         serde_json  {:>5.1} M/s  ({} bytes)\n\
         ratio       {:>5.2}",
        avro_rate / 1e6,
        bytes(avro.iter().map(Vec::len).sum()),
        json_rate / 1e6,
        bytes(json.iter().map(String::len).sum()),
        avro_rate / json_rate,
    );
    #[allow(clippy::print_stdout)] // What it is for.
    {
        println!("{report}");
    }
}
