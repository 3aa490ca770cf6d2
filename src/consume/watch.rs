//! Lag, and positions that lie outside their log.
//!
//! librdkafka counts lag from the group's committed offsets, which are not the
//! truth here; and it tells of an offset out of range without saying where.

use super::{Cluster, Control, Standing};
use crate::health::Halt;
use crate::metrics as names;
use metrics::gauge;
use plimsoll_protocol::{Position, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tracing::debug;

/// One request per broker each: no load, and lag that is never older.
const INTERVAL: Duration = Duration::from_secs(2);

/// Watches until the poll thread is gone.
pub async fn watch_lag(
    sink: String,
    cluster: Arc<Cluster>,
    standing: Standing,
    control: Sender<Control>,
) {
    let mut suspects: BTreeMap<TopicPartition, Position> = BTreeMap::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        // Positions first: the ends read afterwards can only be further on.
        let positions = standing.all();
        let partitions: Vec<_> = positions.keys().cloned().collect();
        let asked = {
            let (cluster, partitions) = (cluster.clone(), partitions.clone());
            tokio::task::spawn_blocking(move || {
                Ok((cluster.earliest(&partitions)?, cluster.latest(&partitions)?))
            })
            .await
        };
        let (first, ends) = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err::<_, crate::error::KafkaFault>(fault)) => {
                debug!(sink, "watermarks not told: {fault}");
                continue;
            }
            Err(_) => return,
        };
        let mut still = BTreeMap::new();
        for (((tp, position), first), end) in positions.into_iter().zip(first).zip(ends) {
            let (Some(first), Some(end)) = (first, end) else {
                continue;
            };
            publish(&sink, &tp, position, end);
            if position >= first && position <= end {
                continue;
            }
            // Twice, and not moved in between: batches in flight may already
            // be where the log is.
            if suspects.get(&tp) == Some(&position) {
                let halt = Box::new(out_of_range(position, first, end));
                if control
                    .send(Control::OutOfRange {
                        tp: tp.clone(),
                        halt,
                    })
                    .is_err()
                {
                    return;
                }
            }
            still.insert(tp, position);
        }
        suspects = still;
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

fn out_of_range(position: Position, first: Position, end: Position) -> Halt {
    let reason = if position < first {
        format!(
            "position {position} lies before {first}, the first offset that the topic still has: retention was \
             faster, or the topic was recreated; hint: look at what is missing, then `plimsoll positions set --to \
             earliest`"
        )
    } else {
        format!(
            "position {position} lies behind {end}, the end of the topic: it was recreated or truncated; hint: look \
             at what the topic holds now, then `plimsoll positions set --to earliest`"
        )
    };
    Halt {
        offset: Some(position.offset()),
        column: None,
        reason,
    }
}
