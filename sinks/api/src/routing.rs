//! Which of several tables a record goes into, where the record itself says so.

use crate::Source;
use std::fmt;
use std::sync::Arc;

/// What stands for the route in a table's name.
pub const PLACE: &str = "{route}";

/// The longest route, in bytes. No database here takes a longer name of a table, and what
/// records say is kept for each table.
const LONGEST: usize = 255;

/// What tells which of several tables a record goes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// A text of the record, which stands for `{route}` in the table's name.
    pub by: Source,
    /// So many tables of one topic at most.
    pub max_tables: usize,
    /// What becomes of a record that no table is known for.
    pub unknown: UnknownRoute,
}

/// What becomes of a record that no table is known for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UnknownRoute {
    /// The same as of a bad record.
    #[default]
    AsBadRecord,
    /// The partition stops before it.
    Halt,
    /// It is kept in the dead-letter table, and the position moves over it.
    DeadLetter,
    /// The position moves over it.
    Skip,
}

impl UnknownRoute {
    /// The word of the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsBadRecord => "as_bad_record",
            Self::Halt => "halt",
            Self::DeadLetter => "dead_letter",
            Self::Skip => "skip",
        }
    }
}

/// A record's own part of its table's name. It is a value of the record: its `Debug` hides
/// it, and nothing shows it but a table that has it in its name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route(Arc<str>);

impl Route {
    /// Of a text; `None`: no table has it in its name, as it is empty, too long, or holds a
    /// control character.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= LONGEST;
        (fits && !text.contains(char::is_control)).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

/// What of a name stands for `{route}` in a template with one such place, where all else is
/// equal.
#[must_use]
pub fn route_in(template: &str, name: &str) -> Option<Route> {
    let (before, behind) = template.split_once(PLACE)?;
    let route = name.strip_prefix(before)?.strip_suffix(behind)?;
    Route::of(route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_table_can_be_called_is_no_route() {
        for text in ["a", "Ä", "a\"b", "a.b", " ", "{topic}", &"x".repeat(255)] {
            assert_eq!(Route::of(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "a\0",
            "a\nb",
            "\u{7f}",
            &"x".repeat(256),
            &"ä".repeat(128),
        ] {
            assert_eq!(Route::of(text), None);
        }
    }

    #[test]
    fn a_route_is_not_shown() {
        let route = Route::of("secret");
        assert_eq!(format!("{route:?}"), "Some(<hidden>)");
    }

    #[test]
    fn a_route_is_found_in_the_name_that_was_made_of_it() {
        let found = |template, name| route_in(template, name).map(|r| r.as_str().to_owned());
        assert_eq!(
            found("events_{route}", "events_a_b").as_deref(),
            Some("a_b")
        );
        assert_eq!(found("{route}", "a").as_deref(), Some("a"));
        assert_eq!(found("e_{route}_x", "e_x"), None);
        assert_eq!(found("e_{route}_x", "e__x"), None);
        assert_eq!(found("events_{route}", "Events_a"), None);
        assert_eq!(found("events", "events"), None);
    }
}
