//! Postgres: rows, positions and dead letters of one snapshot; and values as the
//! server itself writes them, so that 1 and 1.0, two forms of a uuid or two time
//! zones are equal where they are equal to the column.

mod catalogue;
mod equality;

use super::cells::{Form, text_of};
use super::database::{Acts, Canonical, Failed, Letters, Place, Standing, Texts, Unreadable};
use super::entry;
use super::passed::Passed;
use equality::Equality;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Act, Cell, SinkError, Table};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
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
    /// See [`super::database::DbTable::changed`].
    changed: Option<u32>,
}

/// A table.
pub struct PgTable {
    target: String,
    columns: Vec<PgColumn>,
    keys: Vec<usize>,
    /// See [`super::database::DbTable::defaults`].
    defaults: Vec<Option<u64>>,
    /// See [`super::database::DbTable::changed`].
    changed: Vec<Option<u32>>,
}

/// Two sessions: one for the snapshot, one that judges values.
pub struct Postgres {
    snapshot: PgConnection,
    judge: PgConnection,
    state: String,
}

fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Postgres {
    /// Connects, and takes the snapshot.
    pub async fn open(options: PgConnectOptions, state_schema: &str) -> sqlx::Result<Self> {
        let options = options.application_name("plimsoll-verify");
        let mut snapshot = options.connect().await?;
        let mut judge = options.connect().await?;
        for connection in [&mut snapshot, &mut judge] {
            // Types are named with their schema. A table that another session has
            // locked for long must not keep the other sinks waiting.
            run(
                connection,
                "SET search_path = ''; SET statement_timeout = 0; SET lock_timeout = '30s'",
            )
            .await?;
        }
        run(
            &mut snapshot,
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        )
        .await?;
        Ok(Self {
            snapshot,
            judge,
            state: ident(state_schema),
        })
    }

    /// Where the sink stands.
    pub async fn positions(&mut self, sink: &str) -> Result<Vec<Standing>, Failed> {
        let acts = self.acts(sink).await?;
        let sql = format!(
            "SELECT topic, kafka_partition, next_offset, start_offset, cluster_id FROM {}.positions \
             WHERE sink = $1 ORDER BY topic, kafka_partition",
            self.state
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(sink)
            .try_map(|row: PgRow| {
                Ok(Standing {
                    topic: row.try_get(0)?,
                    partition: row.try_get(1)?,
                    position: row.try_get(2)?,
                    start: row.try_get(3)?,
                    cluster: row.try_get(4)?,
                    passed: Passed::default(),
                })
            })
            .fetch_all(&mut self.snapshot)
            .await
            .map(|all| {
                all.into_iter()
                    .map(|standing| standing.after(&acts))
                    .collect()
            })
            .map_err(Failed::from)
    }

    /// What operators did; nothing where the state is of before it was kept.
    async fn acts(&mut self, sink: &str) -> Result<Acts, Failed> {
        let table = format!("{}.acts", self.state);
        let look = "SELECT to_regclass($1) IS NOT NULL, coalesce(has_table_privilege(to_regclass($1), 'SELECT'), true), \
                    quote_ident(current_user)";
        let row = sqlx::query(look)
            .bind(&table)
            .fetch_one(&mut self.snapshot)
            .await?;
        if !row.try_get::<bool, _>(0)? {
            return Ok(Acts::new());
        }
        if !row.try_get::<bool, _>(1)? {
            let role: String = row.try_get(2)?;
            let error = SinkError::new(Class::Halt, format!("the role may not read {table}"));
            return Err(error
                .hint(format!("GRANT SELECT ON {table} TO {role}"))
                .into());
        }
        let sql = format!(
            "SELECT topic, kafka_partition, kind, stood_at, began_at, from_offset, to_offset \
             FROM {table} WHERE sink = $1 ORDER BY act"
        );
        let mut acts = Acts::new();
        for row in sqlx::query(AssertSqlSafe(sql))
            .bind(sink)
            .fetch_all(&mut self.snapshot)
            .await?
        {
            let act = Act::read(
                row.try_get(2)?,
                row.try_get(3)?,
                row.try_get(4)?,
                row.try_get(5)?,
                row.try_get(6)?,
            );
            acts.entry((row.try_get(0)?, row.try_get(1)?))
                .or_default()
                .extend(act);
        }
        Ok(acts)
    }

    /// Its dead letters.
    pub async fn letters(&mut self, sink: &str) -> sqlx::Result<Letters> {
        let sql = format!(
            "SELECT topic, kafka_partition, kafka_offset FROM {}.dead_letters WHERE sink = $1",
            self.state
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(sink)
            .try_map(|row: PgRow| {
                Ok(Place {
                    topic: row.try_get(0)?,
                    partition: row.try_get(1)?,
                    offset: row.try_get(2)?,
                })
            })
            .fetch_all(&mut self.snapshot)
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// Reads the catalogue.
    pub async fn table(&mut self, target: &str, table: &Table) -> sqlx::Result<PgTable> {
        let (mut columns, mut defaults) = (Vec::new(), Vec::new());
        for column in &table.columns {
            let (column, default) =
                catalogue::column(&mut self.snapshot, &mut self.judge, target, column).await?;
            columns.push(column);
            defaults.push(default);
        }
        Ok(PgTable {
            target: target.to_owned(),
            changed: columns.iter().map(|column| column.changed).collect(),
            columns,
            keys: (0..table.columns.len())
                .filter(|&i| table.columns[i].key)
                .collect(),
            defaults,
        })
    }

    /// Records as the server would write them. `key_only`: of tombstones.
    pub async fn canonical(
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
                other => Unreadable::Failed(other.into()),
            })?;
        let failed = |e: sqlx::Error| Unreadable::Failed(e.into());
        let mut all = Vec::with_capacity(answers.len());
        for (n, (answer, cells)) in answers.iter().zip(rows).enumerate() {
            let mut key = table.key_of(answer).map_err(failed)?;
            if table.keys.iter().any(|&i| clocks.contains(&(n, i))) {
                key = None;
            }
            let mut columns = vec![entry::SKIPPED; table.columns.len()];
            for (at, &i) in wanted.iter().enumerate() {
                columns[i] = match cells[i] {
                    Cell::Absent => entry::ABSENT,
                    _ if clocks.contains(&(n, i)) => entry::SKIPPED,
                    _ => entry::hash(answer.try_get(table.keys.len() + at).map_err(failed)?),
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

    /// Every row of the table.
    pub async fn rows(
        &mut self,
        table: &PgTable,
        mut each: impl FnMut(Canonical, Texts<'_>) -> std::io::Result<()>,
    ) -> sqlx::Result<()> {
        let mut wanted = table.key_texts(|column| column.quoted.clone());
        wanted.extend(table.columns.iter().map(|c| format!("{}::text", c.quoted)));
        if table.changed.iter().any(Option::is_some) {
            wanted.push("age(xmin)".to_owned());
        }
        let sql = format!(
            "DECLARE found NO SCROLL CURSOR FOR SELECT {} FROM {}",
            wanted.join(", "),
            table.target
        );
        run(&mut self.snapshot, &sql).await?;
        loop {
            let rows = sqlx::query(AssertSqlSafe(format!("FETCH {PAGE} FROM found")))
                .persistent(false)
                .fetch_all(&mut self.snapshot)
                .await?;
            for row in &rows {
                let texts = (0..table.columns.len())
                    .map(|i| row.try_get(table.keys.len() + i))
                    .collect::<sqlx::Result<Vec<Option<&str>>>>()?;
                let age = match table.changed.iter().any(Option::is_some) {
                    true => row.try_get::<i32, _>(table.keys.len() + table.columns.len())?,
                    false => 0,
                };
                let canonical = Canonical {
                    key: table.key_of(row)?,
                    age: u32::try_from(age).unwrap_or(0),
                    columns: texts.iter().map(|text| entry::hash(*text)).collect(),
                };
                each(canonical, &|i| texts[i].map(str::to_owned)).map_err(sqlx::Error::Io)?;
            }
            if rows.len() < PAGE {
                return run(&mut self.snapshot, "CLOSE found").await;
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

impl PgTable {
    /// What stands for a missing field; `None`: another thing in each row.
    #[must_use]
    pub fn defaults(&self) -> &[Option<u64>] {
        &self.defaults
    }

    /// See [`super::database::DbTable::changed`].
    #[must_use]
    pub fn changed(&self) -> &[Option<u32>] {
        &self.changed
    }

    /// The texts by which keys are told apart.
    fn key_texts(&self, value: impl Fn(&PgColumn) -> String) -> Vec<String> {
        let keys = self.keys.iter().map(|&i| &self.columns[i]);
        keys.filter_map(|column| Some(column.equality.as_ref()?.sql(&value(column))))
            .collect()
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
        Ok(Some(entry::identity(parts)))
    }

    fn judge_sql(&self, wanted: &[usize]) -> String {
        let place = |i: usize| self.columns[i].cast.replacen('@', &format!("(u.c{i})"), 1);
        let at = |column: &PgColumn| {
            let found = self.columns.iter().position(|c| std::ptr::eq(c, column));
            found.map_or_else(String::new, place)
        };
        let mut asked = self.key_texts(at);
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
