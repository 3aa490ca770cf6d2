//! Several sinks, several tables, and what a process tells of itself.

use crate::harness::case::Case;
use crate::harness::kafka::{Kafka, Message};
use crate::harness::oracle::{self, Mode};
use crate::harness::orders::Orders;
use crate::harness::postgres::Database;
use crate::harness::process::Process;
use crate::harness::{folder, servers, unique};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

#[test]
fn one_process_feeds_several_sinks_tables_and_databases() {
    let test = "several";
    let (kafka, database) = (Kafka::shared(), Database::shared(test));
    let (orders, events) = (unique("several.orders"), unique("several.events"));
    kafka.create_topic(&orders, 2);
    kafka.create_topic(&events, 2);
    oracle::create_table(&database, Mode::Upsert);
    let folder = folder(test);
    let file = folder.join("orders.db");
    let (kafka_address, url, schema) = (servers::kafka(), servers::postgres(), &database.schema);
    let (group, file_name) = (unique("several"), file.display());
    // As the README shows it: two sinks of one topic, and one sink of two.
    let config = format!(
        r#"
[kafka]
bootstrap_servers = "{kafka_address}"

[http]
listen = "@HTTP@"

[sinks.both]
topics = ["{orders}", "{events}"]
group_id = "{group}-both"

[sinks.both.postgres]
url = "{url}"
state_schema = "{schema}_state"

[[sinks.both.postgres.tables]]
topics = ["{orders}"]
table = "{schema}.orders"
mode = "upsert"
columns = {{ part = "partition", off = "offset" }}

[[sinks.both.postgres.tables]]
table = "{schema}.{{topic}}"
mode = "log"

[sinks.file]
topics = ["{orders}"]
group_id = "{group}-file"

[sinks.file.sqlite]
path = "{file_name}"
table = "orders"
mode = "append"
"#
    );
    let events_table = format!("{schema}.\"{events}\"");
    let mut connection = connect_sqlite(&file);
    execute_sqlite(
        &mut connection,
        "CREATE TABLE orders (id INTEGER, customer TEXT, note TEXT)",
    );
    let producer = kafka.producer();
    let (first, second) = (Orders::new(1, 2).take(2_000), Orders::new(2, 2).take(2_000));
    producer.send_all(&orders, &first);
    producer.send_all(&events, &second);
    let mut process = Process::start_config(&config, &folder);
    process.wait_ready();
    database.wait_caught_up(&kafka, &orders);
    database.wait_caught_up(&kafka, &events);
    oracle::assert_exact(&database, &kafka, &orders, Mode::Upsert);
    let logged = database.number(&format!("SELECT count(*) FROM {events_table}"));
    assert_eq!(logged, 2_000);
    crate::harness::wait::until("the file holds all", || {
        match count_sqlite(&mut connection, "SELECT count(*) FROM orders") {
            2_000 => Ok(()),
            other => Err(other),
        }
    });
    let distinct = "SELECT count(DISTINCT id) FROM orders WHERE customer IS NOT NULL";
    let ids: std::collections::BTreeSet<_> = first.iter().map(|m| m.key.clone()).collect();
    assert_eq!(count_sqlite(&mut connection, distinct), ids.len() as i64);
    assert!(process.drain().success());
}

/// Opens a file, or makes it.
pub fn connect_sqlite(file: &std::path::Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    crate::harness::block_on(SqliteConnection::connect_with(&options)).expect("a file")
}

/// Runs a statement.
pub fn execute_sqlite(connection: &mut SqliteConnection, sql: &str) {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    crate::harness::block_on(query.execute(connection)).expect("executed");
}

/// A number, if the query can be answered yet.
pub fn try_count_sqlite(connection: &mut SqliteConnection, sql: &str) -> Option<i64> {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    let row = crate::harness::block_on(query.fetch_one(connection));
    row.ok()?.try_get(0).ok()
}

fn count_sqlite(connection: &mut SqliteConnection, sql: &'static str) -> i64 {
    let row = crate::harness::block_on(sqlx::query(sql).fetch_one(connection)).expect("a row");
    row.get(0)
}

#[test]
fn every_metric_that_is_served_is_documented() {
    let documented = include_str!("../../docs/METRICS.md");
    let mut case = Case::new("metrics", Mode::Upsert, 1);
    case.service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    let process = Process::start_ready(&case.service);
    case.produce(100);
    let bad = Message::of(0, "no JSON").key("1");
    case.producer.send_all(&case.topic, &[bad]);
    case.wait_caught_up();
    let metrics = process.metrics().expect("metrics");
    let names = metrics.names();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let suffixes = ["_bucket", "_sum", "_count"];
        let base = suffixes
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .filter(|base| documented.contains(&format!("`{base}`")));
        assert!(
            base.is_some() || documented.contains(&format!("`{name}`")),
            "{name} is not in docs/METRICS.md"
        );
    }
    assert_eq!(
        metrics.sum("plimsoll_records_consumed_total", &[]),
        Some(101.0)
    );
    assert_eq!(metrics.sum("plimsoll_dead_letters_total", &[]), Some(1.0));
    assert!(process.drain().success());
}
