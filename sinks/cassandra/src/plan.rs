//! From the schema and the config to what is written and how.

use crate::catalogue::{ColumnInfo, TableInfo};
use crate::settings::{CassandraTable, Ttl};
use crate::types;
use plimsoll_protocol::Class;
use plimsoll_sink_api::mapping::{Candidate, Closed, Target, Unique};
use plimsoll_sink_api::text::{ident, idents};
use plimsoll_sink_api::{
    Column, Holds, Missing, Mode, Shape, SinkError, Source, Table, TableSettings,
};
use scylla::cluster::metadata::{ColumnType, NativeType};
use scylla::statement::prepared::PreparedStatement;

/// What the sink keeps of a table.
#[derive(Debug)]
pub struct CassandraPlan {
    pub(crate) layout: Layout,
    pub(crate) insert: PreparedStatement,
    pub(crate) delete: PreparedStatement,
}

/// Which cells go where; no statements yet. Pure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// The table, for errors and statements.
    pub(crate) keyspace: String,
    pub(crate) table: String,
    /// The columns written: those of the primary key first.
    pub(crate) columns: Vec<PlanColumn>,
    /// Columns of the partition key.
    pub(crate) partition: usize,
    /// Columns of the whole primary key.
    pub(crate) key: usize,
    /// How long rows live.
    pub(crate) ttl: Option<TtlPlan>,
}

/// One column written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlanColumn {
    pub(crate) name: String,
    pub(crate) typ: ColumnType<'static>,
    /// A blob that takes a key or a header: bytes as they came.
    pub(crate) raw: bool,
}

/// Where a row's time to live comes from. Its cells stand behind those of the
/// columns, so that the decoder needs to know nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TtlPlan {
    /// Which cell holds the seconds; `Err`: the same for all rows.
    pub(crate) seconds: Result<usize, u32>,
    /// Which cell holds the record's time.
    pub(crate) time: usize,
}

/// The longest that Cassandra keeps a row: 20 years.
pub(crate) const MAX_TTL_S: u32 = 630_720_000;

/// Names of the cells behind the columns; no column can have them, for CQL
/// would need quotes, and people would not.
const TTL_CELL: &str = "(ttl)";
const TIME_CELL: &str = "(record time)";

pub(crate) fn halt(what: impl Into<String>) -> SinkError {
    SinkError::new(Class::Halt, what)
}

/// Judges a table: what is written, and for the decoder, from where.
pub(crate) fn layout(
    settings: &CassandraTable,
    info: &TableInfo,
) -> Result<(Layout, Table), SinkError> {
    check_settings(&settings.rule.settings)?;
    let full = info.full_name();
    let sql = format!("{}.{}", ident(&info.keyspace), ident(&info.name));
    let mapping = target(info, &full, &sql).map(&settings.rule.settings)?;
    let mut columns = Vec::new();
    let mut decoded = Vec::new();
    for mapped in &mapping.columns {
        let column = &info.columns[mapped.at];
        if let Some((what, hint)) = types::refused(&column.typ) {
            return Err(halt(format!(
                "column \"{}\" of table \"{full}\" {what}",
                column.name
            ))
            .hint(hint));
        }
        let raw = mapped.take.is_bytes();
        let is_blob = matches!(column.typ, ColumnType::Native(NativeType::Blob));
        columns.push(PlanColumn {
            name: column.name.clone(),
            typ: column.typ.clone(),
            raw,
        });
        let shape = match raw && is_blob {
            true => Shape::Bytes,
            false => Shape::Scalar,
        };
        decoded.push(mapped.column(&column.name, shape, types::name(&column.typ)));
    }
    let ttl = settings.ttl.as_ref().map(|ttl| {
        let mut hidden = |name: &str, source: Source, typ: NativeType| {
            decoded.push(Column {
                holds: Holds::Other,
                name: name.to_owned(),
                take: source.into(),
                shape: Shape::Scalar,
                key: false,
                type_name: types::name(&ColumnType::Native(typ)),
            });
            decoded.len() - 1
        };
        TtlPlan {
            seconds: match ttl {
                Ttl::Fixed(time) => Err(u32::try_from(time.as_secs()).unwrap_or(MAX_TTL_S)),
                Ttl::Source(source) => Ok(hidden(TTL_CELL, source.clone(), NativeType::Int)),
            },
            time: hidden(TIME_CELL, Source::Timestamp, NativeType::Timestamp),
        }
    });
    let layout = Layout {
        keyspace: info.keyspace.clone(),
        table: info.name.clone(),
        columns,
        partition: info.partition,
        key: info.key,
        ttl,
    };
    let table = mapping.table(&full, &settings.rule.settings, decoded);
    Ok((layout, table))
}

/// Only rows of the table's own key are written, and merged.
fn check_settings(settings: &TableSettings) -> Result<(), SinkError> {
    let refused = match (settings.mode, settings.missing) {
        (Mode::Log | Mode::Append, _) => format!("mode = \"{}\"", settings.mode.as_str()),
        (Mode::Upsert, Missing::Default) => "missing = \"default\"".to_owned(),
        (Mode::Upsert, Missing::Keep) if !settings.key_columns.is_empty() => {
            "key_columns".to_owned()
        }
        (Mode::Upsert, Missing::Keep) => return Ok(()),
    };
    Err(halt(format!("{refused} does not exist in Cassandra")).hint(
        "leave it out: rows are upserted by the table's primary key, and a missing field leaves \
         what stands",
    ))
}

fn target<'i>(info: &'i TableInfo, name: &'i str, sql: &'i str) -> Target<'i> {
    let candidate = |column: &'i ColumnInfo| Candidate {
        name: &column.name,
        closed: column.is_static.then_some(Closed::Static),
    };
    let key = info.columns[..info.key].iter();
    Target {
        name,
        sql,
        columns: info.columns.iter().map(candidate).collect(),
        uniques: vec![Unique {
            primary: true,
            columns: key.map(|column| column.name.as_str()).collect(),
        }],
        partitioned_by: Vec::new(),
        folds_case: false,
    }
}

impl Layout {
    fn target(&self) -> String {
        format!("{}.{}", ident(&self.keyspace), ident(&self.table))
    }

    /// All columns; those that a record lacks are unset when it is bound.
    pub(crate) fn insert_cql(&self) -> String {
        let marks = vec!["?"; self.columns.len()].join(", ");
        let ttl = if self.ttl.is_some() { " AND TTL ?" } else { "" };
        format!(
            "INSERT INTO {} ({}) VALUES ({marks}) USING TIMESTAMP ?{ttl}",
            self.target(),
            self.names()
        )
    }

    fn names(&self) -> String {
        idents(self.columns.iter().map(|column| column.name.as_str()))
    }

    /// All rows.
    pub(crate) fn select_cql(&self) -> String {
        format!("SELECT {} FROM {}", self.names(), self.target())
    }

    /// The whole row, by its primary key.
    pub(crate) fn delete_cql(&self) -> String {
        let key: Vec<String> = self.columns[..self.key]
            .iter()
            .map(|c| format!("{} = ?", ident(&c.name)))
            .collect();
        format!(
            "DELETE FROM {} USING TIMESTAMP ? WHERE {}",
            self.target(),
            key.join(" AND ")
        )
    }
}
