//! `topics` or `topics_regex`: what a sink reads.

use super::reader::Reader;
use super::settings::Topics;
use super::text::Text;
use plimsoll_sink_api::Captures;
use regex::Regex;

/// What a sink reads, and how messages name it.
pub(super) struct Reads {
    pub(super) topics: Topics,
    /// The names, or the one pattern.
    pub(super) texts: Vec<Text>,
    /// The pattern, where it names parts of topics.
    pub(super) captures: Option<Captures>,
}

impl Reads {
    /// The topics that are named; none of a pattern.
    pub(super) fn named(&self) -> impl Iterator<Item = &Text> {
        let named = matches!(self.topics, Topics::Named(_));
        self.texts.iter().filter(move |_| named)
    }
}

/// Reads the one of `topics` and `topics_regex` that is there.
pub(super) fn read(reader: &Reader<'_, '_>) -> Option<Reads> {
    let named = reader.texts("topics");
    let pattern = reader.text("topics_regex");
    match (reader.has("topics"), reader.has("topics_regex")) {
        // Both, or none: a fault that the table of settings knows.
        (true, true) | (false, false) => None,
        (true, false) => {
            let texts = named?;
            let topics = Topics::Named(texts.iter().map(|text| text.value.clone()).collect());
            Some(Reads {
                topics,
                texts,
                captures: None,
            })
        }
        (false, true) => {
            let text = pattern?;
            let (pattern, captures) = read_pattern(reader, &text)?;
            Some(Reads {
                topics: Topics::Pattern(pattern),
                texts: vec![text],
                captures,
            })
        }
    }
}

/// librdkafka hands the pattern to the C library, which reads POSIX extended
/// expressions; whatever other dialects add would match something else there. What has the
/// same meaning there is written so: groups with names, and classes such as `\w`.
fn read_pattern(reader: &Reader<'_, '_>, text: &Text) -> Option<(String, Option<Captures>)> {
    let posix = as_posix(&text.value);
    let pattern = anchored(&posix);
    if let Some(part) = beyond_posix(&posix) {
        reader.fault_in(
            text,
            format!("{part} is not part of a POSIX extended regular expression"),
            "of other dialects only groups with names, (?<table>[a-z]+), groups without, (?: ), \
             \\d and \\w are known",
        );
        return None;
    }
    if Regex::new(&pattern).is_err() {
        reader.fault_in(
            text,
            format!("{} is not a valid regular expression", text.shown()),
            "a POSIX extended regular expression, as in topics_regex = \"^orders\\\\.(eu|us)$\"",
        );
        return None;
    }
    let captures = Captures::of(&anchored(&text.value));
    if captures.is_some() && !text.value.ends_with('$') {
        reader.fault_in(
            text,
            "names parts of topics, and does not say where a topic ends",
            "end it with $: else \"orders\" and \"orders-old\" would go to one table",
        );
        return None;
    }
    Some((pattern, captures))
}

/// The same in POSIX' words: groups without names, and classes written out.
fn as_posix(pattern: &str) -> String {
    let mut posix = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let group = rest
            .strip_prefix("(?:")
            .or_else(|| named_group(rest, "(?<"))
            .or_else(|| named_group(rest, "(?P<"));
        let (word, behind) = match group {
            Some(behind) => ("(", behind),
            None if c == '[' => rest.split_at(bracket(rest)),
            None if rest.starts_with(r"\d") => ("[0-9]", &rest[2..]),
            None if rest.starts_with(r"\w") => ("[A-Za-z0-9_]", &rest[2..]),
            // What is escaped begins nothing.
            None if c == '\\' => {
                let length = rest.chars().take(2).map(char::len_utf8).sum();
                rest.split_at(length)
            }
            None => rest.split_at(c.len_utf8()),
        };
        posix.push_str(word);
        rest = behind;
    }
    posix
}

/// How long the text is of the characters in brackets that a pattern begins with.
fn bracket(pattern: &str) -> usize {
    // A ']' that comes first is a member, not the end.
    let members = pattern[1..].trim_start_matches('^');
    let first = members.strip_prefix(']').unwrap_or(members);
    let mut rest = first;
    while let Some(at) = rest.find(['[', ']']) {
        let behind = &rest[at + 1..];
        rest = match (&rest[at..=at], behind.strip_prefix(':')) {
            ("]", _) => return pattern.len() - behind.len(),
            // A class: [:alpha:]
            (_, Some(class)) => class.split_once(":]").map_or("", |(_, behind)| behind),
            (_, None) => behind,
        };
    }
    pattern.len()
}

/// What stands behind the name of a group.
fn named_group<'p>(text: &'p str, opening: &str) -> Option<&'p str> {
    let (name, behind) = text.strip_prefix(opening)?.split_once('>')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some(behind)
}

/// With the `^` in front by which librdkafka knows a pattern.
fn anchored(pattern: &str) -> String {
    let bare = pattern.strip_prefix('^').unwrap_or(pattern);
    if bare.contains('|') {
        // `^a|b` would be `^a`, or `b` anywhere.
        format!("^({bare})")
    } else {
        format!("^{bare}")
    }
}

/// What a pattern holds that POSIX does not know.
fn beyond_posix(pattern: &str) -> Option<String> {
    let mut chars = pattern.chars().peekable();
    let mut in_brackets = false;
    let mut last = None;
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match c {
            '\\' if in_brackets => return Some("a \\ within [ ]".to_owned()),
            '\\' => match chars.next() {
                Some(escaped) if escaped.is_ascii_alphanumeric() => {
                    return Some(format!("\\{escaped}"));
                }
                _ => {
                    last = None;
                    continue;
                }
            },
            '[' if !in_brackets => {
                in_brackets = true;
                // A ']' that comes first is a member, not the end.
                if chars.peek() == Some(&'^') {
                    chars.next();
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                }
            }
            '[' if next == Some(':') => {
                // A class: [:alpha:]
                for c in chars.by_ref() {
                    if c == ']' {
                        break;
                    }
                }
            }
            ']' => in_brackets = false,
            '(' if !in_brackets && next == Some('?') => return Some("(?".to_owned()),
            '?' | '+' if !in_brackets && matches!(last, Some('*' | '+' | '?' | '}')) => {
                return Some(format!("{}{c}", last.unwrap_or_default()));
            }
            _ => {}
        }
        last = Some(c);
    }
    None
}

/// What Kafka keeps for itself.
const INTERNAL: [&str; 3] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
];

/// Whether a topic is one that a pattern leaves out, although it may match: Kafka's
/// own, unless the pattern speaks of names such as theirs.
#[must_use]
pub fn leaves_out(pattern: &str, topic: &str) -> bool {
    INTERNAL.contains(&topic) && !pattern.contains("__")
}

/// Whether a sink reads a topic.
#[must_use]
pub fn reads(topics: &Topics, topic: &str) -> bool {
    match topics {
        Topics::Named(names) => names.iter().any(|name| name == topic),
        Topics::Pattern(pattern) => {
            !leaves_out(pattern, topic)
                && Regex::new(pattern).is_ok_and(|regex| regex.is_match(topic))
        }
    }
}
