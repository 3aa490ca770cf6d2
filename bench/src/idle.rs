//! What it costs to have nothing to do: a thousand partitions, or fifty sinks.

use crate::compare::Case;
use crate::load::{Keys, Load};
use crate::paced::{Pacer, Spread};
use crate::plain::{Plain, fastest};
use crate::process::Process;
use crate::service::Running;
use crate::stats::Series;
use crate::wire::Wire;
use crate::{Bench, Result};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Seconds that are measured, where nothing else is said.
const SECONDS: u64 = 60;
/// What a start leaves to be done is done by then.
const SETTLED: Duration = Duration::from_secs(10);

/// Topics and partitions of each, and whether each topic has a sink, or a consumer, of
/// its own.
const SHAPES: [(u64, u64, bool); 2] = [(1, 1_000, false), (50, 1, true)];

/// One process that has nothing to do.
#[derive(Debug, Clone, Copy, Serialize)]
struct State {
    /// Of one processor.
    processor_percent: f64,
    /// In the machine.
    resident_mib: f64,
    threads: u64,
    sockets: usize,
}

/// The service beside plain consumers of the same topics.
#[derive(Debug, Clone, Serialize)]
pub struct Idle {
    sinks: u64,
    partitions: u64,
    plain: Vec<State>,
    service: Vec<State>,
}

impl Bench {
    /// Both, alternating, over each of the shapes.
    pub async fn idle(&mut self) -> Result<Vec<Idle>> {
        let mut all = Vec::new();
        for (topics, partitions, apart) in SHAPES {
            let mut idle = Idle {
                sinks: if apart { topics } else { 1 },
                partitions: topics * partitions,
                plain: Vec::new(),
                service: Vec::new(),
            };
            for round in 1..=self.rounds {
                let spread = self.spread("idle", topics, partitions).await?;
                // First, for its topics have no record yet.
                let service = self.idle_service(&spread, apart).await?;
                let plain = self.idle_plain(&spread, apart).await?;
                spread.delete(&self.bootstrap).await?;
                self.progress(&format!(
                    "idle: {topics} × {partitions}: round {round}: {:.1} % of a processor; plain {:.1} %",
                    service.processor_percent, plain.processor_percent
                ));
                idle.plain.push(plain);
                idle.service.push(service);
            }
            all.push(idle);
        }
        Ok(all)
    }

    async fn idle_service(&mut self, spread: &Spread, apart: bool) -> Result<State> {
        let case = Case::append("idle", one(spread));
        self.postgres
            .execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
            .await?;
        self.empty(&case).await?;
        let mut settings = self.settings(&case, "")?;
        settings.sinks = match apart {
            true => spread.topics.iter().map(|t| vec![t.clone()]).collect(),
            false => vec![spread.topics.clone()],
        };
        let (folder, postgres) = (self.folder.path(), &mut self.postgres);
        let (mut running, _) =
            Running::claimed(settings, spread.places(), folder, postgres).await?;
        let state = self.state(running.process()).await?;
        running.alive()?;
        running.stop()?;
        Ok(state)
    }

    async fn idle_plain(&mut self, spread: &Spread, apart: bool) -> Result<State> {
        // One record tells that it reads; it waits for another.
        let mut reading = self.plain(&Plain {
            bootstrap: self.bootstrap.clone(),
            spread: spread.clone(),
            warm: 1,
            records: 1,
            properties: fastest(&self.properties),
            apart,
            receipts: None,
        })?;
        let mut pacer = Pacer::new(&self.bootstrap, spread, one(spread))?;
        tokio::task::spawn_blocking(move || pacer.first_place()).await??;
        reading.ready().await?;
        self.state(reading.process()?).await
    }

    /// Waits a while, and then measures.
    async fn state(&self, process: Process) -> Result<State> {
        tokio::time::sleep(SETTLED).await;
        let (began, before) = (Instant::now(), process.processor()?);
        let seconds = self.seconds.unwrap_or(SECONDS);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let used = process.processor()? - before;
        Ok(State {
            processor_percent: used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0,
            resident_mib: process.resident_bytes()? as f64 / f64::from(1 << 20),
            threads: process.threads()?,
            sockets: process.sockets()?,
        })
    }
}

fn one(spread: &Spread) -> Load {
    Load {
        records: 1,
        ids: 1,
        keys: Keys::Uniform,
        partitions: spread.partitions,
        bytes: 200,
        wire: Wire::Json,
    }
}

impl Idle {
    /// The head of the table of [`Self::row`].
    pub const HEAD: &'static str = "| nothing to do: sinks, partitions | processor % | plain | resident MiB | plain | threads | plain | sockets | plain |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

    /// A row for people; medians.
    #[must_use]
    pub fn row(&self) -> String {
        let median = |states: &[State], what: &dyn Fn(&State) -> f64| {
            Series::new(states.iter().map(what).collect()).median
        };
        let both = |digits: usize, what: &dyn Fn(&State) -> f64| {
            let (mine, plain) = (median(&self.service, what), median(&self.plain, what));
            format!("{mine:.digits$} | {plain:.digits$}")
        };
        format!(
            "| {}, {} | {} | {} | {} | {} |",
            self.sinks,
            self.partitions,
            both(1, &|s| s.processor_percent),
            both(0, &|s| s.resident_mib),
            both(0, &|s| s.threads as f64),
            both(0, &|s| s.sockets as f64),
        )
    }
}
