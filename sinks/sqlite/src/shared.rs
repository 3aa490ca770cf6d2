//! What instances share: what is wanted of the sink, commands, and what each says of itself.

use crate::SqliteSink;
use crate::connection::{End, Lane, Open, Transaction, within};
use crate::error::from_sqlx;
use crate::plan::halt;
use crate::positions::{now_ms, owner_text, transaction};
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{
    Command, FORGOTTEN_AFTER, MOST_COMMANDS, Member, NewCommand, Reported, Shared, SinkError,
    SinkState, Verb, Wanted,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::time::Duration;

impl Shared for SqliteSink {
    async fn report(&self, member: &Member, report: &str) -> Result<Wanted, SinkError> {
        let (database, sink) = (&self.database, self.settings.sink.as_str());
        transaction!(database, |connection| async {
            forget_silent(connection, sink).await?;
            sqlx::query(
                "INSERT INTO plimsoll_members (sink, owner, name, report, seen_at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET name = excluded.name, report = excluded.report,
                                           seen_at_ms = excluded.seen_at_ms",
            )
            .bind(sink.to_owned())
            .bind(owner_text(member.owner))
            .bind(member.name.clone())
            .bind(report.to_owned())
            .bind(now_ms())
            .execute(&mut *connection)
            .await
            .map_err(|e| from_sqlx(&e))?;
            wanted(connection, sink).await
        })
    }

    async fn farewell(&self, member: &Member) -> Result<(), SinkError> {
        let (database, sink) = (&self.database, self.settings.sink.as_str());
        transaction!(database, |connection| async {
            sqlx::query("DELETE FROM plimsoll_members WHERE sink = ?1 AND owner = ?2")
                .bind(sink.to_owned())
                .bind(owner_text(member.owner))
                .execute(connection)
                .await
                .map(|_| ())
                .map_err(|e| from_sqlx(&e))
        })
    }

    async fn wanted(&self) -> Result<Wanted, SinkError> {
        within(async {
            let mut lease = self.database.lease(Lane::Other, Open::Existing).await?;
            let wanted = wanted(lease.connection(), &self.settings.sink).await?;
            lease.keep();
            Ok(wanted)
        })
        .await
    }

    async fn reports(&self) -> Result<Vec<Reported>, SinkError> {
        within(async {
            let mut lease = self.database.lease(Lane::Other, Open::Existing).await?;
            let now = now_ms();
            let all = sqlx::query(
                "SELECT name, report, seen_at_ms FROM plimsoll_members
                  WHERE sink = ?1 AND seen_at_ms > ?2 ORDER BY 1",
            )
            .bind(self.settings.sink.clone())
            .bind(now - forgotten_after_ms())
            .try_map(|row: SqliteRow| {
                Ok(Reported {
                    name: row.try_get(0)?,
                    report: row.try_get(1)?,
                    age: age(now, row.try_get(2)?),
                })
            })
            .fetch_all(lease.connection())
            .await
            .map_err(|e| from_sqlx(&e))?;
            lease.keep();
            Ok(all)
        })
        .await
    }

    async fn command(&self, command: &NewCommand) -> Result<Wanted, SinkError> {
        let (database, sink) = (&self.database, self.settings.sink.as_str());
        transaction!(database, |connection| async {
            let before = wanted(connection, sink).await?;
            let given = Wanted {
                state: command.verb.state().unwrap_or(before.state),
                seq: before.seq + 1,
            };
            sqlx::query(
                "INSERT INTO plimsoll_sinks (sink, state, seq) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET state = excluded.state, seq = excluded.seq",
            )
            .bind(sink.to_owned())
            .bind(given.state.as_str())
            .bind(given.seq)
            .execute(&mut *connection)
            .await
            .map_err(|e| from_sqlx(&e))?;
            note(connection, sink, given.seq, command).await?;
            Ok(given)
        })
    }

    async fn commands(&self, after: i64) -> Result<Vec<Command>, SinkError> {
        within(async {
            let mut lease = self.database.lease(Lane::Other, Open::Existing).await?;
            let rows = sqlx::query(
                "SELECT seq, verb, topic, kafka_partition, given_by, given_at_ms
                   FROM plimsoll_commands WHERE sink = ?1 AND seq > ?2 ORDER BY 1 DESC LIMIT ?3",
            )
            .bind(self.settings.sink.clone())
            .bind(after)
            .bind(MOST_COMMANDS as i64)
            .fetch_all(lease.connection())
            .await
            .map_err(|e| from_sqlx(&e))?;
            lease.keep();
            rows.iter().rev().map(read).collect()
        })
        .await
    }
}

fn forgotten_after_ms() -> i64 {
    i64::try_from(FORGOTTEN_AFTER.as_millis()).unwrap_or(i64::MAX)
}

/// Removes what instances said that are gone.
async fn forget_silent(connection: &mut SqliteConnection, sink: &str) -> Result<(), SinkError> {
    sqlx::query("DELETE FROM plimsoll_members WHERE sink = ?1 AND seen_at_ms < ?2")
        .bind(sink.to_owned())
        .bind(now_ms() - forgotten_after_ms())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx(&e))
}

async fn wanted(connection: &mut SqliteConnection, sink: &str) -> Result<Wanted, SinkError> {
    let row = sqlx::query("SELECT state, seq FROM plimsoll_sinks WHERE sink = ?1")
        .bind(sink.to_owned())
        .fetch_optional(connection)
        .await
        .map_err(|e| from_sqlx(&e))?;
    let Some(row) = row else {
        return Ok(Wanted::default());
    };
    let state: String = row.try_get(0).map_err(|e| from_sqlx(&e))?;
    Ok(Wanted {
        state: SinkState::read(&state).map_err(|e| halt(e.to_string()))?,
        seq: row.try_get(1).map_err(|e| from_sqlx(&e))?,
    })
}

async fn note(
    connection: &mut SqliteConnection,
    sink: &str,
    seq: i64,
    command: &NewCommand,
) -> Result<(), SinkError> {
    sqlx::query(
        "INSERT INTO plimsoll_commands
                (sink, seq, verb, topic, kafka_partition, given_by, given_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(sink.to_owned())
    .bind(seq)
    .bind(command.verb.as_str())
    .bind(command.tp.as_ref().map(|tp| tp.topic.to_string()))
    .bind(command.tp.as_ref().map(|tp| tp.partition))
    .bind(command.by.clone())
    .bind(now_ms())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx(&e))
}

fn read(row: &SqliteRow) -> Result<Command, SinkError> {
    let parts = || -> sqlx::Result<_> {
        let topic: Option<String> = row.try_get(2)?;
        let partition: Option<i32> = row.try_get(3)?;
        let (seq, verb): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok((
            seq,
            verb,
            topic.zip(partition),
            row.try_get(4)?,
            row.try_get(5)?,
        ))
    };
    let (seq, verb, place, by, at): (_, _, _, _, i64) = parts().map_err(|e| from_sqlx(&e))?;
    Ok(Command {
        seq,
        command: NewCommand {
            verb: Verb::read(&verb).map_err(|e| halt(e.to_string()))?,
            tp: place.map(|(topic, partition)| TopicPartition::new(&topic, partition)),
            by,
        },
        age: age(now_ms(), at),
    })
}

/// A clock that was set back makes no age negative.
fn age(now: i64, then: i64) -> Duration {
    Duration::from_millis(now.saturating_sub(then).try_into().unwrap_or(0))
}
