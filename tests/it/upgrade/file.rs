//! A topic of orders, a SQLite file with a table for them, and a service between them.

use crate::harness::kafka::{Kafka, Producer};
use crate::harness::oracle::{self, Mode, Row};
use crate::harness::orders::Orders;
use crate::harness::service::Service;
use crate::harness::{block_on, folder, unique, wait};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::path::{Path, PathBuf};

fn url(path: &Path) -> String {
    format!("sqlite:{}?mode=rwc", path.display())
}

/// Values of a file, a row each, as text in one.
pub fn values(path: &Path, sql: &str) -> Vec<String> {
    try_values(path, sql).unwrap_or_else(|e| panic!("{e}\n{sql}"))
}

fn try_values(path: &Path, sql: &str) -> Result<Vec<String>, sqlx::Error> {
    block_on(async {
        let mut connection = SqliteConnection::connect(&url(path)).await?;
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        query.fetch_all(&mut connection).await
    })
}

/// Runs statements on a file, which is made where it is missing.
pub fn execute(path: &Path, sql: &str) {
    block_on(async {
        let mut connection = SqliteConnection::connect(&url(path)).await?;
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        query.execute(&mut connection).await
    })
    .unwrap_or_else(|e| panic!("{e}\n{sql}"));
}

/// The parts, for the test to play with.
pub struct File {
    kafka: Kafka,
    topic: String,
    path: PathBuf,
    mode: Mode,
    /// Not started yet.
    pub service: Service,
    producer: Producer,
    orders: Orders,
}

impl File {
    /// A file of its own, and a table without any unique constraint in `append`.
    pub fn new(test: &str, mode: Mode, partitions: i32) -> Self {
        let (kafka, topic) = (Kafka::shared(), unique(test));
        kafka.create_topic(&topic, partitions);
        let path = folder(test).join("orders.db");
        let (key, orders) = match mode {
            Mode::Append => ("", Orders::new(7, partitions)),
            Mode::Upsert => (" PRIMARY KEY", Orders::new(7, partitions).with_tombstones()),
            Mode::Log => panic!("plimsoll makes that table itself"),
        };
        execute(
            &path,
            &format!(
                "CREATE TABLE orders (id INTEGER{key}, customer TEXT, status TEXT, amount NUMERIC, \
                 quantity INTEGER, placed_at TEXT, note TEXT DEFAULT 'none', part INTEGER, off INTEGER)"
            ),
        );
        Self {
            producer: kafka.producer(),
            service: Service::new(test, &topic, "", "", ""),
            kafka,
            topic,
            path,
            mode,
            orders,
        }
    }

    /// With a setting of its backend.
    pub fn settings(&self, more: &str) -> Service {
        let (path, mode) = (self.path.display(), self.mode.name());
        let mut service = self.service.clone();
        service.cassandra = Some(format!(
            "[sinks.orders.sqlite]\npath = \"{path}\"\ntable = \"orders\"\nmode = \"{mode}\"\n{more}\n\
             columns = {{ part = \"partition\", off = \"offset\" }}\n"
        ));
        service
    }

    pub fn produce(&mut self, count: usize) {
        let orders = self.orders.take(count);
        self.producer.send_all(&self.topic, &orders);
    }

    fn positions(&self) -> Vec<i64> {
        let sql = format!(
            "SELECT CAST(next_offset AS TEXT) FROM plimsoll_positions WHERE topic = '{}' \
             ORDER BY kafka_partition",
            self.topic
        );
        let found = try_values(&self.path, &sql).unwrap_or_default();
        found.iter().map(|n| n.parse().expect("a number")).collect()
    }

    /// How far the positions are, all partitions together.
    pub fn progress(&self) -> i64 {
        self.positions().iter().sum()
    }

    /// Publishes orders until so many are left to be written.
    pub fn top_up(&mut self, lag: i64) {
        let left = self.kafka.ends(&self.topic).iter().sum::<i64>() - self.progress();
        self.produce(usize::try_from(lag - left).unwrap_or(0));
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

    /// Waits until all is written, and compares the table with the fold of the log.
    #[track_caller]
    pub fn assert_exact(&self) {
        let ends = self.kafka.ends(&self.topic);
        wait::until(&format!("the positions are {ends:?}"), || {
            match self.positions() {
                found if found == ends => Ok(()),
                found => Err(format!("{found:?}")),
            }
        });
        let expected = oracle::expected(self.mode, &self.kafka.log(&self.topic));
        oracle::assert_rows(&expected, &self.rows());
    }

    fn rows(&self) -> Vec<Row> {
        let sql = "SELECT json_array(id, customer, status, printf('%.2f', amount), quantity, placed_at, \
                   note, part, off) FROM orders";
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let row = |json: &String| -> Row {
            let values: Vec<Value> = serde_json::from_str(json).expect("an array");
            values.iter().map(text).collect()
        };
        values(&self.path, sql).iter().map(row).collect()
    }

    /// How many migrations the state has seen.
    pub fn versions(&self) -> i64 {
        let sql = "SELECT CAST(count(*) AS TEXT) FROM plimsoll_migrations";
        values(&self.path, sql)[0].parse().expect("a count")
    }
}
