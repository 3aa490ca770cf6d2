//! How far everything was acknowledged, and signs of life.

use crate::claims::{self, execute, uuid_of};
use crate::error::Failure;
use crate::owned::Held;
use crate::state::State;
use futures_util::{StreamExt, TryStreamExt, stream};
use plimsoll_protocol::{Class, Mark, Marks, Position, TopicPartition};
use plimsoll_sink_api::{Batch, Fingerprint, Member, Secret, SinkError, StoredPosition};
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::QueryResult;
use scylla::value::CqlTimestamp;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// Rows read at once when all positions are listed.
const READS: usize = 32;

/// A row of `positions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) position: Position,
    pub(crate) marks: Vec<Mark>,
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) leader_epoch: Option<i32>,
    pub(crate) moved_age: Option<Duration>,
}

/// An answer that is not of the tables' shape.
pub(crate) fn unreadable(error: impl std::fmt::Display) -> SinkError {
    let mut halted = SinkError::new(Class::Halt, "plimsoll's tables have another shape")
        .hint("compare them with those of \"plimsoll migrate --print\": somebody has changed them");
    halted.detail.text = Secret::new(error.to_string());
    halted
}

/// All rows of an answer.
pub(crate) fn rows<R>(result: QueryResult) -> Result<Vec<R>, Failure>
where
    R: for<'f> DeserializeRow<'f, 'f>,
{
    let failed = |error: SinkError| Failure {
        error,
        busy: false,
        cut: false,
    };
    let rows = result
        .into_rows_result()
        .map_err(|e| failed(unreadable(e)))?;
    rows.rows::<R>()
        .map_err(|e| failed(unreadable(e)))?
        .map(|row| row.map_err(|e| failed(unreadable(e))))
        .collect()
}

/// A clock that was set back makes no age negative.
pub(crate) fn age(then: CqlTimestamp, now: CqlTimestamp) -> Duration {
    Duration::from_millis(now.0.saturating_sub(then.0).try_into().unwrap_or(0))
}

/// As selected: position, marks, fingerprint's offset and hash, leader epoch,
/// when it moved, now.
type Selected = (
    i64,
    Option<Vec<(i64, i64)>>,
    Option<i64>,
    Option<i64>,
    Option<i32>,
    Option<CqlTimestamp>,
    CqlTimestamp,
);

/// The position of a generation; none before its first batch.
pub(crate) async fn read(
    state: &State,
    tp: &TopicPartition,
    generation: i64,
) -> Result<Option<Stored>, Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition, generation);
    let result = execute(state, &state.statements.position, &values).await?;
    let found: Vec<Selected> = rows(result)?;
    let Some((next, marks, offset, hash, leader_epoch, moved, now)) = found.into_iter().next()
    else {
        return Ok(None);
    };
    let place = |offset: i64| {
        Position::new(offset).map_err(|e| Failure {
            error: unreadable(e),
            busy: false,
            cut: false,
        })
    };
    let marks = marks
        .unwrap_or_default()
        .into_iter()
        .map(|(offset, at_ms)| {
            Ok(Mark {
                position: place(offset)?,
                at_ms,
            })
        })
        .collect::<Result<_, Failure>>()?;
    Ok(Some(Stored {
        position: place(next)?,
        marks,
        fingerprint: offset
            .zip(hash)
            .map(|(offset, hash)| Fingerprint { offset, hash }),
        leader_epoch,
        moved_age: moved.map(|moved| age(moved, now)),
    }))
}

/// Moves the position, once every row below it was acknowledged. Its write
/// timestamp is the position itself: of two writers the farther one counts, and
/// both tell the truth.
pub(crate) async fn advance<P>(
    state: &State,
    tp: &TopicPartition,
    held: &Held,
    batch: &Batch<'_, P>,
    marks: &Marks,
) -> Result<(), Failure> {
    let list: Vec<(i64, i64)> = marks
        .list()
        .iter()
        .map(|mark| (mark.position.offset(), mark.at_ms))
        .collect();
    let to = batch.span.to().offset();
    // Unset leaves what is stored.
    let kept = |value: Option<i64>| scylla::value::MaybeUnset::from_option(value);
    let values = (
        &state.sink,
        &*tp.topic,
        tp.partition,
        held.generation.number,
        to,
        list,
        kept(batch.marks.fingerprint.map(|f| f.offset)),
        kept(batch.marks.fingerprint.map(|f| f.hash)),
        scylla::value::MaybeUnset::from_option(batch.marks.leader_epoch),
        to,
    );
    execute(state, &state.statements.advance, &values).await?;
    Ok(())
}

/// A sign of life.
pub(crate) async fn heartbeat(state: &State, member: &Member) -> Result<(), Failure> {
    let values = (&state.sink, uuid_of(member.owner));
    execute(state, &state.statements.heartbeat, &values).await?;
    Ok(())
}

/// Since each process's last sign of life, by the database's clock.
pub(crate) async fn heartbeats(state: &State) -> Result<HashMap<Uuid, Duration>, Failure> {
    let result = execute(state, &state.statements.heartbeats, &(&state.sink,)).await?;
    let found: Vec<(Uuid, CqlTimestamp, CqlTimestamp)> = rows(result)?;
    Ok(found
        .into_iter()
        .map(|(owner, at, now)| (owner, age(at, now)))
        .collect())
}

/// All positions of the sink. A claim that `lost` says this process has
/// forgotten shows no owner: the owner looks, finds that it is none, and claims
/// again.
pub(crate) async fn list(
    state: &State,
    lost: impl Fn(&claims::Row) -> bool,
) -> Result<Vec<StoredPosition>, Failure> {
    let ages = heartbeats(state).await?;
    let rows = claims::list(state).await?;
    let keys: Vec<(TopicPartition, i64)> = rows.iter().map(|r| (r.tp(), r.generation)).collect();
    let stored: Vec<Option<Stored>> = stream::iter(keys)
        .map(|(tp, generation)| async move { read(state, &tp, generation).await })
        .buffered(READS)
        .try_collect()
        .await?;
    Ok(rows
        .into_iter()
        .zip(stored)
        .map(|(row, stored)| StoredPosition {
            tp: row.tp(),
            position: stored.as_ref().map_or(row.floor(), |s| s.position),
            epoch: row.epoch,
            owner: row.owner_name.clone().filter(|_| !lost(&row)),
            identity: Some(row.identity()),
            topic_id: row.topic_id.clone(),
            fingerprint: stored.as_ref().and_then(|s| s.fingerprint),
            leader_epoch: stored.as_ref().and_then(|s| s.leader_epoch),
            heartbeat_age: row.owner.and_then(|owner| ages.get(&owner).copied()),
            moved_age: stored.and_then(|s| s.moved_age),
        })
        .collect())
}
