//! The rows of positions and starts besides claim, commit and what is set by hand.

use crate::error::{from_sqlx, has_code, on_state};
use crate::names::{Names, uuid};
use crate::text::literal;
use plimsoll_protocol::{Claim, Class, Position, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Fingerprint, Identity, Member, NewPosition, Settled, SinkError, StoredPosition,
};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;

/// A sign of life is not repeated within this time: a commit is one too.
const HEARTBEAT_SPARE: &str = "interval '1 second'";

/// A position without a start is of a binary that kept none.
pub(crate) async fn settled(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
) -> Result<Vec<Settled>, SinkError> {
    let sql = format!(
        "SELECT topic, kafka_partition, p.sink IS NOT NULL AS stands \
         FROM (SELECT * FROM {} WHERE sink = $1) AS p \
         FULL JOIN (SELECT * FROM {} WHERE sink = $1) AS s USING (topic, kafka_partition) \
         ORDER BY topic, kafka_partition",
        names.positions, names.starts
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .fetch_all(conn)
        .await
        .map_err(|e| on_state(&names.shown, e))?;
    let settled = |row: &PgRow| {
        Ok(Settled {
            tp: topic_partition(row)?,
            stands: row.try_get("stands")?,
        })
    };
    rows.iter()
        .map(settled)
        .collect::<sqlx::Result<_>>()
        .map_err(from_sqlx)
}

fn topic_partition(row: &PgRow) -> sqlx::Result<TopicPartition> {
    let topic: &str = row.try_get("topic")?;
    Ok(TopicPartition::new(topic, row.try_get("kafka_partition")?))
}

/// All starts in one statement; partitions that were settled are left alone, or
/// are the reason to write none, as the rule says.
pub(crate) async fn settle(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    identity: &Identity,
    rule: StartRule,
    starts: &[NewPosition],
) -> Result<(), SinkError> {
    let leave_alone = if rule.all_or_none() {
        ""
    } else {
        "ON CONFLICT (sink, topic, kafka_partition) DO NOTHING"
    };
    let sql = format!(
        "WITH given AS (SELECT * FROM unnest($4::text[], $5::int4[], $6::int8[], $7::text[]) \
             AS g(topic, partition, at, id)), \
         new AS (INSERT INTO {} (sink, topic, kafka_partition) \
             SELECT $1, topic, partition FROM given ORDER BY topic, partition {leave_alone} \
             RETURNING topic, kafka_partition AS partition) \
         INSERT INTO {} (sink, topic, kafka_partition, next_offset, start_offset, group_id, \
             cluster_id, topic_id) \
         SELECT $1, topic, partition, at, at, $2, $3, id FROM given JOIN new USING (topic, partition) \
         ORDER BY topic, partition {leave_alone}",
        names.starts, names.positions
    );
    let topics: Vec<&str> = starts.iter().map(|s| &*s.tp.topic).collect();
    let partitions: Vec<i32> = starts.iter().map(|s| s.tp.partition).collect();
    let offsets: Vec<i64> = starts.iter().map(|s| s.position.offset()).collect();
    let ids: Vec<Option<&str>> = starts.iter().map(|s| s.topic_id.as_deref()).collect();
    sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(&identity.group_id)
        .bind(&identity.cluster_id)
        .bind(topics)
        .bind(partitions)
        .bind(offsets)
        .bind(ids)
        .execute(conn)
        .await
        .map(|_| ())
        .map_err(|e| match on_state(&names.shown, e) {
            e if has_code(&e, "23505") => settled_meanwhile(),
            e => e,
        })
}

/// Another process was first; its starts count.
fn settled_meanwhile() -> SinkError {
    SinkError::new(Class::Fenced, "the topic's start was settled meanwhile")
}

pub(crate) async fn release(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    tp: &TopicPartition,
    claim: Claim,
) -> Result<(), SinkError> {
    let sql = format!(
        "UPDATE {} SET owner = NULL, owner_name = NULL WHERE sink = $1 AND topic = $2 \
         AND kafka_partition = $3 AND epoch = $4 AND owner = $5::text::uuid",
        names.positions
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(&*tp.topic)
        .bind(tp.partition)
        .bind(claim.epoch.0)
        .bind(uuid(claim.owner))
        .execute(conn)
        .await
        .map(|_| ())
        .map_err(|e| on_state(&names.shown, e))
}

/// One row where a claim still holds, which nobody takes until the transaction ends; none
/// where it does not.
pub(crate) fn holds(names: &Names, sink: &str, tp: &TopicPartition, claim: Claim) -> String {
    format!(
        "SELECT 1 FROM {} WHERE sink = {} AND topic = {} AND kafka_partition = {} AND epoch = {} \
         AND owner = '{}'::uuid FOR UPDATE",
        names.positions,
        literal(sink),
        literal(&tp.topic),
        tp.partition,
        claim.epoch.0,
        uuid(claim.owner)
    )
}

/// Rows that a commit or claim has locked are skipped: both are signs of life,
/// and waiting for one would hold up the others.
pub(crate) async fn heartbeat(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    member: &Member,
) -> Result<(), SinkError> {
    let sql = format!(
        "WITH mine AS (SELECT topic, kafka_partition FROM {0} WHERE sink = $1 \
         AND owner = $2::text::uuid AND heartbeat < clock_timestamp() - {HEARTBEAT_SPARE} \
         FOR UPDATE SKIP LOCKED) \
         UPDATE {0} AS p SET heartbeat = clock_timestamp() FROM mine WHERE p.sink = $1 \
         AND p.topic = mine.topic AND p.kafka_partition = mine.kafka_partition",
        names.positions
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(uuid(member.owner))
        .execute(conn)
        .await
        .map(|_| ())
        .map_err(|e| on_state(&names.shown, e))
}

pub(crate) async fn positions(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
) -> Result<Vec<StoredPosition>, SinkError> {
    let age = |column: &str| {
        format!("extract(epoch FROM clock_timestamp() - {column})::float8 AS {column}_age")
    };
    let sql = format!(
        "SELECT topic, kafka_partition, next_offset, epoch, owner_name, group_id, cluster_id, \
         topic_id, leader_epoch, fingerprint_offset, fingerprint_hash, {}, {} FROM {} WHERE sink = $1 ORDER BY topic, kafka_partition",
        age("heartbeat"),
        age("moved_at"),
        names.positions
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .fetch_all(conn)
        .await
        .map_err(|e| on_state(&names.shown, e))?;
    rows.iter().map(stored).collect()
}

fn stored(row: &PgRow) -> Result<StoredPosition, SinkError> {
    let read = || -> sqlx::Result<_> {
        let group: Option<String> = row.try_get("group_id")?;
        let cluster: Option<String> = row.try_get("cluster_id")?;
        let next: i64 = row.try_get("next_offset")?;
        let stored = StoredPosition {
            tp: topic_partition(row)?,
            position: Position::ZERO,
            epoch: row.try_get("epoch")?,
            owner: row.try_get("owner_name")?,
            identity: group.zip(cluster).map(|(group_id, cluster_id)| Identity {
                group_id,
                cluster_id,
            }),
            topic_id: row.try_get("topic_id")?,
            fingerprint: row
                .try_get::<Option<i64>, _>("fingerprint_offset")?
                .zip(row.try_get::<Option<i64>, _>("fingerprint_hash")?)
                .map(|(offset, hash)| Fingerprint { offset, hash }),
            leader_epoch: row.try_get("leader_epoch")?,
            heartbeat_age: age(row.try_get("heartbeat_age")?),
            moved_age: age(row.try_get("moved_at_age")?),
        };
        Ok((stored, next))
    };
    let (stored, next) = read().map_err(from_sqlx)?;
    Ok(StoredPosition {
        position: position(next)?,
        ..stored
    })
}

pub(crate) fn position(offset: i64) -> Result<Position, SinkError> {
    Position::new(offset).map_err(|e| crate::error::halt(format!("stored position: {e}")))
}

/// A clock that was set back makes ages negative; they are none then.
pub(crate) fn age(seconds: Option<f64>) -> Option<Duration> {
    seconds.map(|s| Duration::try_from_secs_f64(s).unwrap_or_default())
}

/// Remembers the topic's id where the row has none, under a claim that stands.
pub(crate) async fn remember_topic(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    tp: &TopicPartition,
    claim: Claim,
    topic_id: &str,
) -> Result<(), SinkError> {
    let sql = format!(
        "UPDATE {} SET topic_id = $6 WHERE sink = $1 AND topic = $2 AND kafka_partition = $3 \
         AND epoch = $4 AND owner = $5::text::uuid AND topic_id IS NULL",
        names.positions
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(&*tp.topic)
        .bind(tp.partition)
        .bind(claim.epoch.0)
        .bind(uuid(claim.owner))
        .bind(topic_id)
        .execute(conn)
        .await
        .map(|_| ())
        .map_err(|e| on_state(&names.shown, e))
}
