//! What Confluent's own client wrote.

use crate::real::{base64, lines, registry};
use crate::support::{compile, compile_as, fault, paths, read, want};
use plimsoll_record::{Fault, Side, UnknownFields};
use serde_json::Value;

fn case(name: &str) -> (i64, Vec<u8>, Value) {
    let lines = lines("wire/avro.ndjson");
    let line = lines.iter().find(|line| line["case"] == name).expect(name);
    let bytes = base64(line["value"].as_str().expect("a value"));
    let id = u32::from_be_bytes(bytes[1..5].try_into().expect("four bytes"));
    (id.into(), bytes[5..].to_vec(), line["want"].clone())
}

#[test]
fn each_logical_type_has_its_value() {
    let (id, body, wanted) = case("avro confluent prefix");
    let schema = &registry("wire/registry.json")[&id].1;
    let names: Vec<&str> = schema.root().fields().map(|(name, _)| name).collect();
    let cells = read(&compile(schema, &paths(&names)), &body, names.len()).expect("good");
    let expected = [
        "-1234567890123456789012345678.0123456789",
        "-1.00",
        "2026-02-28",
        "23:59:59.999",
        "23:59:59.999999",
        "1969-12-31T23:59:59.999Z",
        "2026-03-29T01:30:00.123456Z",
        "2026-03-29T02:30:00.123",
        "2026-03-29T02:30:00.123456",
        "01234567-89ab-cdef-0123-456789abcdef",
        "null",
        "null",
        "json [1,2]",
        "text PAID",
        "json {\"k\":9007199254740993}",
        "json [null,1.5]",
        "json {\"x\":7}",
        "json {\"y\":\"hé\"}",
        "bytes AP8B",
        "bytes AP8=",
        "NaN",
        "-Infinity",
        "-9223372036854775808",
        "true",
        "null",
    ];
    assert_eq!(cells, expected);
    // The same as the file has it, which writes times and bytes as Postgres does.
    let alike = |text: &str| text.replace('T', " ").replace('Z', "+00");
    for (name, cell) in names.iter().zip(&cells) {
        match &wanted[name] {
            Value::String(text) if text.starts_with("\\x") => assert!(cell.starts_with("bytes ")),
            Value::String(text) => assert!(
                *text == alike(cell) || format!("text {text}") == *cell,
                "{name}: {cell} is not {text}"
            ),
            Value::Null => assert_eq!(cell, "null", "{name}"),
            other => assert_eq!(
                cell.strip_prefix("json ").unwrap_or(cell),
                other.to_string(),
                "{name}"
            ),
        }
    }
}

#[test]
fn spoilt_bytes_are_bad_records() {
    let (id, body, _) = case("truncated string length");
    let registry = registry("wire/registry.json");
    let all = compile(&registry[&id].1, &[want(0, "").json()]);
    assert_eq!(fault(&read(&all, &body, 1)), Some(Fault::Truncated));
    // Nobody wants what is cut off.
    let first = compile(&registry[&id].1, &paths(&["d"]));
    assert_eq!(fault(&read(&first, &body, 1)), Some(Fault::Truncated));

    let (_, body, _) = case("trailing bytes");
    let error = read(&all, &body, 1).expect_err("a bad record");
    assert_eq!(error.condition(), "trailing_bytes");
    assert_eq!(
        error.behind(5).to_string(),
        "the value as Avro has bytes behind its end (byte 178); hint: the bytes were written in \
         another way: look at format and framing, and at the schema, where the record names one"
    );
    assert_eq!(fault(&read(&first, &body, 1)), Some(Fault::Trailing));
    assert_eq!(fault(&read(&first, &[], 1)), Some(Fault::Truncated));
}

#[test]
fn a_schema_may_contain_itself() {
    let (id, body, wanted) = case("avro recursive");
    let registry = registry("wire/registry.json");
    let schema = &registry[&id].1;
    let cells = read(
        &compile(schema, &paths(&["v", "next", "next.v", "next.next.v"])),
        &body,
        4,
    );
    let expected = ["1", "json {\"v\":2,\"next\":null}", "2", "null"];
    assert_eq!(cells.expect("good"), expected);
    let whole = read(&compile(schema, &[want(0, "").json()]), &body, 1).expect("good");
    let json = whole[0].strip_prefix("json ").expect("JSON");
    assert_eq!(
        serde_json::from_str::<Value>(json).expect("JSON"),
        wanted,
        "the file's"
    );
}

#[test]
fn a_record_that_nests_too_deeply_takes_no_stack() {
    let run = || {
        let (id, body, _) = case("avro recursion bomb");
        let schema = registry("wire/registry.json").remove(&id).expect("known").1;
        for path in ["v", "next", "next.next", ""] {
            let program = compile(&schema, &paths(&[path]));
            let result = read(&program, &body, 1);
            assert_eq!(fault(&result), Some(Fault::TooDeep), "{path:?}");
        }
    };
    let small = std::thread::Builder::new().stack_size(256 << 10);
    small
        .spawn(run)
        .expect("a thread")
        .join()
        .expect("no panic");
}

#[test]
fn a_key_may_be_one_value() {
    let registry = registry("wire/registry.json");
    let key = |name: &str, bare_bytes: bool| {
        let (id, body, _) = case(name);
        let mut schema = registry[&id].1.clone();
        if bare_bytes {
            schema = schema.with_bare_bytes();
        }
        for (side, path) in [(Side::Key, ""), (Side::Tombstone, "value.id")] {
            let wants = [want(0, path).key()];
            let program =
                compile_as(&schema, &wants, side, UnknownFields::Ignore).expect("a program");
            let cells = read(&program, &body, 1)?;
            if side == Side::Tombstone {
                return Ok(cells[0].clone());
            }
        }
        unreachable!("two sides")
    };
    assert_eq!(
        key("avro primitive key string", true).unwrap(),
        "text héllo"
    );
    assert_eq!(key("avro primitive key long", true).unwrap(), "42");
    assert_eq!(key("avro primitive key bytes", true).unwrap(), "bytes AAE=");
    // With a length, as the specification has it, the same bytes are one too many.
    let result = key("avro primitive key bytes", false);
    assert_eq!(fault(&result), Some(Fault::Trailing));
}
