//! The sink: which connection does what, and how long it may take.

use crate::blocked::Waiters;
use crate::catalog::{self, Relation, TableName};
use crate::claim::{self, Claiming};
use crate::commit;
use crate::connect::{Dialer, Role, Session};
use crate::control::{Control, within};
use crate::error::{halt, has_code};
use crate::names::Names;
use crate::plan::{self, PgPlan};
use crate::pool::{Lease, Pool};
use crate::sweep::{self, Purpose};
use crate::{
    PostgresSettings, letters, log, migrate,
    privileges::{self, Lack},
    probe, state, statement,
};
use plimsoll_protocol::{Claim, Class, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Blocked, Claimed, Committed, Identity, Inspect, KeptLetter, LetterFilter, LetterPage,
    Member, Mode, NewPosition, PositionChange, Prepared, Replay, SetOutcome, Settled, Sink,
    SinkError, StoredPosition, TableSettings, mapping,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a merge is run again that lost a race for a new key: the second run
/// sees the row that the first one met.
const RACES: u32 = 3;

/// How often a `log` table is asked to be made: of two who make it at once, one
/// is refused, and finds it the next time.
const CREATIONS: u32 = 3;

/// Rows and positions in one Postgres database.
pub struct PostgresSink {
    settings: PostgresSettings,
    names: Names,
    dialer: Arc<Dialer>,
    pool: Pool,
    control: Control,
    creates: bool,
    copy_above: usize,
    /// By topic: the last plan, handed out again while nothing changed.
    plans: Mutex<HashMap<String, Arc<Prepared<PgPlan>>>>,
    waiters: Waiters,
}

impl std::fmt::Debug for PostgresSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresSink")
            .field("sink", &self.settings.sink)
            .finish_non_exhaustive()
    }
}

impl PostgresSink {
    /// Makes the sink; connects to nothing yet. `member` is a readable name of
    /// this process, for the sessions' application name.
    ///
    /// # Errors
    /// Of class `Halt`, for a URL that cannot be read.
    pub fn open(settings: PostgresSettings, member: &str) -> Result<Self, SinkError> {
        crate::check_url(settings.url.reveal()).map_err(halt)?;
        let dialer = Arc::new(Dialer::new(&settings, member));
        let size = settings.max_connections.max(1);
        Ok(Self {
            names: Names::new(&settings.state_schema),
            pool: Pool::new(Arc::clone(&dialer), size, settings.call_timeout)?,
            control: Control::new(Arc::clone(&dialer)),
            creates: settings.auto_migrate,
            copy_above: commit::COPY_ABOVE,
            plans: Mutex::default(),
            waiters: Waiters::default(),
            dialer,
            settings,
        })
    }

    /// For checks: `prepare` makes no `log` table but plans for the one that the
    /// service would make.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.creates = false;
        self
    }

    /// Batches of more rows are copied; both ways are tested with small ones.
    #[cfg(test)]
    pub(crate) fn copying_above(mut self, rows: usize) -> Self {
        self.copy_above = rows;
        self
    }

    async fn lacking(&self, plan: &PgPlan) -> Result<Vec<Lack>, SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let conn = &mut lease.session.conn;
            let missing = privileges::missing(conn, &self.names, plan).await?;
            lease.done();
            Ok(missing)
        })
        .await
    }

    /// What mends a refusal: the statements themselves, where the catalogue tells.
    async fn mend(&self, plan: &PgPlan) -> String {
        let lacking = self.lacking(plan).await.unwrap_or_default();
        if lacking.is_empty() {
            return format!(
                "a policy of {} refuses the row, or what its triggers and defaults use is not \
                 granted",
                plan.target
            );
        }
        let all: Vec<String> = lacking.into_iter().map(|lack| lack.mend).collect();
        all.join("; ")
    }

    fn limit(&self) -> Duration {
        self.settings.call_timeout
    }

    fn sink(&self) -> &str {
        &self.settings.sink
    }

    /// Reads the catalogue, and makes a `log` table that is missing.
    async fn relation(
        &self,
        settings: &TableSettings,
        name: &TableName,
    ) -> Result<(Relation, Option<String>), SinkError> {
        let mut attempt = 1;
        loop {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let pid = session.pid;
            let found = self
                .beside(pid, catalog::read(&mut session.conn, name))
                .await?;
            if let Some(relation) = found {
                lease.done();
                return Ok((relation, None));
            }
            let create = match settings.mode {
                Mode::Log if self.settings.auto_migrate => plan::create_log_table(name),
                mode @ (Mode::Log | Mode::Append | Mode::Upsert) => {
                    let others = catalog::others(&mut session.conn, name).await?;
                    lease.done();
                    let others = others.iter().map(String::as_str);
                    return Err(mapping::missing_table(&name.shown(), mode, others));
                }
            };
            if !self.creates {
                lease.done();
                return Ok((plan::log_relation(name), Some(create)));
            }
            match commit::simple(&mut lease.session.conn, create).await {
                Ok(()) => lease.done(),
                // Made by somebody else at the same moment.
                Err(e)
                    if attempt < CREATIONS
                        && ["23505", "42P07", "42710"]
                            .iter()
                            .any(|code| has_code(&e, code)) => {}
                Err(mut e) => {
                    let schema = name.schema();
                    let hint = match e.detail.code.as_deref() {
                        Some("42501") => {
                            format!("GRANT CREATE ON SCHEMA {schema} TO …, or create the table")
                        }
                        Some("3F000") => {
                            format!("CREATE SCHEMA {schema}: plimsoll only makes the table")
                        }
                        _ => return Err(e),
                    };
                    e.class = Class::Halt;
                    e.detail.hint = Some(hint);
                    return Err(e);
                }
            }
            attempt += 1;
        }
    }

    /// Runs one attempt of a commit on a connection of its own.
    async fn commit_once(&self, batch: &Batch<'_, PgPlan>) -> Result<Committed, SinkError> {
        let mut lease = self.pool.lease().await?;
        let session = lease.session()?;
        let pid = session.pid;
        let work = commit::run(session, &self.names, self.sink(), batch, self.copy_above);
        match self
            .watched((batch.topic, batch.partition), pid, work)
            .await
        {
            Ok((rows, terminated)) => {
                lease.done();
                Ok(Committed {
                    rows,
                    terminated,
                    ..Committed::default()
                })
            }
            Err(error) => {
                self.keep_after(lease, &error).await;
                Err(error)
            }
        }
    }

    /// A batch that the server refused leaves a session that a rollback makes
    /// clean. A search for one bad record is refused a dozen times, and over TLS
    /// a new session takes 100 ms. After anything else the session is closed.
    async fn keep_after(&self, mut lease: Lease, error: &SinkError) {
        let answered = error.detail.code.is_some();
        match error.class {
            // The cached plan is the trouble: this session keeps it.
            Class::Suspect if has_code(error, "0A000") => return,
            Class::Rejected | Class::Suspect | Class::Again | Class::Moved if answered => {}
            Class::Rejected | Class::Suspect | Class::Again | Class::Moved => return,
            Class::Stale | Class::Halt | Class::Away => return,
        }
        let Ok(session) = lease.session() else { return };
        let rollback = commit::simple(&mut session.conn, "ROLLBACK".to_owned());
        if within(self.limit(), rollback).await.is_ok() {
            lease.done();
        }
    }

    async fn watched<T>(
        &self,
        (topic, partition): (&str, i32),
        pid: i32,
        work: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<(T, u32), SinkError> {
        let about = TopicPartition::new(topic, partition);
        let waiter = self.waiters.waiter(Some(about));
        within(self.limit(), async {
            let (result, swept) =
                sweep::watch(&self.dialer, pid, Purpose::Commit, &waiter, work).await;
            result.map(|value| (value, swept.terminated))
        })
        .await
        .map_err(|error| waiter.explain(error))
    }

    /// A call with its deadline; where it ends for somebody's lock, it says so.
    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        within(self.limit(), work)
            .await
            .map_err(|error| self.waiters.explain(error))
    }

    /// Looks whose lock is in the way of what the control connection does.
    async fn beside<T>(
        &self,
        pid: i32,
        work: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        let waiter = self.waiters.waiter(None);
        let watched = sweep::watch(&self.dialer, pid, Purpose::Other, &waiter, work);
        let (result, _) = watched.await;
        result.map_err(|error| waiter.explain(error))
    }

    /// A `log` table holds rows of the batch already.
    async fn deduplicate(
        &self,
        batch: &Batch<'_, PgPlan>,
        refused: SinkError,
    ) -> Result<Committed, SinkError> {
        let mut lease = self.pool.lease().await?;
        let session = lease.session()?;
        let pid = session.pid;
        let work = log::run(session, &self.names, self.sink(), batch);
        match self
            .watched((batch.topic, batch.partition), pid, work)
            .await?
        {
            (Some(done), terminated) => {
                lease.done();
                Ok(Committed {
                    rows: done.rows,
                    already_there: done.already_there,
                    terminated,
                    ..Committed::default()
                })
            }
            // Its transaction is open: the lease is dropped.
            (None, _) => Err(refused),
        }
    }

    /// Adds to an error what only another look can tell.
    async fn explained(&self, mut error: SinkError, batch: &Batch<'_, PgPlan>) -> SinkError {
        if error.class == Class::Away {
            self.pool.forget_idle();
        }
        let table = &batch.table.table.name;
        if has_code(&error, "42501") {
            error.detail.hint = Some(self.mend(&batch.table.plan).await);
        }
        if matches!(error.class, Class::Rejected | Class::Suspect) {
            error.detail.table.get_or_insert_with(|| table.clone());
        }
        error
    }

    async fn find_column(&self, error: &SinkError, batch: &Batch<'_, PgPlan>) -> Option<String> {
        if !probe::helps(error, batch.rows.len()) {
            return None;
        }
        let plan = &batch.table.plan;
        within(self.limit(), async {
            let mut session: Session = self.dialer.connect(Role::Sweeper).await?;
            Ok(probe::column(&mut session.conn, plan, batch.rows, error).await)
        })
        .await
        .ok()
        .flatten()
    }
}

impl Inspect for PostgresSink {
    fn migrations(&self) -> String {
        migrate::print(&self.names)
    }

    async fn missing_migrations(&self) -> Result<Option<String>, SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let missing = migrate::missing(&mut lease.session.conn, &self.names).await?;
            lease.done();
            Ok(missing)
        })
        .await
    }

    async fn missing_privileges(&self, topic: &str) -> Result<Vec<String>, SinkError> {
        let prepared = match self.prepare(topic).await {
            Ok(prepared) => prepared,
            Err(e) if has_code(&e, "42501") => {
                let what = format!("USAGE on the schema of the table for \"{topic}\"");
                let mend = e.detail.hint.unwrap_or_default();
                return Ok(vec![format!("{what}; hint: {mend}")]);
            }
            Err(e) => return Err(e),
        };
        let missing = self.lacking(&prepared.plan).await?;
        let told = |lack: Lack| format!("{}; hint: {}", lack.what, lack.mend);
        Ok(missing.into_iter().map(told).collect())
    }
}

impl Sink for PostgresSink {
    type Plan = PgPlan;

    async fn migrate(&self) -> Result<(), SinkError> {
        self.bounded(async {
            // A connection of its own: it holds an advisory lock until it ends.
            let mut session = self.dialer.connect(Role::Writer).await?;
            let pid = session.pid;
            self.beside(pid, migrate::run(&mut session, &self.names))
                .await
        })
        .await
    }

    async fn prepare(&self, topic: &str) -> Result<Arc<Prepared<PgPlan>>, SinkError> {
        let settings = mapping::rule(&self.settings.tables, topic)?;
        let name = TableName::parse(&settings.table, topic).map_err(|what| {
            let error = halt(format!("table \"{}\" {what}", settings.table));
            error.hint(format!(
                "name a table for the topic \"{topic}\" in the sink's tables"
            ))
        })?;
        let (relation, create) = within(self.limit(), self.relation(settings, &name)).await?;
        let prepared = plan::build(&self.names, settings, &relation, create)?;
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = plans.get(topic)
            && plan::same(last, &prepared)
        {
            return Ok(Arc::clone(last));
        }
        let prepared = Arc::new(prepared);
        plans.insert(topic.to_owned(), Arc::clone(&prepared));
        Ok(prepared)
    }

    async fn settled(&self) -> Result<Vec<Settled>, SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let pid = session.pid;
            let work = state::settled(&mut session.conn, &self.names, self.sink());
            let settled = self.beside(pid, work).await?;
            lease.done();
            Ok(settled)
        })
        .await
    }

    async fn settle(
        &self,
        identity: &Identity,
        rule: StartRule,
        starts: &[NewPosition],
    ) -> Result<(), SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let pid = session.pid;
            let conn = &mut session.conn;
            let work = state::settle(conn, &self.names, self.sink(), identity, rule, starts);
            self.beside(pid, work).await?;
            lease.done();
            Ok(())
        })
        .await
    }

    async fn claim(
        &self,
        member: &Member,
        identity: &Identity,
        tp: &TopicPartition,
    ) -> Result<Claimed, SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let pid = session.pid;
            let work = claim::run(
                &mut session.conn,
                &self.names,
                self.sink(),
                member,
                identity,
                tp,
            );
            let waiter = self.waiters.waiter(Some(tp.clone()));
            let watched = sweep::watch(&self.dialer, pid, Purpose::Claim, &waiter, work);
            let (result, swept) = watched.await;
            let outcome = result.map_err(|error| waiter.explain(error))?;
            lease.done();
            match outcome {
                Claiming::Done(claimed) => Ok(Claimed {
                    terminated: swept.terminated,
                    ..claimed
                }),
                Claiming::Missing => Err(claim::missing(tp)),
                Claiming::NotOurs(stored) => Err(claim::not_ours(tp, &stored, identity)),
            }
        })
        .await
    }

    fn blocked(&self) -> Vec<Blocked> {
        self.waiters.all()
    }

    async fn commit(&self, batch: &Batch<'_, PgPlan>) -> Result<Committed, SinkError> {
        let mut race = 0;
        loop {
            let error = match self.commit_once(batch).await {
                Ok(committed) => return Ok(committed),
                Err(error) => error,
            };
            let plan = &batch.table.plan;
            let raced = statement::lost_a_race(plan, batch.rows, &error);
            if raced && race < RACES {
                race += 1;
                continue;
            }
            let error = if plan.mode == Mode::Log && has_code(&error, "23505") {
                match self.deduplicate(batch, error).await {
                    Ok(committed) => return Ok(committed),
                    Err(error) => error,
                }
            } else {
                error
            };
            let column = self.find_column(&error, batch).await;
            let mut error = self.explained(error, batch).await;
            if column.is_some() {
                error.detail.column = column;
            }
            return Err(error);
        }
    }

    async fn takes(&self, batch: &Batch<'_, PgPlan>) -> Result<(), SinkError> {
        let mut lease = self.pool.lease().await?;
        let session = lease.session()?;
        let pid = session.pid;
        match self
            .watched(
                (batch.topic, batch.partition),
                pid,
                commit::rehearse(session, batch),
            )
            .await
        {
            Ok(_) => {
                lease.done();
                Ok(())
            }
            Err(error) => {
                self.keep_after(lease, &error).await;
                Err(error)
            }
        }
    }

    async fn rehearse(&self, batch: &Batch<'_, PgPlan>) -> Result<Committed, SinkError> {
        let attempt = async {
            let mut lease = self.pool.lease().await?;
            let session = lease.session()?;
            let rows = within(self.limit(), commit::rehearse(session, batch)).await?;
            lease.done();
            Ok(Committed {
                rows,
                ..Committed::default()
            })
        };
        match attempt.await {
            Ok(committed) => Ok(committed),
            Err(error) => {
                let column = self.find_column(&error, batch).await;
                let mut error = self.explained(error, batch).await;
                if column.is_some() {
                    error.detail.column = column;
                }
                Err(error)
            }
        }
    }

    async fn release(&self, tp: &TopicPartition, claim: Claim) -> Result<(), SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let pid = session.pid;
            let conn = &mut session.conn;
            let work = state::release(conn, &self.names, self.sink(), tp, claim);
            self.beside(pid, work).await?;
            lease.done();
            Ok(())
        })
        .await
    }

    async fn heartbeat(&self, member: &Member) -> Result<(), SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let pid = session.pid;
            let work = state::heartbeat(&mut session.conn, &self.names, self.sink(), member);
            self.beside(pid, work).await?;
            lease.done();
            Ok(())
        })
        .await
    }

    async fn positions(&self) -> Result<Vec<StoredPosition>, SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let pid = session.pid;
            let work = state::positions(&mut session.conn, &self.names, self.sink());
            let rows = self.beside(pid, work).await?;
            lease.done();
            Ok(rows)
        })
        .await
    }

    async fn set_position(&self, change: &PositionChange) -> Result<SetOutcome, SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let conn = &mut lease.session.conn;
            let setting = state::set(conn, &self.names, self.sink(), change).await?;
            lease.done();
            match setting {
                state::Setting::Outcome(outcome) => Ok(outcome),
                state::Setting::NotOurs(stored) => {
                    Err(claim::not_ours(&change.tp, &stored, &change.identity))
                }
                state::Setting::Missing => Err(claim::missing(&change.tp)),
            }
        })
        .await
    }

    async fn remember_topic(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        topic_id: &str,
    ) -> Result<(), SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let pid = session.pid;
            let conn = &mut session.conn;
            let work = state::remember_topic(conn, &self.names, self.sink(), tp, claim, topic_id);
            self.beside(pid, work).await?;
            lease.done();
            Ok(())
        })
        .await
    }

    async fn holds_rows(
        &self,
        table: &Prepared<PgPlan>,
        tp: &TopicPartition,
    ) -> Result<bool, SinkError> {
        if table.plan.create.is_some() {
            return Ok(false);
        }
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let held = log::holds(&mut lease.session.conn, &table.plan, tp).await?;
            lease.done();
            Ok(held)
        })
        .await
    }

    async fn dead_letters(
        &self,
        filter: &LetterFilter,
        page: &LetterPage,
    ) -> Result<Vec<KeptLetter>, SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let conn = &mut lease.session.conn;
            let kept = letters::list(conn, &self.names, self.sink(), filter, page).await?;
            lease.done();
            Ok(kept)
        })
        .await
    }

    async fn replay(&self, replay: &Replay<'_, PgPlan>) -> Result<Committed, SinkError> {
        let mut lease = self.pool.lease().await?;
        let session = lease.session()?;
        let pid = session.pid;
        let work = letters::replay(&mut session.conn, &self.names, self.sink(), replay);
        match self
            .watched((replay.topic, replay.partition), pid, work)
            .await
        {
            Ok((rows, terminated)) => {
                lease.done();
                Ok(Committed {
                    rows,
                    terminated,
                    ..Committed::default()
                })
            }
            Err(mut error) => {
                self.keep_after(lease, &error).await;
                if matches!(error.class, Class::Rejected | Class::Suspect) {
                    let table = &replay.table.table.name;
                    error.detail.table.get_or_insert_with(|| table.clone());
                }
                Err(error)
            }
        }
    }

    async fn drop_dead_letters(&self, filter: &LetterFilter) -> Result<u64, SinkError> {
        self.bounded(async {
            let mut lease = self.control.lease().await?;
            let conn = &mut lease.session.conn;
            let dropped = letters::remove(conn, &self.names, self.sink(), filter).await?;
            lease.done();
            Ok(dropped)
        })
        .await
    }
}
