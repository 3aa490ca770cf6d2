//! A test's own schema, and questions to the database.

use super::kafka::Kafka;
use super::oracle::Row;
use super::service::Service;
use super::{block_on, servers, unique, wait};
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Row as _, ValueRef};
use std::sync::Mutex;
use std::time::Duration;

/// A schema of its own for one test, and one for plimsoll's tables beside it.
pub struct Database {
    url: String,
    /// Where the test's tables are.
    pub schema: String,
    connection: Mutex<Option<PgConnection>>,
}

impl Database {
    /// On the server that the tests share.
    pub fn shared(test: &str) -> Self {
        Self::on(&servers::postgres(), test)
    }

    /// On another server, which runs.
    pub fn on(url: &str, test: &str) -> Self {
        let database = Self::later(url, test);
        database.execute(&format!("CREATE SCHEMA {}", database.schema));
        database
    }

    /// On a server that may not run yet; the schema is not made.
    pub fn later(url: &str, test: &str) -> Self {
        Self {
            url: url.to_owned(),
            schema: unique(test),
            connection: Mutex::default(),
        }
    }

    /// The same, by a connection of its own.
    pub fn again(&self) -> Self {
        Self {
            url: self.url.clone(),
            schema: self.schema.clone(),
            connection: Mutex::default(),
        }
    }

    /// How to reach it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where plimsoll keeps its state; it makes that schema itself.
    pub fn state_schema(&self) -> String {
        format!("{}_state", self.schema)
    }

    /// The qualified name of a table of the test.
    pub fn table(&self, name: &str) -> String {
        format!("{}.{name}", self.schema)
    }

    /// Runs statements; `{s}` stands for the schema.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.try_rows(sql).unwrap_or_else(|e| panic!("{e}\n{sql}"));
    }

    /// All rows, each value as Postgres writes it; `{s}` stands for the schema.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Row> {
        self.try_rows(sql).unwrap_or_else(|e| panic!("{e}\n{sql}"))
    }

    /// The one value of the one row.
    #[track_caller]
    pub fn value(&self, sql: &str) -> Option<String> {
        let rows = self.rows(sql);
        assert!(
            rows.len() == 1 && rows[0].len() == 1,
            "not one value: {rows:?}\n{sql}"
        );
        rows.into_iter().flatten().next().flatten()
    }

    /// The one value, a number.
    #[track_caller]
    pub fn number(&self, sql: &str) -> i64 {
        let value = self.value(sql).expect("not NULL");
        value
            .parse()
            .unwrap_or_else(|_| panic!("not a number: {value}\n{sql}"))
    }

    /// [`Self::rows`], for a server that may be away.
    pub fn try_rows(&self, sql: &str) -> Result<Vec<Row>, sqlx::Error> {
        let sql = sql.replace("{s}", &self.schema);
        let mut kept = self.connection.lock().expect("no test panics in here");
        block_on(async {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => {
                    tokio::time::timeout(Duration::from_secs(10), PgConnection::connect(&self.url))
                        .await
                        .map_err(|_| sqlx::Error::PoolTimedOut)??
                }
            };
            // The simple protocol: several statements, and values as text.
            let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .fetch_all(&mut connection)
                .await;
            let broken = matches!(&rows, Err(error) if error.as_database_error().is_none());
            if !broken {
                *kept = Some(connection);
            }
            rows.map(|rows| rows.iter().map(texts).collect())
        })
    }

    /// The stored positions of a topic, by partition.
    pub fn positions(&self, topic: &str) -> Result<Vec<i64>, sqlx::Error> {
        let rows = self.try_rows(&format!(
            "SELECT next_offset FROM {{s}}_state.positions WHERE topic = '{topic}' ORDER BY kafka_partition"
        ))?;
        let number = |row: &Row| {
            row[0]
                .as_deref()
                .and_then(|n| n.parse().ok())
                .expect("a number")
        };
        Ok(rows.iter().map(number).collect())
    }

    /// Waits until the positions stand at the end of the log.
    #[track_caller]
    pub fn wait_caught_up(&self, kafka: &Kafka, topic: &str) {
        self.wait_caught_up_within(wait::PATIENCE, kafka, topic);
    }

    /// The same, with another bound.
    #[track_caller]
    pub fn wait_caught_up_within(&self, limit: Duration, kafka: &Kafka, topic: &str) {
        let ends = kafka.ends(topic);
        wait::within(
            limit,
            &format!("the positions of {topic} are {ends:?}"),
            || {
                match self.positions(topic) {
                    // An empty topic has no end to reach.
                    Ok(positions) if positions == ends => Ok(()),
                    Ok(positions) => Err(format!("{positions:?}")),
                    Err(error) => Err(error.to_string()),
                }
            },
        );
    }

    /// Writers' sessions of a sink that hold an open transaction, or whose
    /// commit the server has not finished.
    pub fn unfinished(&self, service: &Service) -> i64 {
        // Other tests have sinks of this name too: the table tells them apart
        // where the transaction has locked it, the state schema where it is the
        // statement itself.
        self.number(&format!(
            "SELECT count(*) FROM pg_stat_activity a
             WHERE a.application_name LIKE 'plimsoll/{sink}/%' AND a.state <> 'idle' AND (
                a.query LIKE '%{{s}}\\_state.advance%'
                OR EXISTS (
                    SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                    JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE l.pid = a.pid AND n.nspname = '{{s}}' AND l.mode = 'RowExclusiveLock'))",
            sink = service.sink
        ))
    }
}

fn texts(row: &PgRow) -> Row {
    (0..row.len())
        .map(|i| {
            let value = row.try_get_raw(i).expect("a column");
            (!value.is_null()).then(|| value.as_str().expect("text").to_owned())
        })
        .collect()
}
