//! Waiting for what will come, and not for ever.

use crate::{Failed, Result};
use std::time::{Duration, Instant};

/// Looks again and again until there is something to be seen.
///
/// # Errors
/// The look fails, or nothing was seen within `limit`: `what` says what was waited for.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    look_every: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if began.elapsed() > limit {
            return Err(Failed::new(format!("{what}: not within {limit:?}")));
        }
        tokio::time::sleep(look_every).await;
    }
}
