//! What a text must mean for its cell, told without the encoder.

use super::cases::{Case, Content};
use super::literal::{self, Node};
use crate::encode::{Element, Kind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

impl Case {
    /// Compares what was parsed back with the cell.
    pub fn check(&self, text: Option<&[u8]>) {
        let Some(text) = text else {
            let null = matches!(self.content, Content::Absent | Content::Null);
            assert!(null, "NULL for {self:?}");
            return;
        };
        let utf8 = || std::str::from_utf8(text).expect("text");
        let number = || utf8().parse::<i64>().expect("a number");
        match (self.kind, &self.content) {
            (_, Content::Absent | Content::Null) => panic!("a text for {self:?}"),
            (Kind::Bytea, Content::Text(s)) => {
                // Canonical base64 has one text per bytes.
                assert_eq!(&STANDARD.encode(unhex(utf8())), s);
            }
            (Kind::RawBytea, Content::Text(s)) => assert_eq!(unhex(utf8()), s.as_bytes()),
            (Kind::Bytea | Kind::RawBytea, Content::Bytes(b)) => assert_eq!(&unhex(utf8()), b),
            (Kind::Array(element), Content::Json(s)) => check_array(element, s, utf8()),
            (Kind::Plain | Kind::Array(_), Content::Millis(ms)) => {
                assert_eq!(milliseconds(utf8()), *ms);
            }
            (_, Content::Millis(ms)) => assert_eq!(number(), *ms),
            (_, Content::Int(i)) => assert_eq!(number(), *i),
            (_, Content::Bool(b)) => assert_eq!(utf8(), if *b { "true" } else { "false" }),
            (_, Content::Number(s) | Content::Text(s) | Content::Json(s)) => assert_eq!(utf8(), s),
            (_, Content::Bytes(_)) => panic!("bytes as text: {self:?}"),
        }
    }

    /// Whether it is right that the value was refused.
    pub fn has_no_text(&self) -> bool {
        match (self.kind, &self.content) {
            (Kind::Bytea, Content::Text(s)) => STANDARD.decode(s).is_err(),
            (Kind::Bytea | Kind::RawBytea, content) => {
                !matches!(content, Content::Text(_) | Content::Bytes(_))
            }
            (_, Content::Bytes(_)) => true,
            (Kind::Plain | Kind::Array(_), Content::Millis(ms)) => {
                // From year 1 to the end of the last day but one of 9999, less two
                // hours: jiff's own bounds leave room for time zones.
                !(-62_135_596_800_000..253_402_207_200_001).contains(ms)
            }
            (Kind::Array(element), Content::Json(s)) => match serde_json::from_str(s) {
                Ok(value) => {
                    // Postgres' own bound: an array has six dimensions at most.
                    let too_deep = element != Element::Json && dimensions(&value) > 6;
                    too_deep || element == Element::Bytea && !all_bytes(&value)
                }
                // A lone surrogate, or what serde_json itself does not go into.
                Err(_) => true,
            },
            _ => false,
        }
    }
}

/// How deep arrays stand in arrays.
fn dimensions(value: &Value) -> usize {
    let Value::Array(items) = value else { return 0 };
    1 + items.iter().map(dimensions).max().unwrap_or(0)
}

/// Whether all that stands in an array is base64.
fn all_bytes(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(s) => STANDARD.decode(s).is_ok(),
        Value::Array(items) => items.iter().all(all_bytes),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn check_array(element: Element, json: &str, text: &str) {
    let Ok(value) = serde_json::from_str::<Value>(json) else {
        // Deeper, or larger, than a `Value` goes: written all the same.
        return;
    };
    match value {
        Value::Array(items) => check_items(element, &items, &literal::read(text)),
        Value::String(s) => assert_eq!(text, s),
        _ => assert_eq!(text, json),
    }
}

fn check_items(element: Element, items: &[Value], node: &Node) {
    let Node::Array(nodes) = node else {
        panic!("no array: {node:?}")
    };
    assert_eq!(nodes.len(), items.len(), "elements");
    for (item, node) in items.iter().zip(nodes) {
        match (item, element, node) {
            (Value::Null, _, Node::Null) => {}
            (item, Element::Json, Node::Text(text)) => {
                assert_eq!(&serde_json::from_str::<Value>(text).expect("JSON"), item);
            }
            (Value::Array(below), _, node) => check_items(element, below, node),
            (Value::String(s), Element::Plain, Node::Text(text)) => assert_eq!(text, s),
            (Value::String(s), Element::Bytea, Node::Text(text)) => {
                assert_eq!(&STANDARD.encode(unhex(text)), s);
            }
            (item, Element::Plain, Node::Text(text)) => {
                assert_eq!(&serde_json::from_str::<Value>(text).expect("JSON"), item);
            }
            (item, _, node) => panic!("{node:?} for {item}"),
        }
    }
}

/// bytea's hex form.
fn unhex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("\\x").expect("hex begins with \\x");
    assert!(digits.len().is_multiple_of(2), "whole bytes");
    let byte = |i| u8::from_str_radix(&digits[i..i + 2], 16).expect("hex");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ` as milliseconds since the Unix epoch.
fn milliseconds(text: &str) -> i64 {
    assert_eq!(
        (text.len(), &text[10..11], &text[23..]),
        (24, "T", "Z"),
        "{text}"
    );
    let field = |from: usize, to: usize| text[from..to].parse::<i64>().expect("digits");
    let (year, month, day) = (field(0, 4), field(5, 7), field(8, 10));
    let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let length = |m: i64| match m {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let before = year - 1;
    let since_year_1 = before * 365 + before / 4 - before / 100 + before / 400;
    let days = since_year_1 + (1..month).map(length).sum::<i64>() + day - 1 - 719_162;
    let seconds = days * 86_400 + field(11, 13) * 3600 + field(14, 16) * 60 + field(17, 19);
    seconds * 1000 + field(20, 23)
}
