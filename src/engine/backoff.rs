//! How long to wait before the next attempt.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

/// Short enough that a restart of the database costs no more than itself.
const FIRST: Duration = Duration::from_millis(100);
/// Long enough that many instances do not keep a struggling database down.
const LONGEST: Duration = Duration::from_secs(5);

/// Doubles from 100 ms to 5 s, each up to twice as long by chance: what failed for many
/// instances at once is not tried again by all of them at once. There is no last attempt.
#[derive(Debug)]
pub struct Backoff(ExponentialBackoff);

impl Default for Backoff {
    fn default() -> Self {
        let waits = ExponentialBuilder::new()
            .with_min_delay(FIRST)
            .with_max_delay(LONGEST)
            .with_factor(2.0)
            .without_max_times()
            .with_jitter();
        Self(waits.build())
    }
}

impl Backoff {
    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        // It has no end.
        self.0.next().unwrap_or(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_differ_by_chance() {
        let (mut one, mut other) = (Backoff::default(), Backoff::default());
        let mut least = FIRST;
        let mut differed = false;
        for _ in 0..20 {
            let wait = one.next_wait();
            assert!((least..=2 * least).contains(&wait), "{wait:?}, {least:?}");
            differed |= wait != other.next_wait();
            least = (2 * least).min(LONGEST);
        }
        assert!(differed, "two instances wait alike");
    }
}
