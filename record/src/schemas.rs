//! The schemas that records were written with, and where they come from.

use crate::{Need, SchemaId, Side, Unavailable, Undecoded};
use plimsoll_protocol::Class;
use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// What language a schema is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaKind {
    /// Avro.
    Avro,
    /// Protobuf: the text of a file, or a `FileDescriptorProto` in base64.
    Protobuf,
    /// JSON Schema.
    Json,
    /// A registry's word for another one.
    Other(String),
    /// Nobody has told it.
    Untold,
}

/// A schema, with all that it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// How records name it; `None`: they do not, as it is a reference's, or a file's.
    pub id: Option<SchemaId>,
    /// Its language.
    pub kind: SchemaKind,
    /// Its text.
    pub text: String,
    /// What it refers to, in the registry's order.
    pub references: Vec<Reference>,
    /// Where it comes from, for messages: `schema 43`, `subject orders-value, version 2`.
    pub origin: String,
}

/// What a schema refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// How the schema names it: a file to import, the name of a type, a URI.
    pub name: String,
    /// What is meant.
    pub schema: Arc<Registered>,
}

impl Registered {
    /// All that it refers to, directly or not: what is referred to stands before what
    /// refers to it. Of several with one name only the first is there, as for those who
    /// registered them.
    #[must_use]
    pub fn dependencies(&self) -> Vec<&Reference> {
        fn visit<'r>(
            schema: &'r Registered,
            seen: &mut HashSet<&'r str>,
            all: &mut Vec<&'r Reference>,
        ) {
            for reference in &schema.references {
                if seen.insert(&reference.name) {
                    visit(&reference.schema, seen, all);
                    all.push(reference);
                }
            }
        }
        let mut all = Vec::new();
        visit(self, &mut HashSet::new(), &mut all);
        all
    }
}

/// Getting a schema.
pub type FetchingSchema<'f> =
    Pin<Box<dyn Future<Output = Result<Arc<Registered>, Unavailable>> + Send + 'f>>;

/// Where schemas come from. The same name stands for the same schema as long as the
/// process lives.
pub trait Schemas: fmt::Debug + Send + Sync {
    /// The schema that a record names, or that of a record that names none; `None`: it
    /// is not here.
    fn get(&self, id: Option<SchemaId>) -> Option<Arc<Registered>>;

    /// Gets a schema, and keeps it.
    fn fetch(&self, id: SchemaId) -> FetchingSchema<'_>;

    /// The schema of one side of a record.
    ///
    /// # Errors
    /// It is not here: it has to be fetched, or the record does not tell which it is.
    fn of(&self, side: Side, id: Option<SchemaId>) -> Result<Arc<Registered>, Undecoded> {
        match (self.get(id), id) {
            (Some(schema), _) => Ok(schema),
            (None, Some(schema)) => Err(Undecoded::Needs(Need { side, schema })),
            (None, None) => Err(Undecoded::Unusable(Unavailable {
                class: Class::Halt,
                what: format!("nothing tells the {}'s schema", side.as_str()),
                hint: Some("set its framing, or schema_file".to_owned()),
            })),
        }
    }
}

/// One schema for all records, out of a file: what they name counts only where the
/// file's own name is known.
#[derive(Debug, Clone)]
pub struct FixedSchema(Arc<Registered>);

impl FixedSchema {
    /// With an `id`, records that name another schema are not read with this one.
    #[must_use]
    pub fn new(schema: Registered) -> Self {
        Self(Arc::new(schema))
    }
}

impl Schemas for FixedSchema {
    fn get(&self, id: Option<SchemaId>) -> Option<Arc<Registered>> {
        match (self.0.id, id) {
            (Some(own), Some(id)) if own != id => None,
            _ => Some(self.0.clone()),
        }
    }

    fn fetch(&self, id: SchemaId) -> FetchingSchema<'_> {
        let got = self.get(Some(id)).ok_or_else(|| Unavailable {
            class: Class::Halt,
            what: format!(
                "the record was written with {id}, which {} is not",
                self.0.origin
            ),
            hint: Some("schema_file has to hold the schema that records were written with".into()),
        });
        Box::pin(async move { got })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str, references: &[(&str, &Arc<Registered>)]) -> Arc<Registered> {
        let reference = |(name, schema): &(&str, &Arc<Registered>)| Reference {
            name: (*name).to_owned(),
            schema: Arc::clone(schema),
        };
        Arc::new(Registered {
            id: None,
            kind: SchemaKind::Protobuf,
            text: text.to_owned(),
            references: references.iter().map(reference).collect(),
            origin: "a test".to_owned(),
        })
    }

    #[test]
    fn what_is_referred_to_stands_before_what_refers_to_it_and_once() {
        let leaf = schema("leaf", &[]);
        let other = schema("other leaf", &[]);
        let left = schema("left", &[("leaf", &leaf)]);
        let right = schema("right", &[("leaf", &other), ("left", &left)]);
        let top = schema("top", &[("right", &right), ("left", &left)]);
        let all = top.dependencies().into_iter();
        let all: Vec<_> = all.map(|r| (&*r.name, &*r.schema.text)).collect();
        assert_eq!(
            all,
            [("leaf", "other leaf"), ("left", "left"), ("right", "right")]
        );
    }

    fn fixed(id: Option<SchemaId>) -> FixedSchema {
        FixedSchema::new(Registered {
            id,
            ..(*schema("text", &[])).clone()
        })
    }

    #[test]
    fn a_files_schema_is_that_of_all_records() {
        let schemas = fixed(None);
        for id in [None, Some(SchemaId::Id(1)), Some(SchemaId::Fingerprint(2))] {
            assert_eq!(schemas.of(Side::Value, id).expect("one").text, "text");
        }
    }

    #[test]
    fn a_file_with_a_fingerprint_is_not_taken_for_another_schema() {
        let (own, other) = (SchemaId::Fingerprint(1), SchemaId::Fingerprint(2));
        let schemas = fixed(Some(own));
        assert!(schemas.of(Side::Key, Some(own)).is_ok());
        assert!(schemas.of(Side::Key, None).is_ok());
        let need = Need {
            side: Side::Key,
            schema: other,
        };
        assert_eq!(
            schemas.of(Side::Key, Some(other)),
            Err(Undecoded::Needs(need))
        );
        let mut waiting = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(Err(why)) = schemas.fetch(other).as_mut().poll(&mut waiting)
        else {
            panic!("it has nothing to wait for, and is not here");
        };
        assert_eq!(why.class, Class::Halt);
    }

    #[test]
    fn a_registry_cannot_tell_the_schema_of_a_record_that_names_none() {
        #[derive(Debug)]
        struct Empty;
        impl Schemas for Empty {
            fn get(&self, _: Option<SchemaId>) -> Option<Arc<Registered>> {
                None
            }
            fn fetch(&self, _: SchemaId) -> FetchingSchema<'_> {
                unreachable!("nothing is fetched")
            }
        }
        let Err(Undecoded::Unusable(why)) = Empty.of(Side::Value, None) else {
            panic!("there is no schema");
        };
        assert_eq!(
            why.to_string(),
            "nothing tells the value's schema; hint: set its framing, or schema_file"
        );
    }
}
