//! What each type becomes, alone and within others, and values that are none of theirs.

use crate::schemas::{
    alone, array, decimal, field, in_json, map, named, of, one, order, structure,
};
use crate::support::{Want, message, read, want};
use plimsoll_record::{BadRecord, Fault, Side};
use serde_json::{Value, json};

/// What a value is in a column of its own, and in one of JSON.
fn is(schema: &Value, value: &str, cell: &str, json: &str) {
    assert_eq!(
        alone(schema, value).as_deref(),
        Ok(cell),
        "{schema} {value}"
    );
    let json = format!("json {json}");
    assert_eq!(in_json(schema, value), Ok(json), "{schema} {value}");
}

#[test]
fn each_type_is_a_cell_of_its_own_and_json_as_it_stands() {
    let least = i64::MIN.to_string();
    is(&of("int8"), "-128", "-128", "-128");
    is(&of("int16"), "32767", "32767", "32767");
    is(&of("int32"), "-0", "0", "-0");
    is(&of("int64"), &least, &least, &least);
    is(&of("float"), "3.4028235E38", "3.4028235e38", "3.4028235E38");
    is(&of("float"), "0.1", "0.1", "0.1");
    is(&of("double"), r#""NaN""#, "NaN", r#""NaN""#);
    is(
        &of("double"),
        r#""-Infinity""#,
        "-Infinity",
        r#""-Infinity""#,
    );
    is(&of("double"), "7", "7.0", "7");
    is(&of("boolean"), "true", "true", "true");
    is(
        &of("string"),
        r#""a\u00e9\"""#,
        "text aé\"",
        r#""a\u00e9\"""#,
    );
    is(&of("bytes"), r#""AP8=""#, "bytes AP8=", r#""AP8=""#);
    for kind in ["int32", "string", "bytes"] {
        assert_eq!(alone(&of(kind), "null").as_deref(), Ok("null"));
        assert_eq!(in_json(&of(kind), "null").as_deref(), Ok("null"));
    }
}

#[test]
fn numbers_with_a_name_are_what_they_count() {
    let told = |name: &str, number: i64, text: &str| {
        let value = number.to_string();
        let kind = if name.contains("Micro") {
            "int64"
        } else {
            "int32"
        };
        let json = format!("\"{text}\"");
        is(&named(kind, name), &value, text, &json);
        is(&named("int64", name), &value, text, &json);
    };
    told("org.apache.kafka.connect.data.Date", 20_512, "2026-02-28");
    told(
        "org.apache.kafka.connect.data.Time",
        45_296_789,
        "12:34:56.789",
    );
    told(
        "org.apache.kafka.connect.data.Timestamp",
        0,
        "1970-01-01T00:00:00.000Z",
    );
    let told = |name: &str, number, text| told(&format!("io.debezium.time.{name}"), number, text);
    told("Date", -719_162, "0001-01-01");
    told("Time", 1, "00:00:00.001");
    told("MicroTime", 1, "00:00:00.000001");
    told("MicroTime", -1, "PT-0.000001S");
    told("NanoTime", 1, "00:00:00.000000001");
    told("Timestamp", 0, "1970-01-01T00:00:00.000");
    told(
        "MicroTimestamp",
        1_774_751_400_123_456,
        "2026-03-29T02:30:00.123456",
    );
    told("NanoTimestamp", -1, "1969-12-31T23:59:59.999999999");
    told("MicroDuration", 1, "PT0.000001S");
    is(
        &named("int32", "io.debezium.time.Year"),
        "2026",
        "2026",
        "2026",
    );
}

#[test]
fn texts_and_bytes_with_a_name_are_what_they_mean() {
    is(&decimal(2), r#""+w==""#, "-0.05", "-0.05");
    is(&decimal(-2), r#""ew==""#, "12300", "12300");
    // `decimal.format = NUMERIC`
    is(&decimal(10), "-1E-10", "-1E-10", "-1E-10");
    let bits = json!({"type": "bytes", "name": "io.debezium.data.Bits",
        "parameters": {"length": "10"}});
    is(&bits, r#""qgI=""#, "text 1010101010", r#""1010101010""#);
    let text = |name: &str| named("string", &format!("io.debezium.{name}"));
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    let [upper, lower] = [uuid.to_uppercase(), uuid.to_owned()].map(|id| format!("\"{id}\""));
    is(&text("data.Uuid"), &upper, uuid, &lower);
    is(
        &text("data.Json"),
        r#""{\"a\": 1.10}""#,
        r#"text {"a": 1.10}"#,
        r#"{"a": 1.10}"#,
    );
    is(&text("data.Enum"), r#""ok""#, "text ok", r#""ok""#);
    is(
        &text("time.Interval"),
        r#""P1Y2M""#,
        "text P1Y2M",
        r#""P1Y2M""#,
    );
    let moment = "2026-03-29T01:30:00Z";
    let [cell, quoted] = [format!("text {moment}"), format!("\"{moment}\"")];
    is(&text("time.ZonedTimestamp"), &quoted, &cell, &quoted);
}

#[test]
fn arrays_are_json_whose_items_are_what_they_mean() {
    let is = |items: Value, value: &str, json: &str| {
        is(&array(items), value, &format!("json {json}"), json);
    };
    is(of("int32"), "[1, null]", "[1, null]");
    is(of("string"), r#"["a"]"#, r#"["a"]"#);
    let days = named("int32", "io.debezium.time.Date");
    let json = r#"["2026-01-01",null,"infinity"]"#;
    is(days.clone(), "[20454, null, -622191234]", json);
    is(decimal(2), r#"["bg=="]"#, "[1.10]");
    is(
        array(days),
        "[[0], null, []]",
        r#"[["1970-01-01"],null,[]]"#,
    );
}

#[test]
fn maps_are_objects_or_pairs() {
    let days = || named("int32", "io.debezium.time.Date");
    let texts = map(of("string"), days());
    let expected = Ok("json {\"a\\\"\":\"1970-01-01\",\"b\":null}".to_owned());
    assert_eq!(alone(&texts, "{\"a\\\"\": 0, \"b\": null}"), expected);
    let plain = map(of("string"), of("string"));
    let expected = Ok("json {\"a\": \"1\"}".to_owned());
    assert_eq!(alone(&plain, "{\"a\": \"1\"}"), expected);
    let pairs = map(days(), decimal(1));
    let expected = Ok("json [[\"1970-01-02\",0.5],[null,null]]".to_owned());
    assert_eq!(alone(&pairs, "[[1, \"BQ==\"], [null, null]]"), expected);
    let half = map(of("int32"), days());
    let expected = Ok("json [[7,\"1970-01-01\"]]".to_owned());
    assert_eq!(alone(&half, "[[7, 0]]"), expected);
    assert_eq!(alone(&texts, "{}"), Ok("json {}".to_owned()));
    assert_eq!(alone(&pairs, "[]"), Ok("json []".to_owned()));
    // A path leads into a map by its keys, which no schema tells.
    let schema = structure(vec![field("m", texts), field("p", pairs)]);
    let cells = |payload: &str| {
        let wants = [want("m.a"), want("m.b"), want("p.a")];
        read(&wants, &message(&schema, payload)).unwrap()
    };
    let absent = "absent";
    assert_eq!(
        cells("{\"m\":{\"a\":0,\"c\":1},\"p\":[]}"),
        ["1970-01-01", absent, absent]
    );
    assert_eq!(cells("{\"m\":null,\"p\":[]}"), ["null", "null", absent]);
}

#[test]
fn structs_that_are_one_value_are_that() {
    let variable = json!({"type": "struct", "name": "io.debezium.data.VariableScaleDecimal",
        "fields": [{"field": "scale", "type": "int32"}, {"field": "value", "type": "bytes"}]});
    let value = "{\"scale\": 3, \"value\": \"BQ==\"}";
    assert_eq!(alone(&variable, value).as_deref(), Ok("0.005"));
    assert_eq!(in_json(&variable, value).as_deref(), Ok("json 0.005"));
    let array = array(variable);
    let several = format!("[{value},null]");
    assert_eq!(alone(&array, &several).as_deref(), Ok("json [0.005,null]"));
    let point = json!({"type": "struct", "name": "io.debezium.data.geometry.Point", "fields": [
        {"field": "x", "type": "double"}, {"field": "y", "type": "double"},
        {"field": "wkb", "type": "bytes"}, {"field": "srid", "type": "int32"}]});
    let value = "{\"x\":1.5,\"y\":-2,\"wkb\":\"AQE=\",\"srid\":null}";
    assert_eq!(alone(&point, value).as_deref(), Ok("text (1.5,-2.0)"));
    let json = format!("json {value}");
    assert_eq!(in_json(&point, value), Ok(json));
    // One that lacks a field is a struct like any other.
    let half = json!({"type": "struct", "name": "io.debezium.data.geometry.Point",
        "fields": [{"field": "x", "type": "double"}]});
    assert_eq!(alone(&half, "{\"x\":1}").as_deref(), Ok("json {\"x\":1}"));
}

#[test]
fn bits_and_truth_become_what_their_column_takes() {
    let name = "io.debezium.data.Bits";
    let bits = json!({"type": "bytes", "name": name, "parameters": {"length": "12"}});
    let typed = |schema: &Value, value: &str, name: &str| one(schema, value, want("a").typed(name));
    let of_bits = |name| typed(&bits, "\"FQ==\"", name).unwrap();
    assert_eq!(of_bits("bit varying(12)"), "text 10101");
    assert_eq!(of_bits("bit(12)"), "text 000000010101");
    assert_eq!(of_bits("bigint"), "21");
    assert_eq!(of_bits("bytea"), "bytes FQ==");
    let truth = of("boolean");
    assert_eq!(typed(&truth, "true", "bit(1)").unwrap(), "text 1");
    assert_eq!(typed(&truth, "true", "text").unwrap(), "true");
}

#[test]
fn a_value_that_is_none_of_its_type_is_bad() {
    let days = named("int32", "io.debezium.time.Date");
    for (schema, value, word) in [
        (of("int32"), "\"1\"", "wrong_type"),
        (of("int32"), "1.0", "wrong_type"),
        (of("int32"), "1e3", "wrong_type"),
        (of("int32"), "true", "wrong_type"),
        (of("int32"), "[1]", "wrong_type"),
        (of("int8"), "128", "value_out_of_range"),
        (of("int32"), "-2147483649", "value_out_of_range"),
        (of("int64"), "9223372036854775808", "value_out_of_range"),
        (of("double"), "\"1\"", "wrong_type"),
        (of("double"), "\"nan\"", "wrong_type"),
        (of("double"), "1e999", "value_out_of_range"),
        (of("float"), "1e39", "value_out_of_range"),
        (of("boolean"), "0", "wrong_type"),
        (of("boolean"), "\"true\"", "wrong_type"),
        (of("string"), "1", "wrong_type"),
        (of("string"), "\"\\ud800\"", "bad_string"),
        (of("bytes"), "\"AP8\"", "invalid_base64"),
        (of("bytes"), "1", "wrong_type"),
        (decimal(2), "true", "wrong_type"),
        (decimal(2), "\"1.50\"", "invalid_base64"),
        (days.clone(), "\"2026-01-01\"", "wrong_type"),
        (days.clone(), "-2147472692", "infinite_time"),
        (
            named("string", "io.debezium.data.Uuid"),
            "\"x\"",
            "invalid_uuid",
        ),
        (array(days.clone()), "{}", "wrong_type"),
        (array(days.clone()), "[\"a\"]", "wrong_type"),
        (map(of("string"), days.clone()), "[]", "wrong_type"),
        (map(of("int8"), days.clone()), "{}", "wrong_type"),
        (map(of("int8"), days.clone()), "[[1,2,3]]", "wrong_type"),
        (structure(vec![field("d", days)]), "1", "wrong_type"),
    ] {
        let bad = alone(&schema, value).unwrap_err();
        assert_eq!(bad.condition(), word, "{schema} {value}");
        assert_eq!(bad.column(), Some("a"), "{schema} {value}");
    }
    // Within a message, by the byte at which it stands.
    let schema = order();
    let text = message(&schema, "{\"id\": 1, \"note\": 2}");
    let bad = read(&[want("id"), want("note")], &text).unwrap_err();
    let expected = BadRecord::Binary {
        side: Side::Value,
        format: "Kafka Connect's JSON",
        fault: Fault::OtherType,
        at: text.rfind('2').unwrap(),
        column: Some("note".to_owned()),
    };
    assert_eq!(bad, expected);
    // Where an object has to be, is none.
    let condition = |wants: &[Want], payload: &str| {
        let bad = read(wants, &message(&schema, payload)).unwrap_err();
        bad.condition()
    };
    assert_eq!(condition(&[want("id")], "[1]"), "wrong_type");
    assert_eq!(
        condition(&[want("customer.name")], "{\"customer\":1}"),
        "wrong_type"
    );
    assert_eq!(
        condition(&[want("id")], "{\"\\ud800\":1,\"id\":1}"),
        "bad_string"
    );
}

#[test]
fn nested_json_has_a_bound() {
    // No byte of them, and a thousand digits.
    let name = "io.debezium.data.Bits";
    let bits = json!({"type": "bytes", "name": name, "parameters": {"length": "1000"}});
    let array = array(bits);
    let items = |n: usize| format!("[{}]", vec!["\"\""; n].join(","));
    assert!(alone(&array, &items(4)).is_ok());
    let bad = alone(&array, &items(1_000)).unwrap_err();
    assert_eq!(bad.condition(), "json_too_large");
}
