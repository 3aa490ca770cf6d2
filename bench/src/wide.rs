//! A backlog of the same records over few and over many partitions, within two limits of
//! memory, beside a plain consumer of it.

use crate::compare::{Case, TARGET};
use crate::load::{Keys, Load};
use crate::paced::Spread;
use crate::plain::{Plain, Read, fastest};
use crate::service::{Running, Seen};
use crate::stats::Series;
use crate::wire::Wire;
use crate::{Bench, Failed, Result, kafka};
use serde::Serialize;

/// The first is what the others are divided by.
const PARTITIONS: [u64; 3] = [4, 256, 1_000];
/// `memory_limit`, in MiB: the default and a quarter of it.
const LIMITS_MIB: [u64; 2] = [256, 64];
const MIB: usize = 1 << 20;

/// A backlog within one limit.
#[derive(Debug, Clone, Serialize)]
pub struct Wide {
    bytes: usize,
    records: u64,
    partitions: u64,
    limit_mib: u64,
    plain: Vec<Read>,
    service: Vec<Seen>,
}

impl Bench {
    /// Small records, and a few of 1 MiB, over each number of partitions.
    pub async fn wide(&mut self, records: u64) -> Result<Vec<Wide>> {
        let mut all = Vec::new();
        for (bytes, records) in [(200, records), (MIB, (records / 3_000).max(1))] {
            for partitions in PARTITIONS {
                let load = Load {
                    records,
                    ids: 200_000,
                    keys: Keys::Uniform,
                    partitions,
                    bytes,
                    wire: Wire::Json,
                };
                all.extend(self.backlogs(load).await?);
            }
        }
        Ok(all)
    }

    async fn backlogs(&mut self, load: Load) -> Result<Vec<Wide>> {
        let case = Case::append("wide-backlog", load);
        let spread = Spread {
            topics: vec![self.topic(case.name)],
            partitions: load.partitions,
        };
        let topic = &spread.topics[0];
        self.publish(topic, load).await?;
        self.postgres
            .execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
            .await?;
        let mut all = LIMITS_MIB.map(|limit_mib| Wide {
            bytes: load.bytes,
            records: load.records,
            partitions: load.partitions,
            limit_mib,
            plain: Vec::new(),
            service: Vec::new(),
        });
        for round in 1..=self.rounds {
            let plain = self.wide_plain(&spread, load.records).await?;
            for wide in &mut all {
                let seen = self.wide_service(&case, topic, wide.limit_mib).await?;
                self.progress(&format!(
                    "wide-backlog: {} bytes, {} partitions, {} MiB: round {round}: {:.0} records/s; the plain consumer {:.0}",
                    load.bytes, load.partitions, wide.limit_mib, seen.records_per_s, plain.records_per_s
                ));
                wide.plain.push(plain);
                wide.service.push(seen);
            }
        }
        kafka::delete(&self.bootstrap, &[topic]).await?;
        Ok(all.into())
    }

    async fn wide_plain(&self, spread: &Spread, records: u64) -> Result<Read> {
        let mut reading = self.plain(&Plain {
            bootstrap: self.bootstrap.clone(),
            spread: spread.clone(),
            warm: 0,
            records,
            properties: fastest(&self.properties),
            apart: false,
            receipts: None,
        })?;
        reading.ready().await?;
        reading.finish().await
    }

    async fn wide_service(&mut self, case: &Case, topic: &str, limit_mib: u64) -> Result<Seen> {
        self.empty(case).await?;
        let mut settings = self.settings(case, topic)?;
        settings.top = format!("memory_limit = \"{limit_mib}MiB\"");
        let folder = self.folder.path();
        let running = Running::start(&settings, folder, &mut self.postgres).await?;
        let records = case.load.records;
        let seen = running.finish(records, &mut self.postgres).await?;
        let count = |what: &str| format!("SELECT count({what}) FROM {TARGET}");
        for what in ["*", "DISTINCT seq"] {
            let rows = self.postgres.number(&count(what)).await;
            if u64::try_from(rows) != Ok(records) {
                let why = format!("wide-backlog: count({what}) is {rows}, of {records} records");
                return Err(Failed::new(why));
            }
        }
        Ok(seen)
    }
}

impl Wide {
    /// The head of the table of [`Self::row`].
    pub const HEAD: &'static str = "| backlog: bytes, partitions, memory_limit MiB | records/s | ÷ of 4 partitions | plain consumer | ÷ of 4 partitions | processor s per million | plain consumer | peak − memory_limit MiB |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |";

    /// A row for people; medians. `all` holds those of the fewest partitions too.
    #[must_use]
    pub fn row(&self, all: &[Self]) -> String {
        let few = all.iter().find(|w| {
            (w.bytes, w.limit_mib, w.partitions) == (self.bytes, self.limit_mib, PARTITIONS[0])
        });
        let few = few.unwrap_or(self);
        let (mine, plain) = (self.speed(), self.plain_speed());
        let millions = self.records as f64 / 1e6;
        let processor = |seen: &Seen| seen.processor.as_secs_f64() / millions;
        let over = |seen: &Seen| seen.peak_bytes as f64 / MIB as f64 - self.limit_mib as f64;
        let of = |what: &dyn Fn(&Seen) -> f64| {
            Series::new(self.service.iter().map(what).collect()).median
        };
        let reading = self.plain.iter().map(|r| r.processor_s / millions);
        format!(
            "| {}, {}, {} | {:.0} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} |",
            self.bytes,
            self.partitions,
            self.limit_mib,
            mine.median,
            mine.ratio(&few.speed()).median,
            plain.median,
            plain.ratio(&few.plain_speed()).median,
            of(&processor),
            Series::new(reading.collect()).median,
            of(&over),
        )
    }

    fn speed(&self) -> Series {
        Series::new(self.service.iter().map(|s| s.records_per_s).collect())
    }

    fn plain_speed(&self) -> Series {
        Series::new(self.plain.iter().map(|r| r.records_per_s).collect())
    }
}
