//! Writers that were stopped: their locks do not hold up a successor.

use super::world::*;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Mode, Sink};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A session as a stopped writer of this sink leaves it.
async fn session(application: &str) -> PgConnection {
    PgConnectOptions::from_str(&url())
        .unwrap()
        .application_name(application)
        .connect()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_writer_stopped_inside_copy_holds_up_neither_claim_nor_commit() {
    let mut world = World::new("s_copy", "CREATE TABLE o (id int UNIQUE)").await;
    let sink = world
        .sink(world.settings(Mode::Append, "o"), "second")
        .await;
    let mut zombie = session("plimsoll/s_copy/first").await;
    sqlx::raw_sql("BEGIN").execute(&mut zombie).await.unwrap();
    let mut copy = zombie
        .copy_in_raw("COPY s_copy.o FROM STDIN")
        .await
        .unwrap();
    // More than the server keeps before it inserts.
    let rows: String = (0..20_000).map(|i| format!("{i}\n")).collect();
    copy.send(rows.as_bytes()).await.unwrap();
    let claimed = Instant::now();
    let mut writer = Writer::claim(&sink, &member(2)).await;
    assert!(
        claimed.elapsed() < Duration::from_secs(1),
        "the claim waited for rows"
    );
    let records: Vec<_> = (0..50)
        .map(|i| put(i, vec![plimsoll_sink_api::Cell::Int(i)]))
        .collect();
    let started = Instant::now();
    let done = writer.commit(&records).await.unwrap();
    assert_eq!(
        (done.rows, done.terminated),
        (50, 1),
        "after {:?}",
        started.elapsed()
    );
    assert!(started.elapsed() < Duration::from_secs(8));
    assert!(copy.finish().await.is_err(), "the zombie's session lives");
    assert_eq!(world.one("SELECT count(*) FROM o").await, "50");
}

#[tokio::test]
async fn a_stopped_writer_that_holds_the_position_is_terminated_by_the_claim() {
    let mut world = World::new("s_claim", "CREATE TABLE o (id int)").await;
    let sink = world
        .sink(world.settings(Mode::Append, "o"), "second")
        .await;
    let mut zombie = session("plimsoll/s_claim/first").await;
    sqlx::raw_sql("BEGIN; UPDATE s_claim_state.positions SET next_offset = 7")
        .execute(&mut zombie)
        .await
        .unwrap();
    let started = Instant::now();
    let claimed = sink.claim(&member(2), &identity(), &tp()).await.unwrap();
    assert_eq!((claimed.terminated, claimed.position.offset()), (1, 0));
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    assert!(zombie.ping().await.is_err());
    assert_eq!(
        world
            .one("SELECT owner_name FROM s_claim_state.positions")
            .await,
        "member-2"
    );
}

#[tokio::test]
async fn somebody_elses_session_is_named_and_left_alone() {
    let world = World::new("s_foreign", "CREATE TABLE o (id int)").await;
    let mut settings = world.settings(Mode::Append, "o");
    settings.call_timeout = Duration::from_secs(6);
    let sink = world.sink(settings, "second").await;
    // Another sink's name begins alike; it is not this sink.
    let mut foreign = session("plimsoll/s_foreign2/x").await;
    sqlx::raw_sql("BEGIN; UPDATE s_foreign_state.positions SET next_offset = 7")
        .execute(&mut foreign)
        .await
        .unwrap();
    let error = sink
        .claim(&member(2), &identity(), &tp())
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Unavailable);
    assert!(
        error.detail.condition.contains("plimsoll/s_foreign2/x"),
        "{error}"
    );
    foreign.ping().await.unwrap();
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut foreign)
        .await
        .unwrap();
    sink.claim(&member(2), &identity(), &tp()).await.unwrap();
}

#[tokio::test]
async fn a_commit_that_is_dropped_midway_leaves_no_transaction_behind() {
    let mut world = World::new("s_drop", "CREATE TABLE o (id int UNIQUE)").await;
    let mut settings = world.settings(Mode::Append, "o");
    settings.max_connections = 1;
    settings.call_timeout = Duration::from_secs(20);
    let sink = world.sink(settings, "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    world.run("BEGIN; INSERT INTO o VALUES (1)").await;
    let records = [put(0, vec![number("1")])];
    let dropped = tokio::time::timeout(Duration::from_millis(500), writer.commit(&records)).await;
    assert!(dropped.is_err(), "the commit should have waited");
    world.run("ROLLBACK").await;
    // The only connection of the pool is a new one.
    let mut again = Writer::claim(&sink, &member(1)).await;
    assert_eq!(again.at, 0);
    again.commit(&records).await.unwrap();
    assert_eq!(world.one("SELECT count(*) FROM o").await, "1");
}

#[tokio::test]
async fn a_small_commit_that_is_dropped_midway_is_judged_by_a_claim() {
    let mut world = World::new("s_small_drop", "CREATE TABLE o (id int UNIQUE)").await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    world.run("BEGIN; INSERT INTO o VALUES (1)").await;
    let records = [put(0, vec![number("1")])];
    let dropped = tokio::time::timeout(Duration::from_millis(500), writer.commit(&records)).await;
    assert!(dropped.is_err(), "the commit should have waited");
    // The statement had arrived whole: the server finishes it, and the claim
    // waits for it.
    let claimer = member(1);
    let claim = Writer::claim(&sink, &claimer);
    let (again, ()) = tokio::join!(claim, world.run("ROLLBACK"));
    assert_eq!(again.at, 1);
    assert_eq!(world.one("SELECT count(*) FROM o").await, "1");
}

#[tokio::test]
async fn a_restarted_server_costs_one_error_and_no_row() {
    let mut world = World::new("s_lost", "CREATE TABLE o (id int)").await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    writer.commit(&[put(0, vec![number("1")])]).await.unwrap();
    world
        .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'plimsoll/s_lost/m'")
        .await;
    let records = [put(1, vec![number("2")])];
    let error = writer.commit(&records).await.unwrap_err();
    assert_eq!(error.class, Class::Unavailable, "{error}");
    assert_eq!(sink.settled().await.unwrap_err().class, Class::Unavailable);
    let mut again = Writer::claim(&sink, &member(1)).await;
    assert_eq!(again.at, 1);
    again.commit(&records).await.unwrap();
    assert_eq!(world.one("SELECT count(*) FROM o").await, "2");
}
