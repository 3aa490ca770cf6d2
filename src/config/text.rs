//! A string of the config, and how messages name it.

use super::judge::At;
use super::spec::Check;
use super::suggest::{did_you_mean, one_of};
use regex::Regex;

/// A string of the config, expanded.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// What it says.
    pub(super) value: String,
    /// Where it stands.
    pub(super) at: At,
    /// The setting.
    pub(super) place: String,
    /// What was expanded in it.
    pub(super) from: Vec<String>,
    /// No message shows it.
    pub(super) secret: bool,
}

impl Text {
    /// A value that is not a string in TOML, as text.
    pub(super) fn plain(value: String, at: At, place: &str) -> Self {
        Self {
            value,
            at,
            place: place.to_owned(),
            from: Vec::new(),
            secret: false,
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
        } else if self.secret {
            "the value".to_owned()
        } else {
            format!("\"{}\"", self.value)
        }
    }

    /// `did you mean`, without a word that a secret is near to.
    pub(super) fn did_you_mean<'a>(
        &self,
        words: impl IntoIterator<Item = &'a str> + Clone,
    ) -> String {
        if self.is_expanded() || self.secret {
            format!("it can be {}", one_of(words))
        } else {
            did_you_mean(&self.value, words)
        }
    }

    /// What is wrong with it by the first of these checks that it does not pass,
    /// and what to do; `None` there: what its setting says.
    pub(super) fn fails(&self, checks: &[Check]) -> Option<(String, Option<&'static str>)> {
        checks.iter().find_map(|check| match *check {
            Check::Longest(bytes) => (self.value.len() > bytes).then(|| {
                let what = format!("{} is longer than {bytes} bytes", self.shown());
                (what, None)
            }),
            Check::Matches(pattern, what, hint) => (!matches(pattern, &self.value))
                .then(|| (format!("{} {what}", self.shown()), Some(hint))),
            Check::MatchesNot(pattern, what, hint) => matches(pattern, &self.value)
                .then(|| (format!("{} {what}", self.shown()), Some(hint))),
        })
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    // A test reads every pattern of the table.
    Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}
