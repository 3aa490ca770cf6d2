//! A table of the config, taken apart setting by setting, as the table of
//! settings says.
//!
//! serde stops at the first error; a reader notes every fault and goes on. Where
//! a setting is wrong, reading goes on with its default: the config is refused
//! in any case.

use super::judge::{At, Judge};
use super::spec::{Setting, Table};
use super::text::Text;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One entry of a table whose keys are the user's own words.
pub(super) struct Entry<'d> {
    pub(super) key: &'d str,
    pub(super) key_at: At,
    pub(super) value: &'d Spanned<DeValue<'d>>,
}

/// A table.
pub(super) struct Reader<'c, 'd> {
    pub(super) judge: &'c Judge<'c>,
    /// What it may hold.
    pub(super) spec: &'static Table,
    place: String,
    at: At,
    /// `None`: it is left out, and has only defaults.
    table: Option<&'d DeTable<'d>>,
    /// What its words and switches say, for the rules between settings.
    pub(super) said: BTreeMap<&'static str, String>,
}

impl<'c, 'd> Reader<'c, 'd> {
    pub(super) fn new(
        judge: &'c Judge<'c>,
        spec: &'static Table,
        place: &str,
        at: At,
        table: Option<&'d DeTable<'d>>,
    ) -> Self {
        Self {
            judge,
            spec,
            place: place.to_owned(),
            at,
            table,
            said: BTreeMap::new(),
        }
    }

    /// The place of this table.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The place of one of its settings.
    pub(super) fn place_of(&self, key: &str) -> String {
        join(&self.place, key)
    }

    /// A fault of the whole table.
    pub(super) fn fault(&self, what: impl Into<String>, hint: impl Into<String>) {
        self.fault_at(&self.place, &self.at, what, hint);
    }

    /// A fault of one setting, whether it is there or not.
    pub(super) fn fault_of(&self, key: &str, what: impl Into<String>, hint: impl Into<String>) {
        let at = self.key_at(key);
        // What the top of the file lacks has no line.
        let at = (self.has(key) || !self.place.is_empty()).then_some(&at);
        self.judge
            .fault(&self.place_of(key), at, what.into(), Some(hint.into()));
    }

    /// A fault of a string.
    pub(super) fn fault_in(&self, text: &Text, what: impl Into<String>, hint: impl Into<String>) {
        self.fault_at(&text.place, &text.at, what, hint);
    }

    /// A fault at any place.
    pub(super) fn fault_at(
        &self,
        place: &str,
        at: &At,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.judge
            .fault(place, Some(at), what.into(), Some(hint.into()));
    }

    pub(super) fn wrong_type(&self, place: &str, at: &At, found: &DeValue<'_>, wanted: &str) {
        let what = format!("must be {wanted}, not {}", kind(found));
        self.fault_at(place, at, what, "");
    }

    /// Whether a setting is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// A setting, as the table of settings has it.
    ///
    /// # Panics
    /// Where it has none of that name: every setting that is read stands there.
    pub(super) fn setting(&self, key: &str) -> &'static Setting {
        match self.spec.setting(key) {
            Some(setting) => setting,
            None => panic!("[{}] has no setting {key}", self.spec.name),
        }
    }

    /// A setting and its value, as it stands.
    pub(super) fn find(&self, key: &str) -> (&'static Setting, Option<&'d Spanned<DeValue<'d>>>) {
        let value = self.table.and_then(|table| table.get(key));
        (self.setting(key), value)
    }

    pub(super) fn key_at(&self, key: &str) -> At {
        self.table
            .and_then(|table| table.get_key_value(key))
            .map_or_else(|| self.at.clone(), |(key, _)| key.span())
    }

    /// All entries in the order of the file.
    pub(super) fn entries(&self) -> Vec<Entry<'d>> {
        self.table.map(entries).unwrap_or_default()
    }

    /// All values, those of tables within it too, under their dotted names.
    pub(super) fn flat(&self) -> Vec<(String, Entry<'d>)> {
        self.table.map(flat).unwrap_or_default()
    }

    /// A hint of the table of settings, for this very table.
    pub(super) fn fill(&self, hint: &str) -> String {
        let hint = hint.replace("PLACE", &self.place);
        let mut parts = self.place.split('.');
        match (parts.next(), parts.next()) {
            (Some("sinks"), Some(name)) => hint.replace("NAME", name),
            _ => hint,
        }
    }
}

fn entries<'d>(table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref(),
            key_at: key.span(),
            value,
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_at.start);
    entries
}

/// `security.protocol = "SSL"` without quotes is a table to TOML, and means the
/// same to its author as with them.
pub(super) fn flat<'d>(table: &'d DeTable<'d>) -> Vec<(String, Entry<'d>)> {
    let mut values = Vec::new();
    for entry in entries(table) {
        match entry.value.get_ref() {
            DeValue::Table(inner) => {
                let within = flat(inner).into_iter();
                values.extend(within.map(|(name, value)| (format!("{}.{name}", entry.key), value)));
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => values.push((entry.key.to_owned(), entry)),
        }
    }
    values
}

/// `a.b`, the key in quotes where TOML wants them.
pub(super) fn join(place: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if bare {
        key.to_owned()
    } else {
        format!("{key:?}")
    };
    if place.is_empty() {
        key
    } else {
        format!("{place}.{key}")
    }
}

/// What a value is, in words.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
