//! Whether Kafka's client stands still in a partition whose log goes on.
//!
//! It should not. librdkafka (2.12.1) keeps the leader epoch of a topic that was deleted
//! and made again between two looks at its metadata. Brokers refuse that epoch, it asks
//! again, and tells nobody: no record comes any more, and no error. Only another client
//! is rid of it.

use plimsoll_protocol::Position;
use std::time::{Duration, Instant};

/// Looks in a row at which it stood still, until another client is tried. The watcher
/// looks every two seconds: longer than a leader's election, or a broker that is slow.
const LOOKS: u32 = 15;
/// The same, at most: where another client does not help, it is tried every ten minutes.
const MOST: u32 = 300;
/// A client that has served for so long was no remedy that failed.
const SERVED: Duration = Duration::from_secs(3_600);

/// One partition, as it was looked at.
#[derive(Debug, Default)]
pub(super) struct Stall {
    at: Option<Position>,
    looks: u32,
}

impl Stall {
    /// It goes on, or has nothing to read, or is not to read.
    pub(super) fn over(&mut self) {
        *self = Self::default();
    }

    /// It stands here, and its log goes on. Returns at how many looks in a row it stood
    /// there.
    pub(super) fn stands(&mut self, at: Position) -> u32 {
        if self.at != Some(at) {
            *self = Self {
                at: Some(at),
                looks: 0,
            };
        }
        self.looks += 1;
        self.looks
    }
}

/// How many looks a stall lasts before another client is tried.
#[derive(Debug)]
pub(super) struct Remedy {
    looks: u32,
    tried: Option<Instant>,
}

impl Default for Remedy {
    fn default() -> Self {
        Self {
            looks: LOOKS,
            tried: None,
        }
    }
}

impl Remedy {
    /// Whether it is time for it.
    pub(super) fn is_due(&mut self, looks: u32, now: Instant) -> bool {
        let served = |tried: Instant| now.duration_since(tried) >= SERVED;
        if self.tried.is_some_and(served) {
            *self = Self::default();
        }
        looks > self.looks
    }

    /// Another client is tried: the next one after twice as long.
    pub(super) fn tried(&mut self, now: Instant) {
        self.tried = Some(now);
        self.looks = (self.looks * 2).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        Position::new(offset).unwrap()
    }

    #[test]
    fn only_looks_in_a_row_at_one_place_count() {
        let mut stall = Stall::default();
        assert_eq!([5, 5, 5].map(|offset| stall.stands(at(offset))), [1, 2, 3]);
        assert_eq!([6, 6].map(|offset| stall.stands(at(offset))), [1, 2]);
        stall.over();
        assert_eq!(stall.stands(at(6)), 1);
    }

    #[test]
    fn another_client_is_tried_ever_more_seldom_until_one_serves() {
        let (mut remedy, mut now) = (Remedy::default(), Instant::now());
        for most in [15, 30, 60, 120, 240, 300, 300] {
            assert!(!remedy.is_due(most, now));
            assert!(remedy.is_due(most + 1, now));
            remedy.tried(now);
            now += Duration::from_secs(60);
        }
        now += SERVED;
        assert!(!remedy.is_due(15, now));
        assert!(remedy.is_due(16, now));
    }
}
