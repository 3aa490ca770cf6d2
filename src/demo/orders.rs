//! A shop's orders: new ones, changes to earlier ones, deletes of earlier ones.
//! The same seed makes the same orders.

use super::random::Random;
use jiff::Timestamp;
use std::borrow::Cow;
use std::fmt::Write;

/// Orders that may still change; the oldest are forgotten first. A bound on
/// memory: what is deleted or changed is among the last so many.
const OPEN: usize = 50_000;

/// Deleted orders that may be placed anew under their old number.
const DELETED: usize = 200;

/// Of 100 events, so many change an earlier order …
const UPDATES: u64 = 45;
/// … and so many delete one; the others are new orders.
const DELETES: u64 = 5;
/// Of 100 new orders, so many take the number of a deleted one.
const RESTORED: u64 = 5;

const STATUSES: [&str; 5] = ["placed", "paid", "packed", "shipped", "delivered"];
const CITIES: [&str; 6] = ["Nantes", "Köln", "Łódź", "Torino", "Malmö", "Porto"];
const NOTES: [&str; 4] = [
    "ring twice",
    "leave it with the neighbours",
    "a present: no invoice in the parcel, please",
    "he said \"after six\"",
];

/// 2026-01-01T00:00:00Z
const FIRST: i64 = 1_767_225_600_000;

/// What a note holds: JSON knows three ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    /// No such field: the column's default.
    Absent,
    /// An explicit null.
    Null,
    Text(&'static str),
}

/// An order as one event tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    id: u64,
    customer: u64,
    status: usize,
    cents: u64,
    items: u64,
    city: &'static str,
    updated_at: i64,
    note: Note,
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    New,
    Update,
    Delete,
}

/// One event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// What it does.
    pub(super) kind: Kind,
    /// The order's number; its text is the record's key.
    pub(super) id: u64,
    /// `None` for a tombstone.
    pub(super) order: Option<Order>,
}

/// The default of the column `note`.
pub(super) const DEFAULT_NOTE: &str = "none";

impl Order {
    /// The record's value.
    pub(super) fn json(&self, text: &mut String) {
        text.clear();
        let (id, customer, items, city) = (self.id, self.customer, self.items, self.city);
        let (status, amount, at) = (STATUSES[self.status], self.amount(), self.updated_at());
        // Nothing here needs an escape but a note; a String takes all.
        let _ = write!(
            text,
            "{{\"id\":{id},\"customer\":\"customer-{customer}\",\"status\":\"{status}\",\
             \"amount\":{amount},\"items\":{items},\"city\":\"{city}\",\"updated_at\":\"{at}\""
        );
        let _ = match self.note {
            Note::Absent => Ok(()),
            Note::Null => write!(text, ",\"note\":null"),
            Note::Text(note) => write!(text, ",\"note\":{}", serde_json::Value::from(note)),
        };
        text.push('}');
    }

    /// The row that the event makes: what stands in each column, as text.
    pub(super) fn row(&self) -> [Option<Cow<'static, str>>; 8] {
        let text = |s: String| Some(Cow::Owned(s));
        [
            text(self.id.to_string()),
            text(format!("customer-{}", self.customer)),
            Some(Cow::Borrowed(STATUSES[self.status])),
            text(self.amount()),
            text(self.items.to_string()),
            Some(Cow::Borrowed(self.city)),
            text(self.updated_at()),
            match self.note {
                Note::Absent => Some(Cow::Borrowed(DEFAULT_NOTE)),
                Note::Null => None,
                Note::Text(note) => Some(Cow::Borrowed(note)),
            },
        ]
    }

    fn amount(&self) -> String {
        format!("{}.{:02}", self.cents / 100, self.cents % 100)
    }

    fn updated_at(&self) -> String {
        let time = Timestamp::from_millisecond(self.updated_at).unwrap_or_default();
        time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }
}

/// Makes the events, one after the other.
#[derive(Debug)]
pub(super) struct Shop {
    random: Random,
    open: Vec<Order>,
    deleted: Vec<u64>,
    next_id: u64,
    now: i64,
}

impl Shop {
    /// A shop of a seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            open: Vec::new(),
            deleted: Vec::new(),
            next_id: 1,
            now: FIRST,
        }
    }

    /// The next event.
    pub(super) fn event(&mut self) -> Event {
        self.now += i64::try_from(self.random.below(400)).unwrap_or(0);
        let dice = self.random.below(100);
        if self.open.is_empty() || dice >= UPDATES + DELETES {
            return self.place();
        }
        let count = self.open.len() as u64;
        let i = usize::try_from(self.random.below(count)).unwrap_or(0);
        if dice < UPDATES {
            return self.change(i);
        }
        let id = self.open.swap_remove(i).id;
        if self.deleted.len() < DELETED {
            self.deleted.push(id);
        }
        Event {
            kind: Kind::Delete,
            id,
            order: None,
        }
    }

    fn place(&mut self) -> Event {
        let restored = if self.random.percent(RESTORED) {
            self.deleted.pop()
        } else {
            None
        };
        let id = restored.unwrap_or(self.next_id);
        if restored.is_none() {
            self.next_id += 1;
        }
        let order = Order {
            id,
            customer: 1 + self.random.below(5_000),
            status: 0,
            cents: 500 + self.random.below(49_500),
            items: 1 + self.random.below(9),
            city: self.random.pick(&CITIES),
            updated_at: self.now,
            note: self.note(),
        };
        if self.open.len() < OPEN {
            self.open.push(order.clone());
        } else {
            // Its place is as good as the oldest's.
            let i = usize::try_from(self.random.below(OPEN as u64)).unwrap_or(0);
            self.open[i] = order.clone();
        }
        Event {
            kind: Kind::New,
            id,
            order: Some(order),
        }
    }

    fn change(&mut self, i: usize) -> Event {
        let (note, cents) = (self.note(), self.random.below(200));
        let order = &mut self.open[i];
        order.status = (order.status + 1).min(STATUSES.len() - 1);
        order.cents += cents;
        order.updated_at = self.now;
        order.note = note;
        Event {
            kind: Kind::Update,
            id: order.id,
            order: Some(order.clone()),
        }
    }

    fn note(&mut self) -> Note {
        match self.random.below(10) {
            0 | 1 => Note::Text(self.random.pick(&NOTES)),
            2 => Note::Null,
            _ => Note::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_seed_repeats_its_orders_and_another_does_not() {
        let events = |seed| {
            let mut shop = Shop::new(seed);
            (0..1_000).map(|_| shop.event()).collect::<Vec<_>>()
        };
        assert_eq!(events(7), events(7));
        assert_ne!(events(7), events(8));
    }

    #[test]
    fn changes_and_deletes_are_of_orders_that_stand() {
        let mut shop = Shop::new(1);
        let (mut standing, mut kinds) = (HashSet::new(), [0; 3]);
        let mut restored = 0;
        let mut seen = HashSet::new();
        for _ in 0..20_000 {
            let event = shop.event();
            match event.kind {
                Kind::New => {
                    assert!(standing.insert(event.id));
                    restored += i32::from(!seen.insert(event.id));
                    kinds[0] += 1;
                }
                Kind::Update => {
                    assert!(standing.contains(&event.id));
                    kinds[1] += 1;
                }
                Kind::Delete => {
                    assert!(standing.remove(&event.id));
                    assert!(event.order.is_none());
                    kinds[2] += 1;
                }
            }
        }
        assert!(
            kinds.iter().all(|n| *n > 500) && restored > 100,
            "{kinds:?} {restored}"
        );
    }

    #[test]
    fn the_value_is_json_and_holds_what_the_row_holds() {
        let mut shop = Shop::new(3);
        let mut text = String::new();
        let mut bytes = 0;
        for _ in 0..2_000 {
            let Some(order) = shop.event().order else {
                continue;
            };
            order.json(&mut text);
            bytes += text.len();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let row = order.row();
            assert_eq!(json["id"].to_string(), *row[0].as_deref().unwrap());
            assert_eq!(json["city"].as_str(), row[5].as_deref());
            match json.get("note") {
                None => assert_eq!(row[7].as_deref(), Some(DEFAULT_NOTE)),
                Some(note) => assert_eq!(note.as_str(), row[7].as_deref()),
            }
        }
        assert!(bytes / 2_000 > 120, "{bytes}");
    }
}
