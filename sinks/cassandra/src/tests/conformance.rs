//! Cassandra does what every sink has to do.

use super::World;
use crate::{CassandraSettings, CassandraSink, CassandraSnapshot, CassandraTable, Consistency};
use plimsoll_conformance::{
    Capabilities, Changes, Claims, Harness, Json, Kept, Late, TableSpec, Tables, Trials, Type,
    Unsent,
};
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::text::ident;
use plimsoll_sink_api::{Act, TableRule};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;

/// One keyspace for all scenarios: a cluster makes few tables in a second.
static KEYSPACE: OnceCell<String> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A sink of its own there.
struct Place {
    world: World,
    sink: String,
}

fn declared(typ: Type) -> &'static str {
    match typ {
        Type::Int => "bigint",
        Type::Decimal => "decimal",
        Type::Float => "double",
        Type::Bool => "boolean",
        Type::Text | Type::Json => "text",
        Type::Bytes => "blob",
        Type::Time => "timestamp",
        Type::Date => "date",
        Type::Uuid => "uuid",
    }
}

fn kept(json: &str, typ: Type) -> Kept {
    if json == "null" {
        return Kept::Null;
    }
    let text = || serde_json::from_str::<String>(json).expect(json);
    match typ {
        Type::Int | Type::Decimal | Type::Float => Kept::number(json),
        Type::Bool => Kept::Bool(json == "true"),
        Type::Text | Type::Json | Type::Date | Type::Uuid => Kept::Text(text()),
        Type::Bytes => {
            let text = text();
            let digits = text.strip_prefix("0x").expect(&text);
            let byte = |i: usize| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap();
            Kept::Bytes((0..digits.len() / 2).map(byte).collect())
        }
        Type::Time => Kept::time(&text().replacen(' ', "T", 1)).expect(json),
    }
}

impl Place {
    async fn lose(&self, table: &str, tp: &TopicPartition, only_if: &str) {
        let cql = format!(
            "DELETE FROM {}.{table} WHERE sink = '{}' AND topic = '{}' AND partition = {}{only_if}",
            self.world.keyspace, self.sink, tp.topic, tp.partition
        );
        self.world.cql(&cql).await;
    }

    fn settings(&self, tables: Vec<TableRule>) -> CassandraSettings {
        CassandraSettings {
            sink: self.sink.clone(),
            contact_points: vec![self.world.address.clone()],
            login: None,
            tls: None,
            local_datacenter: None,
            consistency: Consistency::LocalOne,
            single_node: true,
            state_keyspace: self.world.keyspace.clone(),
            state_replication: None,
            max_in_flight: 32,
            batches: true,
            auto_migrate: true,
            call_timeout: Duration::from_secs(10),
            rewind: Duration::from_secs(600),
            tables: tables
                .into_iter()
                .map(|rule| CassandraTable { rule, ttl: None })
                .collect(),
        }
    }
}

impl Harness for Place {
    type Sink = CassandraSink;
    type Snapshot = CassandraSnapshot;

    const CAPABILITIES: Capabilities = Capabilities {
        tables: Tables::MergingUpserts,
        late: Late::Outweighed,
        claims: Claims::BeforeIt,
        trials: Trials::Kept,
        changes: Changes::Refused,
        json: Json::Text,
        unsent: Unsent::Trusted,
        ..Capabilities::FULL
    };

    async fn new() -> Self {
        let keyspace = KEYSPACE
            .get_or_init(|| async {
                let world = World::new().await;
                let place = Self {
                    sink: "first".to_owned(),
                    world,
                };
                let first = CassandraSink::new(place.settings(Vec::new()));
                plimsoll_sink_api::Sink::migrate(&first)
                    .await
                    .expect("migrate");
                place.world.keyspace
            })
            .await;
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        Self {
            world: World::in_keyspace(keyspace).await,
            sink: format!("place_{number}"),
        }
    }

    fn table(&self, name: &str) -> String {
        format!("{}.{}_{name}", self.world.keyspace, self.sink)
    }

    async fn create(&self, name: &str, spec: &TableSpec) {
        let column =
            |c: &plimsoll_conformance::ColumnSpec| format!("{} {}", ident(c.name), declared(c.typ));
        let columns: Vec<String> = spec.columns.iter().map(column).collect();
        // A table without a key cannot be; which it is does not matter then.
        let mut key: Vec<String> = spec.keys().map(|c| ident(c.name)).collect();
        if key.is_empty() {
            key.push(ident(spec.columns[0].name));
        }
        let cql = format!(
            "CREATE TABLE {} ({}, PRIMARY KEY ({}))",
            self.table(name),
            columns.join(", "),
            key.join(", ")
        );
        self.world.cql(&cql).await;
    }

    async fn open(&self, _: &str, rules: Vec<TableRule>) -> CassandraSink {
        CassandraSink::new(self.settings(rules))
    }

    async fn snapshot(&self, rules: Vec<TableRule>) -> CassandraSnapshot {
        CassandraSnapshot::new(&self.settings(rules))
    }

    async fn rows(&self, table: &str, columns: &[(&str, Type)]) -> Vec<Vec<Kept>> {
        let names: Vec<String> = columns.iter().map(|(name, _)| ident(name)).collect();
        let select = format!("{} FROM {}", names.join(", "), self.table(table));
        let values = |row: String| {
            let row: HashMap<String, Box<RawValue>> = serde_json::from_str(&row).expect(&row);
            let value = |(name, typ): &(&str, Type)| {
                // Names with capitals or blanks come in quotes of their own.
                let json = row.get(*name).or_else(|| row.get(&ident(name)));
                kept(json.expect(name).get(), *typ)
            };
            columns.iter().map(value).collect()
        };
        let rows = self.world.json(&select).await;
        rows.into_iter().map(values).collect()
    }

    async fn lose_position(&self, tp: &TopicPartition) {
        self.lose("claims", tp, " IF EXISTS").await;
    }

    async fn lose_start(&self, tp: &TopicPartition) {
        self.lose("starts", tp, "").await;
    }

    async fn acts(&self, tp: &TopicPartition) -> Vec<Act> {
        let sink = CassandraSink::new(self.settings(Vec::new()));
        let mut acts = sink.acts().await.expect("acts");
        acts.remove(tp).unwrap_or_default()
    }

    async fn began_at(&self, tp: &TopicPartition) -> Option<i64> {
        let sink = CassandraSink::new(self.settings(Vec::new()));
        let starts = sink.starts().await.expect("starts");
        let own = starts.into_iter().find(|(of, _)| of == tp);
        own.map(|(_, start)| start)
    }
}

plimsoll_conformance::suite!(Place);
