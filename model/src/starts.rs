//! Where a topic begins: processes that settle its starts at once, with `start =
//! "latest"`, while records arrive and a partition is added.

use crate::report::Bounded;
use plimsoll_protocol::{KnownTopics, StartRule, start_rule};
use stateright::{Model, Property};

/// One topic, some processes.
#[derive(Debug, Clone)]
pub struct StartsModel {
    /// How many processes settle.
    pub processes: usize,
    /// Records that arrive.
    pub records: u8,
    /// Partitions that are added.
    pub added: usize,
    /// The configured start is written for all partitions or for none: it is
    /// refused where one of them has a row.
    pub together: bool,
    /// In words.
    pub bounds: String,
}

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// How many records each partition has.
    ends: Vec<u8>,
    /// The position rows.
    rows: Vec<Option<u8>>,
    /// How many records each partition had when the topic's first row was
    /// written: what comes behind must not be skipped.
    due: Vec<u8>,
    /// What each process is about to do.
    minds: Vec<Mind>,
    /// Records to come.
    records: u8,
    /// A partition added later got its start.
    later: bool,
}

/// How far a process is with settling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Mind {
    /// It has to look which rows there are.
    Begin,
    /// It has read them.
    Read(StartRule, Vec<bool>),
    /// It knows the starts.
    Found(StartRule, Vec<Option<u8>>),
    /// Every partition that it knows has a row.
    Done,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A record arrives.
    Produce(usize),
    /// A partition is added.
    Add,
    /// A process reads which partitions have a row.
    Read(usize),
    /// It asks Kafka for partitions and offsets.
    LookUp(usize),
    /// It writes the starts, in one transaction.
    Settle(usize),
    /// It is assigned a partition that has none.
    Again(usize),
}

impl StartsModel {
    fn unsettled(&self, s: &State) -> bool {
        s.rows.iter().any(Option::is_none)
    }
}

impl Model for StartsModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            ends: vec![0],
            rows: vec![None],
            due: vec![0],
            minds: vec![Mind::Begin; self.processes],
            records: self.records,
            later: false,
        }]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        if s.records > 0 {
            actions.extend((0..s.ends.len()).map(Action::Produce));
        }
        if s.ends.len() <= self.added {
            actions.push(Action::Add);
        }
        actions.extend(self.goes_on(s));
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut s = before.clone();
        s.later = false;
        match action {
            Action::Produce(p) => {
                s.records -= 1;
                s.ends[p] += 1;
            }
            Action::Add => {
                s.ends.push(0);
                s.rows.push(None);
                s.due.push(0);
            }
            Action::Read(i) => {
                let any = s.rows.iter().any(Option::is_some);
                let rule = start_rule(KnownTopics {
                    this_topic: any,
                    any_topic: any,
                    by_pattern: false,
                });
                let rows = s.rows.iter().map(Option::is_some).collect();
                s.minds[i] = Mind::Read(rule, rows);
            }
            Action::LookUp(i) => {
                let Mind::Read(rule, rows) = &s.minds[i] else {
                    return None;
                };
                let found = s.ends.iter().enumerate().map(|(p, end)| {
                    let stands = rows.get(p).copied().unwrap_or(false);
                    (!stands).then_some(match rule {
                        StartRule::Configured => *end,
                        StartRule::FirstRecord => 0,
                    })
                });
                s.minds[i] = Mind::Found(*rule, found.collect());
            }
            Action::Settle(i) => {
                let Mind::Found(rule, found) = s.minds[i].clone() else {
                    return None;
                };
                let first = s.rows.iter().all(Option::is_none);
                let stands = found
                    .iter()
                    .zip(&s.rows)
                    .any(|(new, row)| new.is_some() && row.is_some());
                if self.together && rule.all_or_none() && stands {
                    s.minds[i] = Mind::Begin;
                    return Some(s);
                }
                for (row, new) in s.rows.iter_mut().zip(found) {
                    s.later |= row.is_none() && new.is_some() && !first;
                    *row = row.or(new);
                }
                if first {
                    s.due = s.ends.clone();
                }
                s.minds[i] = Mind::Done;
            }
            Action::Again(i) => s.minds[i] = Mind::Begin,
        }
        Some(s)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "invariant 1: what comes after the start was settled is not skipped",
                |_, s: &State| {
                    let mut rows = s.rows.iter().zip(&s.due);
                    rows.all(|(row, due)| row.is_none_or(|row| row <= *due))
                },
            ),
            Property::always(
                "invariant 5: at rest every partition has a start",
                |m: &Self, s: &State| !m.goes_on(s).is_empty() || !m.unsettled(s),
            ),
            Property::sometimes("a partition is added after the start", |_, s: &State| {
                s.later
            }),
            Property::sometimes("what is not wanted is left out", |_, s: &State| {
                s.rows[0].is_some_and(|row| row > 0)
            }),
        ]
    }
}

impl Bounded for StartsModel {
    fn name(&self) -> &str {
        "starts"
    }

    fn bounds(&self) -> &str {
        &self.bounds
    }

    fn goes_on(&self, s: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        for (i, mind) in s.minds.iter().enumerate() {
            match mind {
                Mind::Begin => actions.push(Action::Read(i)),
                Mind::Read(..) => actions.push(Action::LookUp(i)),
                Mind::Found(..) => actions.push(Action::Settle(i)),
                Mind::Done if self.unsettled(s) => actions.push(Action::Again(i)),
                Mind::Done => {}
            }
        }
        actions
    }
}

/// What the tests search. More processes or partitions add no new kind of race.
#[must_use]
pub fn configurations() -> Vec<StartsModel> {
    vec![StartsModel {
        processes: 2,
        records: 3,
        added: 2,
        together: true,
        bounds: "2 processes, 3 records, 1 partition and 2 added later".to_owned(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::search;

    #[test]
    fn every_property_holds() {
        for model in configurations() {
            let report = search(model, 2);
            assert!(report.holds(), "{}", report.faults());
        }
    }

    #[test]
    fn starts_that_are_written_one_by_one_skip_records() {
        for mut model in configurations() {
            model.together = false;
            let report = search(model, 2);
            let broken: Vec<_> = report.broken.iter().map(|(name, _)| &**name).collect();
            assert_eq!(
                broken,
                ["invariant 1: what comes after the start was settled is not skipped"]
            );
        }
    }
}
