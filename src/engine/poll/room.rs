//! Batches are closed and handed over; partitions without room are paused.

use super::part::Phase;
use super::{GRACE, Poll, TICK};
use crate::kafka::{one, position_of};
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::Span;
use plimsoll_record::{Fill, Filling};
use plimsoll_sink_api::Sink;
use rdkafka::consumer::Consumer;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;
use tokio::sync::mpsc::error::TrySendError;
use tracing::warn;

impl<S: Sink> Poll<S> {
    pub(super) fn fill(&self, i: usize, now: Instant) -> Fill {
        match &self.parts[i].phase {
            Phase::Live(live) => {
                let f = &live.filling;
                let limits = self.setup.limits;
                limits.fill(f.len(), f.bytes(), f.since(), now)
            }
            Phase::BackingOff(_) | Phase::Claiming | Phase::Draining => Fill::Empty,
        }
    }

    /// Closes batches that are due, where the writer has room.
    pub(super) fn seal_due(&mut self, now: Instant) {
        let spent = self.setup.budget.spent();
        for i in 0..self.parts.len() {
            match self.fill(i, now) {
                // Nothing of it waits: no reason to stay paused.
                Fill::Empty if !self.budget_paused => self.resume(i),
                Fill::Empty => {}
                Fill::Waiting(_) if !spent => {}
                Fill::Waiting(_) | Fill::Due | Fill::Full => {
                    self.seal(i);
                }
            }
        }
    }

    /// A partition's batch is full: hands it over, or waits a little, or pauses
    /// the partition.
    pub(super) fn make_room(&mut self, i: usize) {
        let (tp, generation) = (self.parts[i].tp.clone(), self.parts[i].generation);
        let deadline = Instant::now() + GRACE;
        loop {
            // A control may have moved or ended the partition meanwhile.
            let Some(i) = self.find_life(&tp, generation) else {
                return;
            };
            // Sealed among those that were due: nothing to wait for, and
            // nothing that would resume a pause.
            if self.fill(i, Instant::now()) != Fill::Full || self.seal(i) {
                return;
            }
            let now = Instant::now();
            if now >= deadline {
                self.pause(i);
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
    pub(super) fn seal(&mut self, i: usize) -> bool {
        let part = &mut self.parts[i];
        let Phase::Live(live) = &mut part.phase else {
            return true;
        };
        let permit = match live.batches.try_reserve() {
            Ok(permit) => permit,
            Err(TrySendError::Full(())) => return false,
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
            && let Some(position) = position_of(&self.consumer, &part.tp)
        {
            live.guard.pass(position);
        }
        // Every message taken so far is in a batch or was below: nothing is held
        // back, and the guard is where the next batch begins.
        let Some(span) = Span::new(live.sealed, live.guard.next()) else {
            return true;
        };
        let chunk = live.filling.seal(span);
        live.metrics.records.increment(chunk.len() as u64);
        live.metrics.bytes.increment(chunk.payload_bytes() as u64);
        live.sealed = span.to();
        permit.send(chunk);
        if live.paused && !self.budget_paused {
            self.resume(i);
        }
        true
    }

    /// An idle partition's position may have moved over markers of
    /// transactions: a commit without rows.
    pub(super) fn pass_markers(&mut self) {
        for i in 0..self.parts.len() {
            if let Phase::Live(live) = &self.parts[i].phase
                && live.filling.is_empty()
                && position_of(&self.consumer, &self.parts[i].tp).is_some_and(|p| p > live.sealed)
            {
                self.seal(i);
            }
        }
    }

    pub(super) fn budget(&mut self) {
        if !self.budget_paused && self.setup.budget.spent() {
            self.budget_paused = true;
            (0..self.parts.len()).for_each(|i| self.pause(i));
        } else if self.budget_paused && self.setup.budget.relaxed() {
            self.budget_paused = false;
            (0..self.parts.len()).for_each(|i| self.resume(i));
        }
    }

    pub(super) fn pause(&mut self, i: usize) {
        let part = &mut self.parts[i];
        if let Phase::Live(live) = &mut part.phase
            && !live.paused
        {
            live.paused = true;
            counter!(names::PAUSES, "sink" => self.setup.lane.name.clone()).increment(1);
            if let Err(error) = self.consumer.pause(&one(&part.tp, None)) {
                warn!(
                    sink = self.setup.lane.name, topic = %part.tp.topic, partition = part.tp.partition,
                    "not paused: {error}"
                );
            }
        }
    }

    pub(super) fn resume(&mut self, i: usize) {
        let part = &mut self.parts[i];
        if let Phase::Live(live) = &mut part.phase
            && live.paused
        {
            live.paused = false;
            if let Err(error) = self.consumer.resume(&one(&part.tp, None)) {
                warn!(
                    sink = self.setup.lane.name, topic = %part.tp.topic, partition = part.tp.partition,
                    "not resumed: {error}"
                );
            }
        }
    }
}
