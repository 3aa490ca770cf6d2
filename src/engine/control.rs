//! What the rest of the service tells the poll thread.

use super::assignment::Generation;
use crate::fleet::Part;
use crate::health::{Ends, Halt};
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_sink_api::Claimed;
use std::time::Duration;

/// A halted partition is tried again this often, so that an ALTER TABLE or a
/// grant heals it by itself.
pub const HALT_RETRY: Duration = Duration::from_secs(60);

/// A fenced partition waits this long before it claims again: two rightful
/// owners (after a failover, say) must not fence each other in a tight loop.
pub const FENCED_WAIT: Duration = Duration::from_millis(250);

/// Why a partition begins again at the stored position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartReason {
    /// A commit was refused by the fence, and the assignment lives.
    Fenced,
    /// A lost commit was judged, and somebody else had moved the position.
    OutOfStep,
    /// Nothing was to be committed, and a look at the position row showed
    /// another owner, or less than was committed.
    Overtaken,
    /// It was halted and is tried again.
    Halted,
    /// Kafka answered with an error, or with a batch that cannot be read.
    KafkaError,
    /// A broker did not confirm which topic a batch was fetched from.
    Unconfirmed,
    /// An operator asked for it.
    Asked,
    /// Kafka's client brought no record of a log that goes on, in this partition or in
    /// another one: another client has joined the group.
    Stalled,
}

impl RestartReason {
    /// The metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::OutOfStep => "out_of_step",
            Self::Overtaken => "overtaken",
            Self::Halted => "halted",
            Self::KafkaError => "kafka_error",
            Self::Unconfirmed => "unconfirmed",
            Self::Asked => "asked",
            Self::Stalled => "stalled",
        }
    }
}

/// A message about one partition, or to all of the sink.
#[derive(Debug)]
pub enum Control {
    /// The claim is made: consume from its position.
    Claimed {
        tp: TopicPartition,
        generation: Generation,
        claimed: Box<Claimed>,
    },
    /// A batch was committed: there is room, and an offset to tell Kafka.
    Committed {
        tp: TopicPartition,
        generation: Generation,
        to: Position,
    },
    /// Forget what is in memory; claim after a while and begin again.
    Restart {
        tp: TopicPartition,
        generation: Generation,
        reason: RestartReason,
        after: Duration,
    },
    /// Stop the partition and free its memory; try again after a while.
    Halt {
        tp: TopicPartition,
        generation: Generation,
        halt: Box<Halt>,
        after: Duration,
    },
    /// The writer has ended after a `Leaving`.
    Ended {
        tp: TopicPartition,
        generation: Generation,
    },
    /// The log is not the one that the position is about, or does not hold it.
    OtherLog { tp: TopicPartition, halt: Box<Halt> },
    /// The position row is another's, gone, or further back than what was
    /// committed: begin again at what is stored.
    Overtaken { tp: TopicPartition },
    /// An operator has set the position of a halted partition: try at once.
    Retry { tp: TopicPartition },
    /// An operator wants partitions begun anew: one, or all.
    BeginAnew { tp: Option<TopicPartition> },
    /// Fetch nothing more, or fetch again: the sink is paused, or is not any more.
    Hold(bool),
    /// Say how far the partitions are.
    Tell(tokio::sync::oneshot::Sender<Vec<Part>>),
    /// The ends of logs, as they were read just now.
    LogEnds(Ends),
    /// What another client finds in a stretch of which ours brings no record.
    Probed {
        tp: TopicPartition,
        span: Span,
        record: bool,
    },
    /// Drain and leave the group.
    Stop,
}
