//! What operators did by hand, noted in the transaction of the act.

use crate::error::from_sqlx;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{Act, SinkError};
use sqlx::SqliteConnection;

/// Notes one.
pub async fn note(
    connection: &mut SqliteConnection,
    sink: &str,
    tp: &TopicPartition,
    act: Act,
) -> Result<(), SinkError> {
    let kept = act.kept();
    sqlx::query(
        "INSERT INTO plimsoll_acts (sink, topic, kafka_partition, kind, stood_at, began_at, from_offset, to_offset)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(sink.to_owned())
    .bind(tp.topic.clone())
    .bind(tp.partition)
    .bind(kept.kind)
    .bind(kept.stood_at)
    .bind(kept.began_at)
    .bind(kept.from)
    .bind(kept.to)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx(&e))
}
