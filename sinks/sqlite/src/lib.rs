//! The SQLite sink: rows and position in one transaction, in one file.
//!
//! SQLite has one writer per file, so a sink keeps two connections: one that
//! commits, and one that claims and reads. Both queue for this process's turn
//! before they ask SQLite for its lock.
//!
//! A commit is `BEGIN IMMEDIATE`, the compare-and-set of the position, the rows,
//! the dead letters, `COMMIT`. All of it happens inside this process: there is
//! no server that could hold a dead writer's session. A writer that is *stopped*
//! inside a commit (SIGSTOP) holds the file's lock until it is woken or killed,
//! and its successor's claim waits; a killed one lets go at once.
//!
//! Durability: `synchronous = FULL`, in WAL mode: a commit that was answered
//! survives a power cut, as far as the disk keeps its word.
//!
//! Numbers: SQLite has 64-bit integers and floats. A number that neither holds
//! with every digit is kept as text in a TEXT or untyped column and refused
//! elsewhere, but for REAL columns, which round.

mod acts;
mod affinity;
mod catalogue;
mod commit;
mod connection;
mod ddl;
mod dead_letters;
mod default;
mod encode;
mod error;
mod holder;
mod logs;
mod migrations;
mod number;
mod plan;
mod positions;
mod rows;
mod settings;
mod shared;
mod snapshot;
mod statement;
mod turn;

#[cfg(test)]
mod tests;

pub use plan::SqlitePlan;
pub use settings::SqliteSettings;
pub use snapshot::SqliteSnapshot;

use connection::{Database, Lane, Open, within};
use plimsoll_protocol::{Claim, Class, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Claimed, Committed, DeadLetterFilter, DeadLetterPage, DeadLetters, DryRun, Grouping,
    Identity, Inspect, KeptDeadLetter, Member, Mode, NewPosition, NewTable, PositionChange,
    Positions, Prepared, Refusal, Replay, Route, SetOutcome, Settled, Sink, SinkError,
    StoredPosition, TableChange, mapping, route_in,
};
use std::sync::Arc;

/// A sink that writes to a SQLite file.
#[derive(Debug)]
pub struct SqliteSink {
    settings: SqliteSettings,
    database: Database,
}

impl SqliteSink {
    /// A sink for these settings. Nothing is opened yet.
    ///
    /// # Errors
    /// [`Class::Halt`] where the settings name no file.
    pub fn open(settings: SqliteSettings) -> Result<Self, SinkError> {
        if settings.path.as_os_str().is_empty() {
            return Err(
                SinkError::new(Class::Halt, "the path of the SQLite file is empty")
                    .hint("name a file: path = \"orders.db\""),
            );
        }
        let database = Database::new(&settings.path);
        Ok(Self { settings, database })
    }

    /// The `log` tables of these topics.
    fn logs(&self, topics: &[String]) -> Vec<logs::LogTable<'_>> {
        let logs = mapping::log_tables(&self.settings.tables, topics);
        let named = |(settings, topic)| {
            let name = mapping::table_name(settings, topic, None).ok()?;
            Some((name, settings))
        };
        logs.into_iter().filter_map(named).collect()
    }
}

/// Whether a table's name is one that records may not choose.
fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("sqlite_") || name.starts_with("plimsoll_")
}

/// Batches of one commit, at most: each is a statement of its own for the fence, while all
/// others wait for their turn.
const MOST_BATCHES: usize = 1_000;

impl Sink for SqliteSink {
    type Plan = SqlitePlan;

    async fn migrate(&self) -> Result<(), SinkError> {
        migrations::run(&self.database).await
    }

    async fn prepare_for(
        &self,
        topic: &str,
        route: Option<&Route>,
    ) -> Result<Arc<Prepared<SqlitePlan>>, SinkError> {
        let settings = mapping::rule(&self.settings.tables, topic)?;
        let name = mapping::table_name(settings, topic, route)?;
        if route.is_some() && is_reserved(&name) {
            return Err(mapping::no_such_name(
                settings,
                "is one of SQLite's own, or of plimsoll's",
            ));
        }
        let mut made = route.is_some();
        loop {
            let found = within(async {
                let mut lease = self.database.lease(Lane::Other, Open::Existing).await?;
                let found = catalogue::read(lease.connection(), &name).await?;
                lease.keep();
                Ok(found)
            })
            .await
            .map_err(|mut error: SinkError| {
                // Where there is no file, there is no table in it.
                error.detail.no_table = !self.settings.path.exists();
                error
            })?;
            match found {
                // SQLite calls names equal that differ in case: two routes would be one table.
                Ok(info) if route.is_some() && info.name != name => {
                    return Err(plan::missing_table(&name, settings.mode, &[]));
                }
                Ok(info) => return plan::build(settings, &info).map(Arc::new),
                // A log table that is named after its topic is made when the
                // topic is first seen.
                Err(_) if settings.mode == Mode::Log && self.settings.auto_migrate && !made => {
                    made = true;
                    logs::make(&self.database, &[(name.clone(), settings)]).await?;
                }
                Err(others) => return Err(plan::missing_table(&name, settings.mode, &others)),
            }
        }
    }

    async fn routes(&self, topic: &str) -> Result<Vec<Route>, SinkError> {
        let settings = mapping::rule(&self.settings.tables, topic)?;
        if settings.routing.is_none() || !self.settings.path.exists() {
            return Ok(Vec::new());
        }
        let open = settings.words(topic, None).fill(&settings.table);
        let names = within(async {
            let mut lease = self.database.lease(Lane::Other, Open::Existing).await?;
            let names = catalogue::names(lease.connection()).await?;
            lease.keep();
            Ok(names)
        });
        let names = names.await?;
        let meant = names.iter().filter(|name| !is_reserved(name));
        Ok(meant.filter_map(|name| route_in(&open, name)).collect())
    }

    async fn change_table(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        change: &TableChange,
    ) -> Result<(), SinkError> {
        let settings = mapping::rule(&self.settings.tables, change.topic())?;
        let name = mapping::table_name(settings, change.topic(), None)?;
        let holder = ddl::Holder {
            sink: &self.settings.sink,
            tp,
            claim,
        };
        ddl::change(&self.database, &holder, &name, change).await
    }

    async fn settled(&self) -> Result<Vec<Settled>, SinkError> {
        positions::settled(&self.database, &self.settings.sink).await
    }

    async fn settle(
        &self,
        identity: &Identity,
        rule: StartRule,
        starts: &[NewPosition],
    ) -> Result<(), SinkError> {
        positions::settle(&self.database, &self.settings.sink, identity, rule, starts).await
    }

    async fn claim(
        &self,
        member: &Member,
        identity: &Identity,
        tp: &TopicPartition,
    ) -> Result<Claimed, SinkError> {
        positions::claim(&self.database, &self.settings.sink, member, identity, tp).await
    }

    fn grouping(&self) -> Grouping {
        Grouping {
            batches: MOST_BATCHES,
            // One writes at a time.
            commits: 1,
        }
    }

    async fn commit(&self, batches: &[Batch<'_, SqlitePlan>]) -> Result<Vec<Committed>, Refusal> {
        commit::commit(&self.database, &self.settings.sink, batches).await
    }

    async fn takes(&self, batch: &Batch<'_, SqlitePlan>) -> Result<(), SinkError> {
        commit::dry_run(&self.database, batch).await.map(|_| ())
    }

    async fn release(&self, tp: &TopicPartition, claim: Claim) -> Result<(), SinkError> {
        positions::release(&self.database, &self.settings.sink, tp, claim).await
    }

    async fn heartbeat(&self, member: &Member) -> Result<(), SinkError> {
        positions::heartbeat(&self.database, &self.settings.sink, member).await
    }

    async fn remember_topic(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        topic_id: &str,
    ) -> Result<(), SinkError> {
        positions::remember_topic(&self.database, &self.settings.sink, tp, claim, topic_id).await
    }
}

impl Positions for SqliteSink {
    async fn positions(&self) -> Result<Vec<StoredPosition>, SinkError> {
        positions::list(&self.database, &self.settings.sink).await
    }

    async fn set_position(&self, change: &PositionChange) -> Result<SetOutcome, SinkError> {
        positions::set(&self.database, &self.settings.sink, change).await
    }

    async fn holds_rows(
        &self,
        table: &Prepared<SqlitePlan>,
        tp: &TopicPartition,
    ) -> Result<bool, SinkError> {
        dead_letters::holds_rows(&self.database, &table.plan, tp).await
    }
}

impl DeadLetters for SqliteSink {
    async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        page: &DeadLetterPage,
    ) -> Result<Vec<KeptDeadLetter>, SinkError> {
        dead_letters::list(&self.database, &self.settings.sink, filter, page).await
    }

    async fn replay(&self, replay: &Replay<'_, SqlitePlan>) -> Result<Committed, SinkError> {
        dead_letters::replay(&self.database, &self.settings.sink, replay).await
    }

    async fn drop_dead_letters(&self, filter: &DeadLetterFilter) -> Result<u64, SinkError> {
        dead_letters::remove(&self.database, &self.settings.sink, filter).await
    }
}

impl Inspect for SqliteSink {
    const DRY_RUN: DryRun = DryRun::RolledBack;

    async fn dry_run(&self, batch: &Batch<'_, SqlitePlan>) -> Result<Committed, SinkError> {
        commit::dry_run(&self.database, batch).await
    }

    fn migrations(&self) -> String {
        migrations::print()
    }

    async fn missing_migrations(&self) -> Result<Option<String>, SinkError> {
        match self.settings.path.exists() {
            true => migrations::missing(&self.database).await,
            false => Ok(Some(self.migrations())),
        }
    }

    fn create_table(&self, table: &NewTable) -> Result<String, SinkError> {
        let settings = mapping::rule(&self.settings.tables, &table.topic)?;
        ddl::create(&mapping::table_name(settings, &table.topic, None)?, table)
    }

    async fn make_table(&self, table: &NewTable) -> Result<(), SinkError> {
        ddl::make(&self.database, self.create_table(table)?).await
    }

    fn log_tables(&self, topics: &[String]) -> Vec<String> {
        let logs = self.logs(topics).into_iter();
        logs.map(|(name, settings)| plan::create_log_table(&name, settings))
            .collect()
    }

    async fn missing_log_tables(&self, topics: &[String]) -> Result<Vec<String>, SinkError> {
        if !self.settings.path.exists() {
            return Ok(self.log_tables(topics));
        }
        let missing = logs::missing(&self.database, self.logs(topics)).await?;
        Ok(missing
            .into_iter()
            .map(|(name, settings)| plan::create_log_table(&name, settings))
            .collect())
    }

    async fn make_log_tables(&self, topics: &[String]) -> Result<(), SinkError> {
        logs::make(&self.database, &self.logs(topics)).await
    }
}
