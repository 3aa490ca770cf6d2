//! Write timestamps as a function of the offset, for databases where the
//! largest timestamp wins and nothing else fences.

use crate::Position;

/// A run of write timestamps: within one generation a later offset always wins,
/// and every later generation wins over all earlier ones.
///
/// The clock is asked once, when a generation begins. A zombie's late write
/// carries its old offset, so it loses to whatever came behind it, and a replay
/// writes the very same timestamps again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// Counts from 1; part of the position row's key, for a position with its
    /// own offset as timestamp cannot go back.
    pub number: i64,
    /// The timestamp of offset 0, in microseconds since 1970.
    pub base: i64,
}

impl Generation {
    /// The first one of a partition: the record at `high_watermark` will be
    /// written as of now. Kafka tells no time of creation; a base in the past
    /// would let timestamps of long logs run into the future, which the
    /// database refuses beyond three days.
    #[must_use]
    pub fn first(now_us: i64, high_watermark: Position) -> Self {
        Self {
            number: 1,
            base: now_us.saturating_sub(high_watermark.offset().saturating_mul(2)),
        }
    }

    /// The one that follows when a position is set, reset or adopted: whatever
    /// was written below `next` under this one is older than its first write.
    ///
    /// What was on its way above `next` is older than its own replay. Where the
    /// log is another one (a recreated topic), there is no such replay: then
    /// the clock keeps the distance, for no partition takes two records in a
    /// microsecond.
    #[must_use]
    pub fn following(self, next: Position, now_us: i64, high_watermark: Position) -> Self {
        let above = self.deletes_at(next.offset()).saturating_add(2);
        Self {
            number: self.number + 1,
            base: above.max(Self::first(now_us, high_watermark).base),
        }
    }

    /// When the record at an offset deletes its key, and what it does not have.
    #[must_use]
    pub const fn deletes_at(self, offset: i64) -> i64 {
        self.base.saturating_add(offset.saturating_mul(2))
    }

    /// When the record at an offset writes: behind its own deletion.
    #[must_use]
    pub const fn writes_at(self, offset: i64) -> i64 {
        self.deletes_at(offset).saturating_add(1)
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
    fn timestamps_are_a_function_of_the_offset() {
        let first = Generation::first(1_000_000, at(100));
        assert_eq!((first.number, first.base), (1, 999_800));
        assert_eq!(first.deletes_at(100), 1_000_000);
        assert_eq!(first.writes_at(100), 1_000_001);
        assert_eq!(first.deletes_at(101), 1_000_002);
    }

    #[test]
    fn a_following_generation_begins_behind_all_that_was_written() {
        let first = Generation::first(1_000_000, at(0));
        // Faster than the clock, and slower.
        let fast = first.following(at(50), 1_000_010, at(0));
        assert_eq!((fast.number, fast.base), (2, 1_000_102));
        let slow = first.following(at(50), 2_000_000, at(0));
        assert_eq!((slow.number, slow.base), (2, 2_000_000));
    }

    proptest! {
        #[test]
        fn a_later_offset_wins_whole(base in -1i64 << 50..1i64 << 50, a in 0i64..1 << 40, b in 0i64..1 << 40) {
            prop_assume!(a < b);
            let g = Generation { number: 1, base };
            prop_assert!(g.deletes_at(a) < g.writes_at(a));
            prop_assert!(g.writes_at(a) < g.deletes_at(b));
        }

        #[test]
        fn a_later_generation_wins_whole(
            now in 0i64..1 << 50, later in 0i64..1 << 50, hw in 0i64..1 << 40, next in 0i64..1 << 40,
        ) {
            let old = Generation::first(now, at(hw));
            let new = old.following(at(next), later, at(hw));
            prop_assert!(new.deletes_at(0) > old.writes_at((next - 1).max(0)));
        }
    }
}
