//! Claim: from an assignment to a position, which is recovered from the sink and never
//! from Kafka's committed offsets.
//!
//! Claims what Kafka assigned, in the background, with backoff, as long as the
//! assignment lives. The poll thread goes on meanwhile, and the member stays in
//! the group.

mod look;
mod starts;

use self::starts::look_up;
use super::backoff::Backoff;
use super::control::{Control, HALT_RETRY};
use super::lane::{Lane, note_claim};
use super::request::ClaimRequest;
use crate::config::{Start, Topics};
use crate::error::KafkaFault;
use crate::health::{Asking, Halt, Until};
use crate::kafka::Cluster;
use plimsoll_protocol::{
    Assignment, Beginning, Kept, KnownTopics, Question, Then, TopicPartition, beginning, then,
};
use plimsoll_sink_api::{Claimed, Settled, Sink, SinkError};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{info, warn};

/// Logs of so many partitions are looked at together at most: few requests, and
/// a first partition of thousands begins within a second or so.
const TOGETHER: usize = 256;

struct Waiting {
    request: ClaimRequest,
    at: Instant,
    backoff: Backoff,
    /// How often in a row the last record applied could not be read.
    unread: u32,
}

impl Waiting {
    fn new(request: ClaimRequest) -> Self {
        Self {
            request,
            at: Instant::now(),
            backoff: Backoff::default(),
            unread: 0,
        }
    }
}

enum Failure {
    Sink(SinkError),
    Kafka(KafkaFault),
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl From<KafkaFault> for Failure {
    fn from(error: KafkaFault) -> Self {
        Self::Kafka(error)
    }
}

/// What claims need beside the lane.
struct Claims<S: Sink> {
    lane: Arc<Lane<S>>,
    cluster: Arc<Cluster>,
    start: Start,
    topics: Topics,
    /// Partitions known to have a position row; rows are never removed while
    /// the service runs but by an operator, which a claim notices.
    settled: HashSet<TopicPartition>,
}

/// Serves requests until the poll thread is gone.
pub async fn claim_loop<S: Sink>(
    lane: Arc<Lane<S>>,
    cluster: Arc<Cluster>,
    start: Start,
    topics: Topics,
    mut requests: UnboundedReceiver<ClaimRequest>,
) {
    let mut claims = Claims {
        lane,
        cluster,
        start,
        topics,
        settled: HashSet::new(),
    };
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    loop {
        let next = waiting.iter().map(|w| w.at).min();
        let due = async {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => waiting.push_back(Waiting::new(request)),
                None => return,
            },
            () = due => {}
        }
        while let Ok(request) = requests.try_recv() {
            waiting.push_back(Waiting::new(request));
        }
        waiting.retain(|w| w.request.leased.now() == Assignment::Live);
        if waiting.is_empty() {
            // Nobody asks any more: what was not answered is no trouble.
            claims
                .lane
                .health
                .kafka_back(&claims.lane.name, &Asking::Claims);
        }
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut waiting)
            .into_iter()
            .partition(|w: &Waiting| w.at <= now);
        waiting = later;
        waiting.extend(claims.serve(due).await);
    }
}

impl<S: Sink> Claims<S> {
    /// Claims what is due, then looks at the logs of all of it at once; gives
    /// back what is to be tried again.
    async fn serve(&mut self, due: VecDeque<Waiting>) -> Vec<Waiting> {
        let (mut again, mut held) = (Vec::new(), Vec::new());
        for mut one in due {
            if one.request.leased.now() != Assignment::Live {
                continue;
            }
            match self.claim(&one.request).await {
                Ok(None) => {}
                Ok(Some(claimed)) => {
                    self.lane.health.back(&self.lane.name);
                    held.push((one, claimed));
                }
                Err(failure) => {
                    if let Some(wait) = self.failed(&mut one, failure) {
                        one.at = Instant::now() + wait;
                        again.push(one);
                    }
                }
            }
            // A first batch need not wait for the last claim of hundreds.
            if held.len() >= TOGETHER {
                again.extend(self.begin(std::mem::take(&mut held)).await);
            }
        }
        again.extend(self.begin(held).await);
        again
    }

    /// `Some`: try again after this long.
    fn failed(&mut self, one: &mut Waiting, failure: Failure) -> Option<Duration> {
        let (lane, request) = (&self.lane, &one.request);
        match failure {
            Failure::Kafka(fault) => {
                lane.health.kafka_away(&lane.name, Asking::Claims, &fault);
                Some(one.backoff.next_wait())
            }
            Failure::Sink(error) => match then(Question::Claim, error.class) {
                Then::AskAgain => {
                    lane.note_away(Some(&request.tp), &error);
                    Some(one.backoff.next_wait())
                }
                Then::Settle => {
                    self.settled.remove(&request.tp);
                    lane.note_away(Some(&request.tp), &error);
                    warn!(sink = lane.name, topic = %request.tp.topic, partition = request.tp.partition, "not claimed yet: {error}");
                    Some(one.backoff.next_wait())
                }
                // The table says none of the others of a claim; to halt loses nothing.
                Then::Halt | Then::LookAgain | Then::Restart | Then::Refused => {
                    self.halt(request, None, error.to_string(), Until::Begun);
                    None
                }
            },
        }
    }

    /// Hands a partition that must not be consumed back to the poll thread, which
    /// asks for its claim again later, or as soon as an operator has settled it.
    fn halt(&self, request: &ClaimRequest, offset: Option<i64>, reason: String, until: Until) {
        tracing::error!(
            sink = self.lane.name, topic = %request.tp.topic, partition = request.tp.partition,
            "halted: {reason}; tried again in {} s", HALT_RETRY.as_secs(),
        );
        self.lane.tell(Control::Halt {
            tp: request.tp.clone(),
            generation: request.generation,
            halt: Box::new(Halt {
                offset,
                column: None,
                reason,
                until,
            }),
            after: HALT_RETRY,
        });
    }

    /// `None`: nobody wants it any more.
    async fn claim(&mut self, request: &ClaimRequest) -> Result<Option<Claimed>, Failure> {
        let tp = &request.tp;
        if !self.settled.contains(tp) {
            self.settle(tp).await?;
        }
        // Only while the assignment lives: a claim fences somebody.
        if request.leased.now() != Assignment::Live {
            return Ok(None);
        }
        let claimed = self
            .lane
            .sink
            .claim(&self.lane.member, &self.lane.identity, tp)
            .await?;
        note_claim(&self.lane.name, claimed.terminated);
        info!(
            sink = self.lane.name, topic = %tp.topic, partition = tp.partition,
            position = claimed.position.offset(), epoch = claimed.claim.epoch.0, "claimed",
        );
        Ok(Some(claimed))
    }

    /// Makes sure that the partition has a position row: the first claim of a
    /// topic writes the starts of all its partitions in one transaction.
    async fn settle(&mut self, tp: &TopicPartition) -> Result<(), Failure> {
        // Overtaken by another process: its starts count, and the next look finds
        // them.
        while !self.settle_once(tp).await? {}
        self.settled.insert(tp.clone());
        Ok(())
    }

    /// False: another process was first.
    async fn settle_once(&mut self, tp: &TopicPartition) -> Result<bool, Failure> {
        let settled = self.lane.sink.settled().await?;
        let kept = match settled.iter().find(|s| s.tp == *tp) {
            None => Kept::Nothing,
            Some(settled) if settled.stands => Kept::Position,
            Some(_) => Kept::Start,
        };
        let known = KnownTopics {
            this_topic: settled.iter().any(|s| s.tp.topic == tp.topic),
            any_topic: !settled.is_empty(),
            by_pattern: matches!(self.topics, Topics::Pattern(_)),
        };
        let rule = match beginning(kept, known) {
            Beginning::Stands => return Ok(true),
            Beginning::Lost => return Err(Settled::lost(tp, &self.lane.name).into()),
            Beginning::Settle(rule) => rule,
        };
        let (cluster, start, topics, wanted) = (
            self.cluster.clone(),
            self.start.clone(),
            self.topics.clone(),
            tp.clone(),
        );
        let starts = tokio::task::spawn_blocking(move || {
            let mut partitions = match (&topics, known.any_topic) {
                // The first start of a pattern settles all topics that
                // match it then: later ones begin at their first record.
                (Topics::Pattern(pattern), false) => cluster.partitions_matching(pattern)?,
                _ => cluster.partitions_of(&wanted.topic)?,
            };
            let old: HashSet<TopicPartition> = settled.into_iter().map(|s| s.tp).collect();
            partitions.retain(|p| !old.contains(p));
            if !partitions.contains(&wanted) {
                partitions.push(wanted);
            }
            look_up(&cluster, rule, &start, &partitions)
        })
        .await
        .unwrap_or_else(|e| Err(KafkaFault::new(format!("the look-up ended early: {e}"))))?;
        let written = self.lane.sink.settle(&self.lane.identity, rule, &starts);
        match written.await {
            Err(error) if then(Question::Starts, error.class) == Then::LookAgain => {
                return Ok(false);
            }
            other => other?,
        }
        for start in &starts {
            info!(
                sink = self.lane.name, topic = %start.tp.topic, partition = start.tp.partition,
                position = start.position.offset(), "start settled",
            );
        }
        Ok(true)
    }
}
