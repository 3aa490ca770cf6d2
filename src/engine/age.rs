//! Since when the oldest record of a partition waits that is not applied.

use crate::health::Ends;
use plimsoll_protocol::{Position, TopicPartition};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where partitions stood behind the ends of their logs, and when that was first seen.
#[derive(Debug, Default)]
pub struct Ages(BTreeMap<TopicPartition, (Position, SystemTime)>);

impl Ages {
    /// Dates what is behind. `waiting` are the timestamps of the oldest records that are
    /// taken and not applied, in milliseconds since the Unix epoch. Where none is taken,
    /// or it says nothing, the partition waits for as long as it has been seen where it
    /// is: that much is certain, and it may be more.
    pub fn date(
        &mut self,
        ends: &mut Ends,
        waiting: &BTreeMap<TopicPartition, i64>,
        now: SystemTime,
    ) {
        self.0
            .retain(|tp, _| ends.get(tp).is_some_and(|at| at.position < at.end));
        for (tp, at) in ends.iter_mut().filter(|(_, at)| at.position < at.end) {
            let seen = self.0.entry(tp.clone()).or_insert((at.position, now));
            if seen.0 != at.position {
                *seen = (at.position, now);
            }
            let written = waiting.get(tp).and_then(|ms| u64::try_from(*ms).ok());
            let written = written.map(|ms| UNIX_EPOCH + Duration::from_millis(ms));
            at.since = Some(written.unwrap_or(seen.1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::End;

    fn tp() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    fn second(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    /// Since when the partition waits, which stands at a position of a log that ends at 9.
    fn since(ages: &mut Ages, position: i64, taken: Option<i64>, now: u64) -> Option<SystemTime> {
        let end = End {
            position: Position::new(position).unwrap(),
            end: Position::new(9).unwrap(),
            since: None,
        };
        let mut ends = Ends::from([(tp(), end)]);
        let waiting = taken.map(|ms| (tp(), ms)).into_iter().collect();
        ages.date(&mut ends, &waiting, second(now));
        ends[&tp()].since
    }

    #[test]
    fn a_record_that_is_taken_says_itself_since_when() {
        let mut ages = Ages::default();
        assert_eq!(since(&mut ages, 5, Some(30_000), 100), Some(second(30)));
        // It is applied, although it was taken a moment ago.
        assert_eq!(since(&mut ages, 9, Some(30_000), 102), None);
    }

    #[test]
    fn where_none_is_taken_it_waits_since_it_was_seen_to() {
        let mut ages = Ages::default();
        assert_eq!(since(&mut ages, 5, None, 100), Some(second(100)));
        assert_eq!(since(&mut ages, 5, None, 102), Some(second(100)));
        assert_eq!(since(&mut ages, 6, None, 104), Some(second(104)));
        assert_eq!(since(&mut ages, 9, None, 106), None);
        assert_eq!(since(&mut ages, 6, None, 108), Some(second(108)));
        // Kafka's answer for "none" is a timestamp of -1.
        assert_eq!(since(&mut ages, 6, Some(-1), 110), Some(second(108)));
    }
}
