//! Whether columns can live with the fields that a format has by the config.

use plimsoll_protocol::Class;
use plimsoll_record::{Unavailable, Wanted};
use plimsoll_sink_api::Path;

/// A column that will never get what it takes: its name, and what it takes, in words.
///
/// A column that nobody named takes the field of its own name, and keeps its default where
/// there is none: so does one that the database fills. But no row goes without its key, and
/// a table that takes nothing at all of what has something to give is a slip of the config.
pub fn missing(wanted: &Wanted<'_>, has: impl Fn(&Path) -> bool) -> Option<(String, String)> {
    let is_there = |path: &Path| path.0.is_empty() || has(path);
    let fields = wanted.fields.iter();
    let found: Vec<bool> = fields.map(|field| is_there(field.path)).collect();
    if let Some((column, paths)) = wanted.missing_key(&found) {
        return Some((column.name.clone(), paths));
    }
    let first = wanted.fields.first().filter(|_| !found.contains(&true))?;
    let path = format!("\"{}\"", first.path.0.join("."));
    Some((first.column.name.clone(), path))
}

/// The same as a halt.
pub fn halt(
    wanted: &Wanted<'_>,
    has: &str,
    missing: (String, String),
    hint: String,
) -> Unavailable {
    let side = wanted.side.as_str();
    let (column, path) = missing;
    Unavailable {
        class: Class::Halt,
        what: format!("the {side} {has}, and the column \"{column}\" takes {path} of it"),
        hint: Some(hint),
    }
}
