//! Where to begin again in a database that may lose what it has acknowledged,
//! row by row, because it syncs its log periodically.

use crate::Position;

/// At this time everything below the position had been acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// How far.
    pub position: Position,
    /// When, in milliseconds, by the clock of the owner that made the list.
    pub at_ms: i64,
}

/// What an owner remembers of its way, stored beside the position. All of one
/// list is by one clock, for a list is begun anew with each claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marks {
    list: Vec<Mark>,
    window_ms: i64,
}

/// Marks nearer to each other than this part of the window are one: the list
/// has at most so many entries, and three more.
const PARTS: i64 = 16;

impl Marks {
    /// Begins where a claim begins. Everything below is safe, or the claim would
    /// have begun lower.
    #[must_use]
    pub fn begin(start: Position, now_ms: i64, window_ms: i64) -> Self {
        let at_ms = now_ms.saturating_sub(window_ms);
        Self {
            list: vec![Mark {
                position: start,
                at_ms,
            }],
            window_ms,
        }
    }

    /// Everything below `position` has been acknowledged.
    pub fn reach(&mut self, position: Position, now_ms: i64) {
        let mark = Mark {
            position,
            at_ms: now_ms,
        };
        let near = self.window_ms / PARTS;
        match self.list.as_mut_slice() {
            [.., before, last] if now_ms.saturating_sub(before.at_ms) <= near => *last = mark,
            _ => self.list.push(mark),
        }
        // One mark older than the window is enough.
        let safe = now_ms.saturating_sub(self.window_ms);
        let stale = self.list.iter().skip(1).take_while(|m| m.at_ms <= safe);
        let stale = stale.count();
        self.list.drain(..stale);
    }

    /// Oldest first; never empty.
    #[must_use]
    pub fn list(&self) -> &[Mark] {
        &self.list
    }
}

/// Where an owner begins, by the marks that the last one left.
///
/// The window is counted back from the last mark, not from now: a database that
/// lost its last seconds may have been away for an hour since, and what it lost
/// is older than the window by then. Whatever was acknowledged within the window
/// before the last mark that survived may be lost; the rest is not.
///
/// It is for a claim, and for an owner that lost its connections too: what it
/// has in memory as acknowledged may be lost by then, so repeating what failed
/// is not enough. It claims again and begins here.
///
/// Never below `floor` (the start, or the last `positions set`), nor below what
/// the log still has.
#[must_use]
pub fn rewind(
    marks: &[Mark],
    window_ms: i64,
    floor: Position,
    low_watermark: Position,
) -> Position {
    let safe = marks.last().map(|m| m.at_ms.saturating_sub(window_ms));
    let known = marks
        .iter()
        .filter(|m| safe.is_some_and(|safe| m.at_ms <= safe))
        .map(|m| m.position)
        .max();
    known.unwrap_or(floor).max(floor).max(low_watermark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: i64 = 15_000;

    fn at(offset: i64) -> Position {
        Position::new(offset).unwrap()
    }

    fn mark(offset: i64, at_ms: i64) -> Mark {
        Mark {
            position: at(offset),
            at_ms,
        }
    }

    #[test]
    fn the_window_is_counted_back_from_the_last_mark() {
        let marks = [mark(5, 0), mark(7, 9_000), mark(9, 24_000)];
        assert_eq!(rewind(&marks, WINDOW, at(0), at(0)), at(7));
        assert_eq!(rewind(&marks[..2], WINDOW, at(0), at(0)), at(0));
        assert_eq!(rewind(&[], WINDOW, at(3), at(0)), at(3));
    }

    #[test]
    fn never_below_the_floor_nor_the_log() {
        let marks = [mark(5, 0), mark(9, 15_000)];
        assert_eq!(rewind(&marks, WINDOW, at(6), at(0)), at(6));
        assert_eq!(rewind(&marks, WINDOW, at(0), at(8)), at(8));
        assert_eq!(rewind(&marks, WINDOW, at(0), at(0)), at(5));
    }

    #[test]
    fn a_list_begins_at_a_safe_place() {
        let marks = Marks::begin(at(4), 100_000, WINDOW);
        assert_eq!(marks.list(), [mark(4, 85_000)]);
        let mut marks = marks;
        marks.reach(at(6), 100_000);
        assert_eq!(rewind(marks.list(), WINDOW, at(0), at(0)), at(4));
        marks.reach(at(8), 114_999);
        assert_eq!(rewind(marks.list(), WINDOW, at(0), at(0)), at(4));
        marks.reach(at(9), 115_000);
        assert_eq!(rewind(marks.list(), WINDOW, at(0), at(0)), at(6));
    }

    #[test]
    fn marks_near_to_each_other_are_one() {
        let mut marks = Marks::begin(at(0), 0, 16_000);
        marks.reach(at(1), 0);
        marks.reach(at(2), 1_000);
        // A thousand after the last but one: near enough.
        marks.reach(at(3), 1_000);
        assert_eq!(marks.list(), [mark(0, -16_000), mark(1, 0), mark(3, 1_000)]);
        marks.reach(at(4), 1_001);
        assert_eq!(marks.list()[3], mark(4, 1_001));
        // What is older than the window goes, but for one.
        marks.reach(at(5), 17_000);
        assert_eq!(marks.list()[0], mark(3, 1_000));
    }

    proptest! {
        /// Whatever is reached when: a rewind begins at something that was
        /// reached at least a window before the last, at most a part more than
        /// needed, and the list stays short.
        #[test]
        fn a_rewind_covers_the_window(steps in prop::collection::vec((0i64..5, 0i64..9_000), 1..200)) {
            let mut marks = Marks::begin(at(0), 0, WINDOW);
            let mut all = vec![mark(0, -WINDOW)];
            let (mut offset, mut now) = (0, 0);
            for (more, later) in steps {
                offset += more;
                now += later;
                marks.reach(at(offset), now);
                all.push(mark(offset, now));
                let begin = rewind(marks.list(), WINDOW, at(0), at(0));
                // Safe: it was reached in time.
                prop_assert!(all.iter().any(|m| m.position >= begin && m.at_ms <= now - WINDOW));
                // Not far: all of one more window, and what was reached then.
                let two = now - 2 * WINDOW;
                let sure = all.iter().filter(|m| m.at_ms <= two).map(|m| m.position).max();
                prop_assert!(sure.is_none_or(|sure| begin >= sure));
                prop_assert!(marks.list().len() <= PARTS as usize * 2 + 3);
                prop_assert_eq!(marks.list().last().map(|m| m.position), Some(at(offset)));
            }
        }
    }
}
