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
    let (kind, stood_at, began_at, from, to) = match act {
        Act::Moved {
            stood_at,
            began_at,
            to,
            anew,
        } => (Act::of_move(anew), stood_at, began_at, None, to),
        Act::Dropped { stood_at, from, to } => (Act::DROPPED, stood_at, None, Some(from), to),
    };
    sqlx::query(
        "INSERT INTO plimsoll_acts (sink, topic, kafka_partition, kind, stood_at, began_at, from_offset, to_offset)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(sink.to_owned())
    .bind(tp.topic.clone())
    .bind(tp.partition)
    .bind(kind)
    .bind(stood_at)
    .bind(began_at)
    .bind(from)
    .bind(to)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx(&e))
}
