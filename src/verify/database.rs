//! What a database is asked, and what it answers.

use super::cassandra::{Cassandra, CassandraTable};
use super::entry;
use super::passed::Passed;
use super::postgres::{PgTable, Postgres};
use super::sqlite::{LiteTable, Sqlite};
use plimsoll_sink_api::{Act, Cell, SinkError, Table};
use std::collections::{HashMap, HashSet};

/// Where a partition stands, by the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to consume: everything below is in the database.
    pub position: i64,
    /// The lowest offset that it ever began at, where it is known.
    pub start: Option<i64>,
    /// The cluster whose offsets these are.
    pub cluster: Option<String>,
    /// What was passed over on purpose.
    pub passed: Passed,
}

/// What operators did, by topic and partition.
pub type Acts = HashMap<(String, i32), Vec<Act>>;

impl Standing {
    /// Takes over what operators did to the partition.
    #[must_use]
    pub fn after(mut self, acts: &Acts) -> Self {
        if let Some(acts) = acts.get(&(self.topic.clone(), self.partition)) {
            self.passed = Passed::of(self.start, self.position, acts);
        }
        self
    }
}

/// A record's coordinate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// Dead letters by their coordinate. In memory: whoever has millions of them has
/// another question first.
pub type Letters = HashSet<Place>;

/// A row as the database writes it, hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// The same exactly where the database calls the keys equal; `None` without a key,
    /// or where a record's key was read off the clock.
    pub key: Option<u128>,
    /// How many transactions ago the row was written; 0 where nobody knows.
    pub age: u32,
    /// A hash per column; [`entry::SKIPPED`] for what a record had read off the clock.
    pub columns: Vec<u64>,
}

/// The plain texts of a row's columns, by their place.
pub type Texts<'t> = &'t dyn Fn(usize) -> Option<String>;

/// Why a database did not say how it would write values.
#[derive(Debug)]
pub enum Unreadable {
    /// One of the values is none of its column's type.
    Value,
    /// Something else.
    Failed(Failed),
}

/// The database fails, or the disk.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It says so.
    #[error("{}", without_values(.0))]
    Database(sqlx::Error),
    /// It says so, and what to do.
    #[error("{0}")]
    Sink(SinkError),
    /// A temporary file.
    #[error("a temporary file: {0}; hint: TMPDIR names another place for it")]
    Disk(std::io::Error),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                Self::Disk(error)
            }
            error => Self::Database(error),
        }
    }
}

impl From<SinkError> for Failed {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

/// A server's message may hold values.
fn without_values(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        None => format!("the database: {error}"),
        Some(said) => match said.code() {
            None => "the database refuses".to_owned(),
            Some(code) => {
                let table = said
                    .table()
                    .map_or(String::new(), |t| format!(", table \"{t}\""));
                format!("the database refuses: SQLSTATE or code {code}{table}")
            }
        },
    }
}

/// One snapshot of one sink's database.
pub enum Database {
    /// A server.
    Postgres(Box<Postgres>),
    /// A file.
    Sqlite(Box<Sqlite>),
    /// A cluster.
    Cassandra(Box<Cassandra>),
}

/// A table of it.
pub enum DbTable {
    /// Of a server.
    Postgres(PgTable),
    /// Of a file.
    Sqlite(LiteTable),
    /// Of a cluster.
    Cassandra(CassandraTable),
}

impl Database {
    /// Whether rows and positions are of one moment.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        match self {
            Self::Postgres(_) | Self::Sqlite(_) => true,
            // Positions are read first: rows below them were acknowledged.
            Self::Cassandra(_) => false,
        }
    }

    /// Where the sink stands.
    pub async fn positions(&mut self, sink: &str) -> Result<Vec<Standing>, Failed> {
        Ok(match self {
            Self::Postgres(db) => db.positions(sink).await?,
            Self::Sqlite(db) => db.positions(sink).await?,
            Self::Cassandra(db) => db.positions().await?,
        })
    }

    /// Its dead letters.
    pub async fn letters(&mut self, sink: &str) -> Result<Letters, Failed> {
        Ok(match self {
            Self::Postgres(db) => db.letters(sink).await?,
            Self::Sqlite(db) => db.letters(sink).await?,
            Self::Cassandra(db) => db.letters().await?,
        })
    }

    /// Reads the catalogue. `topic`: one of those that feed the table.
    pub async fn table(
        &mut self,
        target: &str,
        topic: &str,
        table: &Table,
    ) -> Result<DbTable, Failed> {
        Ok(match self {
            Self::Postgres(db) => DbTable::Postgres(db.table(target, table).await?),
            Self::Sqlite(db) => DbTable::Sqlite(db.table(target, table).await?),
            Self::Cassandra(db) => DbTable::Cassandra(db.table(topic).await?),
        })
    }

    /// Records as the database would write them.
    pub async fn canonical(
        &mut self,
        table: &DbTable,
        rows: &[&[Cell<'_>]],
        key_only: bool,
    ) -> Result<Vec<Canonical>, Unreadable> {
        match (self, table) {
            (Self::Postgres(db), DbTable::Postgres(table)) => {
                db.canonical(table, rows, key_only).await
            }
            (Self::Sqlite(db), DbTable::Sqlite(table)) => db.canonical(table, rows, key_only).await,
            (Self::Cassandra(_), DbTable::Cassandra(table)) => table.records(rows, key_only),
            (Self::Postgres(_) | Self::Sqlite(_) | Self::Cassandra(_), _) => {
                unreachable!("a table is asked of the database that it was read from")
            }
        }
    }

    /// Every row of the table.
    pub async fn rows(
        &mut self,
        table: &DbTable,
        each: impl FnMut(Canonical, Texts<'_>) -> std::io::Result<()>,
    ) -> Result<(), Failed> {
        match (self, table) {
            (Self::Postgres(db), DbTable::Postgres(table)) => db.rows(table, each).await?,
            (Self::Sqlite(db), DbTable::Sqlite(table)) => db.rows(table, each).await?,
            (Self::Cassandra(db), DbTable::Cassandra(table)) => db.rows(table, each).await?,
            (Self::Postgres(_) | Self::Sqlite(_) | Self::Cassandra(_), _) => {
                unreachable!("a table is asked of the database that it was read from")
            }
        }
        Ok(())
    }
}

impl DbTable {
    /// What stands for a missing field, per column; `None`: another thing in
    /// each row, so that the column cannot be compared.
    #[must_use]
    pub fn defaults(&self) -> &[Option<u64>] {
        match self {
            Self::Postgres(table) => table.defaults(),
            Self::Sqlite(table) => table.defaults(),
            Self::Cassandra(table) => table.defaults(),
        }
    }

    /// How many transactions ago a column became what it is, where that was later than
    /// its table; of all columns, or of none where the database does not tell.
    #[must_use]
    pub fn changed(&self) -> &[Option<u32>] {
        match self {
            Self::Postgres(table) => table.changed(),
            Self::Sqlite(_) | Self::Cassandra(_) => &[],
        }
    }

    /// The same with a word for what is not compared.
    #[must_use]
    pub fn default_hashes(&self) -> Vec<u64> {
        self.defaults()
            .iter()
            .map(|d| d.unwrap_or(entry::SKIPPED))
            .collect()
    }
}
