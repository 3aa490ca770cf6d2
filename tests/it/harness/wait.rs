//! Waiting for events.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Generous: the machine may be busy with other things, and a disk was seen to
/// stand still for a minute. A test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// How often a condition is looked at.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// Looks until the condition holds, and returns what it found.
///
/// # Panics
/// After `limit`, with what was seen last.
#[track_caller]
pub fn within<T, E: Display>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= deadline => {
                panic!("waited {limit:?} until {what}; seen last: {seen}")
            }
            Err(_) => std::thread::sleep(INTERVAL),
        }
    }
}

/// [`within`] the usual patience.
#[track_caller]
pub fn until<T, E: Display>(what: &str, look: impl FnMut() -> Result<T, E>) -> T {
    within(PATIENCE, what, look)
}
