//! Which message of a schema a record is.

use crate::SchemaError;
use crate::schema::{Declared, MessageId, Schema};
use plimsoll_record::{MessageName, Side};

/// Why a record is not read as any.
#[derive(Debug, PartialEq, Eq)]
pub enum NotThis {
    /// It is another one than the config names.
    Other,
    /// The schema does not tell.
    Schema(SchemaError),
}

impl From<SchemaError> for NotThis {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error)
    }
}

/// The message that a record names, or that the config names, or the only one. Where
/// both name one it has to be the same: bytes of another message could be read without
/// a fault, as their fields' numbers are alike.
pub fn message(
    schema: &Schema,
    named: Option<MessageName<'_>>,
    wanted: Option<&str>,
    side: Side,
) -> Result<MessageId, NotThis> {
    let told = match named {
        None => Vec::new(),
        Some(MessageName::Indexes(indexes)) => by_indexes(schema, &indexes)?,
        Some(MessageName::Name(name)) => vec![by_name(schema, name)?],
    };
    if let Some(name) = wanted {
        let wanted = schema.message(name);
        let wanted = wanted.ok_or_else(|| SchemaError::NoMessage {
            name: name.to_owned(),
        })?;
        return match told.is_empty() || told.contains(&wanted) {
            true => Ok(wanted),
            false => Err(NotThis::Other),
        };
    }
    match (&*told, named) {
        (&[only], _) => Ok(only),
        (&[one, other, ..], Some(MessageName::Indexes(indexes))) => Err(SchemaError::Ambiguous {
            indexes: indexes.to_vec(),
            names: [one, other].map(|id| schema.types.message(id).name.to_string()),
        }
        .into()),
        _ => match &*schema.declared {
            [only] => Ok(only.id),
            _ => Err(SchemaError::Untold {
                side: side.as_str(),
            }
            .into()),
        },
    }
}

/// Some serializers count the messages that stand for entries of maps, where one is
/// declared before another within a message, and some do not: two may be meant.
fn by_indexes(schema: &Schema, indexes: &[u16]) -> Result<Vec<MessageId>, SchemaError> {
    let mut found: Vec<MessageId> = [true, false]
        .into_iter()
        .filter_map(|entries| at(&schema.declared, indexes, entries))
        .collect();
    found.dedup();
    match found.is_empty() {
        true => Err(SchemaError::NoIndex {
            indexes: indexes.to_vec(),
        }),
        false => Ok(found),
    }
}

/// What is declared at the end of the way; entries of maps are counted, or not.
fn at(declared: &[Declared], indexes: &[u16], entries: bool) -> Option<MessageId> {
    let (&index, rest) = indexes.split_first()?;
    let mut counted = declared.iter().filter(|of| entries || !of.is_entry);
    let found = counted.nth(index.into())?;
    match rest {
        // No record is an entry.
        [] => (!found.is_entry).then_some(found.id),
        [..] => at(&found.within, rest, entries),
    }
}

/// By its name with the package, or without it, of those that stand in the file.
fn by_name(schema: &Schema, name: &str) -> Result<MessageId, SchemaError> {
    let short = |of: &&Declared| {
        let full = &*schema.types.message(of.id).name;
        full.rsplit('.').next() == Some(name)
    };
    let own = schema.declared.iter().find(short).map(|of| of.id);
    own.or_else(|| schema.message(name))
        .ok_or_else(|| SchemaError::NoMessage {
            name: name.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_record::{Arena, Framing, split};

    const TEXT: &str = "syntax = \"proto3\"; package p;
        message First { map<string, int32> m = 1; message In { } message Last { } }
        message Second { }";

    fn of(text: &str, name: Option<&str>, wanted: Option<&str>) -> Result<String, NotThis> {
        let schema = Schema::parse(text, &[]).expect("a schema");
        let name = name.map(MessageName::Name);
        let found = message(&schema, name, wanted, Side::Value)?;
        Ok(schema.types.message(found).name.to_string())
    }

    /// As a serializer writes them: how many there are, and they, doubled.
    fn indexed(indexes: &[u8], wanted: Option<&str>) -> Result<String, NotThis> {
        let count = indexes.len() as u8 * 2;
        let doubled = indexes.iter().map(|index| index * 2);
        let bytes: Vec<u8> = [0, 0, 0, 0, 1, count].into_iter().chain(doubled).collect();
        let arena = Arena::new();
        let framed = split(Framing::Confluent, Side::Value, [].into_iter(), &bytes).expect("good");
        let (name, _) = framed.message(&arena).expect("good");
        let schema = Schema::parse(TEXT, &[]).expect("a schema");
        let found = message(&schema, name, wanted, Side::Value)?;
        Ok(schema.types.message(found).name.to_string())
    }

    #[test]
    fn indexes_name_a_message_or_none() {
        assert_eq!(indexed(&[], None), Ok("p.First".to_owned()));
        assert_eq!(indexed(&[1], None), Ok("p.Second".to_owned()));
        for indexes in [&[2][..], &[1, 0], &[0, 3], &[0, 1, 0]] {
            let expected = SchemaError::NoIndex {
                indexes: indexes.iter().map(|&index| index.into()).collect(),
            };
            assert_eq!(indexed(indexes, None), Err(NotThis::Schema(expected)));
        }
    }

    #[test]
    fn entries_of_maps_make_indexes_ambiguous_and_the_config_tells() {
        // The entry itself is no record, nor is what stands behind the last.
        assert_eq!(indexed(&[0, 0], None), Ok("p.First.In".to_owned()));
        assert_eq!(indexed(&[0, 2], None), Ok("p.First.Last".to_owned()));
        let Err(NotThis::Schema(why)) = indexed(&[0, 1], None) else {
            panic!("two are meant");
        };
        assert_eq!(
            why.to_string(),
            "the indexes [0, 1] of a record may mean \"p.First.In\" and \"p.First.Last\""
        );
        for name in ["p.First.In", "p.First.Last"] {
            assert_eq!(indexed(&[0, 1], Some(name)), Ok(name.to_owned()));
        }
        assert_eq!(indexed(&[0, 1], Some("p.Second")), Err(NotThis::Other));
    }

    #[test]
    fn what_the_config_and_the_record_name_has_to_be_one() {
        assert_eq!(of(TEXT, None, Some("p.Second")), Ok("p.Second".to_owned()));
        let name = Some("Second");
        assert_eq!(of(TEXT, name, Some("p.Second")), Ok("p.Second".to_owned()));
        assert_eq!(of(TEXT, name, Some("p.First")), Err(NotThis::Other));
        assert_eq!(
            of(TEXT, Some("p.First.In"), None),
            Ok("p.First.In".to_owned())
        );
        for (name, wanted) in [(Some("In"), None), (None, Some("Second")), (None, Some(""))] {
            let name_of = name.or(wanted).unwrap_or_default().to_owned();
            let expected = SchemaError::NoMessage { name: name_of };
            assert_eq!(of(TEXT, name, wanted), Err(NotThis::Schema(expected)));
        }
    }

    #[test]
    fn the_only_message_needs_no_name() {
        let one = "message One { message In { } }";
        assert_eq!(of(one, None, None), Ok("One".to_owned()));
        for text in [TEXT, "enum E { A = 0; }"] {
            let untold = SchemaError::Untold { side: "value" };
            assert_eq!(of(text, None, None), Err(NotThis::Schema(untold)));
        }
    }
}
