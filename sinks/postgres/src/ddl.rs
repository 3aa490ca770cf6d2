//! Tables for topics that have none, as Postgres writes them.

use crate::catalog::TableName;
use crate::error::{halt, has_code};
use crate::tables::told_of_schema;
use plimsoll_sink_api::{Dialect, Kind, NewTable, SinkError};

/// Postgres' own.
const DIALECT: Dialect = Dialect {
    database: "Postgres",
    type_of,
    reserved: RESERVED,
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
        let name = TableName::parse(table, topic).expect("a name");
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
