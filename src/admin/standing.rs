//! Where each partition stands, and whether it moves: what the position's row, the
//! log behind it, and the service itself say.

use super::kafka::Kafka;
use super::positions::FRESH;
use super::text::age;
use super::told::OfSink;
use crate::config::{Sink as Settings, reads};
use crate::error::KafkaFault;
use crate::kafka::{Compared, Found, disagreement};
use plimsoll_protocol::{Claim, Epoch, Owner, Position, TopicPartition};
use plimsoll_sink_api::{Backend, Claimed, Settled, Sink, SinkError, StoredPosition};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Records that waited this long should have been written: longer than the longest
/// linger, and than a takeover.
const OLD: Duration = Duration::from_secs(60);

/// Whether a partition moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Nothing speaks against it.
    Ok,
    /// Nobody consumes it.
    Unowned,
    /// Its owner is alive, and records that it should have written wait.
    Stuck,
    /// It cannot go on before somebody has done something.
    Halted,
    /// Kafka did not tell enough.
    Unknown,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unowned => "unowned",
            Self::Stuck => "stuck",
            Self::Halted => "halted",
            Self::Unknown => "?",
        }
    }
}

/// One partition of one sink, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    pub(super) sink: String,
    pub(super) topic: String,
    pub(super) partition: i32,
    /// None until the first claim.
    pub(super) position: Option<i64>,
    /// None where Kafka did not tell it.
    pub(super) high_watermark: Option<i64>,
    /// None where the position is not one of this log, too.
    pub(super) lag: Option<i64>,
    pub(super) state: State,
    /// Why it does not move.
    pub(super) why: Option<String>,
    pub(super) epoch: Option<i64>,
    pub(super) owner: Option<String>,
    pub(super) group_id: Option<String>,
    pub(super) cluster_id: Option<String>,
    pub(super) heartbeat_age_ms: Option<u64>,
    pub(super) moved_age_ms: Option<u64>,
}

/// What Kafka tells of one log.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    topic_id: Option<String>,
    first: Option<Position>,
    end: Option<Position>,
    /// Where the records of the last minute begin.
    recent: Option<Position>,
}

/// By partition.
pub(super) type Logs = BTreeMap<TopicPartition, Log>;

/// The logs that the sink reads or has read.
pub(super) fn logs(
    kafka: &Kafka,
    settings: &Settings,
    stored: &[StoredPosition],
) -> (Logs, Vec<KafkaFault>) {
    let mut logs = Logs::new();
    let (mut known, mut faults) = match kafka.partitions(settings) {
        Ok(known) => known,
        Err(fault) => return (logs, vec![fault]),
    };
    // A topic that is no longer read keeps its positions.
    for position in stored {
        if !reads(&settings.topics, &position.tp.topic) && !known.contains(&position.tp) {
            known.push(position.tp.clone());
        }
    }
    known.sort();
    // Topic by topic: one that is gone must not hide the others.
    for topic in known.chunk_by(|a, b| a.topic == b.topic) {
        match logs_of(kafka, topic) {
            Ok(found) => logs.extend(topic.iter().cloned().zip(found)),
            Err(fault) => faults.push(fault),
        }
    }
    (logs, faults)
}

fn logs_of(kafka: &Kafka, partitions: &[TopicPartition]) -> Result<Vec<Log>, KafkaFault> {
    let topic = partitions.first().map_or("", |tp| &*tp.topic);
    let cluster = &kafka.cluster;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let before = now.unwrap_or_default().saturating_sub(OLD).as_millis();
    let before = i64::try_from(before).unwrap_or(i64::MAX);
    let recent = cluster.at_time(partitions, before)?;
    let first = cluster.earliest(partitions)?;
    let end = cluster.latest(partitions)?;
    // Behind the ends: where those are of a new log, so is the id.
    let topic_id = cluster.topic_ids(&[topic])?.remove(topic);
    let all = recent.into_iter().zip(first).zip(end);
    Ok(all
        .map(|((recent, first), end)| Log {
            topic_id: topic_id.clone(),
            first,
            end,
            recent: recent.or(end),
        })
        .collect())
}

/// Partitions whose start was settled and whose position is gone.
pub(super) async fn lost<B: Backend>(
    backend: &B,
    sink: &B::Sink,
) -> Result<BTreeSet<TopicPartition>, SinkError> {
    let settled = match sink.settled().await {
        Ok(settled) => settled,
        // A state that an older version made and nobody has migrated yet keeps none.
        Err(error) if backend.lacks_state(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    let lost = settled.into_iter().filter(|s| !s.stands);
    Ok(lost.map(|s| s.tp).collect())
}

/// All that is known, partition by partition. `cluster_id` is that of the cluster
/// that answers.
pub(super) fn join(
    sink: &str,
    cluster_id: Option<&str>,
    (stored, lost): (Vec<StoredPosition>, BTreeSet<TopicPartition>),
    mut logs: Logs,
    told: Option<&OfSink>,
) -> Vec<Standing> {
    let millis = |age: Option<Duration>| age.and_then(|age| u64::try_from(age.as_millis()).ok());
    let mut standings: Vec<Standing> = stored
        .into_iter()
        .map(|row| {
            let log = logs.remove(&row.tp).unwrap_or_default();
            let (state, why) = judge(sink, cluster_id, &row, &log, told);
            let within = log.end.filter(|end| *end >= row.position);
            let (group_id, cluster_id) = row
                .identity
                .map(|identity| (identity.group_id, identity.cluster_id))
                .unzip();
            Standing {
                sink: sink.to_owned(),
                topic: row.tp.topic.to_string(),
                partition: row.tp.partition,
                position: Some(row.position.offset()),
                high_watermark: log.end.map(Position::offset),
                lag: within.map(|end| end.offset() - row.position.offset()),
                state,
                why,
                epoch: Some(row.epoch),
                owner: row.owner,
                group_id,
                cluster_id,
                heartbeat_age_ms: millis(row.heartbeat_age),
                moved_age_ms: millis(row.moved_age),
            }
        })
        .collect();
    standings.extend(logs.into_iter().map(|(tp, log)| {
        let why = match lost.contains(&tp) {
            true => Some(Settled::lost(&tp, sink).to_string()),
            false => told.and_then(|told| told.halted(&tp.topic, tp.partition)),
        };
        Standing {
            sink: sink.to_owned(),
            topic: tp.topic.to_string(),
            partition: tp.partition,
            position: None,
            high_watermark: log.end.map(Position::offset),
            lag: None,
            state: match why {
                Some(_) => State::Halted,
                None => State::Unowned,
            },
            why,
            epoch: None,
            owner: None,
            group_id: None,
            cluster_id: None,
            heartbeat_age_ms: None,
            moved_age_ms: None,
        }
    }));
    standings.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    standings
}

/// What explains most comes first: the service's own word, then what anybody can
/// see.
fn judge(
    sink: &str,
    cluster_id: Option<&str>,
    row: &StoredPosition,
    log: &Log,
    told: Option<&OfSink>,
) -> (State, Option<String>) {
    let tp = &row.tp;
    if let Some(why) = told.and_then(|told| told.halted(&tp.topic, tp.partition)) {
        return (State::Halted, Some(why));
    }
    let known = claimed(row);
    let found = Found {
        topic_id: log.topic_id.clone(),
        first: log.first,
        end: log.end,
        hash: None,
    };
    let own_cluster = row.identity.as_ref().map(|i| i.cluster_id.as_str());
    let compared = Compared {
        cluster_id: own_cluster.or(cluster_id).unwrap_or_default(),
        seen_cluster: cluster_id,
        claimed: &known,
        found: &found,
    };
    if let Some(why) = disagreement(sink, tp, &compared) {
        return (State::Halted, Some(why));
    }
    let alive = row.owner.is_some() && row.heartbeat_age.is_some_and(|age| age < FRESH);
    match (log.end, log.recent) {
        _ if !alive => (State::Unowned, None),
        (Some(end), Some(recent)) => {
            let waits = row.position < recent.min(end);
            let still = row.moved_age.is_none_or(|moved| moved >= OLD);
            let stuck = waits && still;
            match stuck {
                true => (State::Stuck, Some(words(row, end))),
                false => (State::Ok, None),
            }
        }
        _ => (State::Unknown, None),
    }
}

fn words(row: &StoredPosition, end: Position) -> String {
    let moved = match row.moved_age {
        Some(moved) => format!("has not moved for {}", age(moved)),
        None => "has never moved".to_owned(),
    };
    format!(
        "it {moved}, and records older than {} wait from offset {} to {end}; hint: /readyz of its \
         owner, {}, says why",
        age(OLD),
        row.position,
        row.owner.as_deref().unwrap_or("?"),
    )
}

/// The row, as what a comparison with the log wants.
fn claimed(row: &StoredPosition) -> Claimed {
    Claimed {
        claim: Claim {
            epoch: Epoch(row.epoch),
            owner: Owner(0),
        },
        position: row.position,
        reached: row.position,
        fingerprint: None,
        leader_epoch: None,
        topic_id: row.topic_id.clone(),
        terminated: 0,
    }
}

/// Of a partition whose owner is alive, and which has never moved.
#[cfg(test)]
pub(super) fn stored(partition: i32, position: i64) -> StoredPosition {
    StoredPosition {
        tp: TopicPartition::new("orders", partition),
        position: Position::new(position).unwrap_or(Position::ZERO),
        epoch: 3,
        owner: Some("host-1".to_owned()),
        identity: None,
        topic_id: None,
        fingerprint: None,
        leader_epoch: None,
        heartbeat_age: Some(Duration::from_secs(2)),
        moved_age: None,
    }
}

/// A log that ends here, all of it older than a minute.
#[cfg(test)]
pub(super) fn ending(end: i64) -> Log {
    let end = Position::new(end).ok();
    Log {
        topic_id: None,
        first: Some(Position::ZERO),
        end,
        recent: end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        Position::new(offset).unwrap()
    }

    fn row(position: i64, moved: u64) -> StoredPosition {
        StoredPosition {
            topic_id: Some("one".to_owned()),
            moved_age: Some(Duration::from_secs(moved)),
            ..stored(0, position)
        }
    }

    fn log(first: i64, recent: i64, end: i64) -> Log {
        Log {
            topic_id: Some("one".to_owned()),
            first: Some(at(first)),
            end: Some(at(end)),
            recent: Some(at(recent)),
        }
    }

    fn judged(row: &StoredPosition, log: &Log) -> (State, Option<String>) {
        judge("orders", Some("c"), row, log, None)
    }

    #[test]
    fn what_waits_for_long_while_nothing_moves_is_stuck() {
        assert_eq!(judged(&row(5, 600), &log(0, 9, 9)).0, State::Stuck);
        // What came within the last minute, what moves, and the end.
        assert_eq!(judged(&row(5, 600), &log(0, 5, 9)).0, State::Ok);
        assert_eq!(judged(&row(5, 59), &log(0, 9, 9)).0, State::Ok);
        assert_eq!(judged(&row(9, 600), &log(0, 9, 9)).0, State::Ok);
        let (_, why) = judged(&row(5, 600), &log(0, 9, 9));
        let why = why.unwrap();
        assert!(
            why.contains("from offset 5 to 9") && why.contains("host-1"),
            "{why}"
        );
    }

    #[test]
    fn a_position_of_another_log_is_halted_whoever_owns_it() {
        let mut other = log(0, 9, 9);
        other.topic_id = Some("two".to_owned());
        for (row, log) in [
            (row(12, 0), log(0, 9, 9)),
            (row(5, 0), log(7, 9, 9)),
            (row(5, 0), other),
        ] {
            let (state, why) = judged(&row, &log);
            assert!(state == State::Halted && why.unwrap().contains("hint:"));
            let standing = join(
                "orders",
                Some("c"),
                (vec![row], BTreeSet::new()),
                Logs::new(),
                None,
            );
            assert_eq!(standing[0].lag, None);
        }
    }

    #[test]
    fn without_a_sign_of_life_nobody_consumes_it() {
        let mut dead = row(5, 600);
        dead.heartbeat_age = Some(FRESH);
        assert_eq!(judged(&dead, &log(0, 9, 9)).0, State::Unowned);
        assert_eq!(judged(&row(5, 600), &Log::default()).0, State::Unknown);
    }

    #[test]
    fn the_service_knows_best_why_it_is_halted() {
        let told = r#"{"halted":[{"topic":"orders","partition":0,"offset":5,"column":null,
            "reason":"not_null_violation"}]}"#;
        let told: OfSink = serde_json::from_str(told).unwrap();
        let (state, why) = judge("orders", None, &row(5, 0), &log(0, 5, 9), Some(&told));
        assert_eq!(state, State::Halted);
        assert_eq!(why.unwrap(), "at offset 5: not_null_violation");
    }
}
