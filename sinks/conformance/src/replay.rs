//! Dead letters on their way into the table after all; and rows that are only tried.

use super::fate::Columns;
use super::world::{Process, World, letter, set, span};
use super::{Harness, Kept, Late, Record, Said, TableSpec, Trials, Type, column};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{DeadLetterFilter, DeadLetters, Inspect, Positions, Sink};

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

/// A process with letters at the offsets from 0 on, and its position behind them.
async fn with_letters<H: Harness>(world: &World<H>, count: i64) -> Process<H> {
    let mut p = world.process(1).await;
    let dead: Vec<_> = (0..count).map(letter).collect();
    p.commit_with(&[], &dead).await.unwrap();
    p
}

pub async fn a_replay_writes_rows_and_takes_their_letters_in_pieces<H: Harness>() {
    let world = world::<H>().await;
    let p = with_letters(&world, 5).await;
    let done = p.replay(&[(1, record(1, "b"))], Some(5)).await.unwrap();
    assert_eq!(done.rows, 1);
    assert_eq!(p.letters_at().await, [(0, 0), (0, 2), (0, 3), (0, 4)]);
    let two = [(0, record(0, "a")), (3, record(3, "d"))];
    p.replay(&two, Some(5)).await.unwrap();
    assert_eq!(p.letters_at().await, [(0, 2), (0, 4)]);
    world
        .assert_rows([row(0, "a"), row(1, "b"), row(3, "d")])
        .await;
    assert_eq!(p.stands().await, 5);
}

pub async fn many_letters_are_replayed_piece_by_piece<H: Harness>() {
    const COUNT: i64 = 1_000;
    let world = world::<H>().await;
    let p = with_letters(&world, COUNT).await;
    let all: Vec<_> = (0..COUNT).map(|i| (i, record(i, &i.to_string()))).collect();
    for piece in all.chunks(300) {
        p.replay(piece, Some(COUNT)).await.unwrap();
    }
    assert!(p.letters().await.is_empty());
    let rows = (0..COUNT).map(|i| row(i, &i.to_string()));
    world.assert_rows(rows).await;
}

pub async fn a_letter_without_a_row_and_one_of_several_are_replayed_whole<H: Harness>() {
    let world = world::<H>().await;
    let p = with_letters(&world, 3).await;
    let none = p.replay_as(&[1], &[], Some(3)).await.unwrap();
    assert_eq!(none.rows, 0);
    assert_eq!(p.letters_at().await, [(0, 0), (0, 2)]);
    let two = [(2, record(1, "a")), (2, record(2, "b"))];
    assert_eq!(p.replay_as(&[2], &two, Some(3)).await.unwrap().rows, 2);
    assert_eq!(p.letters_at().await, [(0, 0)]);
    // Its letter is gone: none of its rows is written again.
    let other = [(2, record(3, "c")), (2, record(4, "d"))];
    let error = p.replay_as(&[2], &other, Some(3)).await.unwrap_err();
    assert_eq!(error.class, Class::Fenced, "{error}");
    world.assert_rows([row(1, "a"), row(2, "b")]).await;
}

pub async fn a_replay_without_its_letter_writes_nothing<H: Harness>() {
    let world = world::<H>().await;
    let p = with_letters(&world, 3).await;
    let filter = DeadLetterFilter {
        offsets: vec![1],
        ..DeadLetterFilter::default()
    };
    assert_eq!(p.sink.drop_dead_letters(&filter).await.unwrap(), 1);
    let two = [(0, record(0, "a")), (1, record(1, "b"))];
    for stands_at in [Some(3), None] {
        let error = p.replay(&two, stands_at).await.unwrap_err();
        assert_eq!(error.class, Class::Fenced, "{error}");
    }
    world.assert_rows([]).await;
    assert_eq!(p.letters_at().await, [(0, 0), (0, 2)]);
}

pub async fn a_replay_ahead_of_the_position_writes_nothing<H: Harness>() {
    let world = world::<H>().await;
    let mut p = with_letters(&world, 3).await;
    // The service will come to the letters again.
    p.sink.set_position(&set(0, 1)).await.unwrap();
    p.claim_again().await;
    let two = [(0, record(0, "a")), (1, record(1, "b"))];
    let error = p.replay(&two, None).await.unwrap_err();
    assert_eq!(error.class, Class::Fenced, "{error}");
    world.assert_rows([]).await;
    assert_eq!(p.letters_at().await.len(), 3);
    p.replay(&two[..1], None).await.unwrap();
    world.assert_rows([row(0, "a")]).await;
}

pub async fn a_replay_never_wins_over_a_later_record_of_its_key<H: Harness>() {
    let world = world::<H>().await;
    let mut p = with_letters(&world, 1).await;
    p.commit(&[record(7, "later")]).await.unwrap();
    // Whoever looked before the later record was written.
    let late = p.replay(&[(0, record(7, "earlier"))], Some(1)).await;
    let left = match H::CAPABILITIES.late {
        Late::Refused => {
            assert_eq!(late.unwrap_err().class, Class::Fenced);
            1
        }
        Late::Outweighed => {
            late.expect("taken, and outweighed");
            0
        }
    };
    world.assert_rows([row(7, "later")]).await;
    assert_eq!(p.letters().await.len(), left);
}

pub async fn a_replay_that_is_bad_again_leaves_its_letters<H: Harness>() {
    let columns = [column("id", Type::Int).key(), column("a", Type::Bytes)];
    let world = World::<H>::merging(TableSpec::merging(columns)).await;
    let p = with_letters(&world, 2).await;
    let two = [(0, record(0, "AAE=")), (1, record(1, "no base64"))];
    let error = p.replay(&two, Some(2)).await.unwrap_err();
    assert_eq!(error.class, Class::Rejected, "{error}");
    assert_eq!(error.detail.column.as_deref(), Some("a"), "{error}");
    world.assert_rows([]).await;
    assert_eq!(p.letters().await.len(), 2);
}

pub async fn a_trial_moves_no_position_and_keeps_no_letter<H: Harness>() {
    let world = world::<H>().await;
    let p = world.process(1).await;
    let records = [record(0, "a")];
    let rows = p.rows(0, &records);
    let dead = [letter(1)];
    let batch = p.batch(span(0, 2), &rows, &dead);
    let tried = p.sink.dry_run(&batch).await.unwrap();
    assert_eq!(tried.rows, 1);
    world.assert_rows([]).await;
    p.sink.takes(&batch).await.unwrap();
    let kept = match H::CAPABILITIES.trials {
        Trials::TakenBack => vec![],
        Trials::Kept => vec![row(0, "a")],
    };
    world.assert_rows(kept).await;
    assert!(p.letters().await.is_empty());
    assert_eq!(p.stands().await, 0);
    p.sink.commit_one(&batch).await.unwrap();
    world.assert_rows([row(0, "a")]).await;
}

pub async fn a_trial_says_what_a_commit_would_say<H: Harness>() {
    let it = Columns::<H>::new().await;
    let p = &it.process;
    let records = [Record::put([
        ("id", Said::number("1")),
        ("c_bytes", Said::text("no base64")),
    ])];
    let rows = p.rows(0, &records);
    let batch = p.batch(span(0, 1), &rows, &[]);
    for error in [
        p.sink.dry_run(&batch).await.unwrap_err(),
        p.sink.takes(&batch).await.unwrap_err(),
        p.sink.commit_one(&batch).await.unwrap_err(),
    ] {
        assert_eq!(error.class, Class::Rejected, "{error}");
        assert_eq!(error.detail.condition, "invalid_base64");
        assert_eq!(error.detail.column.as_deref(), Some("c_bytes"), "{error}");
    }
    assert!(it.world.rows().await.is_empty());
}
