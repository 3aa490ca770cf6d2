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

impl Act {
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
    fn words_are_read_as_they_are_written() {
        for anew in [false, true] {
            let read = Act::read(Act::of_move(anew), Some(1), None, None, 2);
            assert!(matches!(read, Some(Act::Moved { anew: found, .. }) if found == anew));
        }
        assert!(Act::read(Act::DROPPED, None, None, Some(1), 2).is_some());
        assert!(Act::read("sold", None, None, Some(1), 2).is_none());
    }
}
