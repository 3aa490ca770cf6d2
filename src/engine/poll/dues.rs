//! Which batches are to be handed over, without a look at those that are not.

use super::partitions::PartitionId;
use std::collections::VecDeque;
use std::time::Instant;

/// How often a batch is tried whose writer had no room, before it is left until the writer
/// has committed. A writer says so just before it takes the next batch.
const TRIES: u8 = 3;

/// Batches that fill, and batches that wait for their writers.
#[derive(Debug, Default)]
pub struct Dues {
    /// Each with the time of its first record. All may get equally old, so that the first one
    /// is due first. Some were handed over already.
    filling: VecDeque<(Instant, PartitionId)>,
    /// Due, and the writer may have room now.
    tried: Vec<(PartitionId, u8)>,
}

impl Dues {
    /// A batch has its first record.
    pub fn begins(&mut self, since: Instant, id: PartitionId) {
        self.filling.push_back((since, id));
    }

    /// The oldest that fills.
    #[must_use]
    pub fn oldest(&self) -> Option<(Instant, PartitionId)> {
        self.filling.front().copied()
    }

    /// The oldest is due, or handed over already.
    pub fn pass_oldest(&mut self) {
        self.filling.pop_front();
    }

    /// The writer of one that is due may have room.
    pub fn has_room(&mut self, id: PartitionId) {
        self.tried.push((id, 0));
    }

    /// It had none.
    pub fn had_no_room(&mut self, id: PartitionId, tries: u8) {
        if tries < TRIES {
            self.tried.push((id, tries + 1));
        }
    }

    /// Those that are to be tried now, and how often they were.
    #[must_use]
    pub fn take_tried(&mut self) -> Vec<(PartitionId, u8)> {
        std::mem::take(&mut self.tried)
    }
}
