//! Which partitions were given a start, and which of them had a position: kept
//! apart from claims and positions, so that what is lost is not begun again.

use crate::claims::{self, execute};
use crate::error::Failure;
use crate::positions::rows;
use crate::state::State;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::Settled;
use std::collections::BTreeMap;

/// All of the sink. A claim without a start is of a binary that kept none.
pub(crate) async fn settled(state: &State) -> Result<Vec<Settled>, Failure> {
    let result = execute(state, &state.statements.starts, &(&state.sink,)).await?;
    let starts: Vec<(String, i32)> = rows(result)?;
    let claimed = claims::list(state).await?;
    let mut all: BTreeMap<TopicPartition, bool> = starts
        .iter()
        .map(|(topic, partition)| (TopicPartition::new(topic, *partition), false))
        .collect();
    all.extend(claimed.iter().map(|row| (row.tp(), true)));
    Ok(all
        .into_iter()
        .map(|(tp, stands)| Settled { tp, stands })
        .collect())
}

/// Notes that a partition was given a start. Safe to repeat.
pub(crate) async fn note(state: &State, tp: &TopicPartition) -> Result<(), Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition);
    execute(state, &state.statements.note_start, &values).await?;
    Ok(())
}

/// Notes that this generation has a row in `positions`. Of two the later
/// generation counts.
pub(crate) async fn note_position(
    state: &State,
    tp: &TopicPartition,
    generation: i64,
) -> Result<(), Failure> {
    let values = (
        generation,
        generation,
        &state.sink,
        &*tp.topic,
        tp.partition,
    );
    execute(state, &state.statements.note_position, &values).await?;
    Ok(())
}

/// Whether a partition is noted to have been given a start.
pub(crate) async fn is_noted(state: &State, tp: &TopicPartition) -> Result<bool, Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition);
    let result = execute(state, &state.statements.start, &values).await?;
    Ok(!rows::<(Option<i64>,)>(result)?.is_empty())
}

/// The latest generation that was noted to have a row in `positions`.
pub(crate) async fn positioned(state: &State, tp: &TopicPartition) -> Result<Option<i64>, Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition);
    let result = execute(state, &state.statements.start, &values).await?;
    let found: Vec<(Option<i64>,)> = rows(result)?;
    Ok(found
        .into_iter()
        .next()
        .and_then(|(generation,)| generation))
}

/// The latest generation of which anything is known; zero: of none.
pub(crate) async fn latest_generation(state: &State, tp: &TopicPartition) -> Result<i64, Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition);
    let result = execute(state, &state.statements.latest_generation, &values).await?;
    let stored: Vec<(i64,)> = rows(result)?;
    let stored = stored.into_iter().next().map(|(generation,)| generation);
    let noted = positioned(state, tp).await?;
    Ok(stored.max(noted).unwrap_or(0))
}
