//! What a sink's crate gives the suite: tables, processes, and a look at what stands.

use super::{Capabilities, Kept, Type};
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::snapshot::Snapshot;
use plimsoll_sink_api::{
    Act, DeadLetters, Inspect, Missing, Mode, Path, Shared, Sink, Source, TableRule, TableSettings,
};
use std::future::Future;

/// A database with one scenario in it. Scenarios run at the same time: each has tables
/// and positions of its own.
pub trait Harness: Sized {
    /// The sink.
    type Sink: Sink<Plan: std::fmt::Debug> + Shared + DeadLetters + Inspect;

    /// What `verify` reads.
    type Snapshot: Snapshot;

    /// What it does differently.
    const CAPABILITIES: Capabilities;

    /// A place with nothing in it.
    fn new() -> impl Future<Output = Self>;

    /// The full name of a table, as the config has it.
    fn table(&self, name: &str) -> String;

    /// Makes a table.
    fn create(&self, name: &str, spec: &TableSpec) -> impl Future<Output = ()>;

    /// A sink as a process opens it; `process` is its readable name. Two of them are
    /// two processes with the same config.
    fn open(&self, process: &str, rules: Vec<TableRule>) -> impl Future<Output = Self::Sink>;

    /// What stands there now, as `verify` reads it.
    fn snapshot(&self, rules: Vec<TableRule>) -> impl Future<Output = Self::Snapshot>;

    /// The rows of a table, in any order: what stands in these columns.
    fn rows(&self, table: &str, columns: &[(&str, Type)]) -> impl Future<Output = Vec<Vec<Kept>>>;

    /// Removes what the sink keeps of a position, and leaves that its start was settled.
    fn lose_position(&self, tp: &TopicPartition) -> impl Future<Output = ()>;

    /// Removes that a start was settled, as a binary that kept none left it.
    fn lose_start(&self, tp: &TopicPartition) -> impl Future<Output = ()>;

    /// What operators did to a partition, for `verify`.
    fn acts(&self, tp: &TopicPartition) -> impl Future<Output = Vec<Act>>;

    /// The lowest offset that a partition ever began at, for `verify`.
    fn began_at(&self, tp: &TopicPartition) -> impl Future<Output = Option<i64>>;
}

/// A column.
#[derive(Debug, Clone)]
pub struct ColumnSpec {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub typ: Type,
    /// What it holds when nobody says anything.
    pub default: Option<Kept>,
    /// Where its values come from; `None`: the field of its name.
    pub source: Option<Source>,
    /// Part of the primary key.
    pub key: bool,
}

/// A column that takes the field of its name.
#[must_use]
pub fn column(name: &'static str, typ: Type) -> ColumnSpec {
    ColumnSpec {
        name,
        typ,
        default: None,
        source: None,
        key: false,
    }
}

impl ColumnSpec {
    /// The same as a part of the primary key.
    #[must_use]
    pub fn key(mut self) -> Self {
        self.key = true;
        self
    }

    /// The same with a default.
    #[must_use]
    pub fn default(mut self, default: Kept) -> Self {
        self.default = Some(default);
        self
    }

    /// The same from another source.
    ///
    /// # Panics
    /// It is no source.
    #[must_use]
    pub fn from(mut self, source: &str) -> Self {
        self.source = Some(source.parse().expect("a source"));
        self
    }
}

/// A table, and how records come into it.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// How records become rows.
    pub mode: Mode,
    /// What a missing field does.
    pub missing: Missing,
    /// The array of which every element is a row.
    pub explode: Option<Path>,
    /// The columns, in their order.
    pub columns: Vec<ColumnSpec>,
}

impl TableSpec {
    /// A row per record.
    #[must_use]
    pub fn append(columns: impl IntoIterator<Item = ColumnSpec>) -> Self {
        Self {
            mode: Mode::Append,
            missing: Missing::Default,
            explode: None,
            columns: columns.into_iter().collect(),
        }
    }

    /// A record replaces the row of its key.
    #[must_use]
    pub fn upsert(columns: impl IntoIterator<Item = ColumnSpec>) -> Self {
        Self {
            mode: Mode::Upsert,
            ..Self::append(columns)
        }
    }

    /// A record is merged into the row of its key.
    #[must_use]
    pub fn merging(columns: impl IntoIterator<Item = ColumnSpec>) -> Self {
        Self {
            missing: Missing::Keep,
            ..Self::upsert(columns)
        }
    }

    /// The columns of the primary key.
    pub fn keys(&self) -> impl Iterator<Item = &ColumnSpec> {
        self.columns.iter().filter(|column| column.key)
    }

    /// Names and types, for [`Harness::rows`].
    #[must_use]
    pub fn types(&self) -> Vec<(&'static str, Type)> {
        self.columns.iter().map(|c| (c.name, c.typ)).collect()
    }

    /// What the config says of a table of this name: all topics go there.
    #[must_use]
    pub fn rule(&self, table: String) -> TableRule {
        let named = |c: &ColumnSpec| Some((c.name.to_owned(), c.source.clone()?.into()));
        TableRule {
            topics: Vec::new(),
            settings: TableSettings {
                columns: self.columns.iter().filter_map(named).collect(),
                missing: self.missing,
                explode: self.explode.clone(),
                ..TableSettings::new(table, self.mode)
            },
        }
    }
}
