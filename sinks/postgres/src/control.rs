//! The one connection outside the writers' pool: claims, heartbeats, positions,
//! catalogue. It is always to be had, however busy the writers are.

use crate::connect::{Dialer, Role, Session};
use crate::error::late;
use plimsoll_sink_api::SinkError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// The connection, opened when it is needed.
pub(crate) struct Control {
    dialer: Arc<Dialer>,
    slot: Mutex<Option<Session>>,
}

impl Control {
    pub(crate) fn new(dialer: Arc<Dialer>) -> Self {
        Self {
            dialer,
            slot: Mutex::new(None),
        }
    }

    /// Waits for it, and opens it where it is not open.
    pub(crate) async fn lease(&self) -> Result<ControlLease<'_>, SinkError> {
        let mut slot = self.slot.lock().await;
        let session = match slot.take() {
            Some(session) => session,
            None => self.dialer.connect(Role::Control).await?,
        };
        Ok(ControlLease { slot, session })
    }
}

/// The connection in use. It is kept only by [`ControlLease::done`]; an error or
/// a dropped future closes it.
pub(crate) struct ControlLease<'a> {
    slot: MutexGuard<'a, Option<Session>>,
    pub(crate) session: Session,
}

impl ControlLease<'_> {
    /// All went well, to the last answer.
    pub(crate) fn done(mut self) {
        *self.slot = Some(self.session);
    }
}

/// A deadline whose only effect is that the future, and with it the connection,
/// is dropped: nothing is cancelled in the server.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, SinkError>>,
) -> Result<T, SinkError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(late(limit)))
}
