//! The rows of positions and starts: settling, claims, signs of life, and what
//! operators do.

use crate::acts;
use crate::connection::{Database, End, Lane, Open, Transaction, within};
use crate::error::from_sqlx;
use plimsoll_protocol::{Claim, Class, Epoch, Owner, Position, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Act, Claimed, Fingerprint, Identity, Member, NewPosition, Owned, Ownership, PositionChange,
    SetOutcome, Setting, Settled, SinkError, StoredPosition, claimable, setting,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The machine's clock, which is the database's too.
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// An owner as it is stored.
pub fn owner_text(owner: Owner) -> String {
    format!("{:032x}", owner.0)
}

/// Runs a short transaction beside the writer.
macro_rules! transaction {
    ($database:expr, |$connection:ident| $work:expr) => {{
        let turn = $database.turn().await;
        within(async {
            let lease = $database.lease(Lane::Other, Open::Existing).await?;
            let mut transaction = Transaction::begin(turn, lease).await?;
            let $connection = transaction.connection();
            let result = $work.await;
            transaction.end(result, End::Commit).await
        })
        .await
    }};
}

pub(crate) use transaction;

/// Which partitions were given a start. A position without one is of a binary
/// that kept none.
pub async fn settled(database: &Database, sink: &str) -> Result<Vec<Settled>, SinkError> {
    within(async {
        let mut lease = database.lease(Lane::Other, Open::Existing).await?;
        let settled = sqlx::query(
            "SELECT topic, kafka_partition, p.sink IS NOT NULL
               FROM (SELECT * FROM plimsoll_positions WHERE sink = ?1) AS p
               FULL JOIN (SELECT * FROM plimsoll_starts WHERE sink = ?1) AS s
              USING (topic, kafka_partition) ORDER BY 1, 2",
        )
        .bind(sink.to_owned())
        .try_map(|row: SqliteRow| {
            Ok(Settled {
                tp: TopicPartition::new(row.try_get(0)?, row.try_get(1)?),
                stands: row.try_get(2)?,
            })
        })
        .fetch_all(lease.connection())
        .await
        .map_err(|e| from_sqlx(&e))?;
        lease.keep();
        Ok(settled)
    })
    .await
}

/// Writes starts, all or none.
pub async fn settle(
    database: &Database,
    sink: &str,
    identity: &Identity,
    rule: StartRule,
    starts: &[NewPosition],
) -> Result<(), SinkError> {
    transaction!(database, |connection| async {
        for start in starts {
            let new = note(connection, sink, &start.tp).await?
                && insert(connection, sink, identity, start).await?;
            if !new && rule.all_or_none() {
                // Another process was first; its starts count.
                let why = "the topic's start was settled meanwhile";
                return Err(SinkError::new(Class::Fenced, why));
            }
        }
        Ok(())
    })
}

/// Notes that a partition was given a start, where that is not noted yet; says
/// whether it did.
async fn note(
    connection: &mut SqliteConnection,
    sink: &str,
    tp: &TopicPartition,
) -> Result<bool, SinkError> {
    sqlx::query(
        "INSERT INTO plimsoll_starts (sink, topic, kafka_partition)
         VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )
    .bind(sink.to_owned())
    .bind(tp.topic.clone())
    .bind(tp.partition)
    .execute(connection)
    .await
    .map(|done| done.rows_affected() > 0)
    .map_err(|e| from_sqlx(&e))
}

/// Makes a position row where there is none; says whether it did.
async fn insert(
    connection: &mut SqliteConnection,
    sink: &str,
    identity: &Identity,
    start: &NewPosition,
) -> Result<bool, SinkError> {
    sqlx::query(
        "INSERT INTO plimsoll_positions
             (sink, topic, kafka_partition, next_offset, start_offset, epoch, group_id, cluster_id,
              topic_id)
         VALUES (?1, ?2, ?3, ?4, ?4, 0, ?5, ?6, ?7)
         ON CONFLICT DO NOTHING",
    )
    .bind(sink.to_owned())
    .bind(start.tp.topic.clone())
    .bind(start.tp.partition)
    .bind(start.position.offset())
    .bind(identity.group_id.clone())
    .bind(identity.cluster_id.clone())
    .bind(start.topic_id.clone())
    .execute(connection)
    .await
    .map(|done| done.rows_affected() > 0)
    .map_err(|e| from_sqlx(&e))
}

/// A position row as a claim reads it.
struct Stored {
    position: Position,
    epoch: Epoch,
    owner_name: Option<String>,
    identity: Identity,
    topic_id: Option<String>,
    leader_epoch: Option<i32>,
    fingerprint: Option<Fingerprint>,
    heartbeat_ms: Option<i64>,
    /// The lowest offset that it ever began at.
    start: Option<i64>,
}

impl Owned for Stored {
    fn ownership(&self) -> Ownership {
        Ownership {
            identity: Some(self.identity.clone()),
            owner: self
                .owner_name
                .clone()
                .zip(age(now_ms(), self.heartbeat_ms)),
        }
    }
}

async fn stored(
    connection: &mut SqliteConnection,
    sink: &str,
    tp: &TopicPartition,
) -> Result<Option<Stored>, SinkError> {
    sqlx::query(
        "SELECT next_offset, epoch, owner_name, group_id, cluster_id, topic_id, leader_epoch,
                fingerprint_offset, fingerprint_hash, heartbeat_ms, start_offset
           FROM plimsoll_positions
          WHERE sink = ?1 AND topic = ?2 AND kafka_partition = ?3",
    )
    .bind(sink.to_owned())
    .bind(tp.topic.clone())
    .bind(tp.partition)
    .try_map(|row: SqliteRow| {
        let fingerprint: (Option<i64>, Option<i64>) = (row.try_get(7)?, row.try_get(8)?);
        Ok(Stored {
            position: position(row.try_get(0)?)?,
            epoch: Epoch(row.try_get(1)?),
            owner_name: row.try_get(2)?,
            identity: Identity {
                group_id: row.try_get(3)?,
                cluster_id: row.try_get(4)?,
            },
            topic_id: row.try_get(5)?,
            leader_epoch: row.try_get(6)?,
            fingerprint: match fingerprint {
                (Some(offset), Some(hash)) => Some(Fingerprint { offset, hash }),
                (None, _) | (_, None) => None,
            },
            heartbeat_ms: row.try_get(9)?,
            start: row.try_get(10)?,
        })
    })
    .fetch_optional(connection)
    .await
    .map_err(|e| from_sqlx(&e))
}

/// The table's CHECK keeps offsets from being negative.
fn position(offset: i64) -> Result<Position, sqlx::Error> {
    Position::new(offset).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

/// Claims a partition: its epoch goes up, and everybody else is fenced.
pub async fn claim(
    database: &Database,
    sink: &str,
    member: &Member,
    identity: &Identity,
    tp: &TopicPartition,
) -> Result<Claimed, SinkError> {
    transaction!(database, |connection| async {
        let stored = stored(connection, sink, tp).await?;
        let stored = claimable(stored, sink, tp, identity)?;
        let claim = Claim {
            epoch: stored.epoch.next(),
            owner: member.owner,
        };
        sqlx::query(
            "UPDATE plimsoll_positions
                SET epoch = ?1, owner = ?2, owner_name = ?3, claimed_at_ms = ?4, heartbeat_ms = ?4
              WHERE sink = ?5 AND topic = ?6 AND kafka_partition = ?7",
        )
        .bind(claim.epoch.0)
        .bind(owner_text(claim.owner))
        .bind(member.name.clone())
        .bind(now_ms())
        .bind(sink.to_owned())
        .bind(tp.topic.clone())
        .bind(tp.partition)
        .execute(&mut *connection)
        .await
        .map_err(|e| from_sqlx(&e))?;
        note(connection, sink, tp).await?;
        Ok(Claimed {
            claim,
            position: stored.position,
            reached: stored.position,
            fingerprint: stored.fingerprint,
            leader_epoch: stored.leader_epoch,
            topic_id: stored.topic_id,
            // SQLite has no sessions; a process that dies lets its lock go.
            terminated: 0,
        })
    })
}

/// Gives a claim back, if it still stands.
pub async fn release(
    database: &Database,
    sink: &str,
    tp: &TopicPartition,
    claim: Claim,
) -> Result<(), SinkError> {
    transaction!(database, |connection| async {
        sqlx::query(
            "UPDATE plimsoll_positions SET owner = NULL, owner_name = NULL
              WHERE sink = ?1 AND topic = ?2 AND kafka_partition = ?3 AND epoch = ?4 AND owner = ?5",
        )
        .bind(sink.to_owned())
        .bind(tp.topic.clone())
        .bind(tp.partition)
        .bind(claim.epoch.0)
        .bind(owner_text(claim.owner))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx(&e))
    })
}

/// Whether a claim still holds.
pub async fn holds(
    connection: &mut SqliteConnection,
    sink: &str,
    tp: &TopicPartition,
    claim: Claim,
) -> Result<bool, SinkError> {
    let row = sqlx::query(
        "SELECT 1 FROM plimsoll_positions
          WHERE sink = ?1 AND topic = ?2 AND kafka_partition = ?3 AND epoch = ?4 AND owner = ?5",
    )
    .bind(sink.to_owned())
    .bind(tp.topic.clone())
    .bind(tp.partition)
    .bind(claim.epoch.0)
    .bind(owner_text(claim.owner))
    .fetch_optional(connection)
    .await;
    row.map(|row| row.is_some()).map_err(|e| from_sqlx(&e))
}

/// A sign of life on all that a member owns.
pub async fn heartbeat(database: &Database, sink: &str, member: &Member) -> Result<(), SinkError> {
    transaction!(database, |connection| async {
        sqlx::query(
            "UPDATE plimsoll_positions SET heartbeat_ms = ?1 WHERE sink = ?2 AND owner = ?3",
        )
        .bind(now_ms())
        .bind(sink.to_owned())
        .bind(owner_text(member.owner))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx(&e))
    })
}

/// All rows of a sink.
pub async fn list(database: &Database, sink: &str) -> Result<Vec<StoredPosition>, SinkError> {
    let now = now_ms();
    within(async {
        let mut lease = database.lease(Lane::Other, Open::Existing).await?;
        let rows = sqlx::query(
            "SELECT topic, kafka_partition, next_offset, epoch, owner_name, group_id, cluster_id,
                    heartbeat_ms, moved_at_ms, topic_id, leader_epoch, fingerprint_offset,
                    fingerprint_hash
               FROM plimsoll_positions WHERE sink = ?1 ORDER BY 1, 2",
        )
        .bind(sink.to_owned())
        .try_map(|row: SqliteRow| {
            Ok(StoredPosition {
                tp: TopicPartition::new(row.try_get(0)?, row.try_get(1)?),
                position: position(row.try_get(2)?)?,
                epoch: row.try_get(3)?,
                owner: row.try_get(4)?,
                identity: Some(Identity {
                    group_id: row.try_get(5)?,
                    cluster_id: row.try_get(6)?,
                }),
                topic_id: row.try_get(9)?,
                leader_epoch: row.try_get(10)?,
                fingerprint: row
                    .try_get::<Option<i64>, _>(11)?
                    .zip(row.try_get::<Option<i64>, _>(12)?)
                    .map(|(offset, hash)| Fingerprint { offset, hash }),
                heartbeat_age: age(now, row.try_get(7)?),
                moved_age: age(now, row.try_get(8)?),
            })
        })
        .fetch_all(lease.connection())
        .await
        .map_err(|e| from_sqlx(&e))?;
        lease.keep();
        Ok(rows)
    })
    .await
}

/// A clock that was set back makes no age negative.
fn age(now: i64, then: Option<i64>) -> Option<Duration> {
    then.map(|then| Duration::from_millis(now.saturating_sub(then).try_into().unwrap_or(0)))
}

/// Remembers the topic's id where the row has none, under a claim that stands.
pub async fn remember_topic(
    database: &Database,
    sink: &str,
    tp: &TopicPartition,
    claim: Claim,
    topic_id: &str,
) -> Result<(), SinkError> {
    transaction!(database, |connection| async {
        sqlx::query(
            "UPDATE plimsoll_positions SET topic_id = ?6
              WHERE sink = ?1 AND topic = ?2 AND kafka_partition = ?3 AND epoch = ?4 AND owner = ?5
                AND topic_id IS NULL",
        )
        .bind(sink.to_owned())
        .bind(tp.topic.clone())
        .bind(tp.partition)
        .bind(claim.epoch.0)
        .bind(owner_text(claim.owner))
        .bind(topic_id.to_owned())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx(&e))
    })
}

/// Makes a position by hand.
async fn make(
    connection: &mut SqliteConnection,
    sink: &str,
    change: &PositionChange,
    to: Position,
) -> Result<SetOutcome, SinkError> {
    let PositionChange { tp, identity, .. } = change;
    let start = NewPosition {
        tp: tp.clone(),
        position: to,
        topic_id: change.topic_id.clone(),
        high_watermark: change.high_watermark,
    };
    insert(connection, sink, identity, &start).await?;
    if !note(connection, sink, tp).await? {
        // It had one, which was lost.
        let act = Act::Moved {
            stood_at: None,
            began_at: None,
            to: to.offset(),
            anew: change.is_anew(),
        };
        acts::note(connection, sink, tp, act).await?;
    }
    Ok(SetOutcome::Set { before: None })
}

/// Changes a position by hand and fences the owner.
pub async fn set(
    database: &Database,
    sink: &str,
    change: &PositionChange,
) -> Result<SetOutcome, SinkError> {
    let PositionChange { tp, identity, .. } = change;
    transaction!(database, |connection| async {
        let stored = stored(connection, sink, tp).await?;
        let stored = match setting(stored, sink, change)? {
            Setting::Change(stored) => stored,
            Setting::Make(to) => return make(connection, sink, change, to).await,
            Setting::Refused(outcome) => return Ok(outcome),
        };
        // What was remembered of the last record applied is about another
        // place in the log, or another log.
        sqlx::query(
            "UPDATE plimsoll_positions
                SET next_offset = coalesce(?1, next_offset),
                    start_offset = min(start_offset, coalesce(?1, start_offset)),
                    epoch = epoch + 1, owner = NULL, owner_name = NULL, group_id = ?6, cluster_id = ?7, topic_id = ?8,
                    leader_epoch = NULL, fingerprint_offset = NULL, fingerprint_hash = NULL,
                    moved_at_ms = CASE WHEN ?1 IS NULL THEN moved_at_ms ELSE ?2 END
              WHERE sink = ?3 AND topic = ?4 AND kafka_partition = ?5",
        )
        .bind(change.to.map(Position::offset))
        .bind(now_ms())
        .bind(sink.to_owned())
        .bind(tp.topic.clone())
        .bind(tp.partition)
        .bind(identity.group_id.clone())
        .bind(identity.cluster_id.clone())
        .bind(change.topic_id.clone())
        .execute(&mut *connection)
        .await
        .map_err(|e| from_sqlx(&e))?;
        note(connection, sink, tp).await?;
        if let Some(to) = change.to {
            let act = Act::Moved {
                stood_at: Some(stored.position.offset()),
                began_at: stored.start,
                to: to.offset(),
                anew: change.is_anew(),
            };
            acts::note(connection, sink, tp, act).await?;
        }
        Ok(SetOutcome::Set {
            before: Some(stored.position),
        })
    })
}
