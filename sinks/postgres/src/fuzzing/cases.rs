//! Bytes → columns and cells such as the decoder makes them.

use crate::encode::{Element, Kind};
use plimsoll_sink_api::Cell;
use serde_json::value::RawValue;

/// One cell for one kind of column.
#[derive(Debug)]
pub struct Case {
    pub kind: Kind,
    pub content: Content,
}

/// What the cell borrows from.
#[derive(Debug)]
pub enum Content {
    Absent,
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Json(String),
    Bytes(Vec<u8>),
    Int(i64),
    Millis(i64),
}

impl Case {
    pub fn cell(&self) -> Cell<'_> {
        match &self.content {
            Content::Absent => Cell::Absent,
            Content::Null => Cell::Null,
            Content::Bool(b) => Cell::Bool(*b),
            Content::Number(s) => Cell::Number(s),
            Content::Text(s) => Cell::Text(s),
            Content::Json(s) => Cell::Json(s),
            Content::Bytes(b) => Cell::Bytes(b),
            Content::Int(i) => Cell::Int(*i),
            Content::Millis(ms) => Cell::millis(*ms),
        }
    }
}

/// Cases until the bytes end: kind, content, length, and so many bytes each.
/// What the decoder would never hand on (a number that is none, broken JSON) is
/// left out.
pub fn read(mut data: &[u8]) -> Vec<Case> {
    let mut cases = Vec::new();
    while let [kind, content, length, rest @ ..] = data {
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        if let Some(content) = content_of(*content, bytes) {
            let kind = kind_of(*kind);
            cases.push(Case { kind, content });
        }
    }
    cases
}

fn kind_of(byte: u8) -> Kind {
    match byte % 8 {
        0 => Kind::Plain,
        1 => Kind::Number,
        2 => Kind::Json,
        3 => Kind::Bytea,
        4 => Kind::RawBytea,
        5 => Kind::Array(Element::Plain),
        6 => Kind::Array(Element::Json),
        _ => Kind::Array(Element::Bytea),
    }
}

fn content_of(byte: u8, bytes: &[u8]) -> Option<Content> {
    let text = || std::str::from_utf8(bytes).ok();
    let json = || {
        let text = text()?;
        let raw = serde_json::from_str::<&RawValue>(text).ok()?.get();
        // A null never is a cell of JSON.
        (raw != "null").then_some(raw)
    };
    let number = || {
        let mut eight = [0; 8];
        let length = bytes.len().min(8);
        eight[..length].copy_from_slice(&bytes[..length]);
        i64::from_le_bytes(eight)
    };
    Some(match byte % 9 {
        0 => Content::Absent,
        1 => Content::Null,
        2 => Content::Bool(bytes.is_empty()),
        3 => Content::Number(
            json()
                .filter(|raw| raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()))?
                .to_owned(),
        ),
        4 => Content::Text(text()?.to_owned()),
        5 => Content::Json(json()?.to_owned()),
        6 => Content::Bytes(bytes.to_vec()),
        7 => Content::Int(number()),
        _ => Content::Millis(number()),
    })
}
