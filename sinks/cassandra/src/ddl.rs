//! Tables for topics that have none, as CQL writes them.

use crate::error::of_execution;
use crate::plan::halt;
use plimsoll_sink_api::{Dialect, Kind, NewTable, SinkError};
use scylla::client::session::Session;

/// CQL's own.
const DIALECT: Dialect = Dialect {
    database: "Cassandra",
    type_of,
    reserved: RESERVED,
    own_columns: &[],
    says_not_null: false,
    needs_key: true,
    longest_name: None,
    folds_case: false,
};

const fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "bigint",
        Kind::BigInteger => "varint",
        Kind::Decimal => "decimal",
        Kind::Float => "double",
        Kind::Text | Kind::Json => "text",
        Kind::Bytes => "blob",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::Timestamp | Kind::LocalTimestamp => "timestamp",
        Kind::Interval => "duration",
        Kind::Uuid => "uuid",
    }
}

/// The longest name of a table; it becomes the name of a folder.
const LONGEST: usize = 48;

/// `CREATE TABLE …`
pub(crate) fn create(keyspace: &str, name: &str, table: &NewTable) -> Result<String, SinkError> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.chars().all(letter) || name.len() > LONGEST || name.is_empty() {
        let what = format!("\"{name}\" is no name of a table in Cassandra");
        return Err(halt(what).hint("at most 48 letters of the alphabet, digits and underscores"));
    }
    let full = format!("{}.{}", DIALECT.name(keyspace), DIALECT.name(name));
    table.statement(&full, &DIALECT)
}

/// Makes a table.
pub(crate) async fn make(session: &Session, statement: &str) -> Result<(), SinkError> {
    let done = session.query_unpaged(statement, ()).await;
    done.map(|_| ()).map_err(|error| of_execution(&error).error)
}

/// The words of CQL that are no names.
const RESERVED: &[&str] = &[
    "add",
    "allow",
    "alter",
    "and",
    "apply",
    "asc",
    "authorize",
    "batch",
    "begin",
    "by",
    "columnfamily",
    "create",
    "default",
    "delete",
    "desc",
    "describe",
    "drop",
    "entries",
    "execute",
    "from",
    "full",
    "grant",
    "if",
    "in",
    "index",
    "infinity",
    "insert",
    "into",
    "is",
    "keyspace",
    "limit",
    "materialized",
    "mbean",
    "mbeans",
    "modify",
    "nan",
    "norecursive",
    "not",
    "null",
    "of",
    "on",
    "or",
    "order",
    "primary",
    "rename",
    "replace",
    "revoke",
    "schema",
    "select",
    "set",
    "table",
    "to",
    "token",
    "truncate",
    "unlogged",
    "unset",
    "update",
    "use",
];

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sink_api::NewColumn;

    #[test]
    fn a_topics_name_that_is_no_tables_name_is_refused() {
        let table = NewTable {
            topic: "t".to_owned(),
            columns: vec![NewColumn {
                name: "id".to_owned(),
                kind: Kind::Integer,
                key: true,
            }],
        };
        assert_eq!(
            create("shop", "orders", &table).unwrap(),
            "CREATE TABLE shop.orders (\n    id bigint,\n    PRIMARY KEY (id)\n)"
        );
        for name in ["order-events", "a.b", "", &"x".repeat(49)] {
            assert!(create("shop", name, &table).is_err(), "{name}");
        }
    }
}
