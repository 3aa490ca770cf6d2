//! Columns that change between the plan and the commit: on every way in, nothing
//! is written through the old plan.

use super::world::*;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Cell, Missing, Mode, Sink};
use sqlx::{Connection, PgConnection};

const TABLES: &str = "CREATE TABLE o (id int PRIMARY KEY, d date, n int); \
     CREATE TABLE l (kafka_topic text, kafka_partition int, kafka_offset int8, event_data jsonb, \
     n int, PRIMARY KEY (kafka_topic, kafka_partition, kafka_offset))";

/// What is done to the table, and how it is taken back.
const CHANGES: [(&str, &str); 5] = [
    ("ALTER n TYPE text", "ALTER n TYPE int USING n::int"),
    ("ALTER n TYPE bigint", "ALTER n TYPE int"),
    ("ADD late int", "DROP late"),
    ("ALTER n SET DEFAULT 7", "ALTER n DROP DEFAULT"),
    ("SET UNLOGGED", "SET LOGGED"),
];

/// A record at an offset, of as many columns as the plan has.
fn record(writer: &Writer<'_>, mode: Mode) -> Record {
    let offset = writer.at;
    let mut cells = match mode {
        Mode::Log => vec![
            text("orders"),
            Cell::Int(0),
            Cell::Int(offset),
            Cell::Json("{}"),
            number("1"),
        ],
        Mode::Append | Mode::Upsert => vec![Cell::Int(offset), text("2026-01-02"), number("1")],
    };
    cells.resize(writer.table.table.columns.len(), number("5"));
    put(offset, cells)
}

async fn raced(name: &'static str, ways: &[(Mode, &str)]) {
    let mut world = World::new(name, TABLES).await;
    let position = format!("SELECT next_offset FROM {name}_state.positions");
    for &(mode, table) in ways {
        let mut settings = world.settings(mode, table);
        if mode == Mode::Log {
            columns(&mut settings, &[("n", "value.n")]);
        }
        let sink = world.sink(settings, "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        for (change, back) in CHANGES {
            writer.table = sink.prepare("orders").await.unwrap();
            // The statement is a prepared one by now.
            let first = record(&writer, mode);
            writer.commit(&[first]).await.unwrap();
            let rows = world.one(&format!("SELECT count(*) FROM {table}")).await;
            let next = record(&writer, mode);
            world.run(&format!("ALTER TABLE {table} {change}")).await;
            let error = writer
                .commit(std::slice::from_ref(&next))
                .await
                .unwrap_err();
            assert_eq!(error.class, Class::Stale, "{mode:?}, {change}: {error}");
            assert_eq!(
                world.one(&format!("SELECT count(*) FROM {table}")).await,
                rows,
                "{mode:?}, {change}"
            );
            assert_eq!(world.one(&position).await, writer.at.to_string());
            match sink.prepare("orders").await {
                Ok(prepared) => {
                    writer.table = prepared;
                    let again = record(&writer, mode);
                    writer.commit(&[again]).await.unwrap();
                }
                Err(error) => assert_eq!((error.class, change), (Class::Halt, "SET UNLOGGED")),
            }
            world.run(&format!("ALTER TABLE {table} {back}")).await;
        }
        // An ALTER that the commit has to wait for: it is seen as well.
        writer.table = sink.prepare("orders").await.unwrap();
        let first = record(&writer, mode);
        writer.commit(&[first]).await.unwrap();
        let next = record(&writer, mode);
        let records = [next];
        world
            .run(&format!("BEGIN; ALTER TABLE {table} ALTER n TYPE text"))
            .await;
        let mut watcher = PgConnection::connect(&url()).await.unwrap();
        let commit = writer.commit(&records);
        let alter = async {
            let waiting = format!(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{name}.{table}'::regclass"
            );
            loop {
                let n: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(waiting.clone()))
                    .fetch_one(&mut watcher)
                    .await
                    .unwrap();
                if n > 0 {
                    break;
                }
            }
            world.run("COMMIT").await;
        };
        let both = async { tokio::join!(commit, alter) };
        let (waited, ()) = tokio::time::timeout(std::time::Duration::from_secs(15), both)
            .await
            .expect("the commit waits for the table");
        let error = waited.unwrap_err();
        assert_eq!(error.class, Class::Stale, "{mode:?}: {error}");
        assert_eq!(world.one(&position).await, writer.at.to_string());
        writer.table = sink.prepare("orders").await.unwrap();
        writer.commit(&records).await.unwrap();
        world
            .run(&format!(
                "ALTER TABLE {table} ALTER n TYPE int USING n::int"
            ))
            .await;
    }
}

#[tokio::test]
async fn a_statement_writes_nothing_into_a_table_that_changed_since_its_plan() {
    raced(
        "sh_small",
        &[(Mode::Append, "o"), (Mode::Upsert, "o"), (Mode::Log, "l")],
    )
    .await;
}

#[tokio::test]
async fn a_copy_writes_nothing_into_a_table_that_changed_since_its_plan() {
    raced("sh_copy", &[(Mode::Append, "o"), (Mode::Log, "l")]).await;
}

#[tokio::test]
async fn a_missing_field_takes_the_default_of_its_domain() {
    for name in ["sh_domain", "sh_small_domain"] {
        let tables = "CREATE DOMAIN low AS int DEFAULT 7; CREATE DOMAIN high AS low; \
             CREATE TABLE o (id int PRIMARY KEY, a low, b high, c low DEFAULT 8, d low DEFAULT NULL)";
        let mut world = World::new(name, tables).await;
        for mode in [Mode::Append, Mode::Upsert] {
            for missing in [Missing::Default, Missing::Keep] {
                let mut settings = world.settings(mode, "o");
                settings.tables[0].settings.missing = missing;
                let sink = world.sink(settings, "m").await;
                let mut writer = Writer::claim(&sink, &member(1)).await;
                let mut cells = vec![Cell::Int(writer.at)];
                cells.resize(5, Cell::Absent);
                writer.commit(&[put(writer.at, cells)]).await.unwrap();
                let row = world.one("SELECT a, b, c, d FROM o").await;
                assert_eq!(row, "7|7|8|NULL", "{name}, {mode:?}, {missing:?}");
                world.run("ALTER DOMAIN low SET DEFAULT 9").await;
                let mut cells = vec![Cell::Int(writer.at)];
                cells.resize(5, Cell::Absent);
                let records = [put(writer.at, cells)];
                let error = writer.commit(&records).await.unwrap_err();
                assert_eq!(error.class, Class::Stale, "{error}");
                world
                    .run("DELETE FROM o; ALTER DOMAIN low SET DEFAULT 7")
                    .await;
            }
        }
    }
}
