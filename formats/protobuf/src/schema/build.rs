//! From descriptors to flat lists.

use super::meaning::Meaning;
use super::numbers::Numbers;
use super::source::Files;
use super::{
    Count, Declared, Enum, EnumId, FieldKind, Message, MessageField, MessageId, Scalar, Schema,
    Types,
};
use crate::SchemaError;
use plimsoll_record::quote;
use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Messages, and fields of one of them. Places among fields are counted in 16 bits.
const MAX_MESSAGES: usize = 1 << 16;
const MAX_FIELDS: usize = 1 << 14;

/// The flat lists of files, the last of which is the schema's own.
pub fn build(files: &Files) -> Result<Schema, SchemaError> {
    let mut pool = DescriptorPool::global();
    let added = pool.add_file_descriptor_protos(files.all.iter().cloned());
    added.map_err(|error| match files.missing.first() {
        None => SchemaError::Broken {
            why: error.to_string(),
        },
        Some(name) => SchemaError::ImportMissing {
            name: name.clone(),
            why: error.to_string(),
        },
    })?;
    let build = Build::of(&pool)?;
    let own = files
        .all
        .last()
        .and_then(|file| pool.get_file_by_name(file.name()));
    let declared = own.iter().flat_map(|file| file.messages());
    let declared = declared.map(|message| build.declared(&message)).collect();
    Ok(Schema {
        declared,
        types: Arc::new(build.types(&pool)?),
    })
}

/// The places of all types, by their names.
struct Build {
    messages: HashMap<Box<str>, MessageId>,
    enums: HashMap<Box<str>, EnumId>,
}

impl Build {
    fn of(pool: &DescriptorPool) -> Result<Self, SchemaError> {
        if pool.all_messages().len() > MAX_MESSAGES || pool.all_enums().len() > MAX_MESSAGES {
            return Err(SchemaError::TooLarge {
                what: "messages and enums",
                limit: MAX_MESSAGES,
            });
        }
        let messages = pool.all_messages().zip(0..);
        let enums = pool.all_enums().zip(0..);
        Ok(Self {
            messages: messages
                .map(|(message, at)| (message.full_name().into(), MessageId(at)))
                .collect(),
            enums: enums
                .map(|(of, at)| (of.full_name().into(), EnumId(at)))
                .collect(),
        })
    }

    fn declared(&self, message: &MessageDescriptor) -> Declared {
        let within = message.child_messages();
        Declared {
            id: self.message_id(message),
            within: within.map(|message| self.declared(&message)).collect(),
            is_entry: message.is_map_entry(),
        }
    }

    fn message_id(&self, message: &MessageDescriptor) -> MessageId {
        self.messages[message.full_name()]
    }

    fn types(self, pool: &DescriptorPool) -> Result<Types, SchemaError> {
        let messages = pool.all_messages().map(|message| self.message(&message));
        let messages = messages.collect::<Result<Vec<_>, _>>()?;
        let enums: Vec<Enum> = pool.all_enums().map(|of| Enum::of(&of)).collect();
        let widest = messages.iter().map(|message| width(message, &enums)).max();
        Ok(Types {
            messages,
            enums,
            names: self.messages,
            widest: widest.unwrap_or_default(),
        })
    }

    fn message(&self, message: &MessageDescriptor) -> Result<Message, SchemaError> {
        let declared = &message.descriptor_proto().field;
        if declared.len() > MAX_FIELDS {
            return Err(SchemaError::TooLarge {
                what: "fields of a message",
                limit: MAX_FIELDS,
            });
        }
        let numbers = declared.iter().map(|field| field.number().unsigned_abs());
        let fields = numbers.filter_map(|number| message.get_field(number));
        // A set of one field is how an optional one is written.
        let sets = message.oneofs().filter(|set| !set.is_synthetic());
        let sets: Vec<Box<str>> = sets.map(|set| set.full_name().into()).collect();
        let fields: Box<[MessageField]> = fields.map(|field| self.field(&field, &sets)).collect();
        let places = fields.iter().map(|field| field.number).zip(0..);
        Ok(Message {
            name: message.full_name().into(),
            numbers: Numbers::of(places),
            oneofs: sets.len() as u32,
            meaning: Meaning::of(message.full_name(), &fields),
            fields,
        })
    }

    fn field(&self, field: &FieldDescriptor, sets: &[Box<str>]) -> MessageField {
        let mut quoted = String::new();
        quote(field.name(), &mut quoted);
        quoted.push(':');
        let set = field.containing_oneof();
        let set = set.and_then(|set| sets.iter().position(|name| **name == *set.full_name()));
        MessageField {
            number: field.number(),
            name: field.name().into(),
            quoted: quoted.into(),
            kind: self.kind(field),
            count: match field.cardinality() {
                Cardinality::Repeated if field.is_map() => Count::Map,
                Cardinality::Repeated => Count::List,
                Cardinality::Optional | Cardinality::Required if field.supports_presence() => {
                    Count::Maybe
                }
                Cardinality::Optional | Cardinality::Required => Count::Always,
            },
            oneof: set.map(|at| at as u32),
        }
    }

    fn kind(&self, field: &FieldDescriptor) -> FieldKind {
        FieldKind::Scalar(match field.kind() {
            Kind::Message(message) => {
                return FieldKind::Message {
                    id: self.message_id(&message),
                    group: field.is_group(),
                };
            }
            Kind::Enum(of) => Scalar::Enum(self.enums[of.full_name()]),
            Kind::Bool => Scalar::Bool,
            Kind::Int32 => Scalar::Int32,
            Kind::Int64 => Scalar::Int64,
            Kind::Uint32 => Scalar::Uint32,
            Kind::Uint64 => Scalar::Uint64,
            Kind::Sint32 => Scalar::Sint32,
            Kind::Sint64 => Scalar::Sint64,
            Kind::Fixed32 => Scalar::Fixed32,
            Kind::Fixed64 => Scalar::Fixed64,
            Kind::Sfixed32 => Scalar::Sfixed32,
            Kind::Sfixed64 => Scalar::Sfixed64,
            Kind::Float => Scalar::Float,
            Kind::Double => Scalar::Double,
            Kind::String => Scalar::String,
            Kind::Bytes => Scalar::Bytes,
        })
    }
}

impl Enum {
    fn of(of: &EnumDescriptor) -> Self {
        let values = of.enum_descriptor_proto().value.iter();
        let mut names: Vec<(i32, Box<str>)> = values
            .map(|value| (value.number(), value.name().into()))
            .collect();
        let zero = names.first().map_or(0, |(number, _)| *number);
        // Keeps their order among equals.
        names.sort_by_key(|(number, _)| *number);
        names.dedup_by_key(|(number, _)| *number);
        Self {
            names: names.into(),
            zero,
        }
    }
}

/// How long the JSON of a message is of which nothing was written.
fn width(message: &Message, enums: &[Enum]) -> usize {
    let zero = |field: &MessageField| match (field.count, field.kind) {
        (Count::Maybe, _) => 0,
        (Count::Always, FieldKind::Scalar(Scalar::Enum(of))) => {
            let of = &enums[of.0 as usize];
            of.name(of.zero).map_or(1, str::len) + 2 + field.quoted.len() + 1
        }
        // The longest zero is false.
        (Count::Always | Count::List | Count::Map, _) => 5 + field.quoted.len() + 1,
    };
    message.fields.iter().map(zero).sum::<usize>() + 2
}
