//! The service: wiring, health, drain on SIGTERM, another config on SIGHUP.

mod member;
mod notify;
mod reader;
mod reload;
mod signals;
mod sink;
mod source;

pub(crate) use member::member;
use reader::Reader;
use reload::Plan;
use signals::{hangup, hung_up, ignore_user_signals};
pub(crate) use sink::{Ended, Shared, start};

use crate::backends::with_backend;
use crate::config::{Config, Sink as Settings};
use crate::engine::Fatal;
use crate::error::KafkaFault;
use crate::fleet::Fleet;
use crate::formats::SharedRegistry;
use crate::health::{Health, REMINDER};
use crate::kafka::{Cluster, cluster_config};
use crate::{http, metrics};
use ::metrics::gauge;
use plimsoll_sink_api::{Backend as _, Member, SinkError};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// Closing a consumer can hang in librdkafka; the process ends after this.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the service could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The address for metrics and health is not to be had.
    #[error("{table}.listen: {address}: {why}; hint: choose a free port, or `listen = \"off\"`")]
    Listen {
        /// The table of the config.
        table: &'static str,
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
    stop: watch::Sender<bool>,
}

impl Running {
    /// Drains the sink, and leaves its group for good.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// Where a config came from, to be read again.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// The file.
    pub path: PathBuf,
    /// Whether it is looked at by itself; SIGHUP is heard anyway.
    pub watch: bool,
}

/// Runs until SIGTERM or SIGINT, or a fatal error. SIGHUP has the config read again.
///
/// # Errors
/// [`RunError`].
pub fn run(config: Config, file: ConfigFile) -> Result<(), RunError> {
    let open = |service: &mut Service, settings: &Settings| {
        let member = member();
        with_backend!(&settings.backend, |of| {
            let sink = of.open(&member.name);
            service.add(settings, sink, member, of.auto_migrate())
        })
    };
    drive(config, Some(file), &open)
}

/// Runs with a sink of one's own in the place of every backend of the config, for
/// measuring what the service costs without a database.
///
/// # Errors
/// [`RunError`].
pub fn run_with<S: plimsoll_sink_api::Shared + Clone>(
    config: Config,
    sink: S,
) -> Result<(), RunError> {
    let open = |service: &mut Service, settings: &Settings| {
        service.add(settings, Ok(sink.clone()), member(), false)
    };
    drive(config, None, &open)
}

/// Starts a sink of a config.
type Open<'o> = &'o dyn Fn(&mut Service, &Settings) -> Result<(), RunError>;

fn drive(config: Config, file: Option<ConfigFile>, open: Open<'_>) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| RunError::System(format!("no runtime: {e}")))?;
    let ended = runtime.block_on(serve(Arc::new(config), file, open));
    // What still runs on blocking threads (a client that closes) is not waited
    // for: drain had its deadline.
    runtime.shutdown_background();
    ended
}

/// Sinks that run.
struct Service {
    shared: Shared,
    /// What tells of the registry that is asked now.
    registry: watch::Sender<SharedRegistry>,
    threads: JoinSet<Ended>,
    running: BTreeMap<String, Running>,
    sources: Vec<plimsoll_source::Stop>,
    /// Sinks that drain, and whether they begin anew then.
    draining: BTreeMap<String, bool>,
}

impl Service {
    fn add<S: plimsoll_sink_api::Shared>(
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
        metrics::begin(&settings.name);
        let started = start(
            &self.shared,
            settings,
            sink,
            member,
            auto_migrate,
            &mut self.threads,
        )?;
        self.running.insert(settings.name.clone(), started);
        Ok(())
    }

    /// Starts a sink by its name in the config.
    fn open(&mut self, name: &str, open: Open<'_>) -> Result<(), RunError> {
        let config = self.shared.config.clone();
        config
            .sink(name)
            .map_or(Ok(()), |settings| open(self, settings))
    }

    /// Takes up another config: sinks that changed drain first. One that could not be
    /// started with changes nothing.
    fn take_up(&mut self, new: Arc<Config>, open: Open<'_>) -> Result<(), RunError> {
        if let Err(error) = startable(&new) {
            error!("the config was not taken up, what held before goes on: {error}");
            gauge!(metrics::RELOADED).set(0.0);
            return Ok(());
        }
        let plan = Plan::of(&self.shared.config, &new);
        if self.shared.config.registry != new.registry {
            self.shared.registry = SharedRegistry::of(&new);
            self.registry.send_replace(self.shared.registry.clone());
        }
        self.shared.config = new;
        for table in &plan.left {
            warn!("[{table}] of the config has changed, which takes another process to be applied");
        }
        let leaves = plan.removed.iter().map(|name| (name, false));
        for (name, again) in leaves.chain(plan.changed.iter().map(|name| (name, true))) {
            info!(sink = name, again, "the config has changed: draining");
            if let Some(running) = self.running.get(name) {
                running.stop();
            }
            self.draining.insert(name.clone(), again);
        }
        for name in &plan.added {
            match self.draining.get_mut(name) {
                // It was taken out a moment ago, and still drains.
                Some(again) => *again = true,
                None => self.open(name, open)?,
            }
        }
        Ok(())
    }

    /// A sink has ended: as it was asked to, or for a reason that ends the process.
    fn ended(&mut self, joined: Joined, open: Open<'_>) -> Result<(), RunError> {
        let (name, result) = match joined {
            Ok(ended) => ended,
            Err(panic) => {
                return Err(RunError::System(format!("a sink's thread ended: {panic}")));
            }
        };
        self.running.remove(&name);
        result.inspect_err(|error| error!("{error}"))?;
        match self.draining.remove(&name) {
            Some(true) => self.open(&name, open),
            Some(false) => {
                self.shared.health.forget(&name);
                self.shared.fleet.forget(&name);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Whether Kafka's client and the sinks take their settings. Nothing is connected to.
fn startable(config: &Config) -> Result<(), RunError> {
    // All sinks have the same.
    Cluster::silent(cluster_config(&config.kafka, "plimsoll-reload"))?;
    for settings in &config.sinks {
        with_backend!(&settings.backend, |of| of.open("plimsoll-reload").map(drop)).map_err(
            |error| RunError::Sink {
                name: settings.name.clone(),
                error,
            },
        )?;
    }
    Ok(())
}

/// What is heard while the service runs.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Option<Signal>,
}

impl Signals {
    fn new() -> Result<Self, RunError> {
        let failed = |name: &'static str| move |e| RunError::System(format!("{name}: {e}"));
        ignore_user_signals().map_err(failed("SIGUSR1"))?;
        Ok(Self {
            term: signal(SignalKind::terminate()).map_err(failed("SIGTERM"))?,
            int: signal(SignalKind::interrupt()).map_err(failed("SIGINT"))?,
            hup: hangup().map_err(failed("SIGHUP"))?,
        })
    }
}

async fn serve(
    config: Arc<Config>,
    file: Option<ConfigFile>,
    open: Open<'_>,
) -> Result<(), RunError> {
    let mut signals = Signals::new()?;
    let health = Arc::new(Health::default());
    let registry = SharedRegistry::of(&config);
    let (telling, told) = watch::channel(registry.clone());
    let handle = metrics::install().map_err(|e| RunError::System(format!("metrics: {e}")))?;
    let fleet = Arc::new(Fleet::new(config.listen));
    if let Some(address) = config.listen {
        let shown = (fleet.clone(), config.hosts.clone());
        let router = http::router(health.clone(), told, handle, shown);
        listen("http", address, router).await?;
        info!("metrics and health on http://{address}");
    }
    if let Some(admin) = &config.admin {
        let access = admin.access.clone();
        let router = http::admin_router(fleet.clone(), config.hosts.clone(), access);
        listen("admin", admin.listen, router).await?;
        info!(
            "what is wanted of sinks is heard on http://{}",
            admin.listen
        );
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
            config: config.clone(),
            registry,
            health: health.clone(),
            fleet,
        },
        registry: telling,
        threads: JoinSet::new(),
        running: BTreeMap::new(),
        sources: Vec::new(),
        draining: BTreeMap::new(),
    };
    for settings in &config.sinks {
        open(&mut service, settings)?;
    }
    for settings in &config.sources {
        let (member, health) = (member(), health.clone());
        let threads = &mut service.threads;
        let source = source::start(&config, settings, &member.name, health, threads);
        service.sources.push(source);
    }
    notify::ready();
    notify::watchdog(health.clone());
    let ended = until_told_to_end(&mut service, &mut signals, file, open).await;
    drain(service, signals, ended).await
}

/// Runs sinks, and takes up what changes in the config.
async fn until_told_to_end(
    service: &mut Service,
    signals: &mut Signals,
    file: Option<ConfigFile>,
    open: Open<'_>,
) -> Result<(), RunError> {
    let mut reader = Reader::new(file);
    loop {
        let asked = tokio::select! {
            _ = signals.term.recv() => {
                info!("SIGTERM: draining");
                return Ok(());
            }
            _ = signals.int.recv() => {
                info!("SIGINT: draining");
                return Ok(());
            }
            () = hung_up(&mut signals.hup) => true,
            () = reader.tick() => false,
            Some(joined) = service.threads.join_next() => {
                service.ended(joined, open)?;
                continue;
            }
        };
        if let Some(new) = reader.read(&service.shared.config, asked).await {
            service.take_up(Arc::new(new), open)?;
        }
    }
}

/// Lets all sinks finish what is in flight.
async fn drain(
    mut service: Service,
    mut signals: Signals,
    mut ended: Result<(), RunError>,
) -> Result<(), RunError> {
    let health = service.shared.health.clone();
    notify::stopping();
    health.draining();
    for sink in service.running.values() {
        sink.stop();
    }
    for source in &service.sources {
        source.stop();
    }
    let patience = service.shared.config.drain + CLOSE_TIMEOUT;
    let all = async {
        while let Some(next) = service.threads.join_next().await {
            let next = outcome(next);
            if ended.is_ok() {
                ended = next;
            }
        }
    };
    tokio::select! {
        // What is done is done, whatever came with it.
        biased;
        drained = tokio::time::timeout(patience, all) => {
            if drained.is_err() {
                warn!(
                    "a Kafka client does not close; ending without it: the group will notice by its session timeout"
                );
            }
        }
        _ = signals.term.recv() => return Err(RunError::Cut),
        _ = signals.int.recv() => return Err(RunError::Cut),
    }
    health.farewell();
    info!("ended");
    ended
}

/// Answers as long as the process lives.
async fn listen(
    table: &'static str,
    address: SocketAddr,
    router: axum::Router,
) -> Result<(), RunError> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|why| RunError::Listen {
            table,
            address,
            why,
        })?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            error!("http: {error}");
        }
    });
    Ok(())
}

type Joined = Result<Ended, tokio::task::JoinError>;

fn outcome(joined: Joined) -> Result<(), RunError> {
    match joined {
        Ok((_, ended)) => ended.inspect_err(|error| error!("{error}")),
        Err(panic) => Err(RunError::System(format!("a sink's thread ended: {panic}"))),
    }
}
