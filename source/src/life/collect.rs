//! When a transaction of Kafka ends.

use crate::settings::{Boundary, SourceSettings};
use std::time::{Duration, Instant};

/// What was collected since the last one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collected {
    /// When its first event was sent.
    pub(crate) since: Instant,
    pub(crate) events: u64,
    pub(crate) transactions: u64,
}

impl Collected {
    pub(crate) const fn begun(now: Instant) -> Self {
        Self {
            since: now,
            events: 0,
            transactions: 0,
        }
    }
}

/// The rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) boundary: Boundary,
    pub(crate) interval: Duration,
    pub(crate) max_records: u64,
}

impl Rule {
    pub(crate) const fn of(settings: &SourceSettings) -> Self {
        Self {
            boundary: settings.boundary,
            interval: settings.interval,
            max_records: settings.max_records,
        }
    }

    /// Whether it ends, between two transactions of the database.
    pub(crate) fn ends(&self, collected: &Collected, waits: bool, now: Instant) -> bool {
        let full = collected.events >= self.max_records
            || now.saturating_duration_since(collected.since) >= self.interval;
        match self.boundary {
            Boundary::Connector => true,
            Boundary::Interval => full,
            Boundary::Poll => full || !waits,
        }
    }

    /// When it is asked again, at the latest.
    pub(crate) fn again(&self, collected: &Collected) -> Instant {
        collected.since + self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_boundaries() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let interval = Duration::from_millis(500);
        for (boundary, events, waits, at, ends) in [
            (Boundary::Connector, 1, true, now, true),
            (Boundary::Interval, 1, false, now, false),
            (Boundary::Interval, 1, true, now + second, true),
            (Boundary::Interval, 10, true, now, true),
            (Boundary::Poll, 1, false, now, true),
            (Boundary::Poll, 1, true, now, false),
            (Boundary::Poll, 10, true, now, true),
            (Boundary::Poll, 1, true, now + second, true),
        ] {
            let rule = Rule {
                boundary,
                interval,
                max_records: 10,
            };
            let collected = Collected {
                events,
                ..Collected::begun(now)
            };
            let case = format!("{boundary:?} {events} {waits}");
            assert_eq!(rule.ends(&collected, waits, at), ends, "{case}");
            assert_eq!(rule.again(&collected), now + interval);
        }
    }
}
