//! What other people's serializers wrote. (tests/data)

use crate::support::{CBOR, MSGPACK, Wants, json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plimsoll_record::Format;
use plimsoll_sink_api::Shape;
use serde_json::Value;

fn lines(path: &str) -> Vec<Value> {
    let manifest = env!("CARGO_MANIFEST_DIR");
    let text = std::fs::read_to_string(format!("{manifest}/{path}")).expect(path);
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn bytes(base64: &Value) -> Vec<u8> {
    STANDARD
        .decode(base64.as_str().expect("a text"))
        .expect("base64")
}

fn format(name: &str) -> &'static dyn Format {
    match name {
        "cbor" => CBOR,
        "msgpack" => MSGPACK,
        other => panic!("{other}"),
    }
}

#[test]
fn what_python_writes_is_what_python_meant() {
    let cases = lines("tests/data/python.ndjson");
    assert!(cases.len() > 20, "{}", cases.len());
    for case in cases {
        let name = case["case"].as_str().expect("a name");
        let format = format(case["format"].as_str().expect("a format"));
        let bytes = bytes(&case["b64"]);
        let want = case["want"].as_str().expect("JSON");
        assert_eq!(json(format, &bytes).as_deref(), Ok(want), "{name}");
        // Cut off anywhere, or with more behind it, it is none.
        let whole = Wants::of(&[""], Shape::Presence);
        for end in 0..bytes.len() {
            assert!(whole.read(format, &bytes[..end]).is_err(), "{name}, {end}");
        }
        let more = [&bytes[..], &[0]].concat();
        assert!(whole.read(format, &more).is_err(), "{name}");
    }
}

#[test]
fn the_same_order_in_both_is_the_same_row() {
    let cases = lines("../../record/tests/data/wire/wire.ndjson");
    for (name, clock) in [
        ("cbor", "2026-03-29T01:30:00.000Z"),
        ("msgpack", "2026-03-29T01:30:00.000000000Z"),
    ] {
        let case = cases.iter().find(|case| case["case"] == name).expect(name);
        let wants = Wants::of(
            &["id", "name", "amount", "at", "raw", "n", "a", "none"],
            Shape::Scalar,
        );
        let row = wants.read(format(name), &bytes(&case["value"]));
        let amount = match name {
            "cbor" => "decimal 1.10",
            _ => "text 1.10",
        };
        let expected = [
            "int 1",
            "text hé",
            amount,
            &format!("moment {clock}"),
            "bytes [00, ff]",
            "null",
            "json [1,2]",
            "absent",
        ];
        assert_eq!(row.expect("a good record"), expected, "{name}");
    }
}
