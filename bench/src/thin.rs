//! A steady rate over many partitions, each of which has few records: how long a record
//! takes from the producer into the database, and what that costs, beside a plain
//! consumer of the same load.

use crate::compare::{Case, TARGET};
use crate::latency::Latency;
use crate::load::{Keys, Load};
use crate::paced::{Pacer, Sent, Spread, UNTIL_INDEXED, kept, now_us, once, pace};
use crate::plain::{Plain, fastest, receipts};
use crate::postgres::Postgres;
use crate::scrape::Metrics;
use crate::service::{POSITIONS, Running};
use crate::stats::Series;
use crate::wait::until;
use crate::wire::Wire;
use crate::{Bench, Failed, Result};
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// Records a second, over all partitions together.
const RATE: u64 = 5_000;
/// Before this, caches are cold; these records are sent, and not counted.
const WARM_S: u64 = 5;
/// Seconds that are measured, where nothing else is said.
const SECONDS: u64 = 30;
/// Topics, and partitions of each.
const SHAPES: [(u64, u64); 4] = [(1, 4), (1, 256), (1, 1_000), (10, 200)];
/// What is behind by so much at the end does not keep up.
const BEHIND: Duration = Duration::from_secs(120);
/// How often it is asked whether all is done: no load that a server would feel.
const LOOK: Duration = Duration::from_millis(100);
/// How often the database's flush is measured.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// One run of one of the two.
#[derive(Debug, Clone, Serialize)]
struct Run {
    /// From produce to received, or to committed; milliseconds.
    latency: Latency,
    /// From produce to acknowledged by the broker; milliseconds.
    acknowledged: Latency,
    /// Records a second that the broker took.
    pace: f64,
    /// Seconds of processor time per million records.
    processor: f64,
    /// MiB in the machine at the most.
    peak_mib: f64,
}

/// What else is known of a run of the service.
#[derive(Debug, Clone, Serialize)]
struct Commits {
    per_s: f64,
    records: f64,
    /// From the time that the database gives a commit to its answer; milliseconds.
    flush: Latency,
}

/// Both at one number of partitions.
#[derive(Debug, Clone, Serialize)]
pub struct Thin {
    topics: u64,
    partitions: u64,
    rate: u64,
    plain: Vec<Run>,
    service: Vec<Run>,
    commits: Vec<Commits>,
}

/// Millions of records that are counted, and how many are sent for a run.
struct Size {
    spread: Spread,
    /// Those for each partition.
    first: u64,
    /// These, and those of the first seconds.
    early: u64,
    counted: u64,
}

impl Size {
    fn new(spread: Spread, seconds: u64) -> Self {
        Self {
            first: spread.places() * UNTIL_INDEXED,
            early: spread.places() * UNTIL_INDEXED + RATE * WARM_S,
            counted: RATE * seconds,
            spread,
        }
    }

    fn load(&self) -> Load {
        Load {
            records: self.early + self.counted,
            ids: 200_000,
            keys: Keys::Uniform,
            partitions: self.spread.partitions,
            bytes: 200,
            wire: Wire::Json,
        }
    }

    /// What a run gave, if all records arrived once.
    fn run(&self, sent: &[Sent], arrived: &[u64], processor_s: f64, peak_bytes: u64) -> Run {
        let early = usize::try_from(self.early).unwrap_or(usize::MAX);
        let counted = || sent.iter().zip(arrived).skip(early);
        let millis = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e3;
        let arrived: Vec<_> = counted().map(|(s, at)| millis(s.at_us, *at)).collect();
        let acks: Vec<_> = counted()
            .map(|(s, _)| millis(s.at_us, s.acknowledged_us))
            .collect();
        let paced = self.counted + RATE * WARM_S;
        Run {
            latency: Latency::of(&arrived),
            acknowledged: Latency::of(&acks),
            pace: pace(counted().map(|(s, _)| s.acknowledged_us)),
            processor: processor_s / (paced as f64 / 1e6),
            peak_mib: peak_bytes as f64 / f64::from(1 << 20),
        }
    }
}

impl Bench {
    /// Alternates the plain consumer and the service over each number of partitions.
    pub async fn thin(&mut self) -> Result<Vec<Thin>> {
        self.needs_commit_times().await?;
        let mut all = Vec::new();
        let shapes = match self.shapes.is_empty() {
            true => SHAPES.to_vec(),
            false => self.shapes.clone(),
        };
        for (topics, partitions) in shapes {
            let mut thin = Thin {
                topics,
                partitions,
                rate: RATE,
                plain: Vec::new(),
                service: Vec::new(),
                commits: Vec::new(),
            };
            for round in 1..=self.rounds {
                let what = format!("{topics} × {partitions}: round {round}");
                let plain = self.thin_plain(topics, partitions).await?;
                self.told(&format!("{what}: the plain consumer"), &plain);
                let (service, commits) = self.thin_service(topics, partitions).await?;
                self.told(&what, &service);
                thin.plain.push(plain);
                thin.service.push(service);
                thin.commits.push(commits);
            }
            all.push(thin);
        }
        Ok(all)
    }

    fn told(&self, what: &str, run: &Run) {
        let (all, broker) = (&run.latency, &run.acknowledged);
        self.progress(&format!(
            "thin-paced: {what}: p50 {:.1} ms, p99 {:.1} ms; to the broker {:.1} and {:.1}; {:.1} s per million",
            all.p50, all.p99, broker.p50, broker.p99, run.processor
        ));
    }

    /// # Errors
    /// The server does not keep the times of commits.
    pub async fn needs_commit_times(&mut self) -> Result<()> {
        let setting = "SELECT current_setting('track_commit_timestamp')";
        match self.postgres.text(setting).await?.as_str() {
            "on" => Ok(()),
            _ => Err(Failed::new(
                "Postgres keeps no times of commits; hint: start it with -c track_commit_timestamp=on, as make bench does",
            )),
        }
    }

    /// New topics, made.
    pub async fn spread(&mut self, name: &str, topics: u64, partitions: u64) -> Result<Spread> {
        let spread = Spread {
            topics: (0..topics).map(|_| self.topic(name)).collect(),
            partitions,
        };
        spread.create(&self.bootstrap).await?;
        Ok(spread)
    }

    async fn thin_plain(&mut self, topics: u64, partitions: u64) -> Result<Run> {
        let spread = self.spread("thin-paced", topics, partitions).await?;
        let size = Size::new(spread, self.seconds.unwrap_or(SECONDS));
        let file = self.folder.path().join("receipts");
        let mut reading = self.plain(&Plain {
            bootstrap: self.bootstrap.clone(),
            spread: size.spread.clone(),
            warm: size.first,
            records: size.early + size.counted - size.first,
            properties: fastest(&self.properties),
            apart: false,
            receipts: Some(file.clone()),
        })?;
        let pacer = Pacer::new(&self.bootstrap, &size.spread, size.load())?;
        let pacer = each_place(pacer).await?;
        reading.ready().await?;
        let sent = send(pacer, size.early + size.counted - size.first).await?;
        let read = reading.finish().await?;
        let seqs: HashMap<_, _> = (sent.iter().enumerate())
            .map(|(seq, s)| ((s.place, s.offset), seq))
            .collect();
        // What was never sent has a number that is none.
        let seq = |place, offset| seqs.get(&(place, offset)).copied().unwrap_or(usize::MAX);
        let arrived: Vec<_> = receipts(&file)?
            .iter()
            .map(|r| (seq(r.place, r.offset), r.at_us))
            .collect();
        let arrived = once("the plain consumer", sent.len(), &arrived)?;
        size.spread.delete(&self.bootstrap).await?;
        Ok(size.run(&sent, &arrived, read.processor_s, read.peak_bytes))
    }

    async fn thin_service(&mut self, topics: u64, partitions: u64) -> Result<(Run, Commits)> {
        let spread = self.spread("thin-paced", topics, partitions).await?;
        let size = Size::new(spread, self.seconds.unwrap_or(SECONDS));
        let case = Case::append("thin-paced", size.load());
        self.postgres
            .execute(
                "DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench; CREATE TABLE bench.flushes (n bigint)",
            )
            .await?;
        self.empty(&case).await?;
        let mut settings = self.settings(&case, "")?;
        settings.sinks = vec![size.spread.topics.clone()];
        let places = size.spread.places();
        let (folder, postgres) = (self.folder.path(), &mut self.postgres);
        let (mut running, listen) = Running::claimed(settings, places, folder, postgres).await?;
        let pacer = Pacer::new(&self.bootstrap, &size.spread, size.load())?;
        let pacer = each_place(pacer).await?;
        committed(size.first, &mut running, &mut self.postgres).await?;
        let before = (running.process().processor()?, Metrics::of(listen).await?);
        let mut flushes = Flushes::connect(&self.postgres).await?;
        let records = size.early + size.counted - size.first;
        let began_us = now_us();
        let sending = async {
            let sent = send(pacer, records).await?;
            committed(size.first + records, &mut running, &mut self.postgres).await?;
            Ok::<_, Failed>(sent)
        };
        let sent = tokio::select! {
            sent = sending => sent?,
            error = flushes.measure() => return Err(error),
        };
        let seconds = (now_us() - began_us) as f64 / 1e6;
        let after = Metrics::of(listen).await?;
        let process = running.process();
        let (processor, peak) = (process.processor()? - before.0, process.peak_bytes()?);
        let grown = |name: &str| after.sum(name) - before.1.sum(name);
        let commits = grown("plimsoll_commit_duration_seconds_count");
        let commits = Commits {
            per_s: commits / seconds,
            records: grown("plimsoll_rows_written_total") / commits,
            flush: flushes.finish(&mut self.postgres).await?,
        };
        running.stop()?;
        let arrived = self.commit_times(sent.len()).await?;
        size.spread.delete(&self.bootstrap).await?;
        let run = size.run(&sent, &arrived, processor.as_secs_f64(), peak);
        Ok((run, commits))
    }

    /// When each record's row was committed by the database's clock, by its sequence.
    pub async fn commit_times(&mut self, sent: usize) -> Result<Vec<u64>> {
        let rows = self
            .postgres
            .pairs(&format!(
                "SELECT seq, {} FROM {TARGET}",
                committed_us("xmin")
            ))
            .await?;
        let arrived = rows.into_iter().map(|(seq, at)| {
            let seq = usize::try_from(seq).unwrap_or(usize::MAX);
            (seq, at.cast_unsigned())
        });
        once("the service", sent, &arrived.collect::<Vec<_>>())
    }
}

fn committed_us(transaction: &str) -> String {
    format!("(extract(epoch FROM pg_xact_commit_timestamp({transaction})) * 1e6)::bigint")
}

/// Waits until so many records are behind the positions.
async fn committed(records: u64, running: &mut Running, postgres: &mut Postgres) -> Result<()> {
    until("all records committed", BEHIND, LOOK, async || {
        running.alive()?;
        let at = postgres.number(POSITIONS).await;
        Ok((at.cast_unsigned() >= records).then_some(()))
    })
    .await
}

async fn each_place(mut pacer: Pacer) -> Result<Pacer> {
    tokio::task::spawn_blocking(move || pacer.each_place().map(|()| pacer)).await?
}

/// Sends so many at the rate; all that was ever sent.
async fn send(mut pacer: Pacer, records: u64) -> Result<Vec<Sent>> {
    tokio::task::spawn_blocking(move || {
        pacer.send(records, RATE)?;
        pacer.finish()
    })
    .await?
}

/// How long the database takes from the time that it gives a commit to the answer: it
/// looks at its clock just before it flushes the log. A session that commits one row now
/// and then, beside the load.
struct Flushes {
    postgres: Postgres,
    answered_us: Vec<u64>,
}

impl Flushes {
    async fn connect(postgres: &Postgres) -> Result<Self> {
        Ok(Self {
            postgres: postgres.another().await?,
            answered_us: Vec::new(),
        })
    }

    /// Goes on until it is dropped, or fails.
    async fn measure(&mut self) -> Failed {
        loop {
            let n = self.answered_us.len();
            let insert = format!("INSERT INTO bench.flushes VALUES ({n})");
            if let Err(error) = self.postgres.execute(&insert).await {
                return error;
            }
            self.answered_us.push(now_us());
            tokio::time::sleep(FLUSH_EVERY).await;
        }
    }

    async fn finish(self, postgres: &mut Postgres) -> Result<Latency> {
        let sql = format!("SELECT n, {} FROM bench.flushes", committed_us("xmin"));
        let times = postgres.pairs(&sql).await?;
        let millis: Vec<_> = times
            .into_iter()
            .filter_map(|(n, at)| {
                // The last one may have been committed and not answered.
                let answered = self.answered_us.get(usize::try_from(n).ok()?)?;
                Some(answered.saturating_sub(at.cast_unsigned()) as f64 / 1e3)
            })
            .collect();
        self.postgres.close().await;
        Ok(Latency::of(&millis))
    }
}

impl Thin {
    /// The head of the table of [`Self::row`].
    pub const HEAD: &'static str = "| topics × partitions | to the broker p50, p99 ms | plain consumer p50, p99 ms | service p50, p99 ms | ratio p50, p99 | commits/s | records a commit | flush p50 ms | processor s per million | plain consumer | difference | peak MiB | plain consumer |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

    /// A row for people; medians.
    #[must_use]
    pub fn row(&self) -> String {
        let of =
            |runs: &[Run], what: &dyn Fn(&Run) -> f64| Series::new(runs.iter().map(what).collect());
        let both = |what: &dyn Fn(&Run) -> f64| (of(&self.service, what), of(&self.plain, what));
        let commits = |what: &dyn Fn(&Commits) -> f64| {
            Series::new(self.commits.iter().map(what).collect()).median
        };
        let (p50, p99) = (both(&|r| r.latency.p50), both(&|r| r.latency.p99));
        let (processor, peak) = (both(&|r| r.processor), both(&|r| r.peak_mib));
        let acks = (
            of(&self.service, &|r| r.acknowledged.p50).median,
            of(&self.service, &|r| r.acknowledged.p99).median,
        );
        format!(
            "| {} × {}{} | {:.1}, {:.1} | {:.1}, {:.1} | {:.1}, {:.1} | {:.2}, {:.2} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} |",
            self.topics,
            self.partitions,
            self.unkept(),
            acks.0,
            acks.1,
            p50.1.median,
            p99.1.median,
            p50.0.median,
            p99.0.median,
            p50.0.ratio(&p50.1).median,
            p99.0.ratio(&p99.1).median,
            commits(&|c| c.per_s),
            commits(&|c| c.records),
            commits(&|c| c.flush.p50),
            processor.0.median,
            processor.1.median,
            processor.0.median - processor.1.median,
            peak.0.median,
            peak.1.median,
        )
    }

    /// Says it where the broker took the records slower than they should have come.
    fn unkept(&self) -> String {
        let all = self.plain.iter().chain(&self.service);
        let slowest = all.map(|r| r.pace).fold(f64::INFINITY, f64::min);
        match kept(slowest, self.rate) {
            true => String::new(),
            false => format!(" (pace not kept: {slowest:.0} records/s)"),
        }
    }
}
