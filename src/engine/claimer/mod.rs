//! Claim: from an assignment to a position, which is recovered from the sink and never
//! from Kafka's committed offsets.
//!
//! Claims what Kafka assigned, in the background, with backoff, as long as the
//! assignment lives. The poll thread goes on meanwhile, and the member stays in
//! the group.

mod starts;

use self::starts::look_up;
use super::backoff::Backoff;
use super::control::{Control, HALT_RETRY};
use super::lane::{Lane, note_claim};
use super::request::ClaimRequest;
use crate::config::{Start, Topics};
use crate::error::KafkaFault;
use crate::health::{Asking, Halt, Until};
use crate::kafka::{Cluster, Compared, LogLook, Wanted, disagreement, look_at};
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::{
    Assignment, Beginning, Kept, KnownTopics, Position, Question, Then, TopicPartition, beginning,
    then,
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

/// How often a log is looked at whose last record applied cannot be read, before its
/// partition halts: with the waits in between some seconds, longer than an election.
const UNREAD: u32 = 6;

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

    /// Compares claimed positions with their logs, before anything is consumed;
    /// those that agree begin.
    async fn begin(&self, held: Vec<(Waiting, Claimed)>) -> Vec<Waiting> {
        if held.is_empty() {
            return Vec::new();
        }
        let wanted: Vec<Wanted> = held
            .iter()
            .map(|(one, claimed)| Wanted {
                tp: one.request.tp.clone(),
                claimed: claimed.clone(),
                fetch: one.request.refused.is_some(),
            })
            .collect();
        let (cluster, group) = (self.cluster.clone(), self.lane.identity.group_id.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let found = look_at(&cluster, &group, &wanted);
            (found, cluster.id().ok())
        })
        .await;
        let (found, seen_cluster) = match looked {
            Ok((Ok(found), cluster)) => (found, cluster),
            Ok((Err(fault), _)) => return self.not_looked(held, &fault),
            Err(_) => return self.not_looked(held, &KafkaFault::new("the look ended early")),
        };
        self.lane
            .health
            .kafka_back(&self.lane.name, &Asking::Claims);
        let mut again = Vec::new();
        for ((mut one, mut claimed), look) in held.into_iter().zip(found) {
            let found = match look {
                LogLook::Found(found) => found,
                LogLook::Away(fault) => {
                    again.extend(self.not_looked(vec![(one, claimed)], &fault));
                    continue;
                }
                LogLook::Unreadable(fault) => {
                    again.extend(self.unread(one, &claimed, &fault));
                    continue;
                }
                LogLook::Refused(fault) => {
                    let reason = still(one.request.refused.as_deref(), &fault);
                    self.halt(&one.request, None, reason, Until::Fetched);
                    continue;
                }
            };
            let (request, lane) = (&one.request, &self.lane);
            let compared = Compared {
                cluster_id: &lane.identity.cluster_id,
                seen_cluster: seen_cluster.as_deref(),
                claimed: &claimed,
                found: &found,
            };
            let agreement = compared.agreement();
            counter!(names::LOG_CHECKS, "sink" => lane.name.clone(), "found" => agreement.as_str())
                .increment(1);
            if let Some(reason) = disagreement(&lane.name, &request.tp, &compared) {
                self.halt(
                    request,
                    Some(claimed.reached.offset()),
                    reason,
                    Until::Begun,
                );
                continue;
            }
            // What lies before the log's first record was acknowledged, or the
            // position would not have agreed.
            claimed.position = claimed.position.max(found.first.unwrap_or(Position::ZERO));
            if let (None, Some(id)) = (&claimed.topic_id, found.topic_id) {
                let sink = &lane.sink;
                if let Err(error) = sink.remember_topic(&request.tp, claimed.claim, &id).await {
                    if let Some(wait) = self.not_remembered(&mut one, &error) {
                        one.at = Instant::now() + wait;
                        again.push(one);
                    }
                    continue;
                }
                claimed.topic_id = Some(id);
            }
            lane.tell(Control::Claimed {
                tp: one.request.tp.clone(),
                generation: one.request.generation,
                claimed: Box::new(claimed),
            });
        }
        again
    }

    /// Without the look nothing begins: what cannot be asked cannot be read
    /// either.
    fn not_looked(&self, held: Vec<(Waiting, Claimed)>, fault: &KafkaFault) -> Vec<Waiting> {
        let lane = &self.lane;
        lane.health.kafka_away(&lane.name, Asking::Claims, fault);
        let later = |(mut one, _): (Waiting, Claimed)| {
            one.at = Instant::now() + one.backoff.next_wait();
            one
        };
        held.into_iter().map(later).collect()
    }

    /// A log that does not give out what was read of it before is looked at again a
    /// few times; then its partition halts with Kafka's words, and no other.
    fn unread(&self, mut one: Waiting, claimed: &Claimed, fault: &KafkaFault) -> Option<Waiting> {
        one.unread += 1;
        let (sink, tp) = (&self.lane.name, &one.request.tp);
        if one.unread > UNREAD {
            let reason = format!("the last record applied cannot be read again: {fault}");
            self.halt(
                &one.request,
                Some(claimed.reached.offset()),
                reason,
                Until::Fetched,
            );
            return None;
        }
        warn!(
            sink, topic = %tp.topic, partition = tp.partition,
            "the last record applied cannot be read again: {fault}; looked at again",
        );
        one.at = Instant::now() + one.backoff.next_wait();
        Some(one)
    }

    fn not_remembered(&self, one: &mut Waiting, error: &SinkError) -> Option<Duration> {
        match then(Question::TopicId, error.class) {
            Then::AskAgain => {
                self.lane.note_away(Some(&one.request.tp), error);
                Some(one.backoff.next_wait())
            }
            // The table says none of the others of this; to halt loses nothing.
            Then::Halt | Then::LookAgain | Then::Settle | Then::Restart | Then::Refused => {
                self.halt(&one.request, None, error.to_string(), Until::Begun);
                None
            }
        }
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

/// Why a partition stays halted. What it was halted with says more than the look,
/// where it is the same.
fn still(halted: Option<&str>, fault: &KafkaFault) -> String {
    let fault = fault.to_string();
    match halted {
        Some(words) if words.starts_with(&fault) => words.to_owned(),
        Some(_) | None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_wrong_is_told_in_the_words_that_say_most() {
        let fault = KafkaFault::new("Kafka: BadMessage (Local: Bad message format)");
        let words = format!("{fault}: CRC32 mismatch at offset 7");
        assert_eq!(still(Some(&words), &fault), words);
        assert_eq!(still(Some("Kafka: Unknown"), &fault), fault.to_string());
        assert_eq!(still(None, &fault), fault.to_string());
    }
}
