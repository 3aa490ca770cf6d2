//! Which message may enter a batch.

use crate::Position;

/// What the guard says of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is new: take it.
    Take,
    /// It lies below what was already taken: drop and count it. librdkafka can
    /// deliver an offset twice after a cooperative assignment (librdkafka
    /// #4637).
    Seen,
    /// It came behind an error: records between the two may be missing.
    AfterError,
}

/// The next offset that a partition expects; moves with each message taken.
///
/// The first error ends that: librdkafka moves its position over an error as if it
/// were a record, and may go on behind what it could not read. So nothing that
/// comes later is taken, and no position that is told later is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guard {
    next: Position,
    failed: bool,
}

impl Guard {
    /// Starts at the position that the claim returned.
    #[must_use]
    pub const fn new(position: Position) -> Self {
        Self {
            next: position,
            failed: false,
        }
    }

    /// The next offset expected.
    #[must_use]
    pub const fn next(&self) -> Position {
        self.next
    }

    /// Admits an offset or not. Gaps are no fault: markers, aborted records and
    /// compaction leave them.
    pub fn admit(&mut self, offset: Position) -> Admission {
        if self.failed {
            return Admission::AfterError;
        }
        if offset < self.next {
            return Admission::Seen;
        }
        // An offset is below i64::MAX in any log that a broker can hold.
        self.next = Position::new(offset.offset() + 1).unwrap_or(offset);
        Admission::Take
    }

    /// The consumer's own position passed over markers behind the last record.
    pub fn pass(&mut self, position: Position) {
        if !self.failed {
            self.next = self.next.max(position);
        }
    }

    /// An error came in place of a record.
    pub fn fail(&mut self) {
        self.failed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(offset: i64) -> Position {
        Position::new(offset).unwrap()
    }

    #[test]
    fn an_offset_delivered_twice_is_taken_once() {
        let mut guard = Guard::new(at(5));
        assert_eq!(guard.admit(at(4)), Admission::Seen);
        assert_eq!(guard.admit(at(5)), Admission::Take);
        assert_eq!(guard.admit(at(5)), Admission::Seen);
        assert_eq!(guard.admit(at(9)), Admission::Take);
        assert_eq!(guard.next(), at(10));
    }

    #[test]
    fn markers_move_the_guard_and_never_back() {
        let mut guard = Guard::new(at(5));
        guard.pass(at(8));
        guard.pass(at(3));
        assert_eq!(guard.next(), at(8));
        assert_eq!(guard.admit(at(7)), Admission::Seen);
    }

    #[test]
    fn nothing_behind_an_error_is_taken_or_believed() {
        let mut guard = Guard::new(at(5));
        assert_eq!(guard.admit(at(5)), Admission::Take);
        guard.fail();
        assert_eq!(guard.admit(at(7)), Admission::AfterError);
        guard.pass(at(8));
        assert_eq!(guard.next(), at(6));
    }

    proptest! {
        /// Whatever is delivered, however often: what is taken rises strictly.
        #[test]
        fn invariant_2_what_is_taken_rises(offsets in prop::collection::vec(0i64..50, 0..200)) {
            let mut guard = Guard::new(Position::ZERO);
            let mut last = -1;
            for offset in offsets {
                if guard.admit(at(offset)) == Admission::Take {
                    prop_assert!(offset > last);
                    last = offset;
                }
            }
        }
    }
}
