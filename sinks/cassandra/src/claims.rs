//! Who may write: starts, claims, what operators do. All by lightweight
//! transactions, one at a time in this process: they are of one partition of the
//! table, and would only get into each other's way.

use crate::acts;
use crate::error::{Failure, of_execution};
use crate::positions::{self, Stored};
use crate::retry::patiently;
use crate::starts;
use crate::state::State;
use plimsoll_protocol::{
    Claim, Class, Epoch, Generation, Owner, Position, StartRule, TopicPartition, rewind,
};
use plimsoll_sink_api::{
    Act, Claimed, Identity, Member, NewPosition, Owned, Ownership, PositionChange, SetOutcome,
    Setting, Settled, SinkError, claimable, setting,
};
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// A row of `claims`.
#[derive(Debug, Clone, PartialEq, Eq, scylla::DeserializeRow)]
pub(crate) struct Row {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) epoch: i64,
    pub(crate) owner: Option<Uuid>,
    pub(crate) owner_name: Option<String>,
    pub(crate) group_id: String,
    pub(crate) cluster_id: String,
    pub(crate) topic_id: Option<String>,
    pub(crate) generation: i64,
    pub(crate) base: i64,
    pub(crate) floor_offset: i64,
    pub(crate) start_offset: i64,
}

impl Row {
    pub(crate) fn tp(&self) -> TopicPartition {
        TopicPartition::new(&self.topic, self.partition)
    }

    pub(crate) fn generation(&self) -> Generation {
        Generation {
            number: self.generation,
            base: self.base,
        }
    }

    pub(crate) fn floor(&self) -> Position {
        Position::new(self.floor_offset).unwrap_or(Position::ZERO)
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity {
            group_id: self.group_id.clone(),
            cluster_id: self.cluster_id.clone(),
        }
    }
}

/// Others may claim at the same time, each once or twice; more than this is a
/// fault.
const ROUNDS: usize = 20;

pub(crate) fn uuid_of(owner: Owner) -> Uuid {
    Uuid::from_u128(owner.0)
}

/// Microseconds since 1970.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Runs a statement, patiently.
pub(crate) async fn execute(
    state: &State,
    statement: &PreparedStatement,
    values: &(impl SerializeRow + ?Sized),
) -> Result<QueryResult, Failure> {
    #[cfg(test)]
    state
        .asked
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    patiently(state.call_timeout, async || {
        state
            .session
            .execute_unpaged(statement, values)
            .await
            .map_err(|error| of_execution(&error))
    })
    .await
}

/// Whether a lightweight transaction did what it says.
pub(crate) fn applied(result: QueryResult) -> Result<bool, SinkError> {
    use scylla::value::{CqlValue, Row};
    let rows = result.into_rows_result().map_err(positions::unreadable)?;
    let row: Row = rows.first_row().map_err(positions::unreadable)?;
    Ok(matches!(
        row.columns.first(),
        Some(Some(CqlValue::Boolean(true)))
    ))
}

/// One row, as the last transaction left it.
pub(crate) async fn read(state: &State, tp: &TopicPartition) -> Result<Option<Row>, Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition);
    let result = execute(state, &state.statements.claim_row, &values).await?;
    positions::rows(result).map(|mut rows| rows.pop())
}

/// All rows of the sink, in the order of topic and partition.
pub(crate) async fn list(state: &State) -> Result<Vec<Row>, Failure> {
    let result = execute(state, &state.statements.claim_rows, &(&state.sink,)).await?;
    positions::rows(result)
}

/// Writes starts; see [`plimsoll_sink_api::Sink::settle`].
pub(crate) async fn settle(
    state: &State,
    identity: &Identity,
    rule: StartRule,
    starts: &[NewPosition],
) -> Result<(), SinkError> {
    let _turn = state.turn.lock().await;
    for _ in 0..ROUNDS {
        let there: Vec<TopicPartition> = starts::settled(state)
            .await?
            .into_iter()
            .map(|settled| settled.tp)
            .collect();
        let missing: Vec<&NewPosition> = starts.iter().filter(|s| !there.contains(&s.tp)).collect();
        if rule.all_or_none() && missing.len() < starts.len() {
            // Another process was first; its starts count.
            return Err(SinkError::new(
                Class::Fenced,
                "the topic's start was settled meanwhile",
            ));
        }
        if missing.is_empty() {
            return Ok(());
        }
        if insert(state, identity, &missing, 0).await? {
            for start in missing {
                starts::note(state, &start.tp).await?;
            }
            return Ok(());
        }
    }
    Err(contended())
}

/// Makes rows, all of them or none, of the generation behind `after`; says
/// whether it did.
async fn insert(
    state: &State,
    identity: &Identity,
    starts: &[&NewPosition],
    after: i64,
) -> Result<bool, SinkError> {
    let now = now_us();
    let values: Vec<_> = starts
        .iter()
        .map(|start| {
            let generation = Generation::first(now, start.high_watermark);
            (
                &state.sink,
                &*start.tp.topic,
                start.tp.partition,
                &identity.group_id,
                &identity.cluster_id,
                &start.topic_id,
                after + generation.number,
                generation.base,
                start.position.offset(),
                start.position.offset(),
            )
        })
        .collect();
    let mut batch = Batch::new(BatchType::Unlogged);
    batch.set_is_idempotent(true);
    for _ in starts {
        batch.append_statement(state.statements.settle.clone());
    }
    let result = patiently(state.call_timeout, async || {
        state
            .session
            .batch(&batch, &values)
            .await
            .map_err(|error| of_execution(&error))
    })
    .await?;
    applied(result)
}

pub(crate) fn contended() -> SinkError {
    SinkError::new(Class::Unavailable, "too many processes claim at once")
}

/// Where a claim of this row begins, and where it stands.
fn begin(row: &Row, stored: Option<&Stored>, rewind_ms: i64) -> (Position, Position) {
    match stored {
        None => (row.floor(), row.floor()),
        Some(stored) => {
            let begin = rewind(&stored.marks, rewind_ms, row.floor(), Position::ZERO);
            (begin.min(stored.position), stored.position)
        }
    }
}

/// Claims a partition; the position row of its generation, too, where there is one
/// yet. Where one is known to have been, and is gone, nothing is claimed: what it
/// counted stands in the table.
pub(crate) async fn claim(
    state: &State,
    member: &Member,
    identity: &Identity,
    tp: &TopicPartition,
    rewind_ms: i64,
) -> Result<(Claimed, Life), SinkError> {
    let _turn = state.turn.lock().await;
    for _ in 0..ROUNDS {
        let row = read(state, tp).await?.map(Seen::of_row);
        let Seen { row, .. } = claimable(row, &state.sink, tp, identity)?;
        let claim = Claim {
            epoch: Epoch(row.epoch).next(),
            owner: member.owner,
        };
        let values = (
            claim.epoch.0,
            uuid_of(claim.owner),
            &member.name,
            &state.sink,
            &*tp.topic,
            tp.partition,
            row.epoch,
        );
        if !applied(execute(state, &state.statements.claim, &values).await?)? {
            continue;
        }
        starts::note(state, tp).await?;
        // A sign of life: until the first heartbeat, nobody shall take it for dead.
        positions::heartbeat(state, member).await?;
        let stored = positions::read(state, tp, row.generation).await?;
        match &stored {
            Some(_) => starts::note_position(state, tp, row.generation).await?,
            None => {
                let noted = starts::noted(state, tp).await?;
                if noted.and_then(|n| n.positioned) == Some(row.generation) {
                    return Err(Settled::lost(tp, &state.sink));
                }
            }
        }
        let (position, reached) = begin(&row, stored.as_ref(), rewind_ms);
        return Ok((
            Claimed {
                claim,
                position,
                reached,
                fingerprint: stored.as_ref().and_then(|s| s.fingerprint),
                leader_epoch: stored.as_ref().and_then(|s| s.leader_epoch),
                topic_id: row.topic_id.clone(),
                // Nobody's writes have to be stopped: they are too old to win.
                terminated: 0,
            },
            Life {
                generation: row.generation(),
                positioned: stored.is_some(),
            },
        ));
    }
    Err(contended())
}

/// What a claim begins.
pub(crate) struct Life {
    pub(crate) generation: Generation,
    /// The generation has a row in `positions`, and that is noted.
    pub(crate) positioned: bool,
}

/// Gives a claim back, if it still stands.
pub(crate) async fn release(
    state: &State,
    tp: &TopicPartition,
    claim: Claim,
) -> Result<(), SinkError> {
    let _turn = state.turn.lock().await;
    let values = (
        &state.sink,
        &*tp.topic,
        tp.partition,
        claim.epoch.0,
        uuid_of(claim.owner),
    );
    execute(state, &state.statements.release, &values).await?;
    Ok(())
}

/// Remembers the topic's id where the row has none, under a claim that stands.
pub(crate) async fn remember_topic(
    state: &State,
    tp: &TopicPartition,
    claim: Claim,
    topic_id: &str,
) -> Result<(), SinkError> {
    let _turn = state.turn.lock().await;
    let values = (
        topic_id,
        &state.sink,
        &*tp.topic,
        tp.partition,
        claim.epoch.0,
        uuid_of(claim.owner),
    );
    execute(state, &state.statements.remember_topic, &values).await?;
    Ok(())
}

/// A row, and how long ago its owner showed a sign of life, which is kept elsewhere.
struct Seen {
    row: Row,
    heartbeat_age: Option<Duration>,
}

impl Seen {
    /// For a claim, which fences a live owner too.
    fn of_row(row: Row) -> Self {
        Self {
            row,
            heartbeat_age: None,
        }
    }
}

impl Owned for Seen {
    fn ownership(&self) -> Ownership {
        let name = self.row.owner.and(self.row.owner_name.clone());
        Ownership {
            identity: Some(self.row.identity()),
            owner: name.zip(self.heartbeat_age),
        }
    }
}

async fn seen(state: &State, tp: &TopicPartition) -> Result<Option<Seen>, SinkError> {
    let Some(row) = read(state, tp).await? else {
        return Ok(None);
    };
    let heartbeat_age = match row.owner {
        Some(owner) => positions::heartbeats(state).await?.get(&owner).copied(),
        None => None,
    };
    Ok(Some(Seen { row, heartbeat_age }))
}

/// Makes a position by hand, where none stands; says whether it did.
async fn make(state: &State, change: &PositionChange, to: Position) -> Result<bool, SinkError> {
    let tp = &change.tp;
    let start = NewPosition {
        tp: tp.clone(),
        position: to,
        topic_id: change.topic_id.clone(),
        high_watermark: change.high_watermark,
    };
    // What an earlier life left behind must not be taken for this one's.
    let noted = starts::noted(state, tp).await?;
    let after = starts::latest_generation(state, tp, noted).await?;
    if noted.is_some() {
        let act = Act::Moved {
            stood_at: None,
            began_at: None,
            to: to.offset(),
            anew: change.is_anew(),
        };
        let first = Generation::first(0, Position::ZERO).number;
        acts::note(state, tp, after + first, act).await?;
    }
    let made = insert(state, &change.identity, &[&start], after).await?;
    if made {
        starts::note(state, tp).await?;
    }
    Ok(made)
}

/// Changes a position by hand and fences the owner: a new generation, whose
/// writes win over all that were ever written.
pub(crate) async fn set(
    state: &State,
    change: &PositionChange,
    rewind_ms: i64,
) -> Result<SetOutcome, SinkError> {
    let PositionChange { tp, identity, .. } = change;
    let _turn = state.turn.lock().await;
    for _ in 0..ROUNDS {
        let row = match setting(seen(state, tp).await?, &state.sink, change)? {
            Setting::Refused(outcome) => return Ok(outcome),
            Setting::Change(Seen { row, .. }) => row,
            Setting::Make(to) => match make(state, change, to).await? {
                true => return Ok(SetOutcome::Set { before: None }),
                false => continue,
            },
        };
        let stored = positions::read(state, tp, row.generation).await?;
        let (begin, reached) = begin(&row, stored.as_ref(), rewind_ms);
        // Where it stays, it stays where a claim would have begun.
        let floor = change.to.unwrap_or(begin);
        let next = row.generation().following(
            reached.max(change.high_watermark),
            now_us(),
            change.high_watermark,
        );
        let act = change.to.map(|to| Act::Moved {
            stood_at: Some(reached.offset()),
            began_at: Some(row.start_offset),
            to: to.offset(),
            anew: change.is_anew(),
        });
        if let Some(act) = act {
            acts::note(state, tp, next.number, act).await?;
        }
        let values = (
            row.epoch + 1,
            &identity.group_id,
            &identity.cluster_id,
            &change.topic_id,
            next.number,
            next.base,
            floor.offset(),
            row.start_offset.min(floor.offset()),
            &state.sink,
            &*tp.topic,
            tp.partition,
            row.epoch,
        );
        if applied(execute(state, &state.statements.set, &values).await?)? {
            starts::note(state, tp).await?;
            if let Some(act) = act {
                // Another may have noted its own under the same number, and lost.
                acts::note(state, tp, next.number, act).await?;
            }
            return Ok(SetOutcome::Set {
                before: Some(reached),
            });
        }
    }
    Err(contended())
}

/// The window as the protocol counts it.
pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
