//! What Confluent's own client wrote.

use crate::support::{compile, fault, json, paths, read, want};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plimsoll_protobuf::Schema;
use plimsoll_record::{Arena, Fault, Framing, MessageName, Side, split};
use serde_json::{Value, json};

const RECORDS: &str = include_str!("../data/wire/protobuf.ndjson");
const REGISTRY: &str = include_str!("../data/wire/registry.json");

const MESSAGE: &str = "shop.Everything";

fn registered(id: u64) -> (String, Vec<(String, u64)>) {
    let all: Vec<Value> = serde_json::from_str(REGISTRY).expect("JSON");
    let found = all
        .iter()
        .find(|schema| schema["id"] == id)
        .expect("its schema");
    let references = found["references"].as_array().expect("a list").iter();
    let references = references.map(|reference| {
        let (subject, version) = (&reference["subject"], &reference["version"]);
        let mut all = all.iter();
        let of = all.find(|of| of["subject"] == *subject && of["version"] == *version);
        let id = of.expect("the reference")["id"].as_u64().expect("an id");
        (reference["name"].as_str().expect("a name").to_owned(), id)
    });
    (
        found["schema"].as_str().expect("a text").to_owned(),
        references.collect(),
    )
}

/// As the registry has it, its reference by another version of it, too.
fn schema(reference: Option<u64>) -> Schema {
    let (text, references) = registered(49);
    let references: Vec<(String, String)> = references
        .into_iter()
        .map(|(name, id)| (name, registered(reference.unwrap_or(id)).0))
        .collect();
    let references: Vec<_> = references
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    Schema::parse(&text, &references).expect("a schema")
}

/// The message and its bytes.
fn case(name: &str) -> (Vec<u16>, Vec<u8>, Value) {
    let mut lines = RECORDS
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let line = lines.find(|line| line["case"] == name).expect(name);
    let bytes = STANDARD
        .decode(line["value"].as_str().expect("a value"))
        .expect("base64");
    let arena = Arena::new();
    let framed = split(Framing::Confluent, Side::Value, [].into_iter(), &bytes).expect("framed");
    let (named, body) = framed.message(&arena).expect("its message");
    let Some(MessageName::Indexes(indexes)) = named else {
        panic!("{named:?}");
    };
    (indexes.to_vec(), body.to_vec(), line["want"].clone())
}

fn body(name: &str) -> Vec<u8> {
    case(name).1
}

/// What the file has in another form: numbers of 64 bits as texts, as Google's JSON has
/// them, and lengths of time.
fn as_here(mut value: Value) -> Value {
    fn number(value: &mut Value) {
        if let Some(text) = value.as_str() {
            *value = serde_json::from_str(text).expect("a number");
        }
    }
    for name in ["id", "u64", "f64", "iv"] {
        for at in [format!("/{name}"), format!("/child/{name}")] {
            if let Some(value) = value.pointer_mut(&at) {
                number(value);
            }
        }
    }
    if let Some(took) = value.get_mut("took") {
        *took = json!("PT-1.5S");
    }
    if let Some(at) = value.get_mut("at") {
        *at = json!("2026-03-29T01:30:00.123456789Z");
    }
    value
}

#[test]
fn all_of_a_message_as_json_is_what_googles_library_prints() {
    // By a descriptor, and by a text.
    for reference in [None, Some(4)] {
        let schema = schema(reference);
        for name in ["protobuf second message (index 1)", "protobuf all defaults"] {
            let (indexes, body, want) = case(name);
            assert_eq!(indexes, [1]);
            let found = json(&schema, MESSAGE, &body).expect("good");
            let found: Value = serde_json::from_str(&found).expect("JSON");
            assert_eq!(found, as_here(want), "{name}");
        }
    }
}

#[test]
fn messages_within_messages_have_their_own() {
    let schema = schema(None);
    let cases = [
        ("protobuf first message", "shop.First"),
        ("protobuf nested (index 1,0)", "shop.Everything.Line"),
        ("protobuf nested twice (1,0,0)", "shop.Everything.Line.Deep"),
    ];
    for (name, message) in cases {
        let (_, body, want) = case(name);
        let found = json(&schema, message, &body).expect("good");
        assert_eq!(
            serde_json::from_str::<Value>(&found).expect("JSON"),
            want,
            "{name}"
        );
    }
}

#[test]
fn each_field_has_its_value() {
    let schema = schema(None);
    let expected = [
        ("id", "9007199254740993"),
        ("note", "text "),
        ("status", "text PAID"),
        ("ship", "json {\"street\":\"s\",\"zip\":\"\"}"),
        ("ship.street", "text s"),
        ("ship.zip", "text "),
        (
            "lines",
            "json [{\"sku\":\"a\",\"qty\":1},{\"sku\":\"\",\"qty\":0}]",
        ),
        ("counts", "json {\"k\":0}"),
        ("counts.k", "0"),
        ("counts.other", "absent"),
        ("at", "2026-03-29T01:30:00.123456789Z"),
        ("at.seconds", "1774747800"),
        ("took", "PT-1.5S"),
        ("extra", "json {\"x\":[1.0,\"a\"],\"n\":null}"),
        ("extra.x", "json [1.0,\"a\"]"),
        ("extra.n", "null"),
        ("extra.other", "absent"),
        ("val", "1.5"),
        ("sv", "text "),
        ("iv", "9007199254740993"),
        ("bv", "false"),
        (
            "any",
            "json {\"@type\":\"type.googleapis.com/shop.First\",\"x\":\"in any\"}",
        ),
        ("mask", "text a.b,c"),
        ("empty", "json {}"),
        ("card", "text 4111"),
        ("cash", "null"),
        ("u64", "18446744073709551615"),
        ("s32", "-5"),
        ("f64", "7"),
        ("sf32", "-7"),
        ("fl", "1.5"),
        ("db", "0.1"),
        ("b", "true"),
        ("raw", "bytes AP8="),
        ("packed", "json [1,2,300]"),
        ("names", "json [\"x\",\"\"]"),
        ("by_id", "json {\"5\":{\"sku\":\"five\",\"qty\":0}}"),
        ("by_id.5.sku", "text five"),
        ("by_id.5.qty", "0"),
        ("by_id.6.qty", "absent"),
        ("opt_zero", "0"),
        ("plain_zero", "0"),
        ("child.id", "1"),
        ("child.child", "null"),
        ("child.child.id", "null"),
        ("child.note", "null"),
        ("opt_status", "text STATUS_UNSPECIFIED"),
        ("camelCase", "text cc"),
        ("snake_case_name", "text sn"),
        ("customJson", "absent"),
        ("no_such_field", "absent"),
    ];
    let names = expected.map(|(name, _)| name);
    let program = compile(&schema, MESSAGE, &paths(&names));
    let cells = read(
        &program,
        &body("protobuf second message (index 1)"),
        names.len(),
    );
    for (cell, (name, expected)) in cells.expect("good").iter().zip(expected) {
        // The struct's keys stand in the order of the bytes.
        match name {
            "extra" => {
                let of = |text: &str| {
                    let json = text.strip_prefix("json ").expect("JSON");
                    serde_json::from_str::<Value>(json).expect("JSON")
                };
                assert_eq!(of(cell), of(expected));
            }
            _ => assert_eq!(cell, expected, "{name}"),
        }
    }
}

#[test]
fn what_is_not_written_is_zero_or_null() {
    let schema = schema(None);
    let expected = [
        ("id", "0"),
        ("note", "null"),
        ("status", "text STATUS_UNSPECIFIED"),
        ("ship", "null"),
        ("ship.street", "null"),
        ("lines", "json []"),
        ("counts", "json {}"),
        ("counts.k", "absent"),
        ("at", "null"),
        ("extra", "null"),
        ("extra.x", "absent"),
        ("val", "null"),
        ("sv", "null"),
        ("bv", "null"),
        ("any", "null"),
        ("empty", "null"),
        ("card", "null"),
        ("cash", "null"),
        ("u64", "0"),
        ("fl", "0.0"),
        ("b", "false"),
        ("raw", "bytes "),
        ("packed", "json []"),
        ("opt_zero", "null"),
        ("plain_zero", "0"),
        ("child", "null"),
        ("opt_status", "null"),
        ("camelCase", "text "),
    ];
    let names = expected.map(|(name, _)| name);
    let program = compile(&schema, MESSAGE, &paths(&names));
    let cells = read(&program, &body("protobuf all defaults"), names.len()).expect("good");
    for (cell, (name, expected)) in cells.iter().zip(expected) {
        assert_eq!(cell, expected, "{name}");
    }
}

#[test]
fn fields_that_come_again_or_otherwise_are_read_as_all_readers_do() {
    let schema = schema(None);
    let names = ["id", "ship.street", "ship.zip", "packed", "status"];
    let program = compile(&schema, MESSAGE, &paths(&names));
    let usual = [
        "9007199254740993",
        "text s",
        "text ",
        "json [1,2,300]",
        "text PAID",
    ];
    let cases = [
        ("protobuf unknown field", None),
        ("protobuf field twice, last wins", Some((0, "7"))),
        ("protobuf split submessage merges", Some((1, "text zz"))),
        ("protobuf unpacked repeated", Some((3, "json [1,2,300,9]"))),
        ("protobuf enum value unknown", Some((4, "99"))),
    ];
    for (name, change) in cases {
        let mut expected = usual;
        if let Some((at, value)) = change {
            expected[at] = value;
        }
        let body = body(name);
        assert_eq!(
            read(&program, &body, names.len()).expect("good"),
            expected,
            "{name}"
        );
        // As JSON it is the same.
        let all: Value =
            serde_json::from_str(&json(&schema, MESSAGE, &body).expect("good")).expect("JSON");
        for (name, expected) in names.iter().zip(expected) {
            let value = name.split('.').fold(&all, |value, name| &value[name]);
            let text = match value {
                Value::String(text) => format!("text {text}"),
                Value::Array(_) => format!("json {value}"),
                other => other.to_string(),
            };
            assert_eq!(text, expected, "{name}");
        }
    }
}

#[test]
fn spoilt_bytes_are_bad_records() {
    let schema = schema(None);
    let whole = compile(&schema, MESSAGE, &[want(0, "").json()]);
    let note = compile(&schema, MESSAGE, &paths(&["note"]));
    let invalid = body("protobuf invalid utf8");
    for program in [&whole, &note] {
        let result = read(program, &invalid, 1);
        assert_eq!(fault(&result), Some(Fault::NotUtf8));
    }
    let error = read(&note, &invalid, 1).expect_err("a bad record");
    assert_eq!(error.column(), Some("c0"));
    let truncated = body("protobuf truncated");
    for program in [&whole, &note] {
        assert_eq!(fault(&read(program, &truncated, 1)), Some(Fault::Truncated));
    }
}
