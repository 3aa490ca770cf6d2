//! Where partitions begin and stand, and what operators make of it.

use super::world::{TOPIC, World, at, identity, set, span, start, tp};
use super::{Harness, Record, Said, TableSpec, Type, column};
use plimsoll_protocol::{Class, Position, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Act, Fingerprint, Identity, Marks, PositionChange, Positions, SetOutcome, Sink,
};
use std::time::Duration;

fn record(id: i64) -> Record {
    Record::put([("id", Said::number(&id.to_string()))])
}

async fn world<H: Harness>() -> World<H> {
    World::merging(TableSpec::merging([column("id", Type::Int).key()])).await
}

pub async fn a_start_is_settled_once<H: Harness>() {
    let world = world::<H>().await;
    let sink = world.open("x").await;
    let rule = StartRule::FirstRecord;
    let settle = async |starts: &[_]| sink.settle(&identity(), rule, starts).await.unwrap();
    settle(&[start(1, 11), start(0, 10), start(2, 22)]).await;
    settle(&[start(1, 77), start(3, 33)]).await;
    settle(&[]).await;
    let all = sink.positions().await.unwrap();
    let found: Vec<_> = all
        .iter()
        .map(|p| (p.tp.partition, p.position.offset(), p.epoch))
        .collect();
    assert_eq!(found, [(0, 10, 0), (1, 11, 0), (2, 22, 0), (3, 33, 0)]);
    let settled = sink.settled().await.unwrap();
    assert_eq!(settled.len(), 4);
    assert!(settled.iter().all(|s| s.stands));
    for (partition, began) in [(0, 10), (3, 33)] {
        assert_eq!(world.harness.began_at(&tp(partition)).await, Some(began));
    }
}

pub async fn configured_starts_are_written_for_all_partitions_or_for_none<H: Harness>() {
    let world = world::<H>().await;
    let sink = world.open("x").await;
    let rule = StartRule::Configured;
    sink.settle(&identity(), rule, &[start(0, 1), start(1, 2)])
        .await
        .unwrap();
    // Partition 2 was added since they were looked up.
    let late = sink
        .settle(&identity(), rule, &[start(2, 50), start(1, 50)])
        .await;
    assert_eq!(late.unwrap_err().class, Class::Fenced);
    let all = sink.positions().await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(sink.settled().await.unwrap().len(), 2);
    assert_eq!(all[1].position, at(2));
    let other = TopicPartition::new("another topic", 0);
    let of_other = plimsoll_sink_api::NewPosition {
        tp: other,
        ..start(0, 9)
    };
    sink.settle(&identity(), rule, &[of_other]).await.unwrap();
    assert_eq!(sink.positions().await.unwrap().len(), 3);
}

pub async fn positions_are_listed_in_order_with_all_that_is_known<H: Harness>() {
    let world = world::<H>().await;
    let other = world.process_of(2, 10).await;
    let mut p = world.process_of(1, 9).await;
    let fingerprint = Fingerprint {
        offset: 1,
        hash: i64::MIN,
    };
    let records = [record(0), record(1)];
    let rows = p.rows(0, &records);
    let mut batch = p.batch(span(0, 2), &rows, &[]);
    batch.marks = Marks {
        fingerprint: Some(fingerprint),
        leader_epoch: Some(4),
    };
    p.sink.commit_one(&batch).await.unwrap();
    p.at = 2;
    // A batch that knows nothing of it leaves what is known.
    p.commit(&[record(2)]).await.unwrap();
    let all = other.sink.positions().await.unwrap();
    let partitions: Vec<_> = all.iter().map(|p| p.tp.partition).collect();
    assert_eq!(partitions, [9, 10]);
    let stored = &all[0];
    assert_eq!(stored.tp, TopicPartition::new(TOPIC, 9));
    assert_eq!(stored.position, at(3));
    assert_eq!(stored.owner.as_deref(), Some("process-1"));
    assert_eq!(stored.identity, Some(identity()));
    assert_eq!(stored.fingerprint, Some(fingerprint));
    assert_eq!(stored.leader_epoch, Some(4));
    assert!(stored.heartbeat_age.is_some() && stored.moved_age.is_some());
    let claimed = p.claim_again().await;
    assert_eq!(claimed.reached, at(3));
    assert_eq!(claimed.fingerprint, Some(fingerprint));
    assert_eq!(claimed.leader_epoch, Some(4));
    assert_eq!(all[1].position, Position::ZERO);
    assert_eq!(all[1].fingerprint, None);
}

pub async fn a_live_owner_is_fenced_by_force_alone<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    p.sink.heartbeat(&p.member).await.unwrap();
    p.commit(&[record(0), record(1)]).await.unwrap();
    let gently = PositionChange {
        force: false,
        ..set(0, 1)
    };
    let SetOutcome::OwnerAlive {
        owner,
        heartbeat_age,
    } = p.sink.set_position(&gently).await.unwrap()
    else {
        panic!("a live owner was fenced")
    };
    assert_eq!(owner, "process-1");
    assert!(heartbeat_age < Duration::from_secs(60));
    assert_eq!(p.stands().await, 2);
    let moved = |before| SetOutcome::Set {
        before: Some(at(before)),
    };
    assert_eq!(p.sink.set_position(&set(0, 1)).await.unwrap(), moved(2));
    let stored = p.sink.positions().await.unwrap().remove(0);
    assert_eq!((stored.position, stored.owner), (at(1), None));
    assert_eq!(stored.epoch, 2);
    // Nobody owns it: nobody has to be fenced.
    assert_eq!(p.sink.set_position(&gently).await.unwrap(), moved(1));
    // Who has shown no sign of life for that long is not alive.
    p.claim_again().await;
    let patient = PositionChange {
        fresh: Duration::ZERO,
        ..gently
    };
    assert_eq!(p.sink.set_position(&patient).await.unwrap(), moved(1));
    p.claim_again().await;
    p.commit(&[record(1)]).await.unwrap();
}

pub async fn a_position_that_does_not_stand_is_made_and_is_not_kept_where_it_is<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    let stay = PositionChange {
        to: None,
        ..set(5, 0)
    };
    let error = p.sink.set_position(&stay).await.unwrap_err();
    assert_eq!(error.class, Class::Stale);
    let outcome = p.sink.set_position(&set(5, 12)).await.unwrap();
    assert_eq!(outcome, SetOutcome::Set { before: None });
    assert_eq!(world.harness.began_at(&tp(5)).await, Some(12));
    // A start: no act of anybody.
    assert_eq!(world.harness.acts(&tp(5)).await, []);
    p.partition = 5;
    assert_eq!(p.claim_again().await.position, at(12));
}

pub async fn a_position_of_another_deployment_is_taken_over_on_demand_alone<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    p.commit(&[record(0), record(1)]).await.unwrap();
    let other = Identity {
        group_id: "another group".to_owned(),
        cluster_id: "another cluster".to_owned(),
    };
    let change = |to, take_over| PositionChange {
        to,
        take_over,
        identity: other.clone(),
        topic_id: Some("anew".to_owned()),
        ..set(0, 0)
    };
    let error = p
        .sink
        .set_position(&change(Some(at(0)), false))
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Halt, "{error}");
    assert_eq!(p.stands().await, 2);
    // `positions adopt`: it stays where it is.
    p.sink.set_position(&change(None, true)).await.unwrap();
    let stored = p.sink.positions().await.unwrap().remove(0);
    assert_eq!(stored.identity.as_ref(), Some(&other));
    assert_eq!(stored.topic_id.as_deref(), Some("anew"));
    let adopted = p.sink.claim(&p.member, &other, &tp(0)).await.unwrap();
    assert_eq!(adopted.fingerprint, None);
    // `positions reset`: another log.
    p.sink
        .set_position(&change(Some(at(0)), true))
        .await
        .unwrap();
    let reset = p.sink.claim(&p.member, &other, &tp(0)).await.unwrap();
    assert_eq!((reset.position, reset.reached), (at(0), at(0)));
    let ours = p.sink.claim(&p.member, &identity(), &tp(0)).await;
    assert_eq!(ours.unwrap_err().class, Class::Halt);
}

pub async fn what_operators_do_is_kept_in_its_order<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    let act = async |change: &PositionChange| p.sink.set_position(change).await.unwrap();
    act(&set(0, 20)).await;
    act(&set(0, 5)).await;
    act(&PositionChange {
        to: None,
        ..set(0, 0)
    })
    .await;
    act(&PositionChange {
        take_over: true,
        ..set(0, 0)
    })
    .await;
    // What is refused is no act.
    let refused = PositionChange {
        identity: Identity {
            group_id: "another group".to_owned(),
            ..identity()
        },
        ..set(0, 3)
    };
    p.sink.set_position(&refused).await.unwrap_err();
    let moved = |stood_at, began_at, to, anew| Act::Moved {
        stood_at: Some(stood_at),
        began_at: Some(began_at),
        to,
        anew,
    };
    let expected = [
        moved(0, 0, 20, false),
        moved(20, 0, 5, false),
        moved(5, 0, 0, true),
    ];
    assert_eq!(world.harness.acts(&tp(0)).await, expected);
    assert_eq!(world.harness.began_at(&tp(0)).await, Some(0));
    p.claim_again().await;
    p.commit(&[record(0)]).await.unwrap();
    world.harness.lose_position(&tp(0)).await;
    p.sink.set_position(&set(0, 9)).await.unwrap();
    let acts = world.harness.acts(&tp(0)).await;
    let lost = Act::Moved {
        stood_at: None,
        began_at: None,
        to: 9,
        anew: false,
    };
    assert_eq!(acts.last(), Some(&lost), "{acts:?}");
}
