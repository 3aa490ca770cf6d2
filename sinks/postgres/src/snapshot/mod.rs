//! Postgres: rows, positions and dead letters of one snapshot; and values as the
//! server itself writes them, so that 1 and 1.0, two forms of a uuid or two time
//! zones are equal where they are equal to the column.

mod catalogue;
mod cells;
mod equality;

use crate::connect::place;
use crate::error::{from_sqlx, halt, on_connect};
use crate::text::ident;
use crate::{PgPlan, PostgresSettings, PostgresSink, url};
use cells::{Form, text_of};
use equality::Equality;
use plimsoll_sink_api::snapshot::hash;
use plimsoll_sink_api::snapshot::{
    Canonical, Feed, Feeds, Place, Snapshot, SnapshotTable, Standing, Stopped, Texts, Unreadable,
    with_acts,
};
use plimsoll_sink_api::{Act, Cell, Missing, Route, Sink, SinkError, mapping, rule_for};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use std::collections::HashSet;

/// Rows that are fetched at a time.
const PAGE: usize = 2_000;

/// How a column is read and compared.
pub struct PgColumn {
    form: Form,
    quoted: String,
    /// The type below all domains, with length and precision, as a cast of `@`.
    cast: String,
    /// Of a column of the key.
    equality: Option<Equality>,
    /// A text may be another value at each time.
    reads_clock: bool,
}

/// A table.
pub struct PgTable {
    target: String,
    columns: Vec<PgColumn>,
    keys: Vec<usize>,
    /// See [`SnapshotTable::defaults`].
    defaults: Vec<Option<u64>>,
    /// See [`SnapshotTable::changed`].
    changed: Vec<Option<u32>>,
}

/// Two sessions: one for the snapshot, one that judges values.
pub struct PostgresSnapshot {
    sink: PostgresSink,
    settings: PostgresSettings,
    snapshot: PgConnection,
    judge: PgConnection,
    state: String,
}

impl PostgresSnapshot {
    /// Connects, and takes the snapshot.
    ///
    /// # Errors
    /// The server does not answer, or refuses.
    pub async fn open(settings: &PostgresSettings) -> Result<Self, SinkError> {
        let options = url::options(settings.url.reveal()).map_err(halt)?;
        let options = options.application_name("plimsoll-verify");
        let failed = |e| on_connect(&place(&options), e);
        let mut snapshot = options.connect().await.map_err(failed)?;
        let mut judge = options.connect().await.map_err(failed)?;
        for connection in [&mut snapshot, &mut judge] {
            // Types are named with their schema. A table that another session has
            // locked for long must not keep the other sinks waiting.
            let set = "SET search_path = ''; SET statement_timeout = 0; SET lock_timeout = '30s'";
            run(connection, set).await.map_err(from_sqlx)?;
        }
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        run(&mut snapshot, begin).await.map_err(from_sqlx)?;
        Ok(Self {
            sink: PostgresSink::open(settings.clone(), "verify")?.read_only(),
            settings: settings.clone(),
            snapshot,
            judge,
            state: ident(&settings.state_schema),
        })
    }

    /// What operators did; nothing where the state is of before it was kept.
    async fn acts(&mut self) -> Result<Vec<(String, i32, Act)>, SinkError> {
        let table = format!("{}.acts", self.state);
        let look = "SELECT to_regclass($1) IS NOT NULL, coalesce(has_table_privilege(to_regclass($1), 'SELECT'), true), \
                    quote_ident(current_user)";
        let (there, readable, role): (bool, bool, String) = sqlx::query_as(look)
            .bind(&table)
            .fetch_one(&mut self.snapshot)
            .await
            .map_err(from_sqlx)?;
        if !there {
            return Ok(Vec::new());
        }
        if !readable {
            return Err(halt(format!("the role may not read {table}"))
                .hint(format!("GRANT SELECT ON {table} TO {role}")));
        }
        let sql = format!(
            "SELECT topic, kafka_partition, kind, stood_at, began_at, from_offset, to_offset \
             FROM {table} WHERE sink = $1 ORDER BY act"
        );
        let acts: Vec<Option<(String, i32, Act)>> = sqlx::query(AssertSqlSafe(sql))
            .bind(&self.settings.sink)
            .try_map(|row: PgRow| {
                let act = Act::read(
                    row.try_get(2)?,
                    row.try_get(3)?,
                    row.try_get(4)?,
                    row.try_get(5)?,
                    row.try_get(6)?,
                );
                let (topic, partition) = (row.try_get(0)?, row.try_get(1)?);
                Ok(act.map(|act| (topic, partition, act)))
            })
            .fetch_all(&mut self.snapshot)
            .await
            .map_err(from_sqlx)?;
        Ok(acts.into_iter().flatten().collect())
    }
}

impl Snapshot for PostgresSnapshot {
    type Table = PgTable;

    fn is_of_one_moment(&self) -> bool {
        true
    }

    async fn positions(&mut self) -> Result<Vec<Standing>, SinkError> {
        let acts = self.acts().await?;
        let sql = format!(
            "SELECT topic, kafka_partition, next_offset, start_offset, cluster_id FROM {}.positions \
             WHERE sink = $1 ORDER BY topic, kafka_partition",
            self.state
        );
        let standings = sqlx::query(AssertSqlSafe(sql))
            .bind(&self.settings.sink)
            .try_map(|row: PgRow| {
                Ok(Standing {
                    topic: row.try_get(0)?,
                    partition: row.try_get(1)?,
                    position: row.try_get(2)?,
                    start: row.try_get(3)?,
                    cluster: row.try_get(4)?,
                    acts: Vec::new(),
                })
            })
            .fetch_all(&mut self.snapshot)
            .await
            .map_err(from_sqlx)?;
        Ok(with_acts(standings, acts))
    }

    async fn dead_letters(&mut self) -> Result<HashSet<Place>, SinkError> {
        let sql = format!(
            "SELECT topic, kafka_partition, kafka_offset FROM {}.dead_letters WHERE sink = $1",
            self.state
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(&self.settings.sink)
            .try_map(|row: PgRow| {
                Ok(Place {
                    topic: row.try_get(0)?,
                    partition: row.try_get(1)?,
                    offset: row.try_get(2)?,
                })
            })
            .fetch_all(&mut self.snapshot)
            .await
            .map_err(from_sqlx)?;
        Ok(rows.into_iter().collect())
    }

    async fn feeds(&self, topic: &str) -> Result<Feeds, SinkError> {
        let settings = mapping::rule(&self.settings.tables, topic)?;
        Feeds::of(&self.sink, settings, topic).await
    }

    async fn feed(&self, topic: &str, route: Option<&Route>) -> Result<Feed, SinkError> {
        let prepared = self.sink.prepare_for(topic, route).await?;
        Ok(Feed {
            target: PgPlan::target(&prepared.plan).to_owned(),
            table: prepared.table.clone(),
            missing: rule_for(&self.settings.tables, topic).map_or(Missing::Default, |r| r.missing),
            incomparable: None,
        })
    }

    async fn table(
        &mut self,
        feed: &Feed,
        _: &str,
        _: Option<&Route>,
    ) -> Result<PgTable, SinkError> {
        let mut table = PgTable {
            target: feed.target.clone(),
            columns: Vec::new(),
            keys: (0..feed.table.columns.len())
                .filter(|&i| feed.table.columns[i].key)
                .collect(),
            defaults: Vec::new(),
            changed: Vec::new(),
        };
        for column in &feed.table.columns {
            let read = catalogue::column(&mut self.snapshot, &mut self.judge, &feed.target, column)
                .await
                .map_err(from_sqlx)?;
            table.columns.push(read.column);
            table.defaults.push(read.default);
            table.changed.push(read.changed);
        }
        Ok(table)
    }

    async fn canonical(
        &mut self,
        table: &PgTable,
        rows: &[&[Cell<'_>]],
        key_only: bool,
    ) -> Result<Vec<Canonical>, Unreadable> {
        let wanted: Vec<usize> = match key_only {
            true => table.keys.clone(),
            false => (0..table.columns.len()).collect(),
        };
        let mut arrays: Vec<Vec<Option<String>>> = vec![Vec::new(); wanted.len()];
        // Rows and columns whose value was another one when it was written.
        let mut clocks = HashSet::new();
        for (at, cells) in rows.iter().enumerate() {
            for (array, &i) in arrays.iter_mut().zip(&wanted) {
                let text = text_of(table.columns[i].form, &cells[i])?;
                if table.columns[i].reads_clock && text.as_deref().is_some_and(reads_clock) {
                    clocks.insert((at, i));
                }
                array.push(text);
            }
        }
        let mut query = sqlx::query(AssertSqlSafe(table.judge_sql(&wanted)));
        for array in &arrays {
            query = query.bind(array);
        }
        let answers = query
            .fetch_all(&mut self.judge)
            .await
            .map_err(|e| match e {
                sqlx::Error::Database(_) => Unreadable::Value,
                other => Unreadable::Failed(from_sqlx(other)),
            })?;
        let failed = |e: sqlx::Error| Unreadable::Failed(from_sqlx(e));
        let mut all = Vec::with_capacity(answers.len());
        for (n, (answer, cells)) in answers.iter().zip(rows).enumerate() {
            let mut key = table.key_of(answer).map_err(failed)?;
            if table.keys.iter().any(|&i| clocks.contains(&(n, i))) {
                key = None;
            }
            let mut columns = vec![hash::SKIPPED; table.columns.len()];
            for (at, &i) in wanted.iter().enumerate() {
                columns[i] = match cells[i] {
                    Cell::Absent => hash::ABSENT,
                    Cell::Unchanged => hash::UNCHANGED,
                    _ if clocks.contains(&(n, i)) => hash::SKIPPED,
                    _ => hash::hash(answer.try_get(table.keys.len() + at).map_err(failed)?),
                };
            }
            all.push(Canonical {
                key,
                age: 0,
                columns,
            });
        }
        Ok(all)
    }

    async fn rows(
        &mut self,
        table: &PgTable,
        mut each: impl FnMut(Canonical, Texts<'_>) -> std::io::Result<()>,
    ) -> Result<(), Stopped> {
        let aged = table.changed.iter().any(Option::is_some);
        let mut wanted = table.key_texts(|i| table.columns[i].quoted.clone());
        wanted.extend(table.columns.iter().map(|c| format!("{}::text", c.quoted)));
        if aged {
            wanted.push("age(xmin)".to_owned());
        }
        let sql = format!(
            "DECLARE found NO SCROLL CURSOR FOR SELECT {} FROM {}",
            wanted.join(", "),
            table.target
        );
        run(&mut self.snapshot, &sql).await.map_err(from_sqlx)?;
        loop {
            let rows = sqlx::query(AssertSqlSafe(format!("FETCH {PAGE} FROM found")))
                .persistent(false)
                .fetch_all(&mut self.snapshot)
                .await
                .map_err(from_sqlx)?;
            for row in &rows {
                let (canonical, texts) = table.read(row, aged).map_err(from_sqlx)?;
                each(canonical, &|i| texts[i].map(str::to_owned)).map_err(Stopped::Disk)?;
            }
            if rows.len() < PAGE {
                let closed = run(&mut self.snapshot, "CLOSE found").await;
                return closed.map_err(|e| from_sqlx(e).into());
            }
        }
    }
}

/// Words for times that depend on when they are read.
fn reads_clock(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["now", "today", "tomorrow", "yesterday"]
        .iter()
        .any(|word| text.contains(word))
}

async fn run(connection: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .map(|_| ())
}

impl SnapshotTable for PgTable {
    fn defaults(&self) -> &[Option<u64>] {
        &self.defaults
    }

    fn changed(&self) -> &[Option<u32>] {
        &self.changed
    }
}

impl PgTable {
    /// The texts by which keys are told apart; `value`: of a column, by its place.
    fn key_texts(&self, value: impl Fn(usize) -> String) -> Vec<String> {
        let keys = self.keys.iter();
        keys.filter_map(|&i| Some(self.columns[i].equality.as_ref()?.sql(&value(i))))
            .collect()
    }

    /// A row that was fetched, and its plain texts. `aged`: its age stands at its end.
    fn read<'r>(
        &self,
        row: &'r PgRow,
        aged: bool,
    ) -> sqlx::Result<(Canonical, Vec<Option<&'r str>>)> {
        let texts = (0..self.columns.len())
            .map(|i| row.try_get(self.keys.len() + i))
            .collect::<sqlx::Result<Vec<Option<&str>>>>()?;
        let age = match aged {
            true => row.try_get::<i32, _>(self.keys.len() + self.columns.len())?,
            false => 0,
        };
        let canonical = Canonical {
            key: self.key_of(row)?,
            age: u32::try_from(age).unwrap_or(0),
            columns: texts.iter().map(|text| hash::hash(*text)).collect(),
        };
        Ok((canonical, texts))
    }

    /// The key out of an answer that begins with these texts.
    fn key_of(&self, row: &PgRow) -> sqlx::Result<Option<u128>> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let mut texts = Vec::with_capacity(self.keys.len());
        for (at, &i) in self.keys.iter().enumerate() {
            let text: Option<&str> = row.try_get(at)?;
            let equality = self.columns[i].equality.as_ref();
            texts.push(text.zip(equality).map(|(text, e)| e.finished(text)));
        }
        let parts = texts.iter().map(|text| text.as_ref().map(String::as_bytes));
        Ok(Some(hash::identity(parts)))
    }

    fn judge_sql(&self, wanted: &[usize]) -> String {
        let place = |i: usize| self.columns[i].cast.replacen('@', &format!("(u.c{i})"), 1);
        let mut asked = self.key_texts(place);
        asked.extend(wanted.iter().map(|&i| format!("({})::text", place(i))));
        let arrays: Vec<String> = (1..=wanted.len())
            .map(|n| format!("${n}::text[]"))
            .collect();
        let names: Vec<String> = wanted.iter().map(|i| format!("c{i}")).collect();
        format!(
            "SELECT {} FROM unnest({}) WITH ORDINALITY AS u({}, n) ORDER BY u.n",
            asked.join(", "),
            arrays.join(", "),
            names.join(", ")
        )
    }
}
