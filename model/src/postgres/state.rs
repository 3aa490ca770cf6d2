//! What the model of Postgres moves: Kafka's coordinator, the processes, the
//! requests on their way, the database.

use super::database::{Database, Serial, Wrong};
use crate::faults::Budget;
use plimsoll_protocol::{Assignment, Claim, Comparison, Guard, Owner, Position, Reread, Span};

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The process that Kafka gave the partition to.
    pub kafka: Option<usize>,
    /// The processes.
    pub processes: Vec<Process>,
    /// Requests that the database has not met yet, in a canonical order.
    pub requests: Vec<Request>,
    /// The database.
    pub database: Database,
    /// What a failover would go back to.
    pub replica: Option<Database>,
    /// How many claims were ever made, those that a failover took back too.
    pub claims: Serial,
    /// Faults to come.
    pub budget: Budget,
    /// What happened in the last step, for `sometimes`.
    pub last: Events,
    /// What must never be.
    pub wrong: Option<Wrong>,
}

/// A process: one member of the group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    /// How often it was started.
    pub life: u8,
    /// What it has heard from Kafka; `None`: it has no part of the partition.
    pub belief: Option<Assignment>,
    /// What it has in memory.
    pub mind: Mind,
}

/// How far a process is with the partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mind {
    /// Nothing in memory.
    Empty,
    /// Assigned, or to begin anew: to be claimed.
    Unclaimed,
    /// A claim is on its way.
    Claiming,
    /// Claimed; it consumes and commits.
    Consuming(Consuming),
    /// A bad record stopped it, under this claim.
    Halted(Claim),
}

/// The life of a partition between a claim and its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Consuming {
    /// Of the last claim.
    pub claim: Claim,
    /// Of the same.
    pub serial: Serial,
    /// Of the poll thread.
    pub guard: Guard,
    /// Where the last sealed batch ended.
    pub sealed: Position,
    /// Offsets in the batch that fills.
    pub taken: Vec<i64>,
    /// Where the sink stands, as far as this life knows.
    pub acknowledged: Position,
    /// The records of the batch in flight.
    pub batch: Vec<i64>,
    /// What is left of it, the next part last.
    pub parts: Vec<Part>,
    /// How far the last part's one record is compared with others.
    pub comparison: Option<Comparison>,
    /// The answer to the last part was lost; a claim is on its way.
    pub resolving: bool,
    /// The table's definition as it was read.
    pub catalogue: u8,
}

/// A stretch of a batch that is committed on its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Part {
    /// From where to where.
    pub span: Span,
    /// The records in it.
    pub offsets: Vec<i64>,
    /// Its one record goes to the dead letters.
    pub dead: bool,
    /// Whether the catalogue was read anew after a refusal.
    pub reread_rejected: Reread,
    /// The same, after one that may be the table's.
    pub reread_suspect: Reread,
    /// The same, because it no longer fitted.
    pub reread_stale: Reread,
}

impl Part {
    /// Records that go to the table.
    #[must_use]
    pub fn new(span: Span, offsets: Vec<i64>) -> Self {
        Self {
            span,
            offsets,
            dead: false,
            reread_rejected: Reread::Not,
            reread_suspect: Reread::Not,
            reread_stale: Reread::Not,
        }
    }
}

/// A request on its way to the database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// The process that sent it.
    pub from: usize,
    /// It still waits for the answer.
    pub awaited: bool,
    /// What is asked.
    pub what: What,
}

/// What is asked of the database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum What {
    /// To raise the epoch and tell the position.
    Claim(Owner),
    /// To give a claim back.
    Release(Claim),
    /// Rows and position in one transaction.
    Commit {
        /// Under which claim.
        claim: Claim,
        /// Of the same.
        serial: Serial,
        /// What is committed.
        part: Part,
        /// The definition that the rows were made for.
        catalogue: u8,
    },
    /// Whether the table takes a record; nothing is written.
    Try {
        /// Which.
        offset: i64,
        /// The definition that its row was made for.
        catalogue: u8,
    },
}

impl Request {
    /// Requests have no order on their way: the order in which they are kept is
    /// a function of what they are.
    pub fn order(&self) -> impl Ord + use<> {
        let (kind, epoch, owner, from, to) = match &self.what {
            What::Claim(owner) => (0, 0, owner.0, 0, 0),
            What::Release(claim) => (1, claim.epoch.0, claim.owner.0, 0, 0),
            What::Commit { claim, part: p, .. } => (
                2,
                claim.epoch.0,
                claim.owner.0,
                p.span.from().offset(),
                p.span.to().offset(),
            ),
            What::Try { offset, .. } => (3, 0, 0, *offset, 0),
        };
        (self.from, self.awaited, kind, owner, epoch, from, to)
    }
}

/// What `sometimes` properties ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// A commit of a process that Kafka took the partition from is refused.
    ZombieFenced,
    /// Such a process claims, and fences the rightful owner.
    ZombieClaimed,
    /// The rightful owner is refused and begins anew.
    RightfulFenced,
    /// A lost answer is resolved.
    ResolvedCommitted,
    /// The same.
    ResolvedNotCommitted,
    /// The same.
    ResolvedOutOfStep,
    /// A commit that nobody waits for any more is applied.
    LateApplied,
    /// A commit is applied of another process than the last one's.
    TakenOver,
    /// `positions set` while a commit is on its way.
    SetDuringCommit,
    /// A failover takes a commit back.
    CommitTakenBack,
    /// A commit is refused by the owner id alone.
    EpochShared,
    /// The guard drops what comes twice.
    SeenTwice,
    /// The position moves without a row.
    MovedOverGaps,
    /// A partition is handed over in good order.
    HandedOver,
    /// A process that lost the partition hears that its commit was applied.
    HeardOut,
    /// An owner with nothing to commit sees that it was overtaken.
    Overtaken,
    /// A batch is rolled back and repeated.
    Repeated,
    /// A batch is cut in two.
    Bisected,
    /// A record goes to the dead letters.
    DeadLetter,
    /// The same, after it was compared with others.
    Compared,
    /// A comparison finds that the table changes its mind.
    Changing,
    /// The catalogue is read again.
    Reread,
    /// A partition halts.
    Halted,
    /// A halted partition goes on after `positions set`.
    Healed,
    /// A process dies with a batch on its way.
    CrashedInCommit,
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
