//! The claim: one statement that waits for the row lock, raises the epoch and
//! returns the position. A plain SELECT could read the old one while a COMMIT is
//! in flight. It notes the start too, where a binary that kept none settled it.

use crate::error::{halt, on_state};
use crate::names::{Names, uuid};
use plimsoll_protocol::{Claim, Class, Epoch, Position, TopicPartition};
use plimsoll_sink_api::{Claimed, Fingerprint, Identity, Member, SinkError};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

/// What the row said.
pub(crate) enum Claiming {
    Done(Claimed),
    /// Of another group or cluster.
    NotOurs(Identity),
    Missing,
}

/// Claims, or says why not.
pub(crate) async fn run(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    member: &Member,
    identity: &Identity,
    tp: &TopicPartition,
) -> Result<Claiming, SinkError> {
    let failed = |e| on_state(&names.shown, e);
    let sql = format!(
        "WITH claimed AS (UPDATE {} AS p SET epoch = p.epoch + 1, owner = $4::text::uuid, owner_name = $5, \
         group_id = $6, cluster_id = $7, claimed_at = clock_timestamp(), \
         heartbeat = clock_timestamp() \
         WHERE p.sink = $1 AND p.topic = $2 AND p.kafka_partition = $3 \
         AND coalesce(p.group_id, $6) = $6 AND coalesce(p.cluster_id, $7) = $7 \
         RETURNING p.next_offset, p.epoch, p.fingerprint_offset, p.fingerprint_hash, \
         p.leader_epoch, p.topic_id), \
         noted AS (INSERT INTO {} (sink, topic, kafka_partition) \
         SELECT $1, $2, $3 FROM claimed ON CONFLICT DO NOTHING) \
         SELECT * FROM claimed",
        names.positions, names.starts
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(&*tp.topic)
        .bind(tp.partition)
        .bind(uuid(member.owner))
        .bind(&member.name)
        .bind(&identity.group_id)
        .bind(&identity.cluster_id)
        .fetch_optional(&mut *conn)
        .await
        .map_err(failed)?;
    if let Some(row) = row {
        return claimed(&row, member).map(Claiming::Done);
    }
    let sql = format!(
        "SELECT coalesce(group_id, '') AS g, coalesce(cluster_id, '') AS c FROM {} \
         WHERE sink = $1 AND topic = $2 AND kafka_partition = $3",
        names.positions
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(&*tp.topic)
        .bind(tp.partition)
        .fetch_optional(conn)
        .await
        .map_err(failed)?;
    match row {
        None => Ok(Claiming::Missing),
        Some(row) => Ok(Claiming::NotOurs(Identity {
            group_id: row.try_get("g").map_err(failed)?,
            cluster_id: row.try_get("c").map_err(failed)?,
        })),
    }
}

fn claimed(row: &PgRow, member: &Member) -> Result<Claimed, SinkError> {
    let read = || -> sqlx::Result<_> {
        let at: Option<i64> = row.try_get("fingerprint_offset")?;
        let hash: Option<i64> = row.try_get("fingerprint_hash")?;
        Ok((
            row.try_get::<i64, _>("next_offset")?,
            row.try_get::<i64, _>("epoch")?,
            at.zip(hash)
                .map(|(offset, hash)| Fingerprint { offset, hash }),
            row.try_get::<Option<i32>, _>("leader_epoch")?,
            row.try_get::<Option<String>, _>("topic_id")?,
        ))
    };
    let (next, epoch, fingerprint, leader_epoch, topic_id) =
        read().map_err(crate::error::from_sqlx)?;
    let position = Position::new(next).map_err(|e| halt(format!("stored position: {e}")))?;
    Ok(Claimed {
        claim: Claim {
            epoch: Epoch(epoch),
            owner: member.owner,
        },
        position,
        reached: position,
        fingerprint,
        leader_epoch,
        topic_id,
        terminated: 0,
    })
}

/// The row is another deployment's.
pub(crate) fn not_ours(tp: &TopicPartition, stored: &Identity, given: &Identity) -> SinkError {
    halt(format!(
        "the position of {tp} belongs to group \"{}\" of cluster \"{}\", not to group \"{}\" of \
         cluster \"{}\"",
        stored.group_id, stored.cluster_id, given.group_id, given.cluster_id
    ))
    .hint(
        "two deployments with one sink name and one state_schema would fence each other: give \
         this one another name or schema; if it is the same log under another group or cluster, \
         `plimsoll positions adopt`",
    )
}

/// Nobody has settled a start.
pub(crate) fn missing(tp: &TopicPartition) -> SinkError {
    SinkError::new(Class::Stale, format!("{tp} has no position yet"))
}
