//! The weaker protocol: rows arrive one by one and in any order, nothing fences
//! a write, and the timestamp is a function of the offset.

mod bounds;
mod state;
mod step;
mod table;

pub use bounds::{configurations, deeper};
pub use state::{Event, State};

use crate::faults::{Budget, Fault};
use crate::report::Bounded;
use crate::topic::at;
use plimsoll_protocol::{Assignment, Generation, Look, Position, PositionRow, Span, look};
use state::{Events, Mind, Process};
use stateright::{Model, Property};
use step::owner;
use table::{Table, fold};

/// How long an acknowledged write may be lost, in the model's milliseconds.
const WINDOW_MS: i64 = 16;

/// What a record does to the row of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    /// Sets both columns.
    Put(u8),
    /// Sets the first and leaves the other alone.
    PutFirst(u8),
    /// A tombstone.
    Delete(u8),
}

impl Entry {
    fn key(self) -> usize {
        match self {
            Self::Put(key) | Self::PutFirst(key) | Self::Delete(key) => key.into(),
        }
    }

    const fn deletes(self) -> bool {
        matches!(self, Self::Delete(_))
    }
}

/// What the protocol would be without one of its rules: a model that cannot
/// fail shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// Timestamps from a clock.
    OffsetTimestamps,
    /// The position is written beside the rows, not behind them.
    RowsFirst,
    /// A claim begins at the stored position.
    Rewind,
    /// `positions set` keeps the generation.
    NewGeneration,
    /// An owner whose connections were cut repeats only what failed.
    RestartAfterOutage,
    /// Nobody looks at the row.
    Look,
}

/// One partition, some processes, one cluster.
#[derive(Debug, Clone)]
pub struct CassandraModel {
    /// For the report.
    pub name: &'static str,
    /// How many processes the group has.
    pub processes: usize,
    /// The partition's log.
    pub log: Vec<Entry>,
    /// Which faults may happen.
    pub faults: Budget,
    /// How often a window of time passes.
    pub windows: u8,
    /// The same in words.
    pub bounds: String,
    /// What must happen in some history.
    pub shows: Vec<Event>,
    /// A rule that is left out.
    pub without: Option<Without>,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Kafka gives the free partition to a process.
    Assign(usize),
    /// Kafka takes it away; the process does not know.
    Lose,
    /// Kafka takes it away in good order.
    Revoke,
    /// A process hears that its partition was lost.
    Hear(usize),
    /// A process claims that Kafka took the partition from.
    Claim(usize),
    /// A batch up to an offset is sent, each record on its own.
    Batch(usize, i64),
    /// The heartbeat looks at the position row, or finds connections cut.
    LookAtRow(usize),
    /// A request reaches the database.
    Arrive(usize),
    /// The same; the answer is lost.
    ArriveUnheard(usize),
    /// A request is lost.
    LoseRequest(usize),
    /// Its sender gives up; it arrives later.
    TimeOut(usize),
    /// SIGKILL.
    Crash(usize),
    /// `positions set`, with a fixed mapping.
    Set(i64),
    /// What was acknowledged reaches the disks.
    WindowPasses,
    /// A power cut takes these rows, and perhaps the position.
    PowerCut(u32, bool),
}

impl CassandraModel {
    fn end_of_log(&self) -> Position {
        at(self.log.len() as i64)
    }

    fn now_us(&self, s: &State) -> i64 {
        1_000 * (1 + s.now_ms())
    }

    fn progress(&self, s: &State, actions: &mut Vec<Action>) {
        let fresh = s.row.epoch.0 == 0 && s.budget == self.faults;
        for (p, process) in s.processes.iter().enumerate() {
            let deprived = s.kafka != Some(p);
            if s.kafka.is_none() && process.belief.is_none() && (p == 0 || !fresh) {
                actions.push(Action::Assign(p));
            }
            if process.belief.is_some() && deprived {
                actions.push(Action::Hear(p));
            }
            if process.belief != Some(Assignment::Live) {
                continue;
            }
            if let Mind::Writing(w) = &process.mind {
                if w.batch.is_none() && !process.cut {
                    let next = w.next.offset();
                    let ends = next + 1..=self.end_of_log().offset();
                    actions.extend(ends.map(|to| Action::Batch(p, to)));
                }
                if self.sees(s, p) == Look::Overtaken && !w.resolving {
                    actions.push(Action::LookAtRow(p));
                }
            }
        }
        actions.extend((0..s.requests.len()).map(Action::Arrive));
    }

    fn mishaps(&self, s: &State, actions: &mut Vec<Action>) {
        let may = |fault| s.budget.allows(fault);
        let live = s
            .kafka
            .is_some_and(|p| s.processes[p].belief == Some(Assignment::Live));
        if s.kafka.is_some() && may(Fault::Lost) {
            actions.push(Action::Lose);
        }
        if live && may(Fault::Revoked) {
            actions.push(Action::Revoke);
        }
        for (p, process) in s.processes.iter().enumerate() {
            if process.belief.is_some() && may(Fault::Crash) {
                actions.push(Action::Crash(p));
            }
            let late = process.mind == Mind::Unclaimed
                && process.belief == Some(Assignment::Live)
                && s.kafka != Some(p);
            if late && may(Fault::LateClaim) {
                actions.push(Action::Claim(p));
            }
        }
        for (i, request) in s.requests.iter().enumerate() {
            if !request.awaited {
                continue;
            }
            if may(Fault::AnswerLost) {
                actions.push(Action::ArriveUnheard(i));
            }
            if may(Fault::RequestLost) {
                actions.push(Action::LoseRequest(i));
            }
            if may(Fault::TimeOut) {
                actions.push(Action::TimeOut(i));
            }
        }
        if may(Fault::Set) {
            actions.push(Action::Set(0));
        }
        if s.windows_left > 0 {
            actions.push(Action::WindowPasses);
        }
        if may(Fault::Failover) {
            let position = s.positions != s.positions_on_disk;
            for rows in 0..1 << s.table.at_risk() {
                actions.push(Action::PowerCut(rows, false));
                if position {
                    actions.push(Action::PowerCut(rows, true));
                }
            }
        }
    }

    fn sees(&self, s: &State, process: usize) -> Look {
        let p = &s.processes[process];
        let Mind::Writing(w) = &p.mind else {
            return Look::Standing;
        };
        if self.without == Some(Without::Look) {
            return Look::Standing;
        }
        if p.cut && w.batch.is_none() {
            return Look::Overtaken;
        }
        let mine = s.row.owner == Some(owner(process, p.life));
        let stored = s.stored().map_or(s.row.position, |stored| stored.next);
        // A rewind begins below the stored position, never above.
        look(mine, stored, w.acknowledged)
    }

    fn caught_up(&self, s: &State) -> bool {
        s.stored()
            .is_some_and(|stored| stored.next >= self.end_of_log())
    }

    fn at_rest(&self, s: &State) -> bool {
        let mut possible = Vec::new();
        self.progress(s, &mut possible);
        possible.is_empty()
    }
}

impl Model for CassandraModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            kafka: None,
            processes: vec![
                Process {
                    life: 0,
                    belief: None,
                    cut: false,
                    mind: Mind::Empty,
                };
                self.processes
            ],
            requests: Vec::new(),
            row: PositionRow::settled(Position::ZERO),
            generation: Generation::first(1_000, self.end_of_log()),
            mapping: 0,
            positions: Vec::new(),
            positions_on_disk: Vec::new(),
            table: Table::default(),
            windows: 0,
            clock: 0,
            windows_left: self.windows,
            budget: self.faults,
            last: Events::default(),
        }]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        self.progress(s, actions);
        self.mishaps(s, actions);
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut s = before.clone();
        s.last = Events::default();
        match action {
            Action::Assign(p) => {
                s.kafka = Some(p);
                s.processes[p].belief = Some(Assignment::Live);
                s.begin_anew(p);
            }
            Action::Lose => {
                s.budget.spend(Fault::Lost);
                s.kafka = None;
            }
            Action::Revoke => {
                s.budget.spend(Fault::Revoked);
                let p = s.kafka?;
                match &s.processes[p].mind {
                    Mind::Writing(w) if w.batch.is_some() => {
                        s.processes[p].belief = Some(Assignment::Leaving);
                    }
                    _ => {
                        s.forget(p);
                        s.kafka = None;
                    }
                }
            }
            Action::Hear(p) => s.forget(p),
            Action::Claim(p) => {
                s.budget.spend(Fault::LateClaim);
                s.ask_claim(p);
            }
            Action::Batch(p, to) => {
                let span = Span::new(s.writing(p)?.next, at(to))?;
                self.send_batch(&mut s, p, span);
            }
            Action::LookAtRow(p) => {
                s.unawait(p);
                s.begin_anew(p);
                s.last.note(Event::Overtaken);
            }
            Action::Arrive(i) => self.arrive(&mut s, i, true),
            Action::ArriveUnheard(i) => {
                s.budget.spend(Fault::AnswerLost);
                self.arrive(&mut s, i, false);
            }
            Action::LoseRequest(i) => {
                s.budget.spend(Fault::RequestLost);
                self.give_up(&mut s, i, false);
            }
            Action::TimeOut(i) => {
                s.budget.spend(Fault::TimeOut);
                self.give_up(&mut s, i, true);
            }
            Action::Crash(p) => {
                s.budget.spend(Fault::Crash);
                s.forget(p);
                s.processes[p].life += 1;
                if s.kafka == Some(p) {
                    s.kafka = None;
                }
            }
            Action::Set(to) => self.set(&mut s, to),
            Action::WindowPasses => {
                s.windows_left -= 1;
                s.windows += 1;
                s.table.sync();
                s.positions_on_disk = s.positions.clone();
            }
            Action::PowerCut(rows, position) => self.power_cut(&mut s, rows, position),
        }
        s.requests.sort_by_key(state::Request::order);
        Some(s)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = vec![
            Property::always(
                "invariant 1: what a claim would skip is in the table",
                |m: &Self, s: &State| m.nothing_lost(s),
            ),
            Property::always(
                "invariant 2: at rest the table is the fold by key",
                |m: &Self, s: &State| !m.at_rest(s) || s.table.read() == fold(&m.log, s.mapping),
            ),
            Property::always(
                "invariant 4: at rest the row names the one owner",
                |m: &Self, s: &State| {
                    let owners = s.kafka.map(|p| owner(p, s.processes[p].life));
                    !m.at_rest(s) || s.row.owner == owners
                },
            ),
            Property::always(
                "invariant 5: at rest there is no lag",
                |m: &Self, s: &State| !m.at_rest(s) || m.caught_up(s),
            ),
        ];
        all.extend(
            sometimes()
                .into_iter()
                .filter(|(event, _)| self.shows.contains(event))
                .map(|(_, property)| property),
        );
        all
    }
}

impl Bounded for CassandraModel {
    fn name(&self) -> &str {
        self.name
    }

    fn bounds(&self) -> &str {
        &self.bounds
    }

    fn goes_on(&self, s: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        self.progress(s, &mut actions);
        actions
    }
}

/// A property that some state fulfils in which an event has just happened.
macro_rules! seen {
    ($($event:ident: $name:literal),* $(,)?) => {
        vec![$((
            Event::$event,
            Property::sometimes($name, |_: &CassandraModel, s: &State| s.last.has(Event::$event)),
        )),*]
    };
}

fn sometimes() -> Vec<(Event, Property<CassandraModel>)> {
    seen! {
        ZombieWrote: "a zombie's write arrives",
        ZombieLost: "a zombie's write arrives and changes nothing",
        LateWrite: "a write arrives that nobody waits for",
        Repeated: "a write is applied and repeated",
        OutOfOrder: "two records of a key arrive in the wrong order",
        Rewound: "a claim begins below the stored position",
        RowLost: "a power cut takes a row and leaves the position",
        PositionLost: "a power cut takes a position",
        SetDuringCommit: "an operator sets the position while rows are on their way",
        OlderGeneration: "a write of an older generation comes after a newer one's",
        Overtaken: "an owner sees that it was overtaken",
        Resolved: "a lost answer is resolved",
    }
}

#[cfg(test)]
mod tests;
