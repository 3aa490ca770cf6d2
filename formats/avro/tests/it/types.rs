//! Each type as a cell and as JSON.

use crate::support::{compile, fault, long, read, record, schema, text, want};
use plimsoll_record::Fault;

/// A value as a column of its type takes it, and as one of JSON does.
fn both(json: &str, bytes: &[u8]) -> Result<[String; 2], Fault> {
    let schema = schema(&record(&[("a", json)]));
    let one = |want| {
        let result = read(&compile(&schema, &[want]), bytes, 1);
        fault(&result).map_or_else(|| Ok(result.expect("a fault").remove(0)), Err)
    };
    Ok([one(want(0, "a"))?, one(want(0, "a").json())?])
}

fn is(json: &str, bytes: &[u8], cell: &str, as_json: &str) {
    let expected = [cell.to_owned(), format!("json {as_json}")];
    assert_eq!(both(json, bytes), Ok(expected), "{json}");
}

fn logical(base: &str, name: &str) -> String {
    format!("{{\"type\": \"{base}\", \"logicalType\": \"{name}\", \"precision\": 9, \"scale\": 2}}")
}

fn connect(base: &str, name: &str) -> String {
    format!(
        "{{\"type\": \"{base}\", \"connect.name\": \"{name}\", \
         \"connect.parameters\": {{\"scale\": \"3\", \"length\": \"10\"}}}}"
    )
}

fn fixed(size: usize, name: &str) -> String {
    format!(
        "{{\"type\": \"fixed\", \"name\": \"F\", \"size\": {size}, \"logicalType\": \"{name}\", \
         \"precision\": 9, \"scale\": 2}}"
    )
}

#[test]
fn plain_types() {
    is("\"boolean\"", &[1], "true", "true");
    is(
        "\"int\"",
        &long(i32::MIN.into()),
        "-2147483648",
        "-2147483648",
    );
    is(
        "\"long\"",
        &long(9_007_199_254_740_993),
        "9007199254740993",
        "9007199254740993",
    );
    is("\"float\"", &0.1f32.to_le_bytes(), "0.1", "0.1");
    is("\"double\"", &(-0.0f64).to_le_bytes(), "-0.0", "-0.0");
    is("\"double\"", &f64::NAN.to_le_bytes(), "NaN", "\"NaN\"");
    let infinity = f32::NEG_INFINITY.to_le_bytes();
    is("\"float\"", &infinity, "-Infinity", "\"-Infinity\"");
    is("\"string\"", &text("é\"\n"), "text é\"\n", "\"é\\\"\\n\"");
    is("\"bytes\"", &text([0, 255]), "bytes AP8=", "\"AP8=\"");
    is(&fixed(2, "no"), &[0, 255], "bytes AP8=", "\"AP8=\"");
    is(&fixed(0, "no"), &[], "bytes ", "\"\"");
    let symbols = "{\"type\": \"enum\", \"name\": \"E\", \"symbols\": [\"a\", \"b\"]}";
    is(symbols, &[2], "text b", "\"b\"");
    assert_eq!(both(symbols, &[4]), Err(Fault::Index));
    assert_eq!(both("\"boolean\"", &[2]), Err(Fault::Boolean));
    assert_eq!(
        both("\"null\"", &[]),
        Ok(["null".to_owned(), "null".to_owned()])
    );
}

#[test]
fn decimals() {
    for base in [&logical("bytes", "decimal"), &connect("bytes", "no")] {
        assert!(both(base, &text([0x04, 0xd2])).is_ok());
    }
    is(
        &logical("bytes", "decimal"),
        &text([0x04, 0xd2]),
        "12.34",
        "12.34",
    );
    is(&logical("bytes", "decimal"), &text([]), "0.00", "0.00");
    is(
        &fixed(3, "decimal"),
        &[0xff, 0xfb, 0x2e],
        "-12.34",
        "-12.34",
    );
    let name = "org.apache.kafka.connect.data.Decimal";
    is(
        &connect("bytes", name),
        &text([0x04, 0xd2]),
        "1.234",
        "1.234",
    );
    // More bytes than any number has bits, and more digits than any database.
    let long = [&[0x7f][..], &[0xff; 99]].concat();
    let [cell, json] = both(&logical("bytes", "decimal"), &text(&long)).expect("a decimal");
    assert_eq!(json, format!("json {cell}"));
    let expected = num_bigint::BigInt::from_signed_bytes_be(&long).to_string();
    assert_eq!(cell.replace('.', ""), expected);
    let schema = schema(&record(&[("a", &logical("bytes", "decimal"))]));
    let program = compile(&schema, &[want(0, "").json()]);
    let longer = read(&program, &text([1; 5_000]), 1);
    assert_eq!(fault(&longer), Some(Fault::Digits));
}

#[test]
fn times() {
    is(
        &logical("int", "date"),
        &long(-1),
        "1969-12-31",
        "\"1969-12-31\"",
    );
    let noon = "12:00:00.000";
    is(
        &logical("int", "time-millis"),
        &long(43_200_000),
        noon,
        &format!("\"{noon}\""),
    );
    let at = "1969-12-31T23:59:59.999999Z";
    is(
        &logical("long", "timestamp-micros"),
        &long(-1),
        at,
        &format!("\"{at}\""),
    );
    let local = "1970-01-01T00:00:00.000000001";
    is(
        &logical("long", "local-timestamp-nanos"),
        &long(1),
        local,
        &format!("\"{local}\""),
    );
    let name = "io.debezium.time.MicroTime";
    is(
        &connect("long", name),
        &long(-1_000_000),
        "PT-1S",
        "\"PT-1S\"",
    );
    // A time that has no text is one for a column of numbers; JSON has none for it.
    let schema = schema(&record(&[("a", &logical("int", "time-millis"))]));
    let json = compile(&schema, &[want(0, "a").json()]);
    let result = read(&json, &long(-1), 1);
    assert_eq!(fault(&result), Some(Fault::Time));
}

#[test]
fn infinity_is_a_text_in_json_and_else_a_fault() {
    let date = connect("int", "io.debezium.time.Date");
    let schema = schema(&record(&[("a", &date)]));
    let body = long(-2_147_472_691);
    let json = read(&compile(&schema, &[want(0, "a").json()]), &body, 1);
    assert_eq!(json.expect("a text"), ["json \"-infinity\""]);
    let cell = read(&compile(&schema, &[want(0, "a")]), &body, 1);
    assert_eq!(fault(&cell), Some(Fault::Infinite));
}

#[test]
fn uuids_and_durations() {
    let id = "01234567-89ab-cdef-0123-456789abcdef";
    let quoted = format!("\"{id}\"");
    is(&logical("string", "uuid"), &text(id), id, &quoted);
    is(
        &connect("string", "io.debezium.data.Uuid"),
        &text(id),
        id,
        &quoted,
    );
    let bytes = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef";
    is(&fixed(16, "uuid"), &bytes, id, &quoted);
    assert_eq!(
        both(&logical("string", "uuid"), &text("no")),
        Err(Fault::Uuid)
    );
    let duration = [1, 0, 0, 0, 2, 0, 0, 0, 0xdc, 5, 0, 0];
    is(
        &fixed(12, "duration"),
        &duration,
        "P1M2DT1.5S",
        "\"P1M2DT1.5S\"",
    );
}

#[test]
fn bits_and_json_and_parts() {
    let bits = connect("bytes", "io.debezium.data.Bits");
    is(&bits, &text([5]), "text 0000000101", "\"0000000101\"");
    assert_eq!(both(&bits, &text([0, 4])), Err(Fault::Bits));
    // JSON in a column of JSON is no string of it; within other values it is one.
    let json = connect("string", "io.debezium.data.Json");
    is(&json, &text("{\"a\": 1}"), "text {\"a\": 1}", "{\"a\": 1}");
    let list = format!("{{\"type\": \"array\", \"items\": {json}}}");
    let one = [long(1), text("[]"), long(0)].concat();
    is(&list, &one, "json [\"[]\"]", "[\"[]\"]");

    let decimal = "{\"type\": \"record\", \"name\": \"io.debezium.data.VariableScaleDecimal\", \
         \"fields\": [{\"name\": \"scale\", \"type\": \"int\"}, \
         {\"name\": \"value\", \"type\": \"bytes\"}]}";
    let body = [long(3), text([5])].concat();
    is(decimal, &body, "0.005", "0.005");
    let huge = [long(1 << 40), text([5])].concat();
    assert_eq!(both(decimal, &huge), Err(Fault::Number));
    let point = "{\"type\": \"record\", \"name\": \"io.debezium.data.geometry.Point\", \
         \"fields\": [{\"name\": \"x\", \"type\": \"double\"}, \
         {\"name\": \"y\", \"type\": \"double\"}, \
         {\"name\": \"wkb\", \"type\": [\"null\", \"bytes\"]}, \
         {\"name\": \"srid\", \"type\": [\"null\", \"int\"]}]}";
    let body = [
        1.5f64.to_le_bytes().to_vec(),
        2f64.to_le_bytes().to_vec(),
        long(0),
        long(1),
        long(9),
    ]
    .concat();
    is(
        point,
        &body,
        "text (1.5,2.0)",
        "{\"x\":1.5,\"y\":2.0,\"wkb\":null,\"srid\":9}",
    );
}

#[test]
fn arrays_and_maps_come_in_blocks() {
    let list = "{\"type\": \"array\", \"items\": \"int\"}";
    let body = [
        long(2),
        long(1),
        long(2),
        long(-2),
        long(3),
        long(3),
        long(300),
        long(0),
    ]
    .concat();
    is(list, &body, "json [1,2,3,300]", "[1,2,3,300]");
    is(list, &long(0), "json []", "[]");
    let map = "{\"type\": \"map\", \"values\": [\"null\", \"int\"]}";
    let body = [
        long(1),
        text("a\"b"),
        long(0),
        long(1),
        text("c"),
        long(1),
        long(7),
        long(0),
    ]
    .concat();
    let json = "{\"a\\\"b\":null,\"c\":7}";
    is(map, &body, &format!("json {json}"), json);
    // A block that is not as long as it says, shorter or longer.
    for length in [2, 4] {
        let body = [
            long(-2),
            long(length),
            long(1),
            long(300),
            long(0),
            vec![0; 9],
        ]
        .concat();
        assert_eq!(both(list, &body), Err(Fault::Block), "{length}");
    }
}

#[test]
fn nested_values_keep_their_types_in_json() {
    let json = format!(
        "{{\"type\": \"record\", \"name\": \"N\", \"fields\": [\
         {{\"name\": \"d\", \"type\": [\"null\", {}]}},\
         {{\"name\": \"n\", \"type\": [\"string\", \"long\"]}},\
         {{\"name\": \"q\\\"\", \"type\": {}}},\
         {{\"name\": \"e\", \"type\": {{\"type\": \"record\", \"name\": \"O\", \"fields\": []}}}}]}}",
        logical("int", "date"),
        logical("bytes", "decimal"),
    );
    let body = [long(1), long(0), long(1), long(i64::MAX), text([1])].concat();
    let expected = "{\"d\":\"1970-01-01\",\"n\":9223372036854775807,\"q\\\"\":0.01,\"e\":{}}";
    is(&json, &body, &format!("json {expected}"), expected);
}
