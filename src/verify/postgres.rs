//! Postgres: rows, positions and dead letters of one snapshot; and values as the
//! server itself writes them, so that 1 and 1.0, two forms of a uuid or two time
//! zones are equal where they are equal to the column.

use super::cells::{Form, text_of};
use super::database::{Canonical, Letters, Place, Standing, Unreadable};
use super::entry;
use plimsoll_sink_api::{Cell, Table};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use std::fmt::Write;

/// Rows that are fetched at a time.
const PAGE: usize = 2_000;

/// How a column is read and compared.
pub struct PgColumn {
    form: Form,
    /// With length and precision, qualified.
    type_sql: String,
    quoted: String,
}

/// A table.
pub struct PgTable {
    target: String,
    columns: Vec<PgColumn>,
    keys: Vec<usize>,
    /// See [`super::database::Database::defaults`].
    defaults: Vec<Option<u64>>,
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
            // Types are named with their schema.
            run(
                connection,
                "SET search_path = ''; SET statement_timeout = 0",
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
    pub async fn positions(&mut self, sink: &str) -> sqlx::Result<Vec<Standing>> {
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
                })
            })
            .fetch_all(&mut self.snapshot)
            .await
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
        let sql = "SELECT pg_catalog.format_type(a.atttypid, a.atttypmod), b.typcategory = 'A', \
                   b.typname, e.typname, pg_catalog.pg_get_expr(d.adbin, d.adrelid) \
                   FROM pg_catalog.pg_attribute AS a \
                   JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid \
                   JOIN pg_catalog.pg_type AS b \
                   ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END \
                   LEFT JOIN pg_catalog.pg_type AS e ON e.oid = b.typelem \
                   LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
                   WHERE a.attrelid = $1::pg_catalog.regclass AND a.attname = $2 AND NOT a.attisdropped";
        let (mut columns, mut defaults) = (Vec::new(), Vec::new());
        for column in &table.columns {
            let row = sqlx::query(sql)
                .bind(target)
                .bind(&column.name)
                .fetch_one(&mut self.snapshot)
                .await?;
            let array: bool = row.try_get(1)?;
            let (base, element): (String, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
            let default: Option<String> = row.try_get(4)?;
            columns.push(PgColumn {
                form: Form::of(column, array, &base, element.as_deref()),
                type_sql: row.try_get(0)?,
                quoted: ident(&column.name),
            });
            defaults.push(match default {
                None => Some(entry::NULL),
                Some(sql) => self.default(&sql).await?,
            });
        }
        Ok(PgTable {
            target: target.to_owned(),
            columns,
            keys: (0..table.columns.len())
                .filter(|&i| table.columns[i].key)
                .collect(),
            defaults,
        })
    }

    /// The value of a default that is the same for every row; `None` for one
    /// that calls a function that is not immutable.
    async fn default(&mut self, sql: &str) -> sqlx::Result<Option<u64>> {
        if !is_constant(sql) {
            return Ok(None);
        }
        let row = sqlx::query(AssertSqlSafe(format!("SELECT ({sql})::text")))
            .fetch_one(&mut self.judge)
            .await?;
        Ok(Some(entry::hash(row.try_get::<Option<&str>, _>(0)?)))
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
        for cells in rows {
            for (array, &i) in arrays.iter_mut().zip(&wanted) {
                array.push(text_of(table.columns[i].form, &cells[i])?);
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
        for (answer, cells) in answers.iter().zip(rows) {
            let key = key_of(answer).map_err(failed)?;
            let mut columns = vec![entry::SKIPPED; table.columns.len()];
            for (at, &i) in wanted.iter().enumerate() {
                columns[i] = match cells[i] {
                    Cell::Absent => entry::ABSENT,
                    _ => entry::hash(answer.try_get(at + 1).map_err(failed)?),
                };
            }
            all.push(Canonical { key, columns });
        }
        Ok(all)
    }

    /// Every row of the table.
    pub async fn rows(
        &mut self,
        table: &PgTable,
        mut each: impl FnMut(Canonical, &[Option<&str>]) -> std::io::Result<()>,
    ) -> sqlx::Result<()> {
        let mut sql = format!(
            "DECLARE found NO SCROLL CURSOR FOR SELECT {}",
            table.key(|c| c.quoted.clone())
        );
        for column in &table.columns {
            let _ = write!(sql, ", {}::text", column.quoted);
        }
        let _ = write!(sql, " FROM {}", table.target);
        run(&mut self.snapshot, &sql).await?;
        loop {
            let rows = sqlx::query(AssertSqlSafe(format!("FETCH {PAGE} FROM found")))
                .persistent(false)
                .fetch_all(&mut self.snapshot)
                .await?;
            for row in &rows {
                let texts = (0..table.columns.len())
                    .map(|i| row.try_get(i + 1))
                    .collect::<sqlx::Result<Vec<Option<&str>>>>()?;
                let canonical = Canonical {
                    key: key_of(row)?,
                    columns: texts.iter().map(|text| entry::hash(*text)).collect(),
                };
                each(canonical, &texts).map_err(sqlx::Error::Io)?;
            }
            if rows.len() < PAGE {
                return run(&mut self.snapshot, "CLOSE found").await;
            }
        }
    }
}

fn key_of(row: &PgRow) -> sqlx::Result<Option<String>> {
    row.try_get(0)
}

async fn run(connection: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .map(|_| ())
}

/// Literals, signs and casts: nothing that may differ from row to row.
fn is_constant(sql: &str) -> bool {
    let mut outside = true;
    sql.chars().all(|c| {
        if c == '\'' {
            outside = !outside;
        }
        !outside || c != '('
    }) && !["CURRENT_", "LOCALTIME", "SESSION_USER", "USER"]
        .iter()
        .any(|word| sql.to_uppercase().contains(word))
        || is_typed_literal(sql)
}

/// `'0'::numeric(12,2)`: a type's own brackets.
fn is_typed_literal(sql: &str) -> bool {
    let Some((literal, type_name)) = sql.rsplit_once("'::") else {
        return false;
    };
    literal.starts_with('\'')
        && type_name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " (),_\".[]".contains(c))
}

impl PgTable {
    /// How the columns' types are called, and what stands for a missing field;
    /// `None`: it is another thing in each row.
    #[must_use]
    pub fn defaults(&self) -> &[Option<u64>] {
        &self.defaults
    }

    /// The key by the equality of its types: their own hash functions say the
    /// same of 1 and 1.0. NULL for a table without one.
    fn key(&self, value: impl Fn(&PgColumn) -> String) -> String {
        if self.keys.is_empty() {
            return "NULL::text".to_owned();
        }
        let row: Vec<String> = self.keys.iter().map(|&i| value(&self.columns[i])).collect();
        let row = row.join(", ");
        format!(
            "pg_catalog.hash_record_extended(ROW({row}), 0)::text || ' ' || \
             pg_catalog.hash_record_extended(ROW({row}), 1)::text"
        )
    }

    fn judge_sql(&self, wanted: &[usize]) -> String {
        let cast = |i: usize| format!("(u.c{i})::{}", self.columns[i].type_sql);
        let place = |column: &PgColumn| {
            self.columns
                .iter()
                .position(|c| std::ptr::eq(c, column))
                .map_or_else(String::new, cast)
        };
        let mut sql = format!("SELECT {}", self.key(place));
        for &i in wanted {
            let _ = write!(sql, ", ({})::text", cast(i));
        }
        let arrays: Vec<String> = (1..=wanted.len())
            .map(|n| format!("${n}::text[]"))
            .collect();
        let names: Vec<String> = wanted.iter().map(|i| format!("c{i}")).collect();
        let _ = write!(
            sql,
            " FROM unnest({}) WITH ORDINALITY AS u({}, n) ORDER BY u.n",
            arrays.join(", "),
            names.join(", ")
        );
        sql
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_literals_are_the_same_for_every_row() {
        for sql in [
            "'none'::text",
            "0",
            "-1.5",
            "true",
            "'{}'::jsonb",
            "NULL::character varying",
            "'it''s (so)'::text",
            "'0'::numeric(12,2)",
            "'a'::public.\"Mood\"",
        ] {
            assert!(is_constant(sql), "{sql}");
        }
        for sql in [
            "now()",
            "nextval('a_id_seq'::regclass)",
            "CURRENT_TIMESTAMP",
            "('a'::text || random())",
            "LOCALTIMESTAMP",
            "lower('x'::text)",
        ] {
            assert!(!is_constant(sql), "{sql}");
        }
    }
}
