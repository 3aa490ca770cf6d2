//! From a topic to its table.

use super::halt;
use crate::text::nearest;
use crate::{Mode, SinkError, TableRule, TableSettings, rule_for};
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

/// The name of a topic's table.
#[must_use]
pub fn table_name(settings: &TableSettings, topic: &str) -> String {
    settings.words(topic).fill(&settings.table)
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
    logs.filter(|(settings, topic)| {
        settings.mode == Mode::Log && seen.insert(table_name(settings, topic))
    })
    .collect()
}
