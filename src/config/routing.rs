//! What tells which of several tables a record goes into: `route`, `max_tables` and
//! `on_unknown_route` of a table.

use super::reader::Reader;
use super::spec::words;
use super::tables::captures_of;
use super::text::Text;
use super::topics::Reads;
use plimsoll_sink_api::{Mode, PLACE, Routing, Source, UnknownRoute};

const UNKNOWN: [(&str, UnknownRoute); 4] = [
    (
        UnknownRoute::AsBadRecord.as_str(),
        UnknownRoute::AsBadRecord,
    ),
    (UnknownRoute::Halt.as_str(), UnknownRoute::Halt),
    (UnknownRoute::DeadLetter.as_str(), UnknownRoute::DeadLetter),
    (UnknownRoute::Skip.as_str(), UnknownRoute::Skip),
];
pub(super) const UNKNOWN_WORDS: [&str; 4] = words(&UNKNOWN);

/// Reads it, for a table of this name and mode. `None`: there is a fault.
#[allow(clippy::option_option)]
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    reads: Option<&Reads>,
    table: Option<&str>,
    mode: Option<Mode>,
) -> Option<Option<Routing>> {
    let text = reader.text("route");
    let max_tables = reader.integer("max_tables");
    let unknown = reader.choice("on_unknown_route", &UNKNOWN);
    if !reader.has("route") {
        return Some(None);
    }
    let text = text?;
    let by = read_source(reader, &text)?;
    let named = captures_of(reads).is_some_and(|captures| captures.names().any(|n| n == "route"));
    if named {
        reader.fault_in(
            &text,
            "does not go with a group in topics_regex that is named \"route\"",
            "give the group another name",
        );
        return None;
    }
    if mode == Some(Mode::Upsert) && by.is_of_value() {
        reader.fault_in(
            &text,
            format!(
                "{} is of the value, which a record that deletes its row does not have",
                text.shown()
            ),
            "name a header or a field of the key, as in route = \"headers.type\", or use mode = \
             \"append\"",
        );
        return None;
    }
    let places = table?.matches(PLACE).count();
    if places != 1 {
        reader.fault_in(
            &text,
            match places {
                0 => "has no place in the table's name",
                _ => "has more than one place in the table's name",
            },
            "write {route} into table once: table = \"public.events_{route}\"",
        );
        return None;
    }
    Some(Some(Routing {
        by,
        max_tables: usize::try_from(max_tables?).ok()?,
        unknown: unknown?,
    }))
}

/// A text that one record has: of its value, its key, or a header.
fn read_source(reader: &Reader<'_, '_>, text: &Text) -> Option<Source> {
    match text.value.parse() {
        Ok(source @ (Source::Key(_) | Source::Header(_))) => Some(source),
        Ok(Source::Value(path)) if !path.0.is_empty() => Some(Source::Value(path)),
        Ok(_) | Err(_) => {
            reader.fault_in(
                text,
                format!("{} does not tell a record's table", text.shown()),
                "name a header, the key, or a field of the key or of the value: route = \
                 \"headers.type\"",
            );
            None
        }
    }
}
