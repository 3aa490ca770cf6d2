//! A sink in memory. Its position rows are the protocol's own
//! ([`plimsoll_protocol::PositionRow`]), and its rules are the strictest, so it is
//! what other sinks are measured by.

mod fault;
mod shared;
mod snapshot;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use fault::{Fault, Shutting};
pub use plimsoll_conformance::Kept;
pub use snapshot::{MemorySnapshot, MemoryTable};
pub use table::MemoryPlan;

use fault::{away, coded};
use plimsoll_conformance::{ColumnSpec, Type, column};
use plimsoll_protocol::{Claim, Class, Owner, Position, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Act, Batch, Claimed, Committed, DeadLetterFilter, DeadLetterPage, DeadLetters, DryRun,
    Grouping, Identity, Inspect, KeptDeadLetter, Member, Mode, NewPosition, NewTable,
    PositionChange, Positions, Prepared, Refusal, Replay, Route, Rows, SetOutcome, Settled, Sink,
    SinkError, StoredPosition, TableChange, TableRule, TableSettings, mapping, no_position,
    route_in,
};
use state::{SINK, State, moved};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use table::{Stored, StoredRow};

/// A process's way to a database in memory; clones are of the same process.
#[derive(Clone)]
pub struct MemorySink {
    state: Arc<Mutex<State>>,
    rules: Arc<Vec<TableRule>>,
    /// Rows are judged by what their first column says: see [`fault::judge`].
    judges: bool,
}

/// The table of [`MemorySink::default`].
const PLAIN: &str = "memory";

impl Default for MemorySink {
    /// One table with one column, `n`: a row whose `n` is `bad` is refused, and one
    /// whose `n` is `odd`, too, with a code that could mean the table; one whose `n` is
    /// `lone`, for want of another row.
    fn default() -> Self {
        let settings = TableSettings::new(PLAIN, Mode::Append);
        let rule = TableRule {
            topics: Vec::new(),
            settings,
        };
        let mut sink = Self::empty().with_rules(vec![rule]);
        sink.create(PLAIN, vec![column("n", Type::Text)]);
        sink.judges = true;
        sink
    }
}

impl MemorySink {
    /// A database with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            state: Arc::default(),
            rules: Arc::default(),
            judges: false,
        }
    }

    /// Another process on the same database, with a config of its own.
    #[must_use]
    pub fn with_rules(&self, rules: Vec<TableRule>) -> Self {
        Self {
            rules: Arc::new(rules),
            ..self.clone()
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().expect("nobody panics with it"))
    }

    /// The same, unless nothing answers.
    fn asked<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T, SinkError> {
        self.with(|s| match s.away {
            true => Err(away()),
            false => Ok(act(s)),
        })
    }

    /// Makes a table.
    pub fn create(&self, name: &str, columns: Vec<ColumnSpec>) {
        let rows = Vec::new();
        self.with(|s| s.tables.insert(name.to_owned(), Stored { columns, rows }));
    }

    /// Makes a table as that of [`Self::default`].
    pub fn create_plain(&self, name: &str) {
        self.create(name, vec![column("n", Type::Text)]);
    }

    /// Drops a table.
    pub fn drop_table(&self, name: &str) {
        self.with(|s| s.tables.remove(name));
    }

    /// The rows of a table, in the order of writing: what stands in these columns.
    #[must_use]
    pub fn rows(&self, table: &str, columns: &[&str]) -> Vec<Vec<Kept>> {
        self.with(|s| {
            let Some(table) = s.tables.get(table) else {
                return Vec::new();
            };
            let place = |name: &&str| table.columns.iter().position(|c| c.name == *name);
            let places: Vec<usize> = columns.iter().filter_map(place).collect();
            let values = |row: &StoredRow| places.iter().map(|&i| row.values[i].clone()).collect();
            table.rows.iter().map(values).collect()
        })
    }

    /// Adds faults for the commits to come.
    pub fn script(&self, faults: &[Fault]) {
        self.with(|s| s.script.extend(faults));
    }

    /// Faults that hit.
    #[must_use]
    pub fn happened(&self) -> Vec<Fault> {
        self.with(|s| s.happened.clone())
    }

    /// How many batches each commit had, those included that came to nothing.
    #[must_use]
    pub fn commits(&self) -> Vec<usize> {
        self.with(|s| s.commits.clone())
    }

    /// Whether nothing answers.
    pub fn set_away(&self, away: bool) {
        self.with(|s| s.away = away);
    }

    /// When rows may not be written.
    pub fn set_shutting(&self, shutting: Shutting) {
        self.with(|s| s.shutting = shutting);
    }

    /// How often rows were refused because they may not be written.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.with(|s| s.refused)
    }

    /// How long each commit takes.
    pub fn set_slow(&self, slow: Duration) {
        self.with(|s| s.slow = slow);
    }

    /// Puts a position elsewhere, as an operator does.
    ///
    /// # Panics
    /// There is none, or the offset is negative.
    pub fn set(&self, tp: &TopicPartition, to: i64) {
        self.with(|s| {
            let stood = s.positions.get_mut(tp).expect("a position");
            stood.row.set(Position::new(to).expect("an offset"));
            stood.marks = plimsoll_sink_api::Marks::default();
        });
    }

    /// How often a table was read: the first time for the first batch.
    #[must_use]
    pub fn prepared(&self) -> usize {
        self.with(|s| s.prepared)
    }

    /// How often a partition was claimed.
    #[must_use]
    pub fn claims(&self, tp: &TopicPartition) -> i64 {
        self.with(|s| s.positions.get(tp).map_or(0, |p| p.row.epoch.0))
    }

    /// The offsets written of a partition, in the order of writing.
    #[must_use]
    pub fn offsets(&self, tp: &TopicPartition) -> Vec<i64> {
        self.with(|s| {
            let rows = s.tables.values().flat_map(|table| &table.rows);
            let ours = rows.filter(|row| row.of.0 == *tp);
            ours.map(|row| row.of.1).collect()
        })
    }

    /// Dead letters of a partition.
    #[must_use]
    pub fn dead(&self, tp: &TopicPartition) -> Vec<i64> {
        self.with(|s| {
            let ours = s.letters.keys().filter(|(t, _)| t == tp);
            ours.map(|(_, offset)| *offset).collect()
        })
    }

    /// Where a partition stands.
    #[must_use]
    pub fn position(&self, tp: &TopicPartition) -> Option<i64> {
        self.with(|s| s.positions.get(tp).map(|p| p.row.position.offset()))
    }

    /// The lowest offset that a partition ever began at.
    #[must_use]
    pub fn began_at(&self, tp: &TopicPartition) -> Option<i64> {
        self.with(|s| s.positions.get(tp).map(|p| p.start))
    }

    /// What operators did to a partition.
    #[must_use]
    pub fn acts(&self, tp: &TopicPartition) -> Vec<Act> {
        self.with(|s| {
            let ours = s.acts.iter().filter(|(t, _)| t == tp);
            ours.map(|(_, act)| *act).collect()
        })
    }

    /// Loses a position, and keeps that its start was settled.
    pub fn lose_position(&self, tp: &TopicPartition) {
        self.with(|s| s.positions.remove(tp));
    }

    /// Loses that a start was settled.
    pub fn lose_start(&self, tp: &TopicPartition) {
        self.with(|s| s.starts.remove(tp));
    }

    /// The table after these rows; nothing is written yet.
    fn written(
        &self,
        state: &mut State,
        plan: &MemoryPlan,
        tp: &TopicPartition,
        rows: &Rows<'_>,
    ) -> Result<(Stored, Committed), SinkError> {
        if state.away {
            return Err(away());
        }
        if state.shutting.next() && !rows.is_empty() {
            state.refused += 1;
            return Err(coded("42501", "insufficient_privilege"));
        }
        if self.judges {
            fault::judge(rows)?;
        }
        let table = state.tables.get(plan.table());
        let gone = || SinkError::new(Class::Stale, "the table is gone");
        let mut table = table.cloned().ok_or_else(gone)?;
        let committed = table.write(plan, tp, rows)?;
        Ok((table, committed))
    }

    /// The tables after the rows of a batch; nothing is written yet.
    fn all_written(
        &self,
        state: &mut State,
        batch: &Batch<'_, MemoryPlan>,
        tp: &TopicPartition,
    ) -> Result<(Vec<(String, Stored)>, Committed), SinkError> {
        if state.away {
            return Err(away());
        }
        let (mut tables, mut all) = (Vec::new(), Committed::default());
        for of in &batch.tables {
            let plan = &of.table.plan;
            let (table, done) = self.written(state, plan, tp, of.rows)?;
            tables.push((plan.table().to_owned(), table));
            all.rows += done.rows;
            all.already_there += done.already_there;
        }
        Ok((tables, all))
    }

    async fn tried(&self, batch: &Batch<'_, MemoryPlan>) -> Result<Committed, SinkError> {
        tokio::time::sleep(self.with(|s| s.slow)).await;
        let tp = TopicPartition::new(batch.topic, batch.partition);
        self.with(|s| {
            let (_, committed) = self.all_written(s, batch, &tp)?;
            Ok(committed)
        })
    }

    fn commit_all(
        &self,
        s: &mut State,
        batches: &[Batch<'_, MemoryPlan>],
    ) -> Result<Vec<Committed>, Refusal> {
        s.commits.push(batches.len());
        let fault = s.script.pop_front();
        s.happened.extend(fault);
        if let Some(first) = batches.first() {
            befall(s, fault, &tp_of(first))?;
        }
        let before = (s.tables.clone(), s.positions.clone(), s.letters.clone());
        let done = self.write_all(s, batches);
        if done.is_err() {
            (s.tables, s.positions, s.letters) = before;
        }
        match fault {
            Some(Fault::AppliedAnswerLost) => Err(away().into()),
            _ => done,
        }
    }

    fn write_all(
        &self,
        s: &mut State,
        batches: &[Batch<'_, MemoryPlan>],
    ) -> Result<Vec<Committed>, Refusal> {
        let mut done = Vec::new();
        let mut fenced = Vec::new();
        for (place, batch) in batches.iter().enumerate() {
            let tp = tp_of(batch);
            let (tables, committed) = self.all_written(s, batch, &tp)?;
            let stood = s.positions.get_mut(&tp);
            let stood = stood.ok_or_else(|| no_position(SINK, &tp))?;
            if stood.row.advance(batch.claim, batch.span).is_err() {
                fenced.push(place);
                continue;
            }
            stood.reached(batch.marks);
            s.tables.extend(tables);
            for letter in batch.dead {
                s.keep_dead_letter(&tp, letter);
            }
            done.push(committed);
        }
        match fenced.is_empty() {
            true => Ok(done),
            false => Err(Refusal {
                fenced,
                ..moved("fenced").into()
            }),
        }
    }
}

fn tp_of(batch: &Batch<'_, MemoryPlan>) -> TopicPartition {
    TopicPartition::new(batch.topic, batch.partition)
}

/// What a fault does before a commit, whose first partition it is about.
fn befall(s: &mut State, fault: Option<Fault>, tp: &TopicPartition) -> Result<(), SinkError> {
    let stood = s.positions.get_mut(tp);
    let stood = stood.ok_or_else(|| no_position(SINK, tp))?;
    match fault {
        Some(Fault::NotAppliedAnswerLost) => return Err(away()),
        Some(Fault::Altered) => {
            return Err(SinkError::new(Class::Stale, "the table changed"));
        }
        Some(Fault::Deadlock) => {
            return Err(SinkError::new(Class::Transient, "deadlock_detected"));
        }
        Some(Fault::ClaimedByAnother) => {
            stood.row.claim(Owner(0));
        }
        Some(Fault::SetToZero) => {
            stood.row.set(Position::ZERO);
            stood.marks = plimsoll_sink_api::Marks::default();
            for table in s.tables.values_mut() {
                table.rows.retain(|row| row.of.0 != *tp);
            }
        }
        Some(Fault::AppliedAnswerLost) | None => {}
    }
    Ok(())
}

impl Sink for MemorySink {
    type Plan = MemoryPlan;

    async fn migrate(&self) -> Result<(), SinkError> {
        self.asked(|_| ())
    }

    async fn prepare_for(
        &self,
        topic: &str,
        route: Option<&Route>,
    ) -> Result<Arc<Prepared<MemoryPlan>>, SinkError> {
        let settings = mapping::rule(&self.rules, topic)?;
        let name = mapping::table_name(settings, topic, route)?;
        self.asked(|s| {
            s.prepared += 1;
            if settings.mode == Mode::Log && route.is_none() {
                let made = s.tables.entry(name.clone());
                made.or_insert_with(|| Stored {
                    columns: table::log_table(settings),
                    rows: Vec::new(),
                });
            }
            let Some(stored) = s.tables.get(&name) else {
                let others = s.tables.keys().map(String::as_str);
                return Err(mapping::missing_table(&name, settings.mode, others));
            };
            table::plan(&name, settings, &stored.columns).map(Arc::new)
        })?
    }

    async fn routes(&self, topic: &str) -> Result<Vec<Route>, SinkError> {
        let settings = mapping::rule(&self.rules, topic)?;
        if settings.routing.is_none() {
            return Ok(Vec::new());
        }
        let open = settings.words(topic, None).fill(&settings.table);
        self.asked(|s| {
            let mut names: Vec<&String> = s.tables.keys().collect();
            names.sort();
            names
                .iter()
                .filter_map(|name| route_in(&open, name))
                .collect()
        })
    }

    async fn change_table(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        change: &TableChange,
    ) -> Result<(), SinkError> {
        let settings = mapping::rule(&self.rules, change.topic())?;
        let name = mapping::table_name(settings, change.topic(), None)?;
        self.asked(|state| state.change_table(tp, claim, &name, change))?
    }

    async fn settled(&self) -> Result<Vec<Settled>, SinkError> {
        self.asked(|s| {
            let stands = |tp: &TopicPartition| s.positions.contains_key(tp);
            let all: std::collections::BTreeSet<_> =
                s.starts.iter().chain(s.positions.keys()).collect();
            let settled = |tp: &TopicPartition| Settled {
                tp: tp.clone(),
                stands: stands(tp),
            };
            all.into_iter().map(settled).collect()
        })
    }

    async fn settle(
        &self,
        identity: &Identity,
        rule: StartRule,
        starts: &[NewPosition],
    ) -> Result<(), SinkError> {
        self.asked(|s| s.settle(identity, rule, starts))?
    }

    async fn claim(
        &self,
        member: &Member,
        identity: &Identity,
        tp: &TopicPartition,
    ) -> Result<Claimed, SinkError> {
        self.asked(|s| s.claim(member, identity, tp))?
    }

    fn grouping(&self) -> Grouping {
        Grouping {
            batches: 100,
            commits: 4,
        }
    }

    async fn commit(&self, batches: &[Batch<'_, MemoryPlan>]) -> Result<Vec<Committed>, Refusal> {
        tokio::time::sleep(self.with(|s| s.slow)).await;
        self.asked(|s| self.commit_all(s, batches))?
    }

    async fn takes(&self, batch: &Batch<'_, MemoryPlan>) -> Result<(), SinkError> {
        self.tried(batch).await.map(|_| ())
    }

    async fn release(&self, tp: &TopicPartition, claim: Claim) -> Result<(), SinkError> {
        self.with(|s| {
            if let Some(stood) = s.positions.get_mut(tp) {
                stood.row.release(claim);
            }
        });
        Ok(())
    }

    async fn heartbeat(&self, member: &Member) -> Result<(), SinkError> {
        self.with(|s| s.heartbeat(member));
        Ok(())
    }

    async fn remember_topic(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        topic_id: &str,
    ) -> Result<(), SinkError> {
        self.with(|s| s.remember_topic(tp, claim, topic_id));
        Ok(())
    }
}

impl Positions for MemorySink {
    async fn positions(&self) -> Result<Vec<StoredPosition>, SinkError> {
        Ok(self.with(|s| s.stored()))
    }

    async fn set_position(&self, change: &PositionChange) -> Result<SetOutcome, SinkError> {
        self.with(|s| s.set(change))
    }

    async fn holds_rows(
        &self,
        table: &Prepared<MemoryPlan>,
        tp: &TopicPartition,
    ) -> Result<bool, SinkError> {
        self.with(|s| {
            let table = s.tables.get(table.plan.table());
            Ok(table.is_some_and(|table| table.rows.iter().any(|row| row.of.0 == *tp)))
        })
    }
}

impl DeadLetters for MemorySink {
    async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        page: &DeadLetterPage,
    ) -> Result<Vec<KeptDeadLetter>, SinkError> {
        self.with(|s| {
            let behind = |place: &(TopicPartition, i64)| {
                page.after.as_ref().is_none_or(|after| place > after)
            };
            let wanted = s
                .letters
                .iter()
                .filter(|(place, _)| state::matches(filter, place) && behind(place));
            let letter = |(_, kept): (_, &KeptDeadLetter)| KeptDeadLetter {
                payload: kept.payload.clone().filter(|_| page.payloads),
                ..kept.clone()
            };
            Ok(wanted.take(page.limit as usize).map(letter).collect())
        })
    }

    async fn replay(&self, replay: &Replay<'_, MemoryPlan>) -> Result<Committed, SinkError> {
        let tp = TopicPartition::new(replay.topic, replay.partition);
        self.with(|s| {
            let stood = s.positions.get(&tp).ok_or_else(|| moved("no position"))?;
            let position = stood.row.position;
            let place = |&offset: &i64| (tp.clone(), offset);
            let places: Vec<_> = replay.letters.iter().map(place).collect();
            let stands = match replay.stands_at {
                Some(wanted) => position == wanted,
                None => places.iter().all(|(_, at)| *at < position.offset()),
            };
            if !stands {
                return Err(moved("the position moved"));
            }
            if !places.iter().all(|place| s.letters.contains_key(place)) {
                return Err(moved("a letter is gone"));
            }
            let plan = &replay.table.plan;
            let (table, committed) = self.written(s, plan, &tp, replay.rows)?;
            s.tables.insert(plan.table().to_owned(), table);
            for place in &places {
                s.letters.remove(place);
            }
            Ok(committed)
        })
    }

    async fn drop_dead_letters(&self, filter: &DeadLetterFilter) -> Result<u64, SinkError> {
        Ok(self.with(|s| s.drop_letters(filter)))
    }
}

/// It has no tables of plimsoll's own.
impl Inspect for MemorySink {
    const DRY_RUN: DryRun = DryRun::RolledBack;

    async fn dry_run(&self, batch: &Batch<'_, MemoryPlan>) -> Result<Committed, SinkError> {
        self.tried(batch).await
    }

    fn migrations(&self) -> String {
        String::new()
    }

    async fn missing_migrations(&self) -> Result<Option<String>, SinkError> {
        self.asked(|_| None)
    }

    fn create_table(&self, table: &NewTable) -> Result<String, SinkError> {
        let settings = mapping::rule(&self.rules, &table.topic)?;
        let name = mapping::table_name(settings, &table.topic, None)?;
        table.statement(&table::DIALECT.name(&name), &table::DIALECT)
    }

    async fn make_table(&self, table: &NewTable) -> Result<(), SinkError> {
        // It reads no statement, and refuses what has none.
        let _ = self.create_table(table)?;
        let settings = mapping::rule(&self.rules, &table.topic)?;
        let name = mapping::table_name(settings, &table.topic, None)?;
        if self.asked(|s| s.tables.contains_key(&name))? {
            let what = format!("table \"{name}\" is there already");
            return Err(SinkError::new(Class::Halt, what));
        }
        self.create(&name, table::made(&table.columns));
        Ok(())
    }
}
