//! Repeating what a busy server did not do.
//!
//! Every write carries its own timestamp, so repeating one changes nothing: a
//! time-out of the server's is simply tried again. What the driver knows of
//! retries is switched off, for it gives up on exactly these.

use crate::error::Failure;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The first pause; each next one is twice as long.
const FIRST: Duration = Duration::from_millis(50);
/// The longest pause: a server that recovers is not left idle for longer.
const LONGEST: Duration = Duration::from_secs(2);
/// How many times `call_timeout` the same request is repeated, before the whole
/// batch is given back: from there on the service shows that it waits.
const CALLS: u32 = 6;

/// Runs a request until it succeeds, fails for good, or its time is over.
pub(crate) async fn patiently<T, F>(
    call_timeout: Duration,
    attempt: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    counted(call_timeout, &AtomicU64::new(0), attempt).await
}

/// The same, and counts the repetitions.
pub(crate) async fn counted<T, F>(
    call_timeout: Duration,
    repeated: &AtomicU64,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let deadline = Instant::now() + call_timeout * CALLS;
    let mut pause = FIRST;
    loop {
        match attempt().await {
            Err(failure) if failure.busy && Instant::now() + pause < deadline => {
                repeated.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(LONGEST);
            }
            done => return done,
        }
    }
}

/// Between half and the whole: requests that failed together do not come back
/// together.
fn jittered(pause: Duration) -> Duration {
    // The clock's nanoseconds are random enough for that.
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    pause / 2 + pause / 2 * (nanos / 1_000 % 1_000) / 1_000
}
