//! What the catalogue says, and what is said about it.

use super::*;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Route, Routing, UnknownRoute};

async fn refusal(create: &'static str, settings: TableSettings) -> String {
    let it = Fixture::new(create, settings).await;
    let error = it.sink.prepare(TOPIC).await.unwrap_err();
    assert_eq!(error.class, Class::Halt);
    error.to_string()
}

#[tokio::test]
async fn what_does_not_fit_is_said_with_a_hint() {
    const PLAIN: &str = "CREATE TABLE orders (id INTEGER, \"Amount\" REAL)";
    let named = |column: &str, source: Source| {
        let mut settings = table(Mode::Append);
        settings.columns = vec![(column.into(), source.into())];
        settings
    };
    assert_eq!(
        refusal(PLAIN, named("idd", Source::Offset)).await,
        "column \"idd\" is not in table \"orders\"; hint: did you mean \"id\"?"
    );
    assert_eq!(
        refusal(PLAIN, named("zzz", Source::Offset)).await,
        "column \"zzz\" is not in table \"orders\"; hint: it has \"id\", \"Amount\""
    );
    assert_eq!(
        refusal("CREATE TABLE order_ (id)", table(Mode::Append)).await,
        "table \"orders\" does not exist; hint: did you mean \"order_\"?"
    );
    assert_eq!(
        refusal(PLAIN, table(Mode::Upsert)).await,
        "table \"orders\" has no primary key, and mode = \"upsert\" needs a key; hint: add one, or \
         name the columns of a unique index as key_columns"
    );
    let mut keyed = table(Mode::Upsert);
    keyed.key_columns = vec!["id".into()];
    assert_eq!(
        refusal(PLAIN, keyed.clone()).await,
        "table \"orders\" has no unique index over exactly (\"id\"); hint: CREATE UNIQUE INDEX … \
         ON \"orders\" (\"id\"); partial indexes and indexes over expressions do not count"
    );
    let partial = "CREATE TABLE orders (id INTEGER, n INT);
                   CREATE UNIQUE INDEX p ON orders (id) WHERE n > 0;
                   CREATE UNIQUE INDEX e ON orders (id, n + 1)";
    assert!(
        refusal(partial, keyed.clone())
            .await
            .contains("has no unique index")
    );
    assert!(
        refusal("CREATE TABLE orders (id UNIQUE)", keyed)
            .await
            .contains("has no type")
    );
    assert_eq!(
        refusal(
            "CREATE TABLE orders (id INT, twice AS (id * 2))",
            named("twice", Source::Offset)
        )
        .await,
        "column \"twice\" of table \"orders\" is generated and cannot be written; hint: leave it out: \
         the database fills it"
    );
    assert_eq!(
        refusal(
            "CREATE TABLE t (id INT); CREATE VIEW orders AS SELECT id FROM t",
            table(Mode::Append)
        )
        .await,
        "\"orders\" is a view; hint: name the table below it"
    );
    let other_log = "CREATE TABLE orders (kafka_topic TEXT)";
    assert_eq!(
        refusal(other_log, table(Mode::Log)).await,
        "table \"orders\" has no column \"kafka_partition\", which a log table needs; hint: drop or \
         rename the table, and plimsoll makes one; or use mode = \"append\""
    );
}

#[tokio::test]
async fn columns_take_the_field_of_their_name_unless_the_config_says_otherwise() {
    let mut settings = table(Mode::Upsert);
    settings.columns = vec![("ID".into(), "key".parse().unwrap())];
    let it = Fixture::new(
        "CREATE TABLE \"Orders\" (\"id\" TEXT PRIMARY KEY, \"full \"\"name\" TEXT, data JSON, sum AS (1) STORED)",
        settings,
    )
    .await;
    let table = &it.prepared().await.table;
    assert_eq!(table.name, "Orders");
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|c| format!("{}={} {:?} {}", c.name, c.take, c.shape, c.key))
        .collect();
    assert_eq!(
        columns,
        [
            "id=key Scalar true",
            "full \"name=value.full \"name Scalar false",
            "data=value.data Json false"
        ]
    );
}

#[tokio::test]
async fn odd_names_are_quoted_everywhere() {
    let mut settings = table(Mode::Upsert);
    settings.table = "select \"{topic}\"".into();
    let mut it = Fixture::new(
        "CREATE TABLE \"select \"\"orders\"\"\" (\"a\"\"b\" TEXT PRIMARY KEY, \"group by\" TEXT)",
        settings,
    )
    .await;
    it.commit(&[
        put([("a\"b", text("1")), ("group by", text("x"))]),
        put([("a\"b", text("2")), ("group by", text("y"))]),
        delete([("a\"b", text("1"))]),
    ])
    .await
    .unwrap();
    assert_eq!(
        it.query("\"group by\"", "\"select \"\"orders\"\"\"").await,
        ["'y'"]
    );
}

#[tokio::test]
async fn a_column_added_while_running_is_taken_up() {
    let mut it = Fixture::new("CREATE TABLE orders (id INTEGER)", table(Mode::Append)).await;
    let old = it.prepared().await;
    it.commit(&[put([("id", number("1"))])]).await.unwrap();
    it.sql("ALTER TABLE orders ADD COLUMN n INT DEFAULT 5")
        .await;
    // A plan that was read before still writes.
    let before = rows(&old, 1, &[put([("id", number("2"))])]);
    it.commit_rows(&old, &before, &[], span(1, 2), it.claim)
        .await
        .unwrap();
    it.at = 2;
    it.commit(&[put([("id", number("3")), ("n", number("7"))])])
        .await
        .unwrap();
    assert_eq!(it.query("id, n", "orders").await, ["1 5", "2 5", "3 7"]);
    it.sql("ALTER TABLE orders DROP COLUMN n; ALTER TABLE orders RENAME COLUMN id TO no")
        .await;
    let error = it
        .commit_rows(&old, &before, &[], span(3, 4), it.claim)
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Stale);
}

#[tokio::test]
async fn migrations_run_twice_and_from_two_sides_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.db");
    // Two sinks on two spellings of the path have no turn in common, like two
    // processes.
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    for _ in 0..5 {
        let sinks: Vec<SqliteSink> = [
            path.clone(),
            link.join("new.db"),
            path.clone(),
            link.join("new.db"),
        ]
        .into_iter()
        .map(|path| SqliteSink::open(settings(path, table(Mode::Log))).unwrap())
        .collect();
        let runs: Vec<_> = sinks
            .into_iter()
            .map(|sink| tokio::spawn(async move { sink.migrate().await }))
            .collect();
        for run in runs {
            run.await.unwrap().unwrap();
        }
        std::fs::remove_file(&path).unwrap();
        for side in ["new.db-wal", "new.db-shm"] {
            let _ = std::fs::remove_file(dir.path().join(side));
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_waited_for_and_not_made_by_a_reader() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.db");
    let sink = SqliteSink::open(settings(path.clone(), table(Mode::Append))).unwrap();
    let error = sink.prepare(TOPIC).await.unwrap_err();
    assert_eq!(error.class, Class::Unavailable);
    assert!(error.to_string().contains("none.db"), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_without_plimsolls_tables_says_what_to_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bare.db");
    std::fs::write(&path, b"").unwrap();
    let sink = SqliteSink::open(settings(path, table(Mode::Append))).unwrap();
    let error = sink.settled().await.unwrap_err();
    assert_eq!(error.class, Class::Halt);
    assert!(error.to_string().contains("plimsoll migrate"), "{error}");
}

/// The condition of a route that leads to no table, or the table's name.
async fn leads(it: &Fixture, route: &str) -> Result<String, bool> {
    let route = Route::of(route).unwrap();
    match it.sink.prepare_for(TOPIC, Some(&route)).await {
        Ok(prepared) => Ok(prepared.table.name.clone()),
        Err(error) => {
            assert!(error.detail.no_table, "{error}");
            Err(error.detail.bad_name)
        }
    }
}

#[tokio::test]
async fn a_route_leads_to_a_table_to_the_letter_and_to_none_of_plimsolls() {
    let mut settings = table(Mode::Append);
    settings.table = "{route}".to_owned();
    settings.routing = Some(Routing {
        by: "headers.type".parse().unwrap(),
        max_tables: 8,
        unknown: UnknownRoute::default(),
    });
    let it = Fixture::new(
        "CREATE TABLE Orders (n); CREATE TABLE \"a.b\"\"c\" (n); CREATE TABLE \"ä\" (n)",
        settings,
    )
    .await;
    for route in ["Orders", "a.b\"c", "ä"] {
        assert_eq!(leads(&it, route).await, Ok(route.to_owned()));
    }
    for route in ["orders", "Ä", "main.Orders"] {
        assert_eq!(leads(&it, route).await, Err(false), "{route}");
    }
    for route in [
        "plimsoll_positions",
        "Plimsoll_starts",
        "sqlite_schema",
        "SQLITE_master",
    ] {
        assert_eq!(leads(&it, route).await, Err(true), "{route}");
    }
    let routes = it.sink.routes(TOPIC).await.unwrap();
    let routes: Vec<&str> = routes.iter().map(Route::as_str).collect();
    assert_eq!(routes, ["Orders", "a.b\"c", "ä"]);
}
