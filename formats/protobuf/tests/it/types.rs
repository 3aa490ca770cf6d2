//! What each type becomes, in a column of its own and in JSON.

use crate::support::{
    bytes, compile, fault, json, number, paths, read, read_paths, schema, varint, want,
};
use plimsoll_protobuf::Schema;
use plimsoll_record::Fault;
use plimsoll_sink_api::canonical::to_base64;

/// A message `M` of one field `f` of a type, with imports.
fn of(kind: &str, imports: &str) -> Schema {
    let imports: String = imports
        .split_whitespace()
        .map(|name| format!("import \"{name}.proto\"; "))
        .collect();
    schema(&format!("{imports} message M {{ {kind} f = 1; }}"))
}

/// The field as a column takes it, and as JSON has it.
fn both(schema: &Schema, body: &[u8]) -> [String; 2] {
    let all = json(schema, "M", body).expect("good");
    let all = all
        .strip_prefix("{\"f\":")
        .and_then(|all| all.strip_suffix('}'));
    let column = read_paths(schema, &["f"], body).remove(0);
    [column, all.unwrap_or("none").to_owned()]
}

#[track_caller]
fn is(schema: &Schema, body: &[u8], column: &str, json: &str) {
    assert_eq!(both(schema, body), [column, json]);
}

fn fixed32(value: u32) -> Vec<u8> {
    [&[0x0d][..], &value.to_le_bytes()].concat()
}

fn fixed64(value: u64) -> Vec<u8> {
    [&[0x09][..], &value.to_le_bytes()].concat()
}

#[test]
fn whole_numbers_have_all_their_digits() {
    let minus = u64::MAX;
    is(&of("int32", ""), &number(1, minus), "-1", "-1");
    is(
        &of("int64", ""),
        &number(1, 1 << 63),
        "-9223372036854775808",
        "-9223372036854775808",
    );
    is(
        &of("uint32", ""),
        &number(1, u32::MAX.into()),
        "4294967295",
        "4294967295",
    );
    is(
        &of("uint64", ""),
        &number(1, minus),
        "18446744073709551615",
        "18446744073709551615",
    );
    is(
        &of("sint32", ""),
        &number(1, u32::MAX.into()),
        "-2147483648",
        "-2147483648",
    );
    is(
        &of("sint64", ""),
        &number(1, minus),
        "-9223372036854775808",
        "-9223372036854775808",
    );
    is(&of("sint64", ""), &number(1, 3), "-2", "-2");
    is(
        &of("fixed32", ""),
        &fixed32(u32::MAX),
        "4294967295",
        "4294967295",
    );
    is(&of("sfixed32", ""), &fixed32(u32::MAX), "-1", "-1");
    is(
        &of("fixed64", ""),
        &fixed64(minus),
        "18446744073709551615",
        "18446744073709551615",
    );
    is(&of("sfixed64", ""), &fixed64(minus), "-1", "-1");
    // Of a number that is longer than its type the low bits count.
    is(&of("int32", ""), &number(1, 1 << 40 | 5), "5", "5");
    is(&of("uint32", ""), &number(1, 1 << 40 | 5), "5", "5");
    is(&of("bool", ""), &number(1, 7), "true", "true");
}

#[test]
fn other_scalars_are_what_they_are() {
    is(&of("float", ""), &fixed32(0.1f32.to_bits()), "0.1", "0.1");
    is(
        &of("double", ""),
        &fixed64(f64::NAN.to_bits()),
        "NaN",
        "\"NaN\"",
    );
    is(
        &of("double", ""),
        &fixed64(f64::NEG_INFINITY.to_bits()),
        "-Infinity",
        "\"-Infinity\"",
    );
    is(&of("string", ""), &bytes(1, "é\""), "text é\"", "\"é\\\"\"");
    is(
        &of("bytes", ""),
        &bytes(1, [0, 255]),
        "bytes AP8=",
        "\"AP8=\"",
    );
    let bit = compile(&of("bool", ""), "M", &[want(0, "f").typed("bit(1)")]);
    assert_eq!(read(&bit, &number(1, 1), 1), Ok(vec!["text 1".to_owned()]));
    assert_eq!(read(&bit, &[], 1), Ok(vec!["text 0".to_owned()]));
}

#[test]
fn an_enum_is_its_name_or_its_number() {
    let schema = schema(
        "enum E { option allow_alias = true; ZERO = 0; ONE = 1; UNO = 1; LOW = -5; FAR = 1000; }
         message M { E f = 1; }",
    );
    is(&schema, &[], "text ZERO", "\"ZERO\"");
    is(&schema, &number(1, 1), "text ONE", "\"ONE\"");
    is(&schema, &number(1, 1000), "text FAR", "\"FAR\"");
    is(&schema, &number(1, (-5i64) as u64), "text LOW", "\"LOW\"");
    is(&schema, &number(1, 2), "2", "2");
    let column = compile(&schema, "M", &[want(0, "f").bytes()]);
    assert_eq!(
        read(&column, &number(1, 1), 1),
        Ok(vec![format!("bytes {}", to_base64(b"ONE"))])
    );
}

#[test]
fn a_list_takes_its_values_in_any_writing() {
    let ints = of("repeated int32", "");
    let packed = bytes(1, [varint(1), varint(300), varint(u64::MAX)].concat());
    is(&ints, &packed, "json [1,300,-1]", "[1,300,-1]");
    let body = [number(1, 7), packed, number(1, 8), bytes(1, [])].concat();
    is(&ints, &body, "json [7,1,300,-1,8]", "[7,1,300,-1,8]");
    is(&ints, &[], "json []", "[]");
    is(
        &of("repeated string", ""),
        &[bytes(1, "a"), bytes(1, "")].concat(),
        "json [\"a\",\"\"]",
        "[\"a\",\"\"]",
    );
    let doubles = [fixed64(1.5f64.to_bits()), bytes(1, 2.5f64.to_le_bytes())].concat();
    is(
        &of("repeated double", ""),
        &doubles,
        "json [1.5,2.5]",
        "[1.5,2.5]",
    );
    let cut = bytes(1, [0, 0, 0]);
    let program = compile(&of("repeated double", ""), "M", &paths(&["f"]));
    assert_eq!(fault(&read(&program, &cut, 1)), Some(Fault::Truncated));
}

#[test]
fn a_map_is_an_object_and_of_two_entries_with_one_key_the_last_counts() {
    let map = of("map<string, int32>", "");
    let entry = |key: &str, value: u64| bytes(1, [bytes(1, key), number(2, value)].concat());
    let body = [entry("a", 1), entry("b\"", 2), entry("a", 3)].concat();
    is(
        &map,
        &body,
        "json {\"b\\\"\":2,\"a\":3}",
        "{\"b\\\"\":2,\"a\":3}",
    );
    // Neither key nor value need be written, and either may come first or twice.
    let odd = bytes(
        1,
        [number(2, 1), bytes(1, "x"), bytes(1, "k"), number(2, 5)].concat(),
    );
    is(
        &map,
        &[bytes(1, []), odd].concat(),
        "json {\"\":0,\"k\":5}",
        "{\"\":0,\"k\":5}",
    );
    let keyed = |kind: &str, key: Vec<u8>, text: &str| {
        let json = format!("{{\"{text}\":0}}");
        let map = of(&format!("map<{kind}, int32>"), "");
        is(&map, &bytes(1, &key), &format!("json {json}"), &json);
        let path = format!("f.{text}");
        assert_eq!(read_paths(&map, &[&path], &bytes(1, key)), ["0"]);
    };
    keyed("int64", number(1, u64::MAX), "-1");
    keyed("uint64", number(1, u64::MAX), "18446744073709551615");
    keyed("sint32", number(1, 1), "-1");
    keyed("fixed32", fixed32(u32::MAX), "4294967295");
    keyed("sfixed64", fixed64(u64::MAX), "-1");
    keyed("bool", number(1, 1), "true");
}

#[test]
fn times_are_times() {
    let timestamp = of("google.protobuf.Timestamp", "google/protobuf/timestamp");
    let at =
        |seconds: i64, nanos: u64| bytes(1, [number(1, seconds as u64), number(2, nanos)].concat());
    let same = |schema: &Schema, body: &[u8], text: &str| {
        let [column, json] = both(schema, body);
        assert_eq!(column.trim_start_matches("text "), text);
        assert_eq!(json, format!("\"{text}\""));
    };
    same(&timestamp, &at(0, 0), "1970-01-01T00:00:00.000000000Z");
    same(
        &timestamp,
        &at(-1, 999_999_999),
        "1969-12-31T23:59:59.999999999Z",
    );
    same(&timestamp, &bytes(1, []), "1970-01-01T00:00:00.000000000Z");
    // Where nanoseconds of 64 bits end, and where the type does.
    same(
        &timestamp,
        &at(9_223_372_036, 854_775_807),
        "2262-04-11T23:47:16.854775807Z",
    );
    same(
        &timestamp,
        &at(9_223_372_036, 854_775_808),
        "2262-04-11T23:47:16.854775808Z",
    );
    same(
        &timestamp,
        &at(253_402_300_799, 999_999_999),
        "9999-12-31T23:59:59.999999999Z",
    );
    same(
        &timestamp,
        &at(-62_135_596_800, 0),
        "0001-01-01T00:00:00.000000000Z",
    );
    is(&timestamp, &[], "null", "none");
    let duration = of("google.protobuf.Duration", "google/protobuf/duration");
    same(&duration, &at(-1, (-500_000_000i64) as u64), "PT-1.5S");
    let date = of("google.type.Date", "google/type/date");
    let day = |year, month, day| {
        bytes(
            1,
            [number(1, year), number(2, month), number(3, day)].concat(),
        )
    };
    same(&date, &day(2026, 2, 28), "2026-02-28");
    // A part of a day is left open.
    let open = "{\"year\":0,\"month\":2,\"day\":29}";
    is(&date, &day(0, 2, 29), &format!("json {open}"), open);
    let time = of("google.type.TimeOfDay", "google/type/timeofday");
    let clock = |hours, minutes, seconds| {
        bytes(
            1,
            [
                number(1, hours),
                number(2, minutes),
                number(3, seconds),
                number(4, 5),
            ]
            .concat(),
        )
    };
    same(&time, &clock(23, 59, 60 - 1), "23:59:59.000000005");
    same(&time, &bytes(1, number(1, 24)), "24:00:00.000000000");
    let none = [
        (&timestamp, at(253_402_300_800, 0)),
        (&timestamp, at(0, 1_000_000_000)),
        (&timestamp, at(0, u64::MAX)),
        (&duration, at(315_576_000_001, 0)),
        (&date, day(2026, 2, 29)),
        (&date, day(2026, 13, 1)),
        (&time, clock(24, 0, 0)),
        (&time, clock(1, 60, 0)),
    ];
    for (schema, body) in none {
        let program = compile(schema, "M", &paths(&["f"]));
        assert_eq!(fault(&read(&program, &body, 1)), Some(Fault::OutOfRange));
        assert!(json(schema, "M", &body).is_err());
    }
}

#[test]
fn a_message_that_is_one_value_may_come_in_parts() {
    let timestamp = of("google.protobuf.Timestamp", "google/protobuf/timestamp");
    let body = [
        bytes(1, number(2, 5)),
        bytes(1, number(1, 1)),
        bytes(1, number(2, 7)),
    ]
    .concat();
    let text = "1970-01-01T00:00:01.000000007Z";
    is(&timestamp, &body, text, &format!("\"{text}\""));
    let wrong = bytes(1, fixed32(1));
    let program = compile(&timestamp, "M", &paths(&["f"]));
    assert_eq!(fault(&read(&program, &wrong, 1)), Some(Fault::WireType));
}

#[test]
fn wrappers_are_what_they_wrap_or_null() {
    let of = |kind: &str| {
        of(
            &format!("google.protobuf.{kind}Value"),
            "google/protobuf/wrappers",
        )
    };
    is(&of("String"), &[], "null", "none");
    is(&of("String"), &bytes(1, []), "text ", "\"\"");
    is(&of("Int32"), &bytes(1, number(1, u64::MAX)), "-1", "-1");
    is(
        &of("UInt64"),
        &bytes(1, number(1, u64::MAX)),
        "18446744073709551615",
        "18446744073709551615",
    );
    is(&of("Bool"), &bytes(1, []), "false", "false");
    is(
        &of("Float"),
        &bytes(1, fixed32(1.5f32.to_bits())),
        "1.5",
        "1.5",
    );
    is(
        &of("Bytes"),
        &bytes(1, bytes(1, [0, 255])),
        "bytes AP8=",
        "\"AP8=\"",
    );
    let column = compile(&of("String"), "M", &[want(0, "f").bytes()]);
    let read = read(&column, &bytes(1, bytes(1, "a")), 1);
    assert_eq!(read, Ok(vec![format!("bytes {}", to_base64(b"a"))]));
}

#[test]
fn decimals_keep_every_digit() {
    for file in ["confluent/type/decimal", "confluent/types/decimal"] {
        let decimal = of("confluent.type.Decimal", file);
        let body = bytes(
            1,
            [bytes(1, [0xfb, 0x2e]), number(2, 12), number(3, 2)].concat(),
        );
        is(&decimal, &body, "-12.34", "-12.34");
        is(&decimal, &bytes(1, []), "0", "0");
        let negative = bytes(1, [bytes(1, [7]), number(3, (-3i64) as u64)].concat());
        is(&decimal, &negative, "7000", "7000");
    }
    let digits = of("google.type.Decimal", "google/type/decimal");
    is(&digits, &bytes(1, bytes(1, "2.50")), "2.50", "2.50");
    is(&digits, &bytes(1, []), "0", "0");
    is(&digits, &bytes(1, bytes(1, "+1")), "text +1", "\"+1\"");
}

#[test]
fn json_within_a_message_is_json() {
    let value = of("google.protobuf.Value", "google/protobuf/struct");
    let half = [&[0x11][..], &1.5f64.to_le_bytes()].concat();
    is(&value, &bytes(1, number(1, 0)), "null", "null");
    is(&value, &bytes(1, []), "null", "null");
    is(&value, &[], "null", "none");
    is(&value, &bytes(1, &half), "1.5", "1.5");
    is(&value, &bytes(1, bytes(3, "a")), "text a", "\"a\"");
    is(&value, &bytes(1, number(4, 1)), "true", "true");
    let entry = bytes(1, [bytes(1, "k"), bytes(2, &half)].concat());
    is(
        &value,
        &bytes(1, bytes(5, &entry)),
        "json {\"k\":1.5}",
        "{\"k\":1.5}",
    );
    is(
        &value,
        &bytes(1, bytes(6, bytes(1, &half))),
        "json [1.5]",
        "[1.5]",
    );
    // The last kind counts.
    is(
        &value,
        &bytes(1, [bytes(5, &entry), number(4, 1)].concat()),
        "true",
        "true",
    );
    let json_column = compile(&value, "M", &[want(0, "f").json()]);
    let shown = |body: &[u8]| read(&json_column, body, 1).expect("good").remove(0);
    assert_eq!(shown(&bytes(1, bytes(3, "a"))), "json \"a\"");
    assert_eq!(shown(&bytes(1, number(1, 0))), "null");

    let object = of("google.protobuf.Struct", "google/protobuf/struct");
    let inner = bytes(1, [bytes(1, "in"), bytes(2, bytes(3, "x"))].concat());
    let outer = bytes(1, [bytes(1, "out"), bytes(2, bytes(5, inner))].concat());
    let body = bytes(1, [entry, outer].concat());
    is(
        &object,
        &body,
        "json {\"k\":1.5,\"out\":{\"in\":\"x\"}}",
        "{\"k\":1.5,\"out\":{\"in\":\"x\"}}",
    );
    let names = ["f.k", "f.out", "f.out.in", "f.out.no", "f.k.in", "f.no"];
    let expected = [
        "1.5",
        "json {\"in\":\"x\"}",
        "text x",
        "absent",
        "absent",
        "absent",
    ];
    assert_eq!(read_paths(&object, &names, &body), expected);
}

#[test]
fn any_is_its_message_where_the_schema_has_it() {
    let any = schema(
        "import \"google/protobuf/any.proto\"; import \"google/protobuf/duration.proto\";
         message Known { int32 n = 1; string t = 2; } message Empty { }
         message M { google.protobuf.Any f = 1; }",
    );
    let of = |name: &str, value: Vec<u8>| {
        bytes(
            1,
            [
                bytes(1, format!("type.googleapis.com/{name}")),
                bytes(2, value),
            ]
            .concat(),
        )
    };
    let shown = |name: &str, value: Vec<u8>, rest: &str| {
        let expected = format!("{{\"@type\":\"type.googleapis.com/{name}\"{rest}}}");
        is(
            &any,
            &of(name, value),
            &format!("json {expected}"),
            &expected,
        );
    };
    shown("Known", number(1, 5), ",\"n\":5,\"t\":\"\"");
    shown("Empty", Vec::new(), "");
    shown(
        "google.protobuf.Duration",
        number(1, 5),
        ",\"value\":\"PT5S\"",
    );
    shown("other.Unknown", vec![0, 255], ",\"value\":\"AP8=\"");
    is(&any, &bytes(1, []), "json {}", "{}");
    let nested = of(
        "google.protobuf.Any",
        of("Known", number(1, 1))[2..].to_vec(),
    );
    let [_, text] = both(&any, &nested);
    let inner = "{\"@type\":\"type.googleapis.com/Known\",\"n\":1,\"t\":\"\"}";
    assert!(text.ends_with(&format!("\"value\":{inner}}}")), "{text}");
}

#[test]
fn names_count_only_where_the_fields_are_theirs() {
    let own = Schema::parse(
        "syntax = \"proto3\"; import \"own.proto\"; message M { google.type.Date f = 1; }",
        &[(
            "own.proto",
            "syntax = \"proto3\"; package google.type; message Date { string text = 1; }",
        )],
    )
    .expect("a schema");
    is(
        &own,
        &bytes(1, bytes(1, "x")),
        "json {\"text\":\"x\"}",
        "{\"text\":\"x\"}",
    );
}

#[test]
fn groups_are_messages() {
    let old = Schema::parse(
        "message M { optional group G = 1 { optional int32 n = 1; optional group H = 2 {
             repeated int32 l = 1; } }
             optional string s = 2; }",
        &[],
    )
    .expect("a schema");
    let inner = [&[0x13][..], &bytes(1, [1, 2]), &number(1, 3), &[0x14]].concat();
    let body = [&[0x0b][..], &number(1, 5), &inner, &[0x0c], &bytes(2, "s")].concat();
    let expected = "{\"g\":{\"n\":5,\"h\":{\"l\":[1,2,3]}},\"s\":\"s\"}";
    assert_eq!(json(&old, "M", &body).expect("good"), expected);
    let names = ["g.n", "g.h.l", "s", "g.h"];
    let expected = ["5", "json [1,2,3]", "text s", "json {\"l\":[1,2,3]}"];
    assert_eq!(read_paths(&old, &names, &body), expected);
    assert_eq!(read_paths(&old, &["s"], &body), ["text s"], "gone over");
    let program = compile(&old, "M", &paths(&["s"]));
    let cut = read(&program, &body[..body.len() - 4], 1);
    assert_eq!(fault(&cut), Some(Fault::Truncated));
}
