//! Records that others wrote, a table `t`, and a service between them: what the tests of
//! formats begin with.

use super::kafka::{Kafka, Message};
use super::postgres::Database;
use super::process::plimsoll_ok;
use super::service::Service;
use super::unique;

/// The parts, for the test to play with.
pub struct Feed {
    /// Where the topic is.
    pub kafka: Kafka,
    /// Where the table is.
    pub database: Database,
    /// The topic.
    pub topic: String,
    /// Not started yet; what is bad becomes a dead letter.
    pub service: Service,
}

impl Feed {
    /// On the shared servers. `create` makes the table `{s}.t`; `formats` are lines of the
    /// sink.
    pub fn new(test: &str, create: &str, mode: &str, formats: &str) -> Self {
        Self::with_partitions(test, create, mode, formats, 1)
    }

    /// The same, of a topic with several partitions.
    pub fn with_partitions(
        test: &str,
        create: &str,
        mode: &str,
        formats: &str,
        partitions: i32,
    ) -> Self {
        let (kafka, database, topic) = (Kafka::shared(), Database::shared(test), unique(test));
        kafka.create_topic(&topic, partitions);
        database.execute(create);
        let table = database.table("t");
        let mut service = Service::new(test, &topic, &table, mode, &database.state_schema());
        service.of_sink = format!("on_bad_record = \"dead_letter\"\n{formats}");
        Self {
            kafka,
            database,
            topic,
            service,
        }
    }

    /// The same, with schemas in a registry.
    pub fn with_registry(
        test: &str,
        create: &str,
        mode: &str,
        formats: &str,
        registry: &str,
    ) -> Self {
        let mut feed = Self::new(test, create, mode, formats);
        feed.service.top = format!("[schema_registry]\nurl = [\"{registry}\"]\n");
        feed
    }

    /// Publishes records.
    pub fn send<'m>(&self, messages: impl IntoIterator<Item = &'m Message>) {
        self.kafka.producer().send_all(&self.topic, messages);
    }

    /// Waits until all is written.
    #[track_caller]
    pub fn wait(&self) {
        self.database.wait_caught_up(&self.kafka, &self.topic);
    }

    /// The conditions of its dead letters.
    pub fn bad(&self) -> Vec<String> {
        self.rows("SELECT condition FROM {s}_state.dead_letters ORDER BY kafka_offset")
    }

    /// Rows of one text each.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        let rows = self.database.rows(sql).into_iter();
        rows.map(|row| row[0].clone().unwrap_or("NULL".to_owned()))
            .collect()
    }

    /// No row differs, but for what is a dead letter.
    pub fn verify(&self) {
        plimsoll_ok(&self.service.config(), &["verify"]);
    }
}
