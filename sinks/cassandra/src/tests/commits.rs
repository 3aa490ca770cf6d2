//! Batches, their order, their fences.

use super::{Process, World, at, identity, text, tp};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Cell, Op, PositionChange, Positions, SetOutcome};
use std::time::Duration;

const TABLE: &str = "CREATE TABLE {}.orders (id int PRIMARY KEY, a text, b text, tags set<text>)";

async fn world() -> World {
    let world = World::new().await;
    world.cql(&TABLE.replace("{}", &world.keyspace)).await;
    world
}

/// The cells of an order: id, a, b, tags.
fn order<'a>(id: &'a str, a: &'a str, b: Cell<'a>) -> Vec<Cell<'a>> {
    vec![Cell::Number(id), text(a), b, Cell::Absent]
}

fn select(world: &World) -> String {
    format!("* FROM {}.orders", world.keyspace)
}

#[tokio::test]
async fn a_batch_moves_the_position_and_no_batch_twice() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    assert_eq!((p.claimed.position, p.claimed.reached), (at(0), at(0)));
    let rows = [
        (0, Op::Put, order("1", "x", Cell::Null)),
        (1, Op::Put, order("2", "y", Cell::Absent)),
        (3, Op::Delete, vec![Cell::Number("1")]),
    ];
    assert_eq!(p.commit(0, 4, &rows).await.unwrap().rows, 3);
    assert_eq!(
        world.json(&select(&world)).await,
        ["{\"id\": 2, \"a\": \"y\", \"b\": null, \"tags\": null}"]
    );
    let again = p.commit(0, 4, &rows).await.unwrap_err();
    assert_eq!(again.class, Class::Fenced);
    let all = p.sink.positions().await.unwrap();
    assert_eq!((all.len(), all[0].position, all[0].epoch), (1, at(4), 1));
    assert_eq!(all[0].owner.as_deref(), Some("m1"));
}

#[tokio::test]
async fn of_one_key_the_later_offset_wins_whatever_comes_last() {
    let world = world().await;
    let mut p = Process::start(&world, "orders", 1).await;
    let first = (0, Op::Put, order("1", "zz", text("zz")));
    let second = (1, Op::Put, order("1", "aa", text("aa")));
    // One batch, in the same millisecond; then both again, apart, the later one
    // first: a replay by another process.
    p.commit(0, 2, &[first.clone(), second.clone()])
        .await
        .unwrap();
    let expected = ["{\"id\": 1, \"a\": \"aa\", \"b\": \"aa\", \"tags\": null}"];
    assert_eq!(world.json(&select(&world)).await, expected);
    p.claim().await;
    assert_eq!((p.claimed.position, p.claimed.reached), (at(0), at(2)));
    p.commit(0, 1, &[first]).await.unwrap();
    p.commit(1, 2, &[second]).await.unwrap();
    assert_eq!(world.json(&select(&world)).await, expected);
}

#[tokio::test]
async fn a_delete_that_is_replayed_leaves_what_was_inserted_later() {
    let world = world().await;
    let mut p = Process::start(&world, "orders", 1).await;
    let delete = (1, Op::Delete, vec![Cell::Number("1")]);
    p.commit(0, 1, &[(0, Op::Put, order("1", "x", text("x")))])
        .await
        .unwrap();
    p.commit(1, 2, std::slice::from_ref(&delete)).await.unwrap();
    assert!(world.json(&select(&world)).await.is_empty());
    p.commit(2, 3, &[(2, Op::Put, order("1", "y", Cell::Absent))])
        .await
        .unwrap();
    p.claim().await;
    p.commit(0, 1, &[(0, Op::Put, order("1", "x", text("x")))])
        .await
        .unwrap();
    p.commit(1, 2, &[delete]).await.unwrap();
    assert_eq!(
        world.json(&select(&world)).await,
        ["{\"id\": 1, \"a\": \"y\", \"b\": null, \"tags\": null}"]
    );
}

#[tokio::test]
async fn a_zombie_writes_and_changes_nothing() {
    let world = world().await;
    let zombie = Process::start(&world, "orders", 1).await;
    let successor = Process::start(&world, "orders", 2).await;
    successor
        .commit(
            0,
            2,
            &[
                (0, Op::Put, order("1", "old", text("old"))),
                (1, Op::Put, order("1", "new", text("new"))),
            ],
        )
        .await
        .unwrap();
    // It has not heard of its successor: the server takes what it sends.
    zombie
        .commit(0, 1, &[(0, Op::Put, order("1", "old", text("old")))])
        .await
        .unwrap();
    assert_eq!(
        world.json(&select(&world)).await,
        ["{\"id\": 1, \"a\": \"new\", \"b\": \"new\", \"tags\": null}"]
    );
    let all = successor.sink.positions().await.unwrap();
    assert_eq!(
        (all[0].position, all[0].owner.as_deref()),
        (at(2), Some("m2"))
    );
}

#[tokio::test]
async fn set_back_the_replay_wins_whole() {
    let world = world().await;
    let mut p = Process::start(&world, "orders", 1).await;
    let tags = Cell::Json("[\"a\"]");
    let mut wrong = order("1", "wrong", text("wrong"));
    wrong[3] = tags;
    p.commit(0, 5, &[(4, Op::Put, wrong)]).await.unwrap();
    let change = PositionChange {
        tp: tp(),
        to: Some(at(0)),
        identity: identity(),
        take_over: false,
        topic_id: None,
        high_watermark: at(5),
        force: true,
        fresh: Duration::from_secs(10),
    };
    let set = p.sink.set_position(&change).await.unwrap();
    assert_eq!(
        set,
        SetOutcome::Set {
            before: Some(at(5))
        }
    );
    p.claim().await;
    assert_eq!(p.claimed.position, at(0));
    let mut right = order("1", "right", Cell::Null);
    right[3] = Cell::Json("[\"b\"]");
    p.commit(0, 1, &[(0, Op::Put, right)]).await.unwrap();
    assert_eq!(
        world.json(&select(&world)).await,
        ["{\"id\": 1, \"a\": \"right\", \"b\": null, \"tags\": [\"b\"]}"]
    );
}

#[tokio::test]
async fn a_bad_value_stops_its_batch_before_anything_is_sent() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    let error = p
        .commit(
            0,
            2,
            &[
                (0, Op::Put, order("1", "x", Cell::Absent)),
                (1, Op::Put, order("1.5", "x", Cell::Absent)),
            ],
        )
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Rejected);
    assert_eq!(error.detail.column.as_deref(), Some("id"));
    assert!(world.json(&select(&world)).await.is_empty());
}

#[tokio::test]
async fn a_batch_that_is_not_written_moves_no_position() {
    let world = world().await;
    let mut p = Process::start(&world, "orders", 1).await;
    p.commit(0, 1, &[(0, Op::Put, order("1", "x", Cell::Null))])
        .await
        .unwrap();
    world
        .cql(&format!("DROP TABLE {}.orders", world.keyspace))
        .await;
    let error = p
        .commit(1, 2, &[(1, Op::Put, order("2", "y", Cell::Null))])
        .await
        .unwrap_err();
    // The schema is at fault, not the record.
    assert!(matches!(error.class, Class::Stale | Class::Halt), "{error}");
    assert_eq!(p.sink.positions().await.unwrap()[0].position, at(1));
    // Nor did another place remember it.
    p.claim().await;
    assert_eq!(p.claimed.reached, at(1));
}
