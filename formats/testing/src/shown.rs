//! What was read, as the tests write it down.

use plimsoll_record::{BadRecord, Fault};
use plimsoll_sink_api::Cell;
use plimsoll_sink_api::canonical::{self, written};

/// A cell with its kind: its text, or what else it is.
///
/// # Panics
/// It has no text.
#[must_use]
pub fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Absent => "absent".to_owned(),
        Cell::Unchanged => "unchanged".to_owned(),
        Cell::Null => "null".to_owned(),
        Cell::Text(text) => format!("text {text}"),
        Cell::Json(json) => format!("json {json}"),
        Cell::Bytes(bytes) => format!("bytes {}", canonical::to_base64(bytes)),
        Cell::Bool(_)
        | Cell::Int(_)
        | Cell::Unsigned(_)
        | Cell::Float(_)
        | Cell::Number(_)
        | Cell::Decimal { .. }
        | Cell::Date(_)
        | Cell::Time(_)
        | Cell::Timestamp(_)
        | Cell::Uuid(_)
        | Cell::Interval(_) => written(canonical::Wanted::Text, cell).expect("a text"),
    }
}

/// What is wrong with bytes.
pub fn fault(result: &Result<impl Sized, BadRecord>) -> Option<Fault> {
    match result {
        Err(BadRecord::Binary { fault, .. }) => Some(*fault),
        _ => None,
    }
}
