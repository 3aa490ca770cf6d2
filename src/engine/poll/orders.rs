//! What operators ask of a whole sink.

use super::partition::{Partition, Phase};
use super::{Poll, RestartReason};
use crate::fleet::{Part, PartitionState};
use plimsoll_protocol::TopicPartition;
use plimsoll_protocol::lifecycle::{Act, Heard};
use plimsoll_sink_api::Sink;
use std::time::{Duration, Instant};
use tracing::info;

impl<S: Sink> Poll<S> {
    /// Whether anything may be fetched: the sink is not paused, and there is memory.
    pub(super) fn may_fetch(&self) -> bool {
        !self.budget_paused && !self.held
    }

    /// Pauses the sink, or ends its pause. Its place in the group and its claims stay, and
    /// what was read before is committed. librdkafka's pause does not travel with a
    /// rebalance, so each life that begins meanwhile is paused by itself.
    pub(super) fn hold(&mut self, held: bool) {
        if std::mem::replace(&mut self.held, held) == held {
            return;
        }
        let sink = &self.setup.lane.name;
        match held {
            true => info!(sink, "paused"),
            false => info!(sink, "resumed"),
        }
        match held {
            true => self.pause_all(),
            false => self.resume_all(),
        }
    }

    fn pause_all(&mut self) {
        for id in self.partitions.ids() {
            self.pause(id);
        }
    }

    /// Fetches again, where that may be.
    pub(super) fn resume_all(&mut self) {
        if self.may_fetch() {
            for id in self.partitions.ids() {
                self.resume(id);
            }
        }
    }

    /// Begins a partition anew at its stored position, or all of them.
    pub(super) fn begin_anew(&mut self, tp: Option<&TopicPartition>) {
        let all: Vec<TopicPartition> = match tp {
            Some(tp) => vec![tp.clone()],
            None => self.partitions.iter().map(|part| part.tp.clone()).collect(),
        };
        for tp in all {
            match self.heard(&tp, Heard::Restart) {
                Some((id, Act::BackOff)) => self.restart(id, RestartReason::Asked, Duration::ZERO),
                Some((id, Act::Hasten)) => {
                    if let Some(part) = self.partitions.get_mut(id) {
                        part.phase = Phase::BackingOff(Instant::now());
                    }
                }
                Some(_) | None => {}
            }
        }
    }

    /// How far each partition is.
    pub(super) fn parts(&self) -> Vec<Part> {
        let state = |part: &Partition| match &part.phase {
            Phase::BackingOff(_) | Phase::Claiming => PartitionState::Claiming,
            Phase::Draining => PartitionState::Draining,
            Phase::Live(live) => {
                let committed = live.filling.is_empty() && live.committed == live.sealed;
                match self.held && committed {
                    true => PartitionState::Paused,
                    false => PartitionState::Running,
                }
            }
        };
        let parts = self.partitions.iter();
        parts.map(|part| (part.tp.clone(), state(part))).collect()
    }
}
