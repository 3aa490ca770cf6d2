//! Schemas and messages at random: what is read is what prost-reflect reads, which has
//! readers, a tree and JSON of its own.

use crate::support::{compile, fault, json, paths, read, want};
use plimsoll_protobuf::Schema;
use proptest::collection::vec;
use proptest::prelude::*;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage, Value,
};
use serde_json::json;

/// Types of fields. Lists, maps and sets are made of them.
const KINDS: [&str; 17] = [
    "bool", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
    "sfixed32", "sfixed64", "float", "double", "string", "bytes", "E", "M",
];

/// How a field is declared.
#[derive(Debug, Clone, Copy)]
enum Declared {
    Plain(usize),
    Optional(usize),
    List(usize),
    Packed(usize, bool),
    Map(usize, usize),
    OneOf(usize),
}

fn declared() -> impl Strategy<Value = Declared> {
    let kind = 0..KINDS.len();
    prop_oneof![
        kind.clone().prop_map(Declared::Plain),
        kind.clone().prop_map(Declared::Optional),
        kind.clone().prop_map(Declared::List),
        (0..11usize, any::<bool>()).prop_map(|(kind, packed)| Declared::Packed(kind, packed)),
        // Keys are whole numbers, truth values and texts.
        (prop_oneof![0..11usize, Just(13)], kind.clone())
            .prop_map(|(key, of)| Declared::Map(key, of)),
        kind.prop_map(Declared::OneOf),
    ]
}

/// A field's number. Some take more than one byte, and are not in order.
fn number(i: usize) -> usize {
    if i % 3 == 2 { 1_000 - i } else { i + 1 }
}

/// Whether a byte begins the tag of a map whose entries are no messages. prost-reflect
/// does not look at how a map's entry is written.
fn is_odd_map(fields: &[Declared], byte: u8) -> bool {
    let odd = |number: usize| {
        let first = |wire_type: usize| number << 3 | wire_type;
        let begins = |tag: usize| match tag {
            0..0x80 => tag as u8,
            _ => tag as u8 | 0x80,
        };
        (0..8)
            .filter(|wire_type| *wire_type != 2)
            .any(|wire_type| begins(first(wire_type)) == byte)
    };
    let mut fields = fields.iter().enumerate();
    fields.any(|(i, field)| matches!(field, Declared::Map(..)) && odd(number(i)))
}

/// The text of a schema with a message of these fields, which may contain itself.
fn text(fields: &[Declared]) -> String {
    let mut text =
        "syntax = \"proto3\"; enum E { A = 0; B = 1; C = -1; D = 300; } message M { ".to_owned();
    let mut set = String::new();
    for (i, field) in fields.iter().enumerate() {
        let number = number(i);
        let declared = match *field {
            Declared::Plain(kind) => KINDS[kind].to_owned(),
            Declared::Optional(kind) => format!("optional {}", KINDS[kind]),
            Declared::List(kind) => format!("repeated {}", KINDS[kind]),
            Declared::Packed(kind, packed) => {
                text.push_str(&format!(
                    "repeated {} f{i} = {number} [packed = {packed}]; ",
                    KINDS[kind]
                ));
                continue;
            }
            Declared::Map(key, of) => format!("map<{}, {}>", KINDS[key], KINDS[of]),
            Declared::OneOf(kind) => {
                set.push_str(&format!("{} f{i} = {number}; ", KINDS[kind]));
                continue;
            }
        };
        text.push_str(&format!("{declared} f{i} = {number}; "));
    }
    if !set.is_empty() {
        text.push_str(&format!("oneof o {{ {set} }} "));
    }
    text + "}"
}

fn oracle(text: &str) -> MessageDescriptor {
    let file = protox_parse::parse("oracle.proto", text).expect("a file");
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).expect("a schema");
    pool.get_message_by_name("M").expect("its message")
}

/// Numbers that the values are made of: each is read in turn.
struct Seeds<'s> {
    seeds: &'s [u64],
    at: usize,
}

impl Seeds<'_> {
    fn next(&mut self) -> u64 {
        self.at += 1;
        let seed = self.seeds[self.at % self.seeds.len()];
        // Another one in each round.
        seed.wrapping_add(self.at as u64 / self.seeds.len() as u64)
    }

    /// A message of which each field is set or not.
    fn message(&mut self, of: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        for field in of.fields() {
            if depth < 3 && !self.next().is_multiple_of(4) {
                let value = self.field(&field, depth);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        let count = self.next() % 4;
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                panic!("a map has entries");
            };
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            let entries =
                (0..count).map(|_| (self.key(&key.kind()), self.value(&value.kind(), depth)));
            return Value::Map(entries.collect());
        }
        match field.is_list() {
            true => Value::List(
                (0..count)
                    .map(|_| self.value(&field.kind(), depth))
                    .collect(),
            ),
            false => self.value(&field.kind(), depth),
        }
    }

    fn key(&mut self, kind: &Kind) -> MapKey {
        match self.value(kind, 0) {
            Value::Bool(yes) => MapKey::Bool(yes),
            Value::I32(number) => MapKey::I32(number),
            Value::I64(number) => MapKey::I64(number),
            Value::U32(number) => MapKey::U32(number),
            Value::U64(number) => MapKey::U64(number),
            Value::String(text) => MapKey::String(text),
            other => panic!("{other:?} is no key"),
        }
    }

    fn value(&mut self, kind: &Kind, depth: usize) -> Value {
        let seed = self.next();
        match kind {
            Kind::Bool => Value::Bool(seed % 2 == 1),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(seed as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(seed as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(seed as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(seed),
            Kind::Float => Value::F32(f32::from_bits(seed as u32)),
            Kind::Double => Value::F64(f64::from_bits(seed)),
            Kind::String => Value::String(format!("é\"{}", seed % 5)),
            Kind::Bytes => Value::Bytes(seed.to_le_bytes()[..(seed % 9) as usize].to_vec().into()),
            Kind::Enum(_) => Value::EnumNumber([0, 1, -1, 300, 7][(seed % 5) as usize]),
            Kind::Message(of) => Value::Message(self.message(of, depth + 1)),
        }
    }
}

/// What a message of prost-reflect is as JSON here.
fn json_of(message: &DynamicMessage) -> serde_json::Value {
    let descriptor = message.descriptor();
    let mut object = serde_json::Map::new();
    for field in descriptor.fields() {
        if field.supports_presence() && !message.has_field(&field) {
            continue;
        }
        object.insert(
            field.name().to_owned(),
            json_of_field(&field, &message.get_field(&field)),
        );
    }
    object.into()
}

fn json_of_field(field: &FieldDescriptor, value: &Value) -> serde_json::Value {
    match (value, field.kind()) {
        (Value::List(items), kind) => items
            .iter()
            .map(|item| json_of_value(&kind, item))
            .collect(),
        (Value::Map(entries), Kind::Message(entry)) => {
            let kind = entry.map_entry_value_field().kind();
            let entries = entries.iter().map(|(key, value)| {
                let key = match key {
                    MapKey::Bool(yes) => yes.to_string(),
                    MapKey::I32(number) => number.to_string(),
                    MapKey::I64(number) => number.to_string(),
                    MapKey::U32(number) => number.to_string(),
                    MapKey::U64(number) => number.to_string(),
                    MapKey::String(text) => text.clone(),
                };
                (key, json_of_value(&kind, value))
            });
            entries.collect::<serde_json::Map<_, _>>().into()
        }
        (value, kind) => json_of_value(&kind, value),
    }
}

fn json_of_value(kind: &Kind, value: &Value) -> serde_json::Value {
    let float = |text: String, finite: bool| match finite {
        true => serde_json::from_str(&text).expect("a number"),
        false => json!(text.replace("inf", "Infinity")),
    };
    match (value, kind) {
        (Value::Bool(yes), _) => json!(yes),
        (Value::I32(number), _) => json!(number),
        (Value::I64(number), _) => json!(number),
        (Value::U32(number), _) => json!(number),
        (Value::U64(number), _) => json!(number),
        (Value::F32(number), _) => float(format!("{number:?}"), number.is_finite()),
        (Value::F64(number), _) => float(format!("{number:?}"), number.is_finite()),
        (Value::String(text), _) => json!(text),
        (Value::Bytes(bytes), _) => json!(plimsoll_sink_api::canonical::to_base64(bytes)),
        (Value::EnumNumber(number), Kind::Enum(of)) => match of.get_value(*number) {
            Some(value) => json!(value.name()),
            None => json!(number),
        },
        (Value::Message(message), _) => json_of(message),
        (other, kind) => panic!("{other:?} of {kind:?}"),
    }
}

fn seeds() -> impl Strategy<Value = Vec<u64>> {
    let seed = prop_oneof![
        any::<u64>(),
        0..300u64,
        Just(u64::MAX),
        Just(u64::from(u32::MAX))
    ];
    vec(seed, 1..40)
}

fn encoded(text: &str, seeds: &[u64]) -> (DynamicMessage, Vec<u8>) {
    let mut seeds = Seeds { seeds, at: 0 };
    let message = seeds.message(&oracle(text), 0);
    let bytes = prost::Message::encode_to_vec(&message);
    (message, bytes)
}

fn ours(schema: &Schema, body: &[u8]) -> Option<serde_json::Value> {
    let text = json(schema, "M", body).ok()?;
    Some(serde_json::from_str(&text).expect("JSON"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_prost_writes_is_read(fields in vec(declared(), 1..12), seeds in seeds()) {
        let text = text(&fields);
        let schema = Schema::parse(&text, &[]).expect("a schema");
        let (message, bytes) = encoded(&text, &seeds);
        let expected = json_of(&message);
        prop_assert_eq!(ours(&schema, &bytes), Some(expected.clone()));
        // Each field alone is what it is among all of them.
        for i in 0..fields.len() {
            let name = format!("f{i}");
            let program = compile(&schema, "M", &[want(0, &name).json()]);
            let cell = read(&program, &bytes, 1).expect("good").remove(0);
            let alone = match cell.strip_prefix("json ") {
                Some(json) => serde_json::from_str(json).expect("JSON"),
                None => serde_json::Value::Null,
            };
            prop_assert_eq!(&alone, expected.get(&name).unwrap_or(&serde_json::Value::Null), "{}", name);
        }
    }

    /// Two messages behind each other are one, of which the second goes before.
    #[test]
    fn parts_are_merged_as_prost_merges_them(
        fields in vec(declared(), 1..12), first in seeds(), second in seeds(),
    ) {
        let text = text(&fields);
        let schema = Schema::parse(&text, &[]).expect("a schema");
        let all = [encoded(&text, &first).1, encoded(&text, &second).1].concat();
        let merged = DynamicMessage::decode(oracle(&text), &*all).expect("good");
        prop_assert_eq!(ours(&schema, &all), Some(json_of(&merged)));
        // As cells it is the same as alone.
        let names: Vec<String> = (0..fields.len()).map(|i| format!("f{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let of = |bytes: &[u8]| read(&compile(&schema, "M", &paths(&names)), bytes, names.len());
        let again = prost::Message::encode_to_vec(&merged);
        let sorted = |cells: Vec<String>| {
            // Maps have no order of their own.
            let sort = |cell: String| match cell.strip_prefix("json ") {
                Some(json) => serde_json::from_str::<serde_json::Value>(json).expect("JSON").to_string(),
                None => cell,
            };
            cells.into_iter().map(sort).collect::<Vec<_>>()
        };
        prop_assert_eq!(of(&all).map(sorted), of(&again).map(sorted));
    }

    /// A byte spoilt, or some cut off: either it is refused, or prost reads the same. Only
    /// values that do not count, as others follow, are read there and not here.
    #[test]
    fn what_is_spoilt_is_read_as_prost_reads_it(
        fields in vec(declared(), 1..8), seeds in seeds(),
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let text = text(&fields);
        let (_, mut bytes) = encoded(&text, &seeds);
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        match cut {
            true => bytes.truncate(at),
            false => bytes[at] = byte,
        }
        let schema = Schema::parse(&text, &[]).expect("a schema");
        let theirs = DynamicMessage::decode(oracle(&text), &*bytes);
        match (json(&schema, "M", &bytes), theirs) {
            (Ok(text), Ok(theirs)) => {
                let ours: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                prop_assert_eq!(ours, json_of(&theirs));
            }
            (Err(_), Err(_)) => {}
            (Ok(_), Err(why)) => prop_assert!(!cut, "prost does not read it: {}", why),
            (Err(_), Ok(_)) if !cut && is_odd_map(&fields, byte) => {}
            (result @ Err(_), Ok(_)) => prop_assert!(false, "prost reads it: {:?}", fault(&result)),
        }
    }
}
