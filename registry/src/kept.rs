//! The schemas that were found, as long as the process lives.

use crate::place::Place;
use plimsoll_record::Registered;
use std::collections::HashMap;
use std::sync::Arc;

/// Schemas that one process keeps. A topic has a handful, a large installation some
/// hundreds: more are those of a producer that registers one for each of its records.
pub(crate) const SCHEMAS: usize = 10_000;
/// Bytes of their texts: large ones have a hundred kilobytes.
pub(crate) const BYTES: usize = 256 << 20;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Schemas, those that others refer to among them.
    pub schemas: usize,
    /// Bytes of their texts.
    pub bytes: usize,
}

impl Size {
    /// What one process keeps at most.
    pub const LIMIT: Self = Self {
        schemas: SCHEMAS,
        bytes: BYTES,
    };
}

/// The schemas that were found.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    by_place: HashMap<Place, Arc<Registered>>,
    bytes: usize,
}

/// There is no room for another schema. One is never given up for another: what could
/// be read once has to be readable again, also when the registry has it no more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Kept {
    pub(crate) fn get(&self, place: &Place) -> Option<Arc<Registered>> {
        self.by_place.get(place).cloned()
    }

    pub(crate) fn keep(&mut self, place: Place, schema: &Arc<Registered>) -> Result<(), Full> {
        if self.by_place.contains_key(&place) {
            return Ok(());
        }
        let bytes = self.bytes + schema.text.len();
        if self.by_place.len() >= SCHEMAS || bytes > BYTES {
            return Err(Full);
        }
        self.bytes = bytes;
        self.by_place.insert(place, schema.clone());
        Ok(())
    }

    pub(crate) fn size(&self) -> Size {
        Size {
            schemas: self.by_place.len(),
            bytes: self.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_record::{SchemaId, SchemaKind};

    fn schema(bytes: usize) -> Arc<Registered> {
        Arc::new(Registered {
            id: None,
            kind: SchemaKind::Avro,
            text: "x".repeat(bytes),
            references: Vec::new(),
            origin: "a test".to_owned(),
        })
    }

    fn at(id: usize) -> Place {
        Place::Id(SchemaId::Id(id as u32))
    }

    #[test]
    fn schemas_are_kept_up_to_their_bound_and_none_is_given_up() {
        let (mut kept, small) = (Kept::default(), schema(1));
        for id in 0..SCHEMAS {
            assert_eq!(kept.keep(at(id), &small), Ok(()));
        }
        assert_eq!(kept.keep(at(SCHEMAS), &small), Err(Full));
        assert_eq!(kept.keep(at(7), &small), Ok(()), "it is there");
        assert_eq!(
            kept.size(),
            Size {
                schemas: SCHEMAS,
                bytes: SCHEMAS
            }
        );
        assert!((0..SCHEMAS).all(|id| kept.get(&at(id)).is_some()));
        assert!(kept.get(&at(SCHEMAS)).is_none());
    }

    #[test]
    fn the_bytes_of_their_texts_are_bounded() {
        let (mut kept, large) = (Kept::default(), schema(BYTES / 4));
        for id in 0..4 {
            assert_eq!(kept.keep(at(id), &large), Ok(()));
        }
        assert_eq!(kept.keep(at(4), &schema(1)), Err(Full));
        assert_eq!(kept.keep(at(5), &schema(0)), Ok(()));
    }
}
