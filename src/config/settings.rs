//! The settings after all checks: what the rest of the program reads.

pub use crate::backends::Backend;
use plimsoll_plain::{Csv, Primitive};
pub use plimsoll_record::{BatchLimits, UnknownFields};
use plimsoll_record::{Envelope, Framing, Side};
use plimsoll_sink_api::{Epoch, Path, Secret};
use plimsoll_source::SourceSettings;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A whole config file, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How to reach Kafka.
    pub kafka: Kafka,
    /// Where schemas are; `None`: no sink asks for any.
    pub registry: Option<plimsoll_registry::Settings>,
    /// Where metrics and health are served; `None`: not at all.
    pub listen: Option<SocketAddr>,
    /// Names by which the listeners may be called, beside addresses and localhost.
    pub hosts: Arc<[String]>,
    /// Where what is wanted of sinks is heard; `None`: nowhere.
    pub admin: Option<Admin>,
    /// Bytes that all sinks together may hold of records not yet committed,
    /// librdkafka's queues included.
    pub memory_limit: u64,
    /// How long a drain may take: on SIGTERM, and when a partition is handed
    /// over.
    pub drain: Duration,
    /// In the order of their names.
    pub sinks: Vec<Sink>,
    /// In the order of their names.
    pub sources: Vec<SourceSettings>,
}

impl Config {
    /// A sink, by its name.
    #[must_use]
    pub fn sink(&self, name: &str) -> Option<&Sink> {
        self.sinks.iter().find(|sink| sink.name == name)
    }
}

/// How to reach Kafka, and how to be a member of a group.
#[derive(Clone, PartialEq, Eq)]
pub struct Kafka {
    /// `host:port`, separated by commas.
    pub bootstrap_servers: String,
    /// Passed to librdkafka; checked against those that would break the promise.
    pub properties: BTreeMap<String, String>,
    /// Which records of transactions are read.
    pub isolation_level: Isolation,
    /// How the group is coordinated.
    pub group_protocol: GroupProtocol,
    /// Static membership.
    pub group_instance_id: Option<String>,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: BTreeMap<&str, &str> = self
            .properties
            .iter()
            .map(|(name, value)| match super::kafka::is_secret(name) {
                true => (name.as_str(), "<hidden>"),
                false => (name.as_str(), value.as_str()),
            })
            .collect();
        f.debug_struct("Kafka")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &properties)
            .field("isolation_level", &self.isolation_level)
            .field("group_protocol", &self.group_protocol)
            .field("group_instance_id", &self.group_instance_id)
            .finish()
    }
}

/// Which records of transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Only those whose transaction was committed.
    ReadCommitted,
    /// Those of open and aborted transactions too.
    ReadUncommitted,
}

/// How the group is coordinated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The classic protocol with the cooperative-sticky strategy.
    Classic,
    /// KIP-848.
    Consumer,
}

/// One sink: a consumer group, and the database that it feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// The name of its table in the config.
    pub name: String,
    /// What it reads.
    pub topics: Topics,
    /// The consumer group.
    pub group_id: String,
    /// Where it begins, once.
    pub start: Start,
    /// What a bad record does.
    pub on_bad_record: OnBadRecord,
    /// What a field without a column does.
    pub unknown_fields: UnknownFields,
    /// How its keys and values are read.
    pub reads: Reads,
    /// When a batch is closed.
    pub batch: BatchLimits,
    /// Where it writes.
    pub backend: Backend,
}

/// How the keys and values of a sink are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reads {
    /// Values.
    pub value: Encoding,
    /// Keys.
    pub key: Encoding,
    /// What stands around the row in a value.
    pub envelope: Envelope,
    /// What numbers count that go from values into columns of times.
    pub unit: Option<Epoch>,
}

impl Reads {
    /// Whether a registry is asked for schemas.
    #[must_use]
    pub fn asks_registry(&self) -> bool {
        self.value.asks_registry() || self.key.asks_registry()
    }

    /// Values and keys, as the config names them.
    #[must_use]
    pub fn sides(&self) -> [(Side, &Encoding); 2] {
        [(Side::Value, &self.value), (Side::Key, &self.key)]
    }
}

/// How bytes are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// The format, and what it needs to be told.
    pub codec: Codec,
    /// What stands around the bytes.
    pub framing: Framing,
    /// The schema of all of them.
    pub schema_file: Option<PathBuf>,
    /// Which message of the schema all of them are.
    pub message: Option<String>,
}

impl Encoding {
    /// Whether a registry is asked for the schemas.
    #[must_use]
    pub fn asks_registry(&self) -> bool {
        self.codec.has_schemas() && self.schema_file.is_none()
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            codec: Codec::Json,
            framing: Framing::None,
            schema_file: None,
            message: None,
        }
    }
}

/// A format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codec {
    /// JSON without a schema.
    Json,
    /// JSON that brings its schema, as Kafka Connect writes it.
    ConnectJson,
    /// Avro.
    Avro,
    /// Protobuf.
    Protobuf,
    /// CBOR.
    Cbor,
    /// MessagePack.
    MessagePack,
    /// A line of CSV.
    Csv(Csv),
    /// One value, which is all of the bytes.
    Primitive(Primitive),
}

/// Whether bytes of a format have something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Has<'f> {
    /// That is for each record to say.
    Maybe,
    /// They do.
    It,
    /// They have only these fields.
    Only(&'f [String]),
    /// They have none.
    NoFields,
}

impl Codec {
    /// Whether each record, or its schema, tells the types of all fields.
    #[must_use]
    pub fn tells_types(&self) -> bool {
        match self {
            Self::Avro | Self::Protobuf | Self::ConnectJson => true,
            Self::Json | Self::Cbor | Self::MessagePack | Self::Csv(_) | Self::Primitive(_) => {
                false
            }
        }
    }

    /// Whether its bytes are read by a schema.
    #[must_use]
    pub fn has_schemas(&self) -> bool {
        match self {
            Self::Json
            | Self::ConnectJson
            | Self::Cbor
            | Self::MessagePack
            | Self::Csv(_)
            | Self::Primitive(_) => false,
            Self::Avro | Self::Protobuf => true,
        }
    }

    /// Whether its bytes have what stands at a path.
    #[must_use]
    pub fn has(&self, path: &Path) -> Has<'_> {
        match (self, path.0.as_slice()) {
            (_, []) => Has::It,
            (Self::Csv(csv), [name]) if csv.fields.contains(name) => Has::It,
            (Self::Csv(csv), _) => Has::Only(&csv.fields),
            (Self::Primitive(_), _) => Has::NoFields,
            (
                Self::Json
                | Self::ConnectJson
                | Self::Avro
                | Self::Protobuf
                | Self::Cbor
                | Self::MessagePack,
                _,
            ) => Has::Maybe,
        }
    }
}

/// What a sink reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topics {
    /// By name.
    Named(Vec<String>),
    /// By a regular expression, `^` in front as librdkafka wants it.
    Pattern(String),
}

/// Where a topic begins that has no position yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At the first record that the log still has.
    Earliest,
    /// Behind the last record.
    Latest,
    /// At the first record of this time or later; milliseconds since the Unix
    /// epoch.
    Time(i64),
    /// Where another consumer group stands.
    Group(String),
}

/// What a bad record does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBadRecord {
    /// The partition stops before it.
    Halt,
    /// It is kept in the dead-letter table, and the position moves over it.
    DeadLetter,
}

/// `[admin]`: the listener that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// On loopback.
    pub listen: SocketAddr,
    /// Who may use it.
    pub access: Access,
}

/// Who may use a listener; with neither, whoever reaches it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// A user and a password.
    pub basic: Option<(String, Secret)>,
    /// A bearer token.
    pub bearer: Option<Secret>,
}
