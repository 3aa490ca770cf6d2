//! What a column takes, and what is made of it on the way.

use crate::{Source, SourceError, Unit};
use std::fmt;
use std::str::FromStr;

/// What a column takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Take {
    /// Where its values come from.
    pub source: Source,
    /// Where they come from when that has none, or null: the first of these that has one.
    pub otherwise: Vec<Source>,
    /// What is made of them.
    pub make: Make,
}

/// What is made of a value before it is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Make {
    /// A number is a point in time, counted in this from the Unix epoch.
    pub epoch: Option<Epoch>,
    /// A text without an offset is the time of a clock in this zone, by its name in the
    /// IANA's database.
    pub time_zone: Option<String>,
    /// What it is turned into.
    pub cast: Option<Cast>,
}

/// What a point in time is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Epoch {
    /// Seconds.
    Seconds,
    /// Parts of a second.
    Parts(Unit),
}

/// What a value is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cast {
    /// Its text: a number's digits, JSON as it stands.
    Text,
    /// The JSON that a text holds.
    Json,
    /// The number that a text holds; of a boolean 1 or 0.
    Number,
    /// The boolean that a text or a number stands for.
    Boolean,
}

impl Take {
    /// Every source that it may take.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        std::iter::once(&self.source).chain(&self.otherwise)
    }

    /// Whether it takes just this, as it is.
    #[must_use]
    pub fn is(&self, source: &Source) -> bool {
        self.source == *source && self.otherwise.is_empty() && self.make == Make::default()
    }

    /// Whether it takes one thing, from a place that a format finds: nothing is gathered for
    /// it, or chosen.
    #[must_use]
    pub fn is_of_one_place(&self) -> bool {
        let gathered = match &self.source {
            Source::Inside(_) | Source::Rest => true,
            Source::Value(_)
            | Source::Spelled(_)
            | Source::Key(_)
            | Source::Item(_)
            | Source::SpelledItem(_)
            | Source::Index
            | Source::Header(_)
            | Source::Topic
            | Source::Partition
            | Source::Offset
            | Source::Timestamp
            | Source::Constant(_) => false,
        };
        !gathered && self.otherwise.is_empty()
    }

    /// Whether it takes bytes as the record has them; a constant beside them is what they
    /// would be.
    #[must_use]
    pub fn is_bytes(&self) -> bool {
        let constant = |source: &&Source| matches!(source, Source::Constant(_));
        let mut taken = self.sources().filter(|source| !constant(source)).peekable();
        taken.peek().is_some() && taken.all(Source::is_bytes)
    }
}

impl From<Source> for Take {
    fn from(source: Source) -> Self {
        Self {
            source,
            otherwise: Vec::new(),
            make: Make::default(),
        }
    }
}

/// One source, taken as it is.
impl FromStr for Take {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        text.parse::<Source>().map(Self::from)
    }
}

impl Epoch {
    /// Its word in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Parts(Unit::Millis) => "ms",
            Self::Parts(Unit::Micros) => "us",
            Self::Parts(Unit::Nanos) => "ns",
        }
    }
}

impl Cast {
    /// Its word in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// `value.a or value.b or 'none', in ms, as text`
impl fmt::Display for Take {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        for other in &self.otherwise {
            write!(f, " or {other}")?;
        }
        if let Some(epoch) = self.make.epoch {
            write!(f, ", in {}", epoch.as_str())?;
        }
        if let Some(zone) = &self.make.time_zone {
            write!(f, ", in {zone}")?;
        }
        match self.make.cast {
            Some(cast) => write!(f, ", as {}", cast.as_str()),
            None => Ok(()),
        }
    }
}
