//! Which records become rows.

mod parse;
#[cfg(test)]
mod tests;

use crate::source::{Literal, Source};
pub use parse::FilterError;
use std::fmt;

/// A condition, and how the config writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    text: String,
    /// What is asked of a record.
    pub condition: Condition,
}

/// What is asked of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Condition {
    /// All of these.
    All(Vec<Condition>),
    /// One of these at least.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// There is a value, and it is not null.
    Exists(Source),
    /// A value stands so to a literal; one that is not there, or null, stands in no way.
    Compare(Source, Comparison, Literal),
    /// A value is one of these.
    In(Source, Vec<Literal>),
}

/// How a value stands to a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Whether an order fits.
    #[must_use]
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

impl Filter {
    /// Every source that is asked for.
    #[must_use]
    pub fn sources(&self) -> Vec<&Source> {
        let mut sources = Vec::new();
        self.condition
            .each_source(&mut |source| sources.push(source));
        sources
    }
}

impl Condition {
    /// Every source that is asked for, in the order of the text.
    pub fn each_source<'s>(&'s self, each: &mut impl FnMut(&'s Source)) {
        match self {
            Self::All(all) | Self::Any(all) => all.iter().for_each(|one| one.each_source(each)),
            Self::Not(one) => one.each_source(each),
            Self::Exists(source) | Self::Compare(source, ..) | Self::In(source, _) => each(source),
        }
    }
}

/// As the config writes it.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
