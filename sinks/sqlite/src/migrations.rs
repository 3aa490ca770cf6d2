//! The sink's own tables.

use crate::connection::{Database, End, Lane, Open, Transaction, within};
use crate::error::{from_migrate, from_sqlx};
use plimsoll_sink_api::SinkError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqliteConnection};
use std::borrow::Cow;
use std::fmt::Write;

/// The bookkeeping stands beside the user's own, which may be sqlx's too.
const BOOKKEEPING: &str = "plimsoll_migrations";

/// In their order. A file that was released is never changed.
const FILES: [(i64, &str, &str); 4] = [
    (
        1,
        "state",
        include_str!("../../../migrations/sqlite/0001_state.sql"),
    ),
    (
        2,
        "starts",
        include_str!("../../../migrations/sqlite/0002_starts.sql"),
    ),
    (
        3,
        "acts",
        include_str!("../../../migrations/sqlite/0003_acts.sql"),
    ),
    (
        4,
        "shared",
        include_str!("../../../migrations/sqlite/0004_shared.sql"),
    ),
];

fn migrator() -> Migrator {
    // Without a transaction of sqlx's: `run` holds one.
    let no_tx = true;
    let migration = |&(version, description, sql): &(i64, &'static str, &'static str)| {
        Migration::new(
            version,
            Cow::Borrowed(description),
            MigrationType::Simple,
            sql.into_sql_str(),
            no_tx,
        )
    };
    let mut migrator = Migrator::with_migrations(FILES.iter().map(migration).collect());
    migrator.dangerous_set_table_name(BOOKKEEPING);
    migrator
}

/// What a file has already.
#[derive(Debug, Default)]
struct Found {
    bookkeeping: bool,
    /// Versions.
    applied: Vec<i64>,
}

impl Found {
    fn lacks(&self, migration: &Migration) -> bool {
        !self.applied.contains(&migration.version)
    }
}

/// The SQL of all migrations, for somebody who applies it by hand.
pub fn print() -> String {
    script(&Found::default())
}

/// The SQL of what is missing in a file that is there; `None`: nothing is.
pub async fn missing(database: &Database) -> Result<Option<String>, SinkError> {
    within(async {
        let mut lease = database.lease(Lane::Other, Open::Existing).await?;
        let found = look(lease.connection()).await.map_err(|e| from_sqlx(&e))?;
        lease.keep();
        let lacks = migrator().iter().any(|m| found.lacks(m));
        Ok(lacks.then(|| script(&found)))
    })
    .await
}

async fn look(connection: &mut SqliteConnection) -> sqlx::Result<Found> {
    let tables = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = ?");
    let count: i64 = tables.bind(BOOKKEEPING).fetch_one(&mut *connection).await?;
    let mut found = Found {
        bookkeeping: count > 0,
        applied: Vec::new(),
    };
    if found.bookkeeping {
        let sql = format!("SELECT version FROM {BOOKKEEPING} WHERE success");
        let versions = sqlx::query_scalar(AssertSqlSafe(sql));
        found.applied = versions.fetch_all(connection).await?;
    }
    Ok(found)
}

/// Bookkeeping included, as sqlx does it, so that the service knows afterwards.
fn script(found: &Found) -> String {
    let mut sql = String::new();
    if !found.bookkeeping {
        // Not within a transaction; it stays in the file.
        sql.push_str("PRAGMA journal_mode = WAL;\n\n");
    }
    sql.push_str("BEGIN IMMEDIATE;\n\n");
    if !found.bookkeeping {
        let _ = write!(
            sql,
            "CREATE TABLE {BOOKKEEPING} (\n    version BIGINT PRIMARY KEY,\n    description TEXT NOT \
             NULL,\n    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,\n    success \
             BOOLEAN NOT NULL,\n    checksum BLOB NOT NULL,\n    execution_time BIGINT NOT \
             NULL\n);\n\n"
        );
    }
    for migration in migrator().iter().filter(|m| found.lacks(m)) {
        let _ = write!(
            sql,
            "{}\nINSERT INTO {BOOKKEEPING} (version, description, success, checksum, \
             execution_time)\nVALUES ({}, '{}', TRUE, X'{}', -1);\n\n",
            migration.sql.as_str(),
            migration.version,
            migration.description,
            hex::encode(&migration.checksum),
        );
    }
    sql.push_str("COMMIT;\n");
    sql
}

/// Makes the file, and plimsoll's own tables in it.
pub async fn run(database: &Database) -> Result<(), SinkError> {
    let turn = database.turn().await;
    within(async {
        let lease = database.lease(Lane::Other, Open::Create).await?;
        // sqlx takes no lock of its own on SQLite: one transaction around all
        // of it keeps two processes apart.
        let mut transaction = Transaction::begin(turn, lease).await?;
        let result = migrator()
            .run_direct(None, transaction.connection(), false)
            .await
            .map_err(|e| from_migrate(&e));
        transaction.end(result, End::Commit).await
    })
    .await
}
