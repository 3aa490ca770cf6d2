//! Tables for topics that have none, as Postgres writes them.

use crate::catalog::{self, TableName};
use crate::commit::simple;
use crate::error::{from_sqlx, halt, has_code};
use crate::partitioned::Periods;
use crate::partitions;
use crate::tables::told_of_schema;
use crate::text::literal;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Dialect, Kind, NewColumn, NewTable, SinkError, TableChange};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::time::Duration;

/// Postgres' own.
const DIALECT: Dialect = Dialect {
    database: "Postgres",
    type_of,
    reserved: RESERVED,
    own_columns: &["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"],
    says_not_null: true,
    needs_key: false,
    longest_name: Some(63),
    folds_case: false,
};

const fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "bigint",
        Kind::BigInteger | Kind::Decimal => "numeric",
        Kind::Float => "double precision",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::Timestamp => "timestamptz",
        Kind::LocalTimestamp => "timestamp",
        Kind::Interval => "interval",
        Kind::Uuid => "uuid",
        Kind::Json => "jsonb",
    }
}

/// `CREATE TABLE …`
pub(crate) fn create(name: &TableName, table: &NewTable) -> Result<String, SinkError> {
    table.statement(&name.written(|part| DIALECT.name(part)), &DIALECT)
}

/// How long a change waits for those who use the table, at most. Everybody else waits behind
/// it, readers too: it gives up soon, and comes again.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Changes a table in one transaction with the fence: `fence` finds a row as long as the
/// claim holds. What another instance has done meanwhile is left as it is.
pub(crate) async fn change(
    conn: &mut PgConnection,
    fence: String,
    limit: Duration,
    (name, change): (&TableName, &TableChange),
) -> Result<(), SinkError> {
    // Shorter than the call may take: who has left is not to stand in the lock's queue.
    let wait = LOCK_WAIT.min(limit / 2).as_millis();
    simple(conn, format!("BEGIN; SET LOCAL lock_timeout = {wait}")).await?;
    // One at a time: two who make one table are told of each other by an error.
    let turn = format!(
        "SELECT 1 WHERE pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended({}, 0))",
        literal(&format!("plimsoll table {}", name.exact()))
    );
    let turn = sqlx::raw_sql(AssertSqlSafe(turn))
        .fetch_all(&mut *conn)
        .await;
    if turn.map_err(from_sqlx)?.is_empty() {
        simple(conn, "ROLLBACK".to_owned()).await?;
        let what = "another instance is changing the table";
        return Err(SinkError::new(Class::Transient, what));
    }
    let held = sqlx::raw_sql(AssertSqlSafe(fence))
        .fetch_all(&mut *conn)
        .await;
    if held.map_err(from_sqlx)?.is_empty() {
        simple(conn, "ROLLBACK".to_owned()).await?;
        let what = "the partition was claimed by another before the table was changed";
        return Err(SinkError::new(Class::Fenced, what));
    }
    let found = catalog::read(conn, name).await?;
    match (change, found) {
        (TableChange::Create(table), None) => simple(conn, create(name, table)?).await?,
        (TableChange::Create(_), Some(_)) => {}
        (TableChange::Add { columns, .. }, Some(relation)) => {
            let is_there = |column: &&NewColumn| {
                let mut there = relation.columns.iter();
                there.any(|found| found.name == column.name)
            };
            // By the name that was found, in whichever case.
            for column in columns.iter().filter(|column| !is_there(column)) {
                simple(conn, DIALECT.add_column(&relation.sql, column)?).await?;
            }
        }
        // It is gone: whoever reads the catalogue next finds that.
        (TableChange::Add { .. } | TableChange::Partitions { .. }, None) => {}
        (TableChange::Partitions { period, from_s, .. }, Some(relation)) => {
            partitions::make(conn, &Periods::of(&relation, *period)?, from_s).await?;
        }
    }
    simple(conn, "COMMIT".to_owned()).await
}

/// Why a table was not changed, with the statements that do it.
pub(crate) fn unchanged(mut error: SinkError, name: &TableName, change: &TableChange) -> SinkError {
    match error.class {
        // Whoever made it meanwhile holds no lock any more: duplicate_table,
        // duplicate_column, unique_violation of the catalogue.
        _ if ["42P07", "42701", "23505"]
            .iter()
            .any(|code| has_code(&error, code)) =>
        {
            error.class = Class::Transient;
            error.detail.hint = None;
        }
        // Somebody uses the table.
        _ if has_code(&error, "55P03") => error.class = Class::Transient,
        Class::Fenced | Class::Unavailable | Class::Transient => {}
        Class::Halt | Class::Rejected | Class::Suspect | Class::Stale => {
            error.class = Class::Halt;
            // What was refused before the database was asked has its hint.
            if error.detail.code.is_none() {
                return error;
            }
            match change {
                TableChange::Create(_) => {
                    error.detail.hint = None;
                    told_of_schema(&mut error, name);
                }
                TableChange::Add { .. } => error.detail.hint = None,
                // The statement stands there already.
                TableChange::Partitions { .. } => {}
            }
            if error.detail.hint.is_none() {
                let statements = statements(name, change);
                error.detail.hint = Some(format!("run it as a role that may: {statements}"));
            }
        }
    }
    error
}

fn statements(name: &TableName, change: &TableChange) -> String {
    let written = name.written(|part| DIALECT.name(part));
    let all: Vec<String> = match change {
        TableChange::Create(table) => create(name, table).into_iter().collect(),
        TableChange::Add { columns, .. } => {
            let add = |column: &NewColumn| DIALECT.add_column(&written, column).ok();
            columns.iter().filter_map(add).collect()
        }
        TableChange::Partitions { .. } => Vec::new(),
    };
    all.join("; ")
}

/// Why a table was not made.
pub(crate) fn refused(mut error: SinkError, name: &TableName) -> SinkError {
    // duplicate_table
    if has_code(&error, "42P07") {
        return halt(format!("table \"{}\" is there already", name.shown()));
    }
    told_of_schema(&mut error, name);
    error
}

/// What SQL keeps for itself, from pg_get_keywords(): of the classes R and T.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sink_api::NewColumn;

    fn of(table: &str, topic: &str, column: &str) -> Result<String, SinkError> {
        let name = TableName::parse(table, &plimsoll_sink_api::TopicWords::of(topic, None))
            .expect("a name");
        let column = NewColumn {
            name: column.to_owned(),
            kind: Kind::Timestamp,
            key: false,
        };
        let topic = topic.to_owned();
        create(
            &name,
            &NewTable {
                topic,
                columns: vec![column],
            },
        )
    }

    #[test]
    fn names_are_written_as_they_are_read_again() {
        for (table, topic, column, made) in [
            ("public.orders", "t", "at", "public.orders (\n    at "),
            (
                "public.{topic}",
                "shop.v1",
                "select",
                "public.\"shop.v1\" (\n    \"select\" ",
            ),
            (
                "Orders",
                "t",
                "createdAt",
                "\"Orders\" (\n    \"createdAt\" ",
            ),
            ("\"user\"", "t", "user", "\"user\" (\n    \"user\" "),
        ] {
            let made = format!("CREATE TABLE {made}timestamptz\n)");
            assert_eq!(of(table, topic, column).unwrap(), made);
        }
    }

    #[test]
    fn a_name_that_postgres_would_cut_is_refused() {
        assert!(of("t", "t", &"n".repeat(63)).is_ok());
        let error = of("t", "t", &"ü".repeat(32)).unwrap_err();
        assert!(error.to_string().contains("64 bytes"), "{error}");
    }
}
