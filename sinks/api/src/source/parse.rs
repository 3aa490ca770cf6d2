//! A source as the config writes it.

use super::{Inside, Of, Path, Source, Step};
use std::fmt;
use std::str::FromStr;

/// A text that is no source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// The text as given.
    pub given: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a source", self.given)
    }
}

impl std::error::Error for SourceError {}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let source = match text {
            "topic" => Some(Self::Topic),
            "partition" => Some(Self::Partition),
            "offset" => Some(Self::Offset),
            "timestamp" => Some(Self::Timestamp),
            "value.*" => Some(Self::Rest),
            "index" => Some(Self::Index),
            _ => match text.strip_prefix("headers.") {
                Some("") => None,
                // In double quotes where a filter could not tell its end.
                Some(name) => {
                    let quoted = name
                        .strip_prefix('"')
                        .and_then(|name| name.strip_suffix('"'));
                    Some(Self::Header(quoted.unwrap_or(name).to_owned()))
                }
                None => [Of::Value, Of::Key, Of::Item]
                    .into_iter()
                    .find_map(|of| inside(text, of)),
            },
        };
        source.ok_or_else(|| SourceError {
            given: text.to_owned(),
        })
    }
}

/// `value`, `value.a`, `value.a[0].b`; the same of a key, and of an element.
fn inside(text: &str, of: Of) -> Option<Source> {
    let steps = steps(text.strip_prefix(of.as_str())?)?;
    let name = |step: &Step| match step {
        Step::Field(name) => Some(name.clone()),
        Step::Element(_) | Step::Every => None,
    };
    let names: Vec<String> = steps.iter().map_while(name).collect();
    let rest = &steps[names.len()..];
    let path = Path(names);
    Some(match (of, rest) {
        (Of::Value, []) => Source::Value(path),
        (Of::Key, []) => Source::Key(path),
        (Of::Item, []) => Source::Item(path),
        (_, rest) => Source::Inside(Inside {
            of,
            path,
            steps: rest.to_vec(),
        }),
    })
}

/// `.a."b.c"[0][*].d`; a name in double quotes may hold anything but these.
fn steps(mut rest: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(bracket) = rest.strip_prefix('[') {
            let (place, after) = bracket.split_once(']')?;
            steps.push(element(place)?);
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('.')?;
        let (name, after) = match name.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => name.split_at(name.find(['.', '[', ']']).unwrap_or(name.len())),
        };
        // What stands right behind a name in quotes begins a step of its own.
        if name.is_empty() || !(after.is_empty() || after.starts_with(['.', '['])) {
            return None;
        }
        // Only `value.*` has a meaning, and other fields of that name are rare.
        if name == "*" && !rest.starts_with(".\"") {
            return None;
        }
        steps.push(Step::Field(name.to_owned()));
        rest = after;
    }
    Some(steps)
}

/// `0`, `-1` or `*`.
fn element(place: &str) -> Option<Step> {
    if place == "*" {
        return Some(Step::Every);
    }
    let digits = place.strip_prefix('-').unwrap_or(place);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = place.parse().ok().filter(|_| plain)?;
    Some(Step::Element(number))
}
