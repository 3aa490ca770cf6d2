//! Positions, for operators: listed, and changed by hand.

use crate::{Fingerprint, Identity, Prepared, Sink, SinkError};
use plimsoll_protocol::{Position, TopicPartition};
use std::future::Future;
use std::time::Duration;

/// One position row, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPosition {
    /// The partition.
    pub tp: TopicPartition,
    /// Where it stands.
    pub position: Position,
    /// How often it was claimed.
    pub epoch: i64,
    /// The readable name of the owner; `None` when released.
    pub owner: Option<String>,
    /// Whose it is.
    pub identity: Option<Identity>,
    /// Kafka's id of the topic, where it is known.
    pub topic_id: Option<String>,
    /// Of the last record applied.
    pub fingerprint: Option<Fingerprint>,
    /// Of the last record applied.
    pub leader_epoch: Option<i32>,
    /// Since the owner's last sign of life, by the database's clock.
    pub heartbeat_age: Option<Duration>,
    /// Since the position last moved.
    pub moved_age: Option<Duration>,
}

/// What an operator makes of one position: `positions set`, `adopt`, `reset`.
/// The owner is fenced, and what the row remembered of the log's last record
/// goes: the operator takes the log as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionChange {
    /// The partition.
    pub tp: TopicPartition,
    /// Where it goes; `None`: it stays where it is. A position that does not
    /// exist yet is made by `Some`, and is an error of class `Stale` for `None`.
    pub to: Option<Position>,
    /// Whose it is from now on.
    pub identity: Identity,
    /// Take it from another group or cluster; otherwise theirs is an error of
    /// class `Halt`.
    pub take_over: bool,
    /// Kafka's id of the topic from now on; `None` where no broker tells it.
    pub topic_id: Option<String>,
    /// The end of the log now, as in [`NewPosition`].
    pub high_watermark: Position,
    /// Fence an owner that is alive.
    pub force: bool,
    /// An owner that showed a sign of life within this time is alive.
    pub fresh: Duration,
}

impl PositionChange {
    /// Whether the position goes to another log under the same name: only `reset`
    /// both moves it and takes it over.
    #[must_use]
    pub fn is_anew(&self) -> bool {
        self.take_over && self.to.is_some()
    }
}

/// What became of a [`PositionChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetOutcome {
    /// Done; the owner, if there was one, is fenced.
    Set {
        /// Where it stood before.
        before: Option<Position>,
    },
    /// The owner is alive, and `force` was not given.
    OwnerAlive {
        /// Its readable name.
        owner: String,
        /// Since its last sign of life.
        heartbeat_age: Duration,
    },
}

/// What operators ask of a sink's positions, and do to them.
pub trait Positions: Sink {
    /// All position rows of this sink.
    fn positions(&self) -> impl Future<Output = Result<Vec<StoredPosition>, SinkError>> + Send;

    /// Changes a position by hand and fences its owner. Refused while the owner
    /// is alive, unless forced.
    fn set_position(
        &self,
        change: &PositionChange,
    ) -> impl Future<Output = Result<SetOutcome, SinkError>> + Send;

    /// Whether the table of a [`crate::Mode::Log`] holds a row of a partition.
    fn holds_rows(
        &self,
        table: &Prepared<Self::Plan>,
        tp: &TopicPartition,
    ) -> impl Future<Output = Result<bool, SinkError>> + Send;
}
