//! Dead letters: kept with what moves the position over them, listed, dropped.

use super::odd;
use super::world::{World, letter, set, tp};
use super::{Harness, Kept, Record, Said, TableSpec, Type, column};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Act, DeadLetterFilter, DeadLetterPage, DeadLetters, Positions};

fn record(id: i64) -> Record {
    Record::put([("id", Said::number(&id.to_string()))])
}

async fn world<H: Harness>() -> World<H> {
    World::merging(TableSpec::merging([column("id", Type::Int).key()])).await
}

pub async fn letters_and_rows_of_one_batch_are_kept_together<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    p.commit_with(&[record(0), record(1)], &[letter(2), letter(5)])
        .await
        .unwrap();
    assert_eq!(p.letters_at().await, [(0, 2), (0, 5)]);
    assert_eq!(p.stands().await, 6);
    let row = |id: &str| vec![Kept::number(id)];
    world.assert_rows([row("0"), row("1")]).await;
    let kept = p.letters().await.remove(0);
    let given = letter(2);
    assert_eq!(kept.timestamp, given.timestamp);
    assert_eq!((kept.condition, kept.code), (given.condition, given.code));
    assert_eq!((kept.column, kept.bytes), (given.column, 8));
    assert!(kept.kept_at > 1_700_000_000_000, "{}", kept.kept_at);
    let payload = kept.payload.unwrap();
    assert_eq!(payload.key.as_deref(), given.key);
    assert_eq!(payload.value.as_deref(), given.value);
    let header = |value: Option<&[u8]>| ("h".to_owned(), value.map(<[u8]>::to_vec));
    assert_eq!(payload.headers, [header(Some(b"\xff")), header(None)]);
    assert_eq!(payload.text.reveal(), "text");
}

pub async fn whatever_a_record_holds_its_dead_letter_is_kept<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    let all = odd::all();
    for odd in &all {
        let offset = p.at;
        p.commit_with(&[record(offset)], &[odd.letter(offset + 1)])
            .await
            .unwrap_or_else(|e| panic!("{}: {e}\n{}", odd.what, e.detail.text.reveal()));
        let filter = DeadLetterFilter {
            offsets: vec![offset + 1],
            ..DeadLetterFilter::default()
        };
        let letters = p.letters_of(&filter).await;
        assert_eq!(letters.len(), 1, "{}", odd.what);
        odd.assert_kept(&letters[0], &H::CAPABILITIES);
    }
    let dropped = p.sink.drop_dead_letters(&DeadLetterFilter::default()).await;
    assert_eq!(dropped.unwrap(), all.len() as u64);
    assert!(p.letters().await.is_empty());
}

pub async fn a_letter_of_a_second_rejection_replaces_the_first<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    p.commit_with(&[], &[letter(0)]).await.unwrap();
    p.sink.set_position(&set(0, 0)).await.unwrap();
    p.claim_again().await;
    let mut second = letter(0);
    second.condition = "second".to_owned();
    (second.key, second.code) = (None, None);
    second.headers.clear();
    p.commit_with(&[], &[second]).await.unwrap();
    let letters = p.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].condition, "second");
    assert_eq!((&letters[0].code, letters[0].bytes), (&None, 5));
    let payload = letters[0].payload.as_ref().unwrap();
    assert_eq!((&payload.key, payload.headers.len()), (&None, 0));
}

/// Letters at 0, 2, 4 … 18 of partitions 0 and 1.
async fn many<H: Harness>(world: &World<H>) -> super::world::Process<H> {
    let evens: Vec<_> = (0..10).map(|i| letter(2 * i)).collect();
    let mut last = None;
    for partition in [1, 0] {
        let mut p = world.process_of(1, partition).await;
        p.commit_with(&[], &evens).await.unwrap();
        last = Some(p);
    }
    last.expect("a process")
}

fn filter(partition: Option<i32>, offsets: &[i64]) -> DeadLetterFilter {
    DeadLetterFilter {
        topic: Some("t".to_owned()),
        partition,
        offsets: offsets.to_vec(),
    }
}

pub async fn letters_are_listed_by_the_page_in_the_order_of_their_places<H: Harness>() {
    let world = world::<H>().await;
    let p = many(&world).await;
    let all: Vec<_> = (0..2)
        .flat_map(|partition| (0..10).map(move |i| (partition, 2 * i)))
        .collect();
    assert_eq!(p.letters_at().await, all);
    for limit in [1, 3, 20] {
        let mut page = DeadLetterPage {
            after: None,
            limit,
            payloads: false,
        };
        let mut found = Vec::new();
        loop {
            let any = DeadLetterFilter::default();
            let letters = p.sink.dead_letters(&any, &page).await.unwrap();
            let Some(last) = letters.last() else { break };
            assert!(letters.len() <= limit as usize);
            assert!(letters.iter().all(|l| l.payload.is_none()));
            page.after = Some((last.tp.clone(), last.offset));
            found.extend(letters.iter().map(|l| (l.tp.partition, l.offset)));
        }
        assert_eq!(found, all, "by {limit}");
    }
}

pub async fn letters_are_found_by_topic_partition_and_offset<H: Harness>() {
    let world = world::<H>().await;
    let p = many(&world).await;
    let found = async |filter: DeadLetterFilter| {
        let letters = p.letters_of(&filter).await;
        let places = letters.iter().map(|l| (l.tp.partition, l.offset));
        places.collect::<Vec<_>>()
    };
    assert_eq!(found(filter(Some(1), &[])).await.len(), 10);
    // In their order, each once, and only those that there are.
    assert_eq!(
        found(filter(None, &[18, 3, 4, 4, 99])).await,
        [(0, 4), (0, 18), (1, 4), (1, 18)]
    );
    assert_eq!(found(filter(Some(1), &[4])).await, [(1, 4)]);
    assert!(found(filter(Some(2), &[])).await.is_empty());
    let elsewhere = DeadLetterFilter {
        topic: Some("another topic".to_owned()),
        ..DeadLetterFilter::default()
    };
    assert!(found(elsewhere).await.is_empty());
    // By the page too.
    let page = DeadLetterPage {
        after: Some((tp(0), 4)),
        limit: 2,
        payloads: true,
    };
    let some = filter(None, &[2, 4, 6]);
    let letters = p.sink.dead_letters(&some, &page).await.unwrap();
    let places: Vec<_> = letters.iter().map(|l| (l.tp.partition, l.offset)).collect();
    assert_eq!(places, [(0, 6), (1, 2)]);
}

pub async fn dropped_letters_are_counted_and_noted<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    let dead: Vec<_> = [0, 1, 2, 5, 7, 8].map(letter).into();
    p.commit_with(&[], &dead).await.unwrap();
    let drop = async |filter: &DeadLetterFilter| p.sink.drop_dead_letters(filter).await.unwrap();
    assert_eq!(drop(&filter(Some(3), &[])).await, 0);
    assert_eq!(drop(&filter(Some(0), &[5, 6])).await, 1);
    assert_eq!(drop(&DeadLetterFilter::default()).await, 5);
    assert!(p.letters().await.is_empty());
    let dropped = |from, to| Act::Dropped {
        stood_at: Some(9),
        from,
        to,
    };
    let mut acts = world.harness.acts(&tp(0)).await;
    let from = |act: &Act| match act {
        Act::Moved { .. } => panic!("nothing was moved"),
        Act::Dropped { from, .. } => *from,
    };
    acts.sort_by_key(from);
    assert_eq!(acts, [dropped(0, 3), dropped(5, 6), dropped(7, 9)]);
}

pub async fn letters_of_a_partition_whose_position_is_lost_are_there<H: Harness>() {
    let world = world::<H>().await;
    let mut p = world.process(1).await;
    p.commit_with(&[], &[letter(0), letter(1)]).await.unwrap();
    world.harness.lose_position(&tp(0)).await;
    assert_eq!(p.letters_at().await, [(0, 0), (0, 1)]);
    assert_eq!(p.letters_of(&filter(Some(0), &[1])).await.len(), 1);
    let one = filter(Some(0), &[0]);
    assert_eq!(p.sink.drop_dead_letters(&one).await.unwrap(), 1);
    assert_eq!(p.letters_at().await, [(0, 1)]);
}

pub async fn a_batch_that_is_refused_leaves_no_letter<H: Harness>() {
    let columns = [column("id", Type::Int).key(), column("b", Type::Bytes)];
    let world = World::<H>::merging(TableSpec::merging(columns)).await;
    let mut p = world.process(1).await;
    let bad = record(0).and("b", Said::number("1"));
    let refused = p.commit_with(&[bad], &[letter(1)]).await;
    assert_eq!(refused.unwrap_err().class, Class::Rejected);
    assert!(p.letters().await.is_empty());
    world.assert_rows([]).await;
    assert_eq!(p.stands().await, 0);
}
