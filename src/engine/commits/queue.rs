//! Which batches are committed together, and when. Pure: the clock is passed in.

use crate::pace::Pace;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Between the beginnings of commits that are not full, on the average: what comes meanwhile
/// goes together. Fifty commits a second are what a database does in passing, whatever the
/// number of partitions; and to wait for so long is a small part of the time that a batch
/// has to fill.
pub const GATHER: Duration = Duration::from_millis(20);

/// Commits that wait for nobody after a while with fewer of them: where there are few anyway,
/// no batch is to be later for it.
pub const BURST: u32 = 5;

/// What a commit may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Batches.
    pub batches: usize,
    /// Their records.
    pub records: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Commits that are under way at once.
    pub commits: usize,
    /// Between the beginnings of those that are not full, on the average.
    pub gather: Duration,
    /// How many more than one may begin at once after a rest.
    pub burst: u32,
}

/// How large a batch is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Size {
    /// Records.
    pub records: usize,
    /// Bytes.
    pub bytes: usize,
    /// It goes alone: it broke a commit, or is of one that did.
    pub alone: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// Commit these.
    Commit(Vec<T>),
    /// Look again at this time.
    At(Instant),
    /// Nothing, until a batch comes or a commit ends.
    Nothing,
}

/// Batches that wait, and commits that are under way.
#[derive(Debug)]
pub struct Queue<T> {
    limits: Limits,
    waiting: VecDeque<(Size, T)>,
    under_way: usize,
    pace: Pace,
}

impl<T> Queue<T> {
    /// Nothing waits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            under_way: 0,
            pace: Pace::new(limits.gather, limits.burst),
        }
    }

    /// Puts a batch behind the others.
    pub fn push(&mut self, size: Size, batch: T) {
        self.waiting.push_back((size, batch));
    }

    /// How many wait.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// A commit has ended.
    pub fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// What is to be done now. The oldest batch goes first, with those behind it that fit.
    pub fn next(&mut self, now: Instant) -> Next<T> {
        if self.waiting.is_empty() || self.under_way >= self.limits.commits {
            return Next::Nothing;
        }
        let (count, full) = self.first();
        if let Some(due) = self.pace.due()
            && !full
            && due > now
        {
            return Next::At(due);
        }
        self.pace.done(now);
        self.under_way += 1;
        let group = self.waiting.drain(..count).map(|(_, batch)| batch);
        Next::Commit(group.collect())
    }

    /// How many batches the next commit has, and whether there is no sense in waiting for
    /// more.
    fn first(&self) -> (usize, bool) {
        let limits = &self.limits;
        let mut all = Size::default();
        for (count, (size, _)) in self.waiting.iter().enumerate() {
            if size.alone {
                return (count.max(1), true);
            }
            let records = all.records + size.records;
            let bytes = all.bytes + size.bytes;
            let fits = records <= limits.records && bytes <= limits.bytes;
            if count > 0 && !(fits && count < limits.batches) {
                return (count, true);
            }
            (all.records, all.bytes) = (records, bytes);
        }
        let count = self.waiting.len();
        let full =
            all.records >= limits.records || all.bytes >= limits.bytes || count >= limits.batches;
        (count, full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits() -> Limits {
        Limits {
            batches: 4,
            records: 100,
            bytes: 1_000,
            commits: 2,
            gather: GATHER,
            burst: 0,
        }
    }

    fn size(records: usize) -> Size {
        Size {
            records,
            bytes: records,
            alone: false,
        }
    }

    fn queue(sizes: &[Size]) -> Queue<usize> {
        let mut queue = Queue::new(limits());
        for (i, size) in sizes.iter().enumerate() {
            queue.push(*size, i);
        }
        queue
    }

    #[test]
    fn the_first_goes_at_once_and_what_comes_meanwhile_together() {
        let now = Instant::now();
        let mut queue = queue(&[size(1)]);
        assert_eq!(queue.next(now), Next::Commit(vec![0]));
        assert_eq!(queue.next(now), Next::Nothing);
        queue.push(size(1), 1);
        assert_eq!(queue.next(now), Next::At(now + GATHER));
        queue.push(size(1), 2);
        assert_eq!(queue.next(now + GATHER), Next::Commit(vec![1, 2]));
        // Both are under way.
        queue.push(size(1), 3);
        assert_eq!(queue.next(now + 3 * GATHER), Next::Nothing);
        queue.ended();
        assert_eq!(queue.next(now + 3 * GATHER), Next::Commit(vec![3]));
    }

    #[test]
    fn what_is_full_waits_for_nobody() {
        let now = Instant::now();
        for sizes in [
            &[size(100)][..],
            &[size(60), size(60)],
            &[size(1), size(1), size(1), size(1)],
            &[Size {
                bytes: 1_000,
                ..size(1)
            }],
            &[Size {
                alone: true,
                ..size(1)
            }],
        ] {
            let mut queue = queue(sizes);
            queue.pace.done(now);
            assert!(matches!(queue.next(now), Next::Commit(_)), "{sizes:?}");
        }
    }

    #[test]
    fn a_batch_that_goes_alone_has_no_company() {
        let alone = Size {
            alone: true,
            ..size(1)
        };
        let now = Instant::now();
        let mut queue = queue(&[size(1), alone, size(1)]);
        for expected in [0, 1, 2] {
            assert_eq!(queue.next(now), Next::Commit(vec![expected]));
            queue.ended();
            queue.pace = Pace::new(GATHER, 0);
        }
    }

    proptest! {
        /// Every batch goes once, in its turn, and no commit holds more than it may, but
        /// for one batch that does so by itself.
        #[test]
        fn batches_go_in_their_turn(
            sizes in prop::collection::vec((0_usize..150, 0_usize..1_500, any::<bool>()), 0..30),
        ) {
            let sizes: Vec<Size> = sizes
                .into_iter()
                .map(|(records, bytes, alone)| Size { records, bytes, alone })
                .collect();
            let mut queue = queue(&sizes);
            let mut seen = 0;
            let mut now = Instant::now();
            while seen < sizes.len() {
                match queue.next(now) {
                    Next::Commit(group) => {
                        prop_assert_eq!(&group, &(seen..seen + group.len()).collect::<Vec<_>>());
                        seen += group.len();
                        let of = |i: &usize| sizes[*i];
                        let records: usize = group.iter().map(|i| of(i).records).sum();
                        let bytes: usize = group.iter().map(|i| of(i).bytes).sum();
                        let alone = group.iter().any(|i| of(i).alone);
                        let fits = records <= 100 && bytes <= 1_000 && group.len() <= 4 && !alone;
                        prop_assert!(fits || group.len() == 1);
                        queue.ended();
                    }
                    Next::At(at) => {
                        prop_assert!(at > now);
                        now = at;
                    }
                    Next::Nothing => prop_assert!(false, "stuck"),
                }
            }
            prop_assert_eq!(queue.next(now), Next::Nothing);
        }
    }
}
