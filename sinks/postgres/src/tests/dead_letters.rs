//! Whatever a record holds, its dead letter can be kept, in every mode and encoding.

use super::world::*;
use crate::PostgresSink;
use plimsoll_conformance::odd_records;
use plimsoll_sink_api::{DeadLetterFilter, DeadLetterPage, DeadLetters, Mode, Secret};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// What lies within timestamptz, to the second, is kept.
fn time(millis: i64) -> Option<i64> {
    (-210_866_803_200_000..=9_224_318_015_999_000)
        .contains(&millis)
        .then_some(millis)
}

/// Commits each letter, and reads it again. With a row beside it, where the table
/// has rows.
async fn kept(sink: &PostgresSink, rows: bool, text: impl Fn(&str) -> String) {
    let mut writer = Writer::claim(sink, &member(1)).await;
    for odd in odd_records() {
        let offset = writer.at;
        let row = put(offset + 1, vec![plimsoll_sink_api::Cell::Int(offset)]);
        let records = if rows { vec![row] } else { Vec::new() };
        writer
            .commit_with(&records, &[odd.letter(offset)])
            .await
            .unwrap_or_else(|e| panic!("{}: {e}\n{}", odd.what, e.detail.text.reveal()));
        let filter = DeadLetterFilter {
            offsets: vec![offset],
            ..DeadLetterFilter::default()
        };
        let page = DeadLetterPage {
            after: None,
            limit: 2,
            payloads: true,
        };
        let letters = sink.dead_letters(&filter, &page).await.unwrap();
        assert_eq!(letters.len(), 1, "{}", odd.what);
        odd.assert_kept_with(&letters[0], time, &text);
    }
}

#[tokio::test]
async fn whatever_a_record_holds_its_dead_letter_is_kept() {
    for (name, mode, rows) in [
        ("d_small_alone", Mode::Append, false),
        ("d_small_append", Mode::Append, true),
        ("d_append", Mode::Append, true),
        ("d_upsert", Mode::Upsert, true),
    ] {
        let world = World::new(name, "CREATE TABLE o (id int8 PRIMARY KEY)").await;
        let sink = world.sink(world.settings(mode, "o"), "m").await;
        kept(&sink, rows, |text| text.replace('\0', "\u{fffd}")).await;
    }
}

/// In a database of Latin 1 there is no euro sign.
#[tokio::test]
async fn a_database_that_is_not_of_utf_8_keeps_dead_letters_too() {
    let world = World::new("d_small_latin", "").await;
    let mut server = PgConnection::connect(&url()).await.unwrap();
    for sql in [
        "DROP DATABASE IF EXISTS d_small_latin WITH (FORCE)",
        "CREATE DATABASE d_small_latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' \
         TEMPLATE template0",
    ] {
        sqlx::raw_sql(sql).execute(&mut server).await.unwrap();
    }
    let there = url()
        .rsplit_once('/')
        .map(|(server, _)| format!("{server}/d_small_latin"))
        .unwrap();
    let mut sql = PgConnection::connect(&there).await.unwrap();
    let table = "CREATE SCHEMA d_small_latin; CREATE TABLE d_small_latin.o (id int8)";
    sqlx::raw_sql(AssertSqlSafe(table))
        .execute(&mut sql)
        .await
        .unwrap();
    let mut settings = world.settings(Mode::Append, "o");
    settings.url = Secret::new(there);
    let sink = world.sink(settings, "m").await;
    kept(&sink, true, |text| {
        let escape = |c: char| match c {
            '\\' => "\\\\".to_owned(),
            c if c.is_ascii() && c != '\0' => c.to_string(),
            c => {
                let c = if c == '\0' { '\u{fffd}' } else { c };
                let mut utf8 = [0; 4];
                let bytes = c.encode_utf8(&mut utf8).bytes();
                bytes.map(|b| format!("\\{b:03o}")).collect()
            }
        };
        text.chars().map(escape).collect()
    })
    .await;
}
