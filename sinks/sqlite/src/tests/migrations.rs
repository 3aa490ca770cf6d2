//! What `migrate` makes, and what is printed for somebody who makes it by hand.

use super::*;
use plimsoll_sink_api::{Inspect, TableRule};
use std::collections::BTreeSet;
use std::path::Path;

/// Two log tables of one file: one by its own name, and one by its topic's.
fn with_logs(path: &Path) -> SqliteSink {
    let named = |topics: &[&str], name: &str| TableRule {
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        settings: TableSettings {
            table: name.to_owned(),
            ..table(Mode::Log)
        },
    };
    let mut settings = settings(path.to_owned(), table(Mode::Log));
    settings.tables = vec![named(&["a", "b"], "events"), named(&[], "raw_{topic}")];
    SqliteSink::open(settings).unwrap()
}

async fn run(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = options.create_if_missing(true).connect().await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection);
    done.await.unwrap();
}

/// All columns and indexes of a file, and which migrations were applied.
async fn schema(path: &Path) -> BTreeSet<String> {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = options.connect().await.unwrap();
    let all = sqlx::query_scalar(
        "SELECT m.name || ' ' || p.name || ' ' || p.type || ' ' || p.\"notnull\" || ' ' || p.pk
           FROM sqlite_schema AS m, pragma_table_xinfo(m.name) AS p WHERE m.type = 'table'
         UNION SELECT 'index ' || name || ' of ' || tbl_name FROM sqlite_schema WHERE type = 'index'
         UNION SELECT 'migration ' || version || ' ' || hex(checksum) FROM plimsoll_migrations",
    );
    let all: Vec<String> = all.fetch_all(&mut connection).await.unwrap();
    all.into_iter().collect()
}

#[tokio::test]
async fn what_is_printed_makes_all_that_migrate_makes() {
    let dir = tempfile::tempdir().unwrap();
    let [migrated, by_hand] = ["migrated.db", "by_hand.db"].map(|name| dir.path().join(name));
    let topics = ["a", "b", "c"].map(str::to_owned);
    let sink = with_logs(&migrated);
    sink.migrate().await.unwrap();
    sink.make_log_tables(&topics).await.unwrap();
    let made = schema(&migrated).await;
    assert!(
        made.iter()
            .any(|line| line.starts_with("events event_data"))
    );
    assert!(made.iter().any(|line| line.starts_with("raw_c event_data")));

    let sink = with_logs(&by_hand);
    let offline = (sink.migrations(), sink.log_tables(&topics));
    let missing = sink.missing_migrations().await.unwrap().unwrap();
    let logs = sink.missing_log_tables(&topics).await.unwrap();
    assert_eq!((missing.clone(), logs.clone()), offline);
    assert!(!by_hand.exists(), "looking made the file");
    run(&by_hand, &missing).await;
    run(&by_hand, &logs.join(";")).await;
    assert_eq!(schema(&by_hand).await, made);
    assert_eq!(sink.missing_migrations().await.unwrap(), None);
    assert!(sink.missing_log_tables(&topics).await.unwrap().is_empty());
    sink.make_log_tables(&topics).await.unwrap();
}
