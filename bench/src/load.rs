//! What is measured with: orders as a shop publishes them, and documents.

use crate::wire::{Fields, Wire};
use std::fmt::Write;

/// Which of the ids an order is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Each id as often as any other.
    Uniform,
    /// A few ids make most of the orders: the n-th most frequent one comes
    /// 1/n times as often as the first (Zipf's law, exponent 1).
    Zipf,
}

/// A load; the same one is the same bytes on every machine.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Records.
    pub records: u64,
    /// Of how many different orders.
    pub ids: u64,
    /// How often each of them.
    pub keys: Keys,
    /// Partitions of the topic; an order always goes to the same one.
    pub partitions: u64,
    /// Bytes of a record's value, about.
    pub bytes: usize,
    /// How values are written.
    pub wire: Wire,
}

/// One order, as JSON, as it is sent, and as a line for COPY.
#[derive(Debug, Default)]
pub struct Order {
    /// Its id, which is the record's key too.
    pub id: u64,
    /// The order in JSON.
    pub json: String,
    /// The record's value, as the load's wire has it.
    pub value: Vec<u8>,
    /// The same row in COPY's text format, with its newline.
    pub line: String,
}

/// Makes the orders one after another.
pub struct Orders {
    load: Load,
    random: u64,
    seq: u64,
    /// Sums of 1/n, for Zipf.
    weights: Vec<f64>,
    order: Order,
}

/// 2026-03-01T00:00:00Z in seconds since 1970.
const MARCH_S: u64 = 1_772_323_200;

const CUSTOMERS: [&str; 4] = [
    "Ada Lovelace",
    "Grace Hopper",
    "Søren Kierkegaard",
    "Mary Seacole",
];
const STATUS: [&str; 4] = ["placed", "paid", "packed", "shipped"];

impl Orders {
    /// From the first one.
    #[must_use]
    pub fn new(load: Load) -> Self {
        let mut sum = 0.0;
        let weights = match load.keys {
            Keys::Uniform => Vec::new(),
            Keys::Zipf => (1..=load.ids)
                .map(|n| {
                    sum += 1.0 / n as f64;
                    sum
                })
                .collect(),
        };
        Self {
            load,
            random: 20_260_307,
            seq: 0,
            weights,
            order: Order::default(),
        }
    }

    /// The next one, until all are made.
    pub fn next(&mut self) -> Option<&Order> {
        if self.seq == self.load.records {
            return None;
        }
        let (id, seq) = (self.id(), self.seq);
        self.seq += 1;
        let customer = CUSTOMERS[self.below(4) as usize];
        let status = STATUS[self.below(4) as usize];
        let (euros, cents) = (self.below(5_000), self.below(100));
        let quantity = 1 + self.below(9);
        let (day, hour, second, micros) = (
            1 + self.below(28),
            self.below(24),
            self.below(60),
            self.below(1_000_000),
        );
        let when = format!("2026-03-{day:02}T{hour:02}:30:{second:02}.{micros:06}Z");
        let order = &mut self.order;
        order.id = id;
        order.json.clear();
        order.line.clear();
        write!(
            order.json,
            "{{\"id\":{id},\"customer\":\"{customer}\",\"status\":\"{status}\",\"amount\":\"{euros}.{cents:02}\",\
             \"quantity\":{quantity},\"created_at\":\"{when}\",\"seq\":{seq},\"note\":\""
        )
        .expect("a string grows");
        let start = order.json.len();
        // The note fills the record to its size.
        while order.json.len() + 2 < self.load.bytes {
            order.json.push_str("by hand, on the left, ");
        }
        order.json.truncate((self.load.bytes - 2).max(start));
        let note = order.json[start..].to_owned();
        order.json.push_str("\"}");
        let created_at_s = MARCH_S + (day - 1) * 86_400 + hour * 3_600 + 30 * 60 + second;
        let fields = Fields {
            id,
            customer,
            status,
            cents: euros * 100 + cents,
            quantity,
            created_at_micros: created_at_s * 1_000_000 + micros,
            created_at: &when,
            seq,
            note: &note,
        };
        let wire = self.load.wire;
        wire.write(&fields, &order.json, &mut order.value);
        writeln!(
            order.line,
            "{id}\t{customer}\t{status}\t{euros}.{cents:02}\t{quantity}\t{when}\t{seq}\t{note}"
        )
        .expect("a string grows");
        Some(&self.order)
    }

    fn id(&mut self) -> u64 {
        match self.load.keys {
            Keys::Uniform => 1 + self.below(self.load.ids),
            Keys::Zipf => {
                let total = self.weights.last().copied().unwrap_or_default();
                let point = self.below(1 << 53) as f64 / (1_u64 << 53) as f64 * total;
                let rank = self.weights.partition_point(|sum| *sum < point) as u64;
                // Neighbours in rank are no neighbours in the index.
                1 + rank.wrapping_mul(0x9E37_79B9) % self.load.ids
            }
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        records: 1_000,
        ids: 100,
        keys: Keys::Zipf,
        partitions: 4,
        bytes: 200,
        wire: Wire::Json,
    };

    #[test]
    fn orders_have_eight_fields_the_wanted_size_and_a_line_of_the_same_values() {
        let mut orders = Orders::new(LOAD);
        let mut count = 0;
        while let Some(order) = orders.next() {
            count += 1;
            let json: serde_json::Value = serde_json::from_str(&order.json).expect("JSON");
            let fields = json.as_object().expect("an object");
            assert_eq!(fields.len(), 8);
            assert!((195..=205).contains(&order.json.len()), "{}", order.json);
            let line: Vec<_> = order.line.trim_end_matches('\n').split('\t').collect();
            let names = [
                "id",
                "customer",
                "status",
                "amount",
                "quantity",
                "created_at",
                "seq",
                "note",
            ];
            for (name, text) in names.iter().zip(line) {
                let value = &fields[*name];
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                assert_eq!(value, text);
            }
        }
        assert_eq!(count, LOAD.records);
    }

    #[test]
    fn the_first_of_a_hundred_ids_makes_a_fifth_of_a_zipf_load() {
        let mut orders = Orders::new(Load {
            records: 20_000,
            ..LOAD
        });
        let mut counts = std::collections::BTreeMap::<u64, u64>::new();
        while let Some(order) = orders.next() {
            *counts.entry(order.id).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or_default();
        // 1 / H(100) = 0.193.
        assert!((3_500..=4_200).contains(&most), "{most}");
    }
}
