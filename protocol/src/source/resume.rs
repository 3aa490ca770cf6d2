//! Whether a source may go on.

use super::{History, Lsn, SourceId, SourcePosition};

/// What Kafka holds of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// Nothing: it never began.
    Nothing,
    /// It was about to make its slot. Nothing was sent.
    Intent(SourceId),
    /// It stands here.
    At(SourcePosition),
}

/// What the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The cluster's own number.
    pub system_id: u64,
    /// Its timeline now.
    pub timeline: u32,
    /// Where it left its earlier ones.
    pub history: History,
    /// Up to where its log is written.
    pub flushed: Lsn,
}

/// What the server has of the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// None of that name.
    Missing,
    /// The server has thrown away what the slot needs.
    Lost,
    /// It keeps all that was committed from here on.
    Confirmed(Lsn),
}

/// What a source does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resume {
    /// Send what lies at this position and behind it.
    GoOn(SourcePosition),
    /// Write down the intent, make publication and slot, and write the first position.
    Begin,
    /// Its slot was made, and then it came to no position: this is the first one.
    Adopt(SourcePosition),
    /// Halt: something was lost, or was sent and is lost now.
    Halt(SourceGap),
}

/// Why a source may not go on by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceGap {
    /// There is a slot, and no position. It is somebody else's, or the position was lost.
    NoPosition {
        /// Where the slot stands.
        confirmed: Lsn,
    },
    /// There is a position, and no slot.
    NoSlot(SourcePosition),
    /// The slot's log was thrown away.
    SlotLost(SourcePosition),
    /// The slot is ahead of the position: what lies between was never sent.
    SlotAhead {
        /// The position.
        position: SourcePosition,
        /// Where the slot stands.
        confirmed: Lsn,
    },
    /// The position is of another cluster, database or slot.
    Other {
        /// What the position is of.
        position: SourcePosition,
        /// What is here.
        here: SourceId,
    },
    /// The database has lost what Kafka holds.
    WentBack {
        /// The position.
        position: SourcePosition,
        /// The timeline of the server.
        timeline: u32,
        /// Up to where the two have the same log; `None`: nowhere.
        common: Option<Lsn>,
    },
}

/// Compares what Kafka holds with what the database is. It is asked by the one who holds
/// the slot and, after that, has fenced all other producers: in this order the position
/// is the newest there will be.
#[must_use]
pub fn resume(stored: Stored, server: &Server, here: &SourceId, slot: Slot) -> Resume {
    match (stored, slot) {
        // Whoever had the intent, on another cluster too, has sent nothing.
        (Stored::Nothing | Stored::Intent(_), Slot::Missing) => Resume::Begin,
        (Stored::Intent(of), Slot::Confirmed(confirmed)) if of == *here => {
            Resume::Adopt(SourcePosition {
                id: of,
                timeline: server.timeline,
                next_lsn: confirmed,
                seq: 0,
            })
        }
        (Stored::Nothing | Stored::Intent(_), Slot::Confirmed(confirmed)) => {
            Resume::Halt(SourceGap::NoPosition { confirmed })
        }
        (Stored::Nothing | Stored::Intent(_), Slot::Lost) => {
            let confirmed = Lsn::default();
            Resume::Halt(SourceGap::NoPosition { confirmed })
        }
        (Stored::At(position), slot) => go_on(position, server, here, slot),
    }
}

fn go_on(position: SourcePosition, server: &Server, here: &SourceId, slot: Slot) -> Resume {
    if position.id != *here {
        let here = here.clone();
        return Resume::Halt(SourceGap::Other { position, here });
    }
    // The newest place that is in both logs. On the server's own timeline that is its end:
    // beyond it the server would skip what it writes until it comes there.
    let common = if position.timeline == server.timeline {
        Some(server.flushed)
    } else {
        server.history.left(position.timeline)
    };
    if common.is_none_or(|common| position.next_lsn > common) {
        return Resume::Halt(SourceGap::WentBack {
            position,
            timeline: server.timeline,
            common,
        });
    }
    match slot {
        Slot::Missing => Resume::Halt(SourceGap::NoSlot(position)),
        Slot::Lost => Resume::Halt(SourceGap::SlotLost(position)),
        Slot::Confirmed(confirmed) if confirmed > position.next_lsn => {
            Resume::Halt(SourceGap::SlotAhead {
                position,
                confirmed,
            })
        }
        Slot::Confirmed(_) => Resume::GoOn(position),
    }
}

#[cfg(test)]
mod tests {
    use super::super::position::tests::at;
    use super::*;
    use proptest::prelude::*;

    fn server(timeline: u32) -> Server {
        Server {
            system_id: 7,
            timeline,
            history: History::parse("1\t0/C8\tr\n2\t0/12C\tr\n").unwrap(),
            flushed: Lsn(1000),
        }
    }

    fn here() -> SourceId {
        at(1, 0, 0).id
    }

    fn other() -> SourceId {
        SourceId {
            system_id: 8,
            ..here()
        }
    }

    fn kind(found: &Resume) -> &'static str {
        match found {
            Resume::GoOn(_) => "go on",
            Resume::Begin => "begin",
            Resume::Adopt(_) => "adopt",
            Resume::Halt(gap) => match gap {
                SourceGap::NoPosition { .. } => "no position",
                SourceGap::NoSlot(_) => "no slot",
                SourceGap::SlotLost(_) => "slot lost",
                SourceGap::SlotAhead { .. } => "slot ahead",
                SourceGap::Other { .. } => "other",
                SourceGap::WentBack { .. } => "went back",
            },
        }
    }

    #[test]
    fn the_table_of_starts() {
        let slot = |at| Slot::Confirmed(Lsn(at));
        let intent = || Stored::Intent(here());
        let position = |timeline, next| Stored::At(at(timeline, next, 5));
        for (stored, slot, timeline, then) in [
            (Stored::Nothing, Slot::Missing, 1, "begin"),
            (Stored::Nothing, slot(100), 1, "no position"),
            (Stored::Nothing, Slot::Lost, 1, "no position"),
            (intent(), Slot::Missing, 1, "begin"),
            (intent(), slot(100), 1, "adopt"),
            (intent(), Slot::Lost, 1, "no position"),
            (Stored::Intent(other()), Slot::Missing, 1, "begin"),
            (Stored::Intent(other()), slot(100), 1, "no position"),
            (position(1, 100), slot(100), 1, "go on"),
            // The server stores lazily what was confirmed.
            (position(1, 100), slot(50), 1, "go on"),
            (position(1, 100), slot(101), 1, "slot ahead"),
            (position(1, 100), Slot::Missing, 1, "no slot"),
            (position(1, 100), Slot::Lost, 1, "slot lost"),
            // The first timeline was left at 200, the second at 300.
            (position(1, 200), slot(100), 2, "go on"),
            (position(1, 201), slot(100), 2, "went back"),
            (position(1, 200), slot(100), 3, "go on"),
            (position(2, 300), slot(100), 3, "go on"),
            (position(2, 301), slot(100), 3, "went back"),
            // A server that never was on the position's timeline.
            (position(3, 100), slot(100), 2, "went back"),
            (position(1, 1000), slot(100), 1, "go on"),
            (position(1, 1001), slot(100), 1, "went back"),
            // What was lost is told before what the slot lacks.
            (position(1, 201), Slot::Missing, 2, "went back"),
        ] {
            let case = format!("{stored:?} {slot:?} {timeline}");
            let found = resume(stored, &server(timeline), &here(), slot);
            assert_eq!(kind(&found), then, "{case}");
        }
    }

    #[test]
    fn a_position_of_another_log_is_never_taken_up() {
        let ids = [
            other(),
            SourceId {
                database: "crm".to_owned(),
                ..here()
            },
            SourceId {
                slot: "older".to_owned(),
                ..here()
            },
        ];
        for id in ids {
            let position = SourcePosition {
                id,
                ..at(1, 100, 5)
            };
            let slot = Slot::Confirmed(Lsn(100));
            let found = resume(Stored::At(position), &server(1), &here(), slot);
            assert_eq!(kind(&found), "other");
        }
    }

    #[test]
    fn a_slot_without_a_position_is_adopted_where_it_stands() {
        let slot = Slot::Confirmed(Lsn(100));
        let found = resume(Stored::Intent(here()), &server(2), &here(), slot);
        assert_eq!(found, Resume::Adopt(at(2, 100, 0)));
    }

    proptest! {
        /// Invariants 6 and 7: whatever is found, a source goes on only from its own
        /// position, on a log that has it, with a slot that is not ahead of it.
        #[test]
        fn a_source_goes_on_only_where_nothing_is_missing(
            next in 0u64..1200, of in 1u32..5, timeline in 1u32..4, confirmed in 0u64..1200,
        ) {
            let server = Server { timeline, ..server(timeline) };
            let position = at(of, next, 5);
            let slot = Slot::Confirmed(Lsn(confirmed));
            if let Resume::GoOn(found) = resume(Stored::At(position.clone()), &server, &here(), slot) {
                prop_assert_eq!(&found, &position);
                prop_assert!(confirmed <= next);
                let common = match of == timeline {
                    true => Some(server.flushed),
                    false => server.history.left(of),
                };
                prop_assert!(common.is_some_and(|common| Lsn(next) <= common));
            }
        }
    }
}
