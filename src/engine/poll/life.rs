//! A partition's lives: it begins at the position that its claim returned, and
//! begins anew at the stored one.

use super::earlier::{STOP_RETRY, Turn};
use super::partition::{Live, Partition, Phase};
use super::partitions::PartitionId;
use super::stall::Stall;
use super::unapplied::Unapplied;
use super::{ASSIGN_RETRY, Poll, QUEUED_BATCHES};
use crate::engine::assignment::{Generation, lease};
use crate::engine::control::RestartReason;
use crate::engine::request::ClaimRequest;
use crate::engine::standing::Stand;
use crate::engine::writer::Writer;
use crate::health::{About, Halt, Until};
use crate::metrics::{self as names, PartitionMetrics};
use metrics::counter;
use plimsoll_protocol::Guard;
use plimsoll_protocol::lifecycle::{Act, Heard};
use plimsoll_record::Filling;
use plimsoll_sink_api::{Claimed, Sink};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::channel;
use tracing::warn;

impl<S: Sink> Poll<S> {
    /// Consumes a partition from the position that its claim returned.
    pub(super) fn begin(&mut self, id: PartitionId, claimed: &Claimed) {
        let setup = &self.setup;
        let Some(part) = self.partitions.get_mut(id) else {
            return;
        };
        // While librdkafka has not forgotten the earlier life, its position is of
        // that one, and an error may have moved it.
        if self.member.position(&part.tp).is_some() {
            return not_ready(part, STOP_RETRY);
        }
        let arrivals = match self.member.begin(&part.tp, claimed.position) {
            Ok(arrivals) => arrivals,
            Err(error) => {
                warn!(sink = setup.lane.name, topic = %part.tp.topic, partition = part.tp.partition, "not assigned: {error}");
                return not_ready(part, ASSIGN_RETRY);
            }
        };
        // The life before may have ended in a pause.
        if let Err(error) = self.member.resume(&part.tp) {
            warn!(sink = setup.lane.name, topic = %part.tp.topic, partition = part.tp.partition, "not resumed: {error}");
        }
        let (lease, leased) = lease();
        part.lease = lease;
        let (batches, receiver) = channel(QUEUED_BATCHES);
        let writer = Writer::new(
            setup.lane.clone(),
            part.tp.clone(),
            part.generation,
            leased,
            claimed,
        );
        setup.runtime.spawn(writer.run(receiver));
        let metrics = PartitionMetrics::new(&setup.lane.name, &part.tp);
        metrics.position.set(claimed.position.offset() as f64);
        part.phase = Phase::Live(Box::new(Live {
            arrivals,
            guard: Guard::new(claimed.position),
            filling: Filling::new(setup.budget.clone()),
            batches,
            sealed: claimed.position,
            committed: claimed.position,
            unapplied: Unapplied::default(),
            born: self.windows,
            failed: None,
            paused: false,
            due: false,
            stall: Stall::default(),
            metrics,
        }));
        // Kafka has answered, by the fetch before the claim was used: an error that comes
        // now is the first of its row.
        if part.refused.take().is_some() {
            part.failures = 0;
        }
        let lane = &setup.lane;
        lane.health.begins(&lane.name, &part.tp, claimed.position);
        setup.standing.begin(
            &part.tp,
            Stand {
                position: claimed.position,
                topic_id: claimed.topic_id.as_deref().map(Into::into),
            },
        );
        if !self.may_fetch() {
            self.pause(id);
        }
    }

    /// Lets the records of all come by their queue.
    pub(super) fn forward(&self) {
        for part in self.partitions.iter() {
            if let Phase::Live(live) = &part.phase {
                self.member.forward(&live.arrivals);
            }
        }
    }

    /// Ready, as far as this sink goes: all that was assigned is claimed.
    pub(super) fn note_claimed(&self) {
        let claiming = self
            .partitions
            .iter()
            .any(|p| matches!(p.phase, Phase::Claiming));
        if self.assigned_once && !claiming {
            self.setup.lane.health.claimed(&self.setup.lane.name);
        }
    }

    /// What is assigned, and what of it is not consumed yet.
    pub(super) fn note_claiming(&self) {
        let (sink, health) = (&self.setup.lane.name, &self.setup.lane.health);
        health.holds(sink, self.partitions.len());
        for part in self.partitions.iter() {
            match &part.phase {
                Phase::Claiming | Phase::BackingOff(_) => {
                    let what = "assigned, and the claim has not gone through; it waits for the \
                                database, or for what Kafka says of the log";
                    let about = About::Claiming(part.tp.clone());
                    health.trouble(sink, about, "", what.to_owned());
                }
                Phase::Live(_) | Phase::Draining => {
                    health.over(sink, &About::Claiming(part.tp.clone()));
                }
            }
        }
    }

    /// Stops a partition and says why; after a while it is tried again.
    pub(super) fn halt(&mut self, id: PartitionId, halt: Halt, after: Duration) {
        let Some(part) = self.partitions.get_mut(id) else {
            return;
        };
        if halt.until == Until::Fetched {
            part.refused = Some(halt.reason.clone());
        }
        let lane = &self.setup.lane;
        lane.health.halt(&lane.name, &part.tp, halt);
        self.restart(id, RestartReason::Halted, after);
    }

    /// Forgets what is in memory of a partition; after a while it is claimed and
    /// consumed from the stored position, as a new life.
    pub(super) fn restart(&mut self, id: PartitionId, reason: RestartReason, after: Duration) {
        let Some(part) = self.partitions.get_mut(id) else {
            return;
        };
        let lane = &self.setup.lane;
        counter!(names::RESTARTS, "sink" => lane.name.clone(), "reason" => reason.as_str())
            .increment(1);
        self.generations += 1;
        part.generation = Generation(self.generations);
        part.lease = lease().0;
        part.phase = Phase::BackingOff(Instant::now() + after);
        let tp = part.tp.clone();
        self.unassign(&[tp]);
    }

    /// Asks for the claims of partitions that have backed off for long enough.
    pub(super) fn claim_due(&mut self, now: Instant) {
        for part in self.partitions.iter_mut() {
            let due = matches!(part.phase, Phase::BackingOff(until) if now >= until);
            if !due || part.act(Heard::Due) != Act::Claim {
                continue;
            }
            // A claim fences somebody: it is made when it can be used.
            match part.earlier.look(self.member.position(&part.tp)) {
                Turn::Claim => {}
                Turn::Wait => {
                    not_ready(part, STOP_RETRY);
                    continue;
                }
                Turn::StopAgain(stands) => {
                    not_ready(part, STOP_RETRY);
                    if let Err(error) = self.member.begin_and_stop(&part.tp, stands) {
                        let sink = &self.setup.lane.name;
                        warn!(sink, topic = %part.tp.topic, partition = part.tp.partition, "not stopped again: {error}");
                    }
                    continue;
                }
            }
            let (new, leased) = lease();
            part.lease = new;
            part.phase = Phase::Claiming;
            let request = ClaimRequest {
                tp: part.tp.clone(),
                generation: part.generation,
                leased,
                refused: part.refused.clone(),
            };
            // The claims' task ends only after this thread.
            let _ = self.setup.claims.send(request);
        }
    }
}

/// librdkafka cannot begin the partition now: this life is tried again after a while.
fn not_ready(part: &mut Partition, after: Duration) {
    if part.act(Heard::NotReady) == Act::Wait {
        part.phase = Phase::BackingOff(Instant::now() + after);
    }
}
