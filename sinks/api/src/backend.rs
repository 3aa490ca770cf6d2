//! What ties a database's settings, its sink and its snapshot together. The service
//! knows each database by this alone.

use crate::snapshot::Snapshot;
use crate::{Sink, SinkError};
use std::fmt;
use std::future::Future;

/// A database, by the settings of one sink that writes to it.
pub trait Backend: Clone + fmt::Debug + Send + Sync + 'static {
    /// Its names in a config, `[sinks.NAME.…]`. The first one stands in reports.
    const NAMES: &'static [&'static str];

    /// What writes to it.
    type Sink: Inspect;

    /// What `verify` reads.
    type Snapshot: Snapshot;

    /// A sink that writes. `member`: what the database shows of who is connected.
    ///
    /// # Errors
    /// Settings that cannot be used. Nothing is connected to yet.
    fn open(&self, member: &str) -> Result<Self::Sink, SinkError>;

    /// A sink that looks: it makes nothing, not even what the first write would make.
    ///
    /// # Errors
    /// As [`Backend::open`].
    fn open_to_look(&self, member: &str) -> Result<Self::Sink, SinkError>;

    /// What stands there now.
    ///
    /// # Errors
    /// The database does not answer, or refuses.
    fn snapshot(&self) -> impl Future<Output = Result<Self::Snapshot, SinkError>>;

    /// Whether plimsoll's own tables are made at start.
    fn auto_migrate(&self) -> bool;

    /// Whether plimsoll's own tables are the same ones.
    fn shares_state(&self, other: &Self) -> bool;

    /// Whether an error says that plimsoll's own tables are not there, or not all of
    /// them: nobody has migrated yet, or an older version has.
    fn lacks_state(&self, error: &SinkError) -> bool;

    /// Whether an error of `prepare` only says that what the service makes by itself is
    /// not there yet.
    fn will_make(&self, topic: &str, error: &SinkError) -> bool {
        let _ = (topic, error);
        false
    }
}

/// What operators ask of a database, beside the data's path.
pub trait Inspect: Sink {
    /// The statements that make all of plimsoll's own tables.
    fn migrations(&self) -> String;

    /// The statements that make what is missing of them; `None`: nothing is. Writes
    /// nothing.
    ///
    /// # Errors
    /// The database did not answer, or does not tell this role.
    fn missing_migrations(&self) -> impl Future<Output = Result<Option<String>, SinkError>> + Send;

    /// What the role may not do and would have to, for a topic: each in words, with the
    /// statement that lets it. Empty where the database does not tell. Writes nothing.
    ///
    /// # Errors
    /// As `prepare`.
    fn missing_privileges(
        &self,
        topic: &str,
    ) -> impl Future<Output = Result<Vec<String>, SinkError>> + Send {
        let _ = topic;
        async { Ok(Vec::new()) }
    }
}
