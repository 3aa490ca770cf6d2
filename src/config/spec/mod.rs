//! The one table of settings: what each is called, what it takes, what holds
//! where it is left out, and what it does.
//!
//! Reading, its messages, the reference in docs/CONFIG.md and the JSON Schema
//! all come from here, so that none of them can disagree.

mod backends;
mod rows;
mod sources;
mod walk;

pub(super) use backends::{NOT_THERE, SOURCE};
pub(super) use rows::{COMMON, REFUSED, ROOT, SINK_NAME};
pub(super) use walk::{Home, Step, homes};

use super::reader::Reader;
use super::settings::Backend;
use super::topics::Reads;

/// A table of the config, such as `[kafka]`.
pub(super) struct Table {
    /// Its name among the schema's definitions.
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    /// Its settings, in groups that tables share.
    pub(super) groups: &'static [&'static Group],
    /// What its settings demand of each other.
    pub(super) rules: &'static [&'static [Rule]],
    /// Settings of other tables that are looked for here, and what is here
    /// instead.
    pub(super) foreign: &'static [(&'static [&'static str], &'static str)],
}

/// Settings that belong together, in the docs too.
pub(super) struct Group {
    /// Their place in the docs.
    pub(super) place: &'static str,
    pub(super) settings: &'static [Setting],
}

/// One setting.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) absent: Absent,
    /// Bounds that no kind tells, for the docs.
    pub(super) also: &'static str,
    /// What it does, in Markdown.
    pub(super) doc: &'static str,
    /// What to do about a value out of bounds.
    pub(super) hint: &'static str,
    /// What to do where it is missed.
    pub(super) missed: &'static str,
    /// No message shows its value.
    pub(super) secret: bool,
}

/// What a setting takes.
pub(super) enum Kind {
    /// A text that is not blank and passes these checks.
    Text(&'static [Check]),
    /// A text that is not blank and that code of its own reads; the pattern is
    /// as much as a schema can say of it.
    Parsed(&'static str),
    Boolean,
    Integer(Bounds, Unit),
    /// A number of bytes, or a text with a unit.
    Size(Bounds),
    Choice(Choice),
    /// A list of texts; not an empty one.
    Texts(Texts),
    /// A word, a time, or a table of this kind.
    Start(&'static Table),
    Table(&'static Table),
    /// A list of tables.
    Tables(&'static Table),
    /// Tables under names that the user gives.
    Named(&'static Table),
    /// A table that says where a sink writes, and what reads it.
    Backend(&'static Table, ReadBackend),
    /// Sources, or tables of this kind, under the names of columns.
    Columns(&'static Table),
    /// A text, a number, or true or false.
    Literal,
    /// Properties of librdkafka.
    Properties,
}

/// Reads the table of a backend, for the sink of this name and its topics.
pub(super) type ReadBackend = fn(Reader<'_, '_>, &str, Option<&Reads>) -> Option<Backend>;

/// Both are within.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Bounds {
    pub(super) fn hold(self, n: u64) -> bool {
        (self.least..=self.most).contains(&n)
    }
}

/// What a number counts; names carry it at their end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    Count,
    Milliseconds,
    Seconds,
}

/// One of a few words.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    pub(super) words: &'static [&'static str],
    /// Words that people will try, and why none of them is taken.
    pub(super) refused: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
pub(super) struct Texts {
    /// Of each text.
    pub(super) checks: &'static [Check],
    pub(super) unique: bool,
}

/// What a text must be. Patterns are read by the `regex` crate and by whatever
/// an editor has: only what both know alike.
pub(super) enum Check {
    /// In bytes.
    Longest(usize),
    /// What is wrong, and what to do, where it does not match.
    Matches(&'static str, &'static str, &'static str),
    /// The same where it does.
    MatchesNot(&'static str, &'static str, &'static str),
}

/// What holds where a setting is left out.
#[derive(Clone, Copy)]
pub(super) enum Absent {
    /// It may not be, unless one of these other settings of its table is there.
    Required {
        unless: &'static [&'static str],
    },
    Default(Value),
    /// Whatever the docs say.
    Nothing(&'static str),
}

/// A default.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Text(&'static str),
    Boolean(bool),
    Integer(u64),
    Size(u64),
}

/// What settings of one table demand of each other.
pub(super) enum Rule {
    /// These settings (with one of these words, if there are any) do not go
    /// with what another says.
    Refused {
        settings: &'static [&'static str],
        words: &'static [&'static str],
        when: When,
        why: &'static str,
        hint: &'static str,
    },
    /// The same of keys in a table whose keys are the user's own.
    RefusedKeys {
        setting: &'static str,
        keys: &'static [&'static str],
        when: When,
        why: &'static str,
        hint: &'static str,
    },
    /// The first one needs the second.
    Needs(&'static str, &'static str),
}

/// What another setting says.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// Anything.
    Has(&'static str),
    /// One of these words.
    Is(&'static str, &'static [&'static str]),
    /// `true`.
    On(&'static str),
    /// Anything but `true`.
    Off(&'static str),
    /// None of these says anything.
    Lacks(&'static [&'static str]),
}

/// For tables whose keys are the user's own.
pub(super) static OPEN: Table = Table {
    name: "open",
    doc: "",
    groups: &[],
    rules: &[],
    foreign: &[],
};

impl Table {
    /// All settings, in order.
    pub(super) fn settings(&self) -> impl Iterator<Item = &'static Setting> + use<> {
        self.groups.iter().flat_map(|group| group.settings)
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = &'static Rule> + use<> {
        self.rules.iter().copied().flatten()
    }

    pub(super) fn setting(&self, name: &str) -> Option<&'static Setting> {
        self.settings().find(|setting| setting.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        let names: Vec<_> = self.settings().map(|setting| setting.name).collect();
        names.into_iter()
    }
}

impl Setting {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            absent: Absent::Nothing("none"),
            also: "",
            doc: "",
            hint: "",
            missed: "",
            secret: false,
        }
    }

    /// `missed` says what to do where it is not there.
    const fn required(self, missed: &'static str) -> Self {
        let absent = Absent::Required { unless: &[] };
        Self {
            absent,
            missed,
            ..self
        }
    }

    const fn required_unless(self, unless: &'static [&'static str], missed: &'static str) -> Self {
        let absent = Absent::Required { unless };
        Self {
            absent,
            missed,
            ..self
        }
    }

    const fn default(self, value: Value) -> Self {
        let absent = Absent::Default(value);
        Self { absent, ..self }
    }

    /// What holds where it is left out, for the docs.
    const fn else_(self, told: &'static str) -> Self {
        let absent = Absent::Nothing(told);
        Self { absent, ..self }
    }

    const fn missed(self, missed: &'static str) -> Self {
        Self { missed, ..self }
    }

    const fn also(self, also: &'static str) -> Self {
        Self { also, ..self }
    }

    const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    const fn doc(self, doc: &'static str) -> Self {
        Self { doc, ..self }
    }

    /// The default as TOML has it.
    pub(super) fn default_text(&self) -> Option<String> {
        match self.absent {
            Absent::Default(value) => Some(value.to_string()),
            Absent::Required { .. } | Absent::Nothing(_) => None,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // As TOML escapes it, too.
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Boolean(is) => write!(f, "{is}"),
            Self::Integer(n) => write!(f, "{n}"),
            Self::Size(n) => write!(f, "\"{}\"", super::size::show_size(*n)),
        }
    }
}

/// The words of a choice, from what they mean.
pub(super) const fn words<T, const N: usize>(pairs: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut i = 0;
    while i < N {
        words[i] = pairs[i].0;
        i += 1;
    }
    words
}

const fn choice(name: &'static str, words: &'static [&'static str]) -> Setting {
    let refused = &[];
    Setting::new(name, Kind::Choice(Choice { words, refused }))
}

const fn integer(name: &'static str, least: u64, most: u64, unit: Unit) -> Setting {
    Setting::new(name, Kind::Integer(Bounds { least, most }, unit))
}

const fn size(name: &'static str, least: u64, most: u64) -> Setting {
    Setting::new(name, Kind::Size(Bounds { least, most }))
}

const fn boolean(name: &'static str, default: bool) -> Setting {
    Setting::new(name, Kind::Boolean).default(Value::Boolean(default))
}

const fn text(name: &'static str, checks: &'static [Check]) -> Setting {
    Setting::new(name, Kind::Text(checks))
}
