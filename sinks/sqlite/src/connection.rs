//! Connections: opened when needed, thrown away when in doubt.

use crate::error::from_sqlx;
use crate::holder::blame;
use crate::turn::{Turn, turn_of};
use plimsoll_protocol::Class;
use plimsoll_sink_api::SinkError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// How long SQLite waits for another process's write. Longer than any commit of
/// ours, shorter than what a person takes for a hang.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one call may take before its connection is dropped: the wait for
/// the lock, a batch on a slow disk, and the disk's own stalls.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// SQLite does not wait for the lock that a change into WAL mode needs.
const WAL_RETRY: Duration = Duration::from_millis(20);

/// Pages of WAL before a commit folds them into the file: 16 MiB. The default
/// of 4 MiB folds after every third batch, and each folding syncs twice.
const WAL_PAGES: &str = "4000";

/// 16 MiB per connection, two connections: the inner pages of an index over
/// some ten million keys.
const CACHE: &str = "-16384";

/// Statements of four lengths for some shapes of some tables; each holds its
/// compiled program, up to 200 KiB for the longest.
const CACHED_STATEMENTS: usize = 64;

/// How a connection is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// The file must be there.
    Existing,
    /// Makes the file, and turns WAL mode on, which stays in the file.
    Create,
}

/// Which of a sink's two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Commits.
    Writer,
    /// Claims, heartbeats and reading: never behind a batch that hangs.
    Other,
}

/// How a transaction ends that met no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It counts.
    Commit,
    /// It was a dry run.
    Rollback,
}

type Slot = Mutex<Option<SqliteConnection>>;

/// The file, and the two connections that a sink keeps to it.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    turn: Arc<Turn>,
    writer: Slot,
    other: Slot,
}

impl Database {
    /// Names a file; nothing is opened.
    pub fn new(path: &Path) -> Self {
        // Absolute also keeps SQLite from reading a meaning into a name such as
        // ":memory:" or "file:x".
        let path = std::path::absolute(path).unwrap_or_else(|_| Path::new(".").join(path));
        Self {
            turn: turn_of(&path),
            path,
            writer: Slot::default(),
            other: Slot::default(),
        }
    }

    /// Waits for this process's turn to write. Each holder has a deadline, so
    /// the wait has one too.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// A connection, for one call.
    pub async fn lease(&self, lane: Lane, open: Open) -> Result<Lease<'_>, SinkError> {
        let mut slot = match lane {
            Lane::Writer => self.writer.lock().await,
            Lane::Other => self.other.lock().await,
        };
        let connection = match (slot.take(), open) {
            (Some(connection), Open::Existing) => connection,
            (_, open) => self.open(open).await?,
        };
        Ok(Lease {
            path: &self.path,
            slot,
            connection,
        })
    }

    async fn open(&self, open: Open) -> Result<SqliteConnection, SinkError> {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // A commit that was answered survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", WAL_PAGES)
            .pragma("cache_size", CACHE)
            .statement_cache_capacity(CACHED_STATEMENTS)
            .disable_statement_logging();
        let options = match open {
            Open::Existing => options,
            Open::Create => options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal),
        };
        let began = Instant::now();
        loop {
            let error = match options.connect().await {
                Ok(connection) => return Ok(connection),
                Err(error) => from_sqlx(&error),
            };
            let locked = error.detail.code.as_deref() == Some("SQLITE_BUSY");
            if !locked || began.elapsed() > BUSY_TIMEOUT {
                return Err(self.named(error));
            }
            tokio::time::sleep(WAL_RETRY).await;
        }
    }
}

impl Database {
    /// Says which file could not be opened.
    fn named(&self, mut error: SinkError) -> SinkError {
        error = blame(&self.path, error);
        error.detail.condition = format!("{}: {}", self.path.display(), error.detail.condition);
        error
    }
}

/// A connection in use. Dropped, it is closed, and what it had begun is rolled
/// back: after an error, and when the caller goes away. Only [`Lease::keep`]
/// gives it back.
#[derive(Debug)]
pub struct Lease<'d> {
    path: &'d Path,
    slot: MutexGuard<'d, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

impl Lease<'_> {
    /// The connection.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// All went well: the next call may use it.
    pub fn keep(mut self) {
        *self.slot = Some(self.connection);
    }
}

/// A write transaction. `BEGIN IMMEDIATE`: the write lock is had at once or not
/// at all, so nothing that was read inside can be out of date.
#[derive(Debug)]
pub struct Transaction<'d> {
    lease: Lease<'d>,
    _turn: MutexGuard<'d, ()>,
}

impl<'d> Transaction<'d> {
    /// Begins one.
    pub async fn begin(
        turn: MutexGuard<'d, ()>,
        mut lease: Lease<'d>,
    ) -> Result<Transaction<'d>, SinkError> {
        execute(lease.connection(), "BEGIN IMMEDIATE")
            .await
            .map_err(|error| blame(lease.path, error))?;
        Ok(Self { lease, _turn: turn })
    }

    /// The connection.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        self.lease.connection()
    }

    /// Ends it by what came of the work inside.
    pub async fn end<T>(mut self, result: Result<T, SinkError>, end: End) -> Result<T, SinkError> {
        let statement = match (&result, end) {
            (Ok(_), End::Commit) => "COMMIT",
            (Ok(_), End::Rollback) | (Err(_), _) => "ROLLBACK",
        };
        match (result, execute(self.connection(), statement).await) {
            (result, Ok(())) => {
                self.lease.keep();
                result
            }
            // A COMMIT can be refused for a deferred constraint.
            (Ok(_), Err(error)) => {
                if error.class == Class::Rejected
                    && execute(self.connection(), "ROLLBACK").await.is_ok()
                {
                    self.lease.keep();
                }
                Err(error)
            }
            (Err(error), Err(_)) => Err(error),
        }
    }
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), SinkError> {
    match sqlx::query(sql).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) => Err(from_sqlx(&error)),
    }
}

/// Gives a call its deadline. What it leaves open is dropped.
pub async fn within<T>(work: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
    match timeout(CALL_TIMEOUT, work).await {
        Ok(result) => result,
        Err(_) => Err(SinkError::new(
            Class::Unavailable,
            format!("no answer within {} s", CALL_TIMEOUT.as_secs()),
        )),
    }
}
