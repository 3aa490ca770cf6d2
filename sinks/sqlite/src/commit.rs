//! The commit: rows, dead letters and position in one transaction, or nothing.

use crate::connection::{Database, End, Lane, Open, Transaction, within};
use crate::error::from_sqlx;
use crate::plan::SqlitePlan;
use crate::positions::{now_ms, owner_text};
use crate::rows;
use plimsoll_protocol::Class;
use plimsoll_sink_api::canonical::to_base64;
use plimsoll_sink_api::{Batch, Committed, DeadLetter, Refusal, SinkError};
use serde_json::Value;
use sqlx::SqliteConnection;
use std::borrow::Cow;

/// Commits batches, all of them or none.
pub async fn commit(
    database: &Database,
    sink: &str,
    batches: &[Batch<'_, SqlitePlan>],
) -> Result<Vec<Committed>, Refusal> {
    let turn = database.turn().await;
    let mut fenced = Vec::new();
    let done = within(async {
        let lease = database.lease(Lane::Writer, Open::Existing).await?;
        let mut transaction = Transaction::begin(turn, lease).await?;
        let result = everything(transaction.connection(), sink, batches, &mut fenced).await;
        transaction.end(result, End::Commit).await
    })
    .await;
    done.map_err(|error| Refusal {
        fenced,
        ..error.into()
    })
}

/// Writes a batch's rows and takes them back.
pub async fn dry_run(
    database: &Database,
    batch: &Batch<'_, SqlitePlan>,
) -> Result<Committed, SinkError> {
    let turn = database.turn().await;
    within(async {
        let lease = database.lease(Lane::Writer, Open::Existing).await?;
        let mut transaction = Transaction::begin(turn, lease).await?;
        let result = write(transaction.connection(), batch).await;
        transaction.end(result, End::Rollback).await
    })
    .await
}

/// `fenced`: the batches that the fence refuses, by their places.
async fn everything(
    connection: &mut SqliteConnection,
    sink: &str,
    batches: &[Batch<'_, SqlitePlan>],
    fenced: &mut Vec<usize>,
) -> Result<Vec<Committed>, SinkError> {
    for (place, batch) in batches.iter().enumerate() {
        if !advance(connection, sink, batch).await? {
            fenced.push(place);
        }
    }
    if !fenced.is_empty() {
        return Err(SinkError::new(
            Class::Fenced,
            "fenced: the position is not where, or not whose, it was",
        ));
    }
    let mut done = Vec::with_capacity(batches.len());
    for batch in batches {
        for letter in batch.dead {
            keep_dead_letter(connection, sink, batch, letter)
                .await
                .map_err(|e| from_sqlx(&e))?;
        }
        done.push(write(connection, batch).await?);
    }
    Ok(done)
}

/// The rows of a batch, table by table.
async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch<'_, SqlitePlan>,
) -> Result<Committed, SinkError> {
    let mut all = Committed::default();
    for of in &batch.tables {
        let done = rows::write(connection, &of.table.plan, of.rows).await?;
        all.rows += done.rows;
        all.already_there += done.already_there;
    }
    Ok(all)
}

/// The compare-and-set (invariants 1 to 4): exactly the row that says that the
/// position is this owner's and stands where the batch begins. False: there is none.
async fn advance(
    connection: &mut SqliteConnection,
    sink: &str,
    batch: &Batch<'_, SqlitePlan>,
) -> Result<bool, SinkError> {
    let marks = batch.marks;
    let moved = sqlx::query(
        "UPDATE plimsoll_positions
            SET next_offset = ?1, moved_at_ms = ?2, heartbeat_ms = ?2,
                fingerprint_offset = coalesce(?3, fingerprint_offset),
                fingerprint_hash = coalesce(?4, fingerprint_hash),
                leader_epoch = coalesce(?5, leader_epoch)
          WHERE sink = ?6 AND topic = ?7 AND kafka_partition = ?8
            AND epoch = ?9 AND owner = ?10 AND next_offset = ?11",
    )
    .bind(batch.span.to().offset())
    .bind(now_ms())
    .bind(marks.fingerprint.map(|f| f.offset))
    .bind(marks.fingerprint.map(|f| f.hash))
    .bind(marks.leader_epoch)
    .bind(sink.to_owned())
    .bind(batch.topic.to_owned())
    .bind(batch.partition)
    .bind(batch.claim.epoch.0)
    .bind(owner_text(batch.claim.owner))
    .bind(batch.span.from().offset())
    .execute(connection)
    .await
    .map_err(|e| from_sqlx(&e))?
    .rows_affected();
    Ok(moved == 1)
}

/// Keeps a dead letter. One that stands there already is of an earlier passage
/// over the same record, before an operator set the position back.
async fn keep_dead_letter(
    connection: &mut SqliteConnection,
    sink: &str,
    batch: &Batch<'_, SqlitePlan>,
    letter: &DeadLetter<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO plimsoll_dead_letters
             (sink, topic, kafka_partition, kafka_offset, timestamp_ms, key, value, headers,
              condition, code, column_name, message, failed_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )
    .bind(sink.to_owned())
    .bind(batch.topic.to_owned())
    .bind(batch.partition)
    .bind(letter.offset)
    .bind(letter.timestamp)
    .bind(letter.key.map(<[u8]>::to_vec))
    .bind(letter.value.map(<[u8]>::to_vec))
    .bind(headers(letter))
    .bind(letter.condition.clone())
    .bind(letter.code.clone())
    .bind(letter.column.clone())
    .bind(letter.text.clone())
    .bind(now_ms())
    .execute(connection)
    .await
    .map(|_| ())
}

fn headers(letter: &DeadLetter<'_>) -> String {
    let header = |(name, value): &(Cow<'_, str>, Option<&[u8]>)| {
        let value = value.map_or(Value::Null, |bytes| to_base64(bytes).into());
        Value::Array(vec![(**name).into(), value])
    };
    Value::Array(letter.headers.iter().map(header).collect()).to_string()
}
