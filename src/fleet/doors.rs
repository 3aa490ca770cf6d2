//! The way from this process to what all instances of its sinks share.

use super::status::SinkStatus;
use crate::admin::{AdminError, FRESH, Target, must_read, resolve};
use crate::config::Sink as Settings;
use crate::kafka::Cluster;
use plimsoll_protocol::{Position, TopicPartition};
use plimsoll_sink_api::{
    Identity, NewCommand, PositionChange, SetOutcome, Shared, SinkError, Wanted,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// An answer is told again for so long, so that a page that is open in ten browsers asks the
/// database no more often than one.
const KEPT: Duration = Duration::from_secs(1);
/// Commands that are shown.
const EVENTS: i64 = 50;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, SinkError>> + Send + 'a>>;

/// What is asked of a sink's database, whichever it is.
trait Door: Send + Sync {
    fn status(&self) -> Answer<'_, SinkStatus>;
    fn command(&self, command: NewCommand) -> Answer<'_, Wanted>;
    fn set_position(&self, change: PositionChange) -> Answer<'_, SetOutcome>;
}

/// Why positions were not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSet {
    /// What was asked cannot be.
    Refused(String),
    /// Kafka or the database did not answer.
    Unreachable(String),
}

impl From<AdminError> for NotSet {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Refused(why) => Self::Refused(why),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

struct SinkDoor<S> {
    name: String,
    sink: Arc<S>,
}

impl<S: Shared> Door for SinkDoor<S> {
    fn status(&self) -> Answer<'_, SinkStatus> {
        Box::pin(status_of(&self.name, &*self.sink))
    }

    fn command(&self, command: NewCommand) -> Answer<'_, Wanted> {
        Box::pin(async move { self.sink.command(&command).await })
    }

    fn set_position(&self, change: PositionChange) -> Answer<'_, SetOutcome> {
        Box::pin(async move { self.sink.set_position(&change).await })
    }
}

/// A sink as a whole, asked of its database.
///
/// # Errors
/// It did not answer, or refuses.
pub async fn status_of<S: Shared>(name: &str, sink: &S) -> Result<SinkStatus, SinkError> {
    let wanted = sink.wanted().await?;
    let reports = sink.reports().await?;
    let positions = sink.positions().await?;
    let commands = sink.commands((wanted.seq - EVENTS).max(0)).await?;
    Ok(SinkStatus::of(
        name, wanted, &reports, &positions, &commands,
    ))
}

/// One sink of this process.
pub struct OfSink {
    /// Its settings.
    pub settings: Settings,
    door: Box<dyn Door>,
    cluster: Arc<Cluster>,
    /// Its heartbeat listens at once.
    nudge: Arc<Notify>,
    kept: tokio::sync::Mutex<Option<(Instant, Arc<SinkStatus>)>>,
}

impl OfSink {
    /// How it stands, as of a second ago at most.
    ///
    /// # Errors
    /// Its database did not answer, or refuses.
    pub async fn status(&self) -> Result<Arc<SinkStatus>, SinkError> {
        let mut kept = self.kept.lock().await;
        if let Some((at, status)) = &*kept
            && at.elapsed() < KEPT
        {
            return Ok(status.clone());
        }
        let status = Arc::new(self.door.status().await?);
        *kept = Some((Instant::now(), status.clone()));
        Ok(status)
    }

    /// Gives a command to all instances. This one hears it at once.
    ///
    /// # Errors
    /// As [`OfSink::status`].
    pub async fn command(&self, command: NewCommand) -> Result<Wanted, SinkError> {
        let wanted = self.door.command(command).await?;
        *self.kept.lock().await = None;
        self.nudge.notify_one();
        Ok(wanted)
    }

    /// Puts positions elsewhere, of partitions that nobody holds. All are judged before the
    /// first is set.
    ///
    /// # Errors
    /// A topic that the sink does not read, an offset that the log does not have, a living
    /// owner; Kafka or the database did not answer.
    pub async fn set_positions(&self, all: Vec<(TopicPartition, Position)>) -> Result<(), NotSet> {
        let (cluster, settings) = (self.cluster.clone(), self.settings.clone());
        let judged = tokio::task::spawn_blocking(move || judge(&cluster, &settings, all)).await;
        let changes = judged.unwrap_or_else(|e| Err(NotSet::Unreachable(e.to_string())))?;
        *self.kept.lock().await = None;
        for change in changes {
            let tp = change.tp.clone();
            match self.door.set_position(change).await {
                Ok(SetOutcome::Set { .. }) => {}
                Ok(SetOutcome::OwnerAlive { owner, .. }) => {
                    return Err(NotSet::Refused(format!("{tp} is held by {owner}")));
                }
                Err(error) => return Err(NotSet::Unreachable(error.to_string())),
            }
        }
        Ok(())
    }
}

/// The changes that are meant; asks Kafka.
fn judge(
    cluster: &Cluster,
    settings: &Settings,
    all: Vec<(TopicPartition, Position)>,
) -> Result<Vec<PositionChange>, NotSet> {
    let cluster_id = cluster.id().map_err(AdminError::from)?;
    let change = |(tp, to): (TopicPartition, Position)| {
        must_read(settings, &tp.topic)?;
        let resolved = resolve(cluster, &tp, Target::Offset(to))?;
        Ok(PositionChange {
            tp,
            to: Some(resolved.to),
            identity: Identity {
                group_id: settings.group_id.clone(),
                cluster_id: cluster_id.clone(),
            },
            take_over: false,
            topic_id: None,
            high_watermark: resolved.end,
            force: false,
            fresh: FRESH,
        })
    };
    all.into_iter().map(change).collect()
}

/// All sinks of this process.
#[derive(Default)]
pub struct Fleet {
    address: String,
    cluster_id: OnceLock<String>,
    sinks: Mutex<BTreeMap<String, Arc<OfSink>>>,
}

impl Fleet {
    /// Of a process that answers there.
    #[must_use]
    pub fn new(listen: Option<SocketAddr>) -> Self {
        Self {
            address: listen.map(reachable).unwrap_or_default(),
            cluster_id: OnceLock::new(),
            sinks: Mutex::default(),
        }
    }

    /// Where this process answers, `host:port`; empty: nowhere.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Kafka's name of its cluster, once that is known; all sinks read the same one.
    #[must_use]
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.get().map(String::as_str)
    }

    /// Kafka has told it.
    pub fn cluster_is(&self, id: &str) {
        let _ = self.cluster_id.set(id.to_owned());
    }

    /// Makes a sink known. Whoever waits for what is returned hears when there is
    /// something to hear.
    pub fn add<S: Shared>(
        &self,
        settings: &Settings,
        sink: Arc<S>,
        cluster: Arc<Cluster>,
    ) -> Arc<Notify> {
        let nudge = Arc::new(Notify::new());
        let name = settings.name.clone();
        let door = Box::new(SinkDoor {
            name: name.clone(),
            sink,
        });
        let of_sink = OfSink {
            settings: settings.clone(),
            door,
            cluster,
            nudge: nudge.clone(),
            kept: tokio::sync::Mutex::default(),
        };
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.insert(name, Arc::new(of_sink));
        nudge
    }

    /// A sink is not in the config any more.
    pub fn forget(&self, name: &str) {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.remove(name);
    }

    /// Their names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.keys().cloned().collect()
    }

    /// One of them.
    #[must_use]
    pub fn sink(&self, name: &str) -> Option<Arc<OfSink>> {
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.get(name).cloned()
    }
}

/// An address that others can use, where the process listens on all of them or on
/// loopback: then its machine's name says more.
fn reachable(listen: SocketAddr) -> String {
    let ip = listen.ip();
    if !ip.is_unspecified() && !ip.is_loopback() {
        return listen.to_string();
    }
    let system = rustix::system::uname();
    format!("{}:{}", system.nodename().to_string_lossy(), listen.port())
}
