//! One partition in the poll thread's hands.

use super::earlier::Earlier;
use super::stall::Stall;
use super::unapplied::Unapplied;
use crate::engine::assignment::{Generation, Lease, lease};
use crate::kafka::Arrivals;
use crate::metrics::PartitionMetrics;
use plimsoll_protocol::lifecycle::{self, Act, Heard};
use plimsoll_protocol::{Guard, Position, TopicPartition};
use plimsoll_record::{Chunk, Filling};
use std::time::Instant;
use tokio::sync::mpsc::Sender;

/// What the group's coordinator gave to this member.
pub struct Partition {
    /// Which.
    pub tp: TopicPartition,
    /// Which local life of it.
    pub generation: Generation,
    /// The writer's and the claim's right to go on; dropped with the life.
    pub lease: Lease,
    /// How far it is.
    pub phase: Phase,
    /// Where the sink stands, as far as this life knows; told to Kafka as a
    /// courtesy.
    pub committed: Option<Position>,
    /// What of it Kafka was told.
    pub told: Option<Position>,
    /// Lives in a row that Kafka ended with an error before anything of them was
    /// committed.
    pub failures: u32,
    /// Why the partition is halted, where Kafka refused to give records out: the fetch is
    /// tried before another life begins.
    pub refused: Option<String>,
    /// Whether librdkafka has forgotten where the life before stood.
    pub earlier: Earlier,
}

/// How far a partition is: the lifecycle's phase, with what belongs to it.
pub enum Phase {
    /// To be claimed at this time: it is new, was fenced, or halted.
    BackingOff(Instant),
    /// Asked for; nothing is consumed yet.
    Claiming,
    /// Consumed from the position that the claim returned.
    Live(Box<Live>),
    /// Nothing is consumed any more; the writer finishes what is in flight.
    Draining,
}

impl Phase {
    /// As the lifecycle's table knows it.
    #[must_use]
    pub fn of_lifecycle(&self) -> lifecycle::Phase {
        match self {
            Self::BackingOff(_) => lifecycle::Phase::BackingOff,
            Self::Claiming => lifecycle::Phase::Claiming,
            Self::Live(_) => lifecycle::Phase::Live,
            Self::Draining => lifecycle::Phase::Draining,
        }
    }
}

impl Partition {
    /// One that was given just now, and may be claimed at once.
    #[must_use]
    pub fn new(tp: TopicPartition, generation: Generation, now: Instant) -> Self {
        Self {
            tp,
            generation,
            lease: lease().0,
            phase: Phase::BackingOff(now),
            committed: None,
            told: None,
            failures: 0,
            refused: None,
            earlier: Earlier::default(),
        }
    }

    /// What the lifecycle says is to be done.
    #[must_use]
    pub fn act(&self, heard: Heard) -> Act {
        lifecycle::act(Some(self.phase.of_lifecycle()), heard)
    }
}

/// A partition that is consumed.
pub struct Live {
    /// Where its records arrive.
    pub arrivals: Arrivals,
    /// Which messages are taken.
    pub guard: Guard,
    /// The batch that fills.
    pub filling: Filling,
    /// To the writer: room for one batch beside the one in flight.
    pub batches: Sender<Chunk>,
    /// Where the last sealed batch ended.
    pub sealed: Position,
    /// Where the last committed batch ended.
    pub committed: Position,
    /// Batches in between.
    pub unapplied: Unapplied,
    /// The window that was being taken when this life began, if any: records in
    /// it are of an earlier life.
    pub born: u64,
    /// Kafka's error that ends this life: nothing more is taken, and librdkafka's
    /// position is not believed.
    pub failed: Option<Failure>,
    /// Not fetched for want of room.
    pub paused: bool,
    /// The batch that fills is to be handed over as soon as the writer has room.
    pub due: bool,
    /// Whether records come.
    pub stall: Stall,
    /// Counters.
    pub metrics: PartitionMetrics,
}

/// What Kafka answered instead of records.
#[derive(Debug, Clone)]
pub struct Failure {
    /// In librdkafka's words.
    pub reason: String,
    /// When it came.
    pub at: Instant,
}
