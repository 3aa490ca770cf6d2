//! From produce to committed, at a low rate.

use crate::load::Load;
use crate::paced::{Pacer, Spread, now_us};
use crate::postgres::Postgres;
use crate::service::POSITIONS;
use crate::stats::quantile;
use crate::{Failed, Result};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Latency {
    /// Half of the records were faster.
    pub p50: f64,
    /// One of a hundred was slower.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Latency {
    /// Of milliseconds.
    #[must_use]
    pub fn of(millis: &[f64]) -> Self {
        Self {
            p50: quantile(millis, 0.5),
            p99: quantile(millis, 0.99),
            max: quantile(millis, 1.0),
        }
    }
}

/// Sends records at `rate` a second into one partition, beside a connection that
/// watches the position. A record counts as committed when somebody else can see
/// it: that is later than the commit, by up to one look.
pub async fn measure(
    bootstrap: &str,
    topic: &str,
    load: Load,
    rate: u64,
    postgres: &mut Postgres,
) -> Result<Latency> {
    let records = load.records;
    let spread = Spread {
        topics: vec![topic.to_owned()],
        partitions: 1,
    };
    let mut pacer = Pacer::new(bootstrap, &spread, load)?;
    let sending = tokio::task::spawn_blocking(move || {
        pacer.send(records, rate)?;
        pacer.finish()
    });
    let mut seen: Vec<u64> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60) + Duration::from_secs(records / rate);
    while (seen.len() as u64) < records {
        let at = postgres.number(POSITIONS).await;
        let now = now_us();
        if Instant::now() > deadline {
            return Err(Failed::new("the records were not committed in time"));
        }
        seen.resize(usize::try_from(at).unwrap_or_default().max(seen.len()), now);
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    let sent = sending.await??;
    // The first second belongs to caches.
    let warm = usize::try_from(rate).unwrap_or_default();
    let millis: Vec<f64> = sent
        .iter()
        .zip(&seen)
        .skip(warm)
        .map(|(sent, seen)| seen.saturating_sub(sent.at_us) as f64 / 1_000.0)
        .collect();
    Ok(Latency::of(&millis))
}
