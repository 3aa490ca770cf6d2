//! The service beside its baseline, alternating.

use crate::load::Load;
use crate::postgres::ORDERS;
use crate::service::{Running, Seen, Settings};
use crate::stats::Series;
use crate::{Bench, Failed, Result, kafka};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the service is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// `\copy` of the same rows from a text file.
    CopyText,
    /// `\copy` of the same rows from a binary file.
    CopyBinary,
    /// `INSERT … SELECT … ON CONFLICT` from a staged table in one session, so
    /// many records a statement.
    Upsert {
        /// Records a statement; the last one of each key wins.
        chunk: u64,
    },
    /// The same, each record a statement of its own: every change is written.
    UpsertEach,
}

/// One comparison.
#[derive(Debug, Clone)]
pub struct Case {
    /// A word.
    pub name: &'static str,
    /// How records become rows.
    pub mode: &'static str,
    /// What is read.
    pub load: Load,
    /// With what it is compared.
    pub baseline: Baseline,
    /// Lines of `[sinks.bench.batch]`.
    pub batch: String,
}

impl Case {
    /// Inserts a load into an empty table, with the service's defaults.
    #[must_use]
    pub fn append(name: &'static str, load: Load) -> Self {
        Self {
            name,
            mode: "append",
            load,
            baseline: Baseline::CopyText,
            batch: String::new(),
        }
    }
}

/// What it gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// The case.
    pub name: String,
    /// Records of one run.
    pub records: u64,
    /// Records a second, the baseline. Earlier results call it a floor.
    #[serde(alias = "floor")]
    pub baseline: Series,
    /// Records a second, the service.
    pub service: Series,
    /// Both of one alternation, divided.
    pub ratio: Series,
    /// Seconds of processor time per million records, the service's own.
    pub processor: Series,
    /// MiB in the machine at the most.
    pub peak_mib: Series,
    /// Milliseconds from the start of the process to the first commit.
    pub first_commit_ms: Series,
}

impl Comparison {
    /// Of as many runs of each.
    #[must_use]
    pub fn of(name: &str, records: u64, baselines: Vec<f64>, services: &[Seen]) -> Self {
        let series = |of: &dyn Fn(&Seen) -> f64| Series::new(services.iter().map(of).collect());
        let (baseline, service) = (Series::new(baselines), series(&|s| s.records_per_s));
        let millions = records as f64 / 1e6;
        Self {
            name: name.to_owned(),
            records,
            ratio: service.ratio(&baseline),
            baseline,
            service,
            processor: series(&|s| s.processor.as_secs_f64() / millions),
            peak_mib: series(&|s| s.peak_bytes as f64 / f64::from(1 << 20)),
            first_commit_ms: series(&|s| s.first_commit.as_secs_f64() * 1_000.0),
        }
    }
}

/// The table that is written.
pub const TARGET: &str = "bench.target";

impl Bench {
    /// Alternates the baseline and the service over the same rows.
    pub async fn compare(&mut self, case: &Case) -> Result<Comparison> {
        let topic = self.topic(case.name);
        self.progress(&format!(
            "{}: producing {} records",
            case.name, case.load.records
        ));
        let file = self.publish(&topic, case.load).await?;
        self.postgres
            .execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
            .await?;
        let settings = self.settings(case, &topic)?;
        // Not counted: caches, and what the baseline is made of.
        let warm = self.service(case, &settings).await?;
        let expected = self.digest(case).await?;
        self.progress(&format!(
            "{}: warm at {:.0} records/s",
            case.name, warm.records_per_s
        ));
        let binary = self.folder.path().join("rows.binary");
        match case.baseline {
            Baseline::CopyText => {}
            Baseline::CopyBinary => {
                self.postgres.copy_out(TARGET, &binary).await?;
                self.postgres
                    .execute(&format!(
                        "CREATE TABLE bench.like (LIKE {TARGET} INCLUDING ALL)"
                    ))
                    .await?;
            }
            Baseline::Upsert { .. } | Baseline::UpsertEach => {
                self.postgres
                    .execute(&format!("CREATE TABLE bench.staged ({ORDERS})"))
                    .await?;
                self.postgres
                    .copy_file("bench.staged", &file, "text")
                    .await?;
                self.postgres
                    .execute("CREATE INDEX ON bench.staged (seq); ANALYZE bench.staged")
                    .await?;
            }
        }
        let (mut baselines, mut services) = (Vec::new(), Vec::new());
        for round in 1..=self.rounds {
            let took = self.baseline(case, &file, &binary).await?;
            baselines.push(case.load.records as f64 / took.as_secs_f64());
            self.exact(case, "the baseline", &expected).await?;
            let seen = self.service(case, &settings).await?;
            self.exact(case, "the service", &expected).await?;
            self.progress(&format!(
                "{}: round {round}: {:.0} records/s, the baseline {:.0}",
                case.name,
                seen.records_per_s,
                baselines.last().copied().unwrap_or_default()
            ));
            services.push(seen);
        }
        kafka::delete(&self.bootstrap, &[&topic]).await?;
        let records = case.load.records;
        Ok(Comparison::of(case.name, records, baselines, &services))
    }

    /// Makes a topic and publishes a load; returns the file of the same rows.
    pub async fn publish(&self, topic: &str, load: Load) -> Result<PathBuf> {
        kafka::create(&self.bootstrap, topic, load.partitions).await?;
        let file = self.folder.path().join("rows");
        let (bootstrap, topic, to) = (self.bootstrap.clone(), topic.to_owned(), file.clone());
        tokio::task::spawn_blocking(move || kafka::produce(&bootstrap, &topic, load, &to))
            .await??;
        Ok(file)
    }

    /// How the service is run for a case, straight to the server.
    ///
    /// # Errors
    /// A schema cannot be written into the folder.
    pub fn settings(&self, case: &Case, topic: &str) -> Result<Settings> {
        Ok(Settings {
            plimsoll: self.plimsoll.clone(),
            bootstrap: self.bootstrap.clone(),
            url: self.postgres.url.clone(),
            sinks: vec![vec![topic.to_owned()]],
            table: TARGET.to_owned(),
            mode: case.mode.to_owned(),
            top: String::new(),
            of_kafka: String::new(),
            listen: None,
            batch: case.batch.clone(),
            of_sink: case.load.wire.settings(self.folder.path())?,
            postgres: case.load.wire.mapping(),
        })
    }

    /// One run of the service into an empty table.
    pub async fn service(&mut self, case: &Case, settings: &Settings) -> Result<Seen> {
        self.empty(case).await?;
        let running = Running::start(settings, self.folder.path(), &mut self.postgres).await?;
        running.finish(case.load.records, &mut self.postgres).await
    }

    async fn baseline(&mut self, case: &Case, text: &Path, binary: &Path) -> Result<Duration> {
        self.empty(case).await?;
        match case.baseline {
            Baseline::CopyText => self.postgres.copy_file(TARGET, text, "text").await,
            Baseline::CopyBinary => {
                self.postgres
                    .execute(&format!(
                        "CREATE TABLE {TARGET} (LIKE bench.like INCLUDING ALL)"
                    ))
                    .await?;
                self.postgres.copy_file(TARGET, binary, "binary").await
            }
            Baseline::Upsert { chunk } => {
                self.postgres
                    .upsert_staged("bench.staged", TARGET, case.load.records, chunk)
                    .await
            }
            Baseline::UpsertEach => self.postgres.upsert_each("bench.staged", TARGET).await,
        }
    }

    /// A table in the same state for everybody, and a server at rest.
    pub async fn empty(&mut self, case: &Case) -> Result<()> {
        self.postgres
            .execute(&format!("DROP TABLE IF EXISTS {TARGET}"))
            .await?;
        let made = match case.mode {
            "append" => format!("CREATE TABLE {TARGET} ({ORDERS})"),
            "upsert" => format!("CREATE TABLE {TARGET} ({ORDERS}, PRIMARY KEY (id))"),
            // The service makes it.
            _ => String::new(),
        };
        self.postgres.execute(&made).await?;
        self.postgres.checkpoint().await
    }

    async fn digest(&mut self, case: &Case) -> Result<(i64, String)> {
        let found = self.postgres.digest(TARGET).await?;
        let rows = u64::try_from(found.0).unwrap_or_default();
        if case.mode != "upsert" && rows != case.load.records {
            let wanted = case.load.records;
            return Err(Failed::new(format!("{rows} rows of {wanted} records")));
        }
        Ok(found)
    }

    /// The baseline and the service must end with the same rows, content and all.
    async fn exact(&mut self, case: &Case, who: &str, expected: &(i64, String)) -> Result<()> {
        let found = self.digest(case).await?;
        match found == *expected {
            true => Ok(()),
            false => Err(Failed::new(format!(
                "{}: {who} wrote other rows: {} of {}",
                case.name, found.0, expected.0
            ))),
        }
    }
}
