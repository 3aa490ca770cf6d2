//! What ties a database's settings, its sink and its snapshot together. The service
//! knows each database by this alone.

use crate::snapshot::Snapshot;
use crate::{Batch, Committed, DeadLetters, NewTable, Prepared, Route, Shared, Sink, SinkError};
use std::fmt;
use std::future::Future;

/// A database, by the settings of one sink that writes to it.
pub trait Backend: Clone + fmt::Debug + Send + Sync + 'static {
    /// Its names in a config, `[sinks.NAME.…]`. The first one stands in reports.
    const NAMES: &'static [&'static str];

    /// What writes to it.
    type Sink: Shared + DeadLetters + Inspect;

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

/// What the rows of a dry run went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// They were written in a transaction that was rolled back.
    RolledBack,
    /// They were brought into the database's own form, and not sent: it takes nothing
    /// back.
    Encoded,
}

impl DryRun {
    /// The same in words, behind a number of rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RolledBack => "written and rolled back",
            Self::Encoded => "encoded and not sent",
        }
    }
}

/// What operators ask of a database before the service runs.
pub trait Inspect: Sink {
    /// What [`Inspect::dry_run`] does.
    const DRY_RUN: DryRun;

    /// Tries the rows of a batch; nothing of them stays, and no position moves.
    fn dry_run(
        &self,
        batch: &Batch<'_, Self::Plan>,
    ) -> impl Future<Output = Result<Committed, SinkError>> + Send;

    /// The statements that make all of plimsoll's own tables.
    fn migrations(&self) -> String;

    /// The statements that make what is missing of them; `None`: nothing is. Writes
    /// nothing.
    ///
    /// # Errors
    /// The database did not answer, or does not tell this role.
    fn missing_migrations(&self) -> impl Future<Output = Result<Option<String>, SinkError>> + Send;

    /// The statement that makes a table, with the name that the config gives it. Nothing
    /// is asked.
    ///
    /// # Errors
    /// There can be no such table.
    fn create_table(&self, table: &NewTable) -> Result<String, SinkError>;

    /// Makes it by that statement.
    ///
    /// # Errors
    /// As [`Inspect::create_table`]; it is there; the database did not answer, or refuses.
    fn make_table(&self, table: &NewTable) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// The statements that make the `log` tables of these topics, where it makes any.
    fn log_tables(&self, topics: &[String]) -> Vec<String> {
        let _ = topics;
        Vec::new()
    }

    /// Those of them whose tables are missing. Writes nothing.
    ///
    /// # Errors
    /// As [`Inspect::missing_migrations`].
    fn missing_log_tables(
        &self,
        topics: &[String],
    ) -> impl Future<Output = Result<Vec<String>, SinkError>> + Send {
        let _ = topics;
        async { Ok(Vec::new()) }
    }

    /// Makes the `log` tables of these topics that are missing.
    ///
    /// # Errors
    /// The database did not answer, or refuses.
    fn make_log_tables(
        &self,
        topics: &[String],
    ) -> impl Future<Output = Result<(), SinkError>> + Send {
        let _ = topics;
        async { Ok(()) }
    }

    /// Tables of these topics that are not there, and that are for users to make, though
    /// plimsoll makes others like them: each in words, with its statement. Writes nothing.
    ///
    /// # Errors
    /// As [`Inspect::missing_migrations`].
    fn missing_tables_of_users(
        &self,
        topics: &[String],
    ) -> impl Future<Output = Result<Vec<String>, SinkError>> + Send {
        let _ = topics;
        async { Ok(Vec::new()) }
    }

    /// What else is to be known of a table, in lines for people: how it is divided.
    ///
    /// # Errors
    /// The database does not answer.
    fn notes(
        &self,
        table: &Prepared<Self::Plan>,
    ) -> impl Future<Output = Result<Vec<String>, SinkError>> + Send {
        let _ = table;
        async { Ok(Vec::new()) }
    }

    /// What the role may not do and would have to, for a topic, or for one route of it: each
    /// in words, with the statement that lets it. Empty where the database does not tell.
    /// Writes nothing.
    ///
    /// # Errors
    /// As `prepare_for`.
    fn missing_privileges(
        &self,
        topic: &str,
        route: Option<&Route>,
    ) -> impl Future<Output = Result<Vec<String>, SinkError>> + Send {
        let _ = (topic, route);
        async { Ok(Vec::new()) }
    }
}
