//! Where a topic begins: processes that settle its starts at once, with `start =
//! "latest"`, while records arrive, a partition is added and a position row is
//! removed by hand.

use crate::report::Bounded;
use plimsoll_protocol::{Beginning, Kept, KnownTopics, StartRule, beginning};
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
    /// That a start was settled is kept apart from the position.
    pub apart: bool,
    /// Position rows that are removed by hand.
    pub removed: u8,
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
    /// Which partitions were ever given a start.
    starts: Vec<bool>,
    /// How many records each partition had when the topic's first row was
    /// written: what comes behind must not be skipped.
    due: Vec<u8>,
    /// What each process is about to do.
    minds: Vec<Mind>,
    /// Records to come.
    records: u8,
    /// Position rows to be removed.
    removals: u8,
    /// A partition added later got its start.
    later: bool,
    /// A partition was given a start for the second time.
    again: bool,
}

/// How far a process is with settling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Mind {
    /// It has to look which rows there are.
    Begin,
    /// It has read them, and which partition asks for a start by which rule.
    Read(StartRule, Vec<bool>),
    /// It knows the starts.
    Found(StartRule, Vec<Option<u8>>),
    /// Every partition that it knows has a row, or has lost it.
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
    /// An operator removes a position row.
    Remove(usize),
}

impl StartsModel {
    /// What the state keeps of a partition.
    fn kept(&self, s: &State, p: usize) -> Kept {
        match (s.rows[p], self.apart && s.starts[p]) {
            (Some(_), _) => Kept::Position,
            (None, true) => Kept::Start,
            (None, false) => Kept::Nothing,
        }
    }

    /// What the partitions' own rule says of each.
    fn beginnings(&self, s: &State) -> Vec<Beginning> {
        let kept: Vec<Kept> = (0..s.rows.len()).map(|p| self.kept(s, p)).collect();
        let any = kept.iter().any(|kept| *kept != Kept::Nothing);
        let known = KnownTopics {
            this_topic: any,
            any_topic: any,
            by_pattern: false,
        };
        kept.into_iter()
            .map(|kept| beginning(kept, known))
            .collect()
    }

    /// A halted partition is settled as far as a process can settle it.
    fn unsettled(&self, s: &State) -> bool {
        let settles = |b: &Beginning| matches!(b, Beginning::Settle(_));
        self.beginnings(s).iter().any(settles)
    }
}

impl Model for StartsModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            ends: vec![0],
            rows: vec![None],
            starts: vec![false],
            due: vec![0],
            minds: vec![Mind::Begin; self.processes],
            records: self.records,
            removals: self.removed,
            later: false,
            again: false,
        }]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        if s.records > 0 {
            actions.extend((0..s.ends.len()).map(Action::Produce));
        }
        if s.ends.len() <= self.added {
            actions.push(Action::Add);
        }
        if s.removals > 0 {
            let stand = (0..s.rows.len()).filter(|p| s.rows[*p].is_some());
            actions.extend(stand.map(Action::Remove));
        }
        actions.extend(self.goes_on(s));
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut s = before.clone();
        (s.later, s.again) = (false, false);
        match action {
            Action::Produce(p) => {
                s.records -= 1;
                s.ends[p] += 1;
            }
            Action::Add => {
                s.ends.push(0);
                s.rows.push(None);
                s.starts.push(false);
                s.due.push(0);
            }
            Action::Read(i) => {
                let of = self.beginnings(&s);
                let rule = of.iter().find_map(|b| match b {
                    Beginning::Settle(rule) => Some(*rule),
                    Beginning::Stands | Beginning::Lost => None,
                });
                let kept = of.iter().map(|b| !matches!(b, Beginning::Settle(_)));
                s.minds[i] = match rule {
                    Some(rule) => Mind::Read(rule, kept.collect()),
                    None => Mind::Done,
                };
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
                let kept: Vec<bool> = (0..s.rows.len())
                    .map(|p| self.kept(&s, p) != Kept::Nothing)
                    .collect();
                let first = s.starts.iter().all(|settled| !settled);
                let stands = found
                    .iter()
                    .zip(&kept)
                    .any(|(new, kept)| new.is_some() && *kept);
                if self.together && rule.all_or_none() && stands {
                    s.minds[i] = Mind::Begin;
                    return Some(s);
                }
                for (p, new) in found.into_iter().enumerate() {
                    if kept[p] || new.is_none() {
                        continue;
                    }
                    s.later |= !first;
                    s.again |= s.starts[p];
                    s.rows[p] = new;
                    s.starts[p] = true;
                }
                if first {
                    s.due = s.ends.clone();
                }
                s.minds[i] = Mind::Done;
            }
            Action::Again(i) => s.minds[i] = Mind::Begin,
            Action::Remove(p) => {
                s.removals -= 1;
                s.rows[p] = None;
            }
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
                "invariant 2: a partition is given a start once",
                |_, s: &State| !s.again,
            ),
            Property::always(
                "invariant 5: at rest every partition has a start, or has lost its position",
                |m: &Self, s: &State| !m.goes_on(s).is_empty() || !m.unsettled(s),
            ),
            Property::sometimes("a partition is added after the start", |_, s: &State| {
                s.later
            }),
            Property::sometimes("what is not wanted is left out", |_, s: &State| {
                s.rows[0].is_some_and(|row| row > 0)
            }),
            Property::sometimes("a position is lost, and stays so", |m: &Self, s: &State| {
                m.beginnings(s).contains(&Beginning::Lost) && m.goes_on(s).is_empty()
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
        apart: true,
        removed: 1,
        bounds: "2 processes, 3 records, 1 partition and 2 added later, 1 position row removed"
            .to_owned(),
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
    fn starts_that_are_kept_only_in_the_position_are_settled_again() {
        for mut model in configurations() {
            model.apart = false;
            let report = search(model, 2);
            let broken: Vec<_> = report.broken.iter().map(|(name, _)| &**name).collect();
            assert!(
                broken.contains(&"invariant 2: a partition is given a start once"),
                "{broken:?}"
            );
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
