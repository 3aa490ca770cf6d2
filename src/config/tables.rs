//! Which topics go into which table: `table` and its companions in the
//! backend's table, or a list of them in `tables`.

use super::reader::{Reader, Text};
use super::settings::Topics;
use super::suggest::nearest;
use super::table_names::NameCheck;
use super::topics::{self, Reads};
use plimsoll_sink_api::{Missing, Mode, Source, TableRule, TableSettings};
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeValue;

const MODES: &[(&str, Mode)] = &[
    ("log", Mode::Log),
    ("append", Mode::Append),
    ("upsert", Mode::Upsert),
];

const MISSING: &[(&str, Missing)] = &[("default", Missing::Default), ("keep", Missing::Keep)];

const SOURCES: &str = "a source is value.PATH, key, key.PATH, headers.NAME, topic, partition, \
                       offset or timestamp";

/// The settings of one table, as names.
const OF_A_TABLE: &[&str] = &["table", "mode", "key_columns", "columns", "missing"];

/// Reads all tables of a SQL sink; `topics` is what it reads, where that is
/// known.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    topics: Option<&Reads>,
    check: NameCheck,
) -> Option<Vec<TableRule>> {
    let rules = read_with(reader, topics, OF_A_TABLE, (read_one, check))?;
    let rule = |(topics, settings)| TableRule { topics, settings };
    Some(rules.into_iter().map(rule).collect())
}

/// What one table's settings are read with, and its name judged.
pub(super) type One<T> = (fn(&mut Reader<'_, '_>) -> Option<T>, NameCheck);

/// Reads all tables of a sink, each with `one`: the topics that go into it, none
/// for all that are left, and its settings, whose names are `of_a_table`.
pub(super) fn read_with<T>(
    reader: &mut Reader<'_, '_>,
    topics: Option<&Reads>,
    of_a_table: &[&'static str],
    one: One<T>,
) -> Option<Vec<(Vec<String>, T)>> {
    if !reader.has("tables") {
        let settings = one.0(reader)?;
        let named = topics
            .into_iter()
            .flat_map(Reads::named)
            .collect::<Vec<_>>();
        if !check_name(reader, &named, one.1) {
            return None;
        }
        // Known, so that a slip in it gets "did you mean".
        let _ = reader.raw("tables");
        return Some(vec![(Vec::new(), settings)]);
    }
    for key in of_a_table {
        if reader.raw(key).is_some() {
            reader.fault_of(
                key,
                "does not go with tables",
                format!("put it into each [[{}]]", reader.place_of("tables")),
            );
        }
    }
    let entries = reader.tables("tables")?;
    if entries.is_empty() {
        reader.fault_of(
            "tables",
            "is empty",
            "name a table: table = \"public.orders\"",
        );
        return None;
    }
    read_list(reader, entries, topics, one)
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
    let mut good = true;
    for (i, mut entry) in entries.into_iter().enumerate() {
        // What goes into it, as far as it is known.
        let mut takes = Vec::new();
        let named = if entry.has("topics") {
            let texts = entry.strings("topics");
            takes = texts.clone().unwrap_or_default();
            if let (Some(texts), Some(topics)) = (&texts, topics) {
                good &= check_owners(&entry, texts, topics, &mut owners);
            }
            texts.and_then(|texts| topics::read_names(&entry, "topics", &texts))
        } else {
            let _ = entry.raw("topics");
            if i != last {
                entry.missing(
                    "topics",
                    "only the last of the tables may leave it out; it takes the topics that are \
                     left",
                );
                good = false;
            }
            catch_all = i == last;
            let left = topics.into_iter().flat_map(Reads::named);
            takes.extend(left.filter(|t| !owners.contains_key(&t.value)).cloned());
            Some(Vec::new())
        };
        let settings = one.0(&mut entry);
        if settings.is_some() {
            good &= check_name(&mut entry, &takes.iter().collect::<Vec<_>>(), one.1);
        }
        entry.finish();
        match (named, settings) {
            (Some(topics), Some(settings)) => rules.push((topics, settings)),
            _ => good = false,
        }
    }
    if !catch_all && let Some(topics) = topics {
        good &= check_cover(parent, topics, &owners);
    }
    good.then_some(rules)
}

/// Judges the name of a table for each topic that goes into it. What matches a
/// pattern is not known yet: it is taken for a short name.
fn check_name(reader: &mut Reader<'_, '_>, topics: &[&Text], check: NameCheck) -> bool {
    let Some(text) = reader.filled("table") else {
        return true;
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
    fault.is_none()
}

/// No topic may have two tables, and none may be named that is not read.
fn check_owners(
    entry: &Reader<'_, '_>,
    texts: &[Text],
    reads: &Reads,
    owners: &mut BTreeMap<String, String>,
) -> bool {
    let mut good = true;
    for text in texts {
        if !topics::reads(&reads.topics, &text.value) {
            let secret = reads.texts.iter().any(Text::is_expanded);
            let hint = match &reads.topics {
                Topics::Named(_) if secret => "name one of the topics of the sink".to_owned(),
                Topics::Named(names) => text.did_you_mean(names.iter().map(String::as_str)),
                Topics::Pattern(_) if secret => "it must match topics_regex".to_owned(),
                Topics::Pattern(pattern) => format!("it must match \"{pattern}\""),
            };
            entry.fault_in(
                text,
                format!("{} is not among the topics of the sink", text.shown()),
                hint,
            );
            good = false;
        }
        if let Some(other) = owners.get(&text.value)
            && other != entry.place()
        {
            entry.fault_in(
                text,
                format!("{} has a table already, in {other}", text.shown()),
                "a topic goes into one table; use a second sink to write it into two",
            );
            good = false;
        }
        owners
            .entry(text.value.clone())
            .or_insert_with(|| entry.place().to_owned());
    }
    good
}

/// Every topic must have a table.
fn check_cover(parent: &Reader<'_, '_>, reads: &Reads, owners: &BTreeMap<String, String>) -> bool {
    const HINT: &str = "name it in the topics of one of the tables, or leave topics out of the \
                        last one, which then takes what is left";
    match &reads.topics {
        Topics::Named(_) => {
            let mut good = true;
            for name in &reads.texts {
                if !owners.contains_key(&name.value) {
                    let what = format!("{} has no table", name.shown());
                    parent.fault_in(name, what, HINT);
                    good = false;
                }
            }
            good
        }
        Topics::Pattern(_) => {
            parent.fault_of(
                "tables",
                "a topic that matches topics_regex later would have no table",
                "leave topics out of the last of the tables, which then takes what is left",
            );
            false
        }
    }
}

fn read_one(reader: &mut Reader<'_, '_>) -> Option<TableSettings> {
    let table = read_name(reader);
    let mode = reader.choice("mode", "mode", MODES);
    if !reader.has("mode") {
        reader.missing(
            "mode",
            "\"log\" keeps every record, \"append\" adds a row per record, \"upsert\" replaces \
             the row of a key",
        );
    }
    let key_columns = read_key_columns(reader, mode);
    let columns = read_columns(reader, mode);
    let missing = reader.choice("missing", "way with missing fields", MISSING);
    if let (Some(_), Some(Mode::Log | Mode::Append)) = (missing, mode) {
        reader.fault_of(
            "missing",
            "works only with mode = \"upsert\": in the other modes no row is written twice",
            "leave it out",
        );
    }
    Some(TableSettings {
        table: table?,
        mode: mode?,
        key_columns: key_columns?,
        columns: columns?,
        missing: missing.unwrap_or_default(),
    })
}

pub(super) fn read_name(reader: &mut Reader<'_, '_>) -> Option<String> {
    if !reader.has("table") {
        let _ = reader.raw("table");
        reader.missing(
            "table",
            "which table to write to: table = \"public.orders\"",
        );
        return None;
    }
    let text = reader.filled("table")?;
    let without = text.value.replace("{topic}", "");
    if without.contains(['{', '}']) {
        reader.fault_in(
            &text,
            format!("{} has a placeholder that is none", text.shown()),
            "the only one is {topic}, as in \"public.{topic}\"",
        );
        return None;
    }
    Some(text.value)
}

fn read_key_columns(reader: &mut Reader<'_, '_>, mode: Option<Mode>) -> Option<Vec<String>> {
    if !reader.has("key_columns") {
        let _ = reader.raw("key_columns");
        return Some(Vec::new());
    }
    let names = reader.strings("key_columns")?;
    match mode {
        Some(Mode::Log) => {
            reader.fault_of(
                "key_columns",
                "does not go with mode = \"log\", whose key is topic, partition and offset",
                "leave it out, or use mode = \"upsert\"",
            );
            return None;
        }
        Some(Mode::Append) => {
            reader.fault_of(
                "key_columns",
                "does not go with mode = \"append\", which adds a row per record and replaces none",
                "leave it out, or use mode = \"upsert\"",
            );
            return None;
        }
        Some(Mode::Upsert) | None => {}
    }
    if names.is_empty() {
        reader.fault_of(
            "key_columns",
            "is empty",
            "leave it out to use the table's primary key",
        );
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut good = true;
    for name in &names {
        if name.value.is_empty() {
            reader.fault_in(name, "is empty", "a column's name, as the catalogue has it");
            good = false;
        } else if !seen.insert(&name.value) {
            reader.fault_in(
                name,
                format!("{} stands here twice", name.shown()),
                "remove one",
            );
            good = false;
        }
    }
    good.then(|| names.into_iter().map(|name| name.value).collect())
}

pub(super) fn read_columns(
    reader: &mut Reader<'_, '_>,
    mode: Option<Mode>,
) -> Option<Vec<(String, Source)>> {
    if !reader.has("columns") {
        let _ = reader.raw("columns");
        return Some(Vec::new());
    }
    let table = reader.table("columns")?;
    let mut columns = Vec::new();
    let mut good = true;
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
            good = false;
            continue;
        }
        let Some(text) = table.text(&place, entry.value, "a source, a string") else {
            good = false;
            continue;
        };
        if mode == Some(Mode::Log)
            && matches!(
                entry.key,
                "kafka_topic" | "kafka_partition" | "kafka_offset"
            )
        {
            table.fault_in(
                &text,
                "cannot be set: with mode = \"log\" it is part of the key",
                "leave it out, it is always filled",
            );
            good = false;
            continue;
        }
        match text.value.parse::<Source>() {
            Ok(source) => columns.push((entry.key.to_owned(), source)),
            Err(_) => {
                table.fault_in(
                    &text,
                    format!("{} is no source", text.shown()),
                    source_hint(&text),
                );
                good = false;
            }
        }
    }
    good.then_some(columns)
}

pub(super) fn source_hint(text: &Text) -> String {
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
