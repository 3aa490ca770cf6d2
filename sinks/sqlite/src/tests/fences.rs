//! Claims, fences, and what operators do.

use super::*;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Fingerprint, Positions, SetOutcome, Settled, TableRows};
use std::time::Duration;

const TABLE: &str = "CREATE TABLE orders (id INTEGER)";

async fn fixture() -> Fixture {
    Fixture::new(TABLE, table(Mode::Append)).await
}

#[tokio::test]
async fn a_claim_bumps_the_epoch_and_a_fenced_commit_writes_nothing() {
    let mut it = fixture().await;
    it.commit(&[put([("id", number("1"))])]).await.unwrap();
    let claimed = it.sink.claim(&member(2), &identity(), &tp()).await.unwrap();
    assert_eq!(claimed.claim.epoch, it.claim.epoch.next());
    assert_eq!(claimed.position, position(1));

    let error = it.commit(&[put([("id", number("2"))])]).await.unwrap_err();
    assert_eq!(error.class, Class::Fenced);
    assert_eq!(it.query("id", "orders").await, ["1"]);
    assert_eq!(it.position().await, 1);

    // The connection was left clean: the owner's commit goes through.
    it.claim = claimed.claim;
    it.commit(&[put([("id", number("2"))])]).await.unwrap();
    assert_eq!(it.query("id", "orders").await, ["1", "2"]);
}

#[tokio::test]
async fn the_owner_counts_even_in_the_same_epoch() {
    let mut it = fixture().await;
    it.claim.owner = Owner(99);
    let error = it.commit(&[put([("id", number("1"))])]).await.unwrap_err();
    assert_eq!(error.class, Class::Fenced);
}

#[tokio::test]
async fn an_older_claim_of_the_same_process_is_fenced() {
    let mut it = fixture().await;
    let older = it.claim;
    let member = Member {
        owner: older.owner,
        name: "again".to_owned(),
    };
    it.sink.claim(&member, &identity(), &tp()).await.unwrap();
    let error = it.commit(&[put([("id", number("1"))])]).await.unwrap_err();
    assert_eq!(error.class, Class::Fenced);
}

#[tokio::test]
async fn a_commit_that_begins_elsewhere_is_refused_in_both_directions() {
    let mut it = fixture().await;
    it.commit(&[put([("id", number("1"))]), put([("id", number("2"))])])
        .await
        .unwrap();
    for at in [0, 1, 3] {
        it.at = at;
        let error = it.commit(&[put([("id", number("9"))])]).await.unwrap_err();
        assert_eq!(error.class, Class::Fenced, "{at}");
    }
    assert_eq!(it.query("id", "orders").await, ["1", "2"]);
}

#[tokio::test]
async fn a_span_with_gaps_and_without_rows_moves_the_position() {
    let it = fixture().await;
    let table = it.prepared().await;
    let none = rows(&table, 0, &[]);
    it.commit_rows(&table, &none, &[], span(0, 17), it.claim)
        .await
        .unwrap();
    assert_eq!(it.position().await, 17);
}

#[tokio::test]
async fn a_claim_returns_what_was_remembered_of_the_last_record() {
    let it = fixture().await;
    let table = it.prepared().await;
    let none = rows(&table, 0, &[]);
    let mut batch = Batch {
        topic: TOPIC,
        partition: 0,
        claim: it.claim,
        span: span(0, 5),
        tables: TableRows::only(&table, &none),
        dead: &[],
        marks: Marks {
            fingerprint: Some(Fingerprint {
                offset: 4,
                hash: -7,
            }),
            leader_epoch: Some(3),
        },
    };
    it.sink.commit_one(&batch).await.unwrap();
    // Without a record, what is stored stays.
    batch.span = span(5, 6);
    batch.marks = Marks::default();
    it.sink.commit_one(&batch).await.unwrap();
    let claimed = it.sink.claim(&member(1), &identity(), &tp()).await.unwrap();
    assert_eq!(
        claimed.fingerprint,
        Some(Fingerprint {
            offset: 4,
            hash: -7
        })
    );
    assert_eq!(claimed.leader_epoch, Some(3));
}

#[tokio::test]
async fn another_cluster_and_another_group_are_refused_and_named() {
    let it = fixture().await;
    for (group_id, cluster_id) in [("g", "other"), ("other", "c")] {
        let theirs = Identity {
            group_id: group_id.into(),
            cluster_id: cluster_id.into(),
        };
        let error = it.sink.claim(&member(2), &theirs, &tp()).await.unwrap_err();
        assert_eq!(error.class, Class::Halt);
        let text = error.to_string();
        assert!(
            text.contains("group \"g\" on cluster \"c\"") && text.contains("\"other\""),
            "{text}"
        );
        assert!(text.contains("hint: "), "{text}");
    }
    // The refused claims fenced nobody.
    let stored = &it.sink.positions().await.unwrap()[0];
    assert_eq!(
        (stored.epoch, stored.owner.as_deref()),
        (1, Some("member-1"))
    );
}

#[tokio::test]
async fn a_partition_without_a_position_cannot_be_claimed() {
    let it = fixture().await;
    let error = it
        .sink
        .claim(&member(1), &identity(), &TopicPartition::new(TOPIC, 7))
        .await;
    assert_eq!(error.unwrap_err().class, Class::Stale);
}

#[tokio::test]
async fn a_start_is_settled_once() {
    let it = fixture().await;
    let start = |partition, offset| NewPosition {
        tp: TopicPartition::new(TOPIC, partition),
        position: position(offset),
        topic_id: Some("id".into()),
        high_watermark: Position::ZERO,
    };
    it.sink
        .settle(
            &identity(),
            StartRule::FirstRecord,
            &[start(0, 100), start(1, 100)],
        )
        .await
        .unwrap();
    let stored = it.sink.positions().await.unwrap();
    let offsets: Vec<i64> = stored.iter().map(|p| p.position.offset()).collect();
    assert_eq!(offsets, [0, 100]);
    assert_eq!(it.sink.settled().await.unwrap().len(), 2);
    let claimed = it
        .sink
        .claim(&member(1), &identity(), &TopicPartition::new(TOPIC, 1))
        .await;
    assert_eq!(claimed.unwrap().topic_id.as_deref(), Some("id"));
}

#[tokio::test]
async fn invariant_1_starts_that_were_overtaken_are_written_for_no_partition() {
    let it = fixture().await;
    let start = |partition| NewPosition {
        tp: TopicPartition::new(TOPIC, partition),
        position: position(50),
        topic_id: None,
        high_watermark: Position::ZERO,
    };
    // The fixture has settled partition 0; partition 1 was added since.
    let late = it
        .sink
        .settle(&identity(), StartRule::Configured, &[start(1), start(0)])
        .await;
    assert_eq!(late.unwrap_err().class, Class::Fenced);
    assert_eq!(it.sink.settled().await.unwrap().len(), 1);
    it.sink
        .settle(&identity(), StartRule::Configured, &[start(1), start(2)])
        .await
        .unwrap();
    assert_eq!(it.sink.settled().await.unwrap().len(), 3);
}

#[tokio::test]
async fn invariant_2_a_partition_whose_position_is_lost_is_not_settled_again() {
    let it = fixture().await;
    let standing = |stands| Settled { tp: tp(), stands };
    // As it is when a binary that keeps no starts has settled one: the next claim
    // notes it.
    it.sql("DELETE FROM plimsoll_starts").await;
    assert_eq!(it.sink.settled().await.unwrap(), [standing(true)]);
    let claim = it.sink.claim(&member(1), &identity(), &tp()).await;
    claim.unwrap();
    it.sql("DELETE FROM plimsoll_positions").await;
    assert_eq!(it.sink.settled().await.unwrap(), [standing(false)]);
    let start = NewPosition {
        tp: tp(),
        position: position(5),
        topic_id: None,
        high_watermark: Position::ZERO,
    };
    let late = std::slice::from_ref(&start);
    let first = StartRule::FirstRecord;
    it.sink.settle(&identity(), first, late).await.unwrap();
    let all = StartRule::Configured;
    let all = it.sink.settle(&identity(), all, late).await;
    assert_eq!(all.unwrap_err().class, Class::Fenced);
    assert!(it.sink.positions().await.unwrap().is_empty());
    let claim = it.sink.claim(&member(1), &identity(), &tp()).await;
    assert_eq!(claim.unwrap_err().class, Class::Stale);
    // The way out; what is set so is noted too.
    it.sql("DELETE FROM plimsoll_starts").await;
    let seven = || change(identity(), &tp(), position(7), false, Duration::ZERO);
    let set = it.sink.set_position(&seven()).await;
    assert_eq!(set.unwrap(), SetOutcome::Set { before: None });
    it.sql("DELETE FROM plimsoll_positions").await;
    assert_eq!(it.sink.settled().await.unwrap(), [standing(false)]);
    it.sink.set_position(&seven()).await.unwrap();
    let claim = it.sink.claim(&member(1), &identity(), &tp()).await;
    assert_eq!(claim.unwrap().position, position(7));
}

#[tokio::test]
async fn a_release_frees_only_ones_own_claim() {
    let it = fixture().await;
    let old = it.claim;
    let new = it
        .sink
        .claim(&member(2), &identity(), &tp())
        .await
        .unwrap()
        .claim;
    it.sink.release(&tp(), old).await.unwrap();
    assert_eq!(
        it.sink.positions().await.unwrap()[0].owner.as_deref(),
        Some("member-2")
    );
    it.sink.release(&tp(), new).await.unwrap();
    assert_eq!(it.sink.positions().await.unwrap()[0].owner, None);
}

#[tokio::test]
async fn an_operator_cannot_fence_a_living_owner_but_by_force() {
    let mut it = fixture().await;
    it.sink.heartbeat(&member(1)).await.unwrap();
    let fresh = Duration::from_secs(60);
    let sink = &it.sink;
    let set = async |to, force| {
        sink.set_position(&change(identity(), &tp(), position(to), force, fresh))
            .await
            .unwrap()
    };
    match set(40, false).await {
        SetOutcome::OwnerAlive {
            owner,
            heartbeat_age,
        } => {
            assert_eq!(owner, "member-1");
            assert!(heartbeat_age < fresh);
        }
        SetOutcome::Set { .. } => panic!("the owner is alive"),
    }
    assert_eq!(it.position().await, 0);
    assert_eq!(
        set(40, true).await,
        SetOutcome::Set {
            before: Some(position(0))
        }
    );
    assert_eq!(it.position().await, 40);
    it.at = 40;
    assert_eq!(
        it.commit(&[put([("id", number("1"))])])
            .await
            .unwrap_err()
            .class,
        Class::Fenced
    );
}

#[tokio::test]
async fn setting_a_position_that_does_not_exist_makes_it() {
    let it = fixture().await;
    let new = TopicPartition::new("elsewhere", 3);
    let fresh = Duration::from_secs(60);
    let set = it
        .sink
        .set_position(&change(identity(), &new, position(9), false, fresh))
        .await;
    assert_eq!(set.unwrap(), SetOutcome::Set { before: None });
    let claimed = it.sink.claim(&member(1), &identity(), &new).await.unwrap();
    assert_eq!(claimed.position, position(9));
}

#[tokio::test]
async fn sinks_of_one_file_do_not_see_each_others_positions() {
    let it = fixture().await;
    let mut other = settings(it.path.clone(), table(Mode::Append));
    other.sink = "t".into();
    let other = SqliteSink::open(other).unwrap();
    assert!(other.settled().await.unwrap().is_empty());
    assert_eq!(
        it.sink.settled().await.unwrap(),
        [Settled {
            tp: tp(),
            stands: true
        }]
    );
}
