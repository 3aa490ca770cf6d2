//! A target table as the decoder sees it: which value goes to which column.

use std::fmt;
use std::str::FromStr;

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

/// A way into a JSON value: field names from the outside in. Empty: the whole
/// value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(pub Vec<String>);

/// Where a column's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// `value` or `value.PATH`.
    Value(Path),
    /// `key` or `key.PATH`.
    Key(Path),
    /// `headers.NAME`: the last header of that name.
    Header(String),
    /// The topic's name.
    Topic,
    /// The partition's number.
    Partition,
    /// The record's offset.
    Offset,
    /// The record's timestamp.
    Timestamp,
}

impl Source {
    /// Whether it is bytes as the record has them, a whole key or a header, rather
    /// than a value of JSON.
    #[must_use]
    pub fn is_bytes(&self) -> bool {
        match self {
            Self::Header(_) => true,
            Self::Key(path) => path.0.is_empty(),
            Self::Value(_) | Self::Topic | Self::Partition | Self::Offset | Self::Timestamp => {
                false
            }
        }
    }
}

/// A source that cannot be read as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// The text as given.
    pub given: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a source", self.given)
    }
}

impl std::error::Error for SourceError {}

/// Splits `a."b.c".d` at its dots; a part in double quotes may hold dots.
fn split_path(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"')?;
            (&quoted[..end], &quoted[end + 1..])
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            (&rest[..end], &rest[end..])
        };
        if part.is_empty() {
            return None;
        }
        parts.push(part.to_owned());
        if after.is_empty() {
            return Some(parts);
        }
        rest = after.strip_prefix('.')?;
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let wrong = || SourceError {
            given: text.to_owned(),
        };
        let (head, tail) = match text.split_once('.') {
            Some((head, tail)) => (head, Some(tail)),
            None => (text, None),
        };
        match (head, tail) {
            ("topic", None) => Ok(Self::Topic),
            ("partition", None) => Ok(Self::Partition),
            ("offset", None) => Ok(Self::Offset),
            ("timestamp", None) => Ok(Self::Timestamp),
            ("value", None) => Ok(Self::Value(Path::default())),
            ("key", None) => Ok(Self::Key(Path::default())),
            ("value", Some(path)) => split_path(path)
                .map(|p| Self::Value(Path(p)))
                .ok_or_else(wrong),
            ("key", Some(path)) => split_path(path)
                .map(|p| Self::Key(Path(p)))
                .ok_or_else(wrong),
            ("headers", Some(name)) if !name.is_empty() => Ok(Self::Header(name.to_owned())),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |f: &mut fmt::Formatter<'_>, head: &str, path: &Path| {
            f.write_str(head)?;
            for part in &path.0 {
                if part.contains('.') {
                    write!(f, ".\"{part}\"")?
                } else {
                    write!(f, ".{part}")?
                }
            }
            Ok(())
        };
        match self {
            Self::Value(p) => path(f, "value", p),
            Self::Key(p) => path(f, "key", p),
            Self::Header(name) => write!(f, "headers.{name}"),
            Self::Topic => f.write_str("topic"),
            Self::Partition => f.write_str("partition"),
            Self::Offset => f.write_str("offset"),
            Self::Timestamp => f.write_str("timestamp"),
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
    /// Where its values come from.
    pub source: Source,
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
}

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
    /// The name, `{topic}` filled by the sink for each topic.
    pub table: String,
    /// How records become rows.
    pub mode: Mode,
    /// Empty: the table's primary key.
    pub key_columns: Vec<String>,
    /// Column and source, in the order of the config. Other columns of the
    /// table take the field of their own name.
    pub columns: Vec<(String, Source)>,
    /// What a missing field does.
    pub missing: Missing,
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
