//! Tables for topics that have none, as SQLite writes them.

use crate::connection::{Database, End, Lane, Open, Transaction, within};
use crate::error::from_sqlx;
use plimsoll_sink_api::{Dialect, Kind, NewTable, SinkError};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// SQLite's own.
const DIALECT: Dialect = Dialect {
    database: "SQLite",
    type_of,
    reserved: RESERVED,
    says_not_null: true,
    needs_key: false,
    longest_name: None,
    folds_case: true,
};

const fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "BOOLEAN",
        Kind::Integer => "INTEGER",
        Kind::Decimal => "NUMERIC",
        Kind::Float => "REAL",
        // Its numbers have 64 bits: beyond them only a text keeps every digit.
        Kind::BigInteger | Kind::Text | Kind::Interval | Kind::Uuid | Kind::Json => "TEXT",
        Kind::Bytes => "BLOB",
        Kind::Date => "DATE",
        Kind::Time => "TIME",
        Kind::Timestamp | Kind::LocalTimestamp => "TIMESTAMP",
    }
}

/// `CREATE TABLE …`
pub fn create(name: &str, table: &NewTable) -> Result<String, SinkError> {
    table.statement(&DIALECT.name(name), &DIALECT)
}

/// Makes a table, and the file for it.
pub async fn make(database: &Database, statement: String) -> Result<(), SinkError> {
    let turn = database.turn().await;
    within(async {
        let lease = database.lease(Lane::Other, Open::Create).await?;
        let mut transaction = Transaction::begin(turn, lease).await?;
        let result = run(transaction.connection(), statement).await;
        transaction.end(result, End::Commit).await
    })
    .await
}

async fn run(connection: &mut SqliteConnection, statement: String) -> Result<(), SinkError> {
    let done = sqlx::query(AssertSqlSafe(statement)).execute(connection);
    done.await.map(|_| ()).map_err(|e| from_sqlx(&e))
}

/// Its keywords, but for those that it takes as names anyway.
const RESERVED: &[&str] = &[
    "add",
    "all",
    "alter",
    "and",
    "as",
    "autoincrement",
    "between",
    "case",
    "check",
    "collate",
    "commit",
    "constraint",
    "create",
    "default",
    "deferrable",
    "delete",
    "distinct",
    "drop",
    "else",
    "escape",
    "except",
    "exists",
    "foreign",
    "from",
    "group",
    "having",
    "in",
    "index",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "limit",
    "not",
    "nothing",
    "notnull",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "references",
    "returning",
    "select",
    "set",
    "table",
    "then",
    "to",
    "transaction",
    "union",
    "unique",
    "update",
    "using",
    "values",
    "when",
    "where",
    "current_date",
    "current_time",
    "current_timestamp",
    "generated",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affinity::{Affinity, affinity};

    #[test]
    fn a_type_keeps_what_it_is_for() {
        for (kind, expected) in [
            (Kind::Integer, Affinity::Integer),
            (Kind::BigInteger, Affinity::Text),
            (Kind::Decimal, Affinity::Decimal),
            (Kind::Float, Affinity::Real),
            (Kind::Bytes, Affinity::Blob),
            // "INTERVAL" would be made for integers.
            (Kind::Interval, Affinity::Text),
            (Kind::Timestamp, Affinity::Numeric),
            (Kind::Json, Affinity::Text),
        ] {
            assert_eq!(affinity(type_of(kind), false), expected, "{kind:?}");
        }
    }
}
