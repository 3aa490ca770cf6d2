//! Debezium's word for a value that the source did not send, because it is stored
//! outside its row and did not change.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use plimsoll_sink_api::Cell;
use uuid::{Builder, Uuid};

/// The word, in all the forms that Debezium gives it. Compared as whole values only: a
/// text that holds the word among others is a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unavailable {
    texts: Vec<String>,
    nested: Vec<String>,
    bytes: Vec<u8>,
    uuid: [u8; 16],
}

/// Debezium's own, where its `unavailable.value.placeholder` is not set.
pub const PLACEHOLDER: &str = "__debezium_unavailable_value";

impl Unavailable {
    pub(super) fn of(word: &str) -> Self {
        let quoted = serde_json::Value::from(word).to_string();
        let codes: Vec<String> = word.bytes().map(|byte| byte.to_string()).collect();
        let uuid = name_uuid(word);
        let id = uuid.hyphenated().to_string();
        let pair = format!("{{{quoted}:{quoted}}}");
        Self {
            texts: vec![
                word.to_owned(),
                STANDARD.encode(word),
                hex::encode(word),
                id.clone(),
                pair.clone(),
            ],
            nested: vec![
                quoted.clone(),
                format!("[{quoted}]"),
                format!("[{}]", codes.join(",")),
                format!("[\"{id}\"]"),
                pair,
            ],
            bytes: word.as_bytes().to_vec(),
            uuid: uuid.into_bytes(),
        }
    }

    /// Whether a value is the word, in the form of its type.
    pub(super) fn is(&self, cell: &Cell<'_>) -> bool {
        match cell {
            Cell::Text(text) => self.texts.iter().any(|form| form == text),
            Cell::Json(json) => self.nested.iter().any(|form| form == json),
            Cell::Bytes(bytes) => *bytes == self.bytes,
            Cell::Uuid(uuid) => *uuid == self.uuid,
            Cell::Absent
            | Cell::Unchanged
            | Cell::Null
            | Cell::Bool(_)
            | Cell::Int(_)
            | Cell::Unsigned(_)
            | Cell::Float(_)
            | Cell::Number(_)
            | Cell::Decimal { .. }
            | Cell::Date(_)
            | Cell::Time(_)
            | Cell::Timestamp(_)
            | Cell::Interval(_) => false,
        }
    }
}

/// Java's `UUID.nameUUIDFromBytes`: version 3, of the word alone (RFC 9562, 5.3, without
/// a name space).
fn name_uuid(word: &str) -> Uuid {
    Builder::from_md5_bytes(Md5::digest(word).into()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms of an update that leaves such columns alone, by Debezium 3.3.1.
    #[test]
    fn every_form_that_debezium_sends_is_known() {
        let word = Unavailable::of(PLACEHOLDER);
        for text in [
            PLACEHOLDER,
            "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",
            "{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}",
            "b68a35a7-17ad-35b3-af2a-ae46edb4545a",
        ] {
            assert!(word.is(&Cell::Text(text)), "{text}");
        }
        for json in [
            "\"__debezium_unavailable_value\"",
            "[\"__debezium_unavailable_value\"]",
            "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,\
             118,97,108,117,101]",
            "[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"]",
        ] {
            assert!(word.is(&Cell::Json(json)), "{json}");
        }
        assert!(word.is(&Cell::Bytes(PLACEHOLDER.as_bytes())));
        for other in [
            Cell::Text("not the __debezium_unavailable_value"),
            Cell::Json("[\"a\"]"),
            Cell::Null,
            Cell::Int(95),
        ] {
            assert!(!word.is(&other));
        }
        assert!(Unavailable::of("-").is(&Cell::Text("-")));
    }
}
