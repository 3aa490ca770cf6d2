//! The sink: what the service asks of it, and which call of the server answers.

use crate::blocked::Waiters;
use crate::connect::{Dialer, Role};
use crate::control::Control;
use crate::error::halt;
use crate::names::Names;
use crate::plan::PgPlan;
use crate::pool::Pool;
use crate::sweep::Purpose;
use crate::{PostgresSettings, claim, commit, ddl, migrate, partitions, state};
use plimsoll_protocol::{Claim, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Blocked, Claimed, Committed, Grouping, Identity, Member, NewPosition, Prepared, Refusal,
    Route, Settled, Sink, SinkError, TableChange,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Batches of one commit, at most: so many positions are moved by one statement, in some
/// milliseconds.
const MOST_BATCHES: usize = 1_000;

/// By topic and route.
type Plans = HashMap<(String, Option<Route>), Arc<Prepared<PgPlan>>>;

/// Rows and positions in one Postgres database.
pub struct PostgresSink {
    pub(crate) settings: PostgresSettings,
    pub(crate) names: Names,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) pool: Pool,
    pub(crate) control: Control,
    /// Whether a missing `log` table is made.
    pub(crate) creates: bool,
    pub(crate) copy_above: usize,
    /// By topic and route: the last plan, handed out again while nothing changed.
    pub(crate) plans: Mutex<Plans>,
    pub(crate) waiters: Waiters,
    /// One change of a table at a time.
    changing: tokio::sync::Mutex<()>,
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
            changing: tokio::sync::Mutex::default(),
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

    pub(crate) fn sink(&self) -> &str {
        &self.settings.sink
    }
}

impl Sink for PostgresSink {
    type Plan = PgPlan;

    async fn migrate(&self) -> Result<(), SinkError> {
        self.bounded(async {
            // A connection of its own: it holds an advisory lock until it ends.
            let mut session = self.dialer.connect(Role::Writer).await?;
            let (pid, work) = (session.pid, migrate::run(&mut session, &self.names));
            let done = self.beside((Purpose::Other, None), pid, work);
            done.await.map(|((), _)| ())
        })
        .await
    }

    async fn prepare_for(
        &self,
        topic: &str,
        route: Option<&Route>,
    ) -> Result<Arc<Prepared<PgPlan>>, SinkError> {
        self.plan(topic, route).await
    }

    async fn routes(&self, topic: &str) -> Result<Vec<Route>, SinkError> {
        self.table_routes(topic).await
    }

    async fn change_table(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        change: &TableChange,
    ) -> Result<(), SinkError> {
        let name = self.table_name(change.topic())?;
        // It may wait for others, and claims and heartbeats are not to wait for it; nor are
        // commits, for more than one of the writers' connections.
        let _turn = self.changing.lock().await;
        for change in &change.pieces(partitions::IN_ONE_TRANSACTION) {
            let changing = self.on_writer(Purpose::Other, vec![tp.clone()], async |session| {
                let fence = state::holds(&self.names, self.sink(), tp, claim);
                ddl::change(&mut session.conn, fence, self.limit(), (&name, change)).await
            });
            let changed = changing.await.map(|((), _)| ());
            changed.map_err(|error| ddl::unchanged(error, &name, change))?;
        }
        Ok(())
    }

    async fn settled(&self) -> Result<Vec<Settled>, SinkError> {
        self.on_control(async |conn| state::settled(conn, &self.names, self.sink()).await)
            .await
    }

    async fn settle(
        &self,
        identity: &Identity,
        rule: StartRule,
        starts: &[NewPosition],
    ) -> Result<(), SinkError> {
        self.on_control(async |conn| {
            state::settle(conn, &self.names, self.sink(), identity, rule, starts).await
        })
        .await
    }

    async fn claim(
        &self,
        member: &Member,
        identity: &Identity,
        tp: &TopicPartition,
    ) -> Result<Claimed, SinkError> {
        let claiming = self.called((Purpose::Claim, Some(tp.clone())), async |conn| {
            claim::run(conn, &self.names, self.sink(), member, identity, tp).await
        });
        let (claimed, terminated) = claiming.await?;
        claimed.map(|claimed| Claimed {
            terminated,
            ..claimed
        })
    }

    fn blocked(&self) -> Vec<Blocked> {
        self.waiters.all()
    }

    fn grouping(&self) -> Grouping {
        Grouping {
            batches: MOST_BATCHES,
            commits: self.settings.max_connections.max(1),
        }
    }

    async fn commit(&self, batches: &[Batch<'_, PgPlan>]) -> Result<Vec<Committed>, Refusal> {
        self.commit_batches(batches).await
    }

    async fn takes(&self, batch: &Batch<'_, PgPlan>) -> Result<(), SinkError> {
        let tried = self.try_rows(Purpose::Commit, batch);
        tried.await.map(|_| ())
    }

    async fn release(&self, tp: &TopicPartition, claim: Claim) -> Result<(), SinkError> {
        self.on_control(async |conn| {
            state::release(conn, &self.names, self.sink(), tp, claim).await
        })
        .await
    }

    async fn heartbeat(&self, member: &Member) -> Result<(), SinkError> {
        self.on_control(async |conn| state::heartbeat(conn, &self.names, self.sink(), member).await)
            .await
    }

    async fn remember_topic(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        topic_id: &str,
    ) -> Result<(), SinkError> {
        self.on_control(async |conn| {
            state::remember_topic(conn, &self.names, self.sink(), tp, claim, topic_id).await
        })
        .await
    }
}
