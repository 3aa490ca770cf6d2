//! Not a test of right or wrong: run it by hand, with `--ignored --nocapture`.

use super::*;
use std::time::Instant;

const BATCH: i64 = 5_000;
const BATCHES: i64 = 60;

async fn measure(mode: Mode, create: &'static str, keys: i64) {
    let mut it = Fixture::new(create, table(mode)).await;
    let began = Instant::now();
    for batch in 0..BATCHES {
        let ids: Vec<String> = (0..BATCH)
            .map(|i| ((batch * BATCH + i) * 7919 % keys).to_string())
            .collect();
        let records: Vec<Record<'_>> = ids
            .iter()
            .map(|id| {
                put([
                    ("id", number(id)),
                    ("customer", text("customer-4711")),
                    ("status", text("shipped")),
                    ("amount", number("129.95")),
                    ("items", number("3")),
                    ("paid", Cell::Bool(true)),
                    (
                        "note",
                        text("please leave it with the neighbours at number nine"),
                    ),
                    ("at", text("2024-05-06T07:08:09.123Z")),
                ])
            })
            .collect();
        it.commit(&records).await.unwrap();
    }
    let rows = BATCH * BATCHES;
    let rate = rows as f64 / began.elapsed().as_secs_f64();
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("{:<8} {rate:>10.0} rows/s\n", mode.as_str()).as_bytes(),
    );
}

async fn tombstones(create: &'static str) {
    let mut it = Fixture::new(create, table(Mode::Upsert)).await;
    let ids: Vec<String> = (0..BATCH).map(|i| i.to_string()).collect();
    let records: Vec<Record<'_>> = ids.iter().map(|id| delete([("id", number(id))])).collect();
    let began = Instant::now();
    for _ in 0..10 {
        it.commit(&records).await.unwrap();
    }
    let rate = 10.0 * BATCH as f64 / began.elapsed().as_secs_f64();
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("deletes  {rate:>10.0} rows/s\n").as_bytes(),
    );
}

#[tokio::test]
#[ignore = "a measurement"]
async fn rows_per_second() {
    const COLUMNS: &str = "customer TEXT, status TEXT, amount NUMERIC, items INTEGER, paid BOOLEAN, note TEXT, at TEXT";
    let append: &'static str = format!("CREATE TABLE orders (id INTEGER, {COLUMNS})").leak();
    let upsert: &'static str =
        format!("CREATE TABLE orders (id INTEGER PRIMARY KEY, {COLUMNS})").leak();
    measure(Mode::Append, append, i64::MAX).await;
    measure(Mode::Upsert, upsert, 100_003).await;
    tombstones(upsert).await;
}
