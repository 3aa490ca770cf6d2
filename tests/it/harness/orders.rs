//! Orders as a shop would publish them.

use super::kafka::Message;

/// Makes orders; the same seed makes the same ones.
pub struct Orders {
    random: u64,
    /// Over which the orders are spread.
    pub partitions: i32,
    first_id: i64,
    next_id: i64,
    tombstones: bool,
}

impl Orders {
    /// Orders for a topic with so many partitions: an order always goes to the
    /// same one.
    pub fn new(seed: u64, partitions: i32) -> Self {
        Self {
            random: seed,
            partitions,
            first_id: 1,
            next_id: 1,
            tombstones: false,
        }
    }

    /// Orders numbered from `first_id` on, whatever partition they go to.
    pub fn numbered_from(seed: u64, first_id: i64) -> Self {
        Self {
            first_id,
            next_id: first_id,
            ..Self::new(seed, 1)
        }
    }

    /// Some orders are deleted, too.
    pub fn with_tombstones(mut self) -> Self {
        self.tombstones = true;
        self
    }

    /// A new order, a change to an earlier one, or its end.
    pub fn next(&mut self) -> Message {
        let choice = self.below(10);
        let id = if self.next_id > self.first_id && choice < 4 {
            self.first_id + self.below((self.next_id - self.first_id) as u64) as i64
        } else {
            self.next_id += 1;
            self.next_id - 1
        };
        let partition = (id % i64::from(self.partitions)) as i32;
        if self.tombstones && choice == 0 {
            return Message::tombstone(partition, &id.to_string());
        }
        Message::of(partition, &self.order(id)).key(&id.to_string())
    }

    /// So many.
    pub fn take(&mut self, count: usize) -> Vec<Message> {
        (0..count).map(|_| self.next()).collect()
    }

    fn order(&mut self, id: i64) -> String {
        let status = ["placed", "paid", "packed", "shipped"][self.below(4) as usize];
        let customer = [
            "Ada Lovelace",
            "Grace Hopper",
            "Søren Kierkegaard",
            "李清照",
            "O'Neill \\ \"Tip\"",
        ];
        let customer = serde_json::to_string(customer[self.below(5) as usize]).expect("text");
        let (euros, cents, quantity) = (self.below(5000), self.below(100), 1 + self.below(9));
        let (day, hour, second, micros) = (
            1 + self.below(28),
            self.below(24),
            self.below(60),
            self.below(1_000_000),
        );
        // A missing field, an explicit null, and a value.
        let note = match self.below(3) {
            0 => String::new(),
            1 => ",\"note\":null".to_owned(),
            _ => format!(",\"note\":\"by hand\\tno. {}\"", self.below(1000)),
        };
        format!(
            "{{\"id\":{id},\"customer\":{customer},\"status\":\"{status}\",\"amount\":{euros}.{cents:02},\
             \"quantity\":{quantity},\"placed_at\":\"2026-03-{day:02}T{hour:02}:30:{second:02}.{micros:06}Z\"{note}}}"
        )
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
