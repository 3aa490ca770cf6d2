//! One sink: its tasks and its thread.

use super::{RunError, Running};
use crate::config::{Config, Sink as Settings, Topics};
use crate::engine::{
    BURST, Backoff, ClaimRequest, Commits, Control, GATHER, Lane, Limits, Members, Poll, Setup,
    Standing, claim_loop, client_id, heartbeat, watch_lag, watch_locks, watch_members,
};
use crate::error::KafkaFault;
use crate::formats::{SharedRegistry, formats};
use crate::health::{Asking, Health};
use crate::kafka::{Cluster, Hearing, Looks, MemoryShare, cluster_config, consumer_config, looks};
use crate::route::Router;
use plimsoll_protocol::{Question, Then, then};
use plimsoll_record::{Budget, Formats};
use plimsoll_sink_api::{Identity, Member, Positions};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tracing::{error, info};

/// What an operator has to mend is tried again this often.
const REFUSED_RETRY: Duration = Duration::from_secs(60);

/// What all sinks of a process share.
pub(crate) struct Shared<'c> {
    pub(crate) config: &'c Config,
    pub(crate) registry: SharedRegistry,
    pub(crate) health: Arc<Health>,
}

/// Starts a sink. It joins its group once the database and Kafka answer.
pub(crate) fn start<S: Positions>(
    shared: &Shared<'_>,
    settings: &Settings,
    sink: S,
    member: Member,
    auto_migrate: bool,
    threads: &mut JoinSet<Result<(), RunError>>,
) -> Result<Running, RunError> {
    let Shared {
        config,
        registry,
        health,
    } = shared;
    let name = settings.name.clone();
    let client_id = client_id(&name, &member.name);
    let cluster = Arc::new(Cluster::new(
        cluster_config(&config.kafka, &client_id),
        &name,
    )?);
    let (control, controls) = channel();
    let share = MemoryShare::of(config.memory_limit, config.sinks.len());
    let start = Starting {
        client: consumer_config(&config.kafka, &settings.group_id, &client_id, share),
        client_id,
        settings: settings.clone(),
        formats: formats(settings, registry),
        sink: Arc::new(sink),
        member,
        auto_migrate,
        health: health.clone(),
        cluster,
        control: control.clone(),
        own_bytes: share.own,
        drain: config.drain,
    };
    threads.spawn(start.run(controls));
    Ok(Running { name, control })
}

struct Starting<S: Positions> {
    client: rdkafka::ClientConfig,
    client_id: String,
    settings: Settings,
    formats: Formats,
    sink: Arc<S>,
    member: Member,
    auto_migrate: bool,
    health: Arc<Health>,
    cluster: Arc<Cluster>,
    control: std::sync::mpsc::Sender<Control>,
    own_bytes: usize,
    drain: Duration,
}

impl<S: Positions> Starting<S> {
    async fn run(self, controls: Receiver<Control>) -> Result<(), RunError> {
        // Whoever stops the service before it has started finds Stop waiting in
        // `controls`, which only the poll thread reads; so look there too.
        let Some((controls, cluster_id)) = self.prepare(controls).await else {
            return Ok(());
        };
        let (looks, looking) = looks(self.cluster.clone());
        let lane = Arc::new(self.lane(cluster_id, looks));
        let (claims, requests) = unbounded_channel();
        let standing = Standing::default();
        let heard = Arc::new(Hearing::default());
        let mut tasks = self.tasks(&lane, &standing, &heard, requests);
        tasks.spawn(looking);
        let setup = Setup {
            client: self.client,
            subscription: match &self.settings.topics {
                Topics::Named(topics) => topics.clone(),
                Topics::Pattern(pattern) => vec![pattern.clone()],
            },
            lane,
            limits: self.settings.batch,
            budget: Budget::new(self.own_bytes),
            claims,
            controls,
            runtime: tokio::runtime::Handle::current(),
            standing,
            drain: self.drain,
            heard,
        };
        let polled = tokio::task::spawn_blocking(move || {
            let poll = Poll::new(setup).map_err(KafkaFault::from)?;
            poll.run().map_err(RunError::from)
        })
        .await
        .unwrap_or_else(|e| Err(RunError::System(format!("the poll thread ended: {e}"))));
        // Claims, lags and heartbeats end with the poll thread.
        tasks.shutdown().await;
        polled
    }

    fn lane(&self, cluster_id: String, looks: Looks) -> Lane<S> {
        Lane {
            name: self.settings.name.clone(),
            sink: self.sink.clone(),
            router: Router::new(self.sink.clone()),
            commits: self.commits(),
            member: self.member.clone(),
            identity: Identity {
                group_id: self.settings.group_id.clone(),
                cluster_id,
            },
            on_bad_record: self.settings.on_bad_record,
            formats: self.formats.clone(),
            tables: self.settings.backend.rules().into_iter().cloned().collect(),
            max_rows: self.settings.batch.max_records,
            looks,
            health: self.health.clone(),
            control: self.control.clone(),
        }
    }

    /// A commit holds no more than one batch may.
    fn commits(&self) -> Arc<Commits<S>> {
        let batch = self.settings.batch;
        let grouping = self.sink.grouping();
        let limits = Limits {
            batches: grouping.batches,
            records: batch.max_records,
            bytes: batch.max_bytes,
            commits: grouping.commits,
            gather: GATHER.min(batch.linger),
            burst: BURST,
        };
        Commits::new(&self.settings.name, self.sink.clone(), limits)
    }

    /// Starts what goes on beside the poll thread.
    fn tasks(
        &self,
        lane: &Arc<Lane<S>>,
        standing: &Standing,
        heard: &Arc<Hearing>,
        requests: UnboundedReceiver<ClaimRequest>,
    ) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(claim_loop(
            lane.clone(),
            self.cluster.clone(),
            self.settings.start.clone(),
            self.settings.topics.clone(),
            requests,
        ));
        tasks.spawn(watch_lag(
            self.settings.name.clone(),
            lane.identity.clone(),
            self.cluster.clone(),
            self.settings.topics.clone(),
            standing.clone(),
            self.health.clone(),
            self.control.clone(),
        ));
        tasks.spawn(heartbeat(lane.clone(), standing.clone()));
        tasks.spawn(watch_locks(lane.clone()));
        tasks.spawn(watch_members(Members {
            sink: self.settings.name.clone(),
            group_id: self.settings.group_id.clone(),
            client_id: self.client_id.clone(),
            topics: self.settings.topics.clone(),
            cluster: self.cluster.clone(),
            health: self.health.clone(),
            heard: heard.clone(),
        }));
        tasks
    }

    /// Waits for the database and Kafka, as long as it takes. `None`: told to
    /// stop meanwhile.
    async fn prepare(&self, controls: Receiver<Control>) -> Option<(Receiver<Control>, String)> {
        let mut backoff = Backoff::default();
        loop {
            if matches!(controls.try_recv(), Ok(Control::Stop)) {
                return None;
            }
            let wait = match self.reach().await {
                Ok(cluster_id) => {
                    self.health.back(&self.settings.name);
                    return Some((controls, cluster_id));
                }
                Err(Some(wait)) => wait,
                Err(None) => backoff.next_wait(),
            };
            // Slices, so that a stop is heard in time.
            let until = tokio::time::Instant::now() + wait;
            while tokio::time::Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(100).min(wait)).await;
                if matches!(controls.try_recv(), Ok(Control::Stop)) {
                    return None;
                }
            }
        }
    }

    /// Migrates, and asks for the cluster's id. `Err(Some)`: somebody has to
    /// mend something; `Err(None)`: away, ask again soon.
    async fn reach(&self) -> Result<String, Option<Duration>> {
        let name = &self.settings.name;
        if self.auto_migrate
            && let Err(error) = self.sink.migrate().await
        {
            self.health.database(name, None, &error);
            return match then(Question::Migration, error.class) {
                Then::AskAgain => Err(None),
                Then::Halt | Then::LookAgain | Then::Settle | Then::Restart | Then::Refused => {
                    error!(
                        sink = name,
                        "not migrated: {error}; tried again in {} s",
                        REFUSED_RETRY.as_secs()
                    );
                    Err(Some(REFUSED_RETRY))
                }
            };
        }
        let cluster = self.cluster.clone();
        match tokio::task::spawn_blocking(move || cluster.id()).await {
            Ok(Ok(id)) => {
                self.health.kafka_back(name, &Asking::Start);
                info!(
                    sink = name,
                    cluster = id,
                    group = self.settings.group_id,
                    "starting"
                );
                Ok(id)
            }
            Ok(Err(fault)) => {
                self.health.kafka_away(name, Asking::Start, &fault);
                Err(None)
            }
            Err(_) => Err(None),
        }
    }
}
