//! The logs of what was claimed are looked at: before anything is consumed, each has to
//! be the one that its position is about.

use super::{Claims, Waiting};
use crate::engine::control::Control;
use crate::error::KafkaFault;
use crate::health::{Asking, Until};
use crate::kafka::{Compared, Found, LogLook, Wanted, disagreement, look_at};
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::{Position, Question, Then, then};
use plimsoll_sink_api::{Claimed, Sink, SinkError};
use std::time::{Duration, Instant};
use tracing::warn;

/// How often a log is looked at whose last record applied cannot be read, before its
/// partition halts: with the waits in between some seconds, longer than an election.
const UNREAD: u32 = 6;

impl<S: Sink> Claims<S> {
    /// Compares claimed positions with their logs, before anything is consumed;
    /// those that agree begin.
    pub(super) async fn begin(&self, held: Vec<(Waiting, Claimed)>) -> Vec<Waiting> {
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
        for ((one, claimed), look) in held.into_iter().zip(found) {
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
            again.extend(
                self.compare(one, claimed, found, seen_cluster.as_deref())
                    .await,
            );
        }
        again
    }

    /// Begins a partition whose log is the one that its position is about; gives it back
    /// if it is to be claimed again.
    async fn compare(
        &self,
        mut one: Waiting,
        mut claimed: Claimed,
        found: Found,
        seen_cluster: Option<&str>,
    ) -> Option<Waiting> {
        let (request, lane) = (&one.request, &self.lane);
        let compared = Compared {
            cluster_id: &lane.identity.cluster_id,
            seen_cluster,
            claimed: &claimed,
            found: &found,
        };
        let agreement = compared.agreement();
        counter!(names::LOG_CHECKS, "sink" => lane.name.clone(), "found" => agreement.as_str())
            .increment(1);
        if let Some(reason) = disagreement(&lane.name, &request.tp, &compared) {
            let offset = Some(claimed.reached.offset());
            self.halt(request, offset, reason, Until::Begun);
            return None;
        }
        // What lies before the log's first record was acknowledged, or the
        // position would not have agreed.
        claimed.position = claimed.position.max(found.first.unwrap_or(Position::ZERO));
        if let (None, Some(id)) = (&claimed.topic_id, found.topic_id) {
            let remembered = lane.sink.remember_topic(&request.tp, claimed.claim, &id);
            if let Err(error) = remembered.await {
                one.at = Instant::now() + self.not_remembered(&mut one, &error)?;
                return Some(one);
            }
            claimed.topic_id = Some(id);
        }
        lane.tell(Control::Claimed {
            tp: one.request.tp.clone(),
            generation: one.request.generation,
            claimed: Box::new(claimed),
        });
        None
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
