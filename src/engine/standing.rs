//! Where the partitions stand that this process consumes.

use plimsoll_protocol::{Position, Span, TopicPartition};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where all partitions of a sink stand that this process consumes; told by the poll
/// thread, read by the watcher of logs and by the heartbeat.
#[derive(Debug, Clone, Default)]
pub struct Standing(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    stands: BTreeMap<TopicPartition, Stand>,
    /// When the oldest record was written that is taken and not applied, in milliseconds
    /// since the Unix epoch.
    waiting: BTreeMap<TopicPartition, i64>,
    /// Where the client stands still, for the watcher to read with another one.
    suspect: Option<(TopicPartition, Span)>,
}

/// Where a partition stands, and in which log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// What the sink has committed.
    pub position: Position,
    /// Kafka's id of the topic at the claim, where it was told.
    pub topic_id: Option<Arc<str>>,
}

impl Standing {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition begins.
    pub fn begin(&self, tp: &TopicPartition, stand: Stand) {
        self.lock().stands.insert(tp.clone(), stand);
    }

    /// A partition stands here now.
    pub fn set(&self, tp: &TopicPartition, position: Position) {
        if let Some(stand) = self.lock().stands.get_mut(tp) {
            stand.position = position;
        }
    }

    /// A partition is no longer ours.
    pub fn remove(&self, tp: &TopicPartition) {
        self.lock().stands.remove(tp);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> BTreeMap<TopicPartition, Stand> {
        self.lock().stands.clone()
    }

    /// When the oldest records were written that are taken and not applied, of all
    /// partitions that have any and whose records say when: milliseconds since the Unix
    /// epoch.
    pub fn note_waiting(&self, waiting: BTreeMap<TopicPartition, i64>) {
        self.lock().waiting = waiting;
    }

    /// The same, to be read.
    #[must_use]
    pub fn waiting(&self) -> BTreeMap<TopicPartition, i64> {
        self.lock().waiting.clone()
    }

    /// The client brings no record of this stretch.
    pub fn suspect(&self, tp: &TopicPartition, span: Span) {
        self.lock().suspect = Some((tp.clone(), span));
    }

    /// What is to be read with another client.
    #[must_use]
    pub fn take_suspect(&self) -> Option<(TopicPartition, Span)> {
        self.lock().suspect.take()
    }
}
