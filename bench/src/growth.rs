//! How the cost grows: one thing at a time.

use crate::compare::Case;
use crate::load::{Keys, Load};
use crate::proxy::Proxy;
use crate::service::{Running, Seen};
use crate::stats::Series;
use crate::wire::Wire;
use crate::{Bench, Result, kafka};
use serde::Serialize;
use std::time::Duration;

/// One point of a curve.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    /// What was varied: `16`, `20 ms`.
    pub x: f64,
    /// Records a second.
    pub records_per_s: Series,
    /// Seconds of processor time per million records.
    pub processor: Series,
    /// MiB at the most.
    pub peak_mib: Series,
    /// Round trips to the server per thousand records, where they were counted.
    pub round_trips: Option<f64>,
}

/// A curve.
#[derive(Debug, Clone, Serialize)]
pub struct Curve {
    /// `append by partitions`.
    pub name: String,
    /// `partitions`, `ms`.
    pub unit: String,
    /// In the order of x.
    pub points: Vec<Point>,
}

const BASE: Load = Load {
    records: 500_000,
    ids: 200_000,
    keys: Keys::Uniform,
    partitions: 4,
    bytes: 200,
    wire: Wire::Json,
};

fn append(load: Load, batch: &str) -> Case {
    Case {
        batch: batch.to_owned(),
        ..Case::append("growth", load)
    }
}

impl Bench {
    /// Rows a second against the number of partitions.
    pub async fn by_partitions(&mut self) -> Result<Curve> {
        let mut points = Vec::new();
        for partitions in [1, 4, 16, 64, 256] {
            let case = append(Load { partitions, ..BASE }, "");
            points.push(self.point(partitions as f64, &case, None).await?);
        }
        Ok(curve("append by partitions", "partitions", points))
    }

    /// … against the size of a batch.
    pub async fn by_batch(&mut self) -> Result<Curve> {
        let mut points = Vec::new();
        for (size, batch) in [
            (100, "max_records = 100"),
            (500, "max_records = 500"),
            (2_000, "max_records = 2000"),
            (5_000, "max_records = 5000"),
            (20_000, "max_records = 20000"),
        ] {
            let none = Duration::ZERO;
            let case = append(BASE, batch);
            points.push(self.point(f64::from(size), &case, Some(none)).await?);
        }
        Ok(curve("append by batch", "records", points))
    }

    /// … against the width of a row.
    pub async fn by_width(&mut self) -> Result<Curve> {
        let mut points = Vec::new();
        for bytes in [200, 500, 1_000, 2_000, 8_000] {
            let records = BASE.records * 200 / bytes as u64;
            let load = Load {
                records,
                bytes,
                ..BASE
            };
            points.push(self.point(bytes as f64, &append(load, ""), None).await?);
        }
        Ok(curve("append by width", "bytes", points))
    }

    /// Upsert against the rows that the table holds already.
    pub async fn by_table(&mut self) -> Result<Curve> {
        let mut points = Vec::new();
        for rows in [100_000, 1_000_000, 10_000_000] {
            let load = Load { ids: rows, ..BASE };
            let case = Case {
                mode: "upsert",
                ..append(load, "")
            };
            points.push(self.point(rows as f64, &case, None).await?);
        }
        Ok(curve("upsert by rows in the table", "rows", points))
    }

    /// … against the delay of the network, in batches of two sizes.
    pub async fn by_delay(&mut self, mode: &'static str) -> Result<Curve> {
        let mut points = Vec::new();
        for millis in [0, 1, 5, 20] {
            let case = Case {
                mode,
                ..append(BASE, "")
            };
            let delay = Some(Duration::from_millis(millis));
            points.push(self.point(millis as f64, &case, delay).await?);
        }
        Ok(curve(&format!("{mode} by round trip"), "ms", points))
    }

    async fn point(&mut self, x: f64, case: &Case, delay: Option<Duration>) -> Result<Point> {
        let topic = self.topic("growth");
        let load = case.load;
        self.publish(&topic, load).await?;
        let mut settings = self.settings(case, &topic)?;
        let proxy = match delay {
            None => None,
            Some(delay) => Some(Proxy::start(self.upstream, delay).await?),
        };
        if let Some(proxy) = &proxy {
            settings.url = proxy.url(&settings.url, self.upstream);
        }
        self.postgres
            .execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
            .await?;
        let mut seen: Vec<Seen> = Vec::new();
        for _ in 0..self.rounds {
            self.empty(case).await?;
            if case.mode == "upsert" {
                self.fill(case.load.ids).await?;
            }
            let running = Running::start(&settings, self.folder.path(), &mut self.postgres).await?;
            seen.push(running.finish(load.records, &mut self.postgres).await?);
        }
        kafka::delete(&self.bootstrap, &[&topic]).await?;
        let series = |of: &dyn Fn(&Seen) -> f64| Series::new(seen.iter().map(of).collect());
        let millions = load.records as f64 / 1e6;
        let point = Point {
            x,
            records_per_s: series(&|s| s.records_per_s),
            processor: series(&|s| s.processor.as_secs_f64() / millions),
            peak_mib: series(&|s| s.peak_bytes as f64 / f64::from(1 << 20)),
            round_trips: proxy.map(|proxy| {
                proxy.round_trips() as f64 / (load.records as f64 * seen.len() as f64 / 1e3)
            }),
        };
        self.progress(&format!("{x}: {:.0} records/s", point.records_per_s.median));
        Ok(point)
    }

    /// So many orders stand in the table already.
    async fn fill(&mut self, rows: u64) -> Result<()> {
        self.postgres
            .execute(&format!(
                "INSERT INTO bench.target (id, customer, status, amount, quantity, created_at, seq, note) \
                 SELECT id, 'Ada Lovelace', 'placed', 1.00, 1, now(), 0, repeat('by hand, ', 6) \
                 FROM generate_series(1, {rows}) AS id"
            ))
            .await?;
        self.postgres.checkpoint().await
    }
}

fn curve(name: &str, unit: &str, points: Vec<Point>) -> Curve {
    Curve {
        name: name.to_owned(),
        unit: unit.to_owned(),
        points,
    }
}
