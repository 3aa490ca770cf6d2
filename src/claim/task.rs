//! Claims what Kafka assigned, in the background, with backoff, as long as the
//! assignment lives. The poll thread goes on meanwhile, and the member stays in
//! the group.

use super::starts::look_up;
use crate::commit::{Backoff, Lane, note_claim};
use crate::config::{Start, Topics};
use crate::consume::{Cluster, Control, Generation, Leased};
use crate::error::KafkaFault;
use crate::health::Halt;
use plimsoll_protocol::{Assignment, Class, KnownTopics, TopicPartition, start_rule};
use plimsoll_sink_api::{Sink, SinkError};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{info, warn};

/// A claim that the database refuses for good is tried again this often.
const REFUSED_RETRY: Duration = Duration::from_secs(60);

/// A partition that wants to be claimed.
#[derive(Debug)]
pub struct ClaimRequest {
    /// Which.
    pub tp: TopicPartition,
    /// Of which life.
    pub generation: Generation,
    /// Whether it still wants to be.
    pub leased: Leased,
}

struct Waiting {
    request: ClaimRequest,
    at: Instant,
    backoff: Backoff,
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
                Some(request) => waiting.push_back(Waiting { request, at: Instant::now(), backoff: Backoff::default() }),
                None => return,
            },
            () = due => {}
        }
        while let Ok(request) = requests.try_recv() {
            waiting.push_back(Waiting {
                request,
                at: Instant::now(),
                backoff: Backoff::default(),
            });
        }
        waiting.retain(|w| w.request.leased.now() == Assignment::Live);
        let now = Instant::now();
        for _ in 0..waiting.len() {
            let Some(mut one) = waiting.pop_front() else {
                break;
            };
            if one.at > now {
                waiting.push_back(one);
                continue;
            }
            if let Some(wait) = claims.serve(&one.request, &mut one.backoff).await {
                one.at = Instant::now() + wait;
                waiting.push_back(one);
            }
        }
    }
}

impl<S: Sink> Claims<S> {
    /// `Some`: try again after this long.
    async fn serve(&mut self, request: &ClaimRequest, backoff: &mut Backoff) -> Option<Duration> {
        if request.leased.now() != Assignment::Live {
            return None;
        }
        let lane = self.lane.clone();
        match self.claim(request).await {
            Ok(()) => {
                lane.health.back(&lane.name);
                None
            }
            Err(Failure::Kafka(fault)) => {
                warn!(sink = lane.name, partition = %request.tp, "start not settled yet: {fault}");
                Some(backoff.next_wait())
            }
            Err(Failure::Sink(error)) => match error.class {
                Class::Away | Class::Again | Class::Moved => {
                    lane.note_away(&error);
                    Some(backoff.next_wait())
                }
                Class::Stale => {
                    // The row or its table is missing: settle again.
                    self.settled.remove(&request.tp);
                    lane.note_away(&error);
                    warn!(sink = lane.name, partition = %request.tp, "not claimed yet: {error}");
                    Some(backoff.next_wait())
                }
                Class::Halt | Class::Rejected => {
                    let halt = Halt {
                        offset: None,
                        column: None,
                        reason: error.to_string(),
                    };
                    tracing::error!(
                        sink = lane.name, topic = %request.tp.topic, partition = request.tp.partition,
                        "halted: {error}; tried again in {} s", REFUSED_RETRY.as_secs(),
                    );
                    lane.health.halt(&lane.name, &request.tp, halt);
                    Some(REFUSED_RETRY)
                }
            },
        }
    }

    async fn claim(&mut self, request: &ClaimRequest) -> Result<(), Failure> {
        let tp = &request.tp;
        if !self.settled.contains(tp) {
            self.settle(tp).await?;
        }
        // Only while the assignment lives: a claim fences somebody.
        if request.leased.now() != Assignment::Live {
            return Ok(());
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
        self.lane.tell(Control::Claimed {
            tp: tp.clone(),
            generation: request.generation,
            claimed: Box::new(claimed),
        });
        Ok(())
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
        let stored: HashSet<TopicPartition> = self.lane.sink.settled().await?.into_iter().collect();
        if !stored.contains(tp) {
            let known = KnownTopics {
                this_topic: stored.iter().any(|s| s.topic == tp.topic),
                any_topic: !stored.is_empty(),
                by_pattern: matches!(self.topics, Topics::Pattern(_)),
            };
            let (cluster, start, topics, wanted) = (
                self.cluster.clone(),
                self.start.clone(),
                self.topics.clone(),
                tp.clone(),
            );
            let rule = start_rule(known);
            let starts = tokio::task::spawn_blocking(move || {
                let mut partitions = match (&topics, known.any_topic) {
                    // The first start of a pattern settles all topics that
                    // match it then: later ones begin at their first record.
                    (Topics::Pattern(pattern), false) => cluster.partitions_matching(pattern)?,
                    _ => cluster.partitions_of(&wanted.topic)?,
                };
                partitions.retain(|p| !stored.contains(p));
                if !partitions.contains(&wanted) {
                    partitions.push(wanted);
                }
                look_up(&cluster, rule, &start, &partitions)
            })
            .await
            .unwrap_or_else(|e| Err(KafkaFault::new(format!("the look-up ended early: {e}"))))?;
            let settled = self.lane.sink.settle(&self.lane.identity, rule, &starts);
            match settled.await {
                Err(error) if error.class == Class::Moved => return Ok(false),
                other => other?,
            }
            for start in &starts {
                info!(
                    sink = self.lane.name, topic = %start.tp.topic, partition = start.tp.partition,
                    position = start.position.offset(), "start settled",
                );
            }
        }
        Ok(true)
    }
}
