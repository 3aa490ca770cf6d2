//! Claim and commit against a database that keeps rows and position in one
//! transaction. SQLite is the same with fewer ways to be late.

mod bounds;
mod database;
mod state;
mod step;

pub use bounds::{configurations, deeper};
pub use database::Wrong;
pub use state::{Event, State};

use crate::faults::{Budget, Fault};
use crate::report::Bounded;
use crate::topic::{Log, at};
use database::Database;
use plimsoll_protocol::{Admission, Assignment, Look, Span, look};
use state::{Mind, Part, Process, Request, What};
use stateright::{Model, Property};
use step::{Answer, owner};

/// What `on_bad_record` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBad {
    /// Set it aside.
    DeadLetter,
    /// Stop the partition.
    Halt,
}

/// One partition, some processes, one database.
#[derive(Debug, Clone)]
pub struct PostgresModel {
    /// For the report.
    pub name: &'static str,
    /// How many processes the group has.
    pub processes: usize,
    /// The partition's log.
    pub log: Log,
    /// Where its start was settled.
    pub start: i64,
    /// Which faults may happen.
    pub faults: Budget,
    /// The same in words.
    pub bounds: String,
    /// Where an operator may set the position.
    pub sets: Vec<i64>,
    /// What a bad record does.
    pub on_bad: OnBad,
    /// Whether the heartbeat looks at the position row. A model that cannot fail
    /// shows nothing: without, it does.
    pub looks: bool,
    /// What must happen in some history, or the bounds are too narrow to show
    /// anything.
    pub shows: Vec<Event>,
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
    /// The hand-over takes too long: Kafka takes the partition.
    DrainIsOver(usize),
    /// A process hears that its partition was lost.
    Hear(usize),
    /// It stops waiting for a last answer.
    Abandon(usize),
    /// A process claims that Kafka took the partition from.
    Claim(usize),
    /// Kafka's client delivers what lies below an offset, and perhaps one record
    /// again; the poll thread seals the batch, and the writer sends it. What
    /// happens within one process between two requests is one step: nobody else
    /// can see it.
    Batch(usize, i64, Option<i64>),
    /// The heartbeat looks at the position row.
    LookAtRow(usize),
    /// A halted partition is tried again.
    Retry(usize),
    /// A request reaches the database.
    Arrive(usize, Answer),
    /// A request is lost.
    LoseRequest(usize),
    /// Its sender gives up; it arrives later.
    TimeOut(usize),
    /// SIGKILL.
    Crash(usize),
    /// `positions set`.
    Set(i64),
    /// The replica is as the database is now.
    Replicate,
    /// The replica takes over.
    FailOver,
    /// ALTER TABLE.
    AlterTable,
    /// REVOKE, or GRANT.
    ChangeRight,
}

impl PostgresModel {
    /// What a process does of itself, and the world without any fault. When none
    /// of it is possible, everything has come to rest.
    fn progress(&self, s: &State, actions: &mut Vec<Action>) {
        let fresh = s.claims == 0 && s.budget == self.faults;
        for (p, process) in s.processes.iter().enumerate() {
            let deprived = s.kafka != Some(p);
            // Processes are alike: the first one is given the partition first.
            if s.kafka.is_none() && process.belief.is_none() && (p == 0 || !fresh) {
                actions.push(Action::Assign(p));
            }
            match process.belief {
                Some(Assignment::Live) if deprived => actions.push(Action::Hear(p)),
                Some(Assignment::Gone) => actions.push(Action::Abandon(p)),
                Some(Assignment::Leaving) if deprived => actions.push(Action::Hear(p)),
                Some(Assignment::Leaving) => actions.push(Action::DrainIsOver(p)),
                Some(Assignment::Live) | None => {}
            }
            if process.belief != Some(Assignment::Live) {
                continue;
            }
            match &process.mind {
                Mind::Consuming(c) => {
                    if c.parts.is_empty() {
                        let next = c.guard.next().offset();
                        let ends = self.log.ends(next);
                        actions.extend(ends.map(|to| Action::Batch(p, to, None)));
                    }
                    if self.sees(s, p) == Look::Overtaken {
                        actions.push(Action::LookAtRow(p));
                    }
                }
                // The row has no owner: somebody set it.
                Mind::Halted(_) if s.database.row.owner.is_none() => {
                    actions.push(Action::Retry(p));
                }
                Mind::Empty | Mind::Unclaimed | Mind::Claiming | Mind::Halted(_) => {}
            }
        }
        for i in 0..s.requests.len() {
            actions.push(Action::Arrive(i, Answer::Arrives));
        }
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
            let live = process.belief == Some(Assignment::Live);
            if may(Fault::Crash) && process.belief.is_some() {
                actions.push(Action::Crash(p));
            }
            match &process.mind {
                Mind::Unclaimed if live && s.kafka != Some(p) && may(Fault::LateClaim) => {
                    actions.push(Action::Claim(p));
                }
                Mind::Consuming(c) if live && c.parts.is_empty() && may(Fault::DeliveredTwice) => {
                    for to in self.log.ends(c.guard.next().offset()) {
                        let seen = (0..to).filter(|o| self.log.is_record(*o));
                        actions.extend(seen.map(|o| Action::Batch(p, to, Some(o))));
                    }
                }
                _ => {}
            }
        }
        for (i, request) in s.requests.iter().enumerate() {
            if !request.awaited {
                continue;
            }
            if may(Fault::AnswerLost) {
                actions.push(Action::Arrive(i, Answer::Unheard));
            }
            if may(Fault::RolledBack) && matches!(request.what, What::Commit { .. }) {
                actions.push(Action::Arrive(i, Answer::RolledBack));
            }
            if may(Fault::RequestLost) {
                actions.push(Action::LoseRequest(i));
            }
            if may(Fault::TimeOut) {
                actions.push(Action::TimeOut(i));
            }
        }
        if may(Fault::Set) {
            actions.extend(self.sets.iter().map(|to| Action::Set(*to)));
        }
        // Any earlier state can be the one that a failover goes back to.
        match &s.replica {
            None if may(Fault::Failover) => actions.push(Action::Replicate),
            Some(replica) if *replica != s.database => actions.push(Action::FailOver),
            None | Some(_) => {}
        }
        if may(Fault::CatalogueChanged) {
            actions.push(Action::AlterTable);
        }
        if may(Fault::RightChanged) {
            actions.push(Action::ChangeRight);
        }
    }

    /// What the heartbeat's look tells a process that believes to consume.
    fn sees(&self, s: &State, process: usize) -> Look {
        let p = &s.processes[process];
        let Mind::Consuming(c) = &p.mind else {
            return Look::Standing;
        };
        if !self.looks {
            return Look::Standing;
        }
        let mine = s.database.row.owner == Some(owner(process, p.life));
        look(mine, s.database.row.position, c.acknowledged)
    }

    /// Whether all of the log is in the database.
    fn caught_up(&self, s: &State) -> bool {
        s.database.row.position.offset() >= self.log.end()
    }

    /// Whether the rightful process stands at a bad record and says so.
    fn halted(&self, s: &State) -> bool {
        s.kafka
            .is_some_and(|p| matches!(s.processes[p].mind, Mind::Halted(_)))
    }
}

impl Model for PostgresModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            kafka: None,
            processes: vec![
                Process {
                    life: 0,
                    belief: None,
                    mind: Mind::Empty,
                };
                self.processes
            ],
            requests: Vec::new(),
            database: Database::new(self.start, &self.log),
            replica: None,
            claims: 0,
            budget: self.faults,
            last: state::Events::default(),
            wrong: None,
        }]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        self.progress(s, actions);
        self.mishaps(s, actions);
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut s = before.clone();
        s.last = state::Events::default();
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
                match &mut s.processes[p].mind {
                    // What is in flight is finished; what fills is forgotten.
                    Mind::Consuming(c) if !c.parts.is_empty() => {
                        c.taken.clear();
                        s.processes[p].belief = Some(Assignment::Leaving);
                    }
                    mind => {
                        let claim = match mind {
                            Mind::Consuming(c) => Some(c.claim),
                            _ => None,
                        };
                        s.forget(p);
                        if let Some(claim) = claim {
                            s.send(p, What::Release(claim));
                        }
                        s.kafka = None;
                    }
                }
            }
            Action::DrainIsOver(p) => {
                s.kafka = None;
                self.lost(&mut s, p);
            }
            Action::Hear(p) => self.lost(&mut s, p),
            Action::Abandon(p) => s.forget(p),
            Action::Claim(p) => {
                s.budget.spend(Fault::LateClaim);
                s.ask_claim(p);
            }
            Action::Batch(p, to, again) => {
                if again.is_some() {
                    s.budget.spend(Fault::DeliveredTwice);
                }
                self.batch(&mut s, p, to, again);
            }
            Action::LookAtRow(p) => {
                s.unawait(p);
                s.begin_anew(p);
                s.last.note(Event::Overtaken);
            }
            Action::Retry(p) => {
                s.begin_anew(p);
                s.last.note(Event::Healed);
            }
            Action::Arrive(i, answer) => {
                match answer {
                    Answer::Arrives => {}
                    Answer::Unheard => s.budget.spend(Fault::AnswerLost),
                    Answer::RolledBack => s.budget.spend(Fault::RolledBack),
                }
                self.arrive(&mut s, i, answer);
            }
            Action::LoseRequest(i) => {
                s.budget.spend(Fault::RequestLost);
                self.give_up(&mut s, i, false);
            }
            Action::TimeOut(i) => {
                s.budget.spend(Fault::TimeOut);
                self.give_up(&mut s, i, true);
            }
            Action::Crash(p) => self.crash(&mut s, p),
            Action::Set(to) => {
                s.budget.spend(Fault::Set);
                let commit = |r: &Request| r.awaited && matches!(r.what, What::Commit { .. });
                if s.requests.iter().any(commit) {
                    s.last.note(Event::SetDuringCommit);
                }
                s.database.set(at(to), &self.log);
            }
            Action::Replicate => {
                s.budget.spend(Fault::Failover);
                s.replica = Some(s.database.clone());
            }
            Action::FailOver => self.fail_over(&mut s),
            Action::AlterTable => {
                s.budget.spend(Fault::CatalogueChanged);
                s.database.catalogue += 1;
            }
            Action::ChangeRight => {
                s.budget.spend(Fault::RightChanged);
                s.database.shut = !s.database.shut;
            }
        }
        s.requests.sort_by_key(Request::order);
        Some(s)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = vec![
            Property::always("invariant 1: no loss", |m: &Self, s: &State| {
                s.database.nothing_lost(&m.log)
            }),
            Property::always(
                "invariant 1: no record that the table takes becomes a dead letter",
                |_, s: &State| s.wrong != Some(Wrong::GoodBuried),
            ),
            Property::always("invariant 2: no duplicate", |m: &Self, s: &State| {
                s.database.nothing_doubled(&m.log)
            }),
            Property::always("invariant 3: never back", |_, s: &State| {
                s.wrong != Some(Wrong::WentBack)
            }),
            Property::always("invariant 4: one writer", |_, s: &State| {
                s.wrong != Some(Wrong::NotTheOwner)
            }),
            Property::always(
                "invariant 5: at rest there is no lag",
                |m: &Self, s: &State| {
                    if m.caught_up(s) || m.halted(s) {
                        return true;
                    }
                    let mut possible = Vec::new();
                    m.progress(s, &mut possible);
                    !possible.is_empty()
                },
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

impl PostgresModel {
    /// Messages go through the guard into a batch, which is sealed and sent.
    fn batch(&self, s: &mut State, p: usize, to: i64, again: Option<i64>) {
        let mut seen_twice = false;
        let Mind::Consuming(c) = &mut s.processes[p].mind else {
            return;
        };
        let from = c.guard.next().offset();
        let records = (from..to).filter(|o| self.log.is_record(*o));
        for offset in records {
            if c.guard.admit(at(offset)) == Admission::Take {
                c.taken.push(offset);
            }
        }
        if let Some(offset) = again {
            match c.guard.admit(at(offset)) {
                Admission::Take => c.taken.push(offset),
                Admission::Seen => seen_twice = true,
                Admission::AfterError => {}
            }
        }
        // The consumer's position moved over the gaps behind the last record.
        if again.is_none() {
            c.guard.pass(at(to));
        }
        if let Some(span) = Span::new(c.sealed, c.guard.next()) {
            c.sealed = span.to();
            c.batch = std::mem::take(&mut c.taken);
            c.parts = vec![Part::new(span, c.batch.clone())];
        }
        if seen_twice {
            s.last.note(Event::SeenTwice);
        }
        s.send_part(p);
    }

    /// A process hears that the partition is another's: memory is dropped, a
    /// commit in flight is heard out.
    fn lost(&self, s: &mut State, p: usize) {
        match &mut s.processes[p].mind {
            Mind::Consuming(c) if !c.parts.is_empty() && !c.resolving => {
                c.taken.clear();
                s.processes[p].belief = Some(Assignment::Gone);
            }
            _ => s.forget(p),
        }
    }
}

impl Bounded for PostgresModel {
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
            Property::sometimes($name, |_: &PostgresModel, s: &State| s.last.has(Event::$event)),
        )),*]
    };
}

fn sometimes() -> Vec<(Event, Property<PostgresModel>)> {
    seen! {
        ZombieFenced: "a zombie's commit is refused",
        ZombieClaimed: "a zombie's late claim fences the owner",
        RightfulFenced: "the rightful owner is refused and begins anew",
        ResolvedCommitted: "a lost answer is resolved: committed",
        ResolvedNotCommitted: "a lost answer is resolved: not committed",
        ResolvedOutOfStep: "a lost answer is resolved: out of step",
        LateApplied: "a commit is applied that nobody waits for",
        TakenOver: "another process goes on",
        SetDuringCommit: "an operator sets the position during a commit",
        CommitTakenBack: "a failover takes a commit back",
        EpochShared: "two owners have one epoch, and the id tells them apart",
        SeenTwice: "a record is delivered twice and dropped",
        MovedOverGaps: "the position moves over gaps without a row",
        HandedOver: "a partition is handed over in good order",
        HeardOut: "a lost partition's last commit is heard out",
        Overtaken: "an owner with nothing to commit sees that it was overtaken",
        Repeated: "a batch that was rolled back is repeated",
        Bisected: "a batch is cut in two",
        DeadLetter: "a record goes to the dead letters",
        Compared: "a record goes to the dead letters after a comparison",
        Changing: "a table changes its mind during a comparison",
        Reread: "the catalogue is read again",
        Halted: "a partition halts",
        Healed: "a halted partition goes on after a set",
        CrashedInCommit: "a process dies with a batch on its way",
    }
}

#[cfg(test)]
mod tests;
