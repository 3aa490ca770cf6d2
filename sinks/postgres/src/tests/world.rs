//! One test's schemas in the shared server, and short ways to use a sink.

use crate::{PgPlan, PostgresSettings, PostgresSink};
use plimsoll_protocol::{Claim, Owner, Position, Span, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Cell, Claimed, Committed, DeadLetter, Identity, Inspect, Marks, Member, Mode,
    NewPosition, Op, PositionChange, Prepared, Row as RowHead, Rows, Secret, Sink, SinkError,
    TableRows, TableRule, TableSettings, Take,
};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use std::sync::Arc;
use std::time::Duration;

pub fn url() -> String {
    std::env::var("PLIMSOLL_TEST_POSTGRES").expect(
        "PLIMSOLL_TEST_POSTGRES is not set: it must hold the URL of a Postgres where the role may \
         create schemas; `make test` starts one and sets it",
    )
}

/// A test's place: schema `NAME` for tables, `NAME_state` for plimsoll's own. Its
/// sinks copy even a single row, unless the name says `small`.
pub struct World {
    pub name: &'static str,
    pub sql: PgConnection,
}

pub fn at(offset: i64) -> Position {
    Position::new(offset).unwrap()
}

pub fn identity() -> Identity {
    Identity {
        group_id: "g".to_owned(),
        cluster_id: "c".to_owned(),
    }
}

pub fn change(
    identity: Identity,
    tp: &TopicPartition,
    to: Position,
    force: bool,
    fresh: Duration,
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

pub fn member(n: u128) -> Member {
    Member {
        owner: Owner(n),
        name: format!("member-{n}"),
    }
}

pub fn tp() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

/// What a test writes: offset, operation and cells.
pub type Record = (i64, Op, Vec<Cell<'static>>);

pub fn put(offset: i64, cells: Vec<Cell<'static>>) -> Record {
    (offset, Op::Put, cells)
}

pub fn delete(offset: i64, cells: Vec<Cell<'static>>) -> Record {
    (offset, Op::Delete, cells)
}

pub fn text(text: &'static str) -> Cell<'static> {
    Cell::Text(text)
}

pub fn number(digits: &'static str) -> Cell<'static> {
    Cell::Number(digits)
}

impl World {
    pub async fn new(name: &'static str, tables: &str) -> Self {
        let mut sql = PgConnection::connect(&url())
            .await
            .expect("the test server");
        for statement in [
            "SET client_min_messages = error".to_owned(),
            format!("DROP SCHEMA IF EXISTS {name} CASCADE"),
            format!("DROP SCHEMA IF EXISTS {name}_state CASCADE"),
            format!("CREATE SCHEMA {name}"),
            format!("SET search_path = {name}, public"),
            tables.to_owned(),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut sql)
                .await
                .unwrap();
        }
        Self { name, sql }
    }

    pub fn settings(&self, mode: Mode, table: &str) -> PostgresSettings {
        PostgresSettings {
            sink: self.name.to_owned(),
            url: Secret::new(url()),
            state_schema: format!("{}_state", self.name),
            max_connections: 3,
            auto_migrate: true,
            call_timeout: Duration::from_secs(20),
            tables: vec![TableRule {
                topics: Vec::new(),
                settings: TableSettings::new(format!("{}.{table}", self.name), mode),
            }],
        }
    }

    /// A migrated sink with one settled partition.
    pub async fn sink(&self, settings: PostgresSettings, member: &str) -> PostgresSink {
        let sink = PostgresSink::open(settings, member).unwrap();
        let sink = match self.name.contains("small") {
            true => sink,
            false => sink.copying_above(0),
        };
        sink.migrate().await.unwrap();
        let start = NewPosition {
            tp: tp(),
            position: Position::ZERO,
            topic_id: Some("id".to_owned()),
            high_watermark: Position::ZERO,
        };
        sink.settle(&identity(), StartRule::FirstRecord, &[start])
            .await
            .unwrap();
        sink
    }

    pub async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.sql)
            .await
            .unwrap();
    }

    /// All rows of a query as one text each, columns joined by `|`.
    pub async fn rows(&mut self, query: &str) -> Vec<String> {
        let sql = format!(
            "SELECT array_to_string(array(SELECT coalesce(v.value, 'NULL') FROM json_each_text(row_to_json(q)) AS v), '|') FROM ({query}) AS q"
        );
        sqlx::raw_sql(AssertSqlSafe(sql))
            .fetch_all(&mut self.sql)
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect()
    }

    /// The one text of a query, whatever it holds.
    pub async fn text(&mut self, query: &str) -> String {
        let sql = AssertSqlSafe(query.to_owned());
        let row = sqlx::raw_sql(sql).fetch_one(&mut self.sql).await;
        row.unwrap().get(0)
    }

    pub async fn one(&mut self, query: &str) -> String {
        let rows = self.rows(query).await;
        assert_eq!(rows.len(), 1, "{query}: {rows:?}");
        rows.into_iter().next().unwrap()
    }
}

pub fn columns(settings: &mut PostgresSettings, columns: &[(&str, &str)]) {
    let parse = |s: &str| s.parse::<Take>().unwrap();
    settings.tables[0].settings.columns = columns
        .iter()
        .map(|(c, s)| ((*c).to_owned(), parse(s)))
        .collect();
}

/// A dead letter of odd bytes and words.
pub fn letter(offset: i64) -> DeadLetter<'static> {
    DeadLetter {
        offset,
        timestamp: Some(1_700_000_000_123),
        key: Some(b"k\0"),
        value: Some(b"\xff\0"),
        headers: vec![
            ("h".into(), Some(b"\x01\"\\".as_slice())),
            ("n".into(), None),
        ],
        condition: "decode".to_owned(),
        code: Some("22P02".to_owned()),
        column: Some("id".to_owned()),
        text: "it said \0 \"x\"".to_owned(),
    }
}

/// A claimed partition and its next offset.
pub struct Writer<'s> {
    pub partition: i32,
    pub sink: &'s PostgresSink,
    pub claim: Claim,
    pub at: i64,
    pub table: Arc<Prepared<PgPlan>>,
}

impl<'s> Writer<'s> {
    pub async fn claim(sink: &'s PostgresSink, member: &Member) -> Self {
        Self::claim_partition(sink, member, 0).await
    }

    pub async fn claim_partition(sink: &'s PostgresSink, member: &Member, partition: i32) -> Self {
        let tp = TopicPartition::new("orders", partition);
        let Claimed {
            claim, position, ..
        } = sink.claim(member, &identity(), &tp).await.unwrap();
        let table = sink.prepare("orders").await.unwrap();
        Self {
            partition,
            sink,
            claim,
            at: position.offset(),
            table,
        }
    }

    /// Commits from where the writer stands to behind the last record.
    pub async fn commit(&mut self, records: &[Record]) -> Result<Committed, SinkError> {
        self.commit_with(records, &[]).await
    }

    pub async fn commit_with(
        &mut self,
        records: &[Record],
        dead: &[DeadLetter<'_>],
    ) -> Result<Committed, SinkError> {
        let last = records
            .iter()
            .map(|r| r.0)
            .chain(dead.iter().map(|d| d.offset))
            .max();
        let to = last.unwrap_or(self.at) + 1;
        let rows = self.rows(records);
        let batch = Batch {
            topic: "orders",
            partition: self.partition,
            claim: self.claim,
            span: Span::new(at(self.at), at(to)).unwrap(),
            tables: TableRows::only(&self.table, &rows),
            dead,
            marks: Marks::default(),
        };
        let committed = self.sink.commit_one(&batch).await?;
        self.at = to;
        Ok(committed)
    }

    pub async fn dry_run(&self, records: &[Record]) -> Result<Committed, SinkError> {
        let rows = self.rows(records);
        self.sink.dry_run(&self.tried(&rows)).await
    }

    pub async fn takes(&self, records: &[Record]) -> Result<(), SinkError> {
        let rows = self.rows(records);
        self.sink.takes(&self.tried(&rows)).await
    }

    /// Rows that no position moves over.
    fn tried<'a>(&'a self, rows: &'a Rows<'a>) -> Batch<'a, PgPlan> {
        Batch {
            topic: "orders",
            partition: self.partition,
            claim: self.claim,
            span: Span::new(at(0), at(1)).unwrap(),
            tables: TableRows::only(&self.table, rows),
            dead: &[],
            marks: Marks::default(),
        }
    }

    fn rows(&self, records: &[Record]) -> Rows<'static> {
        let width = self.table.table.columns.len();
        let mut rows = Rows::with_capacity(width, records.len());
        for (offset, op, cells) in records {
            assert_eq!(cells.len(), width, "{:?}", self.table.table.columns);
            rows.push(RowHead {
                offset: *offset,
                op: *op,
            })
            .clone_from_slice(cells);
        }
        rows
    }
}
