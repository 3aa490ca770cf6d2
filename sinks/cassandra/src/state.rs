//! The session, and what is prepared on it.

use crate::CassandraSettings;
use crate::connect;
use crate::statements::Statements;
use plimsoll_sink_api::SinkError;
use scylla::client::session::Session;
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};

/// Everything that talks to plimsoll's own tables.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) session: std::sync::Arc<Session>,
    pub(crate) statements: Statements,
    /// The sink's name.
    pub(crate) sink: String,
    pub(crate) call_timeout: Duration,
    /// One lightweight transaction at a time.
    pub(crate) turn: Mutex<()>,
    /// Requests to plimsoll's own tables.
    #[cfg(test)]
    pub(crate) asked: std::sync::atomic::AtomicUsize,
}

/// Opened when first needed: a cluster that is away does not keep the service
/// from starting.
#[derive(Debug, Default)]
pub(crate) struct Lazy {
    session: OnceCell<std::sync::Arc<Session>>,
    state: OnceCell<State>,
}

impl Lazy {
    /// The session alone: before there are tables.
    pub(crate) async fn session(
        &self,
        settings: &CassandraSettings,
    ) -> Result<std::sync::Arc<Session>, SinkError> {
        self.session
            .get_or_try_init(|| async { connect::open(settings).await.map(std::sync::Arc::new) })
            .await
            .cloned()
    }

    /// The session and the statements.
    pub(crate) async fn state(&self, settings: &CassandraSettings) -> Result<&State, SinkError> {
        let session = self.session(settings).await?;
        self.state
            .get_or_try_init(|| async {
                let statements =
                    Statements::prepare(&session, &settings.state_keyspace, settings.consistency)
                        .await?;
                Ok(State {
                    session,
                    statements,
                    sink: settings.sink.clone(),
                    call_timeout: settings.call_timeout,
                    turn: Mutex::new(()),
                    #[cfg(test)]
                    asked: std::sync::atomic::AtomicUsize::new(0),
                })
            })
            .await
    }
}
