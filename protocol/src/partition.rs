//! The liveness table: what a writer does after each outcome of a commit.
//!
//! Fenced is not lost; only Kafka says lost. A zombie's late claim, an
//! operator's `positions set` or a failover can fence the rightful owner, and
//! while its assignment lives it must go on by itself (invariant 5).

use crate::{Class, Resolution};

/// What Kafka says of the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Assignment {
    /// The group's coordinator still gives it to this member.
    Live,
    /// It is being handed over in good order: finish what is in flight.
    Leaving,
    /// It was lost, or taken back: nothing may be claimed any more.
    Gone,
}

/// What became of one attempt to commit a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The database said so.
    Committed,
    /// The database refused, or could not be reached.
    Failed {
        /// What the error means.
        class: Class,
        /// More than one record is in the span.
        divisible: bool,
        /// Whether the catalogue was read anew after an error of this class.
        reread: Reread,
    },
    /// The answer was lost, and a claim has found out.
    Resolved(Resolution),
}

/// Whether the catalogue was read anew already, after an error of the same class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reread {
    /// Not since the batch was built.
    Not,
    /// For a larger span, which this one is a part of.
    Larger,
    /// For this very span.
    This,
}

impl Reread {
    /// Of a span for which the catalogue was read anew so many times after errors of a
    /// class; `larger`: and once for a larger span, after one that may be the table's.
    #[must_use]
    pub const fn after(class: Class, times: usize, larger: bool) -> Self {
        if times >= most_rereads(class) {
            Self::This
        } else if larger && matches!(class, Class::Suspect) {
            Self::Larger
        } else {
            Self::Not
        }
    }
}

/// How often the catalogue is read for one span before an error counts. A table that is
/// altered again and again is another one each time: with the waits in between that goes
/// on for some seconds.
const fn most_rereads(class: Class) -> usize {
    match class {
        Class::Stale => 5,
        Class::Fenced
        | Class::Transient
        | Class::Unavailable
        | Class::Rejected
        | Class::Suspect
        | Class::Halt => 1,
    }
}

/// What the writer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Acknowledge, take the next batch.
    GoOn,
    /// The identical batch again.
    Repeat,
    /// Claim on a new connection, as long as it takes, then resolve.
    Resolve,
    /// Forget what is in memory, claim, and consume from the stored position
    /// under a new local generation.
    Restart,
    /// Cut the span in two; each part is an ordinary commit.
    Bisect,
    /// One bad record: the sink's `on_bad_record` decides.
    BadRecord,
    /// One record that may be bad: compare it with its neighbours.
    Compare,
    /// Read the catalogue again and decode the batch anew.
    Reread,
    /// Stop this partition, say why, try again in a minute.
    Halt,
    /// Forget what is in memory; the successor begins at the stored position.
    Drop,
}

/// The liveness table, total over its inputs.
#[must_use]
pub fn next_step(outcome: Outcome, assignment: Assignment) -> Step {
    use Assignment::{Gone, Leaving, Live};
    match (outcome, assignment) {
        (Outcome::Committed | Outcome::Resolved(Resolution::Committed), _) => Step::GoOn,

        (_, Gone) => Step::Drop,

        (Outcome::Resolved(Resolution::NotCommitted), Live | Leaving) => Step::Repeat,
        (Outcome::Resolved(Resolution::OutOfStep), Live) => Step::Restart,
        (Outcome::Resolved(Resolution::OutOfStep), Leaving) => Step::Drop,

        (
            Outcome::Failed {
                class,
                divisible,
                reread,
            },
            Live | Leaving,
        ) => match class {
            Class::Fenced => match assignment {
                Live => Step::Restart,
                Leaving | Gone => Step::Drop,
            },
            Class::Transient => Step::Repeat,
            Class::Unavailable => Step::Resolve,
            Class::Rejected if divisible => Step::Bisect,
            // A column may have been widened since the catalogue was read: no
            // record is bad before it is judged by the table as it is now.
            Class::Rejected if reread != Reread::This => Step::Reread,
            Class::Rejected => Step::BadRecord,
            // Most often the table changed, and all is well once it is read.
            Class::Suspect if divisible && reread != Reread::Not => Step::Bisect,
            Class::Suspect if reread != Reread::This => Step::Reread,
            Class::Suspect => Step::Compare,
            Class::Stale if reread == Reread::This => Step::Halt,
            Class::Stale => Step::Reread,
            Class::Halt => Step::Halt,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Assignment::{Gone, Leaving, Live};
    use super::*;

    const CLASSES: [Class; 7] = [
        Class::Fenced,
        Class::Transient,
        Class::Unavailable,
        Class::Rejected,
        Class::Suspect,
        Class::Stale,
        Class::Halt,
    ];

    const REREADS: [Reread; 3] = [Reread::Not, Reread::Larger, Reread::This];

    fn failed(class: Class, divisible: bool, reread: Reread) -> Outcome {
        Outcome::Failed {
            class,
            divisible,
            reread,
        }
    }

    fn all_outcomes() -> Vec<Outcome> {
        let mut all = vec![Outcome::Committed];
        all.extend(
            [
                Resolution::Committed,
                Resolution::NotCommitted,
                Resolution::OutOfStep,
            ]
            .map(Outcome::Resolved),
        );
        for class in CLASSES {
            for divisible in [false, true] {
                for reread in REREADS {
                    all.push(failed(class, divisible, reread));
                }
            }
        }
        all
    }

    #[test]
    fn the_liveness_table_is_as_the_design_says() {
        let table = [
            (Outcome::Committed, [Step::GoOn, Step::GoOn, Step::GoOn]),
            (
                Outcome::Resolved(Resolution::Committed),
                [Step::GoOn, Step::GoOn, Step::GoOn],
            ),
            (
                Outcome::Resolved(Resolution::NotCommitted),
                [Step::Repeat, Step::Repeat, Step::Drop],
            ),
            (
                Outcome::Resolved(Resolution::OutOfStep),
                [Step::Restart, Step::Drop, Step::Drop],
            ),
            (
                failed(Class::Fenced, true, Reread::Not),
                [Step::Restart, Step::Drop, Step::Drop],
            ),
            (
                failed(Class::Transient, true, Reread::Not),
                [Step::Repeat, Step::Repeat, Step::Drop],
            ),
            (
                failed(Class::Unavailable, true, Reread::Not),
                [Step::Resolve, Step::Resolve, Step::Drop],
            ),
            (
                failed(Class::Rejected, true, Reread::Not),
                [Step::Bisect, Step::Bisect, Step::Drop],
            ),
            (
                failed(Class::Rejected, false, Reread::Not),
                [Step::Reread, Step::Reread, Step::Drop],
            ),
            (
                failed(Class::Rejected, false, Reread::This),
                [Step::BadRecord, Step::BadRecord, Step::Drop],
            ),
            (
                failed(Class::Suspect, true, Reread::Not),
                [Step::Reread, Step::Reread, Step::Drop],
            ),
            (
                failed(Class::Suspect, true, Reread::Larger),
                [Step::Bisect, Step::Bisect, Step::Drop],
            ),
            (
                failed(Class::Suspect, true, Reread::This),
                [Step::Bisect, Step::Bisect, Step::Drop],
            ),
            (
                failed(Class::Suspect, false, Reread::Larger),
                [Step::Reread, Step::Reread, Step::Drop],
            ),
            (
                failed(Class::Suspect, false, Reread::This),
                [Step::Compare, Step::Compare, Step::Drop],
            ),
            (
                failed(Class::Rejected, false, Reread::Larger),
                [Step::Reread, Step::Reread, Step::Drop],
            ),
            (
                failed(Class::Stale, true, Reread::Larger),
                [Step::Reread, Step::Reread, Step::Drop],
            ),
            (
                failed(Class::Stale, true, Reread::Not),
                [Step::Reread, Step::Reread, Step::Drop],
            ),
            (
                failed(Class::Stale, true, Reread::This),
                [Step::Halt, Step::Halt, Step::Drop],
            ),
            (
                failed(Class::Halt, true, Reread::Not),
                [Step::Halt, Step::Halt, Step::Drop],
            ),
        ];
        for (outcome, steps) in table {
            for (assignment, step) in [Live, Leaving, Gone].into_iter().zip(steps) {
                assert_eq!(
                    next_step(outcome, assignment),
                    step,
                    "{outcome:?}, {assignment:?}"
                );
            }
        }
    }

    #[test]
    fn the_catalogue_is_read_once_before_an_error_counts_and_five_times_for_a_stale_table() {
        for class in CLASSES {
            let most = if class == Class::Stale { 5 } else { 1 };
            for larger in [false, true] {
                assert_eq!(Reread::after(class, most, larger), Reread::This);
                let before = match larger && class == Class::Suspect {
                    true => Reread::Larger,
                    false => Reread::Not,
                };
                assert_eq!(Reread::after(class, most - 1, larger), before, "{class:?}");
            }
        }
    }

    #[test]
    fn the_design_shows_this_very_table() {
        let word = |step| match step {
            Step::GoOn => "go on",
            Step::Repeat => "repeat",
            Step::Resolve => "resolve",
            Step::Restart => "restart",
            Step::Bisect => "bisect",
            Step::BadRecord => "bad record",
            Step::Compare => "compare",
            Step::Reread => "reread",
            Step::Halt => "halt",
            Step::Drop => "drop",
        };
        let lone = "failed: rejected, one record or none";
        let (suspects, suspect) = (
            "failed: suspect, several records",
            "failed: suspect, one record or none",
        );
        let rows = [
            ("committed".to_owned(), Outcome::Committed),
            (
                "resolved: committed".to_owned(),
                Outcome::Resolved(Resolution::Committed),
            ),
            (
                "resolved: not committed".to_owned(),
                Outcome::Resolved(Resolution::NotCommitted),
            ),
            (
                "resolved: out of step".to_owned(),
                Outcome::Resolved(Resolution::OutOfStep),
            ),
            (
                "failed: fenced".to_owned(),
                failed(Class::Fenced, true, Reread::Not),
            ),
            (
                "failed: transient".to_owned(),
                failed(Class::Transient, true, Reread::Not),
            ),
            (
                "failed: unavailable".to_owned(),
                failed(Class::Unavailable, true, Reread::Not),
            ),
            (
                "failed: rejected, several records".to_owned(),
                failed(Class::Rejected, true, Reread::Not),
            ),
            (
                format!("{lone}, first time"),
                failed(Class::Rejected, false, Reread::Not),
            ),
            (
                format!("{lone}, catalogue read anew for it already"),
                failed(Class::Rejected, false, Reread::This),
            ),
            (
                format!("{suspects}, first time"),
                failed(Class::Suspect, true, Reread::Not),
            ),
            (
                format!("{suspects}, catalogue read anew for it or for a larger span"),
                failed(Class::Suspect, true, Reread::Larger),
            ),
            (
                format!("{suspect}, first time"),
                failed(Class::Suspect, false, Reread::Not),
            ),
            (
                format!("{suspect}, catalogue read anew for it already"),
                failed(Class::Suspect, false, Reread::This),
            ),
            (
                "failed: stale, first time for this span".to_owned(),
                failed(Class::Stale, true, Reread::Not),
            ),
            (
                "failed: stale, catalogue read anew for it already".to_owned(),
                failed(Class::Stale, true, Reread::This),
            ),
            (
                "failed: halt".to_owned(),
                failed(Class::Halt, true, Reread::Not),
            ),
        ];
        let made: Vec<String> = rows
            .iter()
            .map(|(name, outcome)| {
                let [live, leaving, gone] =
                    [Live, Leaving, Gone].map(|a| word(next_step(*outcome, a)));
                format!("| {name} | {live} | {leaving} | {gone} |")
            })
            .collect();
        let shown: Vec<&str> = include_str!("../../docs/DESIGN.md")
            .lines()
            .skip_while(|line| !line.starts_with("| outcome of the commit | Live |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert_eq!(shown, made, "docs/DESIGN.md, the liveness table");
    }

    #[test]
    fn a_partition_that_is_gone_is_never_claimed_nor_written_again() {
        for outcome in all_outcomes() {
            assert!(
                matches!(next_step(outcome, Gone), Step::GoOn | Step::Drop),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn invariant_5_a_rightful_owner_that_is_fenced_begins_anew() {
        assert_eq!(
            next_step(failed(Class::Fenced, true, Reread::Not), Live),
            Step::Restart
        );
        assert_eq!(
            next_step(Outcome::Resolved(Resolution::OutOfStep), Live),
            Step::Restart
        );
    }

    #[test]
    fn invariant_5_an_outage_never_halts_nor_drops_a_live_partition() {
        for divisible in [false, true] {
            for reread in REREADS {
                assert_eq!(
                    next_step(failed(Class::Unavailable, divisible, reread), Live),
                    Step::Resolve
                );
            }
        }
    }

    #[test]
    fn invariant_1_only_a_lone_record_judged_by_todays_table_can_become_a_dead_letter() {
        for outcome in all_outcomes() {
            for assignment in [Live, Leaving, Gone] {
                let step = next_step(outcome, assignment);
                if matches!(step, Step::BadRecord | Step::Compare) {
                    assert!(matches!(
                        outcome,
                        Outcome::Failed {
                            class: Class::Rejected | Class::Suspect,
                            divisible: false,
                            reread: Reread::This,
                        }
                    ));
                }
            }
        }
    }
}
