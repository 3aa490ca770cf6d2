//! Calls that wait for somebody else's lock, and who that is.

use crate::error::{away, has_code, is_late};
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{Blocked, SinkError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// lock_not_available
pub(crate) const LOCKED: &str = "55P03";

/// All that wait now, by what they are about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiters(Arc<Mutex<BTreeMap<Option<TopicPartition>, Holder>>>);

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// In words.
    pub(crate) who: String,
    /// The session, where it is one.
    pub(crate) pid: Option<i32>,
}

/// One call; it waits no more when this is dropped.
#[derive(Debug)]
pub(crate) struct Waiter {
    all: Waiters,
    /// It has one at least.
    about: Vec<Option<TopicPartition>>,
}

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<TopicPartition>, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call that may come to wait.
    pub(crate) fn waiter(&self, about: Vec<Option<TopicPartition>>) -> Waiter {
        Waiter {
            all: self.clone(),
            about,
        }
    }

    /// A call that was given up, for its own sake or because it waited behind one of
    /// these.
    pub(crate) fn explain(&self, error: SinkError) -> SinkError {
        let holder = self.lock().values().next().cloned();
        explain(error, holder.as_ref())
    }

    /// Those that wait.
    pub(crate) fn all(&self) -> Vec<Blocked> {
        let all = self.lock();
        let blocked = all.iter().map(|(tp, holder)| Blocked {
            tp: tp.clone(),
            code: LOCKED,
            by: locked(Some(holder)).to_string(),
        });
        blocked.collect()
    }
}

/// A wait for somebody's lock.
fn locked(holder: Option<&Holder>) -> SinkError {
    let who = holder.map_or("another session", |holder| holder.who.as_str());
    let hint = match holder.map(|holder| holder.pid) {
        Some(Some(pid)) => {
            format!("end its transaction, or run SELECT pg_terminate_backend({pid})")
        }
        Some(None) => "pg_prepared_xacts shows it: COMMIT PREPARED or ROLLBACK PREPARED".to_owned(),
        None => "pg_locks and pg_stat_activity show who".to_owned(),
    };
    let mut error = away(format!("{who} holds a lock that is waited for")).hint(hint);
    error.detail.code = Some(LOCKED.to_owned());
    error.detail.blocked = true;
    error
}

impl Waiter {
    /// A look has found who is in the way, or that nobody is any more.
    pub(crate) fn found(&self, holder: Option<Holder>) {
        let mut all = self.all.lock();
        for about in &self.about {
            match &holder {
                Some(holder) => all.insert(about.clone(), holder.clone()),
                None => all.remove(about),
            };
        }
    }

    /// A call that was given up, by us or by the server: for whom it waited, if it
    /// did.
    pub(crate) fn explain(&self, error: SinkError) -> SinkError {
        let all = self.all.lock();
        let holder = self.about.first().and_then(|about| all.get(about));
        explain(error, holder)
    }
}

fn explain(error: SinkError, holder: Option<&Holder>) -> SinkError {
    // What the server or the network has answered is about something else.
    let for_it = is_late(&error) && holder.is_some();
    let refused = has_code(&error, LOCKED) && !error.detail.blocked;
    match for_it || refused {
        true => locked(holder),
        false => error,
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.found(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{halt, late};
    use std::time::Duration;

    #[test]
    fn a_call_is_blocked_until_it_ends_and_says_by_whom() {
        let waiters = Waiters::default();
        let waiter = waiters.waiter(vec![Some(TopicPartition::new("t", 1))]);
        let gone = || late(Duration::from_secs(1));
        assert!(!waiter.explain(gone()).detail.blocked);
        waiter.found(Some(Holder {
            who: "session 7".to_owned(),
            pid: Some(7),
        }));
        assert!(waiters.all()[0].by.contains("pg_terminate_backend(7)"));
        let explained = waiter.explain(gone());
        assert!(explained.detail.blocked && explained.to_string().contains("session 7"));
        // Another error of a call that had waited before.
        assert_eq!(waiter.explain(halt("no such table")), halt("no such table"));
        // Whoever waits behind it, and an outage meanwhile.
        assert!(waiters.explain(gone()).detail.blocked);
        assert!(!waiters.explain(away("connection lost")).detail.blocked);
        drop(waiter);
        assert_eq!(waiters.all(), []);
        assert!(!waiters.explain(gone()).detail.blocked);
    }
}
