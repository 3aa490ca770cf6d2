//! The commands of an operator: they ask Kafka and the databases once, and do
//! not wait for either.

mod check;
mod columns;
mod connect;
mod error;
mod fields;
mod kafka;
mod letters;
mod list;
mod migrate;
mod positions;
mod report;
mod rights;
mod sample;
mod settle;
mod standing;
mod state;
mod text;
mod told;

pub use check::{CheckArgs, check};
pub use error::AdminError;
pub use letters::{
    DropArgs, ListArgs, ReplayArgs, drop_letters, list as list_letters, replay as replay_letters,
};
pub use list::list_positions;
pub use migrate::{MigrateArgs, migrate};
pub use positions::{SetArgs, set_position};
pub use settle::{AdoptArgs, ResetArgs, adopt, reset};

use std::future::Future;
use uuid::Uuid;

/// Opens the backend of a sink's settings and does something with it. The
/// backends are types of their own, so that a sink's plan stays one too; only
/// here are they told apart.
macro_rules! with_sink {
    ($settings:expr, |$sink:ident| $body:expr) => {
        match &$settings.backend {
            $crate::config::Backend::Postgres(postgres) => {
                let name = $crate::admin::client_name();
                match plimsoll_postgres::PostgresSink::open(postgres.clone(), &name) {
                    Ok($sink) => $body,
                    Err(error) => Err(error),
                }
            }
            $crate::config::Backend::Sqlite(sqlite) => {
                match plimsoll_sqlite::SqliteSink::open(sqlite.clone()) {
                    Ok($sink) => $body,
                    Err(error) => Err(error),
                }
            }
            $crate::config::Backend::Cassandra(cassandra) => {
                let $sink = plimsoll_cassandra::CassandraSink::new(cassandra.clone());
                $body
            }
        }
    };
}
pub(crate) use with_sink;

/// A name that brokers and databases show for a command's clients.
fn client_name() -> String {
    format!("plimsoll-admin-{}", Uuid::new_v4().simple())
}

/// Runs what a command does to its end.
fn block_on<T>(work: impl Future<Output = Result<T, AdminError>>) -> Result<T, AdminError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| AdminError::System(format!("no runtime: {error}")))?
        .block_on(work)
}
