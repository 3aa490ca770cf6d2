//! Dead letters after they were kept: pages of them, their replay, their end.

use crate::acts;
use crate::connection::{Database, End, Lane, Open, Transaction, within};
use crate::error::from_sqlx;
use crate::plan::SqlitePlan;
use crate::rows;
use plimsoll_protocol::{Class, TopicPartition};
use plimsoll_sink_api::canonical::base64;
use plimsoll_sink_api::text::ident;
use plimsoll_sink_api::{
    Act, Committed, DeadLetterFilter, DeadLetterPage, KeptDeadLetter, Payload, Replay, Secret,
    SinkError, islands,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

/// The filter's parameters are `?1` (the sink) to `?4` (a JSON array).
const WHERE: &str = "WHERE sink = ?1 AND (?2 IS NULL OR topic = ?2)
    AND (?3 IS NULL OR kafka_partition = ?3)
    AND (?4 IS NULL OR kafka_offset IN (SELECT value FROM json_each(?4)))";

fn offsets(filter: &DeadLetterFilter) -> Option<String> {
    (!filter.offsets.is_empty()).then(|| serde_json::json!(filter.offsets).to_string())
}

/// One page, in the order of the primary key.
pub async fn list(
    database: &Database,
    sink: &str,
    filter: &DeadLetterFilter,
    page: &DeadLetterPage,
) -> Result<Vec<KeptDeadLetter>, SinkError> {
    let payload = if page.payloads {
        ", key, value, headers, message"
    } else {
        ""
    };
    let sql = format!(
        "SELECT topic, kafka_partition, kafka_offset, timestamp_ms, failed_at_ms, condition, code,
                column_name, coalesce(length(key), 0) + coalesce(length(value), 0){payload}
           FROM plimsoll_dead_letters {WHERE}
            AND (?5 IS NULL OR (topic, kafka_partition, kafka_offset) > (?5, ?6, ?7))
          ORDER BY topic, kafka_partition, kafka_offset LIMIT ?8"
    );
    let after = page.after.as_ref();
    within(async {
        let mut lease = database.lease(Lane::Other, Open::Existing).await?;
        let letters = sqlx::query(AssertSqlSafe(sql))
            .bind(sink.to_owned())
            .bind(filter.topic.clone())
            .bind(filter.partition)
            .bind(offsets(filter))
            .bind(after.map(|(tp, _)| tp.topic.to_string()))
            .bind(after.map(|(tp, _)| tp.partition))
            .bind(after.map(|(_, offset)| *offset))
            .bind(page.limit)
            .try_map(|row: SqliteRow| kept(&row, page.payloads))
            .fetch_all(lease.connection())
            .await
            .map_err(|e| from_sqlx(&e))?;
        lease.keep();
        Ok(letters)
    })
    .await
}

fn kept(row: &SqliteRow, payloads: bool) -> sqlx::Result<KeptDeadLetter> {
    let payload = if payloads {
        Some(Payload {
            key: row.try_get(9)?,
            value: row.try_get(10)?,
            headers: headers(row.try_get(11)?)?,
            text: Secret::new(row.try_get::<String, _>(12)?),
        })
    } else {
        None
    };
    Ok(KeptDeadLetter {
        tp: TopicPartition::new(row.try_get::<&str, _>(0)?, row.try_get(1)?),
        offset: row.try_get(2)?,
        timestamp: row.try_get(3)?,
        kept_at: row.try_get(4)?,
        condition: row.try_get(5)?,
        code: row.try_get(6)?,
        column: row.try_get(7)?,
        bytes: u64::try_from(row.try_get::<i64, _>(8)?).unwrap_or(0),
        payload,
    })
}

/// `[[name, base64 or null], …]`
fn headers(json: &str) -> sqlx::Result<Vec<(String, Option<Vec<u8>>)>> {
    let wrong = |e: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(e);
    let pairs: Vec<(String, Option<String>)> =
        serde_json::from_str(json).map_err(|e| wrong(e.into()))?;
    pairs
        .into_iter()
        .map(|(name, value)| {
            let value = value.map(|text| base64(&text)).transpose();
            Ok((name, value.map_err(|e| wrong(e.condition().into()))?))
        })
        .collect()
}

/// Rows in, letters out, in one transaction. The file has one writer at a time,
/// so the order inside does not matter.
pub async fn replay(
    database: &Database,
    sink: &str,
    replay: &Replay<'_, SqlitePlan>,
) -> Result<Committed, SinkError> {
    let turn = database.turn().await;
    within(async {
        let lease = database.lease(Lane::Writer, Open::Existing).await?;
        let mut transaction = Transaction::begin(turn, lease).await?;
        let result = everything(transaction.connection(), sink, replay).await;
        transaction.end(result, End::Commit).await
    })
    .await
}

async fn everything(
    connection: &mut SqliteConnection,
    sink: &str,
    replay: &Replay<'_, SqlitePlan>,
) -> Result<Committed, SinkError> {
    let moved = |what: &str| SinkError::new(Class::Fenced, what.to_owned());
    let position = position(connection, sink, replay.topic, replay.partition).await?;
    let last = replay.letters.iter().copied().max();
    let stands = match (position, replay.stands_at) {
        (None, _) => false,
        (Some(position), Some(wanted)) => position == wanted.offset(),
        (Some(position), None) => position > last.unwrap_or(-1),
    };
    if !stands {
        return Err(moved("the position moved"));
    }
    let filter = DeadLetterFilter {
        topic: Some(replay.topic.to_owned()),
        partition: Some(replay.partition),
        offsets: replay.letters.to_vec(),
    };
    if delete(connection, sink, &filter).await?.len() != replay.letters.len() {
        return Err(moved("a letter is gone"));
    }
    rows::write(connection, &replay.table.plan, replay.rows).await
}

/// Removes letters, and notes that they went.
pub async fn remove(
    database: &Database,
    sink: &str,
    filter: &DeadLetterFilter,
) -> Result<u64, SinkError> {
    let turn = database.turn().await;
    within(async {
        let lease = database.lease(Lane::Other, Open::Existing).await?;
        let mut transaction = Transaction::begin(turn, lease).await?;
        let result = drop_all(transaction.connection(), sink, filter).await;
        transaction.end(result, End::Commit).await
    })
    .await
}

async fn drop_all(
    connection: &mut SqliteConnection,
    sink: &str,
    filter: &DeadLetterFilter,
) -> Result<u64, SinkError> {
    let mut gone = delete(connection, sink, filter).await?;
    gone.sort();
    for of_one in gone.chunk_by(|(a, _), (b, _)| a == b) {
        let tp = &of_one[0].0;
        let offsets: Vec<i64> = of_one.iter().map(|(_, offset)| *offset).collect();
        let stood_at = position(connection, sink, &tp.topic, tp.partition).await?;
        for (from, to) in islands(&offsets) {
            acts::note(connection, sink, tp, Act::Dropped { stood_at, from, to }).await?;
        }
    }
    Ok(gone.len() as u64)
}

async fn position(
    connection: &mut SqliteConnection,
    sink: &str,
    topic: &str,
    partition: i32,
) -> Result<Option<i64>, SinkError> {
    sqlx::query_scalar(
        "SELECT next_offset FROM plimsoll_positions
          WHERE sink = ?1 AND topic = ?2 AND kafka_partition = ?3",
    )
    .bind(sink.to_owned())
    .bind(topic.to_owned())
    .bind(partition)
    .fetch_optional(connection)
    .await
    .map_err(|e| from_sqlx(&e))
}

async fn delete(
    connection: &mut SqliteConnection,
    sink: &str,
    filter: &DeadLetterFilter,
) -> Result<Vec<(TopicPartition, i64)>, SinkError> {
    sqlx::query(AssertSqlSafe(format!(
        "DELETE FROM plimsoll_dead_letters {WHERE} RETURNING topic, kafka_partition, kafka_offset"
    )))
    .bind(sink.to_owned())
    .bind(filter.topic.clone())
    .bind(filter.partition)
    .bind(offsets(filter))
    .try_map(|row: SqliteRow| {
        let tp = TopicPartition::new(row.try_get::<&str, _>(0)?, row.try_get(1)?);
        Ok((tp, row.try_get(2)?))
    })
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx(&e))
}

/// Whether a log table holds a row of a partition.
pub async fn holds_rows(
    database: &Database,
    plan: &SqlitePlan,
    tp: &TopicPartition,
) -> Result<bool, SinkError> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM {} WHERE kafka_topic = ?1 AND kafka_partition = ?2)",
        ident(&plan.table)
    );
    within(async {
        let mut lease = database.lease(Lane::Other, Open::Existing).await?;
        let held = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(tp.topic.clone())
            .bind(tp.partition)
            .fetch_one(lease.connection())
            .await
            .map_err(|e| from_sqlx(&e))?;
        lease.keep();
        Ok(held)
    })
    .await
}
