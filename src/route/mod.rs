//! Route: which table the records of a topic go to, as the catalogue says now.

use plimsoll_sink_api::{Prepared, Sink, SinkError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long a catalogue reading serves. A column that is added is taken up
/// after at most this; one query per topic and interval is no load.
pub const REFRESH: Duration = Duration::from_secs(5);

/// A table, and when it was asked for.
type Read<P> = (Instant, Arc<Prepared<P>>);

/// The prepared tables of one sink, shared by its writers.
#[derive(Debug)]
pub struct Router<S: Sink> {
    sink: Arc<S>,
    tables: Mutex<HashMap<String, Read<S::Plan>>>,
}

impl<S: Sink> Router<S> {
    /// Nothing is read yet.
    pub fn new(sink: Arc<S>) -> Self {
        Self {
            sink,
            tables: Mutex::new(HashMap::new()),
        }
    }

    /// The table of a topic, read at most [`REFRESH`] ago.
    ///
    /// # Errors
    /// What the sink says of the catalogue.
    pub async fn table(&self, topic: &str) -> Result<Arc<Prepared<S::Plan>>, SinkError> {
        self.read(topic, |read| read.elapsed() < REFRESH).await
    }

    /// The table of a topic, read after `since`: a commit found it changed.
    ///
    /// # Errors
    /// What the sink says of the catalogue.
    pub async fn reread(
        &self,
        topic: &str,
        since: Instant,
    ) -> Result<Arc<Prepared<S::Plan>>, SinkError> {
        self.read(topic, |read| read > since).await
    }

    /// Forgets the table of a topic: it was changed.
    pub async fn forget(&self, topic: &str) {
        self.tables.lock().await.remove(topic);
    }

    async fn read(
        &self,
        topic: &str,
        fresh: impl Fn(Instant) -> bool,
    ) -> Result<Arc<Prepared<S::Plan>>, SinkError> {
        let mut tables = self.tables.lock().await;
        if let Some((read, table)) = tables.get(topic)
            && fresh(*read)
        {
            return Ok(table.clone());
        }
        let asked = Instant::now();
        let table = self.sink.prepare(topic).await?;
        tables.insert(topic.to_owned(), (asked, table.clone()));
        Ok(table)
    }
}
