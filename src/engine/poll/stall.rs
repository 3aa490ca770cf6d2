//! Whether Kafka's client stands still in a partition whose log goes on.
//!
//! It should not. librdkafka (2.12.1) keeps the leader epoch of a topic that was deleted
//! and made again between two looks at its metadata. Brokers refuse that epoch, it asks
//! again, and tells nobody: no record comes any more, and no error. Only another client
//! is rid of it.
//!
//! Not every client that stands still is at fault. Records of an aborted transaction
//! before one that is still open are passed without a word: so another reader has to
//! find a record there. And brokers answer for some partitions at a time: so all others
//! that are behind must have had their turn.

use plimsoll_protocol::Position;
use std::time::{Duration, Instant};

/// Looks in a row at which a client stood still, until another reader is asked. The
/// watcher looks every two seconds.
const ASK: u32 = 5;
/// The same, until an answer that never came is asked for again.
const ASK_AGAIN: u32 = 15;
/// The same, until another client is tried: longer than a leader's election, or a broker
/// that is slow.
const LOOKS: u32 = 15;
/// The same, at most: where another client does not help, it is tried every ten minutes.
const MOST: u32 = 300;
/// A client that has served for so long was no remedy that failed.
const SERVED: Duration = Duration::from_secs(3_600);

/// One partition, as it was looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Stall {
    at: Option<Position>,
    /// Looks in a row at which it stood there.
    looks: u32,
    /// The first of them, as all looks are counted.
    since: u64,
    /// The last two looks at which it had moved, the later one first.
    moved: [u64; 2],
    probe: Probe,
}

/// What another reader finds where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Probe {
    /// Nobody was asked.
    #[default]
    Not,
    /// Asked, after so many looks.
    Asked(u32),
    /// A record.
    Record,
    /// None up to this end of the log.
    Nothing(Position),
}

impl Stall {
    /// It has nothing to read, or is not to read.
    pub(super) fn over(&mut self) {
        (self.at, self.looks, self.probe) = (None, 0, Probe::Not);
    }

    /// At this look it stands here, and its log goes on.
    pub(super) fn stands(&mut self, at: Position, look: u64) {
        if self.at != Some(at) {
            self.over();
            self.at = Some(at);
            self.since = look;
            self.moved = [look, self.moved[0]];
        }
        self.looks += 1;
    }

    /// Where it stands, where it does.
    pub(super) fn stands_at(&self) -> Option<Position> {
        self.at
    }

    /// Whether it has stood there for long enough to be asked about.
    pub(super) fn lasts(&self) -> bool {
        self.looks >= ASK
    }

    /// Whether another reader has found a record where it stands.
    pub(super) fn is_certain(&self) -> bool {
        self.probe == Probe::Record
    }

    /// Whether another reader is to be asked now, of what stands up to this end.
    pub(super) fn ask(&mut self, end: Position) -> bool {
        let ask = self.lasts()
            && match self.probe {
                Probe::Not => true,
                Probe::Asked(looks) => self.looks >= looks + ASK_AGAIN,
                Probe::Nothing(before) => before < end,
                Probe::Record => false,
            };
        if ask {
            self.probe = Probe::Asked(self.looks);
        }
        ask
    }

    /// What another reader has found.
    pub(super) fn probed(&mut self, at: Position, end: Position, record: bool) {
        if self.at == Some(at) {
            self.probe = match record {
                true => Probe::Record,
                false => Probe::Nothing(end),
            };
        }
    }

    /// Whether all others that are behind have been read since this one stands: each has
    /// moved twice, or stands as long.
    pub(super) fn had_its_turn(&self, others: &[Self]) -> bool {
        let served = |other: &Self| other.moved[1] > self.since || other.since <= self.since;
        others.iter().filter(|other| other.at.is_some()).all(served)
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
    pub(super) fn is_due(&mut self, stall: &Stall, now: Instant) -> bool {
        let served = |tried: Instant| now.duration_since(tried) >= SERVED;
        if self.tried.is_some_and(served) {
            *self = Self::default();
        }
        stall.is_certain() && stall.looks > self.looks
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

    /// One that stands at 5 from a look on, for so many looks.
    fn standing(since: u64, looks: u64) -> Stall {
        let mut stall = Stall::default();
        (since..since + looks).for_each(|look| stall.stands(at(5), look));
        stall
    }

    #[test]
    fn only_looks_in_a_row_at_one_place_count() {
        let mut stall = standing(1, 3);
        assert_eq!(stall.looks, 3);
        stall.stands(at(6), 4);
        assert_eq!((stall.looks, stall.since), (1, 4));
        stall.over();
        stall.stands(at(6), 9);
        assert_eq!((stall.looks, stall.since), (1, 9));
    }

    #[test]
    fn another_reader_is_asked_once_for_what_there_is() {
        let mut stall = standing(1, 4);
        assert!(!stall.ask(at(9)), "too early");
        stall.stands(at(5), 5);
        assert!(stall.ask(at(9)) && !stall.ask(at(9)));
        stall.probed(at(4), at(9), true);
        assert!(!stall.is_certain(), "that was elsewhere");
        stall.probed(at(5), at(9), false);
        assert!(!stall.is_certain() && !stall.ask(at(9)));
        assert!(stall.ask(at(10)), "there is more now");
        (6..6 + u64::from(ASK_AGAIN)).for_each(|look| stall.stands(at(5), look));
        assert!(stall.ask(at(10)), "no answer came");
        stall.probed(at(5), at(10), true);
        assert!(stall.is_certain() && !stall.ask(at(11)));
        stall.stands(at(6), 99);
        assert!(!stall.is_certain());
    }

    #[test]
    fn brokers_answer_for_some_partitions_at_a_time() {
        let stall = standing(10, 20);
        let mut other = standing(3, 8);
        assert!(
            !stall.had_its_turn(&[standing(12, 18)]),
            "it came later, and moves"
        );
        other.stands(at(6), 11);
        assert!(!stall.had_its_turn(&[other.clone()]), "once");
        other.stands(at(7), 12);
        assert!(stall.had_its_turn(&[other.clone()]), "twice");
        other.over();
        assert!(stall.had_its_turn(&[other]), "it has nothing to read");
        assert!(
            stall.had_its_turn(&[standing(9, 21), standing(10, 20)]),
            "all stand"
        );
        assert!(stall.had_its_turn(&[]));
    }

    #[test]
    fn another_client_is_tried_ever_more_seldom_until_one_serves() {
        let (mut remedy, mut now) = (Remedy::default(), Instant::now());
        let after = |looks: u64| {
            let mut stall = standing(1, looks);
            assert!(
                !Remedy::default().is_due(&stall, now),
                "nobody found a record"
            );
            stall.probed(at(5), at(9), true);
            stall
        };
        let stalls = [15, 30, 60, 120, 240, 300, 300].map(|most| [after(most), after(most + 1)]);
        let (early, late) = (after(15), after(16));
        for [before, behind] in stalls {
            assert!(!remedy.is_due(&before, now));
            assert!(remedy.is_due(&behind, now));
            remedy.tried(now);
            now += Duration::from_secs(60);
        }
        now += SERVED;
        assert!(!remedy.is_due(&early, now));
        assert!(remedy.is_due(&late, now));
    }
}
