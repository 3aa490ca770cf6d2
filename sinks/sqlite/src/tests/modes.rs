//! Append and log, and how values are stored.

use super::*;
use plimsoll_protocol::Class;
use plimsoll_sink_api::Positions;

#[tokio::test]
async fn append_leaves_ids_and_defaults_to_sqlite() {
    let mut it = Fixture::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, n INT, at TEXT DEFAULT CURRENT_TIMESTAMP, s TEXT DEFAULT 'x')",
        table(Mode::Append),
    )
    .await;
    let done = it
        .commit(&[
            put([("n", number("1"))]),
            put([("n", number("2")), ("s", Cell::Null)]),
        ])
        .await;
    assert_eq!(done.unwrap().rows, 2);
    let found = it.query("id, n, s, length(at)", "orders ORDER BY id").await;
    assert_eq!(found, ["1 1 'x' 19", "2 2 NULL 19"]);
}

#[tokio::test]
async fn values_are_stored_by_the_affinity_of_their_column() {
    let mut it = Fixture::new(
        "CREATE TABLE orders (i INTEGER, n DECIMAL(30,5), r REAL, t TEXT, b BLOB, u, j JSON, d TIMESTAMP)",
        table(Mode::Append),
    )
    .await;
    let long = "123456789012345678901234567890";
    it.commit(&[
        put([
            ("i", number("9223372036854775807")),
            ("n", number("12.50")),
            ("r", number("1")),
            ("t", number(long)),
            ("b", text("AP8=")),
            ("u", number(long)),
            ("j", Cell::Json("{\"a\":[1]}")),
            ("d", Cell::millis(0)),
        ]),
        put([
            ("i", Cell::Bool(true)),
            ("n", text("0.1")),
            ("r", number("0.1")),
            ("t", Cell::Bool(true)),
            ("b", Cell::Bytes(b"\xff")),
            ("u", text("1")),
            ("j", Cell::Json("\"a\"")),
            ("d", text("2024-05-06")),
        ]),
    ])
    .await
    .unwrap();
    assert_eq!(
        it.query("i, n, r, t, b, u, j, d", "orders").await,
        [
            format!(
                "9223372036854775807 12.5 1.0 '{long}' X'00FF' '{long}' '{{\"a\":[1]}}' \
                 '1970-01-01T00:00:00.000Z'"
            ),
            "1 0.1 0.1 'true' X'FF' '1' '\"a\"' '2024-05-06'".to_owned(),
        ]
    );
    let error = it.commit(&[put([("n", number(long))])]).await.unwrap_err();
    assert_eq!(error.class, Class::Rejected);
    assert_eq!(
        error.to_string(),
        "numeric_value_out_of_range, table \"orders\", column \"n\"; hint: a wider type, or a column of text, keeps every digit"
    );
}

#[tokio::test]
async fn text_is_kept_whole_with_a_nul_in_it() {
    let mut it = Fixture::new("CREATE TABLE orders (t TEXT)", table(Mode::Append)).await;
    it.commit(&[put([("t", text("a\0ö"))])]).await.unwrap();
    assert_eq!(
        it.query("typeof(t), hex(t)", "orders").await,
        ["'text' '6100C3B6'"]
    );
}

#[tokio::test]
async fn strict_tables_refuse_what_does_not_fit() {
    let mut it = Fixture::new(
        "CREATE TABLE orders (i INTEGER, a ANY) STRICT",
        table(Mode::Append),
    )
    .await;
    it.commit(&[put([("i", text("12")), ("a", text("12"))])])
        .await
        .unwrap();
    assert_eq!(it.query("i, a", "orders").await, ["12 '12'"]);
    let error = it
        .commit(&[put([("i", text("twelve"))])])
        .await
        .unwrap_err();
    assert_eq!(error.detail.condition, "datatype_mismatch");
    assert_eq!(
        (error.class, error.detail.column.as_deref()),
        (Class::Rejected, Some("i"))
    );
}

#[tokio::test]
async fn a_key_that_is_no_integer_names_the_integer_primary_key() {
    let mut it = Fixture::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY)",
        table(Mode::Append),
    )
    .await;
    let error = it.commit(&[put([("id", text("x"))])]).await.unwrap_err();
    assert_eq!(
        (error.class, error.detail.column.as_deref()),
        (Class::Rejected, Some("id"))
    );
}

#[tokio::test]
async fn the_log_table_is_made_and_a_tombstone_is_a_null_event() {
    let mut it = Fixture::new("", table(Mode::Log)).await;
    it.commit(&[
        put([("event_data", Cell::Json("{\"a\": 1}"))]),
        put([("event_data", Cell::Null)]),
    ])
    .await
    .unwrap();
    assert_eq!(
        it.query(
            "kafka_topic, kafka_partition, kafka_offset, event_data",
            "orders"
        )
        .await,
        ["'orders' 0 0 '{\"a\": 1}'", "'orders' 0 1 NULL"]
    );
}

#[tokio::test]
async fn an_equal_event_that_stands_already_is_counted_and_another_halts() {
    let mut it = Fixture::new("", table(Mode::Log)).await;
    let events: Vec<String> = (0..40).map(|i| format!("{{\"n\":{i}}}")).collect();
    let records: Vec<Record<'_>> = events
        .iter()
        .map(|e| put([("event_data", Cell::Json(e))]))
        .collect();
    it.commit(&records[..35]).await.unwrap();
    // As an operator does who sets the position back.
    let back = async |it: &mut Fixture, to: i64| {
        let fresh = std::time::Duration::ZERO;
        it.sink
            .set_position(&change(identity(), &tp(), position(to), true, fresh))
            .await
            .unwrap();
        it.claim = it
            .sink
            .claim(&member(1), &identity(), &tp())
            .await
            .unwrap()
            .claim;
        it.at = to;
    };
    back(&mut it, 0).await;
    let done = it.commit(&records).await.unwrap();
    assert_eq!((done.rows, done.already_there), (5, 35));
    assert_eq!(it.query("count(*)", "orders").await, ["40"]);

    back(&mut it, 3).await;
    let error = it.commit(&records[4..6]).await.unwrap_err();
    assert_eq!(error.class, Class::Halt);
    assert_eq!(it.position().await, 3);
}

#[tokio::test]
async fn a_log_table_named_after_its_topic_is_made_when_the_topic_comes() {
    let mut settings = table(Mode::Log);
    settings.table = "log of {topic}".into();
    let it = Fixture::new("", settings).await;
    assert_eq!(it.prepared().await.table.name, "log of orders");
    assert!(it.query("1", "\"log of orders\"").await.is_empty());
}
