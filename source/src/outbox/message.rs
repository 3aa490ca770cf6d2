//! Messages of `pg_logical_emit_message` → events.
//!
//! The topic stands behind the prefix, as in `outbox:orders`; the content is a JSON object
//! of `key`, a text, `value`, any JSON, and `headers`, texts by their names.

use super::{BadRow, Event, TOPIC_HINT};
use crate::template::is_topic;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'c> {
    key: String,
    /// Missing or null: a tombstone. Byte for byte as it stands.
    #[serde(borrow, default)]
    value: Option<&'c RawValue>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// The event of a message, where it is one: `None` where the prefix is another.
pub(crate) fn event(ours: &str, prefix: &str, content: &[u8]) -> Option<Result<Event, BadRow>> {
    let topic = prefix.strip_prefix(ours)?;
    Some(read(topic, content))
}

fn read(topic: &str, content: &[u8]) -> Result<Event, BadRow> {
    if !is_topic(topic) {
        let why = "what stands behind the prefix of a message is not the name of a topic";
        return Err(BadRow::new(why, TOPIC_HINT));
    }
    // serde's own words quote the content.
    let envelope: Envelope<'_> = serde_json::from_slice(content).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let why = format!("the content of a message for {topic} cannot be read from line {line}, column {column} on");
        BadRow::new(
            why,
            r#"it is {"key": "a text", "value": any JSON, "headers": {"name": "a text"}}"#,
        )
    })?;
    let headers = envelope.headers.into_iter();
    Ok(Event {
        topic: topic.to_owned(),
        key: Bytes::from(envelope.key),
        value: envelope
            .value
            .map(|raw| raw.get())
            .filter(|text| *text != "null")
            .map(|text| Bytes::copy_from_slice(text.as_bytes())),
        headers: headers
            .map(|(name, value)| (name, Some(Bytes::from(value))))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(prefix: &str, content: &str) -> Option<Result<Event, BadRow>> {
        event("outbox:", prefix, content.as_bytes())
    }

    #[test]
    fn a_message_becomes_an_event() {
        let content = r#"{"key":"o1","value":{"a": 1.50},"headers":{"type":"placed"}}"#;
        let wanted = Event {
            topic: "orders".to_owned(),
            key: "o1".into(),
            value: Some(r#"{"a": 1.50}"#.into()),
            headers: vec![("type".to_owned(), Some("placed".into()))],
        };
        assert_eq!(of("outbox:orders", content), Some(Ok(wanted)));
    }

    #[test]
    fn a_message_without_a_value_is_a_tombstone() {
        for content in [r#"{"key":"o1"}"#, r#"{"key":"o1","value":null}"#] {
            assert_eq!(of("outbox:orders", content).unwrap().unwrap().value, None);
        }
    }

    #[test]
    fn a_message_of_somebody_else_is_no_event() {
        assert_eq!(of("audit", "whatever"), None);
    }

    #[test]
    fn what_makes_no_event_is_told_without_its_content() {
        let topic = of("outbox:a b", "{}").unwrap().unwrap_err();
        assert!(topic.why.contains("not the name of a topic"), "{topic:?}");
        for content in [
            "hunter2",
            "{}",
            r#"{"key":null}"#,
            r#"{"key":"a","hunter2":1}"#,
        ] {
            let bad = of("outbox:orders", content).unwrap().unwrap_err();
            assert!(!bad.why.contains("hunter2"), "{bad:?}");
            assert!(
                bad.why.starts_with("the content of a message for orders"),
                "{bad:?}"
            );
        }
    }
}
