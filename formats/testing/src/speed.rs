//! How fast one core reads a format into cells, beside serde_json, which reads the same
//! orders into a struct that borrows from them. Both in turns, so that what else the
//! machine does hits both alike.

use super::{paths, wanted};
use plimsoll_record::{Arena, Side, Wanted};
use plimsoll_sink_api::Cell;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The fields of an order.
pub const NAMES: [&str; 8] = [
    "id",
    "customer",
    "amount",
    "quantity",
    "status",
    "paid",
    "placed_at",
    "note",
];

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// A number of ten digits.
    pub id: i64,
    /// A name of 30 characters.
    pub customer: String,
    /// What it costs, in cents.
    pub cents: i64,
    /// How many pieces.
    pub quantity: i64,
    /// A word.
    pub status: &'static str,
    /// Every other one is.
    pub paid: bool,
    /// Microseconds since 1970.
    pub placed_at: i64,
    /// Two of three have one.
    pub note: Option<String>,
}

/// The same as JSON has it.
#[derive(Serialize, Deserialize)]
struct Json<'a> {
    id: i64,
    customer: &'a str,
    amount: &'a str,
    quantity: i64,
    status: &'a str,
    paid: bool,
    placed_at: i64,
    note: Option<&'a str>,
}

impl Order {
    fn numbered(i: i64) -> Self {
        Self {
            id: 4_000_000_000 + i * 7,
            customer: format!("customer-{:08}-of-the-north", i * 31 % 100_000_000),
            cents: 1_999 + i * 137,
            quantity: 1 + i % 9,
            status: "SHIPPED",
            paid: i % 2 == 1,
            placed_at: 1_790_000_000_000_000 + i * 1_234_567,
            note: (i % 3 != 0).then(|| format!("leave it at the door of number {i}")),
        }
    }

    fn json(&self) -> String {
        let json = Json {
            id: self.id,
            customer: &self.customer,
            amount: &format!("{}.{:02}", self.cents / 100, self.cents % 100),
            quantity: self.quantity,
            status: self.status,
            paid: self.paid,
            placed_at: self.placed_at,
            note: self.note.as_deref(),
        };
        serde_json::to_string(&json).expect("JSON")
    }
}

/// Orders of one round; all of them stay in the processor's cache, so that reading is
/// what is measured.
const ORDERS: i64 = 1_000;
const ROUNDS: usize = 400;

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// Reads orders as `write` writes them by what `prepare` makes of the fields that are
/// wanted, and says how fast.
///
/// # Panics
/// One of them is not read.
pub fn compare<E: std::fmt::Debug, R>(
    format: &str,
    write: impl Fn(&Order) -> Vec<u8>,
    prepare: impl FnOnce(&Wanted<'_>) -> R,
) -> String
where
    R: for<'c> Fn(&'c [u8], &'c Arena, &mut [Cell<'c>]) -> Result<(), E>,
{
    let orders: Vec<Order> = (0..ORDERS).map(Order::numbered).collect();
    let bodies: Vec<Vec<u8>> = orders.iter().map(write).collect();
    let json: Vec<String> = orders.iter().map(Order::json).collect();
    let wants = paths(&NAMES);
    let (read, arena) = (prepare(&wanted(&wants, Side::Value)), Arena::new());
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(timed(|| {
            for body in &bodies {
                let mut cells = [Cell::Absent; NAMES.len()];
                read(black_box(body), &arena, &mut cells).expect("a good record");
                black_box(&cells);
            }
        }));
        times[1].push(timed(|| {
            for text in &json {
                let order: Json<'_> =
                    serde_json::from_slice(black_box(text.as_bytes())).expect("an order");
                black_box(&order);
            }
        }));
    }
    let bytes = |all: usize| all / ORDERS as usize;
    let [rate, json_rate] = times.map(|mut times| {
        times.sort_unstable();
        ORDERS as f64 / times[ROUNDS / 2].as_secs_f64()
    });
    format!(
        "{format:<12}{:>5.1} M/s  ({} bytes)\n\
         serde_json  {:>5.1} M/s  ({} bytes)\n\
         ratio       {:>5.2}",
        rate / 1e6,
        bytes(bodies.iter().map(Vec::len).sum()),
        json_rate / 1e6,
        bytes(json.iter().map(String::len).sum()),
        rate / json_rate,
    )
}
