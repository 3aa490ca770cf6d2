//! The sink in memory does what every sink has to do.

use super::{MemorySink, MemorySnapshot};
use plimsoll_conformance::{Capabilities, Harness, Kept, TableSpec, Type};
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{Act, TableRule};

/// A database in memory.
struct Memory(MemorySink);

impl Harness for Memory {
    type Sink = MemorySink;
    type Snapshot = MemorySnapshot;

    const CAPABILITIES: Capabilities = Capabilities::FULL;

    async fn new() -> Self {
        Self(MemorySink::empty())
    }

    fn table(&self, name: &str) -> String {
        name.to_owned()
    }

    async fn create(&self, name: &str, spec: &TableSpec) {
        self.0.create(name, spec.columns.clone());
    }

    async fn open(&self, _: &str, rules: Vec<TableRule>) -> MemorySink {
        self.0.with_rules(rules)
    }

    async fn snapshot(&self, rules: Vec<TableRule>) -> MemorySnapshot {
        self.0.with_rules(rules).snapshot()
    }

    async fn rows(&self, table: &str, columns: &[(&str, Type)]) -> Vec<Vec<Kept>> {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        self.0.rows(table, &names)
    }

    async fn lose_position(&self, tp: &TopicPartition) {
        self.0.lose_position(tp);
    }

    async fn lose_start(&self, tp: &TopicPartition) {
        self.0.lose_start(tp);
    }

    async fn acts(&self, tp: &TopicPartition) -> Vec<Act> {
        self.0.acts(tp)
    }

    async fn began_at(&self, tp: &TopicPartition) -> Option<i64> {
        self.0.began_at(tp)
    }
}

plimsoll_conformance::suite!(Memory);
