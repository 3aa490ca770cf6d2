//! Which topics go into which table: `table` and its companions in the
//! backend's table, or a list of them in `tables`.

use super::reader::Reader;
use super::settings::Topics;
use super::spec::words;
use super::suggest::nearest;
use super::table_names::NameCheck;
use super::text::Text;
use super::topics::{self, Reads};
use plimsoll_sink_api::{Missing, Mode, Source, TableRule, TableSettings};
use std::collections::BTreeMap;
use toml::de::DeValue;

const MODES: [(&str, Mode); 3] = [
    ("log", Mode::Log),
    ("append", Mode::Append),
    ("upsert", Mode::Upsert),
];
pub(super) const MODE_WORDS: [&str; 3] = words(&MODES);

const MISSING: [(&str, Missing); 2] = [("default", Missing::Default), ("keep", Missing::Keep)];
pub(super) const MISSING_WORDS: [&str; 2] = words(&MISSING);

const SOURCES: &str = "a source is value.PATH, key, key.PATH, headers.NAME, topic, partition, \
                       offset or timestamp";

/// Reads all tables of a SQL sink; `topics` is what it reads, where that is
/// known.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    topics: Option<&Reads>,
    check: NameCheck,
) -> Option<Vec<TableRule>> {
    let rules = read_with(reader, topics, (read_one, check))?;
    let rule = |(topics, settings)| TableRule { topics, settings };
    Some(rules.into_iter().map(rule).collect())
}

/// What one table's settings are read with, and its name judged.
pub(super) type One<T> = (fn(&mut Reader<'_, '_>) -> Option<T>, NameCheck);

/// Reads all tables of a sink, each with `one`: the topics that go into it, none
/// for all that are left, and its settings.
pub(super) fn read_with<T>(
    reader: &mut Reader<'_, '_>,
    topics: Option<&Reads>,
    one: One<T>,
) -> Option<Vec<(Vec<String>, T)>> {
    if reader.has("tables") {
        let entries = reader.tables("tables")?;
        return read_list(reader, entries, topics, one);
    }
    let settings = one.0(reader)?;
    let named = topics.into_iter().flat_map(Reads::named);
    check_name(reader, &named.collect::<Vec<_>>(), one.1);
    Some(vec![(Vec::new(), settings)])
}

fn read_list<T>(
    parent: &Reader<'_, '_>,
    entries: Vec<Reader<'_, '_>>,
    topics: Option<&Reads>,
    one: One<T>,
) -> Option<Vec<(Vec<String>, T)>> {
    let last = entries.len() - 1;
    let mut rules = Vec::with_capacity(entries.len());
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut catch_all = false;
    for (i, mut entry) in entries.into_iter().enumerate() {
        let named = entry.texts("topics");
        // What goes into it, as far as it is known.
        let mut takes = named.clone().unwrap_or_default();
        if entry.has("topics") {
            if let (Some(texts), Some(topics)) = (&named, topics) {
                check_owners(&entry, texts, topics, &mut owners);
            }
        } else {
            if i != last {
                entry.missing("topics");
            }
            catch_all = i == last;
            let left = topics.into_iter().flat_map(Reads::named);
            takes.extend(left.filter(|t| !owners.contains_key(&t.value)).cloned());
        }
        let settings = one.0(&mut entry);
        if settings.is_some() {
            check_name(&entry, &takes.iter().collect::<Vec<_>>(), one.1);
        }
        entry.finish();
        let named = named.into_iter().flatten().map(|text| text.value);
        rules.push(settings.map(|settings| (named.collect(), settings)));
    }
    if !catch_all && let Some(topics) = topics {
        check_cover(parent, topics, &owners);
    }
    rules.into_iter().collect()
}

/// Judges the name of a table for each topic that goes into it. What matches a
/// pattern is not known yet: it is taken for a short name.
fn check_name(reader: &Reader<'_, '_>, topics: &[&Text], check: NameCheck) {
    let Some(text) = reader.text("table") else {
        return;
    };
    let fault = if text.value.contains("{topic}") && !topics.is_empty() {
        topics.iter().find_map(|topic| {
            let (what, hint) = check(&text.value, &topic.value).err()?;
            Some((format!("{what}, for the topic {}", topic.shown()), hint))
        })
    } else {
        check(&text.value, "t").err()
    };
    if let Some((what, hint)) = &fault {
        let shown = text.shown().replace('\0', "\\0");
        reader.fault_in(&text, format!("{shown} {what}"), *hint);
    }
}

/// No topic may have two tables, and none may be named that is not read.
fn check_owners(
    entry: &Reader<'_, '_>,
    texts: &[Text],
    reads: &Reads,
    owners: &mut BTreeMap<String, String>,
) {
    for text in texts {
        if !topics::reads(&reads.topics, &text.value) {
            let secret = reads.texts.iter().any(Text::is_expanded);
            let hint = match &reads.topics {
                Topics::Named(_) if secret => "name one of the topics of the sink".to_owned(),
                Topics::Named(names) => text.did_you_mean(names.iter().map(String::as_str)),
                Topics::Pattern(_) if secret => "it must match topics_regex".to_owned(),
                Topics::Pattern(pattern) => format!("it must match \"{pattern}\""),
            };
            let what = format!("{} is not among the topics of the sink", text.shown());
            entry.fault_in(text, what, hint);
        }
        if let Some(other) = owners.get(&text.value)
            && other != entry.place()
        {
            entry.fault_in(
                text,
                format!("{} has a table already, in {other}", text.shown()),
                "a topic goes into one table; use a second sink to write it into two",
            );
        }
        owners
            .entry(text.value.clone())
            .or_insert_with(|| entry.place().to_owned());
    }
}

/// Every topic must have a table.
fn check_cover(parent: &Reader<'_, '_>, reads: &Reads, owners: &BTreeMap<String, String>) {
    const HINT: &str = "name it in the topics of one of the tables, or leave topics out of the \
                        last one, which then takes what is left";
    match &reads.topics {
        Topics::Named(_) => {
            for name in &reads.texts {
                if !owners.contains_key(&name.value) {
                    let what = format!("{} has no table", name.shown());
                    parent.fault_in(name, what, HINT);
                }
            }
        }
        Topics::Pattern(_) => parent.fault_of(
            "tables",
            "a topic that matches topics_regex later would have no table",
            "leave topics out of the last of the tables, which then takes what is left",
        ),
    }
}

fn read_one(reader: &mut Reader<'_, '_>) -> Option<TableSettings> {
    let table = read_name(reader);
    let mode = reader.choice("mode", &MODES);
    let key_columns = reader.texts("key_columns").into_iter().flatten();
    let columns = read_columns(reader);
    let missing = reader.choice("missing", &MISSING);
    Some(TableSettings {
        table: table?,
        mode: mode?,
        key_columns: key_columns.map(|text| text.value).collect(),
        columns,
        missing: missing?,
    })
}

pub(super) fn read_name(reader: &Reader<'_, '_>) -> Option<String> {
    let text = reader.text("table")?;
    let without = text.value.replace("{topic}", "");
    if without.contains(['{', '}']) {
        reader.fault_in(
            &text,
            format!("{} has an unknown placeholder", text.shown()),
            "the only one is {topic}, as in \"public.{topic}\"",
        );
        return None;
    }
    Some(text.value)
}

/// The columns with sources of their own, in the order of the file.
pub(super) fn read_columns(reader: &Reader<'_, '_>) -> Vec<(String, Source)> {
    let mut columns = Vec::new();
    let Some(table) = reader.table("columns") else {
        return columns;
    };
    for entry in table.entries() {
        let place = table.place_of(entry.key);
        if let DeValue::Table(_) = entry.value.get_ref() {
            table.fault_at(
                &place,
                &entry.key_at,
                "must be a source, not a table",
                "a column's name with a dot in it needs quotes; a source is a string such as \
                 \"value.customer.id\"",
            );
            continue;
        }
        let text = table.string(&place, entry.value, "a source, a string");
        let source = text.and_then(|text| read_source(&table, &text));
        columns.extend(source.map(|source| (entry.key.to_owned(), source)));
    }
    columns
}

/// A source, or the fault of a text that is none.
pub(super) fn read_source(reader: &Reader<'_, '_>, text: &Text) -> Option<Source> {
    let source = text.value.parse().ok();
    if source.is_none() {
        let what = format!("{} is not a valid source", text.shown());
        reader.fault_in(text, what, source_hint(text));
    }
    source
}

fn source_hint(text: &Text) -> String {
    const HEADS: &[&str] = &[
        "value",
        "key",
        "headers",
        "topic",
        "partition",
        "offset",
        "timestamp",
    ];
    if text.is_expanded() {
        return SOURCES.to_owned();
    }
    let (head, tail) = match text.value.split_once('.') {
        Some((head, tail)) => (head, Some(tail)),
        None => (text.value.as_str(), None),
    };
    let fixed = match (nearest(head, HEADS.iter().copied()), tail) {
        (Some(head), Some(tail)) => format!("{head}.{tail}"),
        (Some(head), None) => head.to_owned(),
        (None, _) => format!("value.{}", text.value),
    };
    // Only what would be right is worth proposing.
    if fixed != text.value && fixed.parse::<Source>().is_ok() {
        format!("did you mean \"{fixed}\"?")
    } else {
        SOURCES.to_owned()
    }
}
