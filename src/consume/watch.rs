//! Lag, and positions whose log is no longer theirs.
//!
//! librdkafka counts lag from the group's committed offsets, which are not the
//! truth here; and it tells of an offset out of range without saying where.

use super::{Cluster, Compared, Control, Found, Stand, Standing, disagreement};
use crate::error::KafkaFault;
use crate::health::{Asking, Halt, Health};
use crate::metrics as names;
use metrics::{counter, gauge};
use plimsoll_protocol::{Agreement, Claim, Epoch, Owner, Position, TopicPartition};
use plimsoll_sink_api::Claimed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// Two requests per broker and one for the ids of topics: no load, and neither
/// lag nor what is known of a topic is ever older.
const INTERVAL: Duration = Duration::from_secs(2);

/// Watches until the poll thread is gone.
pub async fn watch_lag(
    sink: String,
    cluster_id: String,
    cluster: Arc<Cluster>,
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
        let look = {
            let (cluster, partitions) = (cluster.clone(), partitions.clone());
            tokio::task::spawn_blocking(move || Look::ask(&cluster, &partitions)).await
        };
        let Ok(look) = look else { return };
        let (first, ends) = match look.ends {
            Ok(ends) => {
                health.kafka_back(&sink, Asking::Watch);
                ends
            }
            Err(fault) => {
                health.kafka_away(&sink, Asking::Watch, fault.to_string());
                // A topic that was made again may be known all the same.
                let none = vec![None; partitions.len()];
                (none.clone(), none)
            }
        };
        let mut still = BTreeMap::new();
        for (((tp, stand), first), end) in stands.into_iter().zip(first).zip(ends) {
            if let Some(end) = end {
                publish(&sink, &tp, stand.position, end);
            }
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
    }
}

/// One end of each partition's log.
type Ends = Vec<Option<Position>>;

/// What Kafka tells every so often.
struct Look {
    cluster_id: Option<String>,
    ids: BTreeMap<String, String>,
    ends: Result<(Ends, Ends), KafkaFault>,
}

impl Look {
    fn ask(cluster: &Cluster, partitions: &[TopicPartition]) -> Self {
        let topics: BTreeSet<&str> = partitions.iter().map(|tp| &*tp.topic).collect();
        let topics: Vec<&str> = topics.into_iter().collect();
        let ends = (|| Ok((cluster.earliest(partitions)?, cluster.latest(partitions)?)))();
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

fn publish(sink: &str, tp: &TopicPartition, position: Position, end: Position) {
    let labels = [
        ("sink", sink.to_owned()),
        ("topic", tp.topic.to_string()),
        ("partition", tp.partition.to_string()),
    ];
    gauge!(names::POSITION, &labels).set(position.offset() as f64);
    gauge!(names::HIGH_WATERMARK, &labels).set(end.offset() as f64);
    gauge!(names::LAG, &labels).set((end.offset() - position.offset()).max(0) as f64);
}
