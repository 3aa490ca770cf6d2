//! The sink on real files.

mod commits;
mod conformance;
mod fences;
mod migrations;
mod modes;
mod speed;
mod tables;
mod upserts;

use crate::{SqlitePlan, SqliteSettings, SqliteSink};
use plimsoll_protocol::{Claim, Owner, Position, Span, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Cell, Committed, DeadLetter, Identity, Marks, Member, Missing, Mode, NewPosition, Op,
    PositionChange, Positions, Prepared, Row, Rows, Sink, SinkError, Source, TableRows, TableRule,
    TableSettings,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _, SqliteConnection};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

const TOPIC: &str = "orders";

/// A file with a table, and a sink that owns partition 0.
struct Fixture {
    _dir: TempDir,
    path: PathBuf,
    sink: SqliteSink,
    claim: Claim,
    at: i64,
}

fn change(
    identity: Identity,
    tp: &TopicPartition,
    to: Position,
    force: bool,
    fresh: std::time::Duration,
) -> PositionChange {
    PositionChange {
        tp: tp.clone(),
        to: Some(to),
        identity,
        take_over: false,
        topic_id: None,
        high_watermark: Position::ZERO,
        force,
        fresh,
    }
}

fn identity() -> Identity {
    Identity {
        group_id: "g".into(),
        cluster_id: "c".into(),
    }
}

fn member(owner: u128) -> Member {
    Member {
        owner: Owner(owner),
        name: format!("member-{owner}"),
    }
}

fn tp() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

fn position(offset: i64) -> Position {
    Position::new(offset).unwrap()
}

fn span(from: i64, to: i64) -> Span {
    Span::new(position(from), position(to)).unwrap()
}

fn table(mode: Mode) -> TableSettings {
    TableSettings::new("orders", mode)
}

fn settings(path: PathBuf, table: TableSettings) -> SqliteSettings {
    SqliteSettings {
        sink: "s".into(),
        path,
        auto_migrate: true,
        tables: vec![TableRule {
            topics: vec![],
            settings: table,
        }],
    }
}

fn text(text: &str) -> Cell<'_> {
    Cell::Text(text)
}

fn number(text: &str) -> Cell<'_> {
    Cell::Number(text)
}

/// One record: its operation and its cells by column name.
type Record<'a> = (Op, Vec<(&'a str, Cell<'a>)>);

fn put<'a>(cells: impl IntoIterator<Item = (&'a str, Cell<'a>)>) -> Record<'a> {
    (Op::Put, cells.into_iter().collect())
}

fn delete<'a>(cells: impl IntoIterator<Item = (&'a str, Cell<'a>)>) -> Record<'a> {
    (Op::Delete, cells.into_iter().collect())
}

fn rows<'a>(table: &Prepared<SqlitePlan>, from: i64, records: &[Record<'a>]) -> Rows<'a> {
    let columns = &table.table.columns;
    let mut rows = Rows::with_capacity(columns.len(), records.len());
    for (offset, (op, cells)) in (from..).zip(records) {
        let row = rows.push(Row { offset, op: *op });
        for (name, cell) in cells {
            row[columns.iter().position(|c| c.name == *name).unwrap()] = *cell;
        }
        for (cell, column) in row.iter_mut().zip(columns) {
            match column.take.source {
                Source::Topic => *cell = Cell::Text(TOPIC),
                Source::Partition => *cell = Cell::Int(0),
                Source::Offset => *cell = Cell::Int(offset),
                _ => {}
            }
        }
    }
    rows
}

impl Fixture {
    async fn new(create: &'static str, table: TableSettings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let sink = SqliteSink::open(settings(path.clone(), table)).unwrap();
        sink.migrate().await.unwrap();
        let start = NewPosition {
            tp: tp(),
            position: Position::ZERO,
            topic_id: None,
            high_watermark: Position::ZERO,
        };
        sink.settle(&identity(), StartRule::FirstRecord, &[start])
            .await
            .unwrap();
        let claim = sink
            .claim(&member(1), &identity(), &tp())
            .await
            .unwrap()
            .claim;
        let it = Self {
            _dir: dir,
            path,
            sink,
            claim,
            at: 0,
        };
        it.sql(create).await;
        it
    }

    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .connect()
            .await
            .unwrap()
    }

    async fn sql(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
    }

    /// What a query returns: values as SQLite writes literals, so that text and
    /// numbers are told apart.
    async fn query(&self, columns: &str, rest: &str) -> Vec<String> {
        let columns: Vec<String> = columns.split(", ").map(|c| format!("quote({c})")).collect();
        let sql = format!("SELECT {} FROM {rest}", columns.join(" || ' ' || "));
        let mut connection = self.connect().await;
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn prepared(&self) -> Arc<Prepared<SqlitePlan>> {
        self.sink.prepare(TOPIC).await.unwrap()
    }

    /// Commits records behind the position.
    async fn commit(&mut self, records: &[Record<'_>]) -> Result<Committed, SinkError> {
        let table = self.prepared().await;
        let rows = rows(&table, self.at, records);
        let to = self.at + i64::try_from(records.len()).unwrap();
        let done = self
            .commit_rows(&table, &rows, &[], span(self.at, to), self.claim)
            .await;
        if done.is_ok() {
            self.at = to;
        }
        done
    }

    async fn commit_rows(
        &self,
        table: &Prepared<SqlitePlan>,
        rows: &Rows<'_>,
        dead: &[DeadLetter<'_>],
        span: Span,
        claim: Claim,
    ) -> Result<Committed, SinkError> {
        let batch = Batch {
            topic: TOPIC,
            partition: 0,
            claim,
            span,
            tables: TableRows::only(table, rows),
            dead,
            marks: Marks::default(),
        };
        self.sink.commit_one(&batch).await
    }

    async fn position(&self) -> i64 {
        self.sink.positions().await.unwrap()[0].position.offset()
    }
}
