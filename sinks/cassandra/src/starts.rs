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

/// What is noted of a partition that was given a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noted {
    /// The latest generation that had a row in `positions`.
    pub(crate) positioned: Option<i64>,
}

/// Whether a partition was given a start, and what is noted of it.
pub(crate) async fn noted(state: &State, tp: &TopicPartition) -> Result<Option<Noted>, Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition);
    let result = execute(state, &state.statements.start, &values).await?;
    let found: Vec<(Option<i64>,)> = rows(result)?;
    let noted = found.into_iter().next();
    Ok(noted.map(|(positioned,)| Noted { positioned }))
}

/// The latest generation of which anything is known; zero: of none.
pub(crate) async fn latest_generation(
    state: &State,
    tp: &TopicPartition,
    noted: Option<Noted>,
) -> Result<i64, Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition);
    let result = execute(state, &state.statements.latest_generation, &values).await?;
    let stored: Vec<(i64,)> = rows(result)?;
    let stored = stored.into_iter().next().map(|(generation,)| generation);
    Ok(stored.max(noted.and_then(|n| n.positioned)).unwrap_or(0))
}
