//! Values that a source did not send because they did not change: the column stays.

use super::world::World;
use super::{Harness, Kept, Record, Said, TableSpec, Type, Unsent, column};
use plimsoll_sink_api::Missing;

fn n(number: i64) -> Kept {
    Kept::number(&number.to_string())
}

fn put(id: i64) -> Record {
    Record::put([("id", Said::number(&id.to_string()))])
}

fn gone(id: i64) -> Record {
    Record::tombstone([("id", Said::number(&id.to_string()))])
}

/// A key, a text, and one with a default.
fn spec(missing: Missing) -> TableSpec {
    TableSpec {
        missing,
        ..TableSpec::upsert([
            column("id", Type::Int).key(),
            column("a", Type::Text),
            column("b", Type::Text).default(Kept::text("default")),
        ])
    }
}

fn row(id: i64, a: &str, b: &str) -> Vec<Kept> {
    vec![n(id), Kept::text(a), Kept::text(b)]
}

fn texts(id: i64, a: &str, b: &str) -> Record {
    put(id).and("a", Said::text(a)).and("b", Said::text(b))
}

/// `a` is new, and `b` was not sent.
fn only_a(id: i64, a: &str) -> Record {
    put(id).and("a", Said::text(a)).and("b", Said::unsent())
}

pub async fn a_value_that_was_not_sent_stays_as_it_is<H: Harness>() {
    for missing in [Missing::Default, Missing::Keep] {
        let Some(world) = World::<H>::new(spec(missing)).await else {
            continue;
        };
        let mut p = world.process(1).await;
        // In one batch with its row, and in a later one; more than once; and none sent.
        p.commit(&[
            texts(1, "a1", "b1"),
            only_a(1, "a2"),
            texts(2, "x", "y"),
            texts(3, "p", "q"),
        ])
        .await
        .unwrap();
        world
            .assert_rows([row(1, "a2", "b1"), row(2, "x", "y"), row(3, "p", "q")])
            .await;
        p.commit(&[
            only_a(1, "a3"),
            only_a(1, "a4"),
            only_a(2, "z"),
            put(3).and("a", Said::unsent()).and("b", Said::unsent()),
        ])
        .await
        .unwrap();
        world
            .assert_rows([row(1, "a4", "b1"), row(2, "z", "y"), row(3, "p", "q")])
            .await;
        // A later one of the batch that sends it counts.
        p.commit(&[only_a(2, "z2"), texts(2, "z3", "y3")])
            .await
            .unwrap();
        world
            .assert_rows([row(1, "a4", "b1"), row(2, "z3", "y3"), row(3, "p", "q")])
            .await;
        // Of the row that is made anew behind a tombstone.
        p.commit(&[gone(1), texts(1, "new", "row"), only_a(1, "newer")])
            .await
            .unwrap();
        world
            .assert_rows([row(1, "newer", "row"), row(2, "z3", "y3"), row(3, "p", "q")])
            .await;
    }
}

pub async fn a_missing_field_beside_one_that_was_not_sent_follows_its_own_rule<H: Harness>() {
    for missing in [Missing::Default, Missing::Keep] {
        let Some(world) = World::<H>::new(spec(missing)).await else {
            continue;
        };
        let mut p = world.process(1).await;
        p.commit(&[texts(1, "a", "b")]).await.unwrap();
        p.commit(&[put(1).and("a", Said::unsent())]).await.unwrap();
        let b = match missing {
            Missing::Default => "default",
            Missing::Keep => "b",
        };
        world.assert_rows([row(1, "a", b)]).await;
    }
}

pub async fn a_value_that_was_not_sent_and_no_row_has_is_a_bad_record<H: Harness>() {
    for missing in [Missing::Default, Missing::Keep] {
        let Some(world) = World::<H>::new(spec(missing)).await else {
            continue;
        };
        let mut p = world.process(1).await;
        let taken = match H::CAPABILITIES.unsent {
            Unsent::Checked => {
                let error = p.refused(&only_a(1, "a")).await;
                assert_eq!(error.detail.condition, "value_unavailable");
                world.assert_rows([]).await;
                false
            }
            Unsent::Trusted => true,
        };
        if taken {
            p.commit(&[only_a(1, "a")]).await.unwrap();
            world
                .assert_rows([vec![n(1), Kept::text("a"), Kept::Null]])
                .await;
            continue;
        }
        // Of a row that a tombstone of its batch deletes, there is nothing either.
        p.commit(&[texts(2, "x", "y")]).await.unwrap();
        let error = p.commit(&[gone(2), only_a(2, "z")]).await.unwrap_err();
        assert_eq!(error.detail.condition, "value_unavailable");
        world.assert_rows([row(2, "x", "y")]).await;
    }
}

pub async fn a_value_that_was_not_sent_is_a_bad_record_of_a_table_without_a_key<H: Harness>() {
    let columns = [column("id", Type::Int), column("a", Type::Text)];
    let Some(world) = World::<H>::new(TableSpec::append(columns)).await else {
        return;
    };
    let mut p = world.process(1).await;
    let error = p.refused(&put(1).and("a", Said::unsent())).await;
    assert_eq!(error.detail.condition, "value_unavailable");
    world.assert_rows([]).await;
}
