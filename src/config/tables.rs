//! Which topics go into which table: `table` and its companions in the
//! backend's table, or a list of them in `tables`.

use super::columns;
use super::reader::Reader;
use super::routing;
use super::settings::Topics;
use super::spec::words;
use super::table_names::NameCheck;
use super::text::Text;
use super::topics::{self, Reads};
use plimsoll_sink_api::{
    Captures, Missing, Mode, Period, Route, TableRule, TableSettings, TopicWords,
};
use std::collections::BTreeMap;

const MODES: [(&str, Mode); 3] = [
    ("log", Mode::Log),
    ("append", Mode::Append),
    ("upsert", Mode::Upsert),
];
pub(super) const MODE_WORDS: [&str; 3] = words(&MODES);

const EVOLVE: [(&str, bool); 2] = [("none", false), ("add_columns", true)];
pub(super) const EVOLVE_WORDS: [&str; 2] = words(&EVOLVE);

const MISSING: [(&str, Missing); 2] = [("default", Missing::Default), ("keep", Missing::Keep)];
pub(super) const MISSING_WORDS: [&str; 2] = words(&MISSING);

const PARTITIONS: [(&str, Option<Period>); 5] = [
    ("none", None),
    (Period::Hour.as_str(), Some(Period::Hour)),
    (Period::Day.as_str(), Some(Period::Day)),
    (Period::Week.as_str(), Some(Period::Week)),
    (Period::Month.as_str(), Some(Period::Month)),
];
pub(super) const PARTITION_WORDS: [&str; 5] = words(&PARTITIONS);

/// Reads all tables of a SQL sink; `topics` is what it reads, where that is
/// known.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    topics: Option<&Reads>,
    one: One<TableSettings>,
) -> Option<Vec<TableRule>> {
    let rules = read_with(reader, topics, one)?;
    let rule = |(topics, settings)| TableRule { topics, settings };
    Some(rules.into_iter().map(rule).collect())
}

/// What one table's settings are read with, and its name judged.
pub(super) type One<T> = (
    fn(&mut Reader<'_, '_>, Option<&Reads>) -> Option<T>,
    NameCheck,
);

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
    let settings = one.0(reader, topics)?;
    let named = topics.into_iter().flat_map(Reads::named);
    check_name(reader, &named.collect::<Vec<_>>(), topics, one.1);
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
        let settings = one.0(&mut entry, topics);
        if settings.is_some() {
            check_name(&entry, &takes.iter().collect::<Vec<_>>(), topics, one.1);
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
fn check_name(reader: &Reader<'_, '_>, topics: &[&Text], reads: Option<&Reads>, check: NameCheck) {
    let Some(text) = reader.text("table") else {
        return;
    };
    let fault = if text.value.contains("{topic}") && !topics.is_empty() {
        topics.iter().find_map(|topic| {
            let words = TopicWords::of(&topic.value, captures_of(reads));
            let (what, hint) = check(&text.value, &words).err()?;
            Some((format!("{what}, for the topic {}", topic.shown()), hint))
        })
    } else {
        check(&text.value, &TopicWords::short(captures_of(reads))).err()
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

/// One that may be divided.
pub(super) fn read_partitioned(
    reader: &mut Reader<'_, '_>,
    reads: Option<&Reads>,
) -> Option<TableSettings> {
    let create_partitions = reader.choice("create_partitions", &PARTITIONS);
    Some(TableSettings {
        create_partitions: create_partitions?,
        ..read_one(reader, reads)?
    })
}

pub(super) fn read_one(
    reader: &mut Reader<'_, '_>,
    reads: Option<&Reads>,
) -> Option<TableSettings> {
    let table = read_name(reader, reads);
    let mode = reader.choice("mode", &MODES);
    let key_columns = reader.texts("key_columns").into_iter().flatten();
    let mapping = columns::read(reader);
    let create = reader.boolean("create");
    let evolve = reader.choice("evolve", &EVOLVE);
    let missing = reader.choice("missing", &MISSING);
    let routing = routing::read(reader, reads, table.as_deref(), mode);
    Some(TableSettings {
        create,
        evolve: evolve?,
        key_columns: key_columns.map(|text| text.value).collect(),
        missing: missing?,
        captures: captures_of(reads).cloned(),
        routing: routing?,
        ..mapping?.of(table?, mode?)
    })
}

/// The pattern that names parts of topics, where there is one.
pub(super) fn captures_of(reads: Option<&Reads>) -> Option<&Captures> {
    reads.and_then(|reads| reads.captures.as_ref())
}

pub(super) fn read_name(reader: &Reader<'_, '_>, reads: Option<&Reads>) -> Option<String> {
    let text = reader.text("table")?;
    let mut words = TopicWords::short(captures_of(reads));
    if reader.has("route")
        && let Some(route) = Route::of("r")
    {
        words = words.with_route(&route);
    }
    let without = words.fill(&text.value);
    if without.contains(['{', '}']) {
        reader.fault_in(
            &text,
            format!("{} has an unknown placeholder", text.shown()),
            "there are {topic}, as in \"public.{topic}\", the names of groups in topics_regex: \
             (?<table>[a-z]+), and with route {route}",
        );
        return None;
    }
    Some(text.value)
}
