//! The position as it stands in Kafka: one JSON object, under the source's name.

use plimsoll_protocol::source::{SourceId, SourcePosition, Stored};
use serde::{Deserialize, Serialize};

/// The header that carries an event's number, in decimal digits.
pub const SEQ_HEADER: &str = "plimsoll-seq";

/// Raised when an older version would misread what a newer one writes.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    format: u32,
    /// In digits: it does not fit into what JSON's readers take for a number.
    system_id: String,
    database: String,
    slot: String,
    /// `None`: an intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<At>,
}

#[derive(Debug, Serialize, Deserialize)]
struct At {
    timeline: u32,
    next_lsn: String,
    seq: u64,
}

/// Why a record is no position.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Unread {
    #[error("it was written by a newer plimsoll (format {0})")]
    Newer(u32),
    #[error("it is no position of plimsoll's: {0}")]
    Foreign(String),
}

fn record(id: &SourceId, at: Option<At>) -> Vec<u8> {
    let record = Record {
        format: FORMAT,
        system_id: id.system_id.to_string(),
        database: id.database.clone(),
        slot: id.slot.clone(),
        at,
    };
    // Strings and numbers: nothing in it can fail.
    serde_json::to_vec(&record).unwrap_or_default()
}

/// The record of an intent.
pub(crate) fn intent(id: &SourceId) -> Vec<u8> {
    record(id, None)
}

/// The record of a position.
pub(crate) fn position(position: &SourcePosition) -> Vec<u8> {
    let at = At {
        timeline: position.timeline,
        next_lsn: position.next_lsn.to_string(),
        seq: position.seq,
    };
    record(&position.id, Some(at))
}

/// Reads either.
pub(crate) fn read(json: &[u8]) -> Result<Stored, Unread> {
    #[derive(Deserialize)]
    struct Only {
        format: u32,
    }
    let foreign = |why: String| Unread::Foreign(why);
    let only: Only = serde_json::from_slice(json).map_err(|e| foreign(e.to_string()))?;
    if only.format != FORMAT {
        return Err(Unread::Newer(only.format));
    }
    let record: Record = serde_json::from_slice(json).map_err(|e| foreign(e.to_string()))?;
    let id = SourceId {
        system_id: record
            .system_id
            .parse()
            .map_err(|_| foreign("system_id is not a number".to_owned()))?,
        database: record.database,
        slot: record.slot,
    };
    let Some(at) = record.at else {
        return Ok(Stored::Intent(id));
    };
    Ok(Stored::At(SourcePosition {
        id,
        timeline: at.timeline,
        next_lsn: at
            .next_lsn
            .parse()
            .map_err(|_| foreign("next_lsn is not a place".to_owned()))?,
        seq: at.seq,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_protocol::source::Lsn;

    fn id() -> SourceId {
        SourceId {
            system_id: u64::MAX,
            database: "shop".to_owned(),
            slot: "plimsoll_orders".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let at = SourcePosition {
            id: id(),
            timeline: 3,
            next_lsn: Lsn(0x16_B374_D848),
            seq: 42,
        };
        assert_eq!(read(&position(&at)), Ok(Stored::At(at)));
        assert_eq!(read(&intent(&id())), Ok(Stored::Intent(id())));
    }

    #[test]
    fn a_record_of_a_newer_version_is_not_taken_for_something_else() {
        let newer = br#"{"format":2,"whatever":true}"#;
        assert_eq!(read(newer), Err(Unread::Newer(2)));
        assert!(matches!(read(b"x"), Err(Unread::Foreign(_))));
        assert!(matches!(read(br#"{"format":1}"#), Err(Unread::Foreign(_))));
    }

    #[test]
    fn the_record_is_what_the_docs_show() {
        let at = SourcePosition {
            id: SourceId {
                system_id: 7,
                ..id()
            },
            timeline: 1,
            next_lsn: Lsn(0x3000),
            seq: 42,
        };
        let text = String::from_utf8(position(&at)).unwrap();
        let wanted = r#"{"format":1,"system_id":"7","database":"shop","slot":"plimsoll_orders","at":{"timeline":1,"next_lsn":"0/3000","seq":42}}"#;
        assert_eq!(text, wanted);
    }
}
