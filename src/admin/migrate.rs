//! `migrate`: plimsoll's own tables, in each sink's database.

use super::error::AdminError;
use super::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::config::Backend;
use crate::exit::Exit;
use clap::Args;
use plimsoll_cassandra::CassandraSink;
use plimsoll_postgres::PostgresSink;
use plimsoll_sink_api::Sink;
use plimsoll_sqlite::SqliteSink;
use std::collections::BTreeSet;
use std::io::Write;

/// `plimsoll migrate`
#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print the SQL and change nothing
    #[arg(long)]
    print: bool,
}

/// Makes or renews the tables, or prints the SQL that does.
///
/// # Errors
/// A database did not answer, or refuses.
pub fn migrate(args: &MigrateArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    if args.print {
        let mut printed = BTreeSet::new();
        for settings in &config.sinks {
            let sql = match &settings.backend {
                Backend::Postgres(postgres) => PostgresSink::migrations_sql(&postgres.state_schema),
                Backend::Sqlite(_) => SqliteSink::migrations_sql(),
                Backend::Cassandra(cassandra) => {
                    CassandraSink::new(cassandra.clone()).migrations_cql()
                }
            };
            // Sinks that share a state share its tables.
            if printed.insert(sql.clone()) {
                writeln!(out, "{sql}")?;
            }
        }
        return Ok(Exit::Ok);
    }
    for settings in &config.sinks {
        block_on(async {
            with_sink!(settings, |sink| sink.migrate().await)
                .map_err(AdminError::sink(&settings.name))
        })?;
        writeln!(out, "sinks.{}: migrated", settings.name)?;
    }
    Ok(Exit::Ok)
}
