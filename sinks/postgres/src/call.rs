//! One call of the server: on which connection, for how long, and whose locks are
//! looked at meanwhile.

use crate::commit;
use crate::connect::Session;
use crate::control::within;
use crate::error::has_code;
use crate::pool::Lease;
use crate::sink::PostgresSink;
use crate::sweep::{self, Purpose};
use plimsoll_protocol::{Class, TopicPartition};
use plimsoll_sink_api::SinkError;
use sqlx::postgres::PgConnection;
use std::time::Duration;

impl PostgresSink {
    pub(crate) fn limit(&self) -> Duration {
        self.settings.call_timeout
    }

    /// A call with its deadline; where it ends for somebody's lock, it says so.
    pub(crate) async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        within(self.limit(), work)
            .await
            .map_err(|error| self.waiters.explain(error))
    }

    /// Looks whose lock is in the way of what the server process `pid` does for a
    /// partition, or for the sink, and clears away what `purpose` lets it. Says how many
    /// sessions it terminated.
    pub(crate) async fn beside<T>(
        &self,
        (purpose, about): (Purpose, Option<TopicPartition>),
        pid: i32,
        work: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<(T, u32), SinkError> {
        let waiter = self.waiters.waiter(vec![about]);
        let watched = sweep::watch(&self.dialer, pid, purpose, &waiter, work);
        let (result, terminated) = watched.await;
        let done = result.map_err(|error| waiter.explain(error))?;
        Ok((done, terminated))
    }

    /// A call on the control connection. After an error, or when it is dropped, the
    /// connection is closed.
    pub(crate) async fn on_control<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, SinkError>,
    ) -> Result<T, SinkError> {
        let called = self.called((Purpose::Other, None), work);
        called.await.map(|(done, _)| done)
    }

    /// The same, with another purpose.
    pub(crate) async fn called<T>(
        &self,
        for_whom: (Purpose, Option<TopicPartition>),
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, SinkError>,
    ) -> Result<(T, u32), SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let (pid, work) = (session.pid, work(&mut session.conn));
            let done = self.beside(for_whom, pid, work).await?;
            lease.done();
            Ok(done)
        })
        .await
    }

    /// A call on one of the writers' connections.
    pub(crate) async fn on_writer<T>(
        &self,
        purpose: Purpose,
        about: Vec<TopicPartition>,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, SinkError>,
    ) -> Result<(T, u32), SinkError> {
        let mut lease = self.pool.lease().await?;
        let session = lease.session()?;
        let (pid, work) = (session.pid, work(session));
        // It outlives the deadline, to say for whom was waited.
        let waiter = self.waiters.waiter(about.into_iter().map(Some).collect());
        let watched = async {
            let watched = sweep::watch(&self.dialer, pid, purpose, &waiter, work);
            let (result, terminated) = watched.await;
            result.map(|done| (done, terminated))
        };
        let done = within(self.limit(), watched).await;
        match done.map_err(|error| waiter.explain(error)) {
            Ok(done) => {
                lease.done();
                Ok(done)
            }
            Err(error) => {
                self.keep_after(lease, &error).await;
                Err(error)
            }
        }
    }

    /// A batch that the server refused leaves a session that a rollback makes
    /// clean. A search for one bad record is refused a dozen times, and over TLS
    /// a new session takes 100 ms. After anything else the session is closed.
    async fn keep_after(&self, mut lease: Lease, error: &SinkError) {
        let answered = error.detail.code.is_some();
        match error.class {
            // The cached plan is the trouble: this session keeps it.
            Class::Suspect if has_code(error, "0A000") => return,
            Class::Rejected | Class::Suspect | Class::Transient | Class::Fenced if answered => {}
            Class::Rejected | Class::Suspect | Class::Transient | Class::Fenced => return,
            Class::Stale | Class::Halt | Class::Unavailable => return,
        }
        let Ok(session) = lease.session() else { return };
        let rollback = commit::simple(&mut session.conn, "ROLLBACK".to_owned());
        if within(self.limit(), rollback).await.is_ok() {
            lease.done();
        }
    }
}
