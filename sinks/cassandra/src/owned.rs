//! What this process holds: its claims, and what it remembers of its way.

use plimsoll_protocol::{Claim, Generation, Marks, Position, TopicPartition};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A claim of this process.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) claim: Claim,
    pub(crate) generation: Generation,
    /// The generation has a row in `positions`, and that is noted.
    pub(crate) positioned: bool,
    /// Where the next batch begins.
    pub(crate) position: Position,
    pub(crate) marks: Marks,
}

/// The claims of this process. When connections break, all are forgotten: what
/// the server had acknowledged last may be lost, and only a new claim begins low
/// enough to write it again.
#[derive(Debug, Default)]
pub(crate) struct Owned(Mutex<HashMap<TopicPartition, Held>>);

impl Owned {
    fn lock(&self) -> MutexGuard<'_, HashMap<TopicPartition, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, tp: TopicPartition, held: Held) {
        self.lock().insert(tp, held);
    }

    /// The claim, if it is still held and stands there.
    pub(crate) fn held(&self, tp: &TopicPartition, claim: Claim, at: Position) -> Option<Held> {
        let held = self.lock().get(tp).cloned()?;
        (held.claim == claim && held.position == at).then_some(held)
    }

    /// The generation of a claim that is still held, wherever it stands.
    pub(crate) fn generation(&self, tp: &TopicPartition, claim: Claim) -> Option<Generation> {
        let owned = self.lock();
        let held = owned.get(tp).filter(|held| held.claim == claim);
        held.map(|held| held.generation)
    }

    /// Everything below `position` was acknowledged, and the position is
    /// written and noted.
    pub(crate) fn advance(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        position: Position,
        marks: Marks,
    ) {
        if let Some(held) = self.lock().get_mut(tp)
            && held.claim == claim
        {
            held.position = position;
            held.positioned = true;
            held.marks = marks;
        }
    }

    /// Whether a claim is still held.
    pub(crate) fn holds(&self, tp: &TopicPartition, claim: Claim) -> bool {
        self.lock().get(tp).is_some_and(|held| held.claim == claim)
    }

    pub(crate) fn remove(&self, tp: &TopicPartition, claim: Claim) {
        let mut owned = self.lock();
        if owned.get(tp).is_some_and(|held| held.claim == claim) {
            owned.remove(tp);
        }
    }

    /// Connections broke; says how many claims that ended.
    pub(crate) fn cut(&self) -> usize {
        std::mem::take(&mut *self.lock()).len()
    }
}
