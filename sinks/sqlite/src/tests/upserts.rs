//! Upsert: a record replaces the row of its key, a tombstone deletes it.

use super::*;
use plimsoll_protocol::Class;
use proptest::prelude::*;
use std::collections::BTreeMap;

const TABLE: &str =
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, note TEXT DEFAULT 'none')";

fn order<'a>(id: &'a str, status: &'a str) -> Record<'a> {
    put([("id", number(id)), ("status", text(status))])
}

#[tokio::test]
async fn of_one_key_in_one_statement_the_last_wins() {
    let mut it = Fixture::new(TABLE, table(Mode::Upsert)).await;
    // 32 rows go in one statement.
    let statuses: Vec<String> = (0..32).map(|i| format!("s{i}")).collect();
    let records: Vec<Record<'_>> = statuses.iter().map(|s| order("7", s)).collect();
    assert_eq!(it.commit(&records).await.unwrap().rows, 32);
    assert_eq!(it.query("id, status", "orders").await, ["7 's31'"]);
}

#[tokio::test]
async fn a_tombstone_deletes_and_what_comes_after_it_stands() {
    let mut it = Fixture::new(TABLE, table(Mode::Upsert)).await;
    it.commit(&[
        order("1", "a"),
        order("2", "a"),
        delete([("id", number("1"))]),
        order("2", "b"),
        delete([("id", text("2"))]),
        order("2", "c"),
        delete([("id", number("99"))]),
    ])
    .await
    .unwrap();
    assert_eq!(it.query("id, status", "orders").await, ["2 'c'"]);
}

#[tokio::test]
async fn a_missing_field_becomes_the_default_on_update_too() {
    let mut it = Fixture::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT DEFAULT 'none', n INT,
                              twice INT DEFAULT (1 + 1), made_of AS (n + 1))",
        table(Mode::Upsert),
    )
    .await;
    let full = put([
        ("id", number("1")),
        ("note", text("x")),
        ("n", number("5")),
        ("twice", number("7")),
    ]);
    let bare = put([("id", number("1"))]);
    it.commit(std::slice::from_ref(&full)).await.unwrap();
    assert_eq!(
        it.query("note, n, twice, made_of", "orders").await,
        ["'x' 5 7 6"]
    );
    it.commit(std::slice::from_ref(&bare)).await.unwrap();
    assert_eq!(
        it.query("note, n, twice", "orders").await,
        ["'none' NULL 2"]
    );
    // The same within one batch, and null is not absent.
    it.commit(&[full.clone(), bare.clone()]).await.unwrap();
    assert_eq!(
        it.query("note, n, twice", "orders").await,
        ["'none' NULL 2"]
    );
    it.commit(&[put([
        ("id", number("1")),
        ("note", Cell::Null),
        ("twice", Cell::Null),
    ])])
    .await
    .unwrap();
    assert_eq!(it.query("note, twice", "orders").await, ["NULL NULL"]);
}

#[tokio::test]
async fn keep_merges_field_by_field_and_starts_afresh_at_a_tombstone() {
    let mut settings = table(Mode::Upsert);
    settings.missing = Missing::Keep;
    let mut it = Fixture::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT DEFAULT 'd', c TEXT)",
        settings,
    )
    .await;
    let id = ("id", number("1"));
    it.commit(&[
        put([id, ("a", text("a1")), ("b", text("b1"))]),
        put([id, ("c", text("c1"))]),
        put([id, ("b", Cell::Null)]),
    ])
    .await
    .unwrap();
    assert_eq!(it.query("a, b, c", "orders").await, ["'a1' NULL 'c1'"]);
    it.commit(&[delete([id]), put([id, ("a", text("a2"))])])
        .await
        .unwrap();
    assert_eq!(it.query("a, b, c", "orders").await, ["'a2' 'd' NULL"]);
    // There is no row to merge it into, and "a" must not be null.
    let error = it
        .commit(&[put([("id", number("2")), ("c", text("x"))])])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.detail.column.as_deref()),
        (Class::Rejected, Some("a"))
    );
}

#[tokio::test]
async fn keys_are_equal_when_the_database_says_so() {
    let mut it = Fixture::new(
        "CREATE TABLE orders (id TEXT COLLATE NOCASE PRIMARY KEY, n NUMERIC, status TEXT)",
        table(Mode::Upsert),
    )
    .await;
    it.commit(&[
        put([("id", text("ab")), ("status", text("1"))]),
        put([("id", text("AB")), ("status", text("2"))]),
        put([("id", text("cd")), ("status", text("3"))]),
        delete([("id", text("CD"))]),
    ])
    .await
    .unwrap();
    assert_eq!(it.query("id, status", "orders").await, ["'ab' '2'"]);

    let mut settings = table(Mode::Upsert);
    settings.key_columns = vec!["n".into()];
    let mut it = Fixture::new(
        "CREATE TABLE orders (n NUMERIC UNIQUE, status TEXT)",
        settings,
    )
    .await;
    it.commit(&[
        put([("n", number("1")), ("status", text("1"))]),
        put([("n", number("1.0")), ("status", text("2"))]),
        put([("n", text("1.00")), ("status", text("3"))]),
        put([("n", number("2")), ("status", text("4"))]),
        delete([("n", text("2.0"))]),
    ])
    .await
    .unwrap();
    assert_eq!(it.query("n, status", "orders").await, ["1 '3'"]);
}

#[tokio::test]
async fn the_index_decides_which_keys_are_equal_not_the_column() {
    let mut settings = table(Mode::Upsert);
    settings.key_columns = vec!["id".into()];
    let mut it = Fixture::new(
        "CREATE TABLE orders (id TEXT, status TEXT);
         CREATE UNIQUE INDEX orders_id ON orders (id COLLATE NOCASE)",
        settings,
    )
    .await;
    it.commit(&[
        put([("id", text("ab")), ("status", text("1"))]),
        put([("id", text("AB")), ("status", text("2"))]),
    ])
    .await
    .unwrap();
    assert_eq!(it.query("id, status", "orders").await, ["'ab' '2'"]);
    it.commit(&[delete([("id", text("aB"))])]).await.unwrap();
    assert!(it.query("id", "orders").await.is_empty());
}

#[tokio::test]
async fn an_id_that_sqlite_gave_survives_the_replacement_of_its_row() {
    let mut settings = table(Mode::Upsert);
    settings.key_columns = vec!["code".into()];
    let mut it = Fixture::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, code TEXT UNIQUE, n INT)",
        settings,
    )
    .await;
    let record = |code, n| put([("code", text(code)), ("n", number(n))]);
    it.commit(&[record("a", "1"), record("b", "1"), record("a", "2")])
        .await
        .unwrap();
    assert_eq!(
        it.query("id, code, n", "orders ORDER BY id").await,
        ["1 'a' 2", "2 'b' 1"]
    );
}

#[tokio::test]
async fn a_table_of_keys_alone_can_be_upserted() {
    let mut it = Fixture::new(
        "CREATE TABLE orders (a INT, b TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID",
        table(Mode::Upsert),
    )
    .await;
    let key = || [("a", number("1")), ("b", text("x"))];
    it.commit(&[put(key()), put(key())]).await.unwrap();
    assert_eq!(it.query("a, b", "orders").await, ["1 'x'"]);
    it.commit(&[delete(key())]).await.unwrap();
    assert!(it.query("a", "orders").await.is_empty());
}

#[tokio::test]
async fn deletes_look_their_keys_up_in_the_index() {
    for (create, key) in [
        ("CREATE TABLE orders (a INTEGER PRIMARY KEY, b TEXT)", "a"),
        (
            "CREATE TABLE orders (a TEXT, b TEXT); CREATE UNIQUE INDEX i ON orders (a COLLATE NOCASE)",
            "a",
        ),
        (
            "CREATE TABLE orders (a INT, b TEXT, c INT, PRIMARY KEY (b, a))",
            "a,b",
        ),
        (
            "CREATE TABLE orders (a INT, b TEXT, c INT, PRIMARY KEY (b, a)) WITHOUT ROWID",
            "a,b",
        ),
    ] {
        let mut settings = table(Mode::Upsert);
        settings.key_columns = key.split(',').map(str::to_owned).collect();
        let it = Fixture::new(create, settings).await;
        for left in [32, 4, 1] {
            let (sql, rows) = it.prepared().await.plan.statements.delete(left);
            assert_eq!(rows, left);
            let mut connection = it.connect().await;
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
            assert!(
                !plan.iter().any(|step| step.starts_with("SCAN")),
                "{create}: {plan:?}"
            );
            assert!(
                plan.iter().any(|step| step.starts_with("SEARCH")),
                "{create}: {plan:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_second_unique_index_refuses_and_names_its_column() {
    let mut it = Fixture::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT UNIQUE)",
        table(Mode::Upsert),
    )
    .await;
    let error = it
        .commit(&[order("1", "a"), order("2", "a")])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.detail.column.as_deref()),
        (Class::Rejected, Some("status"))
    );
}

/// A record of the property below: key, and the fields it has.
#[derive(Debug, Clone)]
enum Change {
    Put(u8, Option<u8>, Option<u8>),
    Delete(u8),
}

fn change() -> impl Strategy<Value = Change> {
    let field = || prop::option::weighted(0.7, 0u8..9);
    prop_oneof![
        4 => (0u8..6, field(), field()).prop_map(|(k, a, b)| Change::Put(k, a, b)),
        1 => (0u8..6).prop_map(Change::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever batches end, the table is the fold of the log.
    #[test]
    fn the_table_is_the_fold_of_the_log(
        changes in prop::collection::vec(change(), 1..150),
        batch in 1usize..80,
        keep in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut settings = table(Mode::Upsert);
            settings.missing = if keep { Missing::Keep } else { Missing::Default };
            let create = "CREATE TABLE orders (id INTEGER PRIMARY KEY, a INT DEFAULT 77, b INT DEFAULT (70 + 8))";
            let mut it = Fixture::new(create, settings).await;
            let texts: Vec<String> = (0..10).map(|i| i.to_string()).collect();
            let mut fold: BTreeMap<u8, (u8, u8)> = BTreeMap::new();
            let mut records = Vec::new();
            for change in &changes {
                match *change {
                    Change::Delete(key) => {
                        fold.remove(&key);
                        records.push(delete([("id", number(&texts[usize::from(key)]))]));
                    }
                    Change::Put(key, a, b) => {
                        let old = fold.get(&key).copied().filter(|_| keep).unwrap_or((77, 78));
                        fold.insert(key, (a.unwrap_or(old.0), b.unwrap_or(old.1)));
                        let mut cells = vec![("id", number(&texts[usize::from(key)]))];
                        cells.extend(a.map(|a| ("a", number(&texts[usize::from(a)]))));
                        cells.extend(b.map(|b| ("b", number(&texts[usize::from(b)]))));
                        records.push(put(cells));
                    }
                }
            }
            for records in records.chunks(batch) {
                it.commit(records).await.unwrap();
            }
            let expected: Vec<String> = fold.iter().map(|(k, (a, b))| format!("{k} {a} {b}")).collect();
            assert_eq!(it.query("id, a, b", "orders ORDER BY id").await, expected);
        });
    }
}
