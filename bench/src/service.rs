//! The service under measurement: a process of its own with an ordinary config.

use crate::postgres::Postgres;
use crate::process::Process;
use crate::scrape::{Metrics, free_address};
use crate::wait::until;
use crate::{Failed, Result};
use serde::Serialize;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often positions are looked at: 200 small reads a second.
const LOOK: Duration = Duration::from_millis(5);
/// A run that has not ended by then has failed.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Claiming a thousand partitions takes seconds; this long is a fault.
const CLAIM: Duration = Duration::from_secs(120);
/// How often it is asked how many it has.
const CLAIM_LOOK: Duration = Duration::from_millis(100);

/// What a run needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The binary.
    pub plimsoll: PathBuf,
    /// Kafka.
    pub bootstrap: String,
    /// Postgres, or the proxy in front of it.
    pub url: String,
    /// The topics of each sink; the first one's name is the group's too.
    pub sinks: Vec<Vec<String>>,
    /// The table.
    pub table: String,
    /// `log`, `append` or `upsert`.
    pub mode: String,
    /// Lines at the top of the file.
    pub top: String,
    /// Lines of `[kafka]`.
    pub of_kafka: String,
    /// Where metrics are served.
    pub listen: Option<SocketAddr>,
    /// Lines of `[sinks.bench.batch]`.
    pub batch: String,
    /// Lines of `[sinks.bench]`.
    pub of_sink: String,
    /// Lines of `[sinks.bench.postgres]`.
    pub postgres: String,
}

/// What was seen of a run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Seen {
    /// Records read, from the first commit to the last.
    pub records_per_s: f64,
    /// From the start of the process to the first commit.
    pub first_commit: Duration,
    /// User and system time of the process, its start included.
    pub processor: Duration,
    /// The most memory that it ever had in the machine.
    pub peak_bytes: u64,
    /// The most that it had had when half of the records were committed.
    pub peak_bytes_at_half: u64,
}

/// Plimsoll's own tables of a run.
pub const STATE: &str = "bench_state";

/// Sum of all positions; 0 as long as there is none.
pub const POSITIONS: &str =
    "SELECT coalesce(sum(next_offset), 0)::bigint FROM bench_state.positions";

/// One `plimsoll run`.
pub struct Running {
    child: Child,
    began: Instant,
}

impl Running {
    /// Starts it, with no position from an earlier run.
    pub async fn start(
        settings: &Settings,
        folder: &Path,
        postgres: &mut Postgres,
    ) -> Result<Self> {
        postgres
            .execute(&format!("DROP SCHEMA IF EXISTS {STATE} CASCADE"))
            .await?;
        Self::spawn(&settings.plimsoll, &settings.toml(), folder)
    }

    /// Starts one with a config.
    pub fn spawn(plimsoll: &Path, toml: &str, folder: &Path) -> Result<Self> {
        let config = folder.join("plimsoll.toml");
        std::fs::write(&config, toml)?;
        let log = File::create(folder.join("plimsoll.log"))?;
        let began = Instant::now();
        let child = Command::new(plimsoll)
            .arg("run")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|e| Failed::new(format!("{}: {e}", plimsoll.display())))?;
        Ok(Self { child, began })
    }

    /// Starts it, and waits until it has claimed so many partitions; and where it serves
    /// its metrics.
    pub async fn claimed(
        mut settings: Settings,
        partitions: u64,
        folder: &Path,
        postgres: &mut Postgres,
    ) -> Result<(Self, SocketAddr)> {
        let listen = free_address()?;
        settings.listen = Some(listen);
        let mut running = Self::start(&settings, folder, postgres).await?;
        until("claims", CLAIM, CLAIM_LOOK, async || {
            running.alive()?;
            let assigned = match Metrics::of(listen).await {
                Ok(metrics) => metrics.sum("plimsoll_partitions_assigned"),
                // It does not listen yet.
                Err(_) => 0.0,
            };
            Ok((assigned == partitions as f64).then_some(()))
        })
        .await?;
        Ok((running, listen))
    }

    /// Waits until all records are committed, then stops it.
    pub async fn finish(self, records: u64, postgres: &mut Postgres) -> Result<Seen> {
        let progress = async || postgres.number(POSITIONS).await;
        self.watch(records, LOOK, progress).await
    }

    /// The same, where the sum of all positions is asked for now and then.
    pub async fn watch(
        mut self,
        records: u64,
        look: Duration,
        mut progress: impl AsyncFnMut() -> i64,
    ) -> Result<Seen> {
        let records = i64::try_from(records).map_err(|_| Failed::new("records"))?;
        let (mut first, mut last) = (None, (Instant::now(), 0));
        let mut at_half = None;
        while last.1 < records {
            tokio::time::sleep(look).await;
            self.alive()?;
            if self.began.elapsed() > TIMEOUT {
                return Err(Failed::new(format!(
                    "{} of {records} after {TIMEOUT:?}",
                    last.1
                )));
            }
            let at = progress().await;
            if at > last.1 {
                last = (Instant::now(), at);
                first.get_or_insert(last);
            }
            if at >= records / 2 && at_half.is_none() {
                at_half = Some(self.process().peak_bytes()?);
            }
        }
        let (first_at, first_records) = first.unwrap_or(last);
        let seconds = last.0.duration_since(first_at).as_secs_f64();
        let seen = Seen {
            records_per_s: (last.1 - first_records) as f64 / seconds.max(1e-9),
            first_commit: first_at.duration_since(self.began),
            processor: self.process().processor()?,
            peak_bytes: self.process().peak_bytes()?,
            peak_bytes_at_half: at_half.unwrap_or_default(),
        };
        self.stop()?;
        Ok(seen)
    }

    /// # Errors
    /// It ended by itself.
    pub fn alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(Failed::new(format!("plimsoll ended by itself: {status}"))),
        }
    }

    /// What Linux tells of it.
    #[must_use]
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// SIGTERM, and waits.
    pub fn stop(mut self) -> Result<()> {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let status = self.child.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(Failed::new(format!("plimsoll: {status}"))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Settings {
    fn toml(&self) -> String {
        let Self {
            bootstrap,
            top,
            of_kafka,
            ..
        } = self;
        let listen = self.listen.map_or("off".to_owned(), |l| l.to_string());
        let mut toml = format!(
            r#"{top}

[kafka]
bootstrap_servers = "{bootstrap}"
{of_kafka}

[http]
listen = "{listen}"
"#
        );
        for (n, topics) in self.sinks.iter().enumerate() {
            toml.push_str(&self.sink(n, topics));
        }
        toml
    }

    fn sink(&self, n: usize, topics: &[String]) -> String {
        let Self {
            url,
            table,
            mode,
            batch,
            of_sink,
            postgres,
            ..
        } = self;
        let group = topics.first().map_or("", String::as_str);
        format!(
            r#"
[sinks.bench-{n}]
topics = {topics:?}
group_id = "{group}"
{of_sink}

[sinks.bench-{n}.batch]
{batch}

[sinks.bench-{n}.postgres]
url = "{url}"
state_schema = "{STATE}"
table = "{table}"
mode = "{mode}"
{postgres}
"#
        )
    }
}
