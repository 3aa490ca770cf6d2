//! plimsoll's own tables, and their bookkeeping beside them in the same schema:
//! never in a `_sqlx_migrations` shared with the user's application.

use crate::connect::Session;
use crate::error::{from_sqlx, halt, has_code};
use crate::names::Names;
use plimsoll_sink_api::SinkError;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr};
use std::fmt::Write;

/// In their order. A file that was released is never changed.
const FILES: [(i64, &str, &str); 6] = [
    (
        1,
        "positions",
        include_str!("../../../migrations/postgres/0001_positions.sql"),
    ),
    (
        2,
        "dead letters",
        include_str!("../../../migrations/postgres/0002_dead_letters.sql"),
    ),
    (
        3,
        "starts",
        include_str!("../../../migrations/postgres/0003_starts.sql"),
    ),
    (
        4,
        "acts",
        include_str!("../../../migrations/postgres/0004_acts.sql"),
    ),
    (
        5,
        "advance all",
        include_str!("../../../migrations/postgres/0005_advance_all.sql"),
    ),
    (
        6,
        "shared",
        include_str!("../../../migrations/postgres/0006_shared.sql"),
    ),
];

fn migrations(names: &Names) -> Vec<Migration> {
    FILES
        .iter()
        .map(|(version, description, sql)| {
            Migration::new(
                *version,
                (*description).into(),
                MigrationType::Simple,
                AssertSqlSafe(sql.replace("{schema}", &names.schema)).into_sql_str(),
                false,
            )
        })
        .collect()
}

/// What a database has already.
#[derive(Debug, Default)]
struct Found {
    schema: bool,
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
pub(crate) fn print(names: &Names) -> String {
    script(names, &Found::default())
}

/// The SQL of what is missing; `None`: nothing is.
pub(crate) async fn missing(
    conn: &mut PgConnection,
    names: &Names,
) -> Result<Option<String>, SinkError> {
    let found = look(conn, names).await?;
    let lacks = migrations(names).iter().any(|m| found.lacks(m));
    Ok(lacks.then(|| script(names, &found)))
}

/// Bookkeeping included, so that the service knows afterwards.
fn script(names: &Names, found: &Found) -> String {
    let mut sql = "BEGIN;\n\n".to_owned();
    if !found.schema {
        let _ = write!(sql, "CREATE SCHEMA IF NOT EXISTS {};\n\n", names.schema);
    }
    if !found.bookkeeping {
        let _ = write!(
            sql,
            "CREATE TABLE {} (\n    version bigint PRIMARY KEY,\n    description text NOT NULL,\n    \
             installed_on timestamptz NOT NULL DEFAULT now(),\n    success boolean NOT NULL,\n    \
             checksum bytea NOT NULL,\n    execution_time bigint NOT NULL\n);\n\n",
            names.migrations
        );
    }
    for migration in migrations(names).iter().filter(|m| found.lacks(m)) {
        let checksum = hex::encode(&migration.checksum);
        let _ = write!(
            sql,
            "{}\nINSERT INTO {} (version, description, success, checksum, execution_time)\nVALUES \
             ({}, '{}', true, '\\x{checksum}', -1);\n\n",
            migration.sql.as_str(),
            names.migrations,
            migration.version,
            migration.description,
        );
    }
    let _ = write!(
        sql,
        "-- A role of its own for the service needs:\n-- GRANT USAGE ON SCHEMA {0} TO the_role;\n\
         -- GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {0} TO the_role;\n\
         -- and, where PUBLIC may not execute functions:\n\
         -- GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {0} TO the_role;\n\
         -- and for `dead-letters replay` and `drop`:\n\
         -- GRANT DELETE ON {1} TO the_role;\n\nCOMMIT;\n",
        names.schema, names.dead_letters
    );
    sql
}

/// Applies what is missing. Looks first: a role that may not create anything is
/// enough when nothing is to be created.
pub(crate) async fn run(session: &mut Session, names: &Names) -> Result<(), SinkError> {
    let migrations = migrations(names);
    let found = look(&mut session.conn, names).await?;
    let known = |v: &i64| migrations.iter().any(|m| m.version == *v);
    if found.applied.iter().all(known) && !migrations.iter().any(|m| found.lacks(m)) {
        return Ok(());
    }
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.dangerous_set_table_name(names.migrations.clone());
    if !found.schema {
        migrator.create_schema(names.schema.clone());
    }
    migrator
        .run_direct(None, &mut session.conn, false)
        .await
        .map_err(|e| failed(names, e))
}

async fn look(conn: &mut PgConnection, names: &Names) -> Result<Found, SinkError> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1) AS schema, \
         EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n \
         ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'migrations') AS kept",
    )
    .bind(&names.shown)
    .fetch_one(&mut *conn)
    .await
    .map_err(from_sqlx)?;
    let found = Found {
        schema: row.try_get("schema").map_err(from_sqlx)?,
        bookkeeping: row.try_get("kept").map_err(from_sqlx)?,
        applied: Vec::new(),
    };
    if !found.bookkeeping {
        return Ok(found);
    }
    let sql = format!("SELECT version FROM {} WHERE success", names.migrations);
    let rows = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(conn)
        .await
        .map_err(|e| denied(names, from_sqlx(e)))?;
    let versions = rows.iter().map(|row| row.try_get("version"));
    let applied = versions.collect::<sqlx::Result<_>>().map_err(from_sqlx)?;
    Ok(Found { applied, ..found })
}

fn denied(names: &Names, mut error: SinkError) -> SinkError {
    if has_code(&error, "42501") {
        error.class = plimsoll_protocol::Class::Halt;
        error.detail.hint = Some(format!(
            "GRANT CREATE ON DATABASE … TO …; or have the SQL of `plimsoll migrate --print` applied \
             by somebody who may, then GRANT USAGE ON SCHEMA \"{0}\" TO …; GRANT SELECT, INSERT, \
             UPDATE ON ALL TABLES IN SCHEMA \"{0}\" TO …",
            names.shown
        ));
    }
    error
}

fn failed(names: &Names, error: MigrateError) -> SinkError {
    match error {
        MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => {
            denied(names, from_sqlx(e))
        }
        MigrateError::VersionMissing(version) => halt(format!(
            "schema \"{}\" was migrated to version {version} by a newer plimsoll",
            names.shown
        ))
        .hint(
            "run that version; where this one has to run for a while, auto_migrate = false lets it \
             use the tables as they are",
        ),
        MigrateError::VersionMismatch(version) => halt(format!(
            "migration {version} in schema \"{}\" is not the one that this plimsoll knows",
            names.shown
        ))
        .hint(
            "somebody changed it, or two programs share the schema: run the plimsoll that made it; \
             another state_schema knows no positions, and begins anew",
        ),
        other => halt(format!("migrations: {other}")),
    }
}
