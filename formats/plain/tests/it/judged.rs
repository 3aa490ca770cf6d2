//! What no record can have is told before any comes.

use crate::support::{decoder, formats, table};
use plimsoll_plain::{Csv, Primitive};
use plimsoll_protocol::Class;
use plimsoll_record::Format;
use plimsoll_sink_api::{Mode, Shape};
use std::sync::Arc;

fn text() -> Arc<dyn Format> {
    Arc::new(Primitive::Text)
}

fn lines() -> Arc<dyn Format> {
    Arc::new(Csv {
        fields: vec!["id".to_owned(), "note".to_owned()],
        delimiter: b',',
        quote: b'"',
        null: String::new(),
    })
}

/// What is said of a table whose columns take these sources.
fn judged(mode: Mode, columns: &[(&str, &str)], value: Arc<dyn Format>) -> Option<String> {
    let columns: Vec<(&str, &str, Shape)> = columns
        .iter()
        .map(|&(name, source)| (name, source, Shape::Scalar))
        .collect();
    let formats = formats(Some(value), Some(text()));
    let decoder = decoder(&table(mode, &columns), &formats);
    let judged = decoder.judge().map_err(|why| {
        assert_eq!(why.class, Class::Halt);
        why.to_string()
    });
    judged.err()
}

#[test]
fn a_table_that_takes_nothing_of_a_text_is_a_slip() {
    let nothing = judged(
        Mode::Append,
        &[("id", "key"), ("note", "value.note")],
        text(),
    );
    assert_eq!(
        nothing.as_deref(),
        Some(
            "the value is text, which has no fields, and the column \"note\" takes \"note\" of it; \
             hint: columns = { note = \"value\" } takes all of it, { note = \"key\" } the record's \
             key"
        )
    );
    let without_a_key = [("id", "value.id"), ("note", "value")];
    let said = judged(Mode::Upsert, &without_a_key, text()).expect("no key");
    assert!(
        said.contains("the column \"id\" takes \"id\" of it"),
        "{said}"
    );
    assert_eq!(judged(Mode::Append, &without_a_key, text()), None);
    // A key that the config asks for fields.
    let said = judged(Mode::Append, &[("id", "key.id"), ("note", "value")], text());
    assert!(said.expect("no fields").starts_with("the key is text"));
}

#[test]
fn a_column_that_the_database_fills_needs_no_field() {
    let columns = [
        ("id", "key"),
        ("note", "value"),
        ("made_at", "value.made_at"),
    ];
    assert_eq!(judged(Mode::Upsert, &columns, text()), None);
    let columns = [("id", "value.id"), ("made_at", "value.made_at")];
    assert_eq!(judged(Mode::Upsert, &columns, lines()), None);
    // Nothing of the value is wanted at all.
    assert_eq!(judged(Mode::Upsert, &[("id", "key")], text()), None);
}

#[test]
fn a_key_has_to_be_among_the_fields_of_a_line() {
    let said = judged(
        Mode::Upsert,
        &[("no", "value.no"), ("note", "value.note")],
        lines(),
    );
    assert_eq!(
        said.as_deref(),
        Some(
            "the value has the fields id, note, and the column \"no\" takes \"no\" of it; hint: \
             fields names them in the order of the line; columns = { no = \"value.id\" } takes \
             another one"
        )
    );
}
