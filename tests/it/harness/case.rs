//! A topic of orders, a table, and a service between them: what most tests
//! begin with.

use super::kafka::{Kafka, Producer};
use super::oracle::{self, Mode};
use super::orders::Orders;
use super::postgres::Database;
use super::service::Service;
use super::wait;
use super::{servers, unique};
use std::time::Duration;

/// The parts, for the test to play with.
pub struct Case {
    /// Where the topic is.
    pub kafka: Kafka,
    /// Where the table is.
    pub database: Database,
    /// The topic.
    pub topic: String,
    /// How records become rows.
    pub mode: Mode,
    /// Not started yet.
    pub service: Service,
    /// Of plain records.
    pub producer: Producer,
    /// Made so far.
    pub orders: Orders,
}

impl Case {
    /// On the shared servers.
    pub fn new(test: &str, mode: Mode, partitions: i32) -> Self {
        Self::on(
            &servers::kafka(),
            &servers::postgres(),
            test,
            mode,
            partitions,
        )
    }

    /// On servers of the test's own, which run.
    pub fn on(bootstrap: &str, url: &str, test: &str, mode: Mode, partitions: i32) -> Self {
        let test = format!("{test}_{}", mode.name());
        let (kafka, database, topic) = (
            Kafka::at(bootstrap),
            Database::on(url, &test),
            unique(&test),
        );
        kafka.create_topic(&topic, partitions);
        oracle::create_table(&database, mode);
        let mut service = oracle::service(&test, &database, &topic, mode);
        service.bootstrap = bootstrap.to_owned();
        service.url = url.to_owned();
        let orders = match mode {
            // A tombstone is a bad record there.
            Mode::Append => Orders::new(7, partitions),
            Mode::Log | Mode::Upsert => Orders::new(7, partitions).with_tombstones(),
        };
        Self {
            producer: kafka.producer(),
            kafka,
            database,
            topic,
            mode,
            service,
            orders,
        }
    }

    /// Publishes the next orders.
    pub fn produce(&mut self, count: usize) {
        self.producer
            .send_all(&self.topic, &self.orders.take(count));
    }

    /// How far the positions are, all partitions together; none yet is 0.
    pub fn progress(&self) -> i64 {
        self.database
            .positions(&self.topic)
            .unwrap_or_default()
            .iter()
            .sum()
    }

    /// How many offsets are left, all partitions together.
    pub fn lag(&self) -> i64 {
        self.kafka.ends(&self.topic).iter().sum::<i64>() - self.progress()
    }

    /// Publishes orders until so many are left to be written.
    pub fn top_up(&mut self, lag: i64) {
        let short = lag - self.lag();
        self.produce(usize::try_from(short).unwrap_or(0));
    }

    /// Waits until the positions moved beyond `from`.
    #[track_caller]
    pub fn wait_progress(&self, from: i64) {
        wait::until(
            &format!("the positions of {} move beyond {from}", self.topic),
            || {
                let progress = self.progress();
                if progress > from {
                    Ok(())
                } else {
                    Err(progress)
                }
            },
        );
    }

    /// Waits until all is written.
    #[track_caller]
    pub fn wait_caught_up(&self) {
        self.database.wait_caught_up(&self.kafka, &self.topic);
    }

    /// The same, within a bound that is part of the test.
    #[track_caller]
    pub fn wait_caught_up_within(&self, limit: Duration) {
        self.database
            .wait_caught_up_within(limit, &self.kafka, &self.topic);
    }

    /// Waits until all is written, and compares the table, which has no columns
    /// for the coordinates, with the fold of the log.
    #[track_caller]
    pub fn assert_exact_without_coordinates(&self) {
        self.wait_caught_up();
        let mut expected = oracle::expected(self.mode, &self.kafka.log(&self.topic));
        if self.mode != Mode::Log {
            for row in &mut expected {
                row.truncate(row.len() - 2);
            }
        }
        let found = oracle::found_in(&self.database, self.mode, "");
        oracle::assert_rows(&expected, &found);
    }

    /// Waits until all is written, and compares the table with the fold of the
    /// log.
    #[track_caller]
    pub fn assert_exact(&self) {
        self.wait_caught_up();
        oracle::assert_exact(&self.database, &self.kafka, &self.topic, self.mode);
    }
}
