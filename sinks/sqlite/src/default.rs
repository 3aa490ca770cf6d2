//! What a column holds when nobody gives it a value.

use crate::encode::Bind;
use crate::number::{Number, number};
use std::borrow::Cow;

/// A column's default.
#[derive(Debug, Clone, PartialEq)]
pub enum Default {
    /// One value for every row: it is bound like any other.
    Constant(Bind<'static>),
    /// An expression, evaluated row by row: `CURRENT_TIMESTAMP`.
    Expression(String),
}

impl Default {
    /// Reads the text that the catalogue keeps of a DEFAULT clause.
    #[must_use]
    pub fn read(text: Option<&str>) -> Self {
        let Some(text) = text.map(str::trim) else {
            return Self::Constant(Bind::Null);
        };
        match constant(text) {
            Some(bind) => Self::Constant(bind),
            None => Self::Expression(text.to_owned()),
        }
    }
}

fn constant(text: &str) -> Option<Bind<'static>> {
    let string = |s: String| Some(Bind::Text(Cow::Owned(s)));
    match text.to_ascii_lowercase().as_str() {
        "null" => return Some(Bind::Null),
        "true" => return Some(Bind::Int(1)),
        "false" => return Some(Bind::Int(0)),
        "current_time" | "current_date" | "current_timestamp" => return None,
        _ => {}
    }
    if let Some(inner) = quoted(text, '\'') {
        return string(inner);
    }
    // A bare or quoted name stands for itself in a DEFAULT clause.
    if let Some(inner) = quoted(text, '"') {
        return string(inner);
    }
    let is_name = |s: &str| {
        s.chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '$')
    };
    if text.starts_with(|c: char| c.is_alphabetic() || c == '_') && is_name(text) {
        return string(text.to_owned());
    }
    if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return match number(text) {
            Number::Int(int) => Some(Bind::Int(int)),
            Number::Real(real) => Some(Bind::Real(real)),
            Number::Neither => None,
        };
    }
    None
}

/// The inside of a text that is one quoted string as a whole.
fn quoted(text: &str, quote: char) -> Option<String> {
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let single = quote.to_string();
    let double = single.repeat(2);
    // Every quote inside must be one of a pair.
    (!inner.replace(&double, "").contains(quote)).then(|| inner.replace(&double, &single))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_told_from_expressions() {
        let text = |s: &'static str| Default::Constant(Bind::Text(Cow::Borrowed(s)));
        for (default, expected) in [
            ("NULL", Default::Constant(Bind::Null)),
            ("'it''s'", text("it's")),
            ("\"new\"", text("new")),
            ("new", text("new")),
            ("TRUE", Default::Constant(Bind::Int(1))),
            ("-7", Default::Constant(Bind::Int(-7))),
            ("+1.5", Default::Constant(Bind::Real(1.5))),
        ] {
            assert_eq!(Default::read(Some(default)), expected, "{default}");
        }
        for default in [
            "CURRENT_TIMESTAMP",
            "'a' || 'b'",
            "random()",
            "x'00'",
            "1 + 1",
            "''''''||''",
        ] {
            assert_eq!(
                Default::read(Some(default)),
                Default::Expression(default.to_owned()),
                "{default}"
            );
        }
        assert_eq!(Default::read(None), Default::Constant(Bind::Null));
    }
}
