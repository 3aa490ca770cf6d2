//! The lives of a partition in one process: what becomes of it with each thing that
//! is said of it.
//!
//! A *life* is one reading of the partition from a stored position. Writers and claims
//! belong to a life, and what one of them says may come when its life is over. So each
//! message names its life, and only the present one is heard.

use std::fmt;

/// How far the present life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It waits before it is claimed.
    BackingOff,
    /// Its claim is under way; nothing is consumed.
    Claiming,
    /// It is consumed from the position that the claim returned.
    Live,
    /// It is handed over in good order: nothing more is consumed, and its writer
    /// finishes what is in flight.
    Draining,
}

/// Something that is said of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Heard {
    /// The group's coordinator gives it to this member.
    Assigned,
    /// The coordinator takes it back in good order.
    Revoked,
    /// The coordinator has given it away already, or the time to hand it over ended.
    Lost,
    /// The time to back off is over.
    Due,
    /// An operator has set its position: there is no reason to wait any longer.
    Retry,
    /// An operator wants it begun anew at its stored position.
    Restart,
    /// A look at the position's row, or at the log, shows that this life's position is
    /// not what it believes.
    Refuted,
    /// Kafka answered with an error, and what came before it is written.
    Broken,
    /// Kafka's client still has an earlier life, or cannot begin this one.
    NotReady,
    /// A task of a life says so.
    Task {
        /// Whether that is the present life.
        present: bool,
        /// What it says.
        said: Said,
    },
}

/// What a claim or a writer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Said {
    /// The claim is made.
    Claimed,
    /// A batch was committed.
    Committed,
    /// It cannot go on: fenced, out of step, or halted.
    GaveUp,
    /// The writer has ended after it was told to finish.
    Ended,
}

/// What the poll thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Nothing.
    Ignore,
    /// Begins a life, which may be claimed at once.
    Begin,
    /// The same, in the place of one that is being handed over.
    Replace,
    /// Asks for the claim.
    Claim,
    /// Consumes from the claimed position.
    Consume,
    /// Notes how far the sink is.
    Acknowledge,
    /// Ends the life; another one is claimed after a while.
    BackOff,
    /// Waits a little and tries this life again.
    Wait,
    /// Stops waiting.
    Hasten,
    /// Stops consuming, and lets the writer finish.
    Drain,
    /// Ends the life for good.
    Forget,
}

impl Act {
    /// The phase that the act leads to; `None`: the partition is not held.
    #[must_use]
    pub const fn leads_to(self, from: Option<Phase>) -> Option<Phase> {
        match self {
            Self::Ignore | Self::Acknowledge | Self::Hasten => from,
            Self::Begin | Self::Replace | Self::BackOff | Self::Wait => Some(Phase::BackingOff),
            Self::Claim => Some(Phase::Claiming),
            Self::Consume => Some(Phase::Live),
            Self::Drain => Some(Phase::Draining),
            Self::Forget => None,
        }
    }
}

/// The lifecycle's table, total over its inputs. `None`: the partition is not held.
#[must_use]
pub const fn act(phase: Option<Phase>, heard: Heard) -> Act {
    use Phase::{BackingOff, Claiming, Draining, Live};
    let Some(phase) = phase else {
        return match heard {
            Heard::Assigned => Act::Begin,
            Heard::Revoked
            | Heard::Lost
            | Heard::Due
            | Heard::Retry
            | Heard::Restart
            | Heard::Refuted
            | Heard::Broken
            | Heard::NotReady
            | Heard::Task { .. } => Act::Ignore,
        };
    };
    match (heard, phase) {
        // Given back before it had left.
        (Heard::Assigned, Draining) => Act::Replace,
        (Heard::Assigned, BackingOff | Claiming | Live) => Act::Ignore,

        (Heard::Revoked, Live) => Act::Drain,
        (Heard::Revoked, Draining) => Act::Ignore,
        // Nothing is in flight.
        (Heard::Revoked, BackingOff | Claiming) => Act::Forget,
        (Heard::Lost, _) => Act::Forget,

        (Heard::Due, BackingOff) => Act::Claim,
        (Heard::Retry | Heard::Restart, BackingOff) => Act::Hasten,
        (Heard::Due | Heard::Retry, Claiming | Live | Draining) => Act::Ignore,
        (Heard::Restart, Live) => Act::BackOff,
        (Heard::Restart, Claiming | Draining) => Act::Ignore,
        (Heard::NotReady, BackingOff | Claiming) => Act::Wait,
        (Heard::NotReady, Live | Draining) => Act::Ignore,

        // One that leaves has nothing to begin anew, and its successor looks for itself.
        (Heard::Refuted | Heard::Broken, Live) => Act::BackOff,
        (Heard::Refuted | Heard::Broken, BackingOff | Claiming | Draining) => Act::Ignore,

        (Heard::Task { present: false, .. }, _) => Act::Ignore,
        (
            Heard::Task {
                present: true,
                said,
            },
            phase,
        ) => match (said, phase) {
            (Said::Claimed, Claiming) => Act::Consume,
            (Said::Claimed, BackingOff | Live | Draining) => Act::Ignore,
            (Said::Committed, Live | Draining) => Act::Acknowledge,
            (Said::Committed, BackingOff | Claiming) => Act::Ignore,
            (Said::GaveUp, BackingOff | Claiming | Live) => Act::BackOff,
            (Said::GaveUp | Said::Ended, Draining) => Act::Forget,
            (Said::Ended, BackingOff | Claiming | Live) => Act::Ignore,
        },
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ignore => "-",
            Self::Begin => "begin",
            Self::Replace => "replace",
            Self::Claim => "claim",
            Self::Consume => "consume",
            Self::Acknowledge => "acknowledge",
            Self::BackOff => "back off",
            Self::Wait => "wait",
            Self::Hasten => "hasten",
            Self::Drain => "drain",
            Self::Forget => "forget",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Phase::{BackingOff, Claiming, Draining, Live};
    use super::*;

    const PHASES: [Option<Phase>; 5] = [
        None,
        Some(BackingOff),
        Some(Claiming),
        Some(Live),
        Some(Draining),
    ];

    const SAID: [Said; 4] = [Said::Claimed, Said::Committed, Said::GaveUp, Said::Ended];

    fn task(said: Said) -> Heard {
        Heard::Task {
            present: true,
            said,
        }
    }

    fn all_heard() -> Vec<Heard> {
        let mut all = vec![
            Heard::Assigned,
            Heard::Revoked,
            Heard::Lost,
            Heard::Due,
            Heard::Retry,
            Heard::Restart,
            Heard::Refuted,
            Heard::Broken,
            Heard::NotReady,
        ];
        for present in [true, false] {
            all.extend(SAID.map(|said| Heard::Task { present, said }));
        }
        all
    }

    /// Each row as it stands in the design.
    const TABLE: [(&str, Heard, [Act; 5]); 13] = {
        use Act::{
            Acknowledge, BackOff, Begin, Claim, Consume, Drain, Forget, Hasten, Ignore, Replace,
            Wait,
        };
        const fn of(said: Said) -> Heard {
            Heard::Task {
                present: true,
                said,
            }
        }
        [
            (
                "assigned",
                Heard::Assigned,
                [Begin, Ignore, Ignore, Ignore, Replace],
            ),
            (
                "revoked",
                Heard::Revoked,
                [Ignore, Forget, Forget, Drain, Ignore],
            ),
            (
                "lost",
                Heard::Lost,
                [Ignore, Forget, Forget, Forget, Forget],
            ),
            ("due", Heard::Due, [Ignore, Claim, Ignore, Ignore, Ignore]),
            (
                "retry",
                Heard::Retry,
                [Ignore, Hasten, Ignore, Ignore, Ignore],
            ),
            (
                "restart",
                Heard::Restart,
                [Ignore, Hasten, Ignore, BackOff, Ignore],
            ),
            (
                "refuted",
                Heard::Refuted,
                [Ignore, Ignore, Ignore, BackOff, Ignore],
            ),
            (
                "broken",
                Heard::Broken,
                [Ignore, Ignore, Ignore, BackOff, Ignore],
            ),
            (
                "not ready",
                Heard::NotReady,
                [Ignore, Wait, Wait, Ignore, Ignore],
            ),
            (
                "claimed",
                of(Said::Claimed),
                [Ignore, Ignore, Consume, Ignore, Ignore],
            ),
            (
                "committed",
                of(Said::Committed),
                [Ignore, Ignore, Ignore, Acknowledge, Acknowledge],
            ),
            (
                "gave up",
                of(Said::GaveUp),
                [Ignore, BackOff, BackOff, BackOff, Forget],
            ),
            (
                "ended",
                of(Said::Ended),
                [Ignore, Ignore, Ignore, Ignore, Forget],
            ),
        ]
    };

    #[test]
    fn the_lifecycle_is_as_the_design_says() {
        for (name, heard, acts) in TABLE {
            for (phase, expected) in PHASES.into_iter().zip(acts) {
                assert_eq!(act(phase, heard), expected, "{name}, {phase:?}");
            }
        }
    }

    #[test]
    fn the_design_shows_this_very_lifecycle() {
        let made: Vec<String> = TABLE
            .iter()
            .map(|(name, heard, _)| {
                let cells = PHASES.map(|phase| act(phase, *heard).to_string());
                format!("| {name} | {} |", cells.join(" | "))
            })
            .collect();
        let shown: Vec<&str> = include_str!("../../docs/DESIGN.md")
            .lines()
            .skip_while(|line| !line.starts_with("| what is heard |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert_eq!(shown, made, "docs/DESIGN.md, the lifecycle");
    }

    #[test]
    fn an_earlier_life_is_never_heard() {
        for phase in PHASES {
            for said in SAID {
                let heard = Heard::Task {
                    present: false,
                    said,
                };
                assert_eq!(act(phase, heard), Act::Ignore, "{phase:?}, {said:?}");
            }
        }
    }

    #[test]
    fn invariant_4_nothing_is_consumed_but_from_the_claim_of_its_own_life() {
        for phase in PHASES {
            for heard in all_heard() {
                if act(phase, heard) == Act::Consume {
                    assert_eq!((phase, heard), (Some(Claiming), task(Said::Claimed)));
                }
            }
        }
    }

    #[test]
    fn invariant_5_each_phase_but_one_that_leaves_has_a_way_to_live() {
        for mut phase in [None, Some(BackingOff), Some(Claiming)] {
            for heard in [Heard::Assigned, Heard::Due, task(Said::Claimed)] {
                phase = act(phase, heard).leads_to(phase);
            }
            assert_eq!(phase, Some(Live));
        }
    }

    #[test]
    fn acts_lead_where_they_say() {
        for phase in PHASES {
            for heard in all_heard() {
                let act = act(phase, heard);
                let next = act.leads_to(phase);
                match act {
                    Act::Ignore | Act::Acknowledge | Act::Hasten => assert_eq!(next, phase),
                    Act::Begin => assert_eq!((phase, next), (None, Some(BackingOff))),
                    Act::Replace => assert_eq!((phase, next), (Some(Draining), Some(BackingOff))),
                    Act::BackOff | Act::Wait => assert_eq!(next, Some(BackingOff)),
                    Act::Claim => assert_eq!(next, Some(Claiming)),
                    Act::Consume => assert_eq!(next, Some(Live)),
                    Act::Drain => assert_eq!((phase, next), (Some(Live), Some(Draining))),
                    Act::Forget => assert!(phase.is_some() && next.is_none()),
                }
            }
        }
    }
}
