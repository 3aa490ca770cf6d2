//! One look at a sink's database, for `verify`: positions, dead letters and rows, and
//! how the database itself would write what a record says.
//!
//! A snapshot shares nothing with what writes rows: it tells values from the documented
//! rules anew, so that a mistake of the writer is seen.

pub mod hash;
pub mod told;

use crate::{Act, Cell, Missing, Route, Routing, Sink, SinkError, Table, TableSettings};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::io;

/// Where a partition stands.
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
    /// What operators did to it, in its order.
    pub acts: Vec<Act>,
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

/// The table that a topic's records go into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The table's name as the database's statements have it. Topics of one name feed
    /// one table.
    pub target: String,
    /// For the decoder.
    pub table: Table,
    /// What a missing field does.
    pub missing: Missing,
    /// Why its rows cannot be compared, if so.
    pub incomparable: Option<&'static str>,
}

/// The tables that a topic's records go into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feeds {
    /// All of them into one.
    One,
    /// Into those of these routes that are there; `Routing` tells which.
    Routed(Routing, Vec<Route>),
}

impl Feeds {
    /// What the config says of a topic's table, and what the sink finds of its routes.
    ///
    /// # Errors
    /// As `routes` of the sink.
    pub async fn of<S: Sink>(
        sink: &S,
        settings: &TableSettings,
        topic: &str,
    ) -> Result<Self, SinkError> {
        match &settings.routing {
            None => Ok(Self::One),
            Some(routing) => Ok(Self::Routed(routing.clone(), sink.routes(topic).await?)),
        }
    }
}

/// A row as the database writes it, hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// The same exactly where the database calls the keys equal; `None` without a key,
    /// or where a record's key was read off the clock.
    pub key: Option<u128>,
    /// How many transactions ago the row was written; 0 where nobody knows.
    pub age: u32,
    /// A hash per column; [`hash::SKIPPED`] for what a record had read off the clock.
    pub columns: Vec<u64>,
}

/// The plain texts of a row's columns, by their place.
pub type Texts<'t> = &'t dyn Fn(usize) -> Option<String>;

/// Why a database did not say how it would write values.
#[derive(Debug)]
pub enum Unreadable {
    /// One of the values is not valid for its column's type.
    Value,
    /// Something else.
    Failed(SinkError),
}

/// Why rows were not read to their end.
#[derive(Debug)]
pub enum Stopped {
    /// The database fails.
    Sink(SinkError),
    /// Whoever takes the rows cannot put them away.
    Disk(io::Error),
}

impl From<SinkError> for Stopped {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

/// One snapshot of one sink's database. Opening and reading it changes nothing there.
pub trait Snapshot {
    /// What is known of a table.
    type Table: SnapshotTable;

    /// Whether rows and positions are of one moment. Where they are not, positions are
    /// read first: rows below them were acknowledged.
    fn is_of_one_moment(&self) -> bool;

    /// Where the sink stands, by topic and partition.
    fn positions(&mut self) -> impl Future<Output = Result<Vec<Standing>, SinkError>>;

    /// Its dead letters. In memory: whoever has millions of them has another question
    /// first.
    fn dead_letters(&mut self) -> impl Future<Output = Result<HashSet<Place>, SinkError>>;

    /// How many tables a topic's records go into.
    ///
    /// # Errors
    /// As `routes` of the sink.
    fn feeds(&self, topic: &str) -> impl Future<Output = Result<Feeds, SinkError>>;

    /// Where a topic's records go, or those of one route.
    ///
    /// # Errors
    /// As `prepare_for` of the sink.
    fn feed(
        &self,
        topic: &str,
        route: Option<&Route>,
    ) -> impl Future<Output = Result<Feed, SinkError>>;

    /// Reads the catalogue. `topic`: one of those that feed the table, by this route.
    fn table(
        &mut self,
        feed: &Feed,
        topic: &str,
        route: Option<&Route>,
    ) -> impl Future<Output = Result<Self::Table, SinkError>>;

    /// Records as the database would write them. `key_only`: of tombstones.
    fn canonical(
        &mut self,
        table: &Self::Table,
        rows: &[&[Cell<'_>]],
        key_only: bool,
    ) -> impl Future<Output = Result<Vec<Canonical>, Unreadable>>;

    /// Every row of the table.
    fn rows(
        &mut self,
        table: &Self::Table,
        each: impl FnMut(Canonical, Texts<'_>) -> io::Result<()>,
    ) -> impl Future<Output = Result<(), Stopped>>;
}

/// What a snapshot knows of a table.
pub trait SnapshotTable {
    /// What stands for a missing field, per column; `None`: another thing in each row,
    /// so that the column cannot be compared.
    fn defaults(&self) -> &[Option<u64>];

    /// How many transactions ago a column became what it is, where that was later than
    /// its table; of all columns, or of none where the database does not tell.
    fn changed(&self) -> &[Option<u32>] {
        &[]
    }
}

/// Gives each partition the acts that are its own, in their order.
#[must_use]
pub fn with_acts(
    mut standings: Vec<Standing>,
    acts: impl IntoIterator<Item = (String, i32, Act)>,
) -> Vec<Standing> {
    let mut by_partition: HashMap<(String, i32), Vec<Act>> = HashMap::new();
    for (topic, partition, act) in acts {
        by_partition
            .entry((topic, partition))
            .or_default()
            .push(act);
    }
    for standing in &mut standings {
        let key = (standing.topic.clone(), standing.partition);
        standing.acts = by_partition.remove(&key).unwrap_or_default();
    }
    standings
}
