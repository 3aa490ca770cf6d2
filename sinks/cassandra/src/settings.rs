//! What the config says of a Cassandra sink.

use crate::{CassandraSink, CassandraSnapshot};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Backend, Secret, SinkError, Source, TableRule};
use plimsoll_tls::Tls;
use std::time::Duration;

/// `[sinks.NAME.cassandra]` or `[sinks.NAME.scylla]`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CassandraSettings {
    /// The sink's name; the first part of every position's key.
    pub sink: String,
    /// `host:port` of nodes to begin with; the driver finds the others.
    pub contact_points: Vec<String>,
    /// User and password.
    pub login: Option<Login>,
    /// Encryption; `None`: plain.
    pub tls: Option<Tls>,
    /// Whose nodes are asked, and where LOCAL_ consistency levels count;
    /// `None`: all.
    pub local_datacenter: Option<String>,
    /// Of every write of rows and positions, and of every read of positions.
    pub consistency: Consistency,
    /// ONE and LOCAL_ONE are allowed: the cluster has one node.
    pub single_node: bool,
    /// Where plimsoll keeps its own tables.
    pub state_keyspace: String,
    /// CQL's map of replication, to create the state keyspace with; `None`: it
    /// is there.
    pub state_replication: Option<String>,
    /// Requests under way at once, all partitions of the sink together.
    pub max_in_flight: usize,
    /// Whether writes of one partition key travel in one unlogged batch.
    pub batches: bool,
    /// Whether the service makes its tables when it starts.
    pub auto_migrate: bool,
    /// How long one request may take before it counts as lost.
    pub call_timeout: Duration,
    /// How far the position is put back when a partition is claimed, so that
    /// writes whose commit log was not synced yet are written again.
    pub rewind: Duration,
    /// Which topics go into which table.
    pub tables: Vec<CassandraTable>,
}

/// A table, and what only Cassandra knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CassandraTable {
    /// As for every sink; the mode is always upsert, a missing field keeps.
    pub rule: TableRule,
    /// How long a row lives.
    pub ttl: Option<Ttl>,
}

/// How long a row lives, counted from its record's timestamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ttl {
    /// The same for all.
    Fixed(Duration),
    /// Seconds, a number in the record.
    Source(Source),
}

/// User and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// How many replicas must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// One replica: for one-node clusters alone.
    One,
    /// One replica of the local datacenter: for one-node clusters alone.
    LocalOne,
    /// Two replicas.
    Two,
    /// Three replicas.
    Three,
    /// More than half of all.
    Quorum,
    /// More than half of the local datacenter's.
    LocalQuorum,
    /// More than half in each datacenter; for writes. Positions are read with
    /// LOCAL_QUORUM then.
    EachQuorum,
    /// Every replica.
    All,
}

impl Backend for CassandraSettings {
    const NAMES: &'static [&'static str] = &["cassandra", "scylla"];
    type Sink = CassandraSink;
    type Snapshot = CassandraSnapshot;

    fn open(&self, _: &str) -> Result<CassandraSink, SinkError> {
        Ok(CassandraSink::new(self.clone()))
    }

    fn open_to_look(&self, member: &str) -> Result<CassandraSink, SinkError> {
        self.open(member)
    }

    async fn snapshot(&self) -> Result<CassandraSnapshot, SinkError> {
        Ok(CassandraSnapshot::new(self))
    }

    fn auto_migrate(&self) -> bool {
        self.auto_migrate
    }

    fn shares_state(&self, other: &Self) -> bool {
        self.contact_points == other.contact_points && self.state_keyspace == other.state_keyspace
    }

    fn lacks_state(&self, error: &SinkError) -> bool {
        // Statements over tables or a keyspace that are not there.
        error.class == Class::Stale
    }
}
