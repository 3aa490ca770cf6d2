//! A topic of orders, a table by their number, and a service between them.

use crate::harness::cassandra::{self, Keyspace};
use crate::harness::kafka::{Kafka, Producer, Record};
use crate::harness::orders::Orders;
use crate::harness::service::Service;
use crate::harness::{oracle, servers, unique, wait};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Of the table `orders`.
pub const COLUMNS: &str = "id bigint PRIMARY KEY, customer text, status text, amount decimal, \
                       quantity int, placed_at text, note text, part int, off bigint";

/// One table, the coordinates in it: a row tells which record made it.
pub const TABLES: &str = "[[sinks.orders.cassandra.tables]]\ntable = \"{k}.orders\"\n\
                      columns = { part = \"partition\", off = \"offset\" }";

/// The parts, for the test to play with.
pub struct World {
    pub kafka: Kafka,
    pub keyspace: Keyspace,
    pub topic: String,
    /// Not started yet.
    pub service: Service,
    pub producer: Producer,
    pub orders: Orders,
}

impl World {
    /// On the shared server.
    pub fn new(test: &str, partitions: i32) -> Self {
        Self::on(cassandra::shared(), test, partitions)
    }

    /// On a server of the test's own.
    pub fn on(address: SocketAddr, test: &str, partitions: i32) -> Self {
        Self::of(Keyspace::on(address, test), test, partitions)
    }

    /// In a keyspace.
    pub fn of(keyspace: Keyspace, test: &str, partitions: i32) -> Self {
        Self::beside(&servers::kafka(), keyspace, test, partitions)
    }

    /// The same beside a broker that may be the test's own.
    pub fn beside(bootstrap: &str, keyspace: Keyspace, test: &str, partitions: i32) -> Self {
        let (kafka, topic) = (Kafka::at(bootstrap), unique(test));
        kafka.create_topic(&topic, partitions);
        keyspace.execute(&format!("CREATE TABLE {{k}}.orders ({COLUMNS})"));
        let mut service = Service::new(test, &topic, "", "", "");
        service.bootstrap = bootstrap.to_owned();
        service.cassandra = Some(keyspace.sink(keyspace.address(), "", TABLES));
        Self {
            producer: kafka.producer(),
            kafka,
            keyspace,
            topic,
            service,
            orders: Orders::new(7, partitions).with_tombstones(),
        }
    }

    /// More settings of the sink, at an address that may be a proxy's.
    pub fn settings(&self, address: SocketAddr, more: &str) -> Service {
        let mut service = self.service.clone();
        service.cassandra = Some(self.keyspace.sink(address, more, TABLES));
        service
    }

    pub fn produce(&mut self, count: usize) {
        let orders = self.orders.take(count);
        self.producer.send_all(&self.topic, &orders);
    }

    /// How far the positions are, all partitions together.
    pub fn progress(&self) -> i64 {
        self.keyspace.positions(&self.topic).iter().sum()
    }

    pub fn lag(&self) -> i64 {
        self.kafka.ends(&self.topic).iter().sum::<i64>() - self.progress()
    }

    /// Publishes orders until so many are left to be written.
    pub fn top_up(&mut self, lag: i64) {
        self.produce(usize::try_from(lag - self.lag()).unwrap_or(0));
    }

    #[track_caller]
    pub fn wait_progress(&self, from: i64) {
        wait::until(
            &format!("the positions move beyond {from}"),
            || match self.progress() {
                now if now > from => Ok(()),
                now => Err(now),
            },
        );
    }

    #[track_caller]
    pub fn wait_caught_up(&self) {
        let ends = self.kafka.ends(&self.topic);
        wait::until(&format!("the positions are {ends:?}"), || {
            match self.keyspace.positions(&self.topic) {
                found if found == ends => Ok(()),
                found => Err(format!("{found:?}")),
            }
        });
    }

    /// Rows that a record behind the stored positions made.
    pub fn rows_ahead(&self) -> usize {
        let positions = self.keyspace.positions(&self.topic);
        let rows = self.keyspace.rows("part, off FROM {k}.orders");
        let ahead = |row: &&Value| {
            let part = row["part"].as_u64().and_then(|n| usize::try_from(n).ok());
            let from = part.and_then(|part| positions.get(part).copied());
            row["off"].as_i64() >= Some(from.unwrap_or(0))
        };
        rows.iter().filter(ahead).count()
    }

    /// Waits until all is written, and compares the table with the fold of the
    /// log.
    #[track_caller]
    pub fn assert_exact(&self) {
        self.wait_caught_up();
        let expected = expected(&self.kafka.log(&self.topic));
        oracle::assert_rows(&expected, &found(&self.keyspace).expect("rows"));
    }
}

/// The rows of the table `orders`; why not, of a server that may be away.
pub fn found(keyspace: &Keyspace) -> Result<Vec<oracle::Row>, String> {
    let rows = keyspace.try_rows(
        "id, customer, status, amount, quantity, placed_at, note, part, off FROM {k}.orders",
    )?;
    Ok(rows.into_iter().map(row).collect())
}

/// What they must be, told from the log alone.
pub fn expected(log: &[Record]) -> Vec<oracle::Row> {
    fold(log).into_iter().map(row).collect()
}

fn row(row: Value) -> oracle::Row {
    vec![Some(canonical(row))]
}

/// Every column of an order, by its name; a decimal without its last zeros.
fn canonical(mut row: Value) -> String {
    if let Some(amount) = row["amount"].as_f64() {
        row["amount"] = json!(format!("{amount:.2}"));
    }
    let sorted: BTreeMap<String, Value> = serde_json::from_value(row).expect("an object");
    serde_json::to_string(&sorted).expect("JSON")
}

/// Cell by cell: what a record does not name stays as it was, an explicit null
/// removes it, and a tombstone removes the row.
fn fold(log: &[Record]) -> Vec<Value> {
    let mut rows: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for record in log {
        let key = record.message.key.clone().expect("a key");
        let key = String::from_utf8(key).expect("text");
        let Some(value) = &record.message.value else {
            rows.remove(&key);
            continue;
        };
        let value: Map<String, Value> = serde_json::from_slice(value).expect("an object");
        let row = rows.entry(key).or_default();
        for column in [
            "customer",
            "status",
            "amount",
            "quantity",
            "placed_at",
            "note",
        ] {
            row.entry(column).or_insert(Value::Null);
        }
        row.extend(value);
        row.insert("part".to_owned(), record.message.partition.into());
        row.insert("off".to_owned(), record.offset.into());
    }
    rows.into_values().map(Value::Object).collect()
}
