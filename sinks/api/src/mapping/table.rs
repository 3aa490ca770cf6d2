//! From a topic to its table.

use super::halt;
use crate::text::nearest;
use crate::{Mode, Route, SinkError, TableRule, TableSettings, rule_for};
use std::collections::HashSet;

/// What the config says of a topic's table.
///
/// # Errors
/// It says nothing.
pub fn rule<'r>(rules: &'r [TableRule], topic: &str) -> Result<&'r TableSettings, SinkError> {
    rule_for(rules, topic).ok_or_else(|| no_table(topic))
}

/// The refusal of a topic that no table takes.
#[must_use]
pub fn no_table(topic: &str) -> SinkError {
    halt(format!("no table is configured for topic \"{topic}\""))
        .hint("name the topic in one of the sink's tables")
}

/// The name of a topic's table, or of that of its records of one route.
///
/// # Errors
/// See [`check_route`].
pub fn table_name(
    settings: &TableSettings,
    topic: &str,
    route: Option<&Route>,
) -> Result<String, SinkError> {
    check_route(settings, topic, route)?;
    Ok(settings.words(topic, route).fill(&settings.table))
}

/// A route is there where records have a part in the table's name.
///
/// # Errors
/// It is not, so that no single table is meant.
pub fn check_route(
    settings: &TableSettings,
    topic: &str,
    route: Option<&Route>,
) -> Result<(), SinkError> {
    match (&settings.routing, route) {
        (Some(_), Some(_)) | (None, None) => Ok(()),
        (Some(_), None) | (None, Some(_)) => Err(halt(format!(
            "the records of topic \"{topic}\" go into several tables, \"{}\"",
            settings.table
        ))),
    }
}

/// The refusal of a route that no table can have in its name: `why`, in words that do not
/// show it.
#[must_use]
pub fn no_such_name(settings: &TableSettings, why: &str) -> SinkError {
    let mut error = halt(format!(
        "no table can have the name \"{}\" that a record asks for: it {why}",
        settings.table
    ));
    error.detail.no_table = true;
    error.detail.bad_name = true;
    error
}

/// The refusal of a table that is not there. `others`: those that are.
#[must_use]
pub fn missing_table<'n>(
    name: &str,
    mode: Mode,
    others: impl IntoIterator<Item = &'n str>,
) -> SinkError {
    let mut error = halt(format!("table \"{name}\" does not exist"));
    error.detail.no_table = true;
    match (nearest(name, others), mode) {
        (Some(near), _) => error.hint(format!("did you mean \"{near}\"?")),
        (None, Mode::Log) => error.hint(
            "create it, or run `plimsoll migrate`, which makes the log tables of topics that the \
             config names",
        ),
        (None, Mode::Append | Mode::Upsert) => error.hint(
            "create it: `plimsoll check --sample 100` prints a statement to start from; plimsoll \
             itself makes log tables only",
        ),
    }
}

/// The `log` tables of some topics, each once: what the config says, and a topic that
/// goes there.
#[must_use]
pub fn log_tables<'r, 't>(
    rules: &'r [TableRule],
    topics: &'t [String],
) -> Vec<(&'r TableSettings, &'t str)> {
    let mut seen = HashSet::new();
    let table = |topic: &'t String| Some((rule_for(rules, topic)?, topic.as_str()));
    let logs = topics.iter().filter_map(table);
    // Which tables there are to be is for records to say, where they have a part in the name.
    logs.filter(|(settings, _)| settings.mode == Mode::Log && settings.routing.is_none())
        .filter(|(settings, topic)| seen.insert(settings.words(topic, None).fill(&settings.table)))
        .collect()
}
