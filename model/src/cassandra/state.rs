//! What the model of Cassandra moves.

use super::table::{Table, Write};
use crate::faults::Budget;
use plimsoll_protocol::{
    Assignment, Claim, Generation, Mark, Marks, Owner, Position, PositionRow, Span,
};

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The process that Kafka gave the partition to.
    pub kafka: Option<usize>,
    /// The processes.
    pub processes: Vec<Process>,
    /// Requests that the database has not met yet, in a canonical order.
    pub requests: Vec<Request>,
    /// The claim's table: epoch, owner, and the floor as the position.
    pub row: PositionRow,
    /// Of the newest `positions set`, beside it.
    pub generation: Generation,
    /// The mapping that processes have when they claim.
    pub mapping: u8,
    /// The position rows, by generation's number from 1.
    pub positions: Vec<Option<Stored>>,
    /// The same before the window, for a power cut.
    pub positions_on_disk: Vec<Option<Stored>>,
    /// The rows.
    pub table: Table,
    /// Windows that have passed.
    pub windows: u8,
    /// Requests sent, where timestamps are taken from a clock.
    pub clock: i64,
    /// Windows to come.
    pub windows_left: u8,
    /// Faults to come.
    pub budget: Budget,
    /// What happened in the last step, for `sometimes`.
    pub last: Events,
}

/// A position row: written with its own offset as timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The next offset.
    pub next: Position,
    /// The writer's way there.
    pub marks: Vec<Mark>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    /// How often it was started.
    pub life: u8,
    /// What it has heard from Kafka.
    pub belief: Option<Assignment>,
    /// Its connections were cut since it last claimed.
    pub cut: bool,
    /// What it has in memory.
    pub mind: Mind,
}

/// How far a process is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mind {
    /// Nothing in memory.
    Empty,
    /// To be claimed.
    Unclaimed,
    /// A claim is on its way.
    Claiming,
    /// It writes.
    Writing(Writing),
}

/// A partition's life in a process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Writing {
    /// Its claim.
    pub claim: Claim,
    /// Whose timestamps it writes.
    pub generation: Generation,
    /// Its mapping.
    pub mapping: u8,
    /// What it has reached.
    pub marks: Marks,
    /// Where the next batch begins.
    pub next: Position,
    /// Where the sink stands, as far as it knows.
    pub acknowledged: Position,
    /// The batch in flight, and its records that are not acknowledged.
    pub batch: Option<(Span, Vec<i64>)>,
    /// The answer was lost; a claim is on its way.
    pub resolving: bool,
}

/// A request on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// Who sent it.
    pub from: usize,
    /// It still waits.
    pub awaited: bool,
    /// What is asked.
    pub what: What,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum What {
    /// The lightweight transaction of a claim.
    Claim(Owner),
    /// One record's row.
    Row(Write),
    /// The position row of a generation.
    Position(i64, Stored),
}

impl Request {
    /// Requests have no order on their way.
    pub fn order(&self) -> impl Ord + use<> {
        let (kind, a, b, c) = match &self.what {
            What::Claim(owner) => (0, owner.0 as i64, 0, 0),
            What::Row(write) => (1, write.offset, write.at, i64::from(write.mapping)),
            What::Position(generation, stored) => (
                2,
                *generation,
                stored.next.offset(),
                stored.marks.iter().map(|m| m.at_ms).sum(),
            ),
        };
        (self.from, self.awaited, kind, a, b, c)
    }
}

/// What `sometimes` properties ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// A write of a process that Kafka took the partition from arrives.
    ZombieWrote,
    /// It changes nothing.
    ZombieLost,
    /// A write arrives that nobody waits for.
    LateWrite,
    /// A write is applied, its answer lost, and it is repeated.
    Repeated,
    /// Two records of one key arrive in the wrong order.
    OutOfOrder,
    /// A claim begins below the stored position.
    Rewound,
    /// A power cut takes a row whose position survives.
    RowLost,
    /// A power cut takes a position.
    PositionLost,
    /// `positions set` while rows are on their way.
    SetDuringCommit,
    /// A write of an older generation arrives after one of a newer.
    OlderGeneration,
    /// An owner sees that it was overtaken.
    Overtaken,
    /// A lost answer is resolved.
    Resolved,
}

/// A set of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Events(u32);

impl Events {
    /// Adds one.
    pub fn note(&mut self, event: Event) {
        self.0 |= 1 << event as u8;
    }

    /// Whether it is in the set.
    #[must_use]
    pub fn has(self, event: Event) -> bool {
        self.0 & (1 << event as u8) != 0
    }
}
