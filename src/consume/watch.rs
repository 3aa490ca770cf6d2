//! Lag, and positions whose log is no longer theirs.
//!
//! librdkafka counts lag from the group's committed offsets, which are not the
//! truth here; and it tells of an offset out of range without saying where.

use super::cluster::OneEnd;
use super::{Cluster, Compared, Control, Found, Stand, Standing, disagreement};
use crate::config::Topics;
use crate::error::KafkaFault;
use crate::health::{Asking, End, Ends, Halt, Health, Until};
use crate::metrics as names;
use metrics::{counter, gauge};
use plimsoll_protocol::{Agreement, Claim, Epoch, Owner, Position, TopicPartition};
use plimsoll_sink_api::Claimed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::task::{JoinError, JoinHandle};

/// Two requests per broker and one for the ids of topics: no load, and neither
/// lag nor what is known of a topic is ever older.
const INTERVAL: Duration = Duration::from_secs(2);

/// Watches until the poll thread is gone.
pub async fn watch_lag(
    sink: String,
    cluster_id: String,
    cluster: Arc<Cluster>,
    topics: Topics,
    standing: Standing,
    health: Arc<Health>,
    control: Sender<Control>,
) {
    let mut suspects: BTreeMap<TopicPartition, Stand> = BTreeMap::new();
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
        // A topic that was made again may be known although its ends are not.
        let none = || partitions.iter().map(|_| Ok(None)).collect::<Vec<_>>();
        let (first, ends, mut fault) = match look.ends {
            Ok((first, ends)) => (first, ends, None),
            Err(fault) => (none(), none(), Some(fault)),
        };
        let mut still = BTreeMap::new();
        let mut known = Ends::new();
        for (((tp, stand), first), end) in stands.into_iter().zip(first).zip(ends) {
            let mut read = |told: Result<Option<Position>, KafkaFault>| {
                told.unwrap_or_else(|why| {
                    fault.get_or_insert_with(|| why.of(&tp.to_string()));
                    None
                })
            };
            let (first, end) = (read(first), read(end));
            if let Some(end) = end {
                let position = stand.position;
                known.insert(tp.clone(), End { position, end });
            }
            publish(&sink, &tp, stand.position);
            let found = Found {
                topic_id: look.ids.get(&*tp.topic).cloned(),
                first,
                end,
                hash: None,
            };
            let known = as_claimed(&stand);
            let compared = Compared {
                cluster_id: &cluster_id,
                seen_cluster: look.cluster_id.as_deref(),
                claimed: &known,
                found: &found,
            };
            let agreement = compared.agreement();
            counter!(names::LOG_CHECKS, "sink" => sink.clone(), "found" => agreement.as_str())
                .increment(1);
            let Some(reason) = disagreement(&sink, &tp, &compared) else {
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
                let halt = Box::new(Halt {
                    offset: Some(stand.position.offset()),
                    column: None,
                    reason,
                    until: Until::Begun,
                });
                let told = Control::OtherLog {
                    tp: tp.clone(),
                    halt,
                };
                if control.send(told).is_err() {
                    return;
                }
            }
            still.insert(tp, stand);
        }
        suspects = still;
        // What could not be read is told no more.
        health.ends(&sink, known);
        match fault {
            Some(fault) => away(fault),
            None => health.kafka_back(&sink, &Asking::Watch),
        }
    }
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
