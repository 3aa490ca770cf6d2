//! Whether a partition is still ours, told to its writer without a lock.

use plimsoll_protocol::Assignment;
use tokio::sync::watch;

/// The poll thread's end.
#[derive(Debug)]
pub struct Lease(watch::Sender<Assignment>);

/// The writer's end.
#[derive(Debug, Clone)]
pub struct Leased(watch::Receiver<Assignment>);

/// A live assignment.
#[must_use]
pub fn lease() -> (Lease, Leased) {
    let (tx, rx) = watch::channel(Assignment::Live);
    (Lease(tx), Leased(rx))
}

impl Lease {
    /// Finish what is in flight.
    pub fn leave(&self) {
        self.0.send_if_modified(|a| {
            let was_live = *a == Assignment::Live;
            if was_live {
                *a = Assignment::Leaving;
            }
            was_live
        });
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.send_replace(Assignment::Gone);
    }
}

impl Leased {
    /// What Kafka says now.
    #[must_use]
    pub fn now(&self) -> Assignment {
        *self.0.borrow()
    }

    /// Returns when the partition is no longer ours.
    pub async fn gone(&self) {
        let mut rx = self.0.clone();
        // An error means that the lease was dropped: gone as well.
        let _ = rx.wait_for(|a| *a == Assignment::Gone).await;
    }

    /// Returns when no new batch may be begun.
    pub async fn ending(&self) {
        let mut rx = self.0.clone();
        let _ = rx.wait_for(|a| *a != Assignment::Live).await;
    }
}

/// Names one local life of a partition: it rises with every assignment and
/// restart, so that what an earlier life says too late is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(pub u64);
