//! Times to live, counted from the record's time.

use super::{Process, World, text};
use crate::Ttl;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Cell, Op};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR_MS: i64 = 3_600_000;

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

async fn world(ttl: Ttl) -> World {
    let mut world = World::new().await;
    world.ttl = Some(ttl);
    let table = "CREATE TABLE {}.sessions (id int PRIMARY KEY, a text, b text)";
    world.cql(&table.replace("{}", &world.keyspace)).await;
    world
}

/// Seconds that the cell `a` of a row still lives; `None`: for ever.
async fn left(world: &World, id: i32) -> Option<i64> {
    let select = format!(
        "ttl(a) AS left FROM {}.sessions WHERE id = {id}",
        world.keyspace
    );
    let rows = world.json(&select).await;
    let row: serde_json::Value = serde_json::from_str(&rows[0]).unwrap();
    row["left"].as_i64()
}

#[tokio::test]
async fn a_row_lives_for_what_is_left_since_its_record() {
    let world = world(Ttl::Fixed(Duration::from_secs(7_200))).await;
    let p = Process::start(&world, "sessions", 1).await;
    let an_hour_ago = Cell::millis(now_ms() - HOUR_MS);
    let cells = vec![Cell::Number("1"), text("a"), text("b"), an_hour_ago];
    p.commit(0, 1, &[(0, Op::Put, cells)]).await.unwrap();
    let left = left(&world, 1).await.expect("a time to live");
    // However long the test took: less than was left, and not the whole of it.
    assert!((3_000..=3_600).contains(&left), "{left}");
}

#[tokio::test]
async fn what_has_outlived_its_time_goes_and_leaves_what_others_set() {
    let world = world(Ttl::Source("value.ttl".parse().unwrap())).await;
    let p = Process::start(&world, "sessions", 1).await;
    let time = || Cell::millis(now_ms() - HOUR_MS);
    let rows = [
        // The table's own time: for ever.
        (
            0,
            Op::Put,
            vec![
                Cell::Number("1"),
                text("a"),
                text("b"),
                Cell::Absent,
                time(),
            ],
        ),
        // Its minute was over an hour ago.
        (
            1,
            Op::Put,
            vec![
                Cell::Number("1"),
                text("x"),
                Cell::Absent,
                Cell::Number("60"),
                time(),
            ],
        ),
        (
            2,
            Op::Put,
            vec![
                Cell::Number("2"),
                text("a"),
                Cell::Null,
                Cell::Text("7200"),
                time(),
            ],
        ),
    ];
    p.commit(0, 3, &rows).await.unwrap();
    let select = format!("a, b FROM {}.sessions WHERE id = 1", world.keyspace);
    assert_eq!(world.json(&select).await, ["{\"a\": null, \"b\": \"b\"}"]);
    let left = left(&world, 2).await.expect("a time to live");
    assert!((3_000..=3_600).contains(&left), "{left}");
}

#[tokio::test]
async fn a_time_to_live_that_is_none_is_a_bad_record() {
    let world = world(Ttl::Source("value.ttl".parse().unwrap())).await;
    let p = Process::start(&world, "sessions", 1).await;
    for ttl in ["0", "-1", "1.5", "630720001"] {
        let cells = vec![
            Cell::Number("1"),
            text("a"),
            Cell::Absent,
            Cell::Number(ttl),
            Cell::Absent,
        ];
        let error = p.commit(0, 1, &[(0, Op::Put, cells)]).await.unwrap_err();
        assert_eq!(error.class, Class::Rejected, "{ttl}");
        assert_eq!(error.detail.column.as_deref(), Some("ttl"), "{ttl}");
    }
}
