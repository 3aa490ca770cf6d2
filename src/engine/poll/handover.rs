//! Partitions come and go, and are left behind at the end.

use super::partition::{Partition, Phase};
use super::partitions::PartitionId;
use super::{Poll, Revocation};
use crate::config::leaves_out;
use crate::engine::assignment::Generation;
use crate::kafka::Rebalance;
use plimsoll_protocol::TopicPartition;
use plimsoll_protocol::lifecycle::{Act, Heard};
use plimsoll_sink_api::Sink;
use std::time::Instant;
use tracing::{debug, info, warn};

impl<S: Sink> Poll<S> {
    pub(super) fn rebalance(&mut self, rebalance: Rebalance) {
        let sink = self.setup.lane.name.clone();
        match rebalance {
            Rebalance::Assigned(mut partitions) => {
                // The group's coordinator gives what matches; nothing but the
                // assignment says which topics are Kafka's own.
                let pattern = self.setup.subscription.iter().find(|s| s.starts_with('^'));
                if let Some(pattern) = pattern {
                    partitions.retain(|tp| !leaves_out(pattern, &tp.topic));
                }
                info!(sink, partitions = partitions.len(), "assigned");
                // Nothing is consumed before it is claimed; the member stays in
                // the group meanwhile, however long the database is away.
                if let Err(error) = self.member.acknowledge_assignment() {
                    warn!(sink, "assignment not acknowledged: {error}");
                }
                partitions.into_iter().for_each(|tp| self.give(tp));
                self.assigned_once = true;
                self.claim_due(Instant::now());
            }
            Rebalance::Revoked(partitions) => {
                info!(sink, partitions = partitions.len(), "revoked");
                self.drain(&partitions);
                self.revocations.push(Revocation {
                    partitions,
                    deadline: Instant::now() + self.setup.drain,
                });
                self.finish_revocations(Instant::now());
            }
            Rebalance::Lost(partitions) => {
                warn!(sink, partitions = partitions.len(), "lost");
                self.lose(&partitions);
            }
        }
    }

    /// The coordinator gives a partition.
    fn give(&mut self, tp: TopicPartition) {
        // Given back before it had left: a new life, and no revocation may end it.
        for revocation in &mut self.revocations {
            revocation.partitions.retain(|p| *p != tp);
        }
        if let Some((id, act)) = self.heard(&tp, Heard::Assigned) {
            if act != Act::Replace {
                return;
            }
            self.forget(id);
            self.unassign(std::slice::from_ref(&tp));
        }
        self.generations += 1;
        let generation = Generation(self.generations);
        self.partitions
            .insert(Partition::new(tp, generation, Instant::now()));
    }

    /// Partitions are somebody else's now.
    pub(super) fn lose(&mut self, partitions: &[TopicPartition]) {
        for tp in partitions {
            if let Some((id, Act::Forget)) = self.heard(tp, Heard::Lost) {
                self.forget(id);
            }
        }
        self.unassign(partitions);
    }

    /// Lets writers finish what is in flight; the rest is forgotten.
    pub(super) fn drain(&mut self, partitions: &[TopicPartition]) {
        for tp in partitions {
            let Some((id, act)) = self.heard(tp, Heard::Revoked) else {
                continue;
            };
            self.pause(id);
            match act {
                Act::Drain => {
                    if let Some(part) = self.partitions.get_mut(id) {
                        part.lease.leave();
                        part.phase = Phase::Draining;
                    }
                }
                Act::Forget => self.forget(id),
                Act::Ignore
                | Act::Begin
                | Act::Replace
                | Act::Claim
                | Act::Consume
                | Act::Acknowledge
                | Act::BackOff
                | Act::Wait
                | Act::Hasten => {}
            }
        }
    }

    /// Grants revocations whose partitions are drained, or whose time is over.
    pub(super) fn finish_revocations(&mut self, now: Instant) {
        let parts = &self.partitions;
        let (ready, waiting) =
            std::mem::take(&mut self.revocations)
                .into_iter()
                .partition(|r: &Revocation| {
                    let held = |tp: &TopicPartition| parts.id_of(tp).is_some();
                    now >= r.deadline || !r.partitions.iter().any(held)
                });
        self.revocations = waiting;
        for revocation in ready {
            self.lose(&revocation.partitions);
        }
    }

    /// Ends a partition's life: its writer's lease is gone with it.
    pub(super) fn forget(&mut self, id: PartitionId) {
        let Some(part) = self.partitions.remove(id) else {
            return;
        };
        self.setup.standing.remove(&part.tp);
        self.setup
            .lane
            .health
            .leaves(&self.setup.lane.name, &part.tp);
    }

    /// Takes partitions out of the local assignment.
    pub(super) fn unassign(&self, partitions: &[TopicPartition]) {
        if let Err(error) = self.member.stop(partitions) {
            warn!(sink = self.setup.lane.name, "not unassigned: {error}");
        }
    }

    pub(super) fn stop(&mut self) {
        if self.stopping.is_none() {
            self.stopping = Some(Instant::now() + self.setup.drain);
            let all: Vec<_> = self.partitions.iter().map(|p| p.tp.clone()).collect();
            self.drain(&all);
        }
    }

    pub(super) fn drained(&self) -> bool {
        self.stopping
            .is_some_and(|deadline| self.partitions.is_empty() || Instant::now() >= deadline)
    }

    /// Ends all lives after an error that is for good. librdkafka (2.12.1) never comes
    /// to an end with a client that has met one, neither closing nor destroying it,
    /// and takes a whole core meanwhile. So the client is left as it is: the process
    /// ends next, and its member is missed as a dead one's is.
    pub(super) fn abandon(mut self) {
        self.partitions.clear();
        std::mem::forget(self);
    }

    /// Leaves the group. Closing can hang in librdkafka: whoever waits for this
    /// thread has a deadline.
    pub(super) fn leave(mut self) {
        self.tell_kafka();
        self.partitions.clear();
        // A sink that is stopped and goes on later shows nothing meanwhile.
        self.publish();
        if let Err(error) = self.member.leave() {
            debug!(sink = self.setup.lane.name, "leaving: {error}");
        }
    }
}
