//! The data path: what the service asks of a database while it runs.

use crate::{Batch, Fingerprint, Identity, Prepared, Route, SinkError, TableChange};
use plimsoll_protocol::{Claim, Class, Owner, Position, StartRule, TopicPartition};
use std::future::Future;
use std::sync::Arc;

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
    /// The end of the log at that time: write timestamps count from it, where
    /// the sink makes them of offsets.
    pub high_watermark: Position,
}

/// A partition whose start was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The partition.
    pub tp: TopicPartition,
    /// Whether its position row stands.
    pub stands: bool,
}

impl Settled {
    /// The refusal to claim a partition whose position row is gone.
    #[must_use]
    pub fn lost(tp: &TopicPartition, sink: &str) -> SinkError {
        SinkError::new(
            Class::Halt,
            format!(
                "the position of {tp} in sink \"{sink}\" is gone, though its start was settled: \
                 its rows may stand in the table, and none is written twice or left out on a guess"
            ),
        )
        .hint(format!(
            "say where to go on: `plimsoll positions set --sink {sink} --topic {} --partition {} \
             --to OFFSET`; to begin anew, empty the table first, then set it to earliest",
            tp.topic, tp.partition
        ))
    }
}

/// What a claim returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The right to move the position.
    pub claim: Claim,
    /// Where to begin.
    pub position: Position,
    /// Where it stands: everything below was acknowledged. A database that can
    /// lose what it acknowledged last begins before it, to write that again.
    pub reached: Position,
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
    /// Requests that rows travelled in, where they travel in many.
    pub requests: u64,
    /// Those that a busy server refused or left unanswered, each time they were
    /// sent again.
    pub repeated: u64,
}

/// How a sink takes batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// Batches of one commit, at most.
    pub batches: usize,
    /// Commits that are under way at once, at most: more would wait for each other.
    pub commits: usize,
}

impl Grouping {
    /// Each batch is a commit of its own, and all go at once.
    pub const NONE: Self = Self {
        batches: 1,
        commits: usize::MAX,
    };
}

/// Why a commit was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What to do.
    pub error: SinkError,
    /// Which batches the fence refused, by their place; none where it was not the fence, or
    /// the sink cannot tell.
    pub fenced: Vec<usize>,
    /// Somebody else has locked one of several tables: nothing was written, and the others
    /// need not wait for it.
    pub locked: bool,
}

impl From<SinkError> for Refusal {
    fn from(error: SinkError) -> Self {
        Self {
            error,
            fenced: Vec::new(),
            locked: false,
        }
    }
}

impl Committed {
    /// What a commit did, as the share of each of its batches, which have so many rows: what
    /// the database tells of all of them together is parted by these.
    #[must_use]
    pub fn parted(self, rows: &[usize]) -> Vec<Self> {
        let all: usize = rows.iter().sum();
        let (mut seen, mut given) = (0, 0);
        let part = |(place, own): (usize, &usize)| {
            seen += own;
            // Shares are cut from the whole, so that they add up to it however they round.
            let so_far = u128::from(self.rows) * seen as u128;
            let so_far = so_far.checked_div(all as u128).unwrap_or(0) as u64;
            let rows = so_far - given;
            given = so_far;
            match place {
                0 => Self { rows, ..self },
                _ => Self {
                    rows,
                    ..Self::default()
                },
            }
        };
        rows.iter().enumerate().map(part).collect()
    }
}

/// A call that waits for somebody else's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The partition whose commit or claim it is; `None`: it is about what is kept
    /// of the sink.
    pub tp: Option<TopicPartition>,
    /// The database's code for it.
    pub code: &'static str,
    /// Who holds the lock, in words; never what they do with it.
    pub by: String,
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

    /// Reads the catalogue for a topic's table; where records have a part in its name, for
    /// the table of those of one route. Cheap enough to be called every few seconds.
    fn prepare_for(
        &self,
        topic: &str,
        route: Option<&Route>,
    ) -> impl Future<Output = Result<Arc<Prepared<Self::Plan>>, SinkError>> + Send;

    /// The same for a topic whose records all go into one table.
    fn prepare(
        &self,
        topic: &str,
    ) -> impl Future<Output = Result<Arc<Prepared<Self::Plan>>, SinkError>> + Send {
        self.prepare_for(topic, None)
    }

    /// The routes of a topic whose tables are there, in their order: none where records have
    /// no part in the table's name.
    fn routes(&self, topic: &str) -> impl Future<Output = Result<Vec<Route>, SinkError>> + Send {
        let _ = topic;
        async { Ok(Vec::new()) }
    }

    /// Makes a topic's table, or adds columns or partitions to it, where somebody else has not done so
    /// already. Only who has the claim does: an error of class `Fenced` says that it is
    /// another's. Where the database takes a schema's change back, an error leaves nothing.
    fn change_table(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        change: &TableChange,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Which partitions were given a start, of all topics of this sink. Kept apart
    /// from the positions, so that a position that is lost is no new partition.
    fn settled(&self) -> impl Future<Output = Result<Vec<Settled>, SinkError>> + Send;

    /// Writes starts, all in one transaction. Partitions that were settled already
    /// are left alone, whether their positions stand or not; where the rule says
    /// all or none ([`StartRule::all_or_none`]), one of them is an error of class
    /// `Moved`, and nothing is written.
    fn settle(
        &self,
        identity: &Identity,
        rule: StartRule,
        starts: &[NewPosition],
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Claims a partition: everybody else is fenced from here on. Uses a
    /// connection outside the writers' pool. A row that is missing is an error
    /// of class `Stale`, or [`Settled::lost`] where the sink can tell; another
    /// cluster's or group's is one of class `Halt`.
    fn claim(
        &self,
        member: &Member,
        identity: &Identity,
        tp: &TopicPartition,
    ) -> impl Future<Output = Result<Claimed, SinkError>> + Send;

    /// Which calls wait right now for a lock that somebody else holds.
    fn blocked(&self) -> Vec<Blocked> {
        Vec::new()
    }

    /// What it takes in one commit, and at once.
    fn grouping(&self) -> Grouping;

    /// Rows, dead letters and positions of all these batches, or nothing: what it did, batch
    /// by batch. They are of different partitions, one at least, and no more than
    /// [`Self::grouping`] says. An error of class `Unavailable` says nothing of what happened:
    /// each batch is judged by a claim of its own. All others say that nothing was written.
    fn commit(
        &self,
        batches: &[Batch<'_, Self::Plan>],
    ) -> impl Future<Output = Result<Vec<Committed>, Refusal>> + Send;

    /// The same of one batch alone.
    fn commit_one(
        &self,
        batch: &Batch<'_, Self::Plan>,
    ) -> impl Future<Output = Result<Committed, SinkError>> + Send {
        async {
            let done = self.commit(std::slice::from_ref(batch)).await;
            let done = done.map_err(|refusal| refusal.error)?;
            Ok(done.into_iter().next().unwrap_or_default())
        }
    }

    /// Whether the database takes the rows of a batch now; an error says why not.
    /// Nothing stays but what a commit of the same records writes anyway, and the
    /// position does not move.
    fn takes(
        &self,
        batch: &Batch<'_, Self::Plan>,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Gives a claim back: the row's owner becomes none, if it still is this
    /// one.
    fn release(
        &self,
        tp: &TopicPartition,
        claim: Claim,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// A sign of life on all partitions that the member still owns.
    fn heartbeat(&self, member: &Member) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Remembers Kafka's id of a topic where the row has none yet, if the claim
    /// still stands; does nothing otherwise.
    fn remember_topic(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        topic_id: &str,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_commit_did_is_parted_without_a_rest() {
        let rows = |rows| Committed {
            rows,
            terminated: 2,
            ..Committed::default()
        };
        let parted = |all, of: &[usize]| -> Vec<u64> {
            let parts = rows(all).parted(of);
            let terminated: u32 = parts.iter().map(|part| part.terminated).sum();
            assert_eq!(terminated, 2);
            parts.iter().map(|part| part.rows).collect()
        };
        assert_eq!(parted(6, &[1, 2, 3]), [1, 2, 3]);
        // Of some rows of one key the last alone is written.
        assert_eq!(parted(2, &[1, 1, 1]), [0, 1, 1]);
        assert_eq!(parted(0, &[0, 0]), [0, 0]);
        assert_eq!(parted(5, &[0, 5, 0]), [0, 5, 0]);
        assert_eq!(parted(u64::MAX, &[7]), [u64::MAX]);
    }
}
