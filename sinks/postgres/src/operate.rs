//! What operators ask for: positions, dead letters, a look before the service runs.

use crate::attempt::of_table;
use crate::connect::Session;
use crate::error::has_code;
use crate::plan::{self, PgPlan};
use crate::privileges::Lack;
use crate::sink::PostgresSink;
use crate::sweep::Purpose;
use crate::{commit, ddl, dead_letters, log, migrate, partitions, set, state};
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{
    Batch, Committed, DeadLetterFilter, DeadLetterPage, DeadLetters, DryRun, Inspect,
    KeptDeadLetter, NewTable, PositionChange, Positions, Prepared, Replay, Route, SetOutcome, Sink,
    SinkError, StoredPosition,
};

impl Positions for PostgresSink {
    async fn positions(&self) -> Result<Vec<StoredPosition>, SinkError> {
        self.on_control(async |conn| state::positions(conn, &self.names, self.sink()).await)
            .await
    }

    async fn set_position(&self, change: &PositionChange) -> Result<SetOutcome, SinkError> {
        self.on_control(async |conn| set::run(conn, &self.names, self.sink(), change).await)
            .await?
    }

    async fn holds_rows(
        &self,
        table: &Prepared<PgPlan>,
        tp: &TopicPartition,
    ) -> Result<bool, SinkError> {
        if table.plan.create.is_some() {
            return Ok(false);
        }
        self.on_control(async |conn| log::holds(conn, &table.plan, tp).await)
            .await
    }
}

impl DeadLetters for PostgresSink {
    async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        page: &DeadLetterPage,
    ) -> Result<Vec<KeptDeadLetter>, SinkError> {
        let names = &self.names;
        self.on_control(async |conn| {
            dead_letters::list(conn, names, self.sink(), filter, page).await
        })
        .await
    }

    async fn replay(&self, replay: &Replay<'_, PgPlan>) -> Result<Committed, SinkError> {
        let place = vec![TopicPartition::new(replay.topic, replay.partition)];
        let work = async |session: &mut Session| {
            dead_letters::replay(&mut session.conn, &self.names, self.sink(), replay).await
        };
        let (rows, terminated) = self
            .on_writer(Purpose::Commit, place, work)
            .await
            .map_err(|error| of_table(error, &replay.table.table.name))?;
        Ok(Committed {
            rows,
            terminated,
            ..Committed::default()
        })
    }

    async fn drop_dead_letters(&self, filter: &DeadLetterFilter) -> Result<u64, SinkError> {
        let names = &self.names;
        self.on_control(async |conn| dead_letters::remove(conn, names, self.sink(), filter).await)
            .await
    }
}

impl Inspect for PostgresSink {
    const DRY_RUN: DryRun = DryRun::RolledBack;

    async fn dry_run(&self, batch: &Batch<'_, PgPlan>) -> Result<Committed, SinkError> {
        let mut tried = self.try_rows(Purpose::Other, batch).await;
        if let Err(error) = tried {
            let error = self.explained(error, batch).await;
            let Some(lacks) = &error.detail.lacks else {
                return Err(error);
            };
            tried = self.try_changed(batch, lacks).await;
        }
        match tried {
            Ok(rows) => Ok(Committed {
                rows,
                ..Committed::default()
            }),
            Err(error) => Err(self.explained(error, batch).await),
        }
    }

    fn migrations(&self) -> String {
        migrate::print(&self.names)
    }

    async fn missing_migrations(&self) -> Result<Option<String>, SinkError> {
        self.on_control(async |conn| migrate::missing(conn, &self.names).await)
            .await
    }

    fn create_table(&self, table: &NewTable) -> Result<String, SinkError> {
        ddl::create(&self.table_name(&table.topic)?, table)
    }

    async fn make_table(&self, table: &NewTable) -> Result<(), SinkError> {
        let name = self.table_name(&table.topic)?;
        let statement = ddl::create(&name, table)?;
        self.on_control(async |conn| commit::simple(conn, statement).await)
            .await
            .map_err(|error| ddl::refused(error, &name))
    }

    fn log_tables(&self, topics: &[String]) -> Vec<String> {
        let logs = self.logs(topics);
        let create = |(name, settings): (_, _)| plan::create_log_table(&name, settings);
        logs.into_iter().map(create).collect()
    }

    async fn missing_log_tables(&self, topics: &[String]) -> Result<Vec<String>, SinkError> {
        let missing = self.missing_logs(topics).await?;
        let create = |(name, settings): (_, _)| plan::create_log_table(&name, settings);
        Ok(missing.into_iter().map(create).collect())
    }

    async fn make_log_tables(&self, topics: &[String]) -> Result<(), SinkError> {
        self.make_logs(topics).await
    }

    async fn missing_tables_of_users(&self, topics: &[String]) -> Result<Vec<String>, SinkError> {
        let missing = self.missing_divided_logs(topics).await?;
        Ok(missing.iter().map(ToString::to_string).collect())
    }

    async fn notes(&self, table: &Prepared<PgPlan>) -> Result<Vec<String>, SinkError> {
        let plan = &table.plan;
        let Some(by) = &plan.partitioned_by else {
            return Ok(Vec::new());
        };
        let Some(told) = &plan.partitions else {
            return Ok(vec![format!(
                "partitioned by {by}: partitions are made by hand, or by create_partitions"
            )]);
        };
        let periods = &told.periods;
        let example = self.on_control(async |conn| partitions::example(conn, periods).await);
        let example = example.await?;
        let period = periods.period.as_str();
        Ok(vec![
            format!(
                "partitioned by {by}: run makes partitions of one {period} each, in UTC, such as"
            ),
            format!("{example};"),
        ])
    }

    async fn missing_privileges(
        &self,
        topic: &str,
        route: Option<&Route>,
    ) -> Result<Vec<String>, SinkError> {
        let prepared = match self.prepare_for(topic, route).await {
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
