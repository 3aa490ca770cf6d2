//! What operators passed over on purpose, out of what the state remembers of their
//! acts. Pure.

use plimsoll_sink_api::Act;

/// Offsets, as half-open spans in their order with gaps between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans(Vec<(i64, i64)>);

impl Spans {
    /// Whether an offset is among them.
    #[must_use]
    pub fn contains(&self, offset: i64) -> bool {
        let behind = self.0.partition_point(|(from, _)| *from <= offset);
        behind > 0 && offset < self.0[behind - 1].1
    }

    fn remove(&mut self, from: i64, to: i64) {
        let cut = |&(a, b): &(i64, i64)| [(a, b.min(from)), (a.max(to), b)];
        let left = self.0.iter().flat_map(cut).filter(|(a, b)| a < b);
        if from < to {
            self.0 = left.collect();
        }
    }

    fn add(&mut self, from: i64, to: i64) {
        if from >= to {
            return;
        }
        let apart = |&&(a, b): &&(i64, i64)| b < from || to < a;
        let (apart, touched): (Vec<_>, Vec<_>) = self.0.iter().partition(apart);
        let first = touched.iter().map(|(a, _)| *a).min().unwrap_or(from);
        let last = touched.iter().map(|(_, b)| *b).max().unwrap_or(to);
        self.0 = apart;
        self.0.push((first.min(from), last.max(to)));
        self.0.sort_unstable();
    }
}

/// What of one partition was passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// Skipped: their rows need not be there.
    pub skipped: Spans,
    /// Dead letters that were dropped.
    pub dropped: Spans,
    /// Rows below this offset may be of another log, or of a position that was lost.
    pub foreign_below: i64,
}

impl Passed {
    /// `start`: the lowest offset that the partition ever began at; `acts` in their
    /// order.
    #[must_use]
    pub fn of(start: Option<i64>, position: i64, acts: &[Act]) -> Self {
        let Some(first) = acts.first() else {
            return Self::default();
        };
        let start = start.unwrap_or(0);
        let mut way = Way {
            at: match first {
                Act::Moved { began_at, .. } => began_at.unwrap_or(start),
                Act::Dropped { .. } => start,
            },
            read: Spans::default(),
            passed: Self::default(),
        };
        for act in acts {
            way.take(*act);
        }
        way.read_up_to(position);
        let Way {
            read, mut passed, ..
        } = way;
        passed.skipped.add(start, position);
        for (from, to) in read.0.into_iter().chain(passed.dropped.0.clone()) {
            passed.skipped.remove(from, to);
        }
        passed
    }
}

/// A partition's way through its log: between two acts it moves by reading alone.
struct Way {
    at: i64,
    read: Spans,
    passed: Passed,
}

impl Way {
    fn read_up_to(&mut self, to: i64) {
        self.read.add(self.at, to);
        // Read again, so that rows or letters are there again.
        self.passed.dropped.remove(self.at, to);
        self.at = self.at.max(to);
    }

    fn take(&mut self, act: Act) {
        let (Act::Moved { stood_at, .. } | Act::Dropped { stood_at, .. }) = act;
        if let Some(stood_at) = stood_at {
            self.read_up_to(stood_at);
        }
        match act {
            Act::Dropped { from, to, .. } => self.passed.dropped.add(from, to),
            Act::Moved { to, anew, .. } => {
                if anew || stood_at.is_none() {
                    self.read = Spans::default();
                    self.passed.dropped = Spans::default();
                    let foreign = &mut self.passed.foreign_below;
                    *foreign = (*foreign).max(stood_at.unwrap_or(to));
                }
                self.at = to;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(stood_at: i64, to: i64) -> Act {
        Act::Moved {
            stood_at: Some(stood_at),
            began_at: Some(0),
            to,
            anew: false,
        }
    }

    fn dropped(stood_at: i64, from: i64, to: i64) -> Act {
        Act::Dropped {
            stood_at: Some(stood_at),
            from,
            to,
        }
    }

    fn skipped(position: i64, acts: &[Act]) -> Vec<(i64, i64)> {
        Passed::of(Some(0), position, acts).skipped.0
    }

    #[test]
    fn what_a_position_jumped_over_is_skipped_and_what_it_came_back_to_is_not() {
        assert_eq!(skipped(50, &[]), []);
        assert_eq!(skipped(50, &[moved(10, 20)]), [(10, 20)]);
        assert_eq!(skipped(50, &[moved(10, 20), moved(30, 5)]), []);
        assert_eq!(skipped(15, &[moved(10, 20), moved(30, 5)]), []);
        // All was read before the position went back: nothing was jumped over.
        assert_eq!(skipped(40, &[moved(30, 0), moved(0, 30)]), []);
        assert_eq!(skipped(60, &[moved(30, 0), moved(10, 50)]), [(30, 50)]);
        let both = [moved(10, 20), moved(30, 40), moved(41, 15), moved(16, 41)];
        assert_eq!(skipped(60, &both), [(10, 15), (16, 20), (30, 40)]);
    }

    #[test]
    fn a_start_that_was_lowered_later_was_not_read_before() {
        let late = Act::Moved {
            stood_at: Some(100),
            began_at: Some(50),
            to: 0,
            anew: false,
        };
        assert_eq!(skipped(120, &[late, moved(10, 100)]), [(10, 50)]);
    }

    #[test]
    fn dropped_letters_count_until_their_records_are_read_again() {
        let of = |position, acts: &[Act]| Passed::of(Some(0), position, acts).dropped.0;
        assert_eq!(of(50, &[dropped(20, 5, 7)]), [(5, 7)]);
        assert_eq!(of(50, &[dropped(20, 5, 7), dropped(20, 7, 8)]), [(5, 8)]);
        assert_eq!(of(50, &[dropped(20, 5, 7), moved(30, 40)]), [(5, 7)]);
        assert_eq!(of(6, &[dropped(20, 5, 7), moved(30, 0)]), [(6, 7)]);
        assert_eq!(of(50, &[dropped(20, 5, 7), moved(30, 0)]), []);
        assert_eq!(of(50, &[moved(30, 0), dropped(20, 5, 7)]), [(5, 7)]);
    }

    #[test]
    fn another_log_and_a_lost_position_leave_rows_that_nobody_knows() {
        let reset = Act::Moved {
            stood_at: Some(100),
            began_at: Some(0),
            to: 0,
            anew: true,
        };
        let passed = Passed::of(Some(0), 30, &[moved(10, 20), dropped(20, 1, 2), reset]);
        assert_eq!(
            (passed.foreign_below, passed.skipped, passed.dropped),
            (100, Spans::default(), Spans::default())
        );
        let lost = Act::Moved {
            stood_at: None,
            began_at: None,
            to: 70,
            anew: false,
        };
        let passed = Passed::of(Some(70), 90, &[lost]);
        assert_eq!(
            (passed.foreign_below, passed.skipped),
            (70, Spans::default())
        );
    }

    #[test]
    fn spans_are_found_by_their_offsets() {
        let mut spans = Spans::default();
        for (from, to) in [(1, 3), (7, 9), (3, 5)] {
            spans.add(from, to);
        }
        assert_eq!(spans.0, [(1, 5), (7, 9)]);
        let found: Vec<i64> = (0..11).filter(|&o| spans.contains(o)).collect();
        assert_eq!(found, [1, 2, 3, 4, 7, 8]);
        spans.remove(2, 8);
        assert_eq!(spans.0, [(1, 2), (8, 9)]);
    }
}
