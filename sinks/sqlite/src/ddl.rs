//! Tables for topics that have none, as SQLite writes them.

use crate::connection::{Database, End, Lane, Open, Transaction, within};
use crate::error::from_sqlx;
use crate::{catalogue, positions};
use plimsoll_protocol::{Claim, Class, TopicPartition};
use plimsoll_sink_api::{Dialect, Kind, NewColumn, NewTable, SinkError, TableChange};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// SQLite's own.
const DIALECT: Dialect = Dialect {
    database: "SQLite",
    type_of,
    reserved: RESERVED,
    own_columns: &[],
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

/// Who changes a table.
pub struct Holder<'h> {
    pub sink: &'h str,
    pub tp: &'h TopicPartition,
    pub claim: Claim,
}

/// Changes a table in one transaction with the fence. What another instance has done
/// meanwhile is left as it is.
pub async fn change(
    database: &Database,
    holder: &Holder<'_>,
    name: &str,
    change: &TableChange,
) -> Result<(), SinkError> {
    let turn = database.turn().await;
    within(async {
        let lease = database.lease(Lane::Other, Open::Existing).await?;
        let mut transaction = Transaction::begin(turn, lease).await?;
        let result = run_change(transaction.connection(), holder, name, change).await;
        let result = result.map_err(|error| unchanged(error, name, change));
        transaction.end(result, End::Commit).await
    })
    .await
}

/// Why a table was not changed, with the statements that do it.
fn unchanged(mut error: SinkError, name: &str, change: &TableChange) -> SinkError {
    // What was refused before the database was asked has its hint.
    if error.class != Class::Halt || error.detail.code.is_none() {
        return error;
    }
    let all: Vec<String> = match change {
        TableChange::Create(table) => create(name, table).into_iter().collect(),
        TableChange::Add { columns, .. } => {
            let written = DIALECT.name(name);
            let add = |column: &NewColumn| DIALECT.add_column(&written, column).ok();
            columns.iter().filter_map(add).collect()
        }
        TableChange::Partitions { .. } => return error,
    };
    error.detail.hint = Some(format!("as the table is, by hand: {}", all.join("; ")));
    error
}

async fn run_change(
    connection: &mut SqliteConnection,
    holder: &Holder<'_>,
    name: &str,
    change: &TableChange,
) -> Result<(), SinkError> {
    if !positions::holds(connection, holder.sink, holder.tp, holder.claim).await? {
        let what = "the partition was claimed by another before the table was changed";
        return Err(SinkError::new(Class::Fenced, what));
    }
    match (change, catalogue::read(connection, name).await?) {
        (TableChange::Create(table), Err(_)) => run(connection, create(name, table)?).await,
        (TableChange::Create(_), Ok(_)) => Ok(()),
        (TableChange::Add { columns, .. }, Ok(info)) => {
            let is_there = |column: &&NewColumn| {
                let mut there = info.columns.iter();
                there.any(|found| found.name.eq_ignore_ascii_case(&column.name))
            };
            for column in columns.iter().filter(|column| !is_there(column)) {
                run(connection, DIALECT.add_column(&DIALECT.name(name), column)?).await?;
            }
            Ok(())
        }
        // It is gone: whoever reads the catalogue next finds that.
        (TableChange::Add { .. }, Err(_)) => Ok(()),
        (TableChange::Partitions { .. }, _) => Err(SinkError::new(
            Class::Halt,
            "SQLite's tables have no partitions",
        )),
    }
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
