//! Batches are closed and handed over; partitions without room are paused.

use super::partition::{Live, Phase};
use super::partitions::PartitionId;
use super::{GRACE, Poll, TICK};
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::Span;
use plimsoll_record::{Fill, Filling};
use plimsoll_sink_api::Sink;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;
use tokio::sync::mpsc::error::TrySendError;
use tracing::warn;

impl<S: Sink> Poll<S> {
    pub(super) fn fill(&self, id: PartitionId, now: Instant) -> Fill {
        self.live(id).map_or(Fill::Empty, |live| {
            let f = &live.filling;
            let limits = self.setup.limits;
            limits.fill(f.len(), f.bytes(), f.since(), now)
        })
    }

    /// Closes batches that are due, where the writer has room: those that are old enough,
    /// and all where memory is spent.
    pub(super) fn seal_due(&mut self, now: Instant) {
        let spent = self.setup.budget.spent();
        while let Some((since, id)) = self.dues.oldest() {
            let fills = self.since(id) == Some(since);
            if fills && !spent && matches!(self.fill(id, now), Fill::Waiting(_)) {
                break;
            }
            self.dues.pass_oldest();
            if fills {
                self.try_seal(id, 0);
            }
        }
        for (id, tries) in self.dues.take_tried() {
            let due = |live: &Live| live.due && !live.filling.is_empty();
            if self.live(id).is_some_and(due) {
                self.try_seal(id, tries);
            }
        }
    }

    fn try_seal(&mut self, id: PartitionId, tries: u8) {
        if !self.seal(id) {
            self.dues.had_no_room(id, tries);
        }
    }

    fn live(&self, id: PartitionId) -> Option<&Live> {
        match &self.partitions.get(id)?.phase {
            Phase::Live(live) => Some(live),
            Phase::BackingOff(_) | Phase::Claiming | Phase::Draining => None,
        }
    }

    /// When the first record came of the batch that fills.
    fn since(&self, id: PartitionId) -> Option<Instant> {
        self.live(id)?.filling.since()
    }

    /// A partition's batch is full: hands it over, or waits a little, or pauses
    /// the partition.
    pub(super) fn make_room(&mut self, id: PartitionId) {
        let life = |poll: &Self| poll.partitions.get(id).map(|part| part.generation);
        let full = life(self);
        let deadline = Instant::now() + GRACE;
        loop {
            // A control may have ended that life meanwhile.
            if life(self) != full {
                return;
            }
            // Sealed among those that were due: nothing to wait for, and
            // nothing that would resume a pause.
            if self.fill(id, Instant::now()) != Fill::Full || self.seal(id) {
                return;
            }
            let now = Instant::now();
            if now >= deadline {
                self.pause(id);
                return;
            }
            match self
                .setup
                .controls
                .recv_timeout((deadline - now).min(TICK * 2))
            {
                Ok(control) => self.control(control),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.seal_due(now);
        }
    }

    /// Closes the batch of a partition and hands it to the writer; false when
    /// there is no room.
    pub(super) fn seal(&mut self, id: PartitionId) -> bool {
        let Some(part) = self.partitions.get_mut(id) else {
            return true;
        };
        let Phase::Live(live) = &mut part.phase else {
            return true;
        };
        let permit = match live.batches.try_reserve() {
            Ok(permit) => permit,
            Err(TrySendError::Full(())) => {
                live.due = !live.filling.is_empty();
                return false;
            }
            Err(TrySendError::Closed(())) => {
                // The writer has ended and says why in a moment; nothing of
                // what is here will be used.
                live.filling = Filling::new(self.setup.budget.clone());
                return true;
            }
        };
        // The consumer stands behind all that was popped, whether it was taken
        // from the window or still waits there.
        if !self.in_window
            && let Some(position) = self.member.position(&part.tp)
        {
            live.guard.pass(position);
        }
        // Every message taken so far is in a batch or was below: nothing is held
        // back, and the guard is where the next batch begins.
        let Some(span) = Span::new(live.sealed, live.guard.next()) else {
            return true;
        };
        live.unapplied
            .sealed(span.to(), live.filling.first_timestamp());
        let chunk = live.filling.seal(span);
        live.metrics.records.increment(chunk.len() as u64);
        live.metrics.bytes.increment(chunk.payload_bytes() as u64);
        live.sealed = span.to();
        live.due = false;
        permit.send(chunk);
        if live.paused && self.may_fetch() {
            self.resume(id);
        }
        true
    }

    /// An idle partition's position may have moved over markers of
    /// transactions: a commit without rows.
    pub(super) fn pass_markers(&mut self) {
        for id in self.partitions.ids() {
            if let Some(part) = self.partitions.get(id)
                && let Phase::Live(live) = &part.phase
                && live.filling.is_empty()
                && self
                    .member
                    .position(&part.tp)
                    .is_some_and(|p| p > live.sealed)
            {
                self.seal(id);
            }
        }
    }

    pub(super) fn budget(&mut self) {
        if !self.budget_paused && self.setup.budget.spent() {
            self.budget_paused = true;
            self.partitions
                .ids()
                .into_iter()
                .for_each(|id| self.pause(id));
        } else if self.budget_paused && self.setup.budget.relaxed() {
            self.budget_paused = false;
            self.resume_all();
        }
    }

    pub(super) fn pause(&mut self, id: PartitionId) {
        if let Some(part) = self.partitions.get_mut(id)
            && let Phase::Live(live) = &mut part.phase
            && !live.paused
        {
            live.paused = true;
            counter!(names::PAUSES, "sink" => self.setup.lane.name.clone()).increment(1);
            if let Err(error) = self.member.pause(&part.tp) {
                warn!(
                    sink = self.setup.lane.name, topic = %part.tp.topic, partition = part.tp.partition,
                    "not paused: {error}"
                );
            }
        }
    }

    pub(super) fn resume(&mut self, id: PartitionId) {
        if let Some(part) = self.partitions.get_mut(id)
            && let Phase::Live(live) = &mut part.phase
            && live.paused
        {
            live.paused = false;
            if let Err(error) = self.member.resume(&part.tp) {
                warn!(
                    sink = self.setup.lane.name, topic = %part.tp.topic, partition = part.tp.partition,
                    "not resumed: {error}"
                );
            }
        }
    }
}
