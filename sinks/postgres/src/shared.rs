//! What instances share: what is wanted of the sink, commands, and what each says of itself.

use crate::error::{from_sqlx, halt, on_state};
use crate::names::{Names, uuid};
use crate::sink::PostgresSink;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{
    Command, FORGOTTEN_AFTER, MOST_COMMANDS, Member, NewCommand, Reported, Shared, SinkError,
    SinkState, Verb, Wanted,
};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;

impl Shared for PostgresSink {
    async fn report(&self, member: &Member, report: &str) -> Result<Wanted, SinkError> {
        self.on_control(async |conn| {
            note(conn, &self.names, self.sink(), member, report).await?;
            wanted(conn, &self.names, self.sink()).await
        })
        .await
    }

    async fn farewell(&self, member: &Member) -> Result<(), SinkError> {
        // As if it had been silent for long: the next instance takes the row.
        let sql = format!(
            "UPDATE {} SET seen_at = to_timestamp(0) WHERE sink = $1 AND owner = $2::text::uuid",
            self.names.members
        );
        self.on_control(async |conn| {
            sqlx::query(AssertSqlSafe(sql))
                .bind(self.sink())
                .bind(uuid(member.owner))
                .execute(conn)
                .await
                .map(|_| ())
                .map_err(|e| on_state(&self.names.shown, e))
        })
        .await
    }

    async fn wanted(&self) -> Result<Wanted, SinkError> {
        self.on_control(async |conn| wanted(conn, &self.names, self.sink()).await)
            .await
    }

    async fn reports(&self) -> Result<Vec<Reported>, SinkError> {
        let sql = format!(
            "SELECT name, report, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS age \
             FROM {} WHERE sink = $1 AND seen_at > clock_timestamp() - make_interval(secs => $2) \
             ORDER BY name",
            self.names.members
        );
        self.on_control(async |conn| {
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(self.sink())
                .bind(FORGOTTEN_AFTER.as_secs_f64())
                .fetch_all(conn)
                .await
                .map_err(|e| on_state(&self.names.shown, e))?;
            let reported = |row: &PgRow| {
                Ok(Reported {
                    name: row.try_get("name")?,
                    report: row.try_get("report")?,
                    age: age(row)?,
                })
            };
            let all: sqlx::Result<_> = rows.iter().map(reported).collect();
            all.map_err(from_sqlx)
        })
        .await
    }

    async fn command(&self, command: &NewCommand) -> Result<Wanted, SinkError> {
        self.on_control(async |conn| give(conn, &self.names, self.sink(), command).await)
            .await
    }

    async fn commands(&self, after: i64) -> Result<Vec<Command>, SinkError> {
        let sql = format!(
            "SELECT seq, verb, topic, kafka_partition, given_by, \
             extract(epoch FROM clock_timestamp() - given_at)::float8 AS age FROM {} \
             WHERE sink = $1 AND seq > $2 ORDER BY seq DESC LIMIT $3",
            self.names.commands
        );
        self.on_control(async |conn| {
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(self.sink())
                .bind(after)
                .bind(MOST_COMMANDS as i64)
                .fetch_all(conn)
                .await
                .map_err(|e| on_state(&self.names.shown, e))?;
            rows.iter().rev().map(read).collect()
        })
        .await
    }
}

/// Writes what an instance says, over what it said before, or over what one said that is gone.
async fn note(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    member: &Member,
    report: &str,
) -> Result<(), SinkError> {
    let own = format!(
        "UPDATE {} SET report = $4, name = $3, seen_at = clock_timestamp() \
         WHERE sink = $1 AND owner = $2::text::uuid",
        names.members
    );
    let of_another = format!(
        "UPDATE {0} SET owner = $2::text::uuid, name = $3, report = $4, seen_at = clock_timestamp() \
         WHERE sink = $1 AND owner = (SELECT owner FROM {0} WHERE sink = $1 \
         AND seen_at < clock_timestamp() - make_interval(secs => {1}) \
         ORDER BY seen_at LIMIT 1 FOR UPDATE SKIP LOCKED)",
        names.members,
        FORGOTTEN_AFTER.as_secs()
    );
    let new = format!(
        "INSERT INTO {} (sink, owner, name, report, seen_at) \
         VALUES ($1, $2::text::uuid, $3, $4, clock_timestamp()) ON CONFLICT DO NOTHING",
        names.members
    );
    for sql in [own, of_another, new] {
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(sink)
            .bind(uuid(member.owner))
            .bind(&member.name)
            .bind(report)
            .execute(&mut *conn)
            .await
            .map_err(|e| on_state(&names.shown, e))?;
        if done.rows_affected() > 0 {
            break;
        }
    }
    Ok(())
}

async fn wanted(conn: &mut PgConnection, names: &Names, sink: &str) -> Result<Wanted, SinkError> {
    let sql = format!("SELECT state, seq FROM {} WHERE sink = $1", names.sinks);
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .fetch_optional(conn)
        .await
        .map_err(|e| on_state(&names.shown, e))?;
    row.as_ref().map_or(Ok(Wanted::default()), read_wanted)
}

fn read_wanted(row: &PgRow) -> Result<Wanted, SinkError> {
    let state: String = row.try_get("state").map_err(from_sqlx)?;
    Ok(Wanted {
        state: SinkState::read(&state).map_err(|e| halt(e.to_string()))?,
        seq: row.try_get("seq").map_err(from_sqlx)?,
    })
}

async fn give(
    conn: &mut PgConnection,
    names: &Names,
    sink: &str,
    command: &NewCommand,
) -> Result<Wanted, SinkError> {
    // One statement: its locks, and with them the order of commands, end with it.
    let sql = format!(
        "WITH given AS (INSERT INTO {0} AS s (sink, state, seq) \
         VALUES ($1, coalesce($2, 'running'), 1) \
         ON CONFLICT (sink) DO UPDATE SET state = coalesce($2, s.state), seq = s.seq + 1 \
         RETURNING s.state, s.seq), \
         noted AS (INSERT INTO {1} (sink, seq, verb, topic, kafka_partition, given_by) \
         SELECT $1, seq, $3, $4, $5, $6 FROM given) \
         SELECT state, seq FROM given",
        names.sinks, names.commands
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(sink)
        .bind(command.verb.state().map(SinkState::as_str))
        .bind(command.verb.as_str())
        .bind(command.tp.as_ref().map(|tp| tp.topic.to_string()))
        .bind(command.tp.as_ref().map(|tp| tp.partition))
        .bind(&command.by)
        .fetch_one(conn)
        .await
        .map_err(|e| on_state(&names.shown, e))?;
    read_wanted(&row)
}

fn read(row: &PgRow) -> Result<Command, SinkError> {
    let parts = || -> sqlx::Result<_> {
        let topic: Option<String> = row.try_get("topic")?;
        let partition: Option<i32> = row.try_get("kafka_partition")?;
        Ok((
            row.try_get("seq")?,
            row.try_get::<String, _>("verb")?,
            topic.zip(partition),
            row.try_get("given_by")?,
            age(row)?,
        ))
    };
    let (seq, verb, place, by, age) = parts().map_err(from_sqlx)?;
    Ok(Command {
        seq,
        command: NewCommand {
            verb: Verb::read(&verb).map_err(|e| halt(e.to_string()))?,
            tp: place.map(|(topic, partition)| TopicPartition::new(&topic, partition)),
            by,
        },
        age,
    })
}

/// A clock that was set back makes no age negative.
fn age(row: &PgRow) -> sqlx::Result<Duration> {
    let seconds: f64 = row.try_get("age")?;
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default())
}
