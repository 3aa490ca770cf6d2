//! What comes from Kafka: a client whose position an error may have moved, and a
//! topic that is deleted and made again between a fetch and its commit.

use crate::report::Bounded;
use crate::topic::{Entry, Log, at};
use plimsoll_protocol::{
    Admission, Agreement, Confirmation, Guard, KnownLog, Position, SeenLog, Span, agreement,
    confirm,
};
use stateright::{Model, Property};

/// The ids of the topic: before and after it is made again.
const IDS: [&str; 2] = ["old", "new"];

/// One partition, one process, two brokers.
#[derive(Debug, Clone)]
pub struct FetchesModel {
    /// The logs of the topic, before and after.
    pub logs: [Log; 2],
    /// Errors in place of a record.
    pub errors: u8,
    /// Elections of another leader.
    pub elections: u8,
    /// Nothing is committed before a look has found the topic's id.
    pub looks: bool,
    /// The look is put to the brokers that served the batch, not to any.
    pub asks_who_served: bool,
    /// The look begins after the batch's last record has arrived.
    pub looks_late: bool,
    /// An error ends what is believed of the client.
    pub errors_end: bool,
    /// In words.
    pub bounds: String,
}

/// A record, by the topic that it is of.
type Record = (usize, i64);

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Which topic there is.
    topic: usize,
    /// Which topic each broker knows, and serves.
    known: [usize; 2],
    leader: usize,
    /// Where the client reads on.
    fetch: i64,
    /// What the client says where it stands.
    told: i64,
    life: Option<Life>,
    /// The batch at the writer.
    batch: Option<Batch>,
    /// What is in the database.
    position: i64,
    rows: Vec<Record>,
    halted: bool,
    errors: u8,
    elections: u8,
    /// What has just happened.
    moved_over_gaps: bool,
    unconfirmed: bool,
}

/// A partition's life in the process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Life {
    guard: Guard,
    sealed: Position,
    taken: Vec<Record>,
    served: [bool; 2],
    /// An error came.
    failed: bool,
    /// What a look that began too early has found.
    early: Option<usize>,
}

/// A sealed batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Batch {
    span: Span,
    records: Vec<Record>,
    served: [bool; 2],
    /// What each look found.
    found: Option<Vec<usize>>,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A claim compares the position with what a broker tells, and begins.
    Claim(usize),
    /// The client goes on by one offset.
    Deliver,
    /// It hands out an error, and reads on there, or behind.
    Fail(bool),
    /// The poll thread seals a batch.
    Seal,
    /// The batch is looked at; which broker is asked if any will do.
    Look(usize),
    /// The batch is committed, or not.
    Commit,
    /// The life that met an error ends.
    End,
    /// The topic is deleted and made again.
    Recreate,
    /// A broker hears of it.
    Learn(usize),
    /// The other broker leads.
    Elect,
}

impl FetchesModel {
    /// What the leader serves next.
    fn next_entry(&self, s: &State) -> Option<Entry> {
        let log = &self.logs[s.known[s.leader]];
        log.0.get(usize::try_from(s.fetch).ok()?).copied()
    }

    fn progress(&self, s: &State, actions: &mut Vec<Action>) {
        if s.topic == 1 {
            actions.extend((0..2).filter(|b| s.known[*b] == 0).map(Action::Learn));
        }
        if s.halted {
            return;
        }
        let Some(life) = &s.life else {
            actions.extend((0..2).map(Action::Claim));
            return;
        };
        if self.next_entry(s).is_some() {
            actions.push(Action::Deliver);
        }
        match &s.batch {
            None if Span::new(life.sealed, self.seals_at(s, life)).is_some() => {
                actions.push(Action::Seal);
            }
            None if life.failed => actions.push(Action::End),
            None => {}
            Some(batch) if batch.found.is_none() => match self.asks_who_served {
                true if batch.served != [false; 2] => actions.push(Action::Look(0)),
                _ => actions.extend((0..2).map(Action::Look)),
            },
            Some(_) => actions.push(Action::Commit),
        }
    }

    /// Where a batch that is sealed now ends.
    fn seals_at(&self, s: &State, life: &Life) -> Position {
        let mut guard = life.guard;
        guard.pass(at(s.told));
        guard.next()
    }
}

impl Model for FetchesModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            topic: 0,
            known: [0; 2],
            leader: 0,
            fetch: 0,
            told: 0,
            life: None,
            batch: None,
            position: 0,
            rows: Vec::new(),
            halted: false,
            errors: self.errors,
            elections: self.elections,
            moved_over_gaps: false,
            unconfirmed: false,
        }]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        self.progress(s, actions);
        if s.topic == 0 {
            actions.push(Action::Recreate);
        }
        if s.elections > 0 {
            actions.push(Action::Elect);
        }
        if s.errors > 0 && s.life.is_some() && self.next_entry(s).is_some() {
            actions.extend([Action::Fail(false), Action::Fail(true)]);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut s = before.clone();
        (s.moved_over_gaps, s.unconfirmed) = (false, false);
        match action {
            Action::Claim(broker) => {
                let known = KnownLog {
                    cluster_id: "c",
                    topic_id: Some(IDS[0]),
                    position: at(s.position),
                    hash: None,
                };
                let seen = SeenLog {
                    topic_id: Some(IDS[s.known[broker]]),
                    ..SeenLog::default()
                };
                if agreement(known, seen) != Agreement::Agree {
                    s.halted = true;
                    return Some(s);
                }
                (s.fetch, s.told) = (s.position, s.position);
                s.life = Some(Life {
                    guard: Guard::new(at(s.position)),
                    sealed: at(s.position),
                    taken: Vec::new(),
                    served: [false; 2],
                    failed: false,
                    early: None,
                });
            }
            Action::Deliver => {
                let entry = self.next_entry(&s)?;
                let (topic, offset) = (s.known[s.leader], s.fetch);
                s.fetch += 1;
                s.told = s.fetch;
                let life = s.life.as_mut()?;
                if life.early.is_none() {
                    life.early = Some(topic);
                }
                if entry != Entry::Gap && life.guard.admit(at(offset)) == Admission::Take {
                    life.taken.push((topic, offset));
                    life.served[s.leader] = true;
                }
            }
            Action::Fail(skips) => {
                s.errors -= 1;
                // librdkafka counts an error as if it were a record.
                s.told = s.fetch + 1;
                s.fetch += i64::from(skips);
                let life = s.life.as_mut()?;
                life.failed = true;
                if self.errors_end {
                    life.guard.fail();
                }
            }
            Action::Seal => {
                let to = self.seals_at(&s, s.life.as_ref()?);
                let life = s.life.as_mut()?;
                life.guard.pass(at(s.told));
                let span = Span::new(life.sealed, to)?;
                life.sealed = to;
                let early = life.early.take().filter(|_| !self.looks_late);
                s.batch = Some(Batch {
                    span,
                    records: std::mem::take(&mut life.taken),
                    served: std::mem::take(&mut life.served),
                    found: early.map(|topic| vec![topic]),
                });
            }
            Action::Look(any) => {
                let known = s.known;
                let batch = s.batch.as_mut()?;
                let asked: Vec<usize> = match self.asks_who_served {
                    true if batch.served != [false; 2] => {
                        (0..2).filter(|b| batch.served[*b]).collect()
                    }
                    _ => vec![any],
                };
                batch.found = Some(asked.into_iter().map(|b| known[b]).collect());
            }
            Action::Commit => {
                let batch = s.batch.take()?;
                let mut told = batch.found?.into_iter();
                let all =
                    told.all(|id| confirm(Some(IDS[0]), Some(IDS[id])) == Confirmation::Confirmed);
                if self.looks && !all {
                    s.unconfirmed = true;
                    s.halted = true;
                    return Some(s);
                }
                s.moved_over_gaps = batch.records.is_empty();
                s.position = batch.span.to().offset();
                s.rows.extend(batch.records);
                s.rows.sort_unstable();
            }
            Action::End => {
                s.life = None;
            }
            Action::Recreate => s.topic = 1,
            Action::Learn(broker) => s.known[broker] = 1,
            Action::Elect => {
                s.elections -= 1;
                s.leader = 1 - s.leader;
            }
        }
        Some(s)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("invariant 1: no loss", |m: &Self, s: &State| {
                // Of a topic that is gone nothing can be read any more.
                let gone = s.topic == 1;
                gone || (0..s.position)
                    .filter(|o| m.logs[0].is_record(*o))
                    .all(|o| s.rows.contains(&(0, o)))
            }),
            Property::always("invariant 2: no duplicate", |_, s: &State| {
                s.rows.windows(2).all(|two| two[0] != two[1])
            }),
            Property::always(
                "nothing of another log is written under the position",
                |_, s: &State| s.rows.iter().all(|(topic, _)| *topic == 0),
            ),
            Property::always(
                "invariant 5: at rest there is no lag",
                |m: &Self, s: &State| {
                    let caught_up = s.position >= m.logs[0].end();
                    caught_up || s.halted || !m.goes_on(s).is_empty()
                },
            ),
            Property::sometimes(
                "all is written in spite of errors",
                |m: &Self, s: &State| s.position == m.logs[0].end() && s.errors == 0,
            ),
            Property::sometimes("a batch is found to be of another topic", |_, s: &State| {
                s.unconfirmed
            }),
            Property::sometimes("the position moves over gaps alone", |_, s: &State| {
                s.moved_over_gaps
            }),
            Property::sometimes("two brokers served a batch", |_, s: &State| {
                let batch = s.batch.as_ref();
                batch.is_some_and(|batch| batch.served == [true; 2])
            }),
        ]
    }
}

impl Bounded for FetchesModel {
    fn name(&self) -> &str {
        "fetches"
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

/// What the tests search.
#[must_use]
pub fn configurations() -> Vec<FetchesModel> {
    use Entry::{Gap, Record};
    vec![FetchesModel {
        logs: [
            Log(vec![Record, Gap, Record, Record, Gap]),
            Log(vec![Record; 6]),
        ],
        errors: 2,
        elections: 2,
        looks: true,
        asks_who_served: true,
        looks_late: true,
        errors_end: true,
        bounds: "2 brokers, 5 offsets, 2 errors, 2 elections, 1 topic made again".to_owned(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::search;

    /// What breaks in a world where a rule is left out.
    #[track_caller]
    fn breaks(without: impl Fn(&mut FetchesModel), property: &str) {
        for mut model in configurations() {
            without(&mut model);
            let report = search(model, 2);
            let broken: Vec<_> = report.broken.iter().map(|(name, _)| &**name).collect();
            assert!(broken.contains(&property), "{broken:?}");
        }
    }

    #[test]
    fn every_property_holds() {
        for model in configurations() {
            let report = search(model, 2);
            assert!(report.holds(), "{}", report.faults());
        }
    }

    #[test]
    fn a_position_that_is_believed_after_an_error_loses_a_record() {
        breaks(|m| m.errors_end = false, "invariant 1: no loss");
    }

    const OTHERS: &str = "nothing of another log is written under the position";

    #[test]
    fn a_batch_that_nobody_confirms_may_be_of_another_topic() {
        breaks(|m| m.looks = false, OTHERS);
    }

    #[test]
    fn a_look_that_began_before_the_last_record_came_confirms_nothing() {
        breaks(|m| m.looks_late = false, OTHERS);
    }

    #[test]
    fn a_broker_that_did_not_serve_the_batch_may_know_less() {
        breaks(|m| m.asks_who_served = false, OTHERS);
    }
}
