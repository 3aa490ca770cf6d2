//! The SQLite file, as somebody reads it who knows nothing of the service.

use super::broker::{PARTITIONS, TOPIC};
use super::config::{SinkName, tables};
use super::memory::{Differences, Memory, row_hash};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The writer's commits are short.
const BUSY: Duration = Duration::from_secs(5);

/// Where one partition of one sink stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The next offset.
    pub(super) position: i64,
    /// How often it was claimed.
    pub(super) epoch: i64,
}

/// Where all partitions of both sinks stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standings(pub(super) BTreeMap<(SinkName, usize), Standing>);

impl Standings {
    /// Where a partition of a sink stands; at 0 before its first claim.
    pub(super) fn of(&self, sink: SinkName, partition: usize) -> Standing {
        self.0.get(&(sink, partition)).copied().unwrap_or_default()
    }

    /// The lower of the two sinks' positions.
    pub(super) fn slowest(&self, partition: usize) -> i64 {
        let positions = SinkName::ALL.map(|sink| self.of(sink, partition).position);
        positions.into_iter().min().unwrap_or(0)
    }

    /// Offsets that a sink has passed.
    pub(super) fn passed(&self, sink: SinkName) -> i64 {
        (0..PARTITIONS).map(|p| self.of(sink, p).position).sum()
    }

    /// Offsets that both sinks have passed.
    pub(super) fn passed_by_both(&self) -> i64 {
        SinkName::ALL
            .map(|sink| self.passed(sink))
            .into_iter()
            .min()
            .unwrap_or(0)
    }
}

/// What a table holds, against what was produced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Rows in the table.
    pub(super) rows: u64,
    /// Its sink's dead letters.
    pub(super) dead_letters: u64,
    /// What is wrong.
    pub(super) differences: Differences,
}

/// A connection to the file.
pub(super) struct File {
    connection: SqliteConnection,
}

impl File {
    /// Makes the file with its two tables.
    pub(super) async fn create(path: &Path) -> Result<Self, sqlx::Error> {
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(BUSY)
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::raw_sql(AssertSqlSafe(tables()))
            .execute(&mut connection)
            .await?;
        Ok(Self { connection })
    }

    /// Where the sinks stand. Nowhere, while the writer has not made its table.
    pub(super) async fn standings(&mut self) -> Result<Standings, sqlx::Error> {
        let read = sqlx::query(
            "SELECT sink, kafka_partition, next_offset, epoch FROM plimsoll_positions WHERE topic = ?1",
        )
        .bind(TOPIC)
        .fetch_all(&mut self.connection)
        .await;
        let rows = match read {
            Err(sqlx::Error::Database(error)) if error.message().starts_with("no such table") => {
                return Ok(Standings::default());
            }
            rows => rows?,
        };
        let mut standings = Standings::default();
        for row in rows {
            let sink = SinkName::of(row.try_get(0)?);
            let partition = usize::try_from(row.try_get::<i64, _>(1)?);
            if let (Some(sink), Ok(partition)) = (sink, partition) {
                let standing = Standing {
                    position: row.try_get(2)?,
                    epoch: row.try_get(3)?,
                };
                standings.0.insert((sink, partition), standing);
            }
        }
        Ok(standings)
    }

    /// Compares the append table and its dead letters with the memory.
    pub(super) async fn append(&mut self, memory: &Memory) -> Result<Found, sqlx::Error> {
        let mut check = memory.append();
        let rows = self
            .rows(SinkName::Append, |row| {
                check.row((row.try_get(0)?, row.try_get(1)?), hash_of(row)?);
                Ok(())
            })
            .await?;
        let dead_letters = self
            .dead_letters(SinkName::Append, |partition, offset| {
                check.dead_letter((partition, offset))
            })
            .await?;
        Ok(Found {
            rows,
            dead_letters,
            differences: check.finish(),
        })
    }

    /// Compares the upsert table with the memory.
    pub(super) async fn upsert(&mut self, memory: &Memory) -> Result<Found, sqlx::Error> {
        let mut check = memory.upsert();
        let rows = self
            .rows(SinkName::Upsert, |row| {
                let id: Option<String> = row.try_get(FIRST_COLUMN)?;
                // No order has the number 0.
                let id = id.and_then(|id| id.parse().ok()).unwrap_or(0);
                check.row(id, (row.try_get(0)?, row.try_get(1)?), hash_of(row)?);
                Ok(())
            })
            .await?;
        let dead_letters = self
            .dead_letters(SinkName::Upsert, |_, _| check.dead_letter())
            .await?;
        Ok(Found {
            rows,
            dead_letters,
            differences: check.finish(),
        })
    }

    async fn rows(
        &mut self,
        sink: SinkName,
        mut take: impl FnMut(&SqliteRow) -> Result<(), sqlx::Error>,
    ) -> Result<u64, sqlx::Error> {
        let sql = format!(
            "SELECT kafka_partition, kafka_offset, CAST(id AS TEXT), customer, status, \
                    printf('%.2f', amount), CAST(items AS TEXT), city, updated_at, note, rowid \
               FROM {} WHERE rowid > ?1 ORDER BY rowid LIMIT {PAGE}",
            sink.table()
        );
        let (mut count, mut after) = (0, i64::MIN);
        loop {
            let rows = sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(after)
                .fetch_all(&mut self.connection)
                .await?;
            let Some(last) = rows.last() else {
                return Ok(count);
            };
            after = last.try_get(LAST_COLUMN + 1)?;
            count += rows.len() as u64;
            rows.iter().try_for_each(&mut take)?;
        }
    }

    async fn dead_letters(
        &mut self,
        sink: SinkName,
        mut take: impl FnMut(i32, i64),
    ) -> Result<u64, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT kafka_partition, kafka_offset FROM plimsoll_dead_letters WHERE sink = ?1",
        )
        .bind(sink.name())
        .fetch_all(&mut self.connection)
        .await?;
        for row in &rows {
            take(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(rows.len() as u64)
    }
}

/// Rows read at once: a bound on memory.
const PAGE: usize = 10_000;

/// Where an order's own columns begin and end in `rows`.
const FIRST_COLUMN: usize = 2;
const LAST_COLUMN: usize = 9;

fn hash_of(row: &SqliteRow) -> Result<u64, sqlx::Error> {
    let columns = (FIRST_COLUMN..=LAST_COLUMN).map(|i| row.try_get::<Option<&str>, _>(i));
    Ok(row_hash(&columns.collect::<Result<Vec<_>, _>>()?))
}
