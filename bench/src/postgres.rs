//! The tables that are written, and the baseline: what the server does without us.

use crate::{Failed, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The columns of an order, as COPY's file has them.
pub const ORDERS: &str = "id bigint, customer text, status text, amount numeric(12,2), \
     quantity integer, created_at timestamptz, seq bigint, note text";

/// The columns that an upsert replaces.
const REPLACED: [&str; 7] = [
    "customer",
    "status",
    "amount",
    "quantity",
    "created_at",
    "seq",
    "note",
];

/// A connection, and how others reach the same database.
pub struct Postgres {
    /// `postgres://…`
    pub url: String,
    psql: PathBuf,
    connection: PgConnection,
}

impl Postgres {
    /// Connects.
    pub async fn connect(url: &str, bin: &Path) -> Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let mut postgres = Self {
            url: url.to_owned(),
            psql: bin.join("psql"),
            connection: options.connect().await?,
        };
        postgres.execute("SET TimeZone = 'UTC'").await?;
        Ok(postgres)
    }

    /// One more connection to the same database.
    pub async fn another(&self) -> Result<Self> {
        let bin = self.psql.parent().unwrap_or(Path::new("")).to_owned();
        Self::connect(&self.url, &bin).await
    }

    /// Runs statements, one or several.
    pub async fn execute(&mut self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.connection)
            .await
            .map_err(|e| Failed::new(format!("{e}: {sql}")))?;
        Ok(())
    }

    /// The one text of the one row; NULL is empty.
    pub async fn text(&mut self, sql: &str) -> Result<String> {
        let row = sqlx::query(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut self.connection)
            .await
            .map_err(|e| Failed::new(format!("{e}: {sql}")))?;
        Ok(row.try_get::<Option<String>, _>(0)?.unwrap_or_default())
    }

    /// Like [`Self::text`]; what is not there yet is 0.
    pub async fn number(&mut self, sql: &str) -> i64 {
        match sqlx::query(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut self.connection)
            .await
        {
            Ok(row) => row.try_get(0).unwrap_or_default(),
            Err(_) => 0,
        }
    }

    /// Rows of two numbers; NULL is 0.
    pub async fn pairs(&mut self, sql: &str) -> Result<Vec<(i64, i64)>> {
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut self.connection)
            .await
            .map_err(|e| Failed::new(format!("{e}: {sql}")))?;
        rows.iter()
            .map(|row| {
                let number = |at: usize| row.try_get::<Option<i64>, _>(at);
                Ok((
                    number(0)?.unwrap_or_default(),
                    number(1)?.unwrap_or_default(),
                ))
            })
            .collect()
    }

    /// What is written so far must not be written during a measurement.
    pub async fn checkpoint(&mut self) -> Result<()> {
        self.execute("CHECKPOINT").await
    }

    /// Rows, and a sum of hashes of their whole content.
    pub async fn digest(&mut self, table: &str) -> Result<(i64, String)> {
        let count = self.number(&format!("SELECT count(*) FROM {table}")).await;
        let sum = format!("SELECT sum(hashtextextended(t::text, 0)::numeric)::text FROM {table} t");
        Ok((count, self.text(&sum).await?))
    }

    /// `\copy` of a file by psql, as an operator would run it; how long it took.
    pub async fn copy_file(&self, table: &str, file: &Path, format: &str) -> Result<Duration> {
        self.psql(&format!(
            "\\copy {table} from '{}' with (format {format})",
            file.display()
        ))
        .await
    }

    /// `\copy` of a table into a file.
    pub async fn copy_out(&self, table: &str, file: &Path) -> Result<()> {
        self.psql(&format!(
            "\\copy {table} to '{}' with (format binary)",
            file.display()
        ))
        .await?;
        Ok(())
    }

    async fn psql(&self, command: &str) -> Result<Duration> {
        let began = Instant::now();
        let output = tokio::process::Command::new(&self.psql)
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                command,
                &self.url,
            ])
            .stdin(Stdio::null())
            .output()
            .await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failed::new(format!("psql {command}: {said}")));
        }
        Ok(began.elapsed())
    }

    /// Upserts a staged table in one session, `chunk` records at a time in their
    /// order, as the service has to: a later record of a key wins.
    pub async fn upsert_staged(
        &mut self,
        staged: &str,
        table: &str,
        records: u64,
        chunk: u64,
    ) -> Result<Duration> {
        let set = REPLACED.map(|c| format!("{c} = EXCLUDED.{c}")).join(", ");
        let began = Instant::now();
        let mut from = 0;
        while from < records {
            let to = from + chunk;
            self.execute(&format!(
                "INSERT INTO {table} SELECT DISTINCT ON (id) id, {} FROM {staged} \
                 WHERE seq >= {from} AND seq < {to} ORDER BY id, seq DESC \
                 ON CONFLICT (id) DO UPDATE SET {set}",
                REPLACED.join(", ")
            ))
            .await?;
            from = to;
        }
        Ok(began.elapsed())
    }

    /// Upserts a staged table in one session, record by record in their order,
    /// 5,000 a transaction.
    pub async fn upsert_each(&mut self, staged: &str, table: &str) -> Result<Duration> {
        let set = REPLACED.map(|c| format!("{c} = EXCLUDED.{c}")).join(", ");
        let columns = REPLACED.map(|c| format!("r.{c}")).join(", ");
        let began = Instant::now();
        self.execute(&format!(
            "DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM {staged} ORDER BY seq LOOP \
             INSERT INTO {table} SELECT r.id, {columns} ON CONFLICT (id) DO UPDATE SET {set}; \
             IF r.seq % 5000 = 4999 THEN COMMIT; END IF; END LOOP; END $$"
        ))
        .await?;
        Ok(began.elapsed())
    }

    /// Settings that decide how fast a server can be.
    pub async fn settings(&mut self) -> Result<Vec<(String, String)>> {
        let mut all = vec![("version".to_owned(), self.text("SELECT version()").await?)];
        for name in [
            "shared_buffers",
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "wal_level",
            "max_wal_size",
            "checkpoint_timeout",
        ] {
            let value = self
                .text(&format!("SELECT current_setting('{name}')"))
                .await?;
            all.push((name.to_owned(), value));
        }
        Ok(all)
    }

    /// Ends the session.
    pub async fn close(self) {
        let _ = self.connection.close().await;
    }
}
