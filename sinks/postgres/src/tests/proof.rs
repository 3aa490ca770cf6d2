//! No commit is believed without the fence's own word, whichever way its rows go.

use super::world::*;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Cell, Mode, Positions};
use std::time::Duration;

/// What a fence may answer that is no proof. It moves nothing.
const UNPROVEN: [&str; 2] = ["false", "NULL"];

/// The ways of a commit: with rows or without, with a dead letter or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Rows,
    RowsThatStandThere,
    RowsAndLetter,
    Letter,
    Nothing,
}

const WAYS: [With; 5] = [
    With::Rows,
    With::RowsThatStandThere,
    With::RowsAndLetter,
    With::Letter,
    With::Nothing,
];

fn record(mode: Mode, offset: i64) -> Record {
    let cells = match mode {
        Mode::Log => vec![
            text("orders"),
            Cell::Int(0),
            Cell::Int(offset),
            Cell::Json("{}"),
        ],
        Mode::Append | Mode::Upsert => vec![Cell::Int(offset)],
    };
    put(offset, cells)
}

async fn nothing_is_believed(name: &'static str, mode: Mode) {
    let table = match mode {
        Mode::Log => "",
        Mode::Append => "CREATE TABLE o (id int8)",
        Mode::Upsert => "CREATE TABLE o (id int8 PRIMARY KEY)",
    };
    let mut world = World::new(name, table).await;
    let sink = world.sink(world.settings(mode, "o"), "m").await;
    let place = tp();
    let fence = format!("SELECT pg_get_functiondef('{name}_state.advance_all'::regproc)");
    let real = world.text(&fence).await;
    for answer in UNPROVEN {
        for with in WAYS {
            if with == With::RowsThatStandThere && mode != Mode::Log {
                continue;
            }
            let mut writer = Writer::claim(&sink, &member(1)).await;
            // A plan that was used, as almost all are.
            let first = record(mode, writer.at);
            writer.commit(&[first]).await.unwrap();
            if with == With::RowsThatStandThere {
                let back = at(writer.at - 1);
                let change = change(identity(), &place, back, true, Duration::ZERO);
                sink.set_position(&change).await.unwrap();
                writer = Writer::claim(&sink, &member(1)).await;
            }
            let next = writer.at;
            let rows = match with {
                With::Rows | With::RowsThatStandThere | With::RowsAndLetter => {
                    vec![record(mode, next)]
                }
                With::Letter | With::Nothing => Vec::new(),
            };
            let letters = match with {
                With::RowsAndLetter | With::Letter => vec![letter(next + 1)],
                With::Rows | With::RowsThatStandThere | With::Nothing => Vec::new(),
            };
            let (head, _) = real.split_once("AS $").expect("a body");
            let body = format!("$$ BEGIN RETURN {answer}; END $$");
            world.run(&format!("{head} AS {body}")).await;
            let done = writer.commit_with(&rows, &letters).await;
            world.run(&real).await;
            let error = done.expect_err("no proof");
            assert_eq!(error.class, Class::Stale, "{with:?}, {answer}: {error}");
            let stands = format!("SELECT next_offset FROM {name}_state.positions");
            assert_eq!(world.one(&stands).await, next.to_string(), "{with:?}");
            // Over what was tried.
            let over = change(identity(), &place, at(next + 2), true, Duration::ZERO);
            sink.set_position(&over).await.unwrap();
        }
    }
}

#[tokio::test]
async fn one_statement_of_append_is_not_believed_without_the_fences_word() {
    nothing_is_believed("p_small_append", Mode::Append).await;
}

#[tokio::test]
async fn one_statement_of_log_is_not_believed_without_the_fences_word() {
    nothing_is_believed("p_small_log", Mode::Log).await;
}

#[tokio::test]
async fn upsert_is_not_believed_without_the_fences_word() {
    nothing_is_believed("p_upsert", Mode::Upsert).await;
}

#[tokio::test]
async fn copy_into_append_is_not_believed_without_the_fences_word() {
    nothing_is_believed("p_append", Mode::Append).await;
}

#[tokio::test]
async fn copy_into_log_is_not_believed_without_the_fences_word() {
    nothing_is_believed("p_log", Mode::Log).await;
}
