//! Whatever a record holds, its dead letter can be kept.

use super::*;
use plimsoll_sink_api::{LetterFilter, LetterPage};

#[path = "../../../odd_letters.rs"]
mod odd_letters;

#[tokio::test]
async fn whatever_a_record_holds_its_dead_letter_is_kept() {
    let it = Fixture::new(
        "CREATE TABLE orders (id INTEGER NOT NULL)",
        table(Mode::Append),
    )
    .await;
    let table = it.prepared().await;
    for (offset, odd) in (0..).zip(odd_letters::all()) {
        let none = rows(&table, offset, &[]);
        it.commit_rows(
            &table,
            &none,
            &[odd.letter(offset)],
            span(offset, offset + 1),
            it.claim,
        )
        .await
        .unwrap_or_else(|e| panic!("{}: {e}", odd.what));
        let filter = LetterFilter {
            offsets: vec![offset],
            ..LetterFilter::default()
        };
        let page = LetterPage {
            after: None,
            limit: 2,
            payloads: true,
        };
        let letters = it.sink.dead_letters(&filter, &page).await.unwrap();
        assert_eq!(letters.len(), 1, "{}", odd.what);
        odd.assert_kept(&letters[0], Some, str::to_owned);
    }
}
