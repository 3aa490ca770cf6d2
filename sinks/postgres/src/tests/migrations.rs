//! What `migrate` makes, and what is printed for somebody who makes it by hand.

use super::world::World;
use crate::PostgresSink;
use plimsoll_sink_api::{Inspect, Mode, Sink};

/// A log table by its own name, and one by its topic's.
fn with_logs(world: &World) -> PostgresSink {
    let mut settings = world.settings(Mode::Log, "events");
    let mut by_topic = settings.tables[0].clone();
    settings.tables[0].topics = vec!["a".to_owned(), "b".to_owned()];
    by_topic.settings.table = by_topic.settings.table.replace("events", "raw_{topic}");
    settings.tables.push(by_topic);
    // As `plimsoll migrate` finds it where the service makes nothing.
    settings.auto_migrate = false;
    PostgresSink::open(settings, "m").unwrap()
}

/// All columns, keys and functions of a world's schemas, without the schemas' names.
async fn schema(world: &mut World, name: &str) -> Vec<String> {
    let lines = format!(
        "SELECT string_agg(replace(line, '{name}', '…'), E'\\n' ORDER BY line) FROM (
            SELECT concat_ws(' ', table_schema, table_name, column_name, data_type, is_nullable,
                column_default) AS line FROM information_schema.columns
                WHERE table_schema IN ('{name}', '{name}_state')
            UNION ALL SELECT concat_ws(' ', indexname, indexdef) FROM pg_indexes
                WHERE schemaname IN ('{name}', '{name}_state')
            UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc AS p
                JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = '{name}_state'
            UNION ALL SELECT concat_ws(' ', 'migration', version) FROM {name}_state.migrations
        ) AS all_lines"
    );
    let all = world.one(&lines).await;
    all.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_printed_makes_all_that_migrate_makes() {
    let topics = ["a", "b", "c"].map(str::to_owned);
    let mut migrated = World::new("m_migrated", "").await;
    let sink = with_logs(&migrated);
    sink.migrate().await.unwrap();
    sink.make_log_tables(&topics).await.unwrap();
    let made = schema(&mut migrated, "m_migrated").await;
    for table in ["… events event_data", "… raw_c event_data"] {
        assert!(made.iter().any(|line| line.starts_with(table)), "{made:?}");
    }

    let mut by_hand = World::new("m_by_hand", "").await;
    let sink = with_logs(&by_hand);
    let missing = sink.missing_migrations().await.unwrap().unwrap();
    assert_eq!(missing, sink.migrations());
    let logs = sink.missing_log_tables(&topics).await.unwrap();
    assert_eq!(logs, sink.log_tables(&topics));
    by_hand.run(&missing).await;
    by_hand.run(&logs.join(";")).await;
    assert_eq!(schema(&mut by_hand, "m_by_hand").await, made);
    assert_eq!(sink.missing_migrations().await.unwrap(), None);
    assert!(sink.missing_log_tables(&topics).await.unwrap().is_empty());
    sink.make_log_tables(&topics).await.unwrap();
    sink.prepare("c").await.unwrap();
}
