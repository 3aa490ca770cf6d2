//! What a topic's name gives to the name of its table.

use crate::{PLACE, Route};
use regex::Regex;
use std::fmt;

/// A pattern that topics match, and that names parts of them: `^shop\.(?<table>[a-z]+)$`.
#[derive(Clone)]
pub struct Captures(Regex);

impl Captures {
    /// Of a pattern; `None`: it is none, or names no part.
    #[must_use]
    pub fn of(pattern: &str) -> Option<Self> {
        let it = Self(Regex::new(pattern).ok()?);
        let any = it.names().next().is_some();
        any.then_some(it)
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.capture_names().flatten()
    }
}

impl fmt::Debug for Captures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for Captures {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Captures {}

/// What stands for `{topic}`, and for the parts that a pattern names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicWords(Vec<(String, String)>);

impl TopicWords {
    /// Of a topic. What of the pattern is not in it is empty.
    #[must_use]
    pub fn of(topic: &str, captures: Option<&Captures>) -> Self {
        let mut words = vec![("{topic}".to_owned(), topic.to_owned())];
        if let Some(captures) = captures {
            let found = captures.0.captures(topic);
            words.extend(captures.names().map(|name| {
                let part = found.as_ref().and_then(|found| found.name(name));
                let part = part.map_or("", |part| part.as_str());
                (format!("{{{name}}}"), part.to_owned())
            }));
        }
        Self(words)
    }

    /// Of a topic that is not known yet: it is taken for one whose parts are short.
    #[must_use]
    pub fn short(captures: Option<&Captures>) -> Self {
        let names = captures.into_iter().flat_map(Captures::names);
        let names = std::iter::once("topic").chain(names);
        Self(
            names
                .map(|name| (format!("{{{name}}}"), "t".to_owned()))
                .collect(),
        )
    }

    /// The same, and what a record says. It comes last, so that nothing in it is a place.
    #[must_use]
    pub fn with_route(mut self, route: &Route) -> Self {
        self.0.push((PLACE.to_owned(), route.as_str().to_owned()));
        self
    }

    /// A text with them in their places.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let filled = |text: String, (place, word): &(String, String)| text.replace(place, word);
        self.0.iter().fold(text.to_owned(), filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_topic_fill_the_name_of_its_table() {
        let captures = Captures::of(r"^shop\.(?<schema>[a-z]+)\.(?<table>[a-z]+)(?<rest>x)?$");
        let captures = captures.expect("it names parts");
        let words = TopicWords::of("shop.public.orders", Some(&captures));
        assert_eq!(
            words.fill("{schema}.raw_{table}{rest}"),
            "public.raw_orders"
        );
        assert_eq!(words.fill("\"{topic}\""), "\"shop.public.orders\"");
        let elsewhere = TopicWords::of("other", Some(&captures));
        assert_eq!(elsewhere.fill("{schema}.{topic}"), ".other");
        assert_eq!(TopicWords::of("t", None).fill("{schema}"), "{schema}");
        let route = Route::of("{topic}{schema}").expect("a route");
        let routed = TopicWords::of("t", None).with_route(&route);
        assert_eq!(routed.fill("{topic}_{route}"), "t_{topic}{schema}");
        assert_eq!(Captures::of("^a(b)"), None);
        assert_eq!(Captures::of("("), None);
    }
}
