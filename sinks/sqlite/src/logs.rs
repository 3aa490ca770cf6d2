//! The `log` tables, which the sink makes.

use crate::connection::{Database, End, Lane, Open, Transaction, within};
use crate::error::from_sqlx;
use crate::plan::create_log_table;
use plimsoll_sink_api::{SinkError, TableSettings};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// The name of such a table, and what the config says of it.
pub type LogTable<'s> = (String, &'s TableSettings);

/// Those of these tables that a file which is there has not.
pub async fn missing<'s>(
    database: &Database,
    logs: Vec<LogTable<'s>>,
) -> Result<Vec<LogTable<'s>>, SinkError> {
    within(async {
        let mut lease = database.lease(Lane::Other, Open::Existing).await?;
        let mut missing = Vec::new();
        for (name, settings) in logs {
            if !is_there(lease.connection(), &name).await? {
                missing.push((name, settings));
            }
        }
        lease.keep();
        Ok(missing)
    })
    .await
}

async fn is_there(connection: &mut SqliteConnection, name: &str) -> Result<bool, SinkError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE)")
        .bind(name.to_owned())
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx(&e))
}

/// Makes those that are not there.
pub async fn make(database: &Database, logs: &[LogTable<'_>]) -> Result<(), SinkError> {
    if logs.is_empty() {
        return Ok(());
    }
    let turn = database.turn().await;
    within(async {
        let lease = database.lease(Lane::Other, Open::Existing).await?;
        let mut transaction = Transaction::begin(turn, lease).await?;
        let result = make_all(transaction.connection(), logs).await;
        transaction.end(result, End::Commit).await
    })
    .await
}

async fn make_all(
    connection: &mut SqliteConnection,
    logs: &[LogTable<'_>],
) -> Result<(), SinkError> {
    for (name, settings) in logs {
        sqlx::query(AssertSqlSafe(create_log_table(name, settings)))
            .execute(&mut *connection)
            .await
            .map_err(|e| from_sqlx(&e))?;
    }
    Ok(())
}
