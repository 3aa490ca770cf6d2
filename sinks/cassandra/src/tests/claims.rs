//! Who owns a partition, and from where on.

use super::{Process, World, at, identity, text, tp};
use plimsoll_protocol::{Class, Position, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Cell, Identity, NewPosition, Op, PositionChange, Positions, SetOutcome, Settled, Sink,
};
use std::time::Duration;

async fn world() -> World {
    let world = World::new().await;
    let table = "CREATE TABLE {}.orders (id int PRIMARY KEY, a text)";
    world.cql(&table.replace("{}", &world.keyspace)).await;
    world
}

fn put(offset: i64) -> super::Change<'static> {
    (offset, Op::Put, vec![Cell::Number("1"), text("a")])
}

fn start(partition: i32, position: i64) -> NewPosition {
    NewPosition {
        tp: TopicPartition::new("t", partition),
        position: at(position),
        topic_id: None,
        high_watermark: at(1_000),
    }
}

fn change(to: i64, force: bool) -> PositionChange {
    PositionChange {
        tp: tp(),
        to: Some(at(to)),
        identity: identity(),
        take_over: false,
        topic_id: None,
        high_watermark: at(1_000),
        force,
        fresh: Duration::from_secs(60),
    }
}

#[tokio::test]
async fn each_claim_raises_the_epoch_and_begins_before_the_position() {
    let world = world().await;
    let first = Process::start(&world, "orders", 1).await;
    first.commit(0, 1, &[put(0)]).await.unwrap();
    first.commit(1, 2, &[put(1)]).await.unwrap();
    let second = Process::start(&world, "orders", 2).await;
    assert!(second.claimed.claim.epoch > first.claimed.claim.epoch);
    // Both batches are of the last seconds: a server may have lost them.
    assert_eq!(
        (second.claimed.position, second.claimed.reached),
        (at(0), at(2))
    );
    // The first one hears of it when it looks.
    let all = first.sink.positions().await.unwrap();
    assert_eq!(all[0].owner.as_deref(), Some("m2"));
    // And gives nothing away that is no longer its own.
    first.sink.release(&tp(), first.claim_now()).await.unwrap();
    let all = second.sink.positions().await.unwrap();
    assert_eq!(all[0].owner.as_deref(), Some("m2"));
    second
        .sink
        .release(&tp(), second.claim_now())
        .await
        .unwrap();
    assert_eq!(second.sink.positions().await.unwrap()[0].owner, None);
}

#[tokio::test]
async fn configured_starts_are_written_for_all_or_for_none() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    let settle =
        async |rule, starts: &[NewPosition]| p.sink.settle(&identity(), rule, starts).await;
    // Partition 0 stands already.
    let late = settle(StartRule::Configured, &[start(0, 9), start(1, 9)]).await;
    assert_eq!(late.unwrap_err().class, Class::Fenced);
    assert_eq!(
        p.sink.settled().await.unwrap(),
        [Settled {
            tp: tp(),
            stands: true
        }]
    );
    // From the first record on: those that stand are left alone.
    settle(StartRule::FirstRecord, &[start(0, 9), start(1, 0)])
        .await
        .unwrap();
    let all = p.sink.positions().await.unwrap();
    let found: Vec<_> = all.iter().map(|p| (p.tp.partition, p.position)).collect();
    assert_eq!(found, [(0, Position::ZERO), (1, Position::ZERO)]);
}

/// What of the state is emptied, and whether in the first life of a partition.
async fn lost(tables: &[&str], first_life: bool) {
    let world = world().await;
    let mut p = Process::start(&world, "orders", 1).await;
    p.commit(0, 50, &[put(49)]).await.unwrap();
    if !first_life {
        p.claim().await;
    }
    for table in tables {
        let keyspace = &world.keyspace;
        world.cql(&format!("TRUNCATE {keyspace}.{table}")).await;
    }
    let stands = !tables.contains(&"claims");
    let settled = [Settled { tp: tp(), stands }];
    assert_eq!(p.sink.settled().await.unwrap(), settled);
    for rule in [StartRule::FirstRecord, StartRule::Configured] {
        let late = p.sink.settle(&identity(), rule, &[start(0, 9)]).await;
        assert_eq!(late.is_err(), rule.all_or_none());
    }
    let claim = p.sink.claim(&p.member, &identity(), &tp()).await;
    let class = if stands { Class::Halt } else { Class::Stale };
    assert_eq!(claim.unwrap_err().class, class);
    // The way out: a generation of which nothing was left behind.
    p.sink.set_position(&change(7, true)).await.unwrap();
    let claimed = p.claim().await;
    assert_eq!((claimed.position, claimed.reached), (at(7), at(7)));
    p.commit(7, 8, &[put(7)]).await.unwrap();
    assert_eq!(p.claim().await.reached, at(8));
}

#[tokio::test]
async fn invariant_2_a_position_that_is_lost_is_not_begun_again() {
    for first_life in [true, false] {
        lost(&["positions"], first_life).await;
        lost(&["claims"], first_life).await;
        lost(&["claims", "positions"], first_life).await;
    }
}

#[tokio::test]
async fn a_thousand_partitions_begin_together() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    let starts: Vec<NewPosition> = (1..=1_000).map(|partition| start(partition, 5)).collect();
    p.sink
        .settle(&identity(), StartRule::Configured, &starts)
        .await
        .unwrap();
    assert_eq!(p.sink.settled().await.unwrap().len(), 1_001);
}

#[tokio::test]
async fn a_position_of_another_group_is_not_claimed() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    let other = Identity {
        group_id: "another".to_owned(),
        ..identity()
    };
    let refused = p.sink.claim(&p.member, &other, &tp()).await.unwrap_err();
    assert_eq!(refused.class, Class::Halt);
}

#[tokio::test]
async fn an_owner_that_is_alive_is_not_fenced_without_force() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    p.sink.heartbeat(&p.member).await.unwrap();
    let said = p.sink.set_position(&change(5, false)).await.unwrap();
    assert!(matches!(said, SetOutcome::OwnerAlive { owner, .. } if owner == "m1"));
    assert_eq!(p.sink.positions().await.unwrap()[0].position, at(0));
    let said = p.sink.set_position(&change(5, true)).await.unwrap();
    assert_eq!(
        said,
        SetOutcome::Set {
            before: Some(at(0))
        }
    );
    assert_eq!(p.sink.positions().await.unwrap()[0].position, at(5));
}

#[tokio::test]
async fn a_second_set_counts_over_the_first_and_over_late_commits() {
    let world = world().await;
    let mut p = Process::start(&world, "orders", 1).await;
    p.commit(0, 50, &[put(49)]).await.unwrap();
    p.sink.set_position(&change(5, true)).await.unwrap();
    p.sink.set_position(&change(3, true)).await.unwrap();
    // Of the generation before: it was sent before the fence was heard of.
    p.commit(50, 60, &[put(59)]).await.unwrap();
    assert_eq!(p.sink.positions().await.unwrap()[0].position, at(3));
    p.claim().await;
    assert_eq!(p.claimed.position, at(3));
}
