//! Reads single values: types, bounds and defaults come from the table of
//! settings.

use super::expand::expand;
use super::judge::At;
use super::reader::{Reader, kind};
use super::size::{parse_size, show_size};
use super::spec::{Absent, Bounds, Kind, OPEN, Setting, Table, Texts, Value};
use super::text::Text;
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::DeValue;

impl<'c, 'd> Reader<'c, 'd> {
    /// Expands a value that must be a string.
    pub(super) fn string(
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
                secret: false,
            }),
            Err(list) => {
                for wrong in list {
                    self.fault_at(place, &at, wrong.what, wrong.hint);
                }
                None
            }
        }
    }

    /// What a text says, without its default.
    pub(super) fn text(&self, key: &str) -> Option<Text> {
        let (setting, value) = self.find(key);
        let mut text = self.string(&self.place_of(key), value?, "a string")?;
        text.secret = setting.secret;
        if text.value.trim().is_empty() {
            let from = if text.is_expanded() {
                format!(": {}", text.shown())
            } else {
                String::new()
            };
            self.fault_in(&text, format!("is empty{from}"), "");
            return None;
        }
        if let Kind::Text(checks) = setting.kind
            && let Some((what, hint)) = text.fails(checks)
        {
            self.fault_in(&text, what, self.fill(hint.unwrap_or(setting.hint)));
            return None;
        }
        Some(text)
    }

    /// A text that may be blank, or its default.
    pub(super) fn text_as_it_is(&self, key: &str) -> Option<String> {
        let (setting, value) = self.find(key);
        let Some(value) = value else {
            return self.text_or_default(key);
        };
        let text = self.string(&self.place_of(key), value, "a string")?;
        let Kind::Text(checks) = setting.kind else {
            misread(setting);
        };
        match text.fails(checks) {
            None => Some(text.value),
            Some((what, hint)) => {
                self.fault_in(&text, what, self.fill(hint.unwrap_or(setting.hint)));
                None
            }
        }
    }

    /// What a text says, or its default.
    pub(super) fn text_or_default(&self, key: &str) -> Option<String> {
        match (self.text(key), self.setting(key).absent) {
            (Some(text), _) => Some(text.value),
            (None, Absent::Default(Value::Text(text))) => Some(text.to_owned()),
            (None, _) => None,
        }
    }

    /// Yes or no.
    pub(super) fn boolean(&mut self, key: &'static str) -> bool {
        let (setting, value) = self.find(key);
        let given = value.and_then(|value| match value.get_ref() {
            DeValue::Boolean(is) => Some(*is),
            other => {
                self.wrong_type(&self.place_of(key), &value.span(), other, "true or false");
                None
            }
        });
        let is = given.unwrap_or(matches!(
            setting.absent,
            Absent::Default(Value::Boolean(true))
        ));
        self.said.insert(key, is.to_string());
        is
    }

    /// An integer, or its default.
    pub(super) fn integer(&self, key: &str) -> Option<u64> {
        let (setting, value) = self.find(key);
        let default = match setting.absent {
            Absent::Default(Value::Integer(n)) => Some(n),
            _ => None,
        };
        let Some(value) = value else {
            return default;
        };
        let place = self.place_of(key);
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(&place, &value.span(), value.get_ref(), "an integer");
            return default;
        };
        let Kind::Integer(bounds, _) = setting.kind else {
            misread(setting);
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(n) if bounds.hold(n) => Some(n),
            _ => {
                let (least, most) = (bounds.least, bounds.most);
                self.fault_at(
                    &place,
                    &value.span(),
                    format!("{integer} is not within {least} and {most}"),
                    self.hint(setting),
                );
                default
            }
        }
    }

    /// A size in bytes, or its default.
    pub(super) fn size(&self, key: &str) -> Option<u64> {
        let (setting, value) = self.find(key);
        let default = match setting.absent {
            Absent::Default(Value::Size(n)) => Some(n),
            _ => None,
        };
        let Some(value) = value else {
            return default;
        };
        let Kind::Size(bounds) = setting.kind else {
            misread(setting);
        };
        self.read_size(setting, value, bounds).or(default)
    }

    fn read_size(
        &self,
        setting: &'static Setting,
        value: &Spanned<DeValue<'_>>,
        bounds: Bounds,
    ) -> Option<u64> {
        const HOW: &str = "a number of bytes, or a text such as \"8MiB\"; the units are KiB, MiB, \
                           GiB, kB, MB and GB";
        let place = self.place_of(setting.name);
        let at = value.span();
        let (bytes, shown) = match value.get_ref() {
            DeValue::Integer(integer) => (
                u64::from_str_radix(integer.as_str(), integer.radix()).ok(),
                integer.to_string(),
            ),
            DeValue::String(_) => {
                let text = self.string(&place, value, "a size")?;
                (parse_size(&text.value), text.shown())
            }
            other => {
                let what = format!("must be a size, not {}", kind(other));
                self.fault_at(&place, &at, what, HOW);
                return None;
            }
        };
        match bytes {
            None => {
                self.fault_at(&place, &at, format!("{shown} is not a valid size"), HOW);
                None
            }
            Some(bytes) if !bounds.hold(bytes) => {
                let (least, most) = (show_size(bounds.least), show_size(bounds.most));
                let what = format!("{shown} is not within {least} and {most}");
                self.fault_at(&place, &at, what, self.hint(setting));
                None
            }
            bytes => bytes,
        }
    }

    /// Why there are bounds, and the default.
    fn hint(&self, setting: &Setting) -> String {
        let hint = self.fill(setting.hint);
        match setting.default_text() {
            Some(default) => format!("{hint}; the default is {default}"),
            None => hint,
        }
    }

    /// One of a few words, or its default.
    pub(super) fn choice<T: Copy, const N: usize>(
        &mut self,
        key: &'static str,
        meaning: &[(&'static str, T); N],
    ) -> Option<T> {
        let word = self.word(key).or(match self.setting(key).absent {
            Absent::Default(Value::Text(word)) => Some(word),
            _ => None,
        })?;
        self.said.insert(key, word.to_owned());
        let found = meaning.iter().find(|(known, _)| *known == word);
        found.map(|(_, value)| *value)
    }

    /// The word of a choice that is there, and right.
    fn word(&self, key: &'static str) -> Option<&'static str> {
        let (setting, value) = self.find(key);
        let text = self.string(&self.place_of(key), value?, "a string")?;
        let Kind::Choice(choice) = setting.kind else {
            misread(setting);
        };
        if let Some((_, why)) = choice.refused.iter().find(|(word, _)| *word == text.value) {
            self.fault_in(&text, *why, setting.hint);
            return None;
        }
        let word = choice
            .words
            .iter()
            .copied()
            .find(|word| *word == text.value);
        if word.is_none() {
            let what = if text.is_expanded() {
                format!("{} is not valid for {key}", text.shown())
            } else {
                format!("{} is not a valid value for {key}", text.shown())
            };
            self.fault_in(&text, what, text.did_you_mean(choice.words.iter().copied()));
        }
        word
    }

    /// A list of texts, where it is there and right.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<Text>> {
        let (setting, value) = self.find(key);
        let value = value?;
        let place = self.place_of(key);
        let Kind::Texts(Texts { checks, unique }) = setting.kind else {
            misread(setting);
        };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_type(
                &place,
                &value.span(),
                value.get_ref(),
                "a list of strings, [\"like\", \"this\"]",
            );
            return None;
        };
        if array.is_empty() {
            self.fault_of(key, "is empty", self.fill(setting.hint));
            return None;
        }
        let mut texts: Vec<Text> = Vec::with_capacity(array.len());
        let mut seen = BTreeSet::new();
        let mut good = true;
        for (i, element) in array.iter().enumerate() {
            let Some(mut text) = self.string(&format!("{place}[{i}]"), element, "a string") else {
                good = false;
                continue;
            };
            text.secret = setting.secret;
            if let Some((what, hint)) = text.fails(checks) {
                self.fault_in(&text, what, self.fill(hint.unwrap_or(setting.hint)));
                good = false;
            } else if !seen.insert(text.value.clone()) && unique {
                let what = format!("{} is listed twice", text.shown());
                self.fault_in(&text, what, "remove one");
                good = false;
            }
            texts.push(text);
        }
        good.then_some(texts)
    }

    /// A table within this one, or where it is left out its defaults.
    pub(super) fn table_or_empty(&self, key: &str) -> Option<Reader<'c, 'd>> {
        if self.has(key) {
            return self.table(key);
        }
        let (place, at) = (self.place_of(key), self.key_at(key));
        Some(Reader::new(self.judge, self.inner(key), &place, at, None))
    }

    /// A table within this one.
    pub(super) fn table(&self, key: &str) -> Option<Reader<'c, 'd>> {
        let (_, value) = self.find(key);
        self.as_table(
            self.inner(key),
            self.place_of(key),
            self.key_at(key),
            value?,
        )
    }

    fn inner(&self, key: &str) -> &'static Table {
        match self.setting(key).kind {
            Kind::Table(inner) | Kind::Backend(inner, _) => inner,
            _ => &OPEN,
        }
    }

    /// A list of tables within this one.
    pub(super) fn tables(&self, key: &str) -> Option<Vec<Reader<'c, 'd>>> {
        let (setting, value) = self.find(key);
        let value = value?;
        let Kind::Tables(inner) = setting.kind else {
            misread(setting);
        };
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
        if array.is_empty() {
            self.fault_of(key, "is empty", self.fill(setting.hint));
            return None;
        }
        let readers: Vec<_> = array
            .iter()
            .enumerate()
            .filter_map(|(i, element)| {
                self.as_table(inner, format!("{place}[{i}]"), element.span(), element)
            })
            .collect();
        (readers.len() == array.len()).then_some(readers)
    }

    /// An entry's value as a table.
    pub(super) fn as_table(
        &self,
        spec: &'static Table,
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
        Some(Reader::new(self.judge, spec, &place, at, Some(table)))
    }
}

/// The code and the table of settings differ on what a setting is.
///
/// # Panics
/// Always; a test reads every setting.
pub(super) fn misread(setting: &Setting) -> ! {
    panic!("{} is another kind in the table of settings", setting.name)
}
