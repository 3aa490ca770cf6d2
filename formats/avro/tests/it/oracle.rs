//! Schemas and values at random: what is read is what apache-avro wrote.

use crate::support::{compile, fault, read, want};
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use plimsoll_avro::Schema;
use plimsoll_sink_api::canonical::to_base64;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashMap;

/// A type, with the value that was drawn for it.
#[derive(Debug, Clone)]
enum Drawn {
    Null,
    Boolean(bool),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Bytes(Vec<u8>),
    Text(String),
    Fixed(Vec<u8>),
    Symbol(usize),
    Date(i32),
    Micros(i64),
    Record(Vec<Drawn>),
    /// Items of one type: of its first value, which stands for all of them where the
    /// array is empty.
    Array(Box<Drawn>, usize),
    Map(Box<Drawn>, Vec<String>),
    /// A branch among others: `null` in front or behind it, and an array.
    Union(Box<Drawn>, usize),
    UnionNull(Box<Drawn>, usize),
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let leaf = prop_oneof![
        Just(Drawn::Null),
        any::<bool>().prop_map(Drawn::Boolean),
        any::<i32>().prop_map(Drawn::Int),
        any::<i64>().prop_map(Drawn::Long),
        any::<f32>().prop_map(Drawn::Float),
        any::<f64>().prop_map(Drawn::Double),
        vec(any::<u8>(), 0..20).prop_map(Drawn::Bytes),
        any::<String>().prop_map(Drawn::Text),
        vec(any::<u8>(), 0..5).prop_map(Drawn::Fixed),
        (0..3usize).prop_map(Drawn::Symbol),
        (-700_000..2_900_000).prop_map(Drawn::Date),
        (-60_000_000_000_000_000..250_000_000_000_000_000i64).prop_map(Drawn::Micros),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Drawn::Record),
            (inner.clone(), 0..4usize).prop_map(|(of, n)| Drawn::Array(Box::new(of), n)),
            (inner.clone(), vec(any::<String>(), 0..4))
                .prop_map(|(of, keys)| Drawn::Map(Box::new(of), keys)),
            (inner.clone(), 0..3usize).prop_map(|(of, at)| Drawn::Union(Box::new(of), at)),
            (inner, 0..3usize).prop_map(|(of, at)| Drawn::UnionNull(Box::new(of), at)),
        ]
    })
}

const SYMBOLS: [&str; 3] = ["a", "b", "c"];

/// The other branches of a union, besides one.
fn others(drawn: &Drawn, at: usize) -> (Vec<serde_json::Value>, usize) {
    // No two branches are of one kind.
    let mut others = vec![json!("null")];
    if !matches!(drawn, Drawn::Array(..)) {
        others.push(json!({"type": "array", "items": "long"}));
    }
    let at = at.min(others.len());
    (others, at)
}

impl Drawn {
    /// Nothing that a union cannot have as its branch.
    fn branch(&self) -> bool {
        !matches!(self, Self::Null | Self::Union(..) | Self::UnionNull(..))
    }

    fn schema(&self, names: &mut u32) -> serde_json::Value {
        *names += 1;
        let name = format!("n{names}");
        match self {
            Self::Null => json!("null"),
            Self::Boolean(_) => json!("boolean"),
            Self::Int(_) => json!("int"),
            Self::Long(_) => json!("long"),
            Self::Float(_) => json!("float"),
            Self::Double(_) => json!("double"),
            Self::Bytes(_) => json!("bytes"),
            Self::Text(_) => json!({"type": "string"}),
            Self::Fixed(of) => json!({"type": "fixed", "name": name, "size": of.len()}),
            Self::Symbol(_) => json!({"type": "enum", "name": name, "symbols": SYMBOLS}),
            Self::Date(_) => json!({"type": "int", "logicalType": "date"}),
            Self::Micros(_) => json!({"type": "long", "logicalType": "timestamp-micros"}),
            Self::Record(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .enumerate()
                    .map(|(i, field)| json!({"name": format!("f{i}"), "type": field.schema(names)}))
                    .collect();
                json!({"type": "record", "name": name, "namespace": "r", "fields": fields})
            }
            Self::Array(of, _) => json!({"type": "array", "items": of.schema(names)}),
            Self::Map(of, _) => json!({"type": "map", "values": of.schema(names)}),
            Self::Union(of, at) | Self::UnionNull(of, at) => {
                if !of.branch() {
                    return of.schema(names);
                }
                let (mut branches, at) = others(of, *at);
                branches.insert(at, of.schema(names));
                json!(branches)
            }
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(yes) => Value::Boolean(*yes),
            Self::Int(number) => Value::Int(*number),
            Self::Long(number) => Value::Long(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Self::Text(text) => Value::String(text.clone()),
            Self::Fixed(bytes) => Value::Fixed(bytes.len(), bytes.clone()),
            Self::Symbol(at) => Value::Enum(*at as u32, SYMBOLS[*at].to_owned()),
            Self::Date(days) => Value::Date(*days),
            Self::Micros(micros) => Value::TimestampMicros(*micros),
            Self::Record(fields) => Value::Record(
                fields
                    .iter()
                    .enumerate()
                    .map(|(i, field)| (format!("f{i}"), field.value()))
                    .collect(),
            ),
            Self::Array(of, count) => Value::Array(vec![of.value(); *count]),
            Self::Map(of, keys) => Value::Map(
                keys.iter()
                    .map(|key| (key.clone(), of.value()))
                    .collect::<HashMap<_, _>>(),
            ),
            Self::Union(of, _) | Self::UnionNull(of, _) if !of.branch() => of.value(),
            Self::Union(of, at) => Value::Union(others(of, *at).1 as u32, Box::new(of.value())),
            Self::UnionNull(of, at) => {
                let null = u32::from(others(of, *at).1 == 0);
                Value::Union(null, Box::new(Value::Null))
            }
        }
    }

    /// As JSON, by another way: of the value drawn, and not of bytes.
    fn json(&self) -> serde_json::Value {
        let number = |text: String, finite: bool| match finite {
            true => serde_json::from_str(&text).expect("a number"),
            false => json!(match text.as_str() {
                "inf" => "Infinity",
                "-inf" => "-Infinity",
                _ => "NaN",
            }),
        };
        match self {
            Self::Null | Self::UnionNull(..) if !self.transparent() => json!(null),
            Self::Null => json!(null),
            Self::Boolean(yes) => json!(yes),
            Self::Int(int) => json!(int),
            Self::Long(long) => json!(long),
            Self::Float(float) => number(format!("{float:?}"), float.is_finite()),
            Self::Double(double) => number(format!("{double:?}"), double.is_finite()),
            Self::Bytes(bytes) | Self::Fixed(bytes) => json!(to_base64(bytes)),
            Self::Text(text) => json!(text),
            Self::Symbol(at) => json!(SYMBOLS[*at]),
            Self::Date(days) => json!(civil(i64::from(*days))),
            Self::Micros(micros) => {
                let (days, rest) = (
                    micros.div_euclid(86_400_000_000),
                    micros.rem_euclid(86_400_000_000),
                );
                let (seconds, rest) = (rest / 1_000_000, rest % 1_000_000);
                json!(format!(
                    "{}T{:02}:{:02}:{:02}.{rest:06}Z",
                    civil(days),
                    seconds / 3_600,
                    seconds / 60 % 60,
                    seconds % 60
                ))
            }
            Self::Record(fields) => fields
                .iter()
                .enumerate()
                .map(|(i, field)| (format!("f{i}"), field.json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Self::Array(of, count) => json!(vec![of.json(); *count]),
            Self::Map(of, keys) => keys
                .iter()
                .map(|key| (key.clone(), of.json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Self::Union(of, _) | Self::UnionNull(of, _) => of.json(),
        }
    }

    /// A union that cannot be one is what is in it.
    fn transparent(&self) -> bool {
        matches!(self, Self::Union(of, _) | Self::UnionNull(of, _) if !of.branch())
    }
}

/// A day since 1970-01-01, counted year by year: slow, and not what is tested.
fn civil(mut days: i64) -> String {
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = |year| if leap(year) { 366 } else { 365 };
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += length(year);
    }
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}

fn encoded(drawn: &Drawn) -> (String, Vec<u8>) {
    let text = drawn.schema(&mut 0).to_string();
    let schema = apache_avro::Schema::parse_str(&text).expect("a schema");
    let writer = GenericDatumWriter::builder(&schema).build();
    let bytes = writer.expect("a writer").write_value_to_vec(drawn.value());
    (text, bytes.expect("a value of it"))
}

fn json_of(schema: &Schema, body: &[u8], path: &str) -> Option<serde_json::Value> {
    let program = compile(schema, &[want(0, path).json()]);
    let cells = read(&program, body, 1).ok()?;
    match cells[0].as_str() {
        "null" => Some(json!(null)),
        cell => serde_json::from_str(cell.strip_prefix("json ")?).ok(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn what_apache_avro_writes_is_read(drawn in drawn()) {
        let (text, bytes) = encoded(&drawn);
        let schema = Schema::parse(&text, &[]).expect("a schema");
        prop_assert_eq!(json_of(&schema, &bytes, ""), Some(drawn.json()));
        // Each field alone is what it is among all of them.
        if let Drawn::Record(fields) = &drawn {
            for (i, field) in fields.iter().enumerate() {
                let found = json_of(&schema, &bytes, &format!("f{i}"));
                prop_assert_eq!(found, Some(field.json()), "f{}", i);
            }
        }
        // Nothing that is cut off gives a row, and nothing that is too long.
        for wants in [vec![want(0, "").json()], vec![]] {
            let program = compile(&schema, &wants);
            prop_assert!(read(&program, &bytes, 1).is_ok());
            for end in 0..bytes.len() {
                let cut = read(&program, &bytes[..end], 1);
                prop_assert!(fault(&cut).is_some(), "cut at {}", end);
            }
            let longer = [&bytes[..], &[0]].concat();
            prop_assert!(read(&program, &longer, 1).is_err());
        }
    }

    /// A byte spoilt: either it is refused, or apache-avro reads the same.
    #[test]
    fn what_is_spoilt_is_read_as_apache_avro_reads_it(
        drawn in drawn(), at in any::<prop::sample::Index>(), byte in 0..64u8,
    ) {
        let (text, mut bytes) = encoded(&drawn);
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let schema = Schema::parse(&text, &[]).expect("a schema");
        if let Some(ours) = json_of(&schema, &bytes, "") {
            let oracle = apache_avro::Schema::parse_str(&text).expect("a schema");
            let reader = GenericDatumReader::builder(&oracle).build().expect("a reader");
            let theirs = reader.read_value(&mut &bytes[..]).expect("a value");
            prop_assert_eq!(ours, json_of_value(theirs));
        }
    }
}

/// Of what apache-avro read.
fn json_of_value(value: Value) -> serde_json::Value {
    match value {
        Value::Null => json!(null),
        Value::Boolean(yes) => json!(yes),
        Value::Int(number) => json!(number),
        Value::Long(number) => json!(number),
        Value::Float(number) => Drawn::Float(number).json(),
        Value::Double(number) => Drawn::Double(number).json(),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => json!(to_base64(&bytes)),
        Value::String(text) | Value::Enum(_, text) => json!(text),
        Value::Date(days) => Drawn::Date(days).json(),
        Value::TimestampMicros(micros) => Drawn::Micros(micros).json(),
        Value::Union(_, inner) => json_of_value(*inner),
        Value::Array(items) => items.into_iter().map(json_of_value).collect(),
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, json_of_value(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Record(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, json_of_value(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => panic!("{other:?}"),
    }
}
