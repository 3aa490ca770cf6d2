//! The sink.

use crate::claims::{self, millis};
use crate::error::Failure;
use crate::owned::{Held, Owned};
use crate::plan::{self, CassandraPlan};
use crate::rows::Encoded;
use crate::schema::{Looks, Schema};
use crate::state::{Lazy, State};
use crate::write::{self, Sent, Way};
use crate::{
    CassandraSettings, CassandraTable, Consistency, catalogue, ddl, dead_letters, migrate,
    positions, starts,
};
use plimsoll_protocol::{Claim, Class, Generation, Marks, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Claimed, Committed, DeadLetterFilter, DeadLetterPage, DeadLetters, DryRun, Grouping,
    Identity, Inspect, KeptDeadLetter, Member, NewPosition, NewTable, PositionChange, Positions,
    Prepared, Refusal, Replay, Route, SetOutcome, Settled, Sink, SinkError, StoredPosition,
    TableChange, mapping,
};
use scylla::client::session::Session;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{OnceCell, Semaphore};

/// A sink that writes to Cassandra or Scylla.
#[derive(Debug)]
pub struct CassandraSink {
    settings: CassandraSettings,
    lazy: Lazy,
    owned: Owned,
    /// This process's owner id, once it has claimed.
    member: std::sync::OnceLock<u128>,
    in_flight: Semaphore,
    /// Marks are counted from here: a clock that nobody sets.
    began: Instant,
    looks: OnceCell<Looks>,
    /// By topic: the last plan, good as long as the schema is the same.
    plans: Mutex<HashMap<String, Planned>>,
}

/// A plan, and what it was made of.
#[derive(Debug)]
struct Planned {
    schema: Schema,
    prepared: Arc<Prepared<CassandraPlan>>,
}

impl CassandraSink {
    /// A sink for these settings. Nothing is opened yet.
    #[must_use]
    pub fn new(settings: CassandraSettings) -> Self {
        Self {
            in_flight: Semaphore::new(settings.max_in_flight),
            settings,
            lazy: Lazy::default(),
            owned: Owned::default(),
            member: std::sync::OnceLock::new(),
            began: Instant::now(),
            looks: OnceCell::new(),
            plans: Mutex::default(),
        }
    }

    pub(crate) async fn state(&self) -> Result<&State, SinkError> {
        self.lazy.state(&self.settings).await
    }

    fn table(&self, topic: &str) -> Result<&CassandraTable, SinkError> {
        let mut tables = self.settings.tables.iter();
        let found = tables.find(|table| table.rule.covers(topic));
        found.ok_or_else(|| mapping::no_table(topic))
    }

    /// Keyspace and name of a topic's table.
    fn table_name(&self, topic: &str) -> Result<(String, String), SinkError> {
        let name = mapping::table_name(&self.table(topic)?.rule.settings, topic, None)?;
        match name.split_once('.') {
            Some((keyspace, table)) => Ok((keyspace.to_owned(), table.to_owned())),
            None => Err(plan::halt(format!("table \"{name}\" has no keyspace"))
                .hint(format!("table = \"KEYSPACE.{name}\""))),
        }
    }

    /// What reading rows needs.
    pub(crate) async fn reading(&self) -> Result<(Arc<Session>, Consistency), SinkError> {
        let session = self.lazy.session(&self.settings).await?;
        Ok((session, self.settings.consistency))
    }

    fn way<'s>(&'s self, state: &'s State) -> Way<'s> {
        Way {
            session: &state.session,
            in_flight: &self.in_flight,
            max_in_flight: self.settings.max_in_flight,
            batches: self.settings.batches,
            call_timeout: self.settings.call_timeout,
        }
    }

    /// Forgets all claims where connections broke.
    pub(crate) fn judged(&self, failure: Failure) -> SinkError {
        if failure.cut {
            let claims = self.owned.cut();
            if claims > 0 {
                tracing::warn!(
                    sink = %self.settings.sink,
                    claims,
                    "connections broke: partitions are claimed again, and begin before what may be lost"
                );
            }
        }
        failure.error
    }

    fn plans(&self) -> MutexGuard<'_, HashMap<String, Planned>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elapsed_ms(&self) -> i64 {
        millis(self.began.elapsed())
    }

    /// Encodes all of a batch before anything of it is sent, so that a bad value stops it
    /// whole.
    async fn write(
        &self,
        state: &State,
        batch: &Batch<'_, CassandraPlan>,
        generation: Generation,
    ) -> Result<Sent, SinkError> {
        let mut encoded = Vec::with_capacity(batch.tables.len());
        for of in &batch.tables {
            let plan = &of.table.plan;
            let rows = Encoded::of(&plan.layout, generation, of.rows, now_ms())?;
            encoded.push((plan, rows));
        }
        let mut all = Sent::default();
        for (plan, rows) in &encoded {
            let sent = write::rows(self.way(state), plan, rows).await;
            let sent = sent.map_err(|f| self.judged(f))?;
            all.requests += sent.requests;
            all.repeated += sent.repeated;
        }
        Ok(all)
    }

    async fn commit_batch(&self, batch: &Batch<'_, CassandraPlan>) -> Result<Committed, SinkError> {
        let state = self.state().await?;
        let tp = TopicPartition::new(batch.topic, batch.partition);
        let held = self.owned.held(&tp, batch.claim, batch.span.from());
        let Some(held) = held else {
            return Err(moved("the claim is not held any more"));
        };
        let sent = self.write(state, batch, held.generation).await?;
        for letter in batch.dead {
            dead_letters::keep(state, &tp, letter)
                .await
                .map_err(|f| self.judged(f))?;
        }
        // Connections may have broken while others of this batch were answered.
        if !self.owned.holds(&tp, batch.claim) {
            return Err(moved("connections broke"));
        }
        let to = batch.span.to();
        let mut marks = held.marks.clone();
        marks.reach(to, self.elapsed_ms());
        positions::advance(state, &tp, &held, batch, &marks)
            .await
            .map_err(|f| self.judged(f))?;
        if !held.positioned {
            starts::note_position(state, &tp, held.generation.number)
                .await
                .map_err(|f| self.judged(f))?;
        }
        self.owned.advance(&tp, batch.claim, to, marks);
        Ok(Committed {
            rows: batch.rows() as u64,
            requests: sent.requests,
            repeated: sent.repeated,
            ..Committed::default()
        })
    }
}

/// Reads the whole schema, which is not cheap, and prepares what is written.
async fn make_plan(
    session: &Session,
    settings: &CassandraTable,
    keyspace: &str,
    table: &str,
) -> Result<Prepared<CassandraPlan>, SinkError> {
    session.refresh_metadata().await.map_err(|error| {
        let mut away = SinkError::new(Class::Unavailable, "the schema cannot be read");
        away.detail.text = plimsoll_sink_api::Secret::new(error.to_string());
        away
    })?;
    let info = catalogue::read(&session.get_cluster_state(), keyspace, table)?;
    let (layout, table) = plan::layout(settings, &info)?;
    let prepare = async |cql: String| {
        let mut statement = session
            .prepare(cql)
            .await
            .map_err(|error| crate::error::of_prepare(&error).error)?;
        statement.set_is_idempotent(true);
        Ok::<_, SinkError>(statement)
    };
    let (insert, delete) = (layout.insert_cql(), layout.delete_cql());
    Ok(Prepared {
        table,
        plan: CassandraPlan {
            layout,
            insert: prepare(insert).await?,
            delete: prepare(delete).await?,
        },
    })
}

fn now_ms() -> i64 {
    claims::now_us() / 1_000
}

fn moved(what: &str) -> SinkError {
    SinkError::new(Class::Fenced, what)
}

impl Sink for CassandraSink {
    type Plan = CassandraPlan;

    async fn migrate(&self) -> Result<(), SinkError> {
        let session = self.lazy.session(&self.settings).await?;
        migrate::run(&session, &self.settings).await
    }

    async fn prepare_for(
        &self,
        topic: &str,
        route: Option<&Route>,
    ) -> Result<Arc<Prepared<CassandraPlan>>, SinkError> {
        let settings = self.table(topic)?;
        // The config asks for none: see ADR 24.
        if route.is_some() {
            return Err(plan::halt("records name no tables here".to_owned()));
        }
        let session = self.lazy.session(&self.settings).await?;
        let (keyspace, table) = self.table_name(topic)?;
        let (keyspace, table) = (keyspace.as_str(), table.as_str());
        let looks = self.looks.get_or_try_init(|| Looks::prepare(&session));
        let schema = looks.await?.look(&session, keyspace, table).await?;
        if let Some(planned) = self.plans().get(topic)
            && planned.schema == schema
        {
            return Ok(Arc::clone(&planned.prepared));
        }
        let prepared = Arc::new(make_plan(&session, settings, keyspace, table).await?);
        let planned = Planned {
            schema,
            prepared: Arc::clone(&prepared),
        };
        self.plans().insert(topic.to_owned(), planned);
        Ok(prepared)
    }

    /// Two who change a schema at once can part a cluster, and no change goes with the
    /// fence: nobody asks for one.
    async fn change_table(
        &self,
        _: &TopicPartition,
        _: Claim,
        change: &TableChange,
    ) -> Result<(), SinkError> {
        let topic = change.topic();
        Err(
            crate::plan::halt(format!("the table of topic \"{topic}\" lacks columns"))
                .hint("add them: plimsoll makes and changes no tables of Cassandra"),
        )
    }

    async fn settled(&self) -> Result<Vec<Settled>, SinkError> {
        let state = self.state().await?;
        starts::settled(state).await.map_err(|f| self.judged(f))
    }

    async fn settle(
        &self,
        identity: &Identity,
        rule: StartRule,
        starts: &[NewPosition],
    ) -> Result<(), SinkError> {
        claims::settle(self.state().await?, identity, rule, starts).await
    }

    async fn claim(
        &self,
        member: &Member,
        identity: &Identity,
        tp: &TopicPartition,
    ) -> Result<Claimed, SinkError> {
        let state = self.state().await?;
        let window = millis(self.settings.rewind);
        let (claimed, life) = claims::claim(state, member, identity, tp, window).await?;
        let _ = self.member.set(member.owner.0);
        self.owned.insert(
            tp.clone(),
            Held {
                claim: claimed.claim,
                generation: life.generation,
                positioned: life.positioned,
                position: claimed.position,
                marks: Marks::begin(claimed.position, self.elapsed_ms(), window),
            },
        );
        Ok(claimed)
    }

    /// It has no transaction around several positions.
    fn grouping(&self) -> Grouping {
        Grouping::NONE
    }

    async fn commit(
        &self,
        batches: &[Batch<'_, CassandraPlan>],
    ) -> Result<Vec<Committed>, Refusal> {
        let [batch] = batches else {
            let what = format!("{} batches in one commit", batches.len());
            return Err(SinkError::new(Class::Halt, what).into());
        };
        Ok(vec![self.commit_batch(batch).await?])
    }

    /// The rows are written as their commit will write them: with the timestamps of
    /// their own offsets, so that once more is as good as once.
    async fn takes(&self, batch: &Batch<'_, CassandraPlan>) -> Result<(), SinkError> {
        let state = self.state().await?;
        let tp = TopicPartition::new(batch.topic, batch.partition);
        let Some(generation) = self.owned.generation(&tp, batch.claim) else {
            return Err(moved("the claim is not held any more"));
        };
        self.write(state, batch, generation).await.map(|_| ())
    }

    async fn release(&self, tp: &TopicPartition, claim: Claim) -> Result<(), SinkError> {
        self.owned.remove(tp, claim);
        claims::release(self.state().await?, tp, claim).await
    }

    async fn heartbeat(&self, member: &Member) -> Result<(), SinkError> {
        let state = self.state().await?;
        positions::heartbeat(state, member)
            .await
            .map_err(|f| self.judged(f))
    }

    async fn remember_topic(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        topic_id: &str,
    ) -> Result<(), SinkError> {
        claims::remember_topic(self.state().await?, tp, claim, topic_id).await
    }
}

impl Positions for CassandraSink {
    async fn positions(&self) -> Result<Vec<StoredPosition>, SinkError> {
        let state = self.state().await?;
        let member = self.member.get().copied();
        let lost = |row: &claims::Row| {
            let ours = row.owner.map(|owner| owner.as_u128()) == member && member.is_some();
            let claim = Claim {
                epoch: plimsoll_protocol::Epoch(row.epoch),
                owner: plimsoll_protocol::Owner(member.unwrap_or_default()),
            };
            ours && !self.owned.holds(&row.tp(), claim)
        };
        positions::list(state, lost)
            .await
            .map_err(|f| self.judged(f))
    }

    async fn set_position(&self, change: &PositionChange) -> Result<SetOutcome, SinkError> {
        claims::set(self.state().await?, change, millis(self.settings.rewind)).await
    }

    /// There is no `log` table here.
    async fn holds_rows(
        &self,
        _: &Prepared<CassandraPlan>,
        _: &TopicPartition,
    ) -> Result<bool, SinkError> {
        Ok(false)
    }
}

impl DeadLetters for CassandraSink {
    async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        page: &DeadLetterPage,
    ) -> Result<Vec<KeptDeadLetter>, SinkError> {
        dead_letters::list(self.state().await?, filter, page).await
    }

    /// The rows carry the timestamps of their own offsets, so a later record of
    /// the same key has won already, wherever the position stands.
    async fn replay(&self, replay: &Replay<'_, CassandraPlan>) -> Result<Committed, SinkError> {
        let state = self.state().await?;
        let tp = TopicPartition::new(replay.topic, replay.partition);
        let Some(row) = claims::read(state, &tp).await? else {
            return Err(moved("the position is gone"));
        };
        let stored = positions::read(state, &tp, row.generation).await?;
        let position = stored.map_or(row.floor(), |s| s.position);
        let mut offsets = replay.letters.iter();
        if offsets.any(|&offset| offset >= position.offset()) {
            return Err(moved("the position moved"));
        }
        if !dead_letters::all_there(state, &tp, replay.letters).await? {
            return Err(moved("a letter is gone"));
        }
        let plan = &replay.table.plan;
        let encoded = Encoded::of(&plan.layout, row.generation(), replay.rows, now_ms())?;
        write::rows(self.way(state), plan, &encoded).await?;
        for &offset in replay.letters {
            dead_letters::remove_one(state, &tp, offset).await?;
        }
        Ok(Committed {
            rows: replay.rows.len() as u64,
            ..Committed::default()
        })
    }

    async fn drop_dead_letters(&self, filter: &DeadLetterFilter) -> Result<u64, SinkError> {
        dead_letters::remove(self.state().await?, filter).await
    }
}

/// A cluster tells a role its permissions only where it may read them; what it may not
/// do, the first write says.
impl Inspect for CassandraSink {
    const DRY_RUN: DryRun = DryRun::Encoded;

    /// Nothing can be taken back here: what is tried is that every value fits
    /// its column.
    async fn dry_run(&self, batch: &Batch<'_, CassandraPlan>) -> Result<Committed, SinkError> {
        let generation = Generation { number: 1, base: 0 };
        let mut rows = 0;
        for of in &batch.tables {
            let layout = &of.table.plan.layout;
            rows += Encoded::of(layout, generation, of.rows, now_ms())?.len() as u64;
        }
        Ok(Committed {
            rows,
            ..Committed::default()
        })
    }

    fn migrations(&self) -> String {
        migrate::print(&self.settings)
    }

    async fn missing_migrations(&self) -> Result<Option<String>, SinkError> {
        let session = self.lazy.session(&self.settings).await?;
        migrate::missing(&session, &self.settings).await
    }

    fn create_table(&self, table: &NewTable) -> Result<String, SinkError> {
        let (keyspace, name) = self.table_name(&table.topic)?;
        ddl::create(&keyspace, &name, table)
    }

    async fn make_table(&self, table: &NewTable) -> Result<(), SinkError> {
        let statement = self.create_table(table)?;
        let session = self.lazy.session(&self.settings).await?;
        ddl::make(&session, &statement).await
    }
}
