//! What keys and values are written in, by their bytes. Pure.

use plimsoll_record::{Framing, Looks};
use serde::de::IgnoredAny;
use std::collections::HashMap;

/// What some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Found {
    Json,
    ConnectJson,
    /// A schema's number stands in front of them, or a mark.
    Framed(Framing),
    Cbor,
    MessagePack,
    Text,
    Int16,
    Int32,
    Int64,
    Bytes,
    /// What nothing here reads.
    AvroFile,
    Gzip,
}

/// What most of some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Most {
    pub(super) found: Found,
    pub(super) of: usize,
    pub(super) others: usize,
}

impl Found {
    /// The format's word in a config; `None`: that is for a registry to say, or nothing
    /// reads it.
    pub(super) const fn word(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("json"),
            Self::ConnectJson => Some("connect_json"),
            Self::Cbor => Some("cbor"),
            Self::MessagePack => Some("msgpack"),
            Self::Text => Some("text"),
            Self::Int16 => Some("int16"),
            Self::Int32 => Some("int32"),
            Self::Int64 => Some("int64"),
            Self::Bytes => Some("bytes"),
            Self::Framed(_) | Self::AvroFile | Self::Gzip => None,
        }
    }
}

/// Of values; `None`: there is none.
pub(super) fn values<'b>(all: impl IntoIterator<Item = &'b [u8]>) -> Option<Most> {
    most(all.into_iter().map(value))
}

/// Of keys, beside values that are found so.
pub(super) fn keys<'b>(
    all: impl IntoIterator<Item = &'b [u8]>,
    value: Option<Found>,
) -> Option<Most> {
    let filled = all.into_iter().filter(|key| !key.is_empty());
    most(filled.map(|bytes| key(bytes, value)))
}

fn most(all: impl Iterator<Item = Found>) -> Option<Most> {
    let mut counts: HashMap<Found, usize> = HashMap::new();
    // Of as many the one that came first.
    let mut order = Vec::new();
    for found in all {
        let count = counts.entry(found).or_default();
        if *count == 0 {
            order.push(found);
        }
        *count += 1;
    }
    let total: usize = counts.values().sum();
    let found = order.into_iter().rev().max_by_key(|found| counts[found])?;
    Some(Most {
        found,
        of: total,
        others: total - counts[&found],
    })
}

fn value(bytes: &[u8]) -> Found {
    if let Some(found) = json(bytes) {
        return found;
    }
    match Looks::of(bytes) {
        Some(Looks::Framed(framing)) => Found::Framed(framing),
        Some(Looks::Cbor) => Found::Cbor,
        Some(Looks::MessagePack) => Found::MessagePack,
        Some(Looks::AvroFile) => Found::AvroFile,
        Some(Looks::Gzip) => Found::Gzip,
        Some(Looks::Json) | None if is_text(bytes) => Found::Text,
        Some(Looks::Json) | None => Found::Bytes,
    }
}

fn key(bytes: &[u8], value: Option<Found>) -> Found {
    if let Some(found) = json(bytes) {
        return found;
    }
    if is_text(bytes) {
        // A key that is read as JSON may be a bare text.
        return Found::Json;
    }
    match (bytes, value) {
        // A small number of eight bytes begins with more zeros than a schema's.
        ([0, id @ ..], Some(framed @ Found::Framed(Framing::Confluent)))
            if id.len() > 4 && id[..4] != [0; 4] =>
        {
            framed
        }
        _ => match bytes.len() {
            2 => Found::Int16,
            4 => Found::Int32,
            8 => Found::Int64,
            _ => Found::Bytes,
        },
    }
}

/// Whether it is JSON, and which.
fn json(bytes: &[u8]) -> Option<Found> {
    let _: IgnoredAny = serde_json::from_slice(bytes).ok()?;
    let fields: Option<HashMap<String, IgnoredAny>> = serde_json::from_slice(bytes).ok();
    let is_connect = fields.is_some_and(|fields| {
        fields.len() == 2 && fields.contains_key("schema") && fields.contains_key("payload")
    });
    Some(match is_connect {
        true => Found::ConnectJson,
        false => Found::Json,
    })
}

fn is_text(bytes: &[u8]) -> bool {
    let printed = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(printed))
}

/// The number of a schema in front of Confluent's bytes.
pub(super) fn schema_id(bytes: &[u8]) -> Option<u32> {
    let id = bytes.get(1..5)?.try_into().ok()?;
    Some(u32::from_be_bytes(id))
}

/// What stands around a row, by the names of a value's own fields: a word of the config.
pub(super) fn envelope<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<&'static str> {
    let names: Vec<&str> = names.into_iter().collect();
    let has = |wanted: &[&str]| wanted.iter().all(|name| names.contains(name));
    if has(&["op", "source"]) && (has(&["after"]) || has(&["before"])) {
        Some("debezium")
    } else if has(&["__deleted"]) || has(&["__op"]) {
        Some("debezium_flat")
    } else if has(&["database", "table", "type", "data", "isDdl"]) {
        Some("canal")
    } else if has(&["database", "table", "type", "data", "ts"]) {
        Some("maxwell")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_by_their_bytes() {
        for (bytes, found) in [
            (&br#"{"id":1}"#[..], Found::Json),
            (b"7", Found::Json),
            (
                br#"{"schema":{"type":"int64"},"payload":7}"#,
                Found::ConnectJson,
            ),
            (br#"{"schema":1,"payload":7,"more":1}"#, Found::Json),
            (b"\0\0\0\0\x07\x02", Found::Framed(Framing::Confluent)),
            (b"\xc3\x0112345678x", Found::Framed(Framing::SingleObject)),
            (b"\xa1\x62id\x01", Found::Cbor),
            (b"\x81\xa2id\x01", Found::MessagePack),
            (b"a text, and more", Found::Text),
            (br#"{"broken":"#, Found::Text),
            (b"\xff\xfe", Found::Bytes),
            (b"Obj\x01", Found::AvroFile),
            (b"\x1f\x8b", Found::Gzip),
        ] {
            let most = values([bytes]).unwrap();
            assert_eq!(most.found, found, "{}", bytes.escape_ascii());
        }
        assert_eq!(values([]), None);
    }

    #[test]
    fn keys_may_be_bare_and_binary() {
        let framed = Some(Found::Framed(Framing::Confluent));
        for (bytes, value, found) in [
            (&b"c-17"[..], None, Found::Json),
            (br#"{"id":1}"#, None, Found::Json),
            (b"\0\0\0\x2a", None, Found::Int32),
            (b"\0\0\0\0\0\0\0\x2a", framed, Found::Int64),
            (
                b"\0\0\0\0\x07\x80\x80\x01",
                framed,
                Found::Framed(Framing::Confluent),
            ),
            (b"\0\0\0\0\x07\x02", None, Found::Bytes),
            (b"\x01\x02\x03", None, Found::Bytes),
        ] {
            let most = keys([bytes, b""], value).unwrap();
            assert_eq!(most.found, found, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_most_are_counts_and_others_are_told() {
        let most = values([&b"{}"[..], b"no", b"{}"]).unwrap();
        assert_eq!((most.found, most.of, most.others), (Found::Json, 3, 1));
        let first = values([&b"no"[..], b"{}"]).unwrap();
        assert_eq!((first.found, first.others), (Found::Text, 1));
    }

    #[test]
    fn envelopes_are_told_by_their_marks() {
        for (names, found) in [
            ("before after source op ts_ms", Some("debezium")),
            ("id name __deleted", Some("debezium_flat")),
            ("database table type ts data old", Some("maxwell")),
            ("database table type ts data isDdl", Some("canal")),
            ("id op", None),
            ("after", None),
        ] {
            assert_eq!(envelope(names.split(' ')), found, "{names}");
        }
    }
}
