//! What operators do to positions and dead letters by hand, as the sink remembers it.

/// One of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The position was put elsewhere.
    Moved {
        /// Where it stood; `None`: it was lost.
        stood_at: Option<i64>,
        /// The lowest offset that it had ever begun at, where that is known.
        began_at: Option<i64>,
        /// Where it went.
        to: i64,
        /// For another log under the same name.
        anew: bool,
    },
    /// Dead letters went for good.
    Dropped {
        /// Where the position stood; `None`: it was lost.
        stood_at: Option<i64>,
        /// The first offset.
        from: i64,
        /// Behind the last.
        to: i64,
    },
}

/// An act as it is kept, part by part: [`Act::kept`] and [`Act::read`] are each
/// other's inverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptAct {
    /// Its word.
    pub kind: &'static str,
    /// Where the position stood.
    pub stood_at: Option<i64>,
    /// The lowest offset that it had ever begun at; of a move alone.
    pub began_at: Option<i64>,
    /// The first offset; of dropped letters alone.
    pub from: Option<i64>,
    /// Where the position went, or behind the last offset.
    pub to: i64,
}

impl Act {
    /// Its parts.
    #[must_use]
    pub const fn kept(self) -> KeptAct {
        match self {
            Self::Moved {
                stood_at,
                began_at,
                to,
                anew,
            } => KeptAct {
                kind: Self::of_move(anew),
                stood_at,
                began_at,
                from: None,
                to,
            },
            Self::Dropped { stood_at, from, to } => KeptAct {
                kind: Self::DROPPED,
                stood_at,
                began_at: None,
                from: Some(from),
                to,
            },
        }
    }

    /// The word of a move.
    #[must_use]
    pub const fn of_move(anew: bool) -> &'static str {
        if anew { "reset" } else { "set" }
    }

    /// The word of dropped letters.
    pub const DROPPED: &'static str = "dropped";

    /// As it is kept; `None` for a word of a later plimsoll.
    #[must_use]
    pub fn read(
        kind: &str,
        stood_at: Option<i64>,
        began_at: Option<i64>,
        from: Option<i64>,
        to: i64,
    ) -> Option<Self> {
        match kind {
            "set" | "reset" => Some(Self::Moved {
                stood_at,
                began_at,
                to,
                anew: kind == "reset",
            }),
            Self::DROPPED => Some(Self::Dropped {
                stood_at,
                from: from?,
                to,
            }),
            _ => None,
        }
    }
}

/// Offsets in their order as half-open spans, so that neighbours make one act.
#[must_use]
pub fn islands(offsets: &[i64]) -> Vec<(i64, i64)> {
    let neighbours = offsets.chunk_by(|a, b| a + 1 == *b);
    neighbours
        .filter_map(|island| Some((*island.first()?, island.last()? + 1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_span() {
        assert_eq!(islands(&[1, 2, 3, 7, 9, 10]), [(1, 4), (7, 8), (9, 11)]);
        assert!(islands(&[]).is_empty());
    }

    #[test]
    fn an_act_is_read_as_it_was_kept() {
        let moved = |stood_at, began_at, anew| Act::Moved {
            stood_at,
            began_at,
            to: 3,
            anew,
        };
        let dropped = |stood_at| Act::Dropped {
            stood_at,
            from: 1,
            to: 3,
        };
        for act in [
            moved(Some(2), Some(1), false),
            moved(Some(2), None, true),
            moved(None, None, false),
            dropped(Some(9)),
            dropped(None),
        ] {
            let kept = act.kept();
            let KeptAct { kind, stood_at, .. } = kept;
            let read = Act::read(kind, stood_at, kept.began_at, kept.from, kept.to);
            assert_eq!(read, Some(act));
        }
        assert_eq!(Act::read(Act::DROPPED, None, None, None, 2), None);
        assert_eq!(Act::read("sold", None, None, Some(1), 2), None);
    }
}
