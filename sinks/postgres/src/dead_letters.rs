//! Dead letters after they were kept: pages of them, their replay, their end.

use crate::commit::simple;
use crate::error::{from_sqlx, has_code, on_state};
use crate::names::Names;
use crate::plan::PgPlan;
use crate::statement;
use crate::text::literal;
use plimsoll_protocol::{Class, TopicPartition};
use plimsoll_sink_api::{
    Act, DeadLetterFilter, DeadLetterPage, KeptDeadLetter, Payload, Replay, Secret, SinkError,
};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

/// The filter's parameters are `$1` (the sink) to `$4`.
const WHERE: &str = "WHERE sink = $1 AND ($2::text IS NULL OR topic = $2) \
     AND ($3::int4 IS NULL OR kafka_partition = $3) \
     AND (cardinality($4::int8[]) = 0 OR kafka_offset = ANY ($4))";

/// One page, in the order of the primary key.
pub(crate) async fn list(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    filter: &DeadLetterFilter,
    page: &DeadLetterPage,
) -> Result<Vec<KeptDeadLetter>, SinkError> {
    let payload = if page.payloads {
        ", key, value, header_names, header_values, message"
    } else {
        ""
    };
    let sql = format!(
        "SELECT topic, kafka_partition, kafka_offset, condition, sqlstate, column_name, \
         round(extract(epoch FROM kafka_timestamp) * 1000)::int8 AS at_ms, \
         round(extract(epoch FROM created_at) * 1000)::int8 AS kept_ms, \
         (coalesce(length(key), 0) + coalesce(length(value), 0))::int8 AS bytes{payload} \
         FROM {} {WHERE} AND ($5::text IS NULL \
         OR (topic, kafka_partition, kafka_offset) > ($5 COLLATE \"C\", $6::int4, $7::int8)) \
         ORDER BY topic, kafka_partition, kafka_offset LIMIT $8",
        names.dead_letters
    );
    let after = page.after.as_ref();
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(&filter.topic)
        .bind(filter.partition)
        .bind(&filter.offsets)
        .bind(after.map(|(tp, _)| tp.topic.to_string()))
        .bind(after.map(|(tp, _)| tp.partition))
        .bind(after.map(|(_, offset)| *offset))
        .bind(i64::from(page.limit))
        .fetch_all(conn)
        .await
        .map_err(|e| on_state(&names.shown, e))?;
    rows.iter()
        .map(|row| kept(row, page.payloads))
        .collect::<sqlx::Result<_>>()
        .map_err(from_sqlx)
}

fn kept(row: &PgRow, payloads: bool) -> sqlx::Result<KeptDeadLetter> {
    let topic: &str = row.try_get("topic")?;
    let payload = if payloads {
        let names: Vec<String> = row.try_get("header_names")?;
        let values: Vec<Option<Vec<u8>>> = row.try_get("header_values")?;
        Some(Payload {
            key: row.try_get("key")?,
            value: row.try_get("value")?,
            headers: names.into_iter().zip(values).collect(),
            text: Secret::new(row.try_get::<String, _>("message")?),
        })
    } else {
        None
    };
    Ok(KeptDeadLetter {
        tp: TopicPartition::new(topic, row.try_get("kafka_partition")?),
        offset: row.try_get("kafka_offset")?,
        timestamp: row.try_get("at_ms")?,
        kept_at: row.try_get("kept_ms")?,
        condition: row.try_get("condition")?,
        code: row.try_get("sqlstate")?,
        column: row.try_get("column_name")?,
        bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or(0),
        payload,
    })
}

/// Rows first; then letters, position and COMMIT in one message, so that a
/// replay that is stopped halfway never holds the position's row. What the
/// rows lock is the same as in any commit.
///
/// A row of an upsert is locked before the position is looked at: a later record
/// of its key was written before, and moved the position, or will be written
/// behind this one.
pub(crate) async fn replay(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    replay: &Replay<'_, PgPlan>,
) -> Result<u64, SinkError> {
    simple(conn, "BEGIN".to_owned()).await?;
    let rows = statement::run(conn, &replay.table.plan, None, replay.rows).await?;
    let offsets: Vec<String> = replay.letters.iter().map(i64::to_string).collect();
    let place = format!(
        "sink = {} AND topic = {} AND kafka_partition = {}",
        literal(sink),
        literal(replay.topic),
        replay.partition
    );
    let stands = match replay.stands_at {
        Some(position) => format!("next_offset = {position}"),
        None => {
            let last = replay.letters.iter().max();
            format!("next_offset > {}", last.unwrap_or(&-1))
        }
    };
    let body = format!(
        "DECLARE gone bigint; BEGIN \
         PERFORM FROM {positions} WHERE {place} AND {stands} FOR SHARE; \
         IF NOT FOUND THEN RAISE EXCEPTION 'the position moved' USING ERRCODE = 'PLM01'; END IF; \
         DELETE FROM {letters} WHERE {place} AND kafka_offset = ANY ('{{{offsets}}}'::int8[]); \
         GET DIAGNOSTICS gone = ROW_COUNT; \
         IF gone <> {count} THEN \
         RAISE EXCEPTION 'a letter is gone' USING ERRCODE = 'PLM01'; END IF; END",
        positions = names.positions,
        letters = names.dead_letters,
        offsets = offsets.join(","),
        count = offsets.len(),
    );
    simple(conn, format!("DO {}; COMMIT", literal(&body)))
        .await
        .map_err(|e| may_not_delete(names, e))?;
    Ok(rows)
}

/// Removes letters, and notes that they went.
pub(crate) async fn remove(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    filter: &DeadLetterFilter,
) -> Result<u64, SinkError> {
    let sql = format!(
        "WITH gone AS (DELETE FROM {} {WHERE} RETURNING topic, kafka_partition, kafka_offset), \
         placed AS (SELECT *, kafka_offset - row_number() OVER \
             (PARTITION BY topic, kafka_partition ORDER BY kafka_offset) AS island FROM gone), \
         acted AS (INSERT INTO {} (sink, topic, kafka_partition, kind, stood_at, from_offset, to_offset) \
             SELECT $1, g.topic, g.kafka_partition, '{}', p.next_offset, min(g.kafka_offset), \
             max(g.kafka_offset) + 1 FROM placed AS g LEFT JOIN {} AS p ON p.sink = $1 \
             AND p.topic = g.topic AND p.kafka_partition = g.kafka_partition \
             GROUP BY g.topic, g.kafka_partition, g.island, p.next_offset) \
         SELECT count(*) FROM gone",
        names.dead_letters,
        names.acts,
        Act::DROPPED,
        names.positions
    );
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(sink)
        .bind(&filter.topic)
        .bind(filter.partition)
        .bind(&filter.offsets)
        .fetch_one(conn)
        .await
        .map_err(|e| may_not_delete(names, on_state(&names.shown, e)))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The service itself never deletes a letter, so its role may lack the right.
fn may_not_delete(names: &Names, mut error: SinkError) -> SinkError {
    if has_code(&error, "42501") {
        error.class = Class::Halt;
        let (letters, acts) = (&names.dead_letters, &names.acts);
        error.detail.hint = Some(format!(
            "GRANT DELETE ON {letters} TO …, and GRANT INSERT ON {acts} TO …"
        ));
    }
    error
}
