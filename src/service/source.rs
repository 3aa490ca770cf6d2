//! One source: its thread, and what it tells.

use super::{Ended, RunError};
use crate::config::Config;
use crate::engine::client_id;
use crate::health::Health;
use crate::kafka::cluster_config;
use crate::metrics as names;
use metrics::{counter, histogram};
use plimsoll_protocol::source::{Lsn, SourcePosition};
use plimsoll_source::{Committed, Halt, Kafka, Side, SourceSettings, Stop, Watch};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Starts a source.
pub(super) fn start(
    config: &Config,
    settings: &SourceSettings,
    member: &str,
    health: Arc<Health>,
    threads: &mut JoinSet<Ended>,
) -> Stop {
    let kafka = Kafka(cluster_config(
        &config.kafka,
        &client_id(&settings.name, member),
    ));
    let settings = settings.clone();
    let (stop, stopping) = plimsoll_source::stop();
    health.source_starts(&settings.name);
    let told = Told {
        source: settings.name.clone(),
        health,
    };
    // Commits block their thread, and a client of the log that nobody drives would lose
    // its session meanwhile: so it has a thread of its own runtime, and one for the client.
    // No sink's name holds a slash.
    let name = format!("sources/{}", settings.name);
    threads.spawn_blocking(move || (name, drive(settings, kafka, &told, stopping)));
    stop
}

/// Runs it to its end, on a runtime of its own.
fn drive(
    settings: SourceSettings,
    kafka: Kafka,
    told: &Told,
    stopping: watch::Receiver<bool>,
) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("source")
        .enable_all()
        .build()
        .map_err(|e| RunError::System(format!("no runtime: {e}")))?;
    runtime.block_on(plimsoll_source::run(settings, kafka, told, stopping));
    runtime.shutdown_background();
    Ok(())
}

/// Tells health and metrics.
struct Told {
    source: String,
    health: Arc<Health>,
}

impl Told {
    fn count(&self, name: &'static str, by: u64) {
        counter!(name, "source" => self.source.clone()).increment(by);
    }
}

impl Watch for Told {
    fn live(&self, position: &SourcePosition) {
        for name in [
            names::SOURCE_EVENTS,
            names::SOURCE_TRANSACTIONS,
            names::SOURCE_SEEN,
            names::SOURCE_LEFT_OUT,
            names::SOURCE_FENCED,
            names::SOURCE_DOUBTFUL,
        ] {
            self.count(name, 0);
        }
        self.health.source_live(&self.source, position);
    }

    fn standby(&self, why: &str) {
        self.health.source_standby(&self.source, why);
    }

    fn trouble(&self, side: Side, what: &str) {
        self.health.source_trouble(&self.source, side, what);
    }

    fn halted(&self, halt: &Halt) {
        self.health.source_halted(&self.source, halt.to_string());
    }

    fn committed(&self, commit: Committed<'_>) {
        self.count(names::SOURCE_EVENTS, commit.events);
        self.count(names::SOURCE_TRANSACTIONS, commit.transactions);
        histogram!(names::SOURCE_COMMIT_SECONDS, "source" => self.source.clone())
            .record(commit.took);
        self.health
            .source_stands(&self.source, commit.position, commit.wal_end);
    }

    fn seen(&self) {
        self.count(names::SOURCE_SEEN, 1);
    }

    fn wal_end(&self, position: &SourcePosition, wal_end: Lsn) {
        self.health.source_stands(&self.source, position, wal_end);
    }

    fn left_out(&self, why: &Halt) {
        self.count(names::SOURCE_LEFT_OUT, 1);
        tracing::warn!(source = self.source, "left out: {}", why.what);
    }

    fn fenced(&self) {
        self.count(names::SOURCE_FENCED, 1);
    }

    fn doubtful(&self) {
        self.count(names::SOURCE_DOUBTFUL, 1);
    }
}
