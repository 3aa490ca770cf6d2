//! The service: wiring, health, drain on SIGTERM.

mod member;
mod sink;

pub(crate) use member::member;
pub(crate) use sink::start;

use crate::config::{Backend, Config};
use crate::consume::{Control, Fatal};
use crate::error::KafkaFault;
use crate::health::Health;
use crate::{http, metrics};
use plimsoll_postgres::PostgresSink;
use plimsoll_sink_api::SinkError;
use plimsoll_sqlite::SqliteSink;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// Closing a consumer can hang in librdkafka; the process ends after this.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the service could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The address for metrics and health is not to be had.
    #[error("http.listen: {address}: {why}; hint: choose a free port, or `listen = \"off\"`")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        why: std::io::Error,
    },
    /// A setting that librdkafka refuses.
    #[error("kafka: {0}; hint: see [kafka.properties]")]
    Client(#[from] KafkaFault),
    /// A setting that a sink refuses.
    #[error("sinks.{name}: {error}")]
    Sink {
        /// The sink.
        name: String,
        /// What it said.
        error: SinkError,
    },
    /// Kafka's client gave up.
    #[error(transparent)]
    Fatal(#[from] Fatal),
    /// The system refuses what every process needs.
    #[error("{0}")]
    System(String),
}

/// A running sink: how to stop it.
pub(crate) struct Running {
    name: String,
    control: Sender<Control>,
}

impl Running {
    /// Tells the sink's poll thread.
    pub(crate) fn tell(&self, control: Control) {
        if self.control.send(control).is_err() {
            info!(sink = self.name, "ended already");
        }
    }
}

/// Runs until SIGTERM or SIGINT, or a fatal error.
///
/// # Errors
/// [`RunError`].
pub fn run(config: &Config) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| RunError::System(format!("no runtime: {e}")))?;
    let ended = runtime.block_on(serve(config));
    // What still runs on blocking threads (a client that closes) is not waited
    // for: drain had its deadline.
    runtime.shutdown_background();
    ended
}

async fn serve(config: &Config) -> Result<(), RunError> {
    let mut term =
        signal(SignalKind::terminate()).map_err(|e| RunError::System(format!("SIGTERM: {e}")))?;
    let mut int =
        signal(SignalKind::interrupt()).map_err(|e| RunError::System(format!("SIGINT: {e}")))?;
    let health = Arc::new(Health::default());
    let handle = metrics::install().map_err(|e| RunError::System(format!("metrics: {e}")))?;
    if let Some(address) = config.listen {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|why| RunError::Listen { address, why })?;
        info!("metrics and health on http://{address}");
        let router = http::router(health.clone(), handle);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                error!("http: {error}");
            }
        });
    }
    let mut threads = JoinSet::new();
    let mut running = Vec::new();
    for settings in &config.sinks {
        health.sink(&settings.name);
        let (name, member) = (settings.name.clone(), member());
        let refused = |error| RunError::Sink {
            name: name.clone(),
            error,
        };
        let started = match &settings.backend {
            Backend::Postgres(postgres) => {
                let sink = PostgresSink::open(postgres.clone(), &member.name).map_err(refused)?;
                let migrate = postgres.auto_migrate;
                start(
                    config,
                    settings,
                    sink,
                    member,
                    migrate,
                    &health,
                    &mut threads,
                )?
            }
            Backend::Sqlite(sqlite) => {
                let sink = SqliteSink::open(sqlite.clone()).map_err(refused)?;
                let migrate = sqlite.auto_migrate;
                start(
                    config,
                    settings,
                    sink,
                    member,
                    migrate,
                    &health,
                    &mut threads,
                )?
            }
        };
        running.push(started);
    }
    let mut ended = Ok(());
    tokio::select! {
        _ = term.recv() => info!("SIGTERM: draining"),
        _ = int.recv() => info!("SIGINT: draining"),
        first = threads.join_next() => ended = outcome(first),
    }
    health.draining();
    for sink in &running {
        sink.tell(Control::Stop);
    }
    let all = async {
        while let Some(next) = threads.join_next().await {
            let next = outcome(Some(next));
            if ended.is_ok() {
                ended = next;
            }
        }
    };
    if tokio::time::timeout(config.drain + CLOSE_TIMEOUT, all)
        .await
        .is_err()
    {
        warn!(
            "a Kafka client does not close; ending without it: the group will notice by its session timeout"
        );
    }
    info!("ended");
    ended
}

type Joined = Option<Result<Result<(), RunError>, tokio::task::JoinError>>;

fn outcome(joined: Joined) -> Result<(), RunError> {
    match joined {
        None | Some(Ok(Ok(()))) => Ok(()),
        Some(Ok(Err(error))) => {
            error!("{error}");
            Err(error)
        }
        Some(Err(panic)) => Err(RunError::System(format!("a sink's thread ended: {panic}"))),
    }
}
