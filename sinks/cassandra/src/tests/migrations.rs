//! What `migrate` makes, and what is printed for somebody who makes it by hand.

use super::World;
use crate::{CassandraSettings, CassandraSink};
use plimsoll_sink_api::{Inspect, Sink};

/// A keyspace that is not there yet, and the settings that make it.
fn settings_of(world: &World, keyspace: &str) -> CassandraSettings {
    CassandraSettings {
        state_keyspace: keyspace.to_owned(),
        state_replication: Some("{'class': 'SimpleStrategy', 'replication_factor': 1}".to_owned()),
        ..world.settings("t")
    }
}

/// All columns of a keyspace, and how it is replicated, without its name.
async fn schema(world: &World, keyspace: &str) -> Vec<String> {
    let of = format!("WHERE keyspace_name = '{keyspace}'");
    let mut all = world
        .json(&format!(
            "table_name, column_name, type, kind, position, clustering_order \
             FROM system_schema.columns {of}"
        ))
        .await;
    let replicated = format!("replication FROM system_schema.keyspaces {of}");
    all.extend(world.json(&replicated).await);
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_printed_makes_all_that_migrate_makes() {
    let world = World::new().await;
    let [migrated, by_hand] = ["migrated", "by_hand"].map(|of| format!("{}_{of}", world.keyspace));
    let sink = CassandraSink::new(settings_of(&world, &migrated));
    sink.migrate().await.expect("migrate");
    let topics = ["t".to_owned()];
    sink.make_log_tables(&topics).await.expect("log tables");
    let made = schema(&world, &migrated).await;
    assert!(made.iter().any(|line| line.contains("dead_letters")));

    let sink = CassandraSink::new(settings_of(&world, &by_hand));
    let missing = sink
        .missing_migrations()
        .await
        .expect("missing")
        .expect("all");
    assert_eq!(missing, sink.migrations());
    let logs = sink.missing_log_tables(&topics).await.expect("log tables");
    assert_eq!((logs, sink.log_tables(&topics)), (Vec::new(), Vec::new()));
    let is_code = |line: &&str| !line.starts_with("--");
    let code: Vec<&str> = missing.lines().filter(is_code).collect();
    let code = code.join("\n");
    for statement in code.split(';').filter(|text| !text.trim().is_empty()) {
        world.cql(statement).await;
    }
    assert_eq!(schema(&world, &by_hand).await, made);
    assert_eq!(sink.missing_migrations().await.expect("missing"), None);
}
