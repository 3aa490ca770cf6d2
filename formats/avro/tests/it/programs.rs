//! What is read of a value, by what columns want of it.

use crate::support::{
    compile, compile_as, compile_in, fault, long, paths, read, read_by, record, schema, text, want,
};
use plimsoll_avro::SchemaError;
use plimsoll_record::{BadRecord, Fault, Side, UnknownFields};
use plimsoll_sink_api::Cell;

/// `{id, note?, at: {x, y?}?}`
fn order() -> String {
    let at =
        record(&[("x", "\"int\""), ("y", "[\"null\", \"string\"]")]).replace("\"R\"", "\"At\"");
    record(&[
        ("id", "\"long\""),
        ("note", "[\"string\", \"null\"]"),
        ("at", &format!("[\"null\", {at}]")),
    ])
}

fn full() -> Vec<u8> {
    [
        long(7),
        long(0),
        text("hi"),
        long(1),
        long(5),
        long(1),
        text("why"),
    ]
    .concat()
}

fn sparse() -> Vec<u8> {
    [long(8), long(1), long(0)].concat()
}

#[test]
fn paths_go_into_records_that_may_be_null() {
    let schema = schema(&order());
    let program = compile(
        &schema,
        &paths(&["at.y", "id", "note", "at.x", "at.z", "z"]),
    );
    assert_eq!(
        read(&program, &full(), 6).unwrap(),
        ["text why", "7", "text hi", "5", "absent", "absent"]
    );
    // What the schema has and the record has not is null; what it lacks is absent.
    assert_eq!(
        read(&program, &sparse(), 6).unwrap(),
        ["null", "8", "null", "null", "absent", "absent"]
    );
}

#[test]
fn what_is_borrowed_is_not_copied() {
    let schema = schema(&order());
    let program = compile(&schema, &paths(&["note"]));
    let body = full();
    let inside = read_by(&program, &body, 1, |cells| match cells[0] {
        Cell::Text(text) => body.as_ptr_range().contains(&text.as_ptr()),
        _ => false,
    });
    assert_eq!(inside, Ok(true));
}

#[test]
fn a_field_may_be_wanted_often() {
    let schema = schema(&order());
    let wants = [
        want(0, "at"),
        want(1, "at.x"),
        want(2, "at.x").json(),
        want(3, "at").json(),
        want(4, ""),
        want(5, "id"),
        want(6, "id"),
        want(7, "note").json(),
    ];
    let program = compile(&schema, &wants);
    let at = "json {\"x\":5,\"y\":\"why\"}";
    let whole = "json {\"id\":7,\"note\":\"hi\",\"at\":{\"x\":5,\"y\":\"why\"}}";
    assert_eq!(
        read(&program, &full(), 8).unwrap(),
        [at, "5", "json 5", at, whole, "7", "7", "json \"hi\""]
    );
    let whole = "json {\"id\":8,\"note\":null,\"at\":null}";
    assert_eq!(
        read(&program, &sparse(), 8).unwrap(),
        ["null", "null", "null", "null", whole, "8", "8", "null"]
    );
}

#[test]
fn unions_of_several_types_give_what_is_there() {
    let schema = schema(&record(&[(
        "u",
        r#"["null", "int", "string", {"type": "array", "items": "int"},
            {"type": "record", "name": "A", "fields": [
                {"name": "a", "type": "int"}, {"name": "b", "type": "int"}]},
            {"type": "record", "name": "B", "fields": [
                {"name": "b", "type": "string"}]}]"#,
    )]));
    let program = compile(&schema, &paths(&["u", "u.a", "u.b"]));
    let of =
        |branch: i64, value: Vec<u8>| read(&program, &[long(branch), value].concat(), 3).unwrap();
    assert_eq!(of(0, vec![]), ["null", "null", "null"]);
    assert_eq!(of(1, long(3)), ["3", "null", "null"]);
    assert_eq!(of(2, text("x")), ["text x", "null", "null"]);
    let list = [long(1), long(4), long(0)].concat();
    assert_eq!(of(3, list), ["json [4]", "null", "null"]);
    let a = [long(1), long(2)].concat();
    assert_eq!(of(4, a), ["json {\"a\":1,\"b\":2}", "1", "2"]);
    assert_eq!(of(5, text("q")), ["json {\"b\":\"q\"}", "null", "text q"]);
    assert_eq!(fault(&read(&program, &long(6), 3)), Some(Fault::Index));
    assert_eq!(fault(&read(&program, &long(-1), 3)), Some(Fault::Index));
}

#[test]
fn maps_are_gone_into_by_their_keys() {
    let schema = schema(&record(&[
        (
            "m",
            r#"["null", {"type": "map", "values": ["null", {"type": "map", "values": "int"}]}]"#,
        ),
        ("z", "\"int\""),
    ]));
    let program = compile(&schema, &paths(&["m.a.x", "m.b", "z", "m.c"]));
    let inner = |pairs: &[(&str, i64)]| {
        let mut bytes = long(pairs.len() as i64);
        for (key, value) in pairs {
            bytes.extend([text(key), long(*value)].concat());
        }
        bytes.push(0);
        [long(1), bytes].concat()
    };
    let body = [
        long(1),
        // A block that tells its length, and one that does not.
        long(-1),
        long(1 + 1 + inner(&[("x", 1), ("y", 2)]).len() as i64),
        text("a"),
        inner(&[("x", 1), ("y", 2)]),
        long(2),
        text("d"),
        long(0),
        text("b"),
        inner(&[("q", 9)]),
        long(0),
        long(5),
    ]
    .concat();
    assert_eq!(
        read(&program, &body, 4).unwrap(),
        ["1", "json {\"q\":9}", "5", "absent"]
    );
    let none = [long(0), long(5)].concat();
    assert_eq!(
        read(&program, &none, 4).unwrap(),
        ["absent", "absent", "5", "absent"]
    );
}

#[test]
fn unknown_fields_are_refused_where_they_are_to_be() {
    let schema = schema(&order());
    let compile = |wanted: &[&str]| {
        compile_as(&schema, &paths(wanted), Side::Value, UnknownFields::Reject).expect("a program")
    };
    let unknown = |wanted: &[&str], body: &[u8]| match read(&compile(wanted), body, 9) {
        Err(BadRecord::UnknownField { field }) => field,
        Err(other) => panic!("{other}"),
        Ok(_) => "none".to_owned(),
    };
    assert_eq!(unknown(&["id", "note", "at"], &full()), "none");
    assert_eq!(unknown(&["id", "note"], &full()), "at");
    assert_eq!(unknown(&["id", "note", "at.x"], &full()), "y");
    assert_eq!(unknown(&["id", "note", "at.x"], &sparse()), "none");
    assert_eq!(unknown(&[""], &full()), "id");
    assert_eq!(unknown(&["", "id", "note", "at"], &full()), "none");
}

#[test]
fn presence_says_whether_there_is_a_value() {
    let schema = schema(&order());
    let wants = [
        want(0, "at").presence(),
        want(1, "at.x"),
        want(2, "note").presence(),
        want(3, "id"),
        want(4, "z").presence(),
    ];
    let program = compile(&schema, &wants);
    let full = read(&program, &full(), 5).unwrap();
    assert_eq!(full, ["true", "5", "true", "7", "absent"]);
    let sparse = read(&program, &sparse(), 5).unwrap();
    assert_eq!(sparse, ["null", "null", "null", "8", "absent"]);
}

#[test]
fn an_envelope_has_rules_for_its_row_alone() {
    let row = order();
    let event = schema(&record(&[
        ("op", "\"string\""),
        (
            "after",
            &format!("[\"null\", {}]", row.replace("\"R\"", "\"Row\"")),
        ),
        ("ts", "\"long\""),
    ]));
    let body = |row: &[u8]| [text("c"), long(1), row.to_vec(), long(9)].concat();
    let strict = |wanted: &[&str]| {
        compile_in(
            &event,
            &paths(wanted),
            Side::Value,
            UnknownFields::Reject,
            &["after"],
        )
        .expect("a program")
    };
    // Fields beside the row are nobody's, and no error.
    let program = strict(&["op", "after.id", "after.note", "after.at"]);
    assert_eq!(read(&program, &body(&sparse()), 4).unwrap()[1], "8");
    let unknown = |wanted: &[&str]| match read(&strict(wanted), &body(&full()), 4) {
        Err(BadRecord::UnknownField { field }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(unknown(&["op", "after.id", "after.note"]), "at");
    assert_eq!(unknown(&["after.id", "after.note", "after.at.x"]), "y");
    let none = [text("d"), long(0), long(9)].concat();
    assert!(read(&strict(&["op", "after.id"]), &none, 2).is_ok());

    // A schema of events that have no row has no key, and needs none.
    let key = [want(0, "after.id").key(), want(1, "ts")];
    let compile =
        |schema, root: &[&str]| compile_in(schema, &key, Side::Value, UnknownFields::Ignore, root);
    let heartbeat = schema(&record(&[("ts", "\"long\"")]));
    let program = compile(&heartbeat, &["after"]).expect("a program");
    assert_eq!(read(&program, &long(3), 2).unwrap(), ["absent", "3"]);
    assert!(compile(&heartbeat, &[]).is_err());
    let other = schema(&record(&[(
        "after",
        &record(&[("z", "\"int\"")]).replace("\"R\"", "\"Q\""),
    )]));
    assert!(
        compile(&other, &["after"]).is_err(),
        "a row without the key"
    );
}

#[test]
fn a_key_column_has_to_have_a_field() {
    let schema = schema(&order());
    let compile = |wants: &[_], side| compile_as(&schema, wants, side, UnknownFields::Ignore);
    let error = compile(&[want(0, "z").key()], Side::Value).unwrap_err();
    assert_eq!(
        error,
        SchemaError::KeyMissing {
            column: "c0".to_owned(),
            path: "\"z\"".to_owned(),
            side: "value",
        }
    );
    // Below a field that has no fields.
    assert!(compile(&[want(0, "id.z").key()], Side::Value).is_err());
    assert!(compile(&[want(0, "at.y").key()], Side::Value).is_ok());
    // Of a tombstone's key two fields may be meant, and one has to be there.
    let two = |a, b| compile(&[want(0, a).key(), want(0, b).key()], Side::Tombstone);
    assert!(two("z", "id").is_ok() && two("id", "z").is_ok());
    let error = two("z", "after.id").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the key column \"c0\" takes the field \"z\" or \"after.id\", which the key's schema lacks"
    );
}

#[test]
fn two_fields_for_one_cell_do_not_take_it_from_each_other() {
    let schema = schema(&order());
    for wants in [
        [want(0, "id"), want(0, "at.x")],
        [want(0, "at.x"), want(0, "id")],
    ] {
        let program = compile(&schema, &wants);
        assert_eq!(read(&program, &sparse(), 1).unwrap(), ["8"]);
    }
}

#[test]
fn a_value_without_fields_is_not_a_record() {
    let number = schema("\"long\"");
    for side in [Side::Value, Side::Key] {
        let error = compile_as(&number, &paths(&["a"]), side, UnknownFields::Ignore);
        let kind = "long";
        let side = side.as_str();
        assert_eq!(error.unwrap_err(), SchemaError::NotRecord { side, kind });
    }
    // It may be null, where the schema says so: never a row of nulls.
    let record = record(&[("a", "\"int\"")]);
    let schema = schema(&format!("[\"null\", {record}]"));
    let program = compile(&schema, &paths(&["a"]));
    assert_eq!(read(&program, &[2, 2], 1).unwrap(), ["1"]);
    assert_eq!(fault(&read(&program, &[0], 1)), Some(Fault::NotRecord));
    // An event that is null is an event.
    let program = compile(&schema, &[want(0, "").json(), want(1, "")]);
    assert_eq!(read(&program, &[0], 2).unwrap(), ["json null", "null"]);
    let object = "json {\"a\":1}";
    assert_eq!(read(&program, &[2, 2], 2).unwrap(), [object, object]);
}

#[test]
fn a_tombstones_key_is_a_record_or_one_value() {
    let compile = |text: &str, wants: &[_]| {
        compile_as(&schema(text), wants, Side::Tombstone, UnknownFields::Ignore)
    };
    let wants = [want(0, "value.id").key(), want(0, "id").key()];
    let program = compile(&record(&[("id", "\"long\"")]), &wants).unwrap();
    assert_eq!(read(&program, &[4], 1).unwrap(), ["2"]);
    let program = compile("\"long\"", &wants).unwrap();
    assert_eq!(read(&program, &[4], 1).unwrap(), ["2"]);
    let either = format!("[\"string\", {}, \"null\"]", record(&[("id", "\"long\"")]));
    let program = compile(&either, &wants).unwrap();
    assert_eq!(read(&program, &[2, 4], 1).unwrap(), ["2"]);
    assert_eq!(read(&program, &[0, 2, b'x'], 1).unwrap(), ["text x"]);
    assert_eq!(read(&program, &[4], 1).unwrap(), ["null"]);
}

#[test]
fn a_column_of_bytes_takes_what_there_is() {
    let read = |text: &str, body: &[u8]| {
        let program = compile_as(
            &schema(text),
            &[want(0, "").bytes()],
            Side::Key,
            UnknownFields::Ignore,
        );
        read(&program.unwrap(), body, 1).unwrap().remove(0)
    };
    assert_eq!(read("\"bytes\"", &[2, 7]), "bytes Bw==");
    assert_eq!(read("\"string\"", &[2, b'a']), "bytes YQ==");
    assert_eq!(
        read("{\"type\": \"fixed\", \"name\": \"F\", \"size\": 1}", &[7]),
        "bytes Bw=="
    );
    let symbols = "{\"type\": \"enum\", \"name\": \"E\", \"symbols\": [\"a\"]}";
    assert_eq!(read(symbols, &[0]), "bytes YQ==");
    assert_eq!(read("\"long\"", &[7]), "bytes Bw==");
    assert_eq!(read(&record(&[("a", "\"int\"")]), &[7]), "bytes Bw==");
}

#[test]
fn paths_through_many_unions_have_a_bound() {
    // Each branch of each union multiplies the ways to a field.
    let mut kinds: Vec<String> = Vec::new();
    for i in 0..40 {
        let all: Vec<String> = (0..40).map(|i| format!("\"R{i}\"")).collect();
        kinds.push(format!(
            "{{\"type\": \"record\", \"name\": \"R{i}\", \"fields\": [\
             {{\"name\": \"n\", \"type\": [{}]}}]}}",
            all.join(",")
        ));
    }
    let schema = schema(&format!("[{}]", kinds.join(",")));
    let error = compile_as(
        &schema,
        &paths(&["n.n.n.n.n.n.n.n"]),
        Side::Value,
        UnknownFields::Ignore,
    );
    assert!(matches!(error, Err(SchemaError::TooLarge { .. })));
}
