//! From produce to committed, at a low rate.

use crate::kafka;
use crate::load::{Load, Orders};
use crate::postgres::Postgres;
use crate::stats::quantile;
use crate::{Failed, Result};
use rdkafka::producer::{BaseRecord, Producer};
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
    let producer = kafka::producer(bootstrap, 0)?;
    let (records, topic) = (load.records, topic.to_owned());
    let sending = tokio::task::spawn_blocking(move || -> Result<Vec<Instant>> {
        let mut orders = Orders::new(load);
        let mut sent = Vec::new();
        let began = Instant::now();
        while let Some(order) = orders.next() {
            let due = began + Duration::from_secs(1) * sent.len() as u32 / rate as u32;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            sent.push(Instant::now());
            let key = order.id.to_string();
            let record = BaseRecord::to(&topic)
                .partition(0)
                .key(&key)
                .payload(&order.value);
            producer.send(record).map_err(|(error, _)| error)?;
        }
        producer.flush(Duration::from_secs(60))?;
        Ok(sent)
    });
    let mut seen: Vec<Instant> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60) + Duration::from_secs(records / rate);
    while (seen.len() as u64) < records {
        let at = postgres
            .number("SELECT coalesce(sum(next_offset), 0)::bigint FROM bench_state.positions")
            .await;
        let now = Instant::now();
        if now > deadline {
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
        .map(|(sent, seen)| seen.saturating_duration_since(*sent).as_secs_f64() * 1_000.0)
        .collect();
    Ok(Latency {
        p50: quantile(&millis, 0.5),
        p99: quantile(&millis, 0.99),
        max: quantile(&millis, 1.0),
    })
}
