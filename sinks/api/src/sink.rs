//! The trait.

use crate::{Batch, Fingerprint, Prepared, SinkError};
use plimsoll_protocol::{Claim, Owner, Position, TopicPartition};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Which deployment a position belongs to. Another cluster's or another group's
/// claim on it is refused: two deployments of one name would fence each other
/// for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The consumer group.
    pub group_id: String,
    /// Kafka's cluster id.
    pub cluster_id: String,
}

/// Who claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Random, one per process.
    pub owner: Owner,
    /// Readable: host, process id and a random part.
    pub name: String,
}

/// A start to be settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPosition {
    /// The partition.
    pub tp: TopicPartition,
    /// Where it begins.
    pub position: Position,
    /// Kafka's id of the topic (KIP-516), where the broker tells it.
    pub topic_id: Option<String>,
}

/// What a claim returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The right to move the position.
    pub claim: Claim,
    /// Where it stands.
    pub position: Position,
    /// Of the last record applied.
    pub fingerprint: Option<Fingerprint>,
    /// Of the last record applied.
    pub leader_epoch: Option<i32>,
    /// Kafka's id of the topic when the start was settled.
    pub topic_id: Option<String>,
    /// Sessions of stale writers that the claim had to terminate to get at the
    /// row.
    pub terminated: u32,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Committed {
    /// Rows inserted, replaced or deleted.
    pub rows: u64,
    /// Rows of a `log` table that already stood there, equal.
    pub already_there: u64,
    /// Sessions of stale writers whose row locks stood in the way.
    pub terminated: u32,
}

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
    /// Since the owner's last sign of life, by the database's clock.
    pub heartbeat_age: Option<Duration>,
    /// Since the position last moved.
    pub moved_age: Option<Duration>,
}

/// What became of `positions set`.
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

/// A database that keeps rows and position together.
///
/// Every method has a deadline of its own, and dropping a future only drops its
/// connection: nothing is cancelled in the server, and the service judges by a
/// claim. Errors say what to do ([`SinkError`]).
pub trait Sink: Send + Sync + 'static {
    /// What the sink keeps per table.
    type Plan: Send + Sync + 'static;

    /// Applies the migrations of the sink's own state. Safe to run twice, and by
    /// two processes at once.
    fn migrate(&self) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Reads the catalogue for a topic's table. Cheap enough to be called every
    /// few seconds.
    fn prepare(
        &self,
        topic: &str,
    ) -> impl Future<Output = Result<Arc<Prepared<Self::Plan>>, SinkError>> + Send;

    /// Which partitions have a position, of all topics of this sink.
    fn settled(&self) -> impl Future<Output = Result<Vec<TopicPartition>, SinkError>> + Send;

    /// Writes starts, all in one transaction; positions that stand already are
    /// left alone.
    fn settle(
        &self,
        identity: &Identity,
        starts: &[NewPosition],
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Claims a partition: everybody else is fenced from here on. Uses a
    /// connection outside the writers' pool. A row that is missing is an error
    /// of class `Stale`; another cluster's or group's is one of class `Halt`.
    fn claim(
        &self,
        member: &Member,
        identity: &Identity,
        tp: &TopicPartition,
    ) -> impl Future<Output = Result<Claimed, SinkError>> + Send;

    /// Rows, dead letters and position, or nothing. An error of class `Away`
    /// says nothing of what happened: judge by a claim. All others say that
    /// nothing was written.
    fn commit(
        &self,
        batch: &Batch<'_, Self::Plan>,
    ) -> impl Future<Output = Result<Committed, SinkError>> + Send;

    /// Writes the rows of a batch in a transaction that is rolled back.
    fn rehearse(
        &self,
        batch: &Batch<'_, Self::Plan>,
    ) -> impl Future<Output = Result<Committed, SinkError>> + Send;

    /// Gives a claim back: the row's owner becomes none, if it still is this
    /// one.
    fn release(
        &self,
        tp: &TopicPartition,
        claim: Claim,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// A sign of life on all partitions that the member still owns.
    fn heartbeat(&self, member: &Member) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// All position rows of this sink.
    fn positions(&self) -> impl Future<Output = Result<Vec<StoredPosition>, SinkError>> + Send;

    /// Puts a position elsewhere and fences the owner. Refused while the owner
    /// showed a sign of life within `fresh`, unless `force`. A position that
    /// does not exist yet is made.
    fn set_position(
        &self,
        identity: &Identity,
        tp: &TopicPartition,
        to: Position,
        force: bool,
        fresh: Duration,
    ) -> impl Future<Output = Result<SetOutcome, SinkError>> + Send;
}
