//! Whose writes count.

use super::world::{Process, World, at, letter, set, span};
use super::{Claims, Harness, Kept, Late, Record, Said, TableSpec, Type, column};
use plimsoll_protocol::{Claim, Class, Owner};
use plimsoll_sink_api::Positions;
use plimsoll_sink_api::Sink;

fn record(id: i64, text: &str) -> Record {
    Record::put([
        ("id", Said::number(&id.to_string())),
        ("a", Said::text(text)),
    ])
}

fn row(id: i64, text: &str) -> Vec<Kept> {
    vec![Kept::number(&id.to_string()), Kept::text(text)]
}

async fn world<H: Harness>() -> World<H> {
    let columns = [column("id", Type::Int).key(), column("a", Type::Text)];
    World::merging(TableSpec::merging(columns)).await
}

/// Asserts that a batch of this process is fenced, whatever is in it.
async fn fenced<H: Harness>(p: &Process<H>, claim: Claim, from: i64, to: i64) {
    let records = [record(from, "fenced")];
    let rows = p.rows(from, &records);
    let dead = [letter(to - 1)];
    let mut batch = p.batch(span(from, to), &rows, &dead);
    batch.claim = claim;
    let error = p.sink.commit_one(&batch).await.expect_err("fenced");
    assert_eq!(error.class, Class::Fenced, "{error}");
}

pub async fn an_owner_that_was_overtaken_changes_nothing<H: Harness>() {
    let world = world::<H>().await;
    let log = [record(0, "a"), record(1, "b"), record(0, "c")];
    let mut zombie = world.process(1).await;
    zombie.commit(&log[..1]).await.unwrap();
    let mut owner = world.process(2).await;
    owner.go_on(&log).await;
    // What it has in hand is of the same log.
    let late = zombie.commit(&log[1..2]).await;
    match H::CAPABILITIES.late {
        Late::Refused => assert_eq!(late.unwrap_err().class, Class::Fenced),
        Late::Outweighed => _ = late.expect("taken, and outweighed"),
    }
    world.assert_rows([row(0, "c"), row(1, "b")]).await;
    assert_eq!(owner.stands().await, 3);
    // It learns of it at its next look.
    let looked = zombie.sink.positions().await.unwrap();
    assert_eq!(looked[0].owner.as_deref(), Some("process-2"));
    owner.commit(&[record(2, "d")]).await.unwrap();
    assert_eq!(owner.stands().await, 4);
}

pub async fn an_owner_whose_position_was_set_changes_nothing<H: Harness>() {
    let world = world::<H>().await;
    let mut zombie = world.process(1).await;
    zombie
        .commit(&[record(0, "wrong"), record(1, "wrong")])
        .await
        .unwrap();
    let mut owner = world.process(2).await;
    owner.sink.set_position(&set(0, 0)).await.unwrap();
    assert_eq!(owner.claim_again().await.position, at(0));
    let right = [record(0, "right"), record(1, "right"), record(2, "right")];
    owner.commit(&right).await.unwrap();
    let late = zombie.commit(&[record(2, "wrong")]).await;
    match H::CAPABILITIES.late {
        Late::Refused => assert_eq!(late.unwrap_err().class, Class::Fenced),
        Late::Outweighed => _ = late.expect("taken, and outweighed"),
    }
    let right = |id| row(id, "right");
    world.assert_rows([right(0), right(1), right(2)]).await;
    assert_eq!(owner.stands().await, 3);
}

pub async fn an_older_claim_of_the_same_process_writes_nothing<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    let older = p.claim();
    p.claim_again().await;
    fenced(&p, older, 0, 2).await;
    world.assert_rows([]).await;
    assert!(p.letters().await.is_empty());
    assert_eq!(p.stands().await, 0);
    p.commit(&[record(0, "a")]).await.unwrap();
}

pub async fn another_owner_of_the_same_epoch_writes_nothing<H: Harness>() {
    let world = world::<H>().await;
    let p = world.process(1).await;
    let other = Claim {
        owner: Owner(2),
        ..p.claim()
    };
    fenced(&p, other, 0, 2).await;
    world.assert_rows([]).await;
    assert!(p.letters().await.is_empty());
    assert_eq!(p.stands().await, 0);
}

pub async fn a_batch_that_begins_elsewhere_than_the_position_writes_nothing<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    p.commit(&[record(0, "a"), record(1, "b")]).await.unwrap();
    for (from, to) in [(0, 2), (0, 3), (1, 3), (3, 5)] {
        fenced(&p, p.claim(), from, to).await;
    }
    world.assert_rows([row(0, "a"), row(1, "b")]).await;
    assert!(p.letters().await.is_empty());
    assert_eq!(p.stands().await, 2);
}

pub async fn a_claim_that_was_given_back_writes_nothing<H: Harness>() {
    let world = world::<H>().await;
    let p = world.process(1).await;
    p.sink.release(&p.tp(), p.claim()).await.unwrap();
    fenced(&p, p.claim(), 0, 2).await;
    world.assert_rows([]).await;
    assert_eq!(p.stands().await, 0);
}

pub async fn a_successor_goes_on_where_the_position_stands<H: Harness>() {
    let world = world::<H>().await;
    let log: Vec<Record> = (0..6).map(|i| record(i % 4, &i.to_string())).collect();
    for (number, end) in [(1, 2), (2, 3), (1, 6)] {
        let mut p = world.process(number).await;
        let stood = p.claimed.reached.offset();
        let begins = match H::CAPABILITIES.claims {
            Claims::AtThePosition => stood,
            // All was acknowledged just now.
            Claims::BeforeIt => 0,
        };
        assert_eq!(p.at, begins);
        p.go_on(&log[..end]).await;
        assert_eq!(p.stands().await, end as i64);
    }
    let rows = [row(0, "4"), row(1, "5"), row(2, "2"), row(3, "3")];
    world.assert_rows(rows).await;
}
