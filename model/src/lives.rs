//! A partition's lives in one process: the coordinator gives it, takes it back, gives it
//! again; claims and writers speak late; the poll thread obeys the lifecycle's table.

use crate::report::Bounded;
use plimsoll_protocol::lifecycle::{Act, Heard, Phase, Said, act};
use stateright::{Model, Property};
use std::collections::VecDeque;

/// One partition, one process.
#[derive(Debug, Clone)]
pub struct LivesModel {
    /// How often the coordinator gives the partition.
    pub gifts: u8,
    /// Things that go wrong.
    pub faults: u8,
    /// Batches that are committed.
    pub commits: u8,
    /// What tasks say names their life.
    pub named: bool,
    /// In words.
    pub bounds: String,
}

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// What the coordinator thinks.
    given: Given,
    /// What it has said, in its order.
    said: VecDeque<Word>,
    /// The poll thread: how far the partition is.
    phase: Option<Phase>,
    /// Which life of it, counted.
    life: u8,
    /// What runs beside.
    tasks: Vec<Task>,
    /// What tasks have said, in their order: of which life, and what.
    told: VecDeque<(u8, Said)>,
    gifts: u8,
    faults: u8,
    commits: u8,
    /// It was granted while a writer could still begin a batch.
    early: bool,
    /// Something of an earlier life was heard in time for the present one to mistake it.
    late: bool,
    /// It was given back before it had left.
    back: bool,
    /// A life began at the position that an earlier one had claimed.
    stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Given {
    /// To somebody else, or to nobody.
    Not,
    /// To this member.
    Here,
    /// To this member, until it is granted back.
    AskedBack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Word {
    Assigned,
    Revoked,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Task {
    life: u8,
    kind: Kind,
    lease: Lease,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Claim,
    Writer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Lease {
    Live,
    Leaving,
    Gone,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The coordinator gives the partition.
    Give,
    /// It asks for it back.
    AskBack,
    /// It gives it to somebody else, as after a session that timed out.
    Lose,
    /// The poll thread hears what the coordinator said first.
    HearWord,
    /// It hears what a task said first.
    HearTask,
    /// The same, and librdkafka cannot begin what was claimed.
    HearTaskNotReady,
    /// Its time to back off is over.
    Due,
    /// The same, and librdkafka still has an earlier life.
    DueNotReady,
    /// The time to hand over is over.
    TooLong,
    /// A look refutes the position.
    Refute,
    /// A task does its work.
    Work(usize),
    /// It gives up.
    GiveUp(usize),
}

impl LivesModel {
    fn hear(&self, s: &mut State, heard: Heard) {
        let before = s.life;
        let acted = act(s.phase, heard);
        match acted {
            Act::Ignore | Act::Acknowledge | Act::Hasten | Act::Wait => {}
            Act::Begin => s.life += 1,
            Act::Replace => {
                s.back = true;
                end(s, before);
                s.life += 1;
            }
            Act::Claim => start(s, Kind::Claim),
            Act::Consume => start(s, Kind::Writer),
            Act::BackOff => {
                end(s, before);
                s.life += 1;
            }
            Act::Drain => {
                for task in s.tasks.iter_mut().filter(|task| task.life == before) {
                    task.lease = Lease::Leaving;
                }
            }
            Act::Forget => {
                let writes = |t: &Task| t.kind == Kind::Writer && t.lease == Lease::Live;
                s.early |= s.tasks.iter().any(writes) && heard == Heard::Revoked;
                end(s, before);
                if s.given == Given::AskedBack {
                    s.given = Given::Not;
                }
            }
        }
        s.phase = acted.leads_to(s.phase);
    }

    fn hear_task(&self, s: &mut State, ready: bool) {
        let Some((life, said)) = s.told.pop_front() else {
            return;
        };
        let present = life == s.life || !self.named;
        s.late |= life != s.life && act(s.phase, of(true, said)) != Act::Ignore;
        s.stale |= life != s.life && act(s.phase, of(present, said)) == Act::Consume;
        match (act(s.phase, of(present, said)), ready) {
            (Act::Consume, false) => self.hear(s, Heard::NotReady),
            _ => self.hear(s, of(present, said)),
        }
    }
}

fn of(present: bool, said: Said) -> Heard {
    Heard::Task { present, said }
}

fn start(s: &mut State, kind: Kind) {
    s.tasks.push(Task {
        life: s.life,
        kind,
        lease: Lease::Live,
    });
}

/// The leases of a life are dropped.
fn end(s: &mut State, life: u8) {
    for task in s.tasks.iter_mut().filter(|task| task.life == life) {
        task.lease = Lease::Gone;
    }
}

impl Model for LivesModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            given: Given::Not,
            said: VecDeque::new(),
            phase: None,
            life: 0,
            tasks: Vec::new(),
            told: VecDeque::new(),
            gifts: self.gifts,
            faults: self.faults,
            commits: self.commits,
            early: false,
            late: false,
            back: false,
            stale: false,
        }]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        if s.gifts > 0 && s.given != Given::Here {
            actions.push(Action::Give);
        }
        if s.given == Given::Here {
            actions.push(Action::AskBack);
        }
        actions.extend(self.goes_on(s));
        if s.faults == 0 {
            return;
        }
        if s.given != Given::Not {
            actions.push(Action::Lose);
        }
        match s.phase {
            Some(Phase::Draining) => actions.push(Action::TooLong),
            Some(Phase::BackingOff) => actions.push(Action::DueNotReady),
            Some(Phase::Live) => actions.push(Action::Refute),
            Some(Phase::Claiming) | None => {}
        }
        if !s.told.is_empty() {
            actions.push(Action::HearTaskNotReady);
        }
        let works = |i: &usize| s.tasks[*i].lease != Lease::Gone;
        actions.extend((0..s.tasks.len()).filter(works).map(Action::GiveUp));
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut s = before.clone();
        (s.early, s.late, s.back, s.stale) = (false, false, false, false);
        match action {
            Action::Give => {
                s.gifts -= 1;
                s.given = Given::Here;
                s.said.push_back(Word::Assigned);
            }
            Action::AskBack => {
                s.given = Given::AskedBack;
                s.said.push_back(Word::Revoked);
            }
            Action::HearWord => {
                let heard = match s.said.pop_front()? {
                    Word::Assigned => Heard::Assigned,
                    Word::Revoked => Heard::Revoked,
                    Word::Lost => Heard::Lost,
                };
                self.hear(&mut s, heard);
            }
            Action::HearTask => self.hear_task(&mut s, true),
            Action::Due => self.hear(&mut s, Heard::Due),
            Action::Work(i) => {
                let task = s.tasks.remove(i);
                match (task.kind, task.lease) {
                    (_, Lease::Gone) => {}
                    (Kind::Claim, Lease::Live | Lease::Leaving) => {
                        s.told.push_back((task.life, Said::Claimed));
                    }
                    (Kind::Writer, Lease::Leaving) => s.told.push_back((task.life, Said::Ended)),
                    (Kind::Writer, Lease::Live) => {
                        s.commits = s.commits.checked_sub(1)?;
                        s.told.push_back((task.life, Said::Committed));
                        s.tasks.insert(i, task);
                    }
                }
            }
            Action::Lose
            | Action::HearTaskNotReady
            | Action::DueNotReady
            | Action::TooLong
            | Action::Refute
            | Action::GiveUp(_) => {
                s.faults -= 1;
                self.fault(&mut s, action);
            }
        }
        Some(s)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "invariant 2: a life begins at the position of its own claim",
                |_, s: &State| !s.stale,
            ),
            Property::always(
                "invariant 4: only a live life's own writer begins batches",
                |_, s: &State| {
                    let mut writers = s
                        .tasks
                        .iter()
                        .filter(|t| t.kind == Kind::Writer && t.lease == Lease::Live);
                    let ours = |t: &Task| t.life == s.life && s.phase == Some(Phase::Live);
                    writers.next().is_none_or(ours) && writers.next().is_none()
                },
            ),
            Property::always(
                "invariant 4: nothing is handed over while it is written",
                |_, s: &State| !s.early,
            ),
            Property::always(
                "invariant 5: at rest, what is given is consumed, and nothing else is held",
                |m: &Self, s: &State| {
                    let rests = m.goes_on(s).is_empty();
                    let expected = (s.given == Given::Here).then_some(Phase::Live);
                    !rests || s.phase == expected
                },
            ),
            Property::sometimes("an earlier life speaks too late", |_, s: &State| s.late),
            Property::sometimes("it is given back before it has left", |_, s: &State| s.back),
        ]
    }
}

impl LivesModel {
    fn fault(&self, s: &mut State, action: Action) {
        match action {
            Action::Lose => {
                s.given = Given::Not;
                s.said.push_back(Word::Lost);
            }
            Action::HearTaskNotReady => self.hear_task(s, false),
            Action::DueNotReady => self.hear(s, Heard::NotReady),
            Action::TooLong => self.hear(s, Heard::Lost),
            Action::Refute => self.hear(s, Heard::Refuted),
            Action::GiveUp(i) => {
                let task = s.tasks.remove(i);
                s.told.push_back((task.life, Said::GaveUp));
            }
            Action::Give
            | Action::AskBack
            | Action::HearWord
            | Action::HearTask
            | Action::Due
            | Action::Work(_) => {}
        }
    }
}

impl Bounded for LivesModel {
    fn name(&self) -> &str {
        "lives"
    }

    fn bounds(&self) -> &str {
        &self.bounds
    }

    fn goes_on(&self, s: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        if !s.said.is_empty() {
            actions.push(Action::HearWord);
        }
        if !s.told.is_empty() {
            actions.push(Action::HearTask);
        }
        if s.phase == Some(Phase::BackingOff) {
            actions.push(Action::Due);
        }
        for (i, task) in s.tasks.iter().enumerate() {
            let idle = task.kind == Kind::Writer && task.lease == Lease::Live && s.commits == 0;
            if !idle {
                actions.push(Action::Work(i));
            }
        }
        actions
    }
}

/// What the tests search.
#[must_use]
pub fn configurations() -> Vec<LivesModel> {
    vec![LivesModel {
        gifts: 3,
        faults: 3,
        commits: 1,
        named: true,
        bounds: "given 3 times, 3 faults, 1 batch".to_owned(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{comes_to_rest, search};

    #[test]
    fn every_property_holds() {
        for model in configurations() {
            let report = search(model, 2);
            assert!(report.holds(), "{}", report.faults());
        }
    }

    #[test]
    fn faults_that_end_let_it_come_to_rest() {
        for mut model in configurations() {
            model.faults = 2;
            assert!(comes_to_rest(&model).unwrap() > 1_000);
        }
    }

    #[test]
    fn what_an_earlier_life_says_must_not_be_heard() {
        for mut model in configurations() {
            model.named = false;
            let report = search(model, 2);
            let broken: Vec<_> = report.broken.iter().map(|(name, _)| &**name).collect();
            assert_eq!(
                broken,
                ["invariant 2: a life begins at the position of its own claim"]
            );
        }
    }
}
