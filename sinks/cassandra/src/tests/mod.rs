//! Against a real Cassandra: see scripts/with-servers.

mod claims;
mod commits;
mod conformance;
mod dead_letters;
mod lives;
mod migrations;
mod types;

use crate::{CassandraPlan, CassandraSettings, CassandraSink, CassandraTable, Consistency, Ttl};
use plimsoll_protocol::{Claim, Owner, Position, Span, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Cell, Claimed, Committed, DeadLetter, Identity, Marks, Member, Missing, Mode,
    NewPosition, Op, Prepared, Row, Rows, Sink, SinkError, TableRows, TableRule, TableSettings,
};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A keyspace of its own, and a way to look into it.
pub struct World {
    pub session: Session,
    pub keyspace: String,
    /// Of the rows of its tables.
    pub ttl: Option<Ttl>,
    address: String,
}

static WORLDS: AtomicU32 = AtomicU32::new(0);

/// The server listens a quarter of a minute after the tests begin.
const PATIENCE: Duration = Duration::from_secs(180);

impl World {
    pub async fn new() -> Self {
        let number = WORLDS.fetch_add(1, Ordering::SeqCst);
        let world = Self::in_keyspace(&format!("k{}_{number}", std::process::id())).await;
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        world
            .cql(&format!(
                "CREATE KEYSPACE {} WITH replication = {replication}",
                world.keyspace
            ))
            .await;
        world
    }

    /// One that is there, or is made by the caller.
    pub async fn in_keyspace(keyspace: &str) -> Self {
        let address = std::env::var("PLIMSOLL_TEST_CASSANDRA")
            .expect("PLIMSOLL_TEST_CASSANDRA is not set; hint: scripts/with-servers cargo test");
        let until = Instant::now() + PATIENCE;
        let session = loop {
            match SessionBuilder::new().known_node(&address).build().await {
                Ok(session) => break session,
                Err(error) => assert!(Instant::now() < until, "{address}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        Self {
            session,
            keyspace: keyspace.to_owned(),
            ttl: None,
            address,
        }
    }

    pub async fn cql(&self, cql: &str) {
        self.session.query_unpaged(cql, ()).await.expect(cql);
    }

    /// Rows as Cassandra's own JSON, sorted.
    pub async fn json(&self, select: &str) -> Vec<String> {
        let cql = format!("SELECT JSON {select}");
        let result = self.session.query_unpaged(cql, ()).await.expect(select);
        let result = result.into_rows_result().expect("rows");
        let mut rows: Vec<String> = result
            .rows::<(String,)>()
            .expect("text")
            .map(|row| row.expect("row").0)
            .collect();
        rows.sort();
        rows
    }

    /// A sink that writes topic `t` into a table of this keyspace.
    pub fn sink(&self, table: &str) -> CassandraSink {
        CassandraSink::new(self.settings(table))
    }

    fn settings(&self, table: &str) -> CassandraSettings {
        CassandraSettings {
            sink: "s".to_owned(),
            contact_points: vec![self.address.clone()],
            login: None,
            tls: None,
            local_datacenter: None,
            consistency: Consistency::LocalOne,
            single_node: true,
            state_keyspace: self.keyspace.clone(),
            state_replication: None,
            max_in_flight: 32,
            batches: true,
            auto_migrate: true,
            call_timeout: Duration::from_secs(10),
            rewind: Duration::from_secs(15),
            tables: vec![CassandraTable {
                rule: TableRule {
                    topics: Vec::new(),
                    settings: TableSettings {
                        missing: Missing::Keep,
                        ..TableSettings::new(format!("{}.{table}", self.keyspace), Mode::Upsert)
                    },
                },
                ttl: self.ttl.clone(),
            }],
        }
    }
}

pub fn at(offset: i64) -> Position {
    Position::new(offset).expect("an offset")
}

pub fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

pub fn identity() -> Identity {
    Identity {
        group_id: "g".to_owned(),
        cluster_id: "c".to_owned(),
    }
}

/// A process: its sink, its table, its claim.
pub struct Process {
    pub sink: CassandraSink,
    pub member: Member,
    pub prepared: Arc<Prepared<CassandraPlan>>,
    pub claimed: Claimed,
}

/// A row: its offset, what it does, its cells in the table's order.
pub type Change<'a> = (i64, Op, Vec<Cell<'a>>);

impl Process {
    /// Makes what is missing, settles partition 0 at 0, and claims it.
    pub async fn start(world: &World, table: &str, owner: u128) -> Self {
        let sink = world.sink(table);
        sink.migrate().await.expect("migrate");
        let start = NewPosition {
            tp: tp(),
            position: Position::ZERO,
            topic_id: None,
            high_watermark: at(1_000),
        };
        let rule = StartRule::FirstRecord;
        sink.settle(&identity(), rule, &[start])
            .await
            .expect("settle");
        let member = Member {
            owner: Owner(owner),
            name: format!("m{owner}"),
        };
        let claimed = sink
            .claim(&member, &identity(), &tp())
            .await
            .expect("claim");
        let prepared = sink.prepare("t").await.expect("prepare");
        Self {
            sink,
            member,
            prepared,
            claimed,
        }
    }

    pub async fn claim(&mut self) -> &Claimed {
        let claimed = self.sink.claim(&self.member, &identity(), &tp()).await;
        self.claimed = claimed.expect("claim");
        &self.claimed
    }

    pub fn claim_now(&self) -> Claim {
        self.claimed.claim
    }

    pub async fn commit(
        &self,
        from: i64,
        to: i64,
        changes: &[Change<'_>],
    ) -> Result<Committed, SinkError> {
        self.commit_with(from, to, changes, &[]).await
    }

    pub async fn commit_with(
        &self,
        from: i64,
        to: i64,
        changes: &[Change<'_>],
        dead: &[DeadLetter<'_>],
    ) -> Result<Committed, SinkError> {
        let mut rows = Rows::with_capacity(self.prepared.table.columns.len(), changes.len());
        for (offset, op, cells) in changes {
            let row = rows.push(Row {
                offset: *offset,
                op: *op,
            });
            for (to, cell) in row.iter_mut().zip(cells) {
                *to = *cell;
            }
        }
        self.sink
            .commit_one(&Batch {
                topic: "t",
                partition: 0,
                claim: self.claim_now(),
                span: Span::new(at(from), at(to)).expect("a span"),
                tables: TableRows::only(&self.prepared, &rows),
                dead,
                marks: Marks::default(),
            })
            .await
    }
}

pub fn text(value: &str) -> Cell<'_> {
    Cell::Text(value)
}
