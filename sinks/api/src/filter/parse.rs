//! A filter as the config writes it: `value.status in ('paid', 'sent') and value.total > 0`.

use super::{Comparison, Condition, Filter};
use crate::source::{Literal, Source};
use std::fmt;
use std::str::FromStr;

/// Parentheses and `not` within each other: nobody reads a deeper one, and reading it is
/// a call within a call.
const DEPTH: usize = 32;

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The character, counted from 1, at which reading stopped.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "character {}: {}", self.at, self.what)
    }
}

impl std::error::Error for FilterError {}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
        };
        let condition = parser.any()?;
        match parser.rest() {
            "" => Ok(Self {
                text: text.to_owned(),
                condition,
            }),
            _ => Err(parser.wrong("is not expected here", "join conditions by and, or or")),
        }
    }
}

const COMPARISONS: [(&str, Comparison); 8] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("!=", Comparison::NotEqual),
    ("<>", Comparison::NotEqual),
    ("≠", Comparison::NotEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];

const A_CONDITION: &str = "a condition is value.status = 'paid', value.total > 0, value.kind in \
                           ('a', 'b') or exists value.email";
const A_LITERAL: &str = "a text stands in single quotes, 'paid'; a number is -1.5; and there are \
                         true and false";

struct Parser<'t> {
    text: &'t str,
    /// In bytes.
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn any(&mut self) -> Result<Condition, FilterError> {
        self.joined("or", Self::all, Condition::Any)
    }

    fn all(&mut self) -> Result<Condition, FilterError> {
        self.joined("and", Self::one, Condition::All)
    }

    fn joined(
        &mut self,
        word: &str,
        mut each: impl FnMut(&mut Self) -> Result<Condition, FilterError>,
        join: fn(Vec<Condition>) -> Condition,
    ) -> Result<Condition, FilterError> {
        let first = each(self)?;
        let mut all = vec![first];
        while self.took_word(word) {
            all.push(each(self)?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => join(all),
        })
    }

    fn one(&mut self) -> Result<Condition, FilterError> {
        if self.took_word("not") {
            let inner = self.deeper(Self::one)?;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.took("(") {
            let inner = self.deeper(Self::any)?;
            return match self.took(")") {
                true => Ok(inner),
                false => Err(self.wrong("is not expected here", "a ) is missing")),
            };
        }
        if self.took_word("exists") {
            let braced = self.took("(");
            let source = self.source()?;
            if braced && !self.took(")") {
                return Err(self.wrong("is not expected here", "a ) is missing"));
            }
            return Ok(Condition::Exists(source));
        }
        let source = self.source()?;
        if self.took_word("in") {
            return Ok(Condition::In(source, self.literals()?));
        }
        let before = self.at;
        if self.took_word("not") {
            if self.took_word("in") {
                // A value that is not there is in no list, nor out of one.
                let listed = Condition::In(source.clone(), self.literals()?);
                let not = Condition::Not(Box::new(listed));
                return Ok(Condition::All(vec![Condition::Exists(source), not]));
            }
            self.at = before;
        }
        let found = COMPARISONS.iter().find(|(sign, _)| self.took(sign));
        match found {
            Some((_, comparison)) => {
                let literal = self.literal()?;
                Ok(Condition::Compare(source, *comparison, literal))
            }
            None => Err(self.wrong("is no comparison", "=, !=, <, <=, >, >=, in or not in")),
        }
    }

    fn deeper(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Condition, FilterError>,
    ) -> Result<Condition, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("lies too deep", "32 levels are as many as there may be"));
        }
        let condition = inner(self);
        self.depth -= 1;
        condition
    }

    fn literals(&mut self) -> Result<Vec<Literal>, FilterError> {
        if !self.took("(") {
            return Err(self.wrong("is not expected here", "a list is ('a', 'b')"));
        }
        let mut all = vec![self.literal()?];
        while self.took(",") {
            all.push(self.literal()?);
        }
        match self.took(")") {
            true => Ok(all),
            false => Err(self.wrong("is not expected here", "a list is ('a', 'b')")),
        }
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        for (word, is) in [("true", true), ("false", false)] {
            if self.took_word(word) {
                return Ok(Literal::Boolean(is));
            }
        }
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix('\'') {
            let Some((text, length)) = unquoted(quoted) else {
                return Err(self.wrong("has no end", "a quote is missing; '' is one in a text"));
            };
            self.at += 1 + length;
            return Ok(Literal::Text(text));
        }
        let sign = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let length = rest.find(|c| !sign(c)).unwrap_or(rest.len());
        let number = &rest[..length];
        if serde_json::from_str::<serde_json::Number>(number).is_ok() {
            self.at += length;
            return Ok(Literal::Number(number.to_owned()));
        }
        let hint = match rest
            .get(..4)
            .is_some_and(|word| word.eq_ignore_ascii_case("null"))
        {
            true => "ask whether there is a value: exists value.email, not exists value.email",
            false => A_LITERAL,
        };
        Err(self.wrong("is no value", hint))
    }

    fn source(&mut self) -> Result<Source, FilterError> {
        let rest = self.rest();
        let text = &rest[..source_length(rest)];
        match text.parse() {
            Ok(source) => {
                self.at += text.len();
                Ok(source)
            }
            Err(_) if text.is_empty() => Err(self.wrong("is no condition", A_CONDITION)),
            Err(_) => Err(self.wrong(
                "is no source",
                "a source is value.PATH, key.PATH, headers.NAME, topic, partition, offset, \
                 timestamp, and with explode item.PATH or index; a text to compare with stands in single quotes, behind",
            )),
        }
    }

    /// What is left, white space skipped.
    fn rest(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn took(&mut self, sign: &str) -> bool {
        let is = self.rest().starts_with(sign);
        self.at += if is { sign.len() } else { 0 };
        is
    }

    /// A word of the language, in either case.
    fn took_word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let is = rest
            .get(..word.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
            && !rest[word.len()..].starts_with(|c: char| c.is_alphanumeric() || "_.[".contains(c));
        self.at += if is { word.len() } else { 0 };
        is
    }

    fn wrong(&mut self, what: &str, hint: &'static str) -> FilterError {
        let rest = self.rest();
        let shown = match rest.split_whitespace().next() {
            None => "the end".to_owned(),
            Some(word) => format!("\"{}\"", word.chars().take(30).collect::<String>()),
        };
        FilterError {
            at: self.text[..self.at].chars().count() + 1,
            what: format!("{shown} {what}"),
            hint,
        }
    }
}

/// How much of a text is a source, as far as its characters tell: a name with others than
/// these stands in double quotes.
fn source_length(text: &str) -> usize {
    let mut quoted = false;
    let mut bracket = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '[' => bracket = true,
            ']' => bracket = false,
            '*' | '-' if bracket => {}
            c if c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$' | '@' | ':') => {}
            _ => return at,
        }
    }
    text.len()
}

/// A text up to its closing quote, where two quotes are one, and how long it is written.
fn unquoted(text: &str) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('\'')?;
        out.push_str(before);
        match after.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Some((out, text.len() - after.len())),
        }
    }
}
