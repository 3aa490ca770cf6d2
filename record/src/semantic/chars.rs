//! Text that is something else.

use crate::Fault;
use plimsoll_sink_api::{Cell, Kind, Shape, canonical};
use std::fmt;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chars {
    /// JSON.
    Json,
    /// A UUID, in its canonical form (RFC 9562, 4).
    Uuid,
}

impl fmt::Display for Chars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Uuid => "uuid",
        })
    }
}

impl Chars {
    /// What a column of its own has to hold.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Json => Kind::Json,
            Self::Uuid => Kind::Uuid,
        }
    }

    /// By the name that Debezium gives to a type of text. Others stay what they are:
    /// what a database of the source's kind reads again (ZonedTimestamp, Interval, Xml,
    /// Ltree, Enum …).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "io.debezium.data.Json" => Some(Self::Json),
            "io.debezium.data.Uuid" => Some(Self::Uuid),
            _ => None,
        }
    }

    /// What it is. JSON for a column of JSON is that, and not a string of it; what is not
    /// JSON stays a text, for the column to refuse: a connector puts its own words there
    /// for values that it does not have.
    ///
    /// # Errors
    /// [`Fault::Uuid`]
    pub fn cell(self, text: &str, shape: Shape) -> Result<Cell<'_>, Fault> {
        match (self, shape) {
            (Self::Json, Shape::Json) => match canonical::json(text) {
                Ok(json) => Ok(Cell::Json(json)),
                Err(_) => Ok(Cell::Text(text)),
            },
            (Self::Json, Shape::Scalar | Shape::Bytes | Shape::Presence) => Ok(Cell::Text(text)),
            // Other forms that the parser knows are not as long.
            (Self::Uuid, _) => match uuid::Uuid::try_parse(text) {
                Ok(uuid) if text.len() == 36 => Ok(Cell::Uuid(uuid.into_bytes())),
                Ok(_) | Err(_) => Err(Fault::Uuid),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_json_only_in_a_column_of_it() {
        let json = Chars::named("io.debezium.data.Json").unwrap();
        let text = "{\"a\": 1.10}";
        assert_eq!(json.cell(text, Shape::Json), Ok(Cell::Json(text)));
        assert_eq!(json.cell(text, Shape::Scalar), Ok(Cell::Text(text)));
        let word = "__debezium_unavailable_value";
        assert_eq!(json.cell(word, Shape::Json), Ok(Cell::Text(word)));
    }

    #[test]
    fn a_uuid_has_one_form() {
        let uuid = Chars::named("io.debezium.data.Uuid").unwrap();
        let bytes = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef";
        for text in [
            "01234567-89ab-cdef-0123-456789abcdef",
            "01234567-89AB-CDEF-0123-456789ABCDEF",
        ] {
            assert_eq!(uuid.cell(text, Shape::Scalar), Ok(Cell::Uuid(bytes)));
        }
        for text in [
            "",
            "0123456789abcdef0123456789abcdef",
            "{01234567-89ab-cdef-0123-456789abcdef}",
            "urn:uuid:01234567-89ab-cdef-0123-456789abcdef",
            "01234567-89ab-cdef-0123-456789abcdeg",
            "012345678-9ab-cdef-0123-456789abcdef",
        ] {
            assert_eq!(uuid.cell(text, Shape::Scalar), Err(Fault::Uuid), "{text}");
        }
    }
}
