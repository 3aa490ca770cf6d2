//! Schemas and values at random: what is read is what they mean.

use crate::schemas::{array, decimal, field, map, named, of, structure};
use crate::support::{base64, cents, date, message, read, want};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A type, with the value that was drawn for it.
#[derive(Debug, Clone)]
enum Drawn {
    Null,
    Boolean(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Date(i32),
    Cents(i64),
    Struct(Vec<Drawn>),
    /// Items of one type: of this value, so many times, and a null.
    Array(Box<Drawn>, usize),
    Map(Box<Drawn>, Vec<String>),
    Pairs(Box<Drawn>, Vec<i32>),
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let leaf = prop_oneof![
        Just(Drawn::Null),
        any::<bool>().prop_map(Drawn::Boolean),
        any::<i32>().prop_map(Drawn::Int),
        any::<i64>().prop_map(Drawn::Long),
        // Not so long that serde_json rounds what it reads.
        any::<i32>().prop_map(|number| Drawn::Double(f64::from(number) / 8.0)),
        any::<String>().prop_map(Drawn::Text),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Drawn::Bytes),
        (-700_000..2_900_000).prop_map(Drawn::Date),
        any::<i64>().prop_map(Drawn::Cents),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Drawn::Struct),
            (inner.clone(), 0..4usize).prop_map(|(of, n)| Drawn::Array(Box::new(of), n)),
            (inner.clone(), prop::collection::vec(any::<String>(), 0..4))
                .prop_map(|(of, keys)| Drawn::Map(Box::new(of), keys)),
            (inner, prop::collection::vec(any::<i32>(), 0..4))
                .prop_map(|(of, keys)| Drawn::Pairs(Box::new(of), keys)),
        ]
    })
}

/// Its schema, what the converter writes of it, and the JSON that it means.
fn told(drawn: &Drawn) -> (Value, Value, Value) {
    let same = |schema: Value, value: Value| (schema, value.clone(), value);
    match drawn {
        Drawn::Null => same(of("string"), Value::Null),
        Drawn::Boolean(value) => same(of("boolean"), (*value).into()),
        Drawn::Int(value) => same(of("int32"), (*value).into()),
        Drawn::Long(value) => same(of("int64"), (*value).into()),
        Drawn::Double(value) => same(of("double"), (*value).into()),
        Drawn::Text(value) => same(of("string"), value.as_str().into()),
        Drawn::Bytes(bytes) => same(of("bytes"), base64(bytes).into()),
        Drawn::Date(days) => {
            let date = date(*days);
            (
                named("int32", "io.debezium.time.Date"),
                (*days).into(),
                date.into(),
            )
        }
        Drawn::Cents(number) => {
            let bytes = base64(&number.to_be_bytes());
            let number = cents(*number);
            (
                decimal(2),
                bytes.into(),
                serde_json::from_str(&number).unwrap(),
            )
        }
        Drawn::Struct(fields) => {
            let (mut schema, mut value, mut means) = (Vec::new(), json!({}), json!({}));
            for (i, drawn) in fields.iter().enumerate() {
                let name = format!("f\"{i}");
                let of = told(drawn);
                schema.push(field(&name, of.0));
                value[&name] = of.1;
                means[&name] = of.2;
            }
            (structure(schema), value, means)
        }
        Drawn::Array(of_items, count) => {
            let (schema, value, means) = told(of_items);
            let items = |one: Value| {
                let mut items = vec![one; *count];
                items.push(Value::Null);
                Value::from(items)
            };
            (array(schema), items(value), items(means))
        }
        Drawn::Map(values, keys) => {
            let (schema, value, means) = told(values);
            let object = |one: Value| -> Value {
                let pairs = keys.iter().map(|key| (key.clone(), one.clone()));
                Value::Object(pairs.collect())
            };
            (map(of("string"), schema), object(value), object(means))
        }
        Drawn::Pairs(values, keys) => {
            let (schema, value, means) = told(values);
            let pairs = |one: Value, key: fn(i32) -> Value| -> Value {
                let pairs = keys
                    .iter()
                    .map(|days| json!([key(days % 700_000), one.clone()]));
                pairs.collect()
            };
            let day = |days: i32| date(days).into();
            let keys = named("int32", "io.debezium.time.Date");
            (
                map(keys, schema),
                pairs(value, Value::from),
                pairs(means, day),
            )
        }
    }
}

proptest! {
    #[test]
    fn values_at_random_are_what_they_mean(drawn in drawn(), pretty: bool) {
        let (schema, value, means) = told(&Drawn::Struct(vec![drawn.clone()]));
        let payload = match pretty {
            true => serde_json::to_string_pretty(&value).unwrap(),
            false => value.to_string(),
        };
        let text = message(&schema, &payload);
        let name = "f\"0";
        let wants = [want("").json(), want(name).json(), want(name)];
        let cells = read(&wants, &text).unwrap();
        let json = |cell: &str| -> Value {
            serde_json::from_str(cell.strip_prefix("json ").unwrap_or(cell)).unwrap()
        };
        prop_assert_eq!(json(&cells[0]), means.clone());
        prop_assert_eq!(json(&cells[1]), means[name].clone());
        match &drawn {
            Drawn::Null => prop_assert_eq!(&cells[2], "null"),
            Drawn::Text(text) => prop_assert_eq!(&cells[2], &format!("text {text}")),
            Drawn::Bytes(bytes) => {
                prop_assert_eq!(&cells[2], &format!("bytes {}", base64(bytes)));
            }
            Drawn::Date(days) => prop_assert_eq!(&cells[2], &date(*days)),
            Drawn::Cents(number) => prop_assert_eq!(&cells[2], &cents(*number)),
            _ => prop_assert_eq!(json(&cells[2]), means[name].clone()),
        }
        // Cut off anywhere, it is no record.
        let half = text.floor_char_boundary(text.len() / 2);
        for end in [0, half, text.len() - 1] {
            let end = text.floor_char_boundary(end);
            let cut = read(&wants, &text[..end]);
            prop_assert_eq!(cut.unwrap_err().condition(), "value_not_json");
        }
    }
}
