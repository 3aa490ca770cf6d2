//! What operators want of a sink, heard with each heartbeat, and what this instance says
//! of itself in return.

use super::control::Control;
use super::lane::Lane;
use crate::fleet::{MemberReport, Part};
use plimsoll_sink_api::{NewCommand, Shared, Sink, SinkError, SinkState, Verb, Wanted};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tracing::info;

/// The poll thread answers within a tick. One that takes longer waits for a partition to
/// have room, and is asked again with the next heartbeat.
const ANSWER: Duration = Duration::from_secs(1);

/// What one instance says of itself.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// Where it answers, `host:port`; empty: nowhere.
    pub address: String,
    /// Somebody knows that there is something to hear.
    pub nudge: Arc<Notify>,
}

impl Speaker {
    /// Waits until somebody knows more.
    pub async fn nudged(&self) {
        self.nudge.notified().await;
    }

    /// What it says beside its partitions.
    #[must_use]
    pub fn report(&self, heard: i64, state: SinkState) -> MemberReport {
        MemberReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: self.address.clone(),
            heard,
            state: state.as_str().to_owned(),
            ..MemberReport::default()
        }
    }

    /// Says it, and hears what is wanted.
    pub(super) async fn speak<S: Shared>(
        &self,
        lane: &Lane<S>,
        orders: &mut Orders,
    ) -> Result<Wanted, SinkError> {
        if let Some(parts) = parts(lane).await {
            orders.parts = parts;
        }
        let mut report = self.report(orders.heard.seq, orders.heard.state);
        if let Some(health) = lane.health.report_of(&lane.name) {
            report = report.of(orders.parts.clone(), &health);
        }
        // Texts and numbers are always JSON.
        let text = serde_json::to_string(&report).unwrap_or_default();
        lane.sink.report(&lane.member, &text).await
    }
}

/// `None`: the poll thread is busy.
async fn parts<S: Sink>(lane: &Lane<S>) -> Option<Vec<Part>> {
    let (answer, answered) = oneshot::channel();
    lane.tell(Control::Tell(answer));
    match tokio::time::timeout(ANSWER, answered).await {
        Ok(Ok(parts)) => Some(parts),
        Ok(Err(_)) | Err(_) => None,
    }
}

/// What was heard so far.
#[derive(Debug)]
pub struct Orders {
    heard: Wanted,
    /// As the poll thread told last.
    parts: Vec<Part>,
}

/// Whether anything was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing that was not known.
    Nothing,
    /// A command.
    New,
}

impl Orders {
    /// This was heard when the sink's life began.
    #[must_use]
    pub fn new(heard: Wanted) -> Self {
        Self {
            heard,
            parts: Vec::new(),
        }
    }

    /// Does what is new of it.
    pub(super) async fn hear<S: Shared>(
        &mut self,
        lane: &Lane<S>,
        wanted: Wanted,
    ) -> Result<Heard, SinkError> {
        if wanted == self.heard {
            return Ok(Heard::Nothing);
        }
        // A smaller number is of a database that was set back: what it says is wanted.
        if wanted.seq > self.heard.seq {
            for given in lane.sink.commands(self.heard.seq).await? {
                let NewCommand { verb, tp, by } = &given.command;
                info!(
                    sink = lane.name,
                    command = verb.as_str(),
                    by,
                    topic = tp.as_ref().map(|tp| tp.topic.to_string()),
                    partition = tp.as_ref().map(|tp| tp.partition),
                    "heard"
                );
                obey(lane, &given.command);
            }
        }
        if wanted.state != self.heard.state {
            lane.health.wanted(&lane.name, wanted.state);
            lane.tell(match wanted.state {
                SinkState::Running => Control::Hold(false),
                SinkState::Paused => Control::Hold(true),
                SinkState::Stopped => Control::Stop,
            });
        }
        self.heard = wanted;
        Ok(Heard::New)
    }
}

/// What happens once. States are obeyed by what stands last.
fn obey<S: Sink>(lane: &Lane<S>, command: &NewCommand) {
    match command.verb {
        Verb::Resume | Verb::Pause | Verb::Stop => {}
        Verb::Restart => lane.tell(Control::BeginAnew {
            tp: command.tp.clone(),
        }),
        Verb::Retry => {
            let meant = |tp: &_| command.tp.as_ref().is_none_or(|only| only == tp);
            let halted = lane.health.halted(&lane.name).into_iter();
            for tp in halted.filter(meant) {
                lane.tell(Control::Retry { tp });
            }
        }
    }
}
