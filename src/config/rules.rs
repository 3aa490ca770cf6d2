//! What a table as a whole must be: its required settings, the rules between
//! them, and nothing that is unknown.

use super::judge::At;
use super::reader::{Entry, Reader, flat, join};
use super::spec::{Absent, Rule, When};
use super::unknown;
use toml::de::DeValue;

impl Reader<'_, '_> {
    /// Judges the table as a whole, after its settings were read.
    pub(super) fn finish(self) {
        self.check_required();
        self.check_rules();
        for Entry { key, key_at, .. } in self.entries() {
            if self.spec.setting(key).is_none() {
                let (what, hint) = unknown::judge(key, self.spec, self.place(), &self.judge.sinks);
                self.fault_at(&self.place_of(key), &key_at, what, hint);
            }
        }
    }

    /// Says that a setting is missing.
    pub(super) fn missing(&self, key: &str) {
        self.fault_of(key, "is missing", self.fill(self.setting(key).missed));
    }

    fn check_required(&self) {
        for setting in self.spec.settings() {
            let Absent::Required { unless } = setting.absent else {
                continue;
            };
            let instead = unless.iter().any(|other| self.has(other));
            if !self.has(setting.name) && !instead {
                self.missing(setting.name);
            }
        }
    }

    fn check_rules(&self) {
        for rule in self.spec.rules() {
            match *rule {
                Rule::Refused {
                    settings,
                    words,
                    when,
                    why,
                    hint,
                } => {
                    let hit =
                        |key: &&&str| self.has(key) && (words.is_empty() || self.says(key, words));
                    for key in settings.iter().filter(hit) {
                        if self.holds(when) {
                            self.fault_of(key, why, self.fill(hint));
                        }
                    }
                }
                Rule::RefusedKeys {
                    setting,
                    keys,
                    when,
                    why,
                    hint,
                } => {
                    if !self.holds(when) {
                        continue;
                    }
                    for (key, at) in self.keys_in(setting) {
                        if keys.contains(&key.as_str()) {
                            let place = join(&self.place_of(setting), &key);
                            self.fault_at(&place, &at, why, self.fill(hint));
                        }
                    }
                }
                Rule::Needs(key, other) => {
                    if self.has(key) && !self.has(other) {
                        self.missing(other);
                    }
                }
            }
        }
    }

    fn holds(&self, when: When) -> bool {
        match when {
            When::Has(other) => self.has(other),
            When::Is(other, words) => self.says(other, words),
            When::On(other) => self.says(other, &["true"]),
            When::Off(other) => !self.says(other, &["true"]),
            When::Lacks(others) => !others.iter().any(|other| self.has(other)),
        }
    }

    /// Whether a setting was read, and as one of these words.
    fn says(&self, key: &str, words: &[&str]) -> bool {
        self.said
            .get(key)
            .is_some_and(|said| words.contains(&said.as_str()))
    }

    /// The keys of a table whose keys are the user's own.
    fn keys_in(&self, setting: &str) -> Vec<(String, At)> {
        let (_, Some(value)) = self.find(setting) else {
            return Vec::new();
        };
        let DeValue::Table(table) = value.get_ref() else {
            return Vec::new();
        };
        let keys = flat(table).into_iter();
        keys.map(|(name, entry)| (name, entry.key_at)).collect()
    }

    /// Whether there is a table among the settings that is unknown here.
    pub(super) fn has_unknown_table(&self) -> bool {
        self.entries().iter().any(|entry| {
            matches!(entry.value.get_ref(), DeValue::Table(_))
                && self.spec.setting(entry.key).is_none()
        })
    }
}
