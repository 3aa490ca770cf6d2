//! A target table as the decoder sees it: which value goes to which column.

use crate::{Captures, Filter, Naming, Path, Route, Routing, Source, Take, TopicWords};

/// How records become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Deduplication: a row per record, its primary key (topic, partition,
    /// offset).
    Log,
    /// External transaction: a row per record.
    Append,
    /// Natural key: a record replaces the row of its key, a tombstone deletes
    /// it.
    Upsert,
}

impl Mode {
    /// The word of the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Append => "append",
            Self::Upsert => "upsert",
        }
    }
}

/// What a missing field does to the row of its key, in [`Mode::Upsert`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Missing {
    /// The column's default, on update too: the result never depends on where
    /// batches end.
    #[default]
    Default,
    /// What stands in the column stays; starts afresh at a tombstone.
    Keep,
}

/// How much time one partition of a table holds, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

impl Period {
    /// The word of the config, which is SQL's as well.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// In which form a column wants its JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Scalars as [`crate::Cell::Text`], `Number` or `Bool`; objects and arrays
    /// as `Json`.
    Scalar,
    /// Every value but null as [`crate::Cell::Json`], strings with their
    /// quotes: for json columns.
    Json,
    /// A whole key or a header as [`crate::Cell::Bytes`], whatever stands in it:
    /// for columns of bytes.
    Bytes,
    /// Whether there is a value: [`crate::Cell::Bool`], true, for every one but null. No
    /// column has it; envelopes ask.
    Presence,
}

/// What a column is for, where a value alone does not tell what it means: a number may be
/// a time, and a text a number in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Holds {
    /// Numbers.
    Numbers,
    /// Days.
    Days,
    /// Timestamps, and times of day.
    Times,
    /// Bytes.
    Bytes,
    /// Anything else.
    #[default]
    Other,
}

impl Holds {
    /// By the name of a type below all domains, in any of the databases here.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let word = name.split(|c: char| !c.is_ascii_alphanumeric()).next();
        match word.unwrap_or_default() {
            "date" => Self::Days,
            "time" | "timetz" | "timestamp" | "timestamptz" | "datetime" => Self::Times,
            "int" | "int2" | "int4" | "int8" | "integer" | "smallint" | "bigint" | "tinyint"
            | "varint" | "counter" | "numeric" | "decimal" | "real" | "float" | "float4"
            | "float8" | "double" | "money" => Self::Numbers,
            "bytea" | "blob" => Self::Bytes,
            _ => Self::Other,
        }
    }
}

/// One column that records are written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, unquoted.
    pub name: String,
    /// What it takes.
    pub take: Take,
    /// In which form.
    pub shape: Shape,
    /// Part of the key, in [`Mode::Upsert`].
    pub key: bool,
    /// Its type as the database prints it, for people.
    pub type_name: String,
    /// What it is for.
    pub holds: Holds,
}

/// A target table, as far as the decoder needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name as people write it: `public.orders`.
    pub name: String,
    /// How records become rows.
    pub mode: Mode,
    /// The columns written, in the order of the cells of a row.
    pub columns: Vec<Column>,
    /// The array in a value of which every element is a row; `None`: a record is one row.
    pub explode: Option<Path>,
    /// Which records become rows; `None`: all.
    pub filter: Option<Filter>,
    /// A field of the row that has no column gets one, but for these; `None`: it gets
    /// none.
    pub evolve: Option<LeftOut>,
}

/// Fields that go nowhere, and are to get no columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut(pub Vec<Source>);

/// A table, and what the sink keeps to write to it (statements, types).
#[derive(Debug)]
pub struct Prepared<P> {
    /// For the decoder.
    pub table: Table,
    /// For the sink.
    pub plan: P,
}

/// What the config says of one table. The same for every SQL sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSettings {
    /// The name; what stands in it for parts of a topic's name is filled for each topic.
    pub table: String,
    /// The pattern that names such parts, beside `{topic}`.
    pub captures: Option<Captures>,
    /// What tells which of several tables a record goes into; `None`: all go into one.
    pub routing: Option<Routing>,
    /// How records become rows.
    pub mode: Mode,
    /// Empty: the table's primary key.
    pub key_columns: Vec<String>,
    /// Columns and what they take, in the order of the config. Others that are paired
    /// take the field of their own name.
    pub columns: Vec<(String, Take)>,
    /// How that name is spelled in records.
    pub naming: Naming,
    /// Which columns are paired with fields that nothing is said of.
    pub pairs: Pairs,
    /// The array in a value of which every element is a row; `None`: a record is one row.
    pub explode: Option<Path>,
    /// Which records become rows; `None`: all.
    pub filter: Option<Filter>,
    /// What a missing field does.
    pub missing: Missing,
    /// A table that is not there is made, of what the schema of the records tells.
    pub create: bool,
    /// Columns are added for fields of that schema that have none.
    pub evolve: bool,
    /// A partition that a row needs is made, of so much time; `None`: none is.
    pub create_partitions: Option<Period>,
}

impl TableSettings {
    /// What a topic gives to the name, and a record, where it has a part in it.
    #[must_use]
    pub fn words(&self, topic: &str, route: Option<&Route>) -> TopicWords {
        let words = TopicWords::of(topic, self.captures.as_ref());
        match route {
            Some(route) => words.with_route(route),
            None => words,
        }
    }

    /// Where a column of this name takes its values from, unless it is said: from a field
    /// of the value, or of the element that the row is made of.
    #[must_use]
    pub fn source_of(&self, column: &str) -> Source {
        match self.explode {
            None => self.naming.source_of(column),
            Some(_) => self.naming.item_source_of(column),
        }
    }

    /// With nothing said but the table's name and its mode.
    #[must_use]
    pub fn new(table: impl Into<String>, mode: Mode) -> Self {
        Self {
            table: table.into(),
            captures: None,
            routing: None,
            mode,
            key_columns: Vec::new(),
            columns: Vec::new(),
            naming: Naming::Exact,
            pairs: Pairs::All,
            explode: None,
            filter: None,
            missing: Missing::default(),
            create: false,
            evolve: false,
            create_partitions: None,
        }
    }
}

/// Which columns take a field that the config does not name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pairs {
    /// All of the table.
    #[default]
    All,
    /// Only these.
    Only(Vec<String>),
    /// All but these, which keep their defaults.
    AllBut(Vec<String>),
}

impl Pairs {
    /// Whether a column of this name takes the field of its own. `same`: how names compare.
    #[must_use]
    pub fn take(&self, name: &str, same: impl Fn(&str, &str) -> bool) -> bool {
        let listed = |names: &[String]| names.iter().any(|given| same(given, name));
        match self {
            Self::All => true,
            Self::Only(names) => listed(names),
            Self::AllBut(names) => !listed(names),
        }
    }

    /// The columns that are named.
    #[must_use]
    pub fn named(&self) -> &[String] {
        match self {
            Self::All => &[],
            Self::Only(names) | Self::AllBut(names) => names,
        }
    }
}

/// Which topics go into which table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRule {
    /// Exact names; empty: every topic of the sink.
    pub topics: Vec<String>,
    /// Where their records go.
    pub settings: TableSettings,
}

impl TableRule {
    /// Whether it takes the records of a topic.
    #[must_use]
    pub fn covers(&self, topic: &str) -> bool {
        self.topics.is_empty() || self.topics.iter().any(|t| t == topic)
    }
}

/// The first rule that covers a topic.
#[must_use]
pub fn rule_for<'r>(rules: &'r [TableRule], topic: &str) -> Option<&'r TableSettings> {
    rules
        .iter()
        .find(|rule| rule.covers(topic))
        .map(|rule| &rule.settings)
}
