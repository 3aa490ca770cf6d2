//! The claim: one statement that waits for the row lock, raises the epoch and
//! returns the position. A plain SELECT could read the old one while a COMMIT is
//! in flight. It notes the start too, where a binary that kept none settled it.

use crate::error::{halt, on_state};
use crate::names::{Names, uuid};
use crate::set;
use plimsoll_protocol::{Claim, Class, Epoch, Position, TopicPartition};
use plimsoll_sink_api::{Claimed, Fingerprint, Identity, Member, SinkError, claimable};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

/// Claims. The inner error is a refusal: the connection is as good as before.
pub(crate) async fn run(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    member: &Member,
    identity: &Identity,
    tp: &TopicPartition,
) -> Result<Result<Claimed, SinkError>, SinkError> {
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
        .map_err(|e| on_state(&names.shown, e))?;
    if let Some(row) = row {
        return claimed(&row, member).map(Ok);
    }
    let row = set::read(conn, names, sink, tp).await?;
    let changed = || {
        SinkError::new(
            Class::Unavailable,
            "the position changed while it was claimed",
        )
    };
    Ok(claimable(row, sink, tp, identity).and_then(|_| Err(changed())))
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
