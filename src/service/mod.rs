//! The service: wiring, health, drain on SIGTERM.

mod member;
mod signals;
mod sink;
mod source;

pub(crate) use member::member;
use signals::{hangup, hung_up, ignore_user_signals};
pub(crate) use sink::{Shared, start};

use crate::backends::with_backend;
use crate::config::{Config, Sink as Settings};
use crate::engine::{Control, Fatal};
use crate::error::KafkaFault;
use crate::formats::SharedRegistry;
use crate::health::{Health, REMINDER};
use crate::{http, metrics};
use plimsoll_sink_api::{Backend as _, Member, Positions, SinkError};
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
    /// A second SIGTERM or SIGINT, before the drain was done.
    #[error(
        "a second signal: the drain was cut off; batches in flight are dropped and read again by \
         the next owner, who has to wait for the session timeout"
    )]
    Cut,
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

/// Runs until SIGTERM, SIGINT or SIGHUP, or a fatal error.
///
/// # Errors
/// [`RunError`].
pub fn run(config: &Config) -> Result<(), RunError> {
    drive(config, |service| {
        for settings in &config.sinks {
            let member = member();
            with_backend!(&settings.backend, |of| {
                let sink = of.open(&member.name);
                service.add(settings, sink, member, of.auto_migrate())?;
            });
        }
        Ok(())
    })
}

/// Runs with a sink of one's own in the place of every backend of the config, for
/// measuring what the service costs without a database.
///
/// # Errors
/// [`RunError`].
pub fn run_with<S: Positions + Clone>(config: &Config, sink: S) -> Result<(), RunError> {
    drive(config, |service| {
        for settings in &config.sinks {
            service.add(settings, Ok(sink.clone()), member(), false)?;
        }
        Ok(())
    })
}

fn drive(
    config: &Config,
    sinks: impl FnOnce(&mut Service<'_>) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| RunError::System(format!("no runtime: {e}")))?;
    let ended = runtime.block_on(serve(config, sinks));
    // What still runs on blocking threads (a client that closes) is not waited
    // for: drain had its deadline.
    runtime.shutdown_background();
    ended
}

/// Sinks that run.
struct Service<'c> {
    shared: Shared<'c>,
    threads: JoinSet<Result<(), RunError>>,
    running: Vec<Running>,
}

impl Service<'_> {
    fn add<S: Positions>(
        &mut self,
        settings: &Settings,
        sink: Result<S, SinkError>,
        member: Member,
        auto_migrate: bool,
    ) -> Result<(), RunError> {
        let sink = sink.map_err(|error| RunError::Sink {
            name: settings.name.clone(),
            error,
        })?;
        self.shared.health.sink(&settings.name);
        let started = start(
            &self.shared,
            settings,
            sink,
            member,
            auto_migrate,
            &mut self.threads,
        )?;
        self.running.push(started);
        Ok(())
    }
}

async fn serve(
    config: &Config,
    sinks: impl FnOnce(&mut Service<'_>) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let mut term =
        signal(SignalKind::terminate()).map_err(|e| RunError::System(format!("SIGTERM: {e}")))?;
    let mut int =
        signal(SignalKind::interrupt()).map_err(|e| RunError::System(format!("SIGINT: {e}")))?;
    let mut hup = hangup().map_err(|e| RunError::System(format!("SIGHUP: {e}")))?;
    ignore_user_signals().map_err(|e| RunError::System(format!("SIGUSR1: {e}")))?;
    let health = Arc::new(Health::default());
    let registry = SharedRegistry::of(config);
    let handle = metrics::install().map_err(|e| RunError::System(format!("metrics: {e}")))?;
    if let Some(address) = config.listen {
        let router = http::router(health.clone(), registry.clone(), handle);
        listen(address, router).await?;
    }
    let reminding = health.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(REMINDER).await;
            reminding.remind();
        }
    });
    let mut service = Service {
        shared: Shared {
            config,
            registry,
            health: health.clone(),
        },
        threads: JoinSet::new(),
        running: Vec::new(),
    };
    sinks(&mut service)?;
    let Service {
        mut threads,
        running,
        ..
    } = service;
    let starting = config.sources.iter().map(|settings| {
        let member = member();
        source::start(config, settings, &member.name, health.clone(), &mut threads)
    });
    let sources: Vec<_> = starting.collect();
    let mut ended = Ok(());
    tokio::select! {
        _ = term.recv() => info!("SIGTERM: draining"),
        _ = int.recv() => info!("SIGINT: draining"),
        () = hung_up(&mut hup) => info!("SIGHUP: draining"),
        first = threads.join_next() => ended = outcome(first),
    }
    health.draining();
    for sink in &running {
        sink.tell(Control::Stop);
    }
    for source in &sources {
        source.stop();
    }
    let all = async {
        while let Some(next) = threads.join_next().await {
            let next = outcome(Some(next));
            if ended.is_ok() {
                ended = next;
            }
        }
    };
    tokio::select! {
        // What is done is done, whatever came with it.
        biased;
        drained = tokio::time::timeout(config.drain + CLOSE_TIMEOUT, all) => {
            if drained.is_err() {
                warn!(
                    "a Kafka client does not close; ending without it: the group will notice by its session timeout"
                );
            }
        }
        _ = term.recv() => return Err(RunError::Cut),
        _ = int.recv() => return Err(RunError::Cut),
    }
    health.farewell();
    info!("ended");
    ended
}

/// Answers as long as the process lives.
async fn listen(address: SocketAddr, router: axum::Router) -> Result<(), RunError> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|why| RunError::Listen { address, why })?;
    info!("metrics and health on http://{address}");
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            error!("http: {error}");
        }
    });
    Ok(())
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
