//! A position that is set by hand. Its row is read, judged by the rules of all sinks, and
//! changed if it is still the one that was judged: in one statement, so that nobody can be
//! stopped while it holds the row.

use crate::error::{from_sqlx, on_state};
use crate::names::Names;
use crate::state::{age, position};
use plimsoll_protocol::{Class, Position, TopicPartition};
use plimsoll_sink_api::{
    Act, Identity, Owned, Ownership, PositionChange, SetOutcome, Setting, SinkError, setting,
};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

/// Others may claim or set it meanwhile, each once or twice; more than this is a fault.
const ROUNDS: usize = 20;

/// A position's row, as far as it is judged.
pub(crate) struct Judged {
    /// Raised by whoever claims or sets it.
    epoch: i64,
    ownership: Ownership,
}

impl Owned for Judged {
    fn ownership(&self) -> Ownership {
        self.ownership.clone()
    }
}

/// Reads a row; holds no lock.
pub(crate) async fn read(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    tp: &TopicPartition,
) -> Result<Option<Judged>, SinkError> {
    let sql = format!(
        "SELECT epoch, group_id, cluster_id, \
         CASE WHEN owner IS NOT NULL THEN coalesce(owner_name, '') END AS owner, \
         extract(epoch FROM clock_timestamp() - heartbeat)::float8 AS age FROM {} \
         WHERE sink = $1 AND topic = $2 AND kafka_partition = $3",
        names.positions
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(&*tp.topic)
        .bind(tp.partition)
        .fetch_optional(conn)
        .await
        .map_err(|e| on_state(&names.shown, e))?;
    row.as_ref().map(judged).transpose().map_err(from_sqlx)
}

fn judged(row: &PgRow) -> sqlx::Result<Judged> {
    let group: Option<String> = row.try_get("group_id")?;
    let cluster: Option<String> = row.try_get("cluster_id")?;
    let owner: Option<String> = row.try_get("owner")?;
    Ok(Judged {
        epoch: row.try_get("epoch")?,
        ownership: Ownership {
            identity: group.zip(cluster).map(|(group_id, cluster_id)| Identity {
                group_id,
                cluster_id,
            }),
            owner: owner.zip(age(row.try_get("age")?)),
        },
    })
}

/// Sets it. The inner error is a refusal: the connection is as good as before.
pub(crate) async fn run(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    change: &PositionChange,
) -> Result<Result<SetOutcome, SinkError>, SinkError> {
    for _ in 0..ROUNDS {
        let row = read(conn, names, sink, &change.tp).await?;
        let epoch = match setting(row, sink, change) {
            Err(refused) => return Ok(Err(refused)),
            Ok(Setting::Refused(outcome)) => return Ok(Ok(outcome)),
            Ok(Setting::Make(_)) => None,
            Ok(Setting::Change(row)) => Some(row.epoch),
        };
        if let Some(before) = apply(conn, names, sink, change, epoch).await? {
            return Ok(Ok(SetOutcome::Set {
                before: before.position,
            }));
        }
    }
    let what = "too many processes claim at once";
    Err(SinkError::new(Class::Unavailable, what))
}

/// What was changed.
struct Before {
    /// Where it stood, if it did.
    position: Option<Position>,
}

/// Makes the change if the row still has this epoch, or, without one, if there is still
/// none; says whether it did.
async fn apply(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    change: &PositionChange,
    epoch: Option<i64>,
) -> Result<Option<Before>, SinkError> {
    let sql = format!(
        "WITH before AS MATERIALIZED (SELECT next_offset, start_offset, epoch FROM {0} \
             WHERE sink = $1 AND topic = $2 AND kafka_partition = $3 FOR UPDATE), \
         judged AS (SELECT 1 WHERE (SELECT epoch FROM before) IS NOT DISTINCT FROM $7::int8), \
         put AS (INSERT INTO {0} AS p (sink, topic, kafka_partition, next_offset, start_offset, \
             epoch, group_id, cluster_id, topic_id) \
             SELECT $1, $2, $3, coalesce($4::int8, (SELECT next_offset FROM before)), $4::int8, 0, \
             $5, $6, $8::text FROM judged \
             ON CONFLICT (sink, topic, kafka_partition) DO UPDATE SET \
             next_offset = coalesce($4::int8, p.next_offset), \
             start_offset = least(p.start_offset, $4::int8), epoch = p.epoch + 1, owner = NULL, \
             owner_name = NULL, group_id = EXCLUDED.group_id, cluster_id = EXCLUDED.cluster_id, \
             topic_id = EXCLUDED.topic_id, leader_epoch = NULL, fingerprint_offset = NULL, \
             fingerprint_hash = NULL, moved_at = CASE WHEN $4::int8 IS NULL THEN p.moved_at \
             ELSE clock_timestamp() END WHERE p.epoch = $7::int8 RETURNING 1), \
         noted AS (INSERT INTO {1} (sink, topic, kafka_partition) \
             SELECT $1, $2, $3 FROM put ON CONFLICT DO NOTHING), \
         acted AS (INSERT INTO {2} (sink, topic, kafka_partition, kind, stood_at, began_at, \
             to_offset) SELECT $1, $2, $3, $9, b.next_offset, b.start_offset, $4::int8 \
             FROM put LEFT JOIN before AS b ON true WHERE $4::int8 IS NOT NULL \
             AND (b.next_offset IS NOT NULL OR EXISTS (SELECT FROM {1} \
             WHERE sink = $1 AND topic = $2 AND kafka_partition = $3))) \
         SELECT b.next_offset FROM put LEFT JOIN before AS b ON true",
        names.positions, names.starts, names.acts
    );
    let identity = &change.identity;
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(&*change.tp.topic)
        .bind(change.tp.partition)
        .bind(change.to.map(Position::offset))
        .bind(&identity.group_id)
        .bind(&identity.cluster_id)
        .bind(epoch)
        .bind(&change.topic_id)
        .bind(Act::of_move(change.is_anew()))
        .fetch_optional(conn)
        .await
        .map_err(|e| on_state(&names.shown, e))?;
    let Some(row) = row else { return Ok(None) };
    let stood: Option<i64> = row.try_get("next_offset").map_err(from_sqlx)?;
    Ok(Some(Before {
        position: stood.map(position).transpose()?,
    }))
}
