//! Records that are too large, and letters of records that hold anything at all.

use super::*;
use plimsoll_conformance::odd_records;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{DeadLetterFilter, DeadLetterPage, DeadLetters};

async fn world() -> World {
    let world = World::new().await;
    let table = "(id text PRIMARY KEY, v text)";
    world
        .cql(&format!("CREATE TABLE {}.orders {table}", world.keyspace))
        .await;
    world
}

#[tokio::test]
async fn whatever_a_record_holds_its_dead_letter_is_kept_and_goes_whole() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    let page = DeadLetterPage {
        after: None,
        limit: 1_000,
        payloads: true,
    };
    let all = odd_records();
    for (offset, odd) in (0..).zip(&all) {
        p.commit_with(offset, offset + 1, &[], &[odd.letter(offset)])
            .await
            .unwrap_or_else(|e| panic!("{}: {e}: {}", odd.what, e.detail.text.reveal()));
        let filter = DeadLetterFilter {
            offsets: vec![offset],
            ..DeadLetterFilter::default()
        };
        let letters = p.sink.dead_letters(&filter, &page).await.unwrap();
        assert_eq!(letters.len(), 1, "{}", odd.what);
        odd.assert_kept_with(&letters[0], Some, str::to_owned);
    }
    let count = format!("count(*) FROM {}.dead_letters", world.keyspace);
    assert_ne!(
        world.json(&count).await,
        [format!("{{\"count\": {}}}", all.len())]
    );
    let dropped = p.sink.drop_dead_letters(&DeadLetterFilter::default()).await;
    assert_eq!(dropped.unwrap(), all.len() as u64);
    assert_eq!(
        world.json(&count).await,
        ["{\"count\": 0}"],
        "pieces stay behind"
    );
}

#[tokio::test]
async fn a_record_that_has_the_very_value_that_pieces_are_marked_by_is_kept() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    let mut odd = odd_records().remove(0);
    (odd.key, odd.value) = (None, Some(crate::pieces::ELSEWHERE.to_vec()));
    p.commit_with(0, 1, &[], &[odd.letter(0)]).await.unwrap();
    let page = DeadLetterPage {
        after: None,
        limit: 1,
        payloads: true,
    };
    let letters = p
        .sink
        .dead_letters(&DeadLetterFilter::default(), &page)
        .await;
    odd.assert_kept_with(&letters.unwrap()[0], Some, str::to_owned);
}

#[tokio::test]
async fn a_row_that_is_too_large_for_the_cluster_is_its_records_fault() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    let large = [
        "x".repeat(70_000),
        "x".repeat(17 << 20),
        "x".repeat(40 << 20),
    ];
    for cells in [
        [text(&large[0]), text("v")],
        [text("key"), text(&large[1])],
        [text("key"), text(&large[2])],
        [text(""), text("v")],
    ] {
        let error = p.commit(0, 1, &[(0, Op::Put, cells.to_vec())]).await;
        let error = error.unwrap_err();
        let said = error.detail.text.reveal();
        assert_eq!(error.class, Class::Rejected, "{error}: {said}");
    }
    let good = [text("key"), text("v")].to_vec();
    p.commit(0, 1, &[(0, Op::Put, good)]).await.unwrap();
}

#[tokio::test]
async fn one_letter_among_many_is_asked_for_and_not_searched() {
    let world = world().await;
    let p = Process::start(&world, "orders", 1).await;
    let odd = &odd_records()[0];
    let dead: Vec<_> = (0..200).map(|offset| odd.letter(offset)).collect();
    p.commit_with(0, 200, &[], &dead).await.unwrap();
    let state = p.sink.state().await.unwrap();
    let asked = || state.asked.load(std::sync::atomic::Ordering::Relaxed);
    for topic in [None, Some("t".to_owned())] {
        let filter = DeadLetterFilter {
            partition: topic.is_some().then_some(0),
            topic,
            offsets: vec![199],
        };
        let page = DeadLetterPage {
            after: None,
            limit: 1,
            payloads: true,
        };
        let before = asked();
        let letters = p.sink.dead_letters(&filter, &page).await.unwrap();
        assert_eq!(letters[0].offset, 199);
        // The letter, its payload, and where there are partitions.
        assert!(asked() - before <= 4, "{} requests", asked() - before);
    }
}
