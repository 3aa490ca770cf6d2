//! Messages: their two parts, null payloads, keys, and what is none.

use crate::schemas::{decimal, field, named, of, order, structure};
use crate::support::{Want, bad, decode, decode_by, event, message, read, read_with, row, want};
use plimsoll_record::{BadRecord, Fault, UnknownFields};
use plimsoll_sink_api::{Mode, Op};
use serde_json::Value;

#[test]
fn what_the_schema_has_is_null_and_what_it_lacks_is_absent() {
    let wants = [
        want("id"),
        want("note"),
        want("customer.name"),
        want("other"),
        want("customer.other"),
    ];
    let cells = |payload: &str| read(&wants, &message(&order(), payload)).unwrap();
    let (null, absent) = ("null", "absent");
    assert_eq!(
        cells("{\"id\":1,\"customer\":{\"name\":\"n\"}}"),
        ["1", null, "text n", absent, absent]
    );
    assert_eq!(
        cells("{\"id\":1,\"customer\":null}"),
        ["1", null, null, absent, absent]
    );
    // A field that the schema does not have is none.
    assert_eq!(
        cells("{\"other\":1,\"customer\":{\"other\":2}}"),
        [null, null, null, absent, absent]
    );
}

#[test]
fn of_two_fields_of_one_name_the_last_one_counts() {
    let wants = [want("id"), want("customer.name"), want("customer.since")];
    let cells = |payload: &str| read(&wants, &message(&order(), payload)).unwrap();
    let null = "null";
    assert_eq!(cells("{\"id\":1,\"id\":2}"), ["2", null, null]);
    assert_eq!(cells("{\"id\":1,\"id\":null}"), [null, null, null]);
    let twice = "{\"customer\":{\"name\":\"a\",\"since\":1},\"customer\":{\"name\":\"b\"}}";
    assert_eq!(cells(twice), [null, "text b", null]);
    let gone = "{\"customer\":{\"name\":\"a\"},\"customer\":null}";
    assert_eq!(cells(gone), [null, null, null]);
    let schema = order();
    let text = format!(
        "{{\"payload\":{{\"id\":1}},\"schema\":7,\"schema\":{schema},\"payload\":{{\"id\":2}}}}"
    );
    assert_eq!(read(&wants[..1], &text).unwrap(), ["2"]);
}

#[test]
fn schema_and_payload_come_in_any_order_beside_other_fields() {
    let schema = order();
    for text in [
        format!("{{\"payload\":{{\"id\":1}},\"schema\":{schema}}}"),
        format!(" {{ \"schema\" : {schema} , \"payload\" : {{ \"id\" : 1 }} }}\n"),
        format!("{{\"more\":[],\"schema\":{schema},\"payload\":{{\"id\":1}},\"x\":{{}}}}"),
    ] {
        assert_eq!(read(&[want("id")], &text).unwrap(), ["1"], "{text}");
    }
}

#[test]
fn records_of_several_schemas_may_follow_each_other() {
    let wants = [want("id"), want("at")];
    let old = structure(vec![field("id", of("int64"))]);
    let days = structure(vec![
        field("id", of("int64")),
        field("at", named("int32", "io.debezium.time.Date")),
    ]);
    let texts = structure(vec![field("at", of("string")), field("id", of("int64"))]);
    let mut messages = Vec::new();
    for _ in 0..3 {
        messages.push((message(&old, "{\"id\":1}"), ["1", "absent"]));
        messages.push((message(&days, "{\"id\":2,\"at\":0}"), ["2", "1970-01-01"]));
        messages.push((message(&texts, "{\"at\":\"0\",\"id\":3}"), ["3", "text 0"]));
    }
    // More schemas than are kept.
    for i in 0..100 {
        let more = structure(vec![
            field("id", of("int64")),
            field(&format!("f{i}"), of("string")),
        ]);
        messages.push((message(&more, "{\"id\":4}"), ["4", "absent"]));
    }
    messages.push((message(&days, "{\"id\":5,\"at\":1}"), ["5", "1970-01-02"]));
    let texts: Vec<&str> = messages.iter().map(|(text, _)| text.as_str()).collect();
    let found = decode_by(&wants, Mode::Append, &texts);
    for ((_, expected), found) in messages.iter().zip(found) {
        assert_eq!(found.unwrap(), *expected);
    }
}

#[test]
fn a_whole_payload_is_a_source() {
    let whole = |want: Want, schema: &Value, payload: &str| {
        read(&[want], &message(schema, payload)).map(|mut cells| cells.remove(0))
    };
    let days = structure(vec![field("d", named("int32", "io.debezium.time.Date"))]);
    assert_eq!(
        whole(want("").json(), &days, "{\"d\":0}").unwrap(),
        "json {\"d\":\"1970-01-01\"}"
    );
    assert_eq!(whole(want(""), &of("string"), "\"x\"").unwrap(), "text x");
    assert_eq!(whole(want(""), &decimal(1), "\"BQ==\"").unwrap(), "0.5");
    assert_eq!(
        whole(want("").bytes(), &of("string"), "\"x\"").unwrap(),
        "bytes eA=="
    );
    assert_eq!(
        whole(want("").bytes(), &of("bytes"), "\"AP8=\"").unwrap(),
        "bytes AP8="
    );
    assert_eq!(
        whole(want("").bytes(), &of("int32"), "12").unwrap(),
        "bytes MTI="
    );
    let of_no_struct = whole(want("id"), &of("string"), "\"x\"");
    assert_eq!(bad(&of_no_struct), Some(Fault::NotRecord));
}

#[test]
fn a_null_payload_is_a_tombstone() {
    let wants = [want("id").key(), want("note")];
    let key = message(&structure(vec![field("id", of("int64"))]), "{\"id\":7}");
    let bare = message(&of("int64"), "7");
    for null in [message(&order(), "null"), message(&Value::Null, "null")] {
        for key in [&key, &bare] {
            let deleted = decode(&wants, Mode::Upsert, Some(key), Some(&null));
            assert_eq!(deleted, Ok(row(Op::Delete, &["7", "absent"])));
        }
        let nothing = decode(&wants, Mode::Append, Some(&key), Some(&null));
        assert_eq!(nothing, Err(BadRecord::Tombstone));
        let whole = [want("").json(), want("id")];
        let told = decode(&whole, Mode::Log, Some(&key), Some(&null));
        assert_eq!(told, Ok(row(Op::Put, &["null", "absent"])));
        // A null of Kafka's is the same.
        let deleted = decode(&wants, Mode::Upsert, Some(&key), None);
        assert_eq!(deleted, Ok(row(Op::Delete, &["7", "absent"])));
        let missing = decode(&wants, Mode::Upsert, None, Some(&null)).unwrap_err();
        assert_eq!(missing.condition(), "key_missing");
        assert_eq!(
            decode(&wants, Mode::Upsert, Some(&null), None),
            Err(missing)
        );
    }
}

#[test]
fn a_null_key_is_none() {
    let null = message(&of("int64"), "null");
    let value = message(&order(), "{\"id\":1}");
    let wants = [want("id").key(), want("").json().of_key()];
    let put = decode(&wants, Mode::Upsert, Some(&null), Some(&value));
    assert_eq!(put, Ok(row(Op::Put, &["1", "null"])));
    // Of a change event of a table without a key, nothing is left to delete.
    let tombstone = message(&order(), "null");
    for key in [Some(&*null), None] {
        for value in [Some(&*tombstone), None] {
            assert_eq!(event(&wants[..1], key, value), Ok(None));
        }
    }
}

#[test]
fn keys_bring_schemas_of_their_own() {
    let days = named("int32", "io.debezium.time.Date");
    let value = message(&order(), "{\"id\":1}");
    let key = message(&structure(vec![field("d", days.clone())]), "{\"d\":0}");
    let wants = [
        want("id").key(),
        want("d").of_key(),
        want("").json().of_key(),
    ];
    let put = decode(&wants, Mode::Upsert, Some(&key), Some(&value));
    let json = "json {\"d\":\"1970-01-01\"}";
    assert_eq!(put, Ok(row(Op::Put, &["1", "1970-01-01", json])));
    let bare = message(&days, "1");
    let put = decode(
        &[want("").of_key()],
        Mode::Append,
        Some(&bare),
        Some(&value),
    );
    assert_eq!(put, Ok(row(Op::Put, &["1970-01-02"])));
}

#[test]
fn what_is_no_message_is_bad_and_says_what_to_do() {
    let schema = order().to_string();
    let condition = |value: &str| {
        let bad = read(&[want("id")], value).unwrap_err();
        assert!(bad.to_string().contains("hint: ") || bad.condition() == "value_not_json");
        bad.condition()
    };
    for (value, word) in [
        ("", "value_not_json"),
        ("{", "value_not_json"),
        ("\0\0\0\0\u{1}", "value_not_json"),
        ("{\"id\":1}", "schema_missing"),
        ("7", "schema_missing"),
        ("[]", "schema_missing"),
        ("null", "schema_missing"),
        ("{\"payload\":{\"id\":1}}", "schema_missing"),
        ("{\"payload\":null}", "schema_missing"),
        ("{\"schema\":null,\"payload\":{\"id\":1}}", "schema_missing"),
        (&*format!("{{\"schema\":{schema}}}"), "schema_missing"),
        (
            &*format!("{{\"schema\":{schema},\"payload\":{{}}"),
            "value_not_json",
        ),
        ("{\"schema\":{},\"payload\":{\"id\":1}}", "invalid_schema"),
        ("{\"schema\":7,\"payload\":{\"id\":1}}", "invalid_schema"),
        (
            "{\"schema\":{\"type\":\"int\"},\"payload\":1}",
            "invalid_schema",
        ),
        (
            "{\"schema\":{\"type\":\"struct\"},\"payload\":{}}",
            "invalid_schema",
        ),
        (
            "{\"schema\":{\"type\":\"array\"},\"payload\":[]}",
            "invalid_schema",
        ),
        (
            "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int8\"}]},\"payload\":{}}",
            "invalid_schema",
        ),
    ] {
        assert_eq!(condition(value), word, "{value}");
    }
    let deep = format!(
        "{}{{}}{}",
        "{\"type\":\"array\",\"items\":".repeat(200),
        "}".repeat(200)
    );
    let deep = format!("{{\"schema\":{deep},\"payload\":[]}}");
    assert_eq!(condition(&deep), "invalid_schema");
    let framed = read(&[want("id")], "\0\0\0\0\u{1}{}")
        .unwrap_err()
        .to_string();
    assert!(framed.contains("framing = \"confluent\""), "{framed}");
    // A key that a StringConverter wrote.
    let value = message(&order(), "null");
    for key in ["order-7", "\"order-7\"", "7"] {
        let bad = decode(&[want("id").key()], Mode::Upsert, Some(key), Some(&value));
        let bad = bad.unwrap_err();
        assert_eq!(bad.condition(), "schema_missing", "{key}");
        assert!(bad.to_string().starts_with("the key "), "{bad}");
        assert!(bad.to_string().contains("format = \"json\""), "{bad}");
    }
}

#[test]
fn a_field_that_no_column_takes_is_bad_where_that_is_asked() {
    let text = message(
        &order(),
        "{\"id\":1,\"note\":null,\"customer\":{\"name\":\"n\"}}",
    );
    let ask = |wants: &[Want]| read_with(wants, UnknownFields::Reject, &text);
    assert!(ask(&[want("id"), want("note"), want("customer")]).is_ok());
    let unknown = |field: &str| {
        let field = field.to_owned();
        Err(BadRecord::UnknownField { field })
    };
    assert_eq!(ask(&[want("id"), want("note")]), unknown("customer"));
    let inside = [want("id"), want("note"), want("customer.since")];
    assert_eq!(ask(&inside), unknown("name"));
    // Also where no column takes any.
    assert_eq!(ask(&[]), unknown("id"));
    assert_eq!(ask(&[want("other")]), unknown("id"));
}

#[test]
fn a_table_grows_by_the_schemas_own_fields_alone() {
    let ask = |wants: &[Want], payload: &str| {
        read_with(wants, UnknownFields::RejectOwn, &message(&order(), payload))
    };
    let payload = "{\"id\":1,\"note\":null,\"customer\":{\"name\":\"n\"}}";
    let field = "customer".to_owned();
    assert_eq!(
        ask(&[want("id"), want("note")], payload),
        Err(BadRecord::UnknownField { field })
    );
    // What stands inside a field that a column takes is no column to add.
    let inside = [want("id"), want("note"), want("customer.since")];
    assert!(ask(&inside, payload).is_ok());
    // A field that the schema lacks has no type for a column.
    let stray = "{\"id\":1,\"note\":null,\"customer\":{\"name\":\"n\"},\"stray\":1}";
    assert!(ask(&inside, stray).is_ok());
}
