//! A topic's name, made of columns.

use std::fmt;

/// `outbox.event.{aggregatetype}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(String),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A brace without its other half.
    #[error("has a brace without its other half")]
    Brace,
    /// `{}`.
    #[error("has braces without a column in them")]
    NoColumn,
    /// A character that no topic's name has.
    #[error("has a character that no topic's name has: {0:?}")]
    Character(char),
}

impl Template {
    /// Reads one.
    ///
    /// # Errors
    /// [`BadTemplate`].
    pub fn parse(text: &str) -> Result<Self, BadTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, behind) = rest.split_at(open);
            let inner = behind.strip_prefix('{').ok_or(BadTemplate::Brace)?;
            let (column, after) = inner.split_once('}').ok_or(BadTemplate::Brace)?;
            if column.contains('{') {
                return Err(BadTemplate::Brace);
            }
            if column.is_empty() {
                return Err(BadTemplate::NoColumn);
            }
            text_part(before, &mut parts)?;
            parts.push(Part::Column(column.to_owned()));
            rest = after;
        }
        text_part(rest, &mut parts)?;
        Ok(Self(parts))
    }

    /// The columns in it.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Column(column) => Some(column.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The topic, where `value` tells what stands in the column of that number, counted
    /// as [`Self::columns`] does.
    ///
    /// # Errors
    /// What `value` says.
    pub fn fill<'v, E>(
        &self,
        mut value: impl FnMut(usize) -> Result<&'v str, E>,
    ) -> Result<String, E> {
        let mut filled = String::new();
        let mut column = 0;
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Column(_) => {
                    filled.push_str(value(column)?);
                    column += 1;
                }
            }
        }
        Ok(filled)
    }
}

fn text_part(text: &str, parts: &mut Vec<Part>) -> Result<(), BadTemplate> {
    if let Some(wrong) = text.chars().find(|c| !is_of_topic(*c)) {
        return Err(BadTemplate::Character(wrong));
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
    Ok(())
}

fn is_of_topic(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Whether Kafka takes it as a topic's name.
#[must_use]
pub fn is_topic(name: &str) -> bool {
    let dots = matches!(name, "." | "..");
    (1..=249).contains(&name.len()) && !dots && name.chars().all(is_of_topic)
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Column(column) => write!(f, "{{{column}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_from_its_columns() {
        let template = Template::parse("outbox.{a}.x{b}").unwrap();
        assert_eq!(template.columns().collect::<Vec<_>>(), ["a", "b"]);
        let values = ["one", "two"];
        let filled = template.fill(|at| Ok::<_, ()>(values[at]));
        assert_eq!(filled, Ok("outbox.one.xtwo".to_owned()));
        assert_eq!(template.fill(|_| Err("null")), Err("null"));
        assert_eq!(template.to_string(), "outbox.{a}.x{b}");
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (text, wrong) in [
            ("a{", BadTemplate::Brace),
            ("a}b", BadTemplate::Brace),
            ("{a{b}", BadTemplate::Brace),
            ("{}", BadTemplate::NoColumn),
            ("a b{c}", BadTemplate::Character(' ')),
            ("{c}ü", BadTemplate::Character('ü')),
        ] {
            assert_eq!(Template::parse(text), Err(wrong), "{text}");
        }
    }

    #[test]
    fn a_topics_name_is_held_to_kafkas_rules() {
        let longest = "x".repeat(249);
        for good in ["a", "a.b-c_D9", "...", &longest] {
            assert!(is_topic(good), "{good}");
        }
        let longer = "x".repeat(250);
        for wrong in ["", ".", "..", "a b", "a/b", "ü", &longer] {
            assert!(!is_topic(wrong), "{wrong}");
        }
    }
}
