//! The commands of an operator: they ask Kafka and the databases once, and do
//! not wait for either.

mod check;
mod columns;
mod connect;
mod dead_letters;
mod error;
mod explain;
mod fields;
mod health;
mod init;
mod kafka;
mod list;
mod man;
mod migrate;
mod naming;
mod positions;
mod probe;
mod report;
mod rights;
mod sample;
mod settle;
mod sources;
mod standing;
mod status;
mod steer;
mod told;

use crate::{text, toml_text};
pub use check::{CheckArgs, check};
pub use dead_letters::{
    DropArgs, ListArgs, ReplayArgs, drop_letters, list as list_letters, replay as replay_letters,
};
pub use error::AdminError;
pub use health::{HealthArgs, health};
pub use init::{InitArgs, init};
pub use list::list_positions;
pub use man::{ManArgs, write_pages};
pub use migrate::{MigrateArgs, migrate};
pub(crate) use positions::{FRESH, Target, must_read, resolve};
pub use positions::{SetArgs, set_position};
pub use settle::{AdoptArgs, ResetArgs, adopt, reset};
pub use sources::{AdoptSourceArgs, adopt_source};
pub use status::{StatusArgs, status};
pub use steer::{PartArgs, SteerArgs, steer, steer_part};

use std::future::Future;
use uuid::Uuid;

/// Opens the backend of a sink's settings and does something with it. The backends are
/// types of their own, so that a sink's plan stays one too.
macro_rules! with_sink {
    ($settings:expr, |$sink:ident| $body:expr) => {
        $crate::backends::with_backend!(&$settings.backend, |of| {
            match plimsoll_sink_api::Backend::open(of, &$crate::admin::client_name()) {
                Ok($sink) => $body,
                Err(error) => Err(error),
            }
        })
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
