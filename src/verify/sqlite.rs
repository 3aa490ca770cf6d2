//! SQLite: rows, positions and dead letters of one read transaction; and values
//! as a table of the same declaration, in memory, keeps them.

use super::cells::{base64, rfc3339};
use super::database::{Canonical, Letters, Place, Standing, Unreadable};
use super::entry;
use plimsoll_sink_api::{Cell, Shape, Source, Table};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use std::path::Path;

/// Rows that are fetched at a time.
const PAGE: i64 = 2_000;

/// How a column takes values, as docs/CONFIG.md tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Blob,
    RawBlob,
    Number,
    Integer,
    Json,
}

/// A table.
pub struct LiteTable {
    target: String,
    names: Vec<String>,
    forms: Vec<Form>,
    keys: Vec<usize>,
    defaults: Vec<Option<u64>>,
}

/// Two connections: one for the snapshot, one in memory that judges values.
pub struct Sqlite {
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

impl Sqlite {
    /// Opens the file, and begins to read.
    pub async fn open(path: &Path) -> sqlx::Result<Self> {
        let mut snapshot = SqliteConnectOptions::new()
            .filename(path)
            .disable_statement_logging()
            .connect()
            .await?;
        let judge = SqliteConnectOptions::new().disable_statement_logging();
        let judge = judge.in_memory(true).connect().await?;
        sqlx::raw_sql("BEGIN").execute(&mut snapshot).await?;
        Ok(Self { snapshot, judge })
    }

    /// Where the sink stands.
    pub async fn positions(&mut self, sink: &str) -> sqlx::Result<Vec<Standing>> {
        sqlx::query(
            "SELECT topic, kafka_partition, next_offset, start_offset, cluster_id \
             FROM plimsoll_positions WHERE sink = ?1 ORDER BY 1, 2",
        )
        .bind(sink)
        .try_map(|row: SqliteRow| {
            Ok(Standing {
                topic: row.try_get(0)?,
                partition: row.try_get(1)?,
                position: row.try_get(2)?,
                start: row.try_get(3)?,
                cluster: row.try_get(4)?,
            })
        })
        .fetch_all(&mut self.snapshot)
        .await
    }

    /// Its dead letters.
    pub async fn letters(&mut self, sink: &str) -> sqlx::Result<Letters> {
        let rows = sqlx::query(
            "SELECT topic, kafka_partition, kafka_offset FROM plimsoll_dead_letters WHERE sink = ?1",
        )
        .bind(sink)
        .try_map(|row: SqliteRow| {
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

    /// Reads the declaration, and makes one like it in memory: the same types,
    /// none of its constraints.
    pub async fn table(&mut self, target: &str, table: &Table) -> sqlx::Result<LiteTable> {
        let declared: Vec<(String, String, Option<String>)> =
            sqlx::query("SELECT name, type, dflt_value FROM pragma_table_xinfo(?1)")
                .bind(target)
                .try_map(|row: SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
                .fetch_all(&mut self.snapshot)
                .await?;
        let (mut names, mut forms, mut defaults) = (Vec::new(), Vec::new(), Vec::new());
        let mut sql = Vec::new();
        for column in &table.columns {
            let found = declared
                .iter()
                .find(|(name, ..)| name.eq_ignore_ascii_case(&column.name))
                .ok_or_else(|| sqlx::Error::ColumnNotFound(column.name.clone()))?;
            let (name, declared, default) = found;
            forms.push(form(declared, &column.source, column.shape));
            sql.push(format!("{} {declared}", ident(name)));
            names.push(name.clone());
            defaults.push(match default.as_deref() {
                None => Some(entry::NULL),
                Some(default) => self.default(declared, default).await?,
            });
        }
        let made = format!(
            "DROP TABLE IF EXISTS judge; CREATE TABLE judge ({})",
            sql.join(", ")
        );
        sqlx::raw_sql(AssertSqlSafe(made))
            .execute(&mut self.judge)
            .await?;
        Ok(LiteTable {
            target: target.to_owned(),
            names,
            forms,
            keys: (0..table.columns.len())
                .filter(|&i| table.columns[i].key)
                .collect(),
            defaults,
        })
    }

    /// As the column keeps a literal; `None` for an expression.
    async fn default(&mut self, declared: &str, default: &str) -> sqlx::Result<Option<u64>> {
        let literal = default.starts_with('\'')
            || default.parse::<f64>().is_ok()
            || ["null", "true", "false"].contains(&default.to_ascii_lowercase().as_str());
        if !literal {
            return Ok(None);
        }
        let sql = format!(
            "DROP TABLE IF EXISTS one; CREATE TABLE one (v {declared}); INSERT INTO one VALUES ({default})"
        );
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.judge)
            .await?;
        let row = sqlx::query("SELECT typeof(v) || quote(v) FROM one")
            .persistent(false)
            .fetch_one(&mut self.judge)
            .await?;
        Ok(Some(hash_of(row.try_get(0)?)))
    }

    /// Records as the table keeps them. `key_only`: of tombstones.
    pub async fn canonical(
        &mut self,
        table: &LiteTable,
        rows: &[&[Cell<'_>]],
        key_only: bool,
    ) -> Result<Vec<Canonical>, Unreadable> {
        let failed = |e: sqlx::Error| Unreadable::Failed(e.into());
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
                let wanted = !key_only || table.keys.contains(&i);
                let null = Cell::Null;
                query = bind(query, table.forms[i], if wanted { cell } else { &null })?;
            }
            query.execute(&mut self.judge).await.map_err(failed)?;
            let row = sqlx::query(AssertSqlSafe(
                table.select("judge", "rowid = last_insert_rowid()"),
            ))
            .fetch_one(&mut self.judge)
            .await
            .map_err(failed)?;
            let (mut canonical, _) = table.read(&row).map_err(failed)?;
            for (i, cell) in cells.iter().enumerate() {
                if matches!(cell, Cell::Absent) {
                    canonical.columns[i] = entry::ABSENT;
                }
            }
            all.push(canonical);
        }
        Ok(all)
    }

    /// Every row of the table.
    pub async fn rows(
        &mut self,
        table: &LiteTable,
        mut each: impl FnMut(Canonical, &[Option<&str>]) -> std::io::Result<()>,
    ) -> sqlx::Result<()> {
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
                .await?;
            for row in &rows {
                let (canonical, texts) = table.read(row)?;
                let plain: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
                each(canonical, &plain).map_err(sqlx::Error::Io)?;
            }
            offset += PAGE;
            if (rows.len() as i64) < PAGE {
                return Ok(());
            }
        }
    }
}

impl LiteTable {
    /// See [`super::database::DbTable::defaults`].
    #[must_use]
    pub fn defaults(&self) -> &[Option<u64>] {
        &self.defaults
    }

    /// Per column its storage class with its literal, and its plain text.
    fn select(&self, from: &str, condition: &str) -> String {
        let each: Vec<String> = self
            .names
            .iter()
            .map(|name| ident(name))
            .map(|name| format!("typeof({name}) || quote({name}), CAST({name} AS TEXT)"))
            .collect();
        format!("SELECT {} FROM {from} WHERE {condition}", each.join(", "))
    }

    fn read(&self, row: &SqliteRow) -> sqlx::Result<(Canonical, Vec<Option<String>>)> {
        let (mut columns, mut texts, mut key) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..self.names.len() {
            let kept: &str = row.try_get(2 * i)?;
            columns.push(hash_of(kept));
            texts.push(row.try_get(2 * i + 1)?);
            if self.keys.contains(&i) {
                key.push(same_number(kept));
            }
        }
        let key = (!key.is_empty()).then(|| key.join("\n"));
        Ok((Canonical { key, columns }, texts))
    }
}

/// 1 and 1.0 are one key where a column keeps both.
fn same_number(kept: &str) -> String {
    let number = kept
        .strip_prefix("real")
        .or_else(|| kept.strip_prefix("integer"));
    let whole = number.map(|n| n.strip_suffix(".0").unwrap_or(n));
    whole.map_or_else(|| kept.to_owned(), |n| format!("number{n}"))
}

fn hash_of(kept: &str) -> u64 {
    match kept {
        "nullNULL" => entry::NULL,
        kept => entry::hash(Some(kept)),
    }
}

/// By SQLite's rules of affinity, and the documented ones on top.
fn form(declared: &str, source: &Source, shape: Shape) -> Form {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    if shape == Shape::Json {
        return Form::Json;
    }
    if has("INT") {
        return Form::Integer;
    }
    if has("CHAR") || has("CLOB") || has("TEXT") {
        return Form::Text;
    }
    if has("BLOB") {
        let whole_key = matches!(source, Source::Key(path) if path.0.is_empty());
        return match whole_key || matches!(source, Source::Header(_)) {
            true => Form::RawBlob,
            false => Form::Blob,
        };
    }
    Form::Number
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, SqliteArguments>;

fn bind<'q>(query: Query<'q>, form: Form, cell: &Cell<'_>) -> Result<Query<'q>, Unreadable> {
    Ok(match (cell, form) {
        (Cell::Absent | Cell::Null, _) => query.bind(None::<String>),
        (Cell::Text(text), Form::Blob) => query.bind(base64(text)?),
        (Cell::Text(text), Form::RawBlob) => query.bind(text.as_bytes().to_vec()),
        (Cell::Bytes(bytes), Form::Blob | Form::RawBlob) => query.bind(bytes.to_vec()),
        (Cell::Bytes(_), _) | (_, Form::Blob | Form::RawBlob) => return Err(Unreadable::Value),
        (Cell::Bool(yes), Form::Integer | Form::Number) => query.bind(i64::from(*yes)),
        (Cell::Number(digits), Form::Integer | Form::Number) => {
            match (digits.parse::<i64>(), digits.parse::<f64>()) {
                (Ok(whole), _) => query.bind(whole),
                (_, Ok(float)) => query.bind(float),
                _ => return Err(Unreadable::Value),
            }
        }
        (Cell::Int(number), Form::Integer | Form::Number) => query.bind(*number),
        (Cell::Millis(ms), Form::Integer) => query.bind(*ms),
        (Cell::Millis(ms), Form::Json) => query.bind(ms.to_string()),
        (Cell::Millis(ms), _) => query.bind(rfc3339(*ms)?),
        (Cell::Int(number), _) => query.bind(number.to_string()),
        (Cell::Bool(yes), _) => query.bind(yes.to_string()),
        (Cell::Number(text) | Cell::Json(text), _) => query.bind((*text).to_owned()),
        (Cell::Text(text), _) => query.bind(text.clone().into_owned()),
    })
}
