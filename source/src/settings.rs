//! What a source is told.

use crate::template::Template;
use plimsoll_sink_api::Secret;
use rdkafka::ClientConfig;
use std::fmt;
use std::time::Duration;

/// A source: where it reads, and how it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// The name of its table in the config.
    pub name: String,
    /// The topic of its position; one partition, compacted.
    pub positions_topic: String,
    /// When a transaction of Kafka ends.
    pub boundary: Boundary,
    /// How long one collects transactions of the database.
    pub interval: Duration,
    /// How many events one collects; one transaction of the database may bring more.
    pub max_records: u64,
    /// After so long the coordinator gives an open transaction up.
    pub transaction_timeout: Duration,
    /// What a row does that makes no event.
    pub on_bad_row: OnBadRow,
    /// Where it reads.
    pub postgres: PostgresSettings,
}

impl SourceSettings {
    /// The transactional id: whoever comes last with it fences all before.
    #[must_use]
    pub fn transactional_id(&self) -> String {
        format!("plimsoll-source-{}", self.name)
    }
}

/// When a transaction of Kafka ends; always between two of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// As soon as nothing waits; else it collects.
    Poll,
    /// When the interval is over.
    Interval,
    /// With each transaction of the database.
    Connector,
}

/// What a row does that makes no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBadRow {
    /// The source halts.
    Halt,
    /// The row is left out, told and counted.
    Skip,
}

/// An outbox in Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    /// `postgres://…`, of a role that may replicate.
    pub url: Secret,
    /// Its replication slot.
    pub slot: String,
    /// Its publication.
    pub publication: String,
    /// What is read.
    pub outbox: Outbox,
}

/// What is read of the database's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outbox {
    /// What is inserted into a table.
    Table {
        /// Which.
        table: TableName,
        /// What its columns are for.
        columns: Columns,
    },
    /// What `pg_logical_emit_message` wrote under this prefix.
    Messages {
        /// What comes before the topic.
        prefix: String,
    },
}

/// A table's name, as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// Its schema.
    pub schema: String,
    /// Its own name.
    pub table: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// What the columns of an outbox are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The topic, made of columns.
    pub topic: Template,
    /// The column of the key.
    pub key: String,
    /// The column of the value.
    pub value: String,
    /// Headers, and the column of each.
    pub headers: Vec<(String, String)>,
}

impl Columns {
    /// All columns that an event is made of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter().map(|(_, column)| column.as_str());
        let own = [self.key.as_str(), self.value.as_str()];
        self.topic.columns().chain(own).chain(headers)
    }
}

/// How Kafka is reached: the address, TLS and login, and whatever of a client's
/// properties does not carry the promise.
#[derive(Debug, Clone)]
pub struct Kafka(pub ClientConfig);
