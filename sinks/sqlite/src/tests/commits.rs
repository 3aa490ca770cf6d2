//! One commit: all or nothing.

use super::*;
use plimsoll_protocol::Class;
use plimsoll_sink_api::Inspect;
use plimsoll_sink_api::{Positions, TableRows};
use std::time::Duration;

fn letter(offset: i64) -> DeadLetter<'static> {
    DeadLetter {
        offset,
        timestamp: Some(5),
        key: Some(b"k\0"),
        value: None,
        headers: vec![("h".into(), Some(b"\xff")), ("n".into(), None)],
        condition: "value_not_json".into(),
        code: None,
        column: None,
        text: "the value is not JSON".into(),
    }
}

#[tokio::test]
async fn a_dead_letter_stands_or_falls_with_its_commit() {
    let it = Fixture::new(
        "CREATE TABLE orders (id INTEGER NOT NULL)",
        table(Mode::Append),
    )
    .await;
    let table = it.prepared().await;
    let bad = rows(&table, 1, &[put([("id", Cell::Null)])]);
    let error = it
        .commit_rows(&table, &bad, &[letter(0)], span(0, 2), it.claim)
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Rejected);
    assert!(
        it.query("kafka_offset", "plimsoll_dead_letters")
            .await
            .is_empty()
    );
    assert_eq!(it.position().await, 0);

    let good = rows(&table, 1, &[put([("id", number("1"))])]);
    it.commit_rows(&table, &good, &[letter(0)], span(0, 2), it.claim)
        .await
        .unwrap();
    assert_eq!(
        it.query(
            "kafka_offset, key, value, headers, condition",
            "plimsoll_dead_letters"
        )
        .await,
        [r#"0 X'6B00' NULL '[["h","/w=="],["n",null]]' 'value_not_json'"#]
    );
    assert_eq!(it.position().await, 2);
}

#[tokio::test]
async fn a_refused_record_takes_the_whole_batch_back_and_names_its_column() {
    let mut it = Fixture::new(
        "CREATE TABLE orders (id INTEGER NOT NULL, n INT CHECK (n > 0))",
        table(Mode::Append),
    )
    .await;
    let good = put([("id", number("1")), ("n", number("1"))]);
    let error = it
        .commit(&[good.clone(), put([("n", number("1"))])])
        .await
        .unwrap_err();
    assert_eq!(error.detail.condition, "not_null_violation");
    assert_eq!(error.detail.column.as_deref(), Some("id"));
    assert_eq!(error.detail.table.as_deref(), Some("orders"));
    let bad = put([("id", number("424242")), ("n", number("-1"))]);
    let error = it.commit(&[good.clone(), bad]).await.unwrap_err();
    assert_eq!(error.detail.constraint.as_deref(), Some("n > 0"));
    assert!(!format!("{error} {error:?}").contains("424242"));
    assert!(it.query("id", "orders").await.is_empty());
    it.commit(&[good]).await.unwrap();
    assert_eq!(it.query("id", "orders").await, ["1"]);
}

#[tokio::test]
async fn a_deferred_constraint_refuses_at_commit() {
    let mut it = Fixture::new(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY);
         CREATE TABLE orders (id INTEGER, customer INTEGER REFERENCES customers DEFERRABLE INITIALLY DEFERRED)",
        table(Mode::Append),
    )
    .await;
    let record = put([("id", number("1")), ("customer", number("7"))]);
    let error = it.commit(std::slice::from_ref(&record)).await.unwrap_err();
    assert_eq!(
        (error.class, error.detail.condition.as_str()),
        (Class::Rejected, "foreign_key_violation")
    );
    assert_eq!(it.position().await, 0);
    it.sql("INSERT INTO customers VALUES (7)").await;
    it.commit(&[record]).await.unwrap();
    assert_eq!(it.position().await, 1);
}

/// What a trigger does about a number, and whose fault it is to be taken for.
const REFUSALS: [(&str, Class); 8] = [
    ("RAISE(ABORT, 'no')", Class::Rejected),
    ("RAISE(FAIL, 'no')", Class::Rejected),
    ("RAISE(ROLLBACK, 'no')", Class::Rejected),
    ("length(zeroblob(2000000000))", Class::Rejected),
    ("json_extract('{', '$')", Class::Rejected),
    ("abs(-9223372036854775807 - 1)", Class::Suspect),
    ("'a' LIKE 'b' ESCAPE 'cc'", Class::Suspect),
    ("json_extract('{}', 'no path')", Class::Suspect),
];

#[tokio::test]
async fn whatever_a_record_is_refused_for_it_is_a_records_fault_and_the_next_one_passes() {
    let mut tables = "CREATE TABLE orders (id INTEGER PRIMARY KEY, n INTEGER);".to_owned();
    for (i, (what, _)) in REFUSALS.iter().enumerate() {
        tables += &format!(
            "CREATE TRIGGER t{i} BEFORE INSERT ON orders WHEN new.n = {i} BEGIN SELECT {what}; END;"
        );
    }
    let mut it = Fixture::new(tables.leak(), table(Mode::Append)).await;
    let good = || put([("n", number("77"))]);
    let mut written = 0;
    for (i, (what, class)) in REFUSALS.into_iter().enumerate() {
        let bad = i.to_string();
        let position = it.position().await;
        let both = [good(), put([("n", number(&bad))])];
        let error = it.commit(&both).await.expect_err(what);
        let said = error.detail.text.reveal();
        assert_eq!(error.class, class, "{what}: {error}: {said}");
        assert_eq!(it.position().await, position, "{what}");
        it.commit(&[good()]).await.unwrap();
        written += 1;
        assert_eq!(it.query("count(*)", "orders").await, [written.to_string()]);
    }
    let mismatch = it.commit(&[put([("id", text("x"))])]).await.unwrap_err();
    assert_eq!(mismatch.class, Class::Rejected, "{mismatch}");
}

#[tokio::test]
async fn a_dry_run_leaves_nothing_behind() {
    let it = Fixture::new(
        "CREATE TABLE orders (id INTEGER NOT NULL)",
        table(Mode::Append),
    )
    .await;
    let table = it.prepared().await;
    let good = rows(&table, 0, &[put([("id", number("1"))])]);
    let mut batch = Batch {
        topic: TOPIC,
        partition: 0,
        claim: Claim {
            epoch: it.claim.epoch,
            owner: Owner(0),
        },
        span: span(0, 1),
        tables: TableRows::only(&table, &good),
        dead: &[],
        marks: Marks::default(),
    };
    assert_eq!(it.sink.dry_run(&batch).await.unwrap().rows, 1);
    let bad = rows(&table, 0, &[put([("id", Cell::Null)])]);
    batch.tables = TableRows::only(&table, &bad);
    assert_eq!(
        it.sink.dry_run(&batch).await.unwrap_err().class,
        Class::Rejected
    );
    assert!(it.query("id", "orders").await.is_empty());
    assert_eq!(it.position().await, 0);
}

#[tokio::test]
async fn a_commit_that_is_dropped_half_way_is_all_or_nothing_and_the_next_goes_on() {
    let mut it = Fixture::new("CREATE TABLE orders (id INTEGER)", table(Mode::Append)).await;
    let ids: Vec<String> = (0..20_000).map(|i| i.to_string()).collect();
    let records: Vec<Record<'_>> = ids.iter().map(|id| put([("id", number(id))])).collect();
    let mut interrupted = 0;
    for micros in [0, 50, 500, 2_000, 5_000, 9_000] {
        let (at, all) = (it.at, i64::try_from(records.len()).unwrap());
        let answer = tokio::time::timeout(Duration::from_micros(micros), it.commit(&records)).await;
        interrupted += i32::from(answer.is_err());
        // Judge by a claim, as the service does.
        let claimed = it.sink.claim(&member(1), &identity(), &tp()).await.unwrap();
        assert!(
            [at, at + all].contains(&claimed.position.offset()),
            "{claimed:?}"
        );
        it.claim = claimed.claim;
        it.at = claimed.position.offset();
        let rows = it.query("count(*)", "orders").await;
        assert_eq!(rows, [it.at.to_string()]);
    }
    assert!(interrupted > 0, "no commit was interrupted");
    it.commit(&records[..1]).await.unwrap();
}

#[tokio::test]
async fn another_processs_write_lock_is_waited_for() {
    let mut it = Fixture::new("CREATE TABLE orders (id INTEGER)", table(Mode::Append)).await;
    let mut other = it.connect().await;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    {
        let records = [put([("id", number("1"))])];
        let mut commit = std::pin::pin!(it.commit(&records));
        let early = tokio::time::timeout(Duration::from_millis(200), &mut commit).await;
        assert!(early.is_err(), "it did not wait: {early:?}");
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
        commit.await.unwrap();
    }
    assert_eq!(it.query("id", "orders").await, ["1"]);
}

#[tokio::test]
async fn a_sink_does_not_starve_beside_a_busy_one() {
    let mut it = Fixture::new("CREATE TABLE orders (id INTEGER)", table(Mode::Append)).await;
    let mut settings = settings(it.path.clone(), table(Mode::Append));
    settings.sink = "other".into();
    let other = SqliteSink::open(settings).unwrap();
    let start = NewPosition {
        tp: tp(),
        position: Position::ZERO,
        topic_id: None,
        high_watermark: Position::ZERO,
    };
    other
        .settle(&identity(), StartRule::FirstRecord, &[start])
        .await
        .unwrap();
    let busy = async {
        let ids: Vec<String> = (0..2_000).map(|i| i.to_string()).collect();
        let records: Vec<Record<'_>> = ids.iter().map(|id| put([("id", number(id))])).collect();
        for _ in 0..50 {
            it.commit(&records).await.unwrap();
        }
    };
    let claims = async {
        for _ in 0..25 {
            other.claim(&member(2), &identity(), &tp()).await.unwrap();
        }
    };
    // They take turns: the claims are through long before the commits.
    let claims_first = tokio::select! {
        () = claims => true,
        () = busy => false,
    };
    assert!(claims_first, "the claims waited for fifty commits");
    assert_eq!(other.positions().await.unwrap()[0].epoch, 25);
}

#[tokio::test]
async fn the_file_survives_a_power_cut_by_its_settings() {
    let it = Fixture::new("CREATE TABLE orders (id INTEGER)", table(Mode::Append)).await;
    assert_eq!(
        it.query("journal_mode", "pragma_journal_mode").await,
        ["'wal'"]
    );
    let mut lease = it
        .sink
        .database
        .lease(
            crate::connection::Lane::Writer,
            crate::connection::Open::Existing,
        )
        .await
        .unwrap();
    let pragma = |name: &str| format!("PRAGMA {name}");
    for (name, expected) in [("synchronous", 2), ("foreign_keys", 1)] {
        let value: i64 = sqlx::query_scalar(AssertSqlSafe(pragma(name)))
            .fetch_one(lease.connection())
            .await
            .unwrap();
        assert_eq!(value, expected, "{name}");
    }
}
