//! The writers' connections. One that is not known to be clean is closed at
//! once: an open transaction holds locks, and sqlx itself would hand it on.

use crate::connect::{Dialer, Role, Session};
use crate::error::away;
use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleResult};
use plimsoll_sink_api::SinkError;
use std::sync::Arc;
use std::time::Duration;

/// Opens sessions for deadpool.
pub(crate) struct Manager(Arc<Dialer>);

impl managed::Manager for Manager {
    type Type = Session;
    type Error = SinkError;

    async fn create(&self) -> Result<Session, SinkError> {
        self.0.connect(Role::Writer).await
    }

    /// Only clean sessions come back ([`Lease`]), so there is nothing to ask.
    async fn recycle(&self, _: &mut Session, _: &Metrics) -> RecycleResult<SinkError> {
        Ok(())
    }
}

/// The pool.
pub(crate) struct Pool(managed::Pool<Manager>);

impl Pool {
    pub(crate) fn new(dialer: Arc<Dialer>, size: usize, wait: Duration) -> Result<Self, SinkError> {
        managed::Pool::builder(Manager(dialer))
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(wait))
            .build()
            .map(Self)
            .map_err(|e| crate::error::halt(format!("cannot make a pool: {e}")))
    }

    /// A session of one's own.
    pub(crate) async fn lease(&self) -> Result<Lease, SinkError> {
        match self.0.get().await {
            Ok(object) => Ok(Lease(Some(object))),
            Err(PoolError::Backend(e)) => Err(e),
            Err(PoolError::Timeout(_)) => Err(away("all connections of the sink are busy")
                .hint("raise max_connections, or find out why commits are slow")),
            Err(other) => Err(away(format!("no connection: {other}"))),
        }
    }

    /// Closes what is idle: after one connection was lost, the others are
    /// probably lost too.
    pub(crate) fn forget_idle(&self) {
        self.0.retain(|_, _| false);
    }
}

/// A session taken from the pool. It goes back only by [`Lease::done`]; an error
/// or a dropped future closes it.
pub(crate) struct Lease(Option<Object<Manager>>);

impl Lease {
    /// The session.
    pub(crate) fn session(&mut self) -> Result<&mut Session, SinkError> {
        self.0
            .as_deref_mut()
            .ok_or_else(|| away("the connection was given back"))
    }

    /// All went well, to the last answer: the session may be used again.
    pub(crate) fn done(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}
