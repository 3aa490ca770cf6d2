//! When a batch is closed. The clock is passed in.

use std::time::{Duration, Instant};

/// When a batch is closed: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Records.
    pub max_records: usize,
    /// Bytes of keys, values and headers.
    pub max_bytes: usize,
    /// Age of its first record.
    pub linger: Duration,
}

/// How full a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// It has no record.
    Empty,
    /// It may wait this much longer for more.
    Waiting(Duration),
    /// Its first record has waited for `linger_ms`.
    Due,
    /// It holds `max_records` or `max_bytes`.
    Full,
}

impl BatchLimits {
    /// Judges a batch that began at `since`.
    #[must_use]
    pub fn fill(&self, records: usize, bytes: usize, since: Option<Instant>, now: Instant) -> Fill {
        let Some(since) = since else {
            return Fill::Empty;
        };
        if records >= self.max_records || bytes >= self.max_bytes {
            return Fill::Full;
        }
        match self
            .linger
            .checked_sub(now.saturating_duration_since(since))
        {
            Some(left) if !left.is_zero() => Fill::Waiting(left),
            _ => Fill::Due,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_closes_at_whichever_limit_comes_first() {
        let limits = BatchLimits {
            max_records: 10,
            max_bytes: 1000,
            linger: Duration::from_millis(100),
        };
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(limits.fill(0, 0, None, at(500)), Fill::Empty);
        assert_eq!(
            limits.fill(1, 10, Some(start), at(40)),
            Fill::Waiting(Duration::from_millis(60))
        );
        assert_eq!(limits.fill(1, 10, Some(start), at(100)), Fill::Due);
        assert_eq!(limits.fill(10, 10, Some(start), at(0)), Fill::Full);
        assert_eq!(limits.fill(1, 1000, Some(start), at(0)), Fill::Full);
    }
}
