//! Dead letters, as the log tells of them: one line for the first of a kind in a
//! partition, then how many came in each minute. A topic of bad records must not
//! fill the log; the metric counts each of them.

use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::DeadLetter;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tracing::warn;

/// How often those that came meanwhile are counted.
const COUNTED: Duration = Duration::from_secs(60);

/// So many kinds are told apart in a sink: a field's name is its producer's to
/// choose. Beyond it columns are no longer told.
const KINDS: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    tp: TopicPartition,
    condition: String,
    column: Option<String>,
}

/// Those of one kind that were not told yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Untold {
    count: u64,
    last: i64,
    since: Instant,
}

/// The kinds of a sink.
#[derive(Debug, Default)]
pub(super) struct Letters(BTreeMap<Kind, Untold>);

impl Letters {
    /// One was kept. Whether it is the first of its kind, which is told at once.
    pub(super) fn kept(
        &mut self,
        tp: &TopicPartition,
        letter: &DeadLetter<'_>,
        now: Instant,
    ) -> bool {
        let kind = Kind {
            tp: tp.clone(),
            condition: letter.condition.clone(),
            column: match self.0.len() < KINDS {
                true => letter.column.clone(),
                false => None,
            },
        };
        let first = !self.0.contains_key(&kind);
        let untold = self.0.entry(kind).or_insert(Untold {
            count: 0,
            last: letter.offset,
            since: now,
        });
        if !first {
            untold.count += 1;
            untold.last = letter.offset;
        }
        first
    }

    /// Takes out what is to be told now: what a minute is over for, or all.
    fn due(&mut self, now: Instant, all: bool) -> Vec<(Kind, Untold)> {
        let mut due = Vec::new();
        self.0.retain(|kind, untold| {
            if !all && now.saturating_duration_since(untold.since) < COUNTED {
                return true;
            }
            // Nothing came: the next one is the first again.
            if untold.count == 0 {
                return false;
            }
            due.push((kind.clone(), *untold));
            (untold.count, untold.since) = (0, now);
            true
        });
        due
    }

    /// Tells what came in the minute that is over; with `all` also what came since.
    pub(super) fn remind(&mut self, sink: &str, now: Instant, all: bool) {
        for (kind, untold) in self.due(now, all) {
            let Kind {
                tp,
                condition,
                column,
            } = kind;
            let seconds = now.saturating_duration_since(untold.since).as_secs();
            warn!(
                sink, topic = %tp.topic, partition = tp.partition, offset = untold.last, column,
                count = untold.count,
                "dead letters: {} more of {condition} in {seconds} s", untold.count,
            );
        }
    }
}

/// Tells of the first of a kind.
pub(super) fn tell(sink: &str, tp: &TopicPartition, letter: &DeadLetter<'_>) {
    warn!(
        sink, topic = %tp.topic, partition = tp.partition, offset = letter.offset,
        column = letter.column, code = letter.code,
        "dead letter: {}", letter.condition,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(offset: i64, column: &str) -> DeadLetter<'static> {
        DeadLetter {
            offset,
            timestamp: None,
            key: None,
            value: None,
            headers: Vec::new(),
            condition: "not_null_violation".to_owned(),
            code: None,
            column: Some(column.to_owned()),
            text: String::new(),
        }
    }

    fn tp() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    #[test]
    fn the_first_of_a_kind_is_told_at_once_and_the_others_are_counted_each_minute() {
        let (mut letters, now) = (Letters::default(), Instant::now());
        let at = |second| now + Duration::from_secs(second);
        assert!(letters.kept(&tp(), &letter(1, "a"), now));
        for offset in 2..1_000 {
            assert!(!letters.kept(&tp(), &letter(offset, "a"), at(1)));
        }
        assert!(letters.kept(&tp(), &letter(1_000, "b"), at(1)));
        let other = TopicPartition::new("t", 1);
        assert!(letters.kept(&other, &letter(7, "a"), at(1)));
        assert!(letters.due(at(59), false).is_empty());
        let due = letters.due(at(60), false);
        let told: Vec<_> = due.iter().map(|(_, u)| (u.count, u.last)).collect();
        assert_eq!(told, [(998, 999)]);
        // None is told twice, and none is forgotten.
        assert!(letters.due(at(60), true).is_empty());
        assert!(letters.kept(&tp(), &letter(1_001, "a"), at(61)));
        assert!(!letters.kept(&tp(), &letter(1_002, "a"), at(62)));
        assert_eq!(letters.due(at(62), true).len(), 1);
    }

    #[test]
    fn a_kind_that_did_not_come_for_a_minute_is_told_at_once_again() {
        let (mut letters, now) = (Letters::default(), Instant::now());
        assert!(letters.kept(&tp(), &letter(1, "a"), now));
        assert!(letters.due(now + COUNTED, false).is_empty());
        assert!(letters.kept(&tp(), &letter(2, "a"), now + COUNTED));
    }

    #[test]
    fn columns_without_number_do_not_fill_the_memory() {
        let (mut letters, now) = (Letters::default(), Instant::now());
        for offset in 0..10_000 {
            letters.kept(&tp(), &letter(offset, &format!("c{offset}")), now);
        }
        assert_eq!(letters.0.len(), KINDS + 1);
        let due = letters.due(now, true);
        let count: u64 = due.iter().map(|(_, u)| u.count).sum();
        assert_eq!(count, 10_000 - KINDS as u64 - 1);
    }
}
