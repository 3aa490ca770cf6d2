//! A table of the config, taken apart setting by setting.
//!
//! serde stops at the first error; a reader notes every fault and goes on, and
//! at the end it names the settings that nobody asked for.

use super::environment::Environment;
use super::expand::expand;
use super::fault::Fault;
use super::suggest::{did_you_mean, nearest, one_of};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes from and to, in the config's text.
pub(super) type At = Range<usize>;

/// Gathers the faults of one config.
pub(super) struct Judge<'e> {
    text: &'e str,
    env: &'e dyn Environment,
    faults: RefCell<Vec<Fault>>,
}

impl<'e> Judge<'e> {
    pub(super) fn new(text: &'e str, env: &'e dyn Environment) -> Self {
        Self {
            text,
            env,
            faults: RefCell::default(),
        }
    }

    /// Notes a fault.
    pub(super) fn fault(&self, place: &str, at: Option<&At>, what: String, hint: Option<String>) {
        let (line, column) = at.map_or((None, None), |at| {
            let (line, column) = self.line_and_column(at.start);
            (Some(line), Some(column))
        });
        self.faults.borrow_mut().push(Fault {
            place: place.to_owned(),
            line,
            column,
            what,
            hint,
        });
    }

    fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// All faults, in the order of the file.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|f| {
            (
                f.line.unwrap_or(usize::MAX),
                f.column.unwrap_or(usize::MAX),
                f.place.clone(),
            )
        });
        faults
    }
}

/// A string of the config, expanded.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// What it says.
    pub(super) value: String,
    /// Where it stands.
    pub(super) at: At,
    /// The setting.
    pub(super) place: String,
    from: Vec<String>,
}

impl Text {
    /// A value that is no string in TOML, as text.
    pub(super) fn plain(value: String, at: At, place: &str) -> Self {
        Self {
            value,
            at,
            place: place.to_owned(),
            from: Vec::new(),
        }
    }

    /// Whether any part of it came from the environment or a file.
    pub(super) fn is_expanded(&self) -> bool {
        !self.from.is_empty()
    }

    /// How a message names it: quoted, or by where it came from.
    pub(super) fn shown(&self) -> String {
        if self.is_expanded() {
            format!("the value of {}", self.from.join(" and "))
        } else {
            format!("\"{}\"", self.value)
        }
    }

    /// `did you mean`, without a word that a secret is near to.
    pub(super) fn did_you_mean<'a>(
        &self,
        words: impl IntoIterator<Item = &'a str> + Clone,
    ) -> String {
        if self.is_expanded() {
            format!("it can be {}", one_of(words))
        } else {
            did_you_mean(&self.value, words)
        }
    }
}

/// One entry of a table whose keys are the user's own words.
pub(super) struct Entry<'d> {
    pub(super) key: &'d str,
    pub(super) key_at: At,
    pub(super) value: &'d Spanned<DeValue<'d>>,
}

/// A table.
pub(super) struct Reader<'c, 'd> {
    judge: &'c Judge<'c>,
    place: String,
    at: At,
    table: &'d DeTable<'d>,
    known: Vec<&'static str>,
    /// Settings that would be known under another circumstance, and why they
    /// are not now.
    foreign: Vec<(&'static str, String)>,
}

impl<'c, 'd> Reader<'c, 'd> {
    pub(super) fn new(judge: &'c Judge<'c>, place: &str, at: At, table: &'d DeTable<'d>) -> Self {
        Self {
            judge,
            place: place.to_owned(),
            at,
            table,
            known: Vec::new(),
            foreign: Vec::new(),
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
        self.judge
            .fault(&self.place, Some(&self.at), what.into(), Some(hint.into()));
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
        self.judge
            .fault(&text.place, Some(&text.at), what.into(), Some(hint.into()));
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

    /// Says that a required setting is missing.
    pub(super) fn missing(&self, key: &str, hint: impl Into<String>) {
        self.fault_of(key, "is missing", hint);
    }

    /// Whether a setting is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A setting that would be known elsewhere: a better answer than "unknown".
    pub(super) fn foreign(&mut self, key: &'static str, why: impl Into<String>) {
        self.foreign.push((key, why.into()));
    }

    fn find(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    fn wrong_type(&self, place: &str, at: &At, found: &DeValue<'_>, wanted: &str) {
        self.judge.fault(
            place,
            Some(at),
            format!("must be {wanted}, not {}", kind(found)),
            None,
        );
    }

    /// Expands a value that must be a string.
    pub(super) fn text(
        &self,
        place: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &str,
    ) -> Option<Text> {
        let at = value.span();
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(place, &at, value.get_ref(), wanted);
            return None;
        };
        match expand(text, self.judge.env) {
            Ok(expanded) => Some(Text {
                value: expanded.value,
                at,
                place: place.to_owned(),
                from: expanded.from,
            }),
            Err(list) => {
                for wrong in list {
                    self.judge
                        .fault(place, Some(&at), wrong.what, Some(wrong.hint));
                }
                None
            }
        }
    }

    /// A string.
    pub(super) fn string(&mut self, key: &'static str) -> Option<Text> {
        let value = self.find(key)?;
        self.text(&self.place_of(key), value, "a string")
    }

    /// A string that says something.
    pub(super) fn filled(&mut self, key: &'static str) -> Option<Text> {
        let text = self.string(key)?;
        if text.value.trim().is_empty() {
            let from = if text.is_expanded() {
                format!(": {}", text.shown())
            } else {
                String::new()
            };
            self.judge
                .fault(&text.place, Some(&text.at), format!("is empty{from}"), None);
            return None;
        }
        Some(text)
    }

    /// The value as it stands, for settings of several types.
    pub(super) fn raw(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.find(key)
    }

    /// Yes or no.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.find(key)?;
        let DeValue::Boolean(is) = value.get_ref() else {
            self.wrong_type(
                &self.place_of(key),
                &value.span(),
                value.get_ref(),
                "true or false",
            );
            return None;
        };
        Some(*is)
    }

    /// An integer within bounds; `why` says why there are bounds.
    pub(super) fn integer(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        why: &str,
    ) -> Option<u64> {
        let value = self.find(key)?;
        let place = self.place_of(key);
        let at = value.span();
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(&place, &at, value.get_ref(), "an integer");
            return None;
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(n) if bounds.contains(&n) => Some(n),
            _ => {
                self.judge.fault(
                    &place,
                    Some(&at),
                    format!(
                        "{integer} is not within {} and {}",
                        bounds.start(),
                        bounds.end()
                    ),
                    Some(why.to_owned()),
                );
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        noun: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.string(key)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            self.fault_in(
                &text,
                format!("{} is no {noun}", text.shown()),
                text.did_you_mean(words.iter().map(|(word, _)| *word)),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// A list of strings; `Some` even if empty, so that the caller can say what
    /// an empty one means.
    pub(super) fn strings(&mut self, key: &'static str) -> Option<Vec<Text>> {
        let value = self.find(key)?;
        let place = self.place_of(key);
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_type(
                &place,
                &value.span(),
                value.get_ref(),
                "a list of strings, [\"like\", \"this\"]",
            );
            return None;
        };
        let mut texts = Vec::with_capacity(array.len());
        let mut whole = true;
        for (i, element) in array.iter().enumerate() {
            match self.text(&format!("{place}[{i}]"), element, "a string") {
                Some(text) => texts.push(text),
                None => whole = false,
            }
        }
        whole.then_some(texts)
    }

    /// A table within this one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Reader<'c, 'd>> {
        let value = self.find(key)?;
        self.as_table(self.place_of(key), self.key_at(key), value)
    }

    /// A list of tables within this one.
    pub(super) fn tables(&mut self, key: &'static str) -> Option<Vec<Reader<'c, 'd>>> {
        let value = self.find(key)?;
        let place = self.place_of(key);
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_type(
                &place,
                &value.span(),
                value.get_ref(),
                &format!("a list of tables, [[{place}]]"),
            );
            return None;
        };
        let readers: Vec<_> = array
            .iter()
            .enumerate()
            .filter_map(|(i, element)| {
                self.as_table(format!("{place}[{i}]"), element.span(), element)
            })
            .collect();
        (readers.len() == array.len()).then_some(readers)
    }

    /// An entry's value as a table.
    pub(super) fn as_table(
        &self,
        place: String,
        at: At,
        value: &'d Spanned<DeValue<'d>>,
    ) -> Option<Reader<'c, 'd>> {
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(
                &place,
                &value.span(),
                value.get_ref(),
                &format!("a table, [{place}]"),
            );
            return None;
        };
        Some(Reader::new(self.judge, &place, at, table))
    }

    fn key_at(&self, key: &str) -> At {
        self.table
            .get_key_value(key)
            .map_or_else(|| self.at.clone(), |(key, _)| key.span())
    }

    /// All entries in the order of the file, for tables whose keys are the
    /// user's own words; nothing is unknown then.
    pub(super) fn entries(&self) -> Vec<Entry<'d>> {
        let mut entries: Vec<_> = self
            .table
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

    /// Whether there is a table among the settings that nobody asked for.
    pub(super) fn has_unknown_table(&self) -> bool {
        self.table.iter().any(|(key, value)| {
            matches!(value.get_ref(), DeValue::Table(_))
                && !self.known.iter().any(|known| known == key.get_ref())
        })
    }

    /// A place of any sink as one of the sink that this table is part of.
    fn with_name(&self, home: &str) -> String {
        let mut parts = self.place.split('.');
        match (parts.next(), parts.next()) {
            (Some("sinks"), Some(name)) => home.replace("NAME", name),
            _ => home.to_owned(),
        }
    }

    /// Names the settings that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.table.iter() {
            let word: &str = key.get_ref();
            if self.known.contains(&word) {
                continue;
            }
            let foreign = self.foreign.iter().find(|(key, _)| *key == word);
            let hint = if let Some((_, why)) = foreign {
                why.clone()
            } else if let Some(best) = nearest(word, self.known.iter().copied()) {
                format!("did you mean \"{best}\"?")
            } else if let Some(home) = home_of(word) {
                format!("it belongs {}", self.with_name(home))
            } else {
                format!("the settings here are {}", self.known.join(", "))
            };
            self.judge.fault(
                &self.place_of(word),
                Some(&key.span()),
                "unknown setting".to_owned(),
                Some(hint),
            );
        }
    }
}

/// Where a setting belongs that stands in the wrong table.
fn home_of(key: &str) -> Option<&'static str> {
    const HOMES: &[(&str, &[&str])] = &[
        ("at the top of the file", &["memory_limit", "drain_ms"]),
        (
            "in [kafka]",
            &[
                "bootstrap_servers",
                "properties",
                "isolation_level",
                "group_protocol",
                "group_instance_id",
            ],
        ),
        ("in [http]", &["listen"]),
        (
            "in [sinks.NAME]",
            &[
                "topics",
                "topics_regex",
                "group_id",
                "format",
                "start",
                "on_bad_record",
                "unknown_fields",
            ],
        ),
        (
            "in [sinks.NAME.batch]",
            &["max_records", "max_bytes", "linger_ms"],
        ),
        (
            "in the sink's backend, [sinks.NAME.postgres] or [sinks.NAME.sqlite]",
            &[
                "url",
                "path",
                "table",
                "tables",
                "mode",
                "key_columns",
                "columns",
                "missing",
                "state_schema",
                "max_connections",
                "auto_migrate",
                "call_timeout_ms",
            ],
        ),
    ];
    HOMES
        .iter()
        .find(|(_, keys)| keys.contains(&key))
        .map(|(home, _)| *home)
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
