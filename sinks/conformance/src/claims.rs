//! Who owns a partition.

use super::world::{END, World, at, identity, member, set, start, tp};
use super::{Harness, Record, Said, TableSpec, Type, column};
use plimsoll_protocol::{Class, Position, StartRule};
use plimsoll_sink_api::{
    Identity, NewPosition, Positions, SetOutcome, Settled, Sink, StoredPosition,
};
use std::time::Duration;

fn record(id: i64) -> Record {
    Record::put([("id", Said::number(&id.to_string()))])
}

async fn world<H: Harness>() -> World<H> {
    World::merging(TableSpec::merging([column("id", Type::Int).key()])).await
}

fn others() -> [Identity; 2] {
    [
        Identity {
            group_id: "another group".to_owned(),
            ..identity()
        },
        Identity {
            cluster_id: "another cluster".to_owned(),
            ..identity()
        },
    ]
}

async fn only<S: Positions>(sink: &S) -> StoredPosition {
    let mut all = sink.positions().await.expect("positions");
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

pub async fn each_claim_raises_the_epoch_and_takes_over<H: Harness>() {
    let world = world::<H>().await;
    let sink = world.open("x").await;
    let rule = StartRule::FirstRecord;
    sink.settle(&identity(), rule, &[start(0, 5)])
        .await
        .unwrap();
    let unclaimed = only(&sink).await;
    assert_eq!((unclaimed.owner, unclaimed.epoch), (None, 0));
    for (epoch, number) in [(1, 1), (2, 2), (3, 2), (4, 1)] {
        let member = member(number);
        let claimed = sink.claim(&member, &identity(), &tp(0)).await.unwrap();
        assert_eq!(claimed.claim.epoch.0, epoch);
        assert_eq!(claimed.claim.owner, member.owner);
        assert_eq!((claimed.position, claimed.reached), (at(5), at(5)));
        assert_eq!(claimed.terminated, 0);
        let stored = only(&sink).await;
        assert_eq!(stored.epoch, epoch);
        assert_eq!(stored.owner, Some(member.name));
    }
}

pub async fn another_deployments_claim_is_refused_and_changes_nothing<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    let before = only(&p.sink).await;
    for other in others() {
        let refused = p.sink.claim(&member(2), &other, &tp(0)).await;
        let error = refused.unwrap_err();
        assert_eq!(error.class, Class::Halt);
        let said = &error.detail.condition;
        for name in [&other.group_id, &other.cluster_id, &identity().group_id] {
            assert!(said.contains(&format!("\"{name}\"")), "{error}");
        }
        assert!(error.detail.hint.is_some(), "{error}");
    }
    let after = only(&p.sink).await;
    assert_eq!((after.owner, after.epoch), (before.owner, before.epoch));
    assert_eq!(after.identity, Some(identity()));
    p.commit(&[record(1)]).await.unwrap();
}

pub async fn a_partition_without_a_start_is_not_claimed<H: Harness>() {
    let world = world::<H>().await;
    let p = world.process(1).await;
    let claim = p.sink.claim(&p.member, &identity(), &tp(7)).await;
    assert_eq!(claim.unwrap_err().class, Class::Stale);
    let settled = [Settled {
        tp: tp(0),
        stands: true,
    }];
    assert_eq!(p.sink.settled().await.unwrap(), settled);
}

pub async fn a_position_that_is_lost_is_not_begun_again<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    p.commit(&[record(0), record(1)]).await.unwrap();
    let settled = |stands| [Settled { tp: tp(0), stands }];
    assert_eq!(p.sink.settled().await.unwrap(), settled(true));
    world.harness.lose_position(&tp(0)).await;
    assert_eq!(p.sink.settled().await.unwrap(), settled(false));
    // Whoever looked up a start before it was settled the first time is late.
    for rule in [StartRule::FirstRecord, StartRule::Configured] {
        let late = p.sink.settle(&identity(), rule, &[start(0, 9)]).await;
        assert_eq!(late.is_err(), rule.all_or_none());
    }
    assert!(p.sink.positions().await.unwrap().is_empty());
    let claim = p.sink.claim(&p.member, &identity(), &tp(0)).await;
    let class = claim.unwrap_err().class;
    assert!(matches!(class, Class::Stale | Class::Halt), "{class:?}");
    // The way out.
    let outcome = p.sink.set_position(&set(0, 7)).await.unwrap();
    assert_eq!(outcome, SetOutcome::Set { before: None });
    assert_eq!(p.sink.settled().await.unwrap(), settled(true));
    let claimed = p.claim_again().await;
    assert_eq!((claimed.position, claimed.reached), (at(7), at(7)));
    p.commit(&[record(7)]).await.unwrap();
    assert_eq!(p.stands().await, 8);
}

pub async fn a_start_that_was_not_noted_is_noted_by_the_next_claim_or_set<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    for by_claim in [true, false] {
        world.harness.lose_start(&tp(0)).await;
        let settled = |stands| [Settled { tp: tp(0), stands }];
        assert_eq!(p.sink.settled().await.unwrap(), settled(true));
        if by_claim {
            p.claim_again().await;
        } else {
            p.sink.set_position(&set(0, 3)).await.unwrap();
        }
        world.harness.lose_position(&tp(0)).await;
        assert_eq!(
            p.sink.settled().await.unwrap(),
            settled(false),
            "{by_claim}"
        );
        p.sink.set_position(&set(0, 0)).await.unwrap();
    }
}

pub async fn a_release_gives_back_its_own_claim_alone<H: Harness>() {
    let world = world::<H>().await;
    let first = world.process(1).await;
    let second = world.process(2).await;
    first.sink.release(&tp(0), first.claim()).await.unwrap();
    let stored = only(&second.sink).await;
    assert_eq!(stored.owner.as_deref(), Some("process-2"));
    second.sink.release(&tp(0), second.claim()).await.unwrap();
    let stored = only(&second.sink).await;
    assert_eq!((stored.owner, stored.epoch), (None, 2));
    assert_eq!(stored.position, Position::ZERO);
}

pub async fn a_heartbeat_is_of_its_own_partitions_alone<H: Harness>() {
    let world = world::<H>().await;
    let first = world.process_of(1, 0).await;
    let second = world.process_of(2, 1).await;
    let wait = Duration::from_millis(1_500);
    tokio::time::sleep(wait).await;
    second.sink.heartbeat(&second.member).await.unwrap();
    let all = first.sink.positions().await.unwrap();
    let age = |partition: usize| all[partition].heartbeat_age.expect("an owner");
    assert!(age(0) >= wait, "{all:?}");
    assert!(age(1) < age(0), "{all:?}");
}

pub async fn a_topics_id_is_remembered_once_and_under_a_standing_claim<H: Harness>() {
    let world = world::<H>().await;
    let old = world.process(1).await;
    let p = world.process(2).await;
    let id = async || only(&p.sink).await.topic_id;
    assert_eq!(id().await, None);
    let remember = async |claim, id| p.sink.remember_topic(&tp(0), claim, id).await.unwrap();
    remember(old.claim(), "late").await;
    assert_eq!(id().await, None);
    remember(p.claim(), "first").await;
    remember(p.claim(), "second").await;
    assert_eq!(id().await.as_deref(), Some("first"));
    let claimed = p.sink.claim(&p.member, &identity(), &tp(0)).await.unwrap();
    assert_eq!(claimed.topic_id.as_deref(), Some("first"));
    // One that was known when the start was settled.
    let known = NewPosition {
        topic_id: Some("known".to_owned()),
        high_watermark: at(END),
        ..start(3, 0)
    };
    let rule = StartRule::FirstRecord;
    p.sink.settle(&identity(), rule, &[known]).await.unwrap();
    let claimed = p.sink.claim(&p.member, &identity(), &tp(3)).await.unwrap();
    assert_eq!(claimed.topic_id.as_deref(), Some("known"));
}
