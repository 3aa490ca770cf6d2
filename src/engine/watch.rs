//! Lag, and positions whose log is no longer theirs.
//!
//! librdkafka counts lag from the group's committed offsets, which are not the
//! truth here; and it tells of an offset out of range without saying where.

use super::age::Ages;
use super::control::Control;
use super::standing::{Stand, Standing};
use crate::config::Topics;
use crate::error::KafkaFault;
use crate::health::{Asking, End, Ends, Halt, Health, Until};
use crate::kafka::{Cluster, Compared, Found, OneEnd, disagreement, holds_record};
use crate::metrics as names;
use metrics::{counter, gauge};
use plimsoll_protocol::{Agreement, Claim, Epoch, Owner, Position, Span, TopicPartition};
use plimsoll_sink_api::{Claimed, Identity};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};
use tokio::task::{JoinError, JoinHandle};

/// Two requests per broker and one for the ids of topics: no load, and neither
/// lag nor what is known of a topic is ever older.
const INTERVAL: Duration = Duration::from_secs(2);

/// Watches until the poll thread is gone.
pub async fn watch_lag(
    sink: String,
    identity: Identity,
    cluster: Arc<Cluster>,
    topics: Topics,
    standing: Standing,
    health: Arc<Health>,
    control: Sender<Control>,
) {
    let mut suspects: BTreeMap<TopicPartition, Stand> = BTreeMap::new();
    let mut ages = Ages::default();
    loop {
        tokio::time::sleep(INTERVAL).await;
        // Positions first: the ends read afterwards can only be further on.
        let stands = standing.all();
        let partitions: Vec<_> = stands.keys().cloned().collect();
        let looking = {
            let (cluster, topics) = (cluster.clone(), topics.clone());
            let partitions = partitions.clone();
            tokio::task::spawn_blocking(move || Look::ask(&cluster, &topics, &partitions))
        };
        // What is not answered takes its time, and why is often known before.
        let away = |fault| health.kafka_away(&sink, Asking::Watch, &fault);
        let alone = || {
            if let Some(fault) = cluster.alone() {
                away(fault);
                health.ends(&sink, Ends::new());
            }
        };
        let Ok(look) = meanwhile(looking, alone).await else {
            return;
        };
        let mut seen = judge(&sink, &identity.cluster_id, look, stands, &suspects);
        ages.date(&mut seen.ends, &standing.waiting(), SystemTime::now());
        for (tp, halt) in seen.halts {
            let halt = Box::new(halt);
            if control.send(Control::OtherLog { tp, halt }).is_err() {
                return;
            }
        }
        suspects = seen.suspects;
        if control.send(Control::LogEnds(seen.ends.clone())).is_err() {
            return;
        }
        // What could not be read is told no more.
        health.ends(&sink, seen.ends);
        if let Some((tp, span)) = standing.take_suspect()
            && let Some(record) = probe(&cluster, &identity.group_id, &tp, span).await
            && control.send(Control::Probed { tp, span, record }).is_err()
        {
            return;
        }
        match seen.fault {
            Some(fault) => away(fault),
            None => {
                health.kafka_back(&sink, &Asking::Watch);
                health.all_ends_read(&sink);
            }
        }
    }
}

/// Whether there is a record where our client brings none; `None`: it is not known.
async fn probe(
    cluster: &Arc<Cluster>,
    group_id: &str,
    tp: &TopicPartition,
    span: Span,
) -> Option<bool> {
    let (cluster, group_id, tp) = (cluster.clone(), group_id.to_owned(), tp.clone());
    let probing = tokio::task::spawn_blocking(move || holds_record(&cluster, &group_id, &tp, span));
    probing.await.ok()?.ok()
}

/// What a look says of what is consumed.
#[derive(Default)]
struct Seen {
    ends: Ends,
    halts: Vec<(TopicPartition, Halt)>,
    /// Where the log does not fit the position, as it stood.
    suspects: BTreeMap<TopicPartition, Stand>,
    /// Why not all was told.
    fault: Option<KafkaFault>,
}

fn judge(
    sink: &str,
    cluster_id: &str,
    look: Look,
    stands: BTreeMap<TopicPartition, Stand>,
    suspects: &BTreeMap<TopicPartition, Stand>,
) -> Seen {
    let mut seen = Seen::default();
    // A topic that was made again may be known although its ends are not.
    let none = || stands.iter().map(|_| Ok(None)).collect::<Vec<_>>();
    let (first, ends) = look.ends.unwrap_or_else(|fault| {
        seen.fault = Some(fault);
        (none(), none())
    });
    for (((tp, stand), first), end) in stands.into_iter().zip(first).zip(ends) {
        let mut read = |told: Result<Option<Position>, KafkaFault>| {
            told.unwrap_or_else(|why| {
                seen.fault.get_or_insert_with(|| why.of(&tp.to_string()));
                None
            })
        };
        let (first, end) = (read(first), read(end));
        let position = stand.position;
        if let Some(end) = end {
            seen.ends.insert(
                tp.clone(),
                End {
                    position,
                    end,
                    since: None,
                },
            );
        }
        publish(sink, &tp, position);
        let found = Found {
            topic_id: look.ids.get(&*tp.topic).cloned(),
            first,
            end,
            hash: None,
        };
        let known = as_claimed(&stand);
        let compared = Compared {
            cluster_id,
            seen_cluster: look.cluster_id.as_deref(),
            claimed: &known,
            found: &found,
        };
        let agreement = compared.agreement();
        counter!(names::LOG_CHECKS, "sink" => sink.to_owned(), "found" => agreement.as_str())
            .increment(1);
        let Some(reason) = disagreement(sink, &tp, &compared) else {
            continue;
        };
        // An end is believed when it was seen twice and the position did not
        // move in between: batches in flight may already be where the log
        // is. An id is what it is.
        let certain = match agreement {
            Agreement::Recreated | Agreement::OtherCluster | Agreement::OtherRecord => true,
            Agreement::Truncated
            | Agreement::OvertakenByRetention
            | Agreement::Agree
            | Agreement::Unknown => suspects.get(&tp) == Some(&stand),
        };
        if certain {
            let halt = Halt {
                offset: Some(position.offset()),
                column: None,
                reason,
                until: Until::Begun,
            };
            seen.halts.push((tp.clone(), halt));
        }
        seen.suspects.insert(tp, stand);
    }
    seen
}

/// Waits, and looks around every second.
async fn meanwhile<T>(mut work: JoinHandle<T>, look: impl Fn()) -> Result<T, JoinError> {
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(Duration::from_secs(1)) => look(),
        }
    }
}

/// What Kafka tells every so often.
struct Look {
    cluster_id: Option<String>,
    ids: BTreeMap<String, String>,
    ends: Result<(OneEnd, OneEnd), KafkaFault>,
}

impl Look {
    fn ask(cluster: &Cluster, configured: &Topics, partitions: &[TopicPartition]) -> Self {
        let topics: BTreeSet<&str> = partitions.iter().map(|tp| &*tp.topic).collect();
        let topics: Vec<&str> = topics.into_iter().collect();
        let ends = match partitions {
            // Nothing is consumed, perhaps because Kafka is away.
            [] => cluster
                .reached(configured)
                .map(|()| (Vec::new(), Vec::new())),
            some => cluster.ends(some),
        };
        // Behind the ends: where those are of a new log, so is the id.
        let ids = match topics.as_slice() {
            [] => BTreeMap::new(),
            topics => cluster.topic_ids(topics).unwrap_or_default(),
        };
        Self {
            cluster_id: cluster.id().ok(),
            ids,
            ends,
        }
    }
}

/// The last record applied is compared at the claim alone: to read it again
/// every two seconds would be a load.
fn as_claimed(stand: &Stand) -> Claimed {
    Claimed {
        claim: Claim {
            epoch: Epoch(0),
            owner: Owner(0),
        },
        position: stand.position,
        reached: stand.position,
        fingerprint: None,
        leader_epoch: None,
        topic_id: stand.topic_id.as_deref().map(str::to_owned),
        terminated: 0,
    }
}

fn publish(sink: &str, tp: &TopicPartition, position: Position) {
    let labels = [
        ("sink", sink.to_owned()),
        ("topic", tp.topic.to_string()),
        ("partition", tp.partition.to_string()),
    ];
    gauge!(names::POSITION, &labels).set(position.offset() as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One partition at 9, whose log ends where it is told.
    fn seen(end: i64, id: &str, suspects: &BTreeMap<TopicPartition, Stand>) -> Seen {
        let at = |offset| Position::new(offset).unwrap();
        let stand = Stand {
            position: at(9),
            topic_id: Some("old".into()),
        };
        let look = Look {
            cluster_id: Some("c".to_owned()),
            ids: BTreeMap::from([("t".to_owned(), id.to_owned())]),
            ends: Ok((vec![Ok(Some(at(0)))], vec![Ok(Some(at(end)))])),
        };
        let stands = BTreeMap::from([(TopicPartition::new("t", 0), stand)]);
        judge("a", "c", look, stands, suspects)
    }

    #[test]
    fn an_end_before_the_position_is_believed_when_it_is_seen_twice() {
        let first = seen(7, "old", &BTreeMap::new());
        assert!(first.halts.is_empty());
        assert_eq!(seen(7, "old", &first.suspects).halts.len(), 1);
        assert!(seen(9, "old", &first.suspects).suspects.is_empty());
    }

    #[test]
    fn another_id_is_believed_at_once() {
        assert_eq!(seen(9, "new", &BTreeMap::new()).halts.len(), 1);
    }
}
