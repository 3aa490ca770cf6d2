//! Batches: attempts to write them, and what is found out about one that is refused.

use crate::blocked::LOCKED;
use crate::connect::{Role, Session};
use crate::control::within;
use crate::error::has_code;
use crate::plan::PgPlan;
use crate::privileges::{self, Lack};
use crate::sink::PostgresSink;
use crate::sweep::Purpose;
use crate::work::Work;
use crate::{commit, fence, log, partition_needs, probe};
use plimsoll_protocol::{Class, TopicPartition};
use plimsoll_sink_api::{Batch, Committed, Mode, Refusal, SinkError, TableChange, TableRows};

/// How often a merge is run again that lost a race for a new key: the second run
/// sees the row that the first one met.
const RACES: u32 = 3;

impl PostgresSink {
    pub(crate) async fn commit_batches(
        &self,
        batches: &[Batch<'_, PgPlan>],
    ) -> Result<Vec<Committed>, Refusal> {
        let work = Work::of(self.sink(), batches);
        let (mut race, mut locked) = (0, false);
        let error = loop {
            match self.commit_once(&work, &mut locked).await {
                Ok(committed) => return Ok(committed.parted(&work.shares())),
                Err(error) if work.lost_a_race(&error) && race < RACES => race += 1,
                Err(error) => break error,
            }
        };
        let fenced = fence::refused(&error, batches.len());
        let [batch] = batches else {
            // What is wrong with one of them is found out with that one alone.
            if error.class == Class::Unavailable {
                self.pool.forget_idle();
            }
            return Err(Refusal {
                error,
                fenced,
                locked,
            });
        };
        // A `log` table may hold rows of the batch already. Of several tables nothing is
        // asked: the batch is halved until it is of one.
        let error = match batch.tables.as_slice() {
            [table] if table.table.plan.mode == Mode::Log && has_code(&error, "23505") => {
                match self.deduplicate(&work, (batch, *table), error).await {
                    Ok(committed) => return Ok(vec![committed]),
                    Err(error) => error,
                }
            }
            _ => error,
        };
        let error = self.explained(error, batch).await;
        Err(Refusal {
            fenced,
            ..error.into()
        })
    }

    /// `locked`: whether the server has given up a wait for somebody's lock.
    async fn commit_once(
        &self,
        work: &Work<'_>,
        locked: &mut bool,
    ) -> Result<Committed, SinkError> {
        let run = async |session: &mut Session| {
            let done = commit::run(session, &self.names, work, self.copy_above).await;
            done.inspect_err(|error| *locked = has_code(error, LOCKED))
        };
        let (rows, terminated) = self.on_writer(Purpose::Commit, work.places(), run).await?;
        Ok(Committed {
            rows,
            terminated,
            ..Committed::default()
        })
    }

    /// `refused`: what was said of the whole batch.
    async fn deduplicate(
        &self,
        work: &Work<'_>,
        written: (&Batch<'_, PgPlan>, TableRows<'_, PgPlan>),
        refused: SinkError,
    ) -> Result<Committed, SinkError> {
        let run = async |session: &mut Session| {
            let done = log::run(session, &self.names, work, written).await?;
            // Nothing of it is there: its transaction is open, and rolled back.
            done.ok_or(refused)
        };
        let (done, terminated) = self.on_writer(Purpose::Commit, work.places(), run).await?;
        Ok(Committed {
            rows: done.rows,
            already_there: done.already_there,
            terminated,
            ..Committed::default()
        })
    }

    /// Writes the rows and takes them back. `purpose`: whom it may clear out of its way.
    pub(crate) async fn try_rows(
        &self,
        purpose: Purpose,
        batch: &Batch<'_, PgPlan>,
    ) -> Result<u64, SinkError> {
        let place = TopicPartition::new(batch.topic, batch.partition);
        let work = async |session: &mut Session| commit::dry_run(session, batch, None).await;
        let tried = self.on_writer(purpose, vec![place], work);
        tried.await.map(|(rows, _)| rows)
    }

    /// The same where the table lacks something for the rows: that is made before them, and
    /// taken back with them.
    pub(crate) async fn try_changed(
        &self,
        batch: &Batch<'_, PgPlan>,
        lacks: &TableChange,
    ) -> Result<u64, SinkError> {
        let table = self.plan_for_changed(batch.topic).await?;
        let rows = match batch.tables.as_slice() {
            [of] if of.table.table == table.table => of.rows,
            _ => return Err(fence::unproven()),
        };
        let batch = Batch {
            tables: TableRows::only(&table, rows),
            ..*batch
        };
        let place = TopicPartition::new(batch.topic, batch.partition);
        let work =
            async |session: &mut Session| commit::dry_run(session, &batch, Some(lacks)).await;
        let tried = self.on_writer(Purpose::Other, vec![place], work);
        tried.await.map(|(rows, _)| rows)
    }

    /// Adds to an error what only another look can tell.
    pub(crate) async fn explained(
        &self,
        mut error: SinkError,
        batch: &Batch<'_, PgPlan>,
    ) -> SinkError {
        if error.class == Class::Unavailable {
            self.pool.forget_idle();
        }
        // Of several tables, it is told already which one refuses.
        let [of] = batch.tables.as_slice() else {
            return error;
        };
        if error.detail.no_partition {
            error = self.without_partition(error, (batch.topic, *of)).await;
        }
        if let Some(column) = self.find_column(&error, *of).await {
            error.detail.column = Some(column);
        }
        if has_code(&error, "42501") {
            error.detail.hint = Some(self.mend(&of.table.plan).await);
        }
        of_table(error, &of.table.table.name)
    }

    /// What the table lacks for the batch, where that can be made.
    async fn without_partition(
        &self,
        error: SinkError,
        (topic, written): (&str, TableRows<'_, PgPlan>),
    ) -> SinkError {
        let plan = &written.table.plan;
        let Some(told) = &plan.partitions else {
            return error;
        };
        let of = (topic, written.rows);
        let lacking = self.on_control(async |conn| {
            partition_needs::lacking(conn, (plan, told), of, error.clone()).await
        });
        match lacking.await {
            Ok(judged) => judged,
            // Another record of the batch has a value that is none: each is tried alone.
            Err(other) if matches!(other.class, Class::Rejected | Class::Suspect) => error,
            Err(other) => other,
        }
    }

    async fn find_column(
        &self,
        error: &SinkError,
        written: TableRows<'_, PgPlan>,
    ) -> Option<String> {
        if !probe::helps(error, written.rows.len()) {
            return None;
        }
        let plan = &written.table.plan;
        within(self.limit(), async {
            let mut session: Session = self.dialer.connect(Role::Sweeper).await?;
            Ok(probe::column(&mut session.conn, plan, written.rows, error).await)
        })
        .await
        .ok()
        .flatten()
    }

    pub(crate) async fn lacking(&self, plan: &PgPlan) -> Result<Vec<Lack>, SinkError> {
        self.on_control(async |conn| privileges::missing(conn, &self.names, plan).await)
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
}

/// What is wrong with rows is about their table, where the server does not say so.
pub(crate) fn of_table(mut error: SinkError, table: &str) -> SinkError {
    if matches!(error.class, Class::Rejected | Class::Suspect) {
        let of = &mut error.detail.table;
        of.get_or_insert_with(|| table.to_owned());
    }
    error
}
