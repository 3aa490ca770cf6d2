//! One sink: its tasks and its thread.

use super::{RunError, Running};
use crate::config::{Config, Sink as Settings, Topics};
use crate::engine::{
    BURST, Backoff, ClaimRequest, Commits, Control, GATHER, Lane, Limits, Members, Orders, Poll,
    Setup, Speaker, Standing, claim_loop, client_id, heartbeat, watch_lag, watch_locks,
    watch_members,
};
use crate::error::KafkaFault;
use crate::fleet::Fleet;
use crate::formats::{SharedRegistry, formats};
use crate::health::{Asking, Health};
use crate::kafka::{Cluster, Hearing, Looks, MemoryShare, cluster_config, consumer_config, looks};
use crate::route::Router;
use plimsoll_protocol::{Claim, Epoch, Question, Then, then};
use plimsoll_record::{Budget, Formats};
use plimsoll_sink_api::{Identity, Member, SinkError, SinkState, Wanted};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, error, info};

/// What an operator has to mend is tried again this often.
const REFUSED_RETRY: Duration = Duration::from_secs(60);

/// Between two looks whether a stopped sink is wanted again.
const STOPPED_LOOK: Duration = Duration::from_secs(3);
/// A process that ends says so within this time; else its silence does.
const FAREWELL: Duration = Duration::from_secs(2);

/// What all sinks of a process share.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) registry: SharedRegistry,
    pub(crate) health: Arc<Health>,
    pub(crate) fleet: Arc<Fleet>,
}

/// A sink that has ended, and how.
pub(crate) type Ended = (String, Result<(), RunError>);

/// Starts a sink. It joins its group once the database and Kafka answer.
pub(crate) fn start<S: plimsoll_sink_api::Shared>(
    shared: &Shared,
    settings: &Settings,
    sink: S,
    member: Member,
    auto_migrate: bool,
    threads: &mut JoinSet<Ended>,
) -> Result<Running, RunError> {
    let Shared {
        config,
        registry,
        health,
        fleet,
    } = shared;
    let name = settings.name.clone();
    let client_id = client_id(&name, &member.name);
    let cluster = Arc::new(Cluster::new(
        cluster_config(&config.kafka, &client_id),
        &name,
    )?);
    let (stop, stopping) = watch::channel(false);
    let share = MemoryShare::of(config.memory_limit, config.sinks.len());
    let sink = Arc::new(sink);
    let speaker = Speaker {
        address: fleet.address().to_owned(),
        nudge: fleet.add(settings, sink.clone(), cluster.clone()),
    };
    let start = Starting {
        client: consumer_config(&config.kafka, &settings.group_id, &client_id, share),
        client_id,
        settings: settings.clone(),
        formats: formats(settings, registry),
        sink,
        member,
        auto_migrate,
        health: health.clone(),
        cluster,
        fleet: fleet.clone(),
        speaker,
        own_bytes: share.own,
        drain: config.drain,
    };
    threads.spawn(start.run(stopping));
    Ok(Running { stop })
}

struct Starting<S: plimsoll_sink_api::Shared> {
    client: rdkafka::ClientConfig,
    client_id: String,
    settings: Settings,
    formats: Formats,
    sink: Arc<S>,
    member: Member,
    auto_migrate: bool,
    health: Arc<Health>,
    cluster: Arc<Cluster>,
    fleet: Arc<Fleet>,
    speaker: Speaker,
    own_bytes: usize,
    drain: Duration,
}

impl<S: plimsoll_sink_api::Shared> Starting<S> {
    async fn run(self, mut stopping: watch::Receiver<bool>) -> Ended {
        let ended = self.lives(&mut stopping).await;
        let farewell = self.sink.farewell(&self.member);
        if let Ok(Err(error)) = tokio::time::timeout(FAREWELL, farewell).await {
            debug!(sink = self.settings.name, "no farewell: {error}");
        }
        (self.settings.name, ended)
    }

    /// A life in the group after the other, as operators stop the sink and resume it.
    async fn lives(&self, stopping: &mut watch::Receiver<bool>) -> Result<(), RunError> {
        while let Some((cluster_id, wanted)) = self.prepare(stopping).await {
            self.health.wanted(&self.settings.name, wanted.state);
            match wanted.state {
                SinkState::Stopped => self.stand_still(wanted, stopping).await,
                SinkState::Running | SinkState::Paused => {
                    self.life(cluster_id, wanted, stopping.clone()).await?;
                }
            }
            if *stopping.borrow() {
                break;
            }
        }
        Ok(())
    }

    /// Says that it is stopped, until that is over or the process ends.
    async fn stand_still(&self, mut wanted: Wanted, stopping: &mut watch::Receiver<bool>) {
        let name = &self.settings.name;
        info!(
            sink = name,
            "stopped by a command; plimsoll resume --sink {name} starts it"
        );
        // It is as ready as it can be.
        self.health.claimed(name);
        let mut released = false;
        while wanted.state == SinkState::Stopped && !*stopping.borrow() {
            let looked = async {
                if !released {
                    self.release_all().await?;
                }
                let report = self.speaker.report(wanted.seq, wanted.state);
                let text = serde_json::to_string(&report).unwrap_or_default();
                self.sink.report(&self.member, &text).await
            };
            match looked.await {
                Ok(now) if now == wanted => {
                    released = true;
                    self.health.back(name);
                    tokio::select! {
                        () = tokio::time::sleep(STOPPED_LOOK) => {}
                        () = self.speaker.nudged() => {}
                        _ = stopping.changed() => {}
                    }
                }
                // At once: who gave the command waits for the answer.
                Ok(now) => wanted = now,
                Err(error) => {
                    self.health.database(name, None, &error);
                    pause(STOPPED_LOOK, stopping).await;
                }
            }
        }
    }

    /// Gives back what a life has left claimed that ended while it began anew: a stopped sink
    /// owns nothing.
    async fn release_all(&self) -> Result<(), SinkError> {
        for row in self.sink.positions().await? {
            if row.owner.as_ref() == Some(&self.member.name) {
                let claim = Claim {
                    epoch: Epoch(row.epoch),
                    owner: self.member.owner,
                };
                self.sink.release(&row.tp, claim).await?;
            }
        }
        Ok(())
    }

    /// From joining the group to leaving it.
    async fn life(
        &self,
        cluster_id: String,
        wanted: Wanted,
        stopping: watch::Receiver<bool>,
    ) -> Result<(), RunError> {
        let (control, controls) = channel();
        let (looks, looking) = looks(self.cluster.clone());
        let lane = Arc::new(self.lane(cluster_id, looks, control.clone()));
        let (claims, requests) = unbounded_channel();
        let standing = Standing::default();
        let heard = Arc::new(Hearing::default());
        let mut tasks = self.tasks(&lane, &standing, &heard, requests);
        tasks.spawn(looking);
        let orders = Orders::new(wanted);
        // The first report comes at once.
        self.speaker.nudge.notify_one();
        tasks.spawn(heartbeat(
            lane.clone(),
            standing.clone(),
            self.speaker.clone(),
            orders,
        ));
        tasks.spawn(pass_on_stop(stopping, control));
        let setup = Setup {
            client: self.client.clone(),
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
            held: wanted.state == SinkState::Paused,
        };
        let polled = tokio::task::spawn_blocking(move || {
            let poll = Poll::new(setup).map_err(KafkaFault::from)?;
            poll.run().map_err(RunError::from)
        })
        .await
        .unwrap_or_else(|e| Err(RunError::System(format!("the poll thread ended: {e}"))));
        // Claims, lags and heartbeats end with the poll thread.
        tasks.shutdown().await;
        self.health.left(&self.settings.name);
        polled
    }

    fn lane(&self, cluster_id: String, looks: Looks, control: Sender<Control>) -> Lane<S> {
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
            control,
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
            lane.control.clone(),
        ));
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

    /// Waits for the database and Kafka, as long as it takes. `None`: told to stop
    /// meanwhile.
    async fn prepare(&self, stopping: &mut watch::Receiver<bool>) -> Option<(String, Wanted)> {
        let mut backoff = Backoff::default();
        while !*stopping.borrow() {
            let wait = match self.reach().await {
                Ok(reached) => {
                    self.health.back(&self.settings.name);
                    return Some(reached);
                }
                Err(Some(wait)) => wait,
                Err(None) => backoff.next_wait(),
            };
            pause(wait, stopping).await;
        }
        None
    }

    /// Migrates, and asks for the cluster's id. `Err(Some)`: somebody has to
    /// mend something; `Err(None)`: away, ask again soon.
    async fn reach(&self) -> Result<(String, Wanted), Option<Duration>> {
        let name = &self.settings.name;
        if self.auto_migrate
            && let Err(error) = self.sink.migrate().await
        {
            return Err(self.refused("not migrated", &error));
        }
        let wanted = self.sink.wanted().await;
        let wanted = wanted.map_err(|error| self.refused("not started", &error))?;
        let cluster = self.cluster.clone();
        match tokio::task::spawn_blocking(move || cluster.id()).await {
            Ok(Ok(id)) => {
                self.health.kafka_back(name, &Asking::Start);
                self.fleet.cluster_is(&id);
                info!(
                    sink = name,
                    cluster = id,
                    group = self.settings.group_id,
                    "starting"
                );
                Ok((id, wanted))
            }
            Ok(Err(fault)) => {
                self.health.kafka_away(name, Asking::Start, &fault);
                Err(None)
            }
            Err(_) => Err(None),
        }
    }

    /// The database refuses, or is away: how long to wait.
    fn refused(&self, what: &str, error: &SinkError) -> Option<Duration> {
        let name = &self.settings.name;
        self.health.database(name, None, error);
        match then(Question::Migration, error.class) {
            Then::AskAgain => None,
            Then::Halt | Then::LookAgain | Then::Settle | Then::Restart | Then::Refused => {
                error!(
                    sink = name,
                    "{what}: {error}; tried again in {} s",
                    REFUSED_RETRY.as_secs()
                );
                Some(REFUSED_RETRY)
            }
        }
    }
}

/// Waits, but not for a process that is to end.
async fn pause(wait: Duration, stopping: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

/// A process that is to end tells the poll thread.
async fn pass_on_stop(mut stopping: watch::Receiver<bool>, control: Sender<Control>) {
    if stopping.wait_for(|stopping| *stopping).await.is_ok() {
        // It is gone already where that fails.
        let _ = control.send(Control::Stop);
    }
}
