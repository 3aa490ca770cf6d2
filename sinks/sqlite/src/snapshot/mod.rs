//! SQLite: rows, positions and dead letters of one read transaction; and values
//! as a table of the same declaration, in memory, keeps them.

#[cfg(test)]
mod agreement;
mod form;
mod kept;

use crate::error::from_sqlx;
use crate::{SqliteSettings, SqliteSink};
use form::Form;
use kept::{Collation, Kept};
use plimsoll_sink_api::snapshot::hash;
use plimsoll_sink_api::snapshot::{
    Canonical, Feed, Feeds, Place, Snapshot, SnapshotTable, Standing, Stopped, Texts, Unreadable,
    with_acts,
};
use plimsoll_sink_api::{Act, Cell, Missing, Route, Sink, SinkError, Table, mapping, rule_for};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use std::collections::HashSet;

/// Rows that are fetched at a time.
const PAGE: i64 = 2_000;

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, SqliteArguments>;

/// A table.
pub struct LiteTable {
    target: String,
    names: Vec<String>,
    forms: Vec<Form>,
    /// Columns of the key, and how their index compares.
    keys: Vec<(usize, Collation)>,
    defaults: Vec<Option<u64>>,
}

/// Two connections: one for the snapshot, one in memory that judges values.
pub struct SqliteSnapshot {
    sink: SqliteSink,
    settings: SqliteSettings,
    snapshot: SqliteConnection,
    judge: SqliteConnection,
}

fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|n| ident(n))
        .collect::<Vec<_>>()
        .join(", ")
}

impl SqliteSnapshot {
    /// Opens the file, and begins to read.
    ///
    /// # Errors
    /// There is no such file, or it is none of SQLite's.
    pub async fn open(settings: &SqliteSettings) -> Result<Self, SinkError> {
        // So that looking makes nothing.
        let settings = SqliteSettings {
            auto_migrate: false,
            ..settings.clone()
        };
        let (snapshot, judge) = connect(&settings).await.map_err(|e| from_sqlx(&e))?;
        Ok(Self {
            sink: SqliteSink::open(settings.clone())?,
            settings,
            snapshot,
            judge,
        })
    }

    /// What operators did; nothing where the state is of before it was kept.
    async fn acts(&mut self) -> sqlx::Result<Vec<(String, i32, Act)>> {
        let there: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'plimsoll_acts')",
        )
        .fetch_one(&mut self.snapshot)
        .await?;
        if !there {
            return Ok(Vec::new());
        }
        let acts: Vec<Option<(String, i32, Act)>> = sqlx::query(
            "SELECT topic, kafka_partition, kind, stood_at, began_at, from_offset, to_offset \
             FROM plimsoll_acts WHERE sink = ?1 ORDER BY act",
        )
        .bind(&self.settings.sink)
        .try_map(|row: SqliteRow| {
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
        .await?;
        Ok(acts.into_iter().flatten().collect())
    }

    async fn standings(&mut self) -> sqlx::Result<Vec<Standing>> {
        let acts = self.acts().await?;
        let standings = sqlx::query(
            "SELECT topic, kafka_partition, next_offset, start_offset, cluster_id \
             FROM plimsoll_positions WHERE sink = ?1 ORDER BY 1, 2",
        )
        .bind(&self.settings.sink)
        .try_map(|row: SqliteRow| {
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
        .await?;
        Ok(with_acts(standings, acts))
    }

    /// Reads the declaration, and makes one like it in memory: the same types,
    /// none of its constraints.
    async fn declared(&mut self, target: &str, table: &Table) -> sqlx::Result<LiteTable> {
        let declared: Vec<(String, String, Option<String>, bool)> =
            sqlx::query("SELECT name, type, dflt_value, pk > 0 FROM pragma_table_xinfo(?1)")
                .bind(target)
                .try_map(|row: SqliteRow| {
                    Ok((
                        row.try_get(0)?,
                        row.try_get(1)?,
                        row.try_get(2)?,
                        row.try_get(3)?,
                    ))
                })
                .fetch_all(&mut self.snapshot)
                .await?;
        let (strict, has_rowid): (bool, bool) = sqlx::query(
            "SELECT strict, NOT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
        )
        .bind(target)
        .try_map(|row: SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?)))
        .fetch_one(&mut self.snapshot)
        .await?;
        let primary = declared.iter().filter(|(.., primary)| *primary).count();
        let (mut names, mut forms, mut defaults) = (Vec::new(), Vec::new(), Vec::new());
        let mut sql = Vec::new();
        for column in &table.columns {
            let found = declared
                .iter()
                .find(|(name, ..)| name.eq_ignore_ascii_case(&column.name))
                .ok_or_else(|| sqlx::Error::ColumnNotFound(column.name.clone()))?;
            let (name, declared, default, key) = found;
            let is_rowid =
                has_rowid && *key && primary == 1 && declared.eq_ignore_ascii_case("INTEGER");
            forms.push(Form::of(declared, strict, column));
            sql.push(format!("{} {declared}", ident(name)));
            names.push(name.clone());
            defaults.push(match default.as_deref() {
                // SQLite gives it a number.
                _ if is_rowid => None,
                None => Some(hash::NULL),
                Some(default) => self.default(declared, default, strict).await?,
            });
        }
        let made = format!(
            "DROP TABLE IF EXISTS judge; CREATE TABLE judge ({}){}",
            sql.join(", "),
            options(strict)
        );
        sqlx::raw_sql(AssertSqlSafe(made))
            .execute(&mut self.judge)
            .await?;
        Ok(LiteTable {
            target: target.to_owned(),
            names,
            forms,
            keys: self.keys(target, table).await?,
            defaults,
        })
    }

    /// The key's columns, with the collations of the unique index over exactly these.
    async fn keys(&mut self, target: &str, table: &Table) -> sqlx::Result<Vec<(usize, Collation)>> {
        let indexed: Vec<(i64, String, String)> = sqlx::query(
            "SELECT l.seq, coalesce(x.name, ''), coalesce(x.coll, '') \
             FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x \
             WHERE l.\"unique\" AND NOT l.partial AND x.key ORDER BY l.seq, x.seqno",
        )
        .bind(target)
        .try_map(|row: SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
        .fetch_all(&mut self.snapshot)
        .await?;
        let keys: Vec<usize> = (0..table.columns.len())
            .filter(|&i| table.columns[i].key)
            .collect();
        let of = |index: &[(i64, String, String)], i: usize| -> Option<Collation> {
            let name = &table.columns[i].name;
            let found = index
                .iter()
                .find(|(_, n, _)| n.eq_ignore_ascii_case(name))?;
            Some(Collation::named(&found.2))
        };
        let exact = indexed
            .chunk_by(|a, b| a.0 == b.0)
            .find(|index| index.len() == keys.len() && keys.iter().all(|&i| of(index, i).is_some()))
            .unwrap_or_default();
        let with = |i: usize| (i, of(exact, i).unwrap_or(Collation::Binary));
        Ok(keys.into_iter().map(with).collect())
    }

    /// As the column keeps it; `None` for what may be another thing in each row.
    async fn default(
        &mut self,
        declared: &str,
        default: &str,
        strict: bool,
    ) -> sqlx::Result<Option<u64>> {
        if !is_constant(default) {
            return Ok(None);
        }
        // An expression lost its brackets in the catalogue, and a bare name, which
        // stands for itself, must not have any.
        for default in [default.to_owned(), format!("({default})")] {
            let sql = format!(
                "DROP TABLE IF EXISTS one; CREATE TABLE one (n INT, v {declared} DEFAULT {default}){}; \
                 INSERT INTO one (n) VALUES (1)",
                options(strict)
            );
            if sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut self.judge)
                .await
                .is_ok()
            {
                let row = sqlx::query("SELECT v FROM one")
                    .persistent(false)
                    .fetch_one(&mut self.judge)
                    .await?;
                return Ok(Some(Kept::read(&row, 0)?.hash()));
            }
        }
        Ok(None)
    }
}

/// The file, in a read transaction, and a database in memory.
async fn connect(settings: &SqliteSettings) -> sqlx::Result<(SqliteConnection, SqliteConnection)> {
    let mut snapshot = SqliteConnectOptions::new()
        .filename(&settings.path)
        .disable_statement_logging()
        .connect()
        .await?;
    let judge = SqliteConnectOptions::new().disable_statement_logging();
    let judge = judge.in_memory(true).connect().await?;
    sqlx::raw_sql("BEGIN").execute(&mut snapshot).await?;
    Ok((snapshot, judge))
}

impl Snapshot for SqliteSnapshot {
    type Table = LiteTable;

    fn is_of_one_moment(&self) -> bool {
        true
    }

    async fn positions(&mut self) -> Result<Vec<Standing>, SinkError> {
        self.standings().await.map_err(|e| from_sqlx(&e))
    }

    async fn dead_letters(&mut self) -> Result<HashSet<Place>, SinkError> {
        let rows = sqlx::query(
            "SELECT topic, kafka_partition, kafka_offset FROM plimsoll_dead_letters WHERE sink = ?1",
        )
        .bind(&self.settings.sink)
        .try_map(|row: SqliteRow| {
            Ok(Place {
                topic: row.try_get(0)?,
                partition: row.try_get(1)?,
                offset: row.try_get(2)?,
            })
        })
        .fetch_all(&mut self.snapshot)
        .await
        .map_err(|e| from_sqlx(&e))?;
        Ok(rows.into_iter().collect())
    }

    async fn feeds(&self, topic: &str) -> Result<Feeds, SinkError> {
        let settings = mapping::rule(&self.settings.tables, topic)?;
        Feeds::of(&self.sink, settings, topic).await
    }

    async fn feed(&self, topic: &str, route: Option<&Route>) -> Result<Feed, SinkError> {
        let prepared = self.sink.prepare_for(topic, route).await?;
        Ok(Feed {
            target: prepared.table.name.clone(),
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
    ) -> Result<LiteTable, SinkError> {
        let declared = self.declared(&feed.target, &feed.table).await;
        declared.map_err(|e| from_sqlx(&e))
    }

    async fn canonical(
        &mut self,
        table: &LiteTable,
        rows: &[&[Cell<'_>]],
        key_only: bool,
    ) -> Result<Vec<Canonical>, Unreadable> {
        let failed = |e: sqlx::Error| Unreadable::Failed(from_sqlx(&e));
        sqlx::raw_sql("DELETE FROM judge")
            .execute(&mut self.judge)
            .await
            .map_err(failed)?;
        let marks = vec!["?"; table.names.len()].join(", ");
        let insert = format!(
            "INSERT INTO judge ({}) VALUES ({marks})",
            list(&table.names)
        );
        let mut all = Vec::with_capacity(rows.len());
        for cells in rows {
            let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
            for (i, cell) in cells.iter().enumerate() {
                let wanted = !key_only || table.keys.iter().any(|(key, _)| *key == i);
                query = table.forms[i].bind(query, if wanted { cell } else { &Cell::Null })?;
            }
            query.execute(&mut self.judge).await.map_err(|e| match e {
                sqlx::Error::Database(_) => Unreadable::Value,
                other => failed(other),
            })?;
            let row = sqlx::query(AssertSqlSafe(
                table.select("judge", "rowid = last_insert_rowid()"),
            ))
            .fetch_one(&mut self.judge)
            .await
            .map_err(failed)?;
            let (mut canonical, _) = table.read(&row).map_err(failed)?;
            for (i, cell) in cells.iter().enumerate() {
                match cell {
                    Cell::Absent => canonical.columns[i] = hash::ABSENT,
                    Cell::Unchanged => canonical.columns[i] = hash::UNCHANGED,
                    _ => {}
                }
            }
            // A row keeps the spelling that its key came with first.
            for (i, _) in table.keys.iter().filter(|(_, c)| *c != Collation::Binary) {
                canonical.columns[*i] = hash::SKIPPED;
            }
            all.push(canonical);
        }
        Ok(all)
    }

    async fn rows(
        &mut self,
        table: &LiteTable,
        mut each: impl FnMut(Canonical, Texts<'_>) -> std::io::Result<()>,
    ) -> Result<(), Stopped> {
        // A table without a rowid cannot be paged by it; OFFSET pages any table,
        // and within one transaction its order stays.
        let sql = format!(
            "{} LIMIT ?1 OFFSET ?2",
            table.select(&ident(&table.target), "true")
        );
        let mut offset = 0;
        loop {
            let rows = sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(PAGE)
                .bind(offset)
                .fetch_all(&mut self.snapshot)
                .await
                .map_err(|e| from_sqlx(&e))?;
            for row in &rows {
                let (canonical, kept) = table.read(row).map_err(|e| from_sqlx(&e))?;
                each(canonical, &|i| kept[i].text()).map_err(Stopped::Disk)?;
            }
            offset += PAGE;
            if (rows.len() as i64) < PAGE {
                return Ok(());
            }
        }
    }
}

impl SnapshotTable for LiteTable {
    fn defaults(&self) -> &[Option<u64>] {
        &self.defaults
    }
}

impl LiteTable {
    fn select(&self, from: &str, condition: &str) -> String {
        format!("SELECT {} FROM {from} WHERE {condition}", list(&self.names))
    }

    fn read(&self, row: &SqliteRow) -> sqlx::Result<(Canonical, Vec<Kept>)> {
        let kept = (0..self.names.len())
            .map(|i| Kept::read(row, i))
            .collect::<sqlx::Result<Vec<Kept>>>()?;
        let parts: Vec<Option<Vec<u8>>> = self
            .keys
            .iter()
            .map(|(i, collation)| kept[*i].part(*collation))
            .collect();
        let key = hash::identity(parts.iter().map(|part| part.as_deref()));
        let canonical = Canonical {
            key: (!parts.is_empty()).then_some(key),
            age: 0,
            columns: kept.iter().map(Kept::hash).collect(),
        };
        Ok((canonical, kept))
    }
}

/// No function, nothing of the clock: nothing that may differ from row to row.
fn is_constant(sql: &str) -> bool {
    let mut outside = String::new();
    let mut quote = None;
    for c in sql.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                outside.push(' ');
            }
            None => outside.push(c.to_ascii_lowercase()),
        }
    }
    let called = |(at, _): (usize, &str)| {
        let before = outside[..at].trim_end();
        before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
    };
    !outside.match_indices('(').any(called)
        && !["current_date", "current_time", "select"]
            .iter()
            .any(|word| outside.contains(word))
}

/// What makes a table in memory keep values as one in the file.
fn options(strict: bool) -> &'static str {
    if strict { " STRICT" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::is_constant;

    #[test]
    fn only_literals_and_what_is_made_of_them_are_the_same_for_every_row() {
        for sql in [
            "0",
            "-1.5",
            "'it''s (so)'",
            "new",
            "\"new\"",
            "x'00'",
            "1 + 1",
            "'a' || 'b'",
            "(1) + (2)",
            "TRUE",
            "NULL",
        ] {
            assert!(is_constant(sql), "{sql}");
        }
        for sql in [
            "CURRENT_TIMESTAMP",
            "current_date",
            "random()",
            "datetime ('now')",
            "'x' || random()",
            "(SELECT 1)",
        ] {
            assert!(!is_constant(sql), "{sql}");
        }
    }
}
