//! What operators did by hand, noted before it is done: what is not done then is of a
//! generation that never was, and does not count.

use crate::claims::{self, execute};
use crate::error::Failure;
use crate::positions::rows;
use crate::state::State;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::Act;
use std::collections::BTreeMap;

/// A move has no span of its own.
const NO_OFFSET: i64 = -1;

/// Notes what makes a generation, or is done under it. Safe to repeat.
pub(crate) async fn note(
    state: &State,
    tp: &TopicPartition,
    generation: i64,
    act: Act,
) -> Result<(), Failure> {
    let kept = act.kept();
    let values = (
        &state.sink,
        &*tp.topic,
        tp.partition,
        generation,
        kept.kind,
        kept.from.unwrap_or(NO_OFFSET),
        kept.stood_at,
        kept.began_at,
        kept.to,
    );
    execute(state, &state.statements.act, &values).await?;
    Ok(())
}

/// As selected: generation, kind, from, stood at, began at, to.
type Selected = (i64, String, i64, Option<i64>, Option<i64>, Option<i64>);

/// All of the sink's partitions that have any, in the order in which they were done.
pub(crate) async fn list(state: &State) -> Result<BTreeMap<TopicPartition, Vec<Act>>, Failure> {
    let mut all = BTreeMap::new();
    for claim in claims::list(state).await? {
        let tp = claim.tp();
        let values = (&state.sink, &*tp.topic, tp.partition);
        let found = execute(state, &state.statements.acts, &values).await?;
        let mut found: Vec<Selected> = rows(found)?;
        if found.is_empty() {
            continue;
        }
        let reached = execute(state, &state.statements.reached, &values).await?;
        let reached: BTreeMap<i64, i64> = rows(reached)?.into_iter().collect();
        // What makes a generation comes before what is done under it.
        found.sort_by_key(|act| (act.0, act.2 != NO_OFFSET));
        let acts = found.into_iter().filter_map(|act| {
            let (generation, kind, from, stood_at, began_at, to) = act;
            let of_before = reached.range(..generation).next_back().map(|(_, at)| *at);
            // Whoever was at work then may have come further before it noticed.
            let stood_at = match from == NO_OFFSET {
                true => stood_at.map(|at| at.max(of_before.unwrap_or(at))),
                false => stood_at,
            };
            let act = Act::read(&kind, stood_at, began_at, Some(from), to?)?;
            (generation <= claim.generation).then_some(act)
        });
        all.insert(tp, acts.collect());
    }
    Ok(all)
}
