//! How long to wait before the next attempt.

use std::time::Duration;

/// Short enough that a restart of the database costs no more than itself.
const FIRST: Duration = Duration::from_millis(100);
/// Long enough that many instances do not keep a struggling database down.
const LONGEST: Duration = Duration::from_secs(5);

/// Doubles from 100 ms to 5 s; there is no last attempt.
#[derive(Debug, Clone)]
pub struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (self.0 * 2).min(LONGEST);
        wait
    }
}
