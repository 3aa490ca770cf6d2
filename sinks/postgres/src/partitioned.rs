//! How a table is divided into partitions, and whether new ones can be made for periods
//! of time. Read in one query, judged without another.

use crate::catalog::Relation;
use crate::error::halt;
use plimsoll_sink_api::{Period, SinkError};
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// What the catalogue says of a table with partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partitioned {
    /// `RANGE (at)`, as the database prints it.
    pub(crate) by: String,
    /// `pg_partitioned_table.partstrat`: `r`, `l` or `h`.
    strategy: String,
    /// The columns of its key; `None`: an expression.
    columns: Vec<Option<String>>,
    /// The partition that takes what no other does, for people.
    default: Option<String>,
    /// The schema, and the table in it.
    schema: String,
    name: String,
    /// What its partitions are made with, where that is not the server's choice: ` USING …`,
    /// ` TABLESPACE …`.
    with: String,
}

const READ: &str = r"
SELECT pg_catalog.pg_get_partkeydef(c.oid) AS by, p.partstrat::text AS strategy,
    (SELECT array_agg(a.attname::text ORDER BY k.n)
        FROM unnest(p.partattrs::int2[]) WITH ORDINALITY AS k(attnum, n)
        LEFT JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum > 0) AS columns,
    (SELECT dn.nspname || '.' || d.relname FROM pg_catalog.pg_class AS d
        JOIN pg_catalog.pg_namespace AS dn ON dn.oid = d.relnamespace
        WHERE d.oid = p.partdefid) AS default_partition,
    n.nspname::text AS schema, c.relname::text AS name,
    concat((SELECT ' USING ' || pg_catalog.quote_ident(am.amname)
        FROM pg_catalog.pg_am AS am WHERE am.oid = c.relam),
        (SELECT ' TABLESPACE ' || pg_catalog.quote_ident(ts.spcname)
        FROM pg_catalog.pg_tablespace AS ts WHERE ts.oid = c.reltablespace)) AS made_with
FROM pg_catalog.pg_partitioned_table AS p
JOIN pg_catalog.pg_class AS c ON c.oid = p.partrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE p.partrelid = $1::int8::oid";

/// Reads it; `None` for a table without partitions.
pub(crate) async fn read(conn: &mut PgConnection, oid: i64) -> sqlx::Result<Option<Partitioned>> {
    let row = sqlx::query(READ).bind(oid).fetch_optional(conn).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Partitioned {
        by: row.try_get("by")?,
        strategy: row.try_get("strategy")?,
        columns: row.try_get("columns")?,
        default: row.try_get("default_partition")?,
        schema: row.try_get("schema")?,
        name: row.try_get("name")?,
        with: row.try_get("made_with")?,
    }))
}

impl Partitioned {
    /// The columns of its key that are columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().flatten().map(String::as_str)
    }
}

/// The type of the column by which a table is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeType {
    Date,
    /// Without a time zone: taken as UTC.
    Timestamp,
    Timestamptz,
}

impl TimeType {
    fn named(name: Option<&str>) -> Option<Self> {
        match name? {
            "date" => Some(Self::Date),
            "timestamp" => Some(Self::Timestamp),
            "timestamptz" => Some(Self::Timestamptz),
            _ => None,
        }
    }

    /// An expression of that type, or a text that can be one, as a timestamp of UTC.
    pub(crate) fn in_utc(self, value: &str) -> String {
        match self {
            Self::Date | Self::Timestamp => format!("({value})::pg_catalog.timestamp"),
            Self::Timestamptz => {
                format!("pg_catalog.timezone('UTC', ({value})::pg_catalog.timestamptz)")
            }
        }
    }

    /// How `to_char` writes a timestamp of UTC as a bound.
    pub(crate) const fn bound(self) -> &'static str {
        match self {
            Self::Date => "YYYY-MM-DD",
            Self::Timestamp => "YYYY-MM-DD HH24:MI:SS",
            Self::Timestamptz => "YYYY-MM-DD HH24:MI:SS+00",
        }
    }
}

/// How `to_char` writes what a partition's name ends with.
pub(crate) const fn label(period: Period) -> &'static str {
    match period {
        Period::Hour => "YYYYMMDDHH24",
        Period::Day => "YYYYMMDD",
        Period::Week => "IYYY\"w\"IW",
        Period::Month => "YYYYMM",
    }
}

/// The bytes of [`label`].
const fn label_bytes(period: Period) -> usize {
    match period {
        Period::Hour => 10,
        Period::Day => 8,
        Period::Week => 7,
        Period::Month => 6,
    }
}

/// The longest name; Postgres cuts longer ones without a word.
const NAME_LIMIT: usize = 63;

/// A table whose partitions can be made: each for one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Periods {
    pub(crate) period: Period,
    /// The table, quoted and qualified, and for people.
    pub(crate) parent: String,
    pub(crate) shown: String,
    /// The column that tells the partition.
    pub(crate) column: String,
    pub(crate) time: TimeType,
    /// See [`Partitioned`].
    pub(crate) schema: String,
    pub(crate) with: String,
    /// What the partitions' names begin with.
    pub(crate) prefix: String,
}

impl Periods {
    /// Judges a table.
    ///
    /// # Errors
    /// No partition of that period can be made for it: what stands in the way, and what to
    /// do about it.
    pub(crate) fn of(relation: &Relation, period: Period) -> Result<Self, SinkError> {
        let refused = |what: String| {
            let word = period.as_str();
            halt(format!(
                "table \"{}\" {what}, and create_partitions = \"{word}\" is for tables that are \
                 partitioned by range of one column of dates or times",
                relation.shown
            ))
        };
        const MAKE: &str = "make the table PARTITION BY RANGE (…), or leave create_partitions out";
        let Some(partitioned) = &relation.partitioned else {
            return Err(refused("has no partitions".to_owned()).hint(MAKE));
        };
        let by = || format!("is partitioned by {}", partitioned.by);
        let [Some(column)] = partitioned.columns.as_slice() else {
            return Err(refused(by()).hint(MAKE));
        };
        let found = relation.columns.iter().find(|c| c.name == *column);
        let time = found.and_then(|c| TimeType::named(c.base_name.as_deref()));
        let (Some(time), "r") = (time, partitioned.strategy.as_str()) else {
            return Err(refused(by()).hint(MAKE));
        };
        if (time, period) == (TimeType::Date, Period::Hour) {
            let what = format!("is partitioned by the date \"{column}\", which has no hours");
            return Err(refused(what).hint("create_partitions = \"day\" is the least for a date"));
        }
        if let Some(default) = &partitioned.default {
            let what = format!(
                "table \"{}\" has the default partition \"{default}\": it takes every row that no \
                 other partition does, so that none would ever be made",
                relation.shown
            );
            return Err(halt(what).hint(format!(
                "ALTER TABLE {} DETACH PARTITION …, or leave create_partitions out",
                relation.sql
            )));
        }
        let prefix = format!("{}_p", partitioned.name);
        let bytes = prefix.len() + label_bytes(period);
        if bytes > NAME_LIMIT {
            let what = format!(
                "the partitions of table \"{}\" would have names of {bytes} bytes, of which \
                 Postgres would keep {NAME_LIMIT}",
                relation.shown
            );
            return Err(halt(what).hint("rename the table, or leave create_partitions out"));
        }
        Ok(Self {
            period,
            parent: relation.sql.clone(),
            shown: relation.shown.clone(),
            column: column.clone(),
            time,
            schema: partitioned.schema.clone(),
            with: partitioned.with.clone(),
            prefix,
        })
    }
}
