//! Paths, presence, fields in any order, and what nobody wants.

use crate::support::{
    bytes, compile, compile_as, compile_in, fault, number, paths, read, read_paths, schema, want,
};
use plimsoll_protobuf::{Schema, SchemaError};
use plimsoll_record::{BadRecord, Fault, Looks, Side, UnknownFields};

fn order() -> Schema {
    schema(
        "message M {
            int64 id = 1;
            optional string note = 2;
            Customer customer = 3;
            oneof pay { string card = 4; Cash cash = 5; int64 points = 6; }
            map<string, Customer> by = 7;
            repeated Customer list = 300;
        }
        message Customer { string name = 1; optional int32 age = 2; Customer boss = 3; }
        message Cash { int64 cents = 1; string currency = 2; repeated int32 coins = 3; }",
    )
}

#[test]
fn fields_of_a_message_that_is_not_set_are_null_and_of_one_that_is_zero() {
    let order = order();
    let names = [
        "customer",
        "customer.name",
        "customer.age",
        "customer.boss.name",
        "customer.boss",
    ];
    assert_eq!(read_paths(&order, &names, &[]), ["null"; 5]);
    let empty = read_paths(&order, &names, &bytes(3, []));
    assert_eq!(
        empty,
        ["json {\"name\":\"\"}", "text ", "null", "null", "null"]
    );
    let boss = read_paths(&order, &names, &bytes(3, bytes(3, number(2, 5))));
    let expected = [
        "json {\"name\":\"\",\"boss\":{\"name\":\"\",\"age\":5}}",
        "text ",
        "null",
        "text ",
        "json {\"name\":\"\",\"age\":5}",
    ];
    assert_eq!(boss, expected);
}

#[test]
fn messages_in_parts_are_one() {
    let order = order();
    let names = [
        "customer.name",
        "customer.age",
        "customer.boss.age",
        "customer",
    ];
    let parts = [
        bytes(3, bytes(1, "a")),
        number(1, 1),
        bytes(3, bytes(3, bytes(1, "b"))),
        bytes(3, [number(2, 5), bytes(3, number(2, 7))].concat()),
    ];
    let expected = [
        "text a",
        "5",
        "7",
        "json {\"name\":\"a\",\"age\":5,\"boss\":{\"name\":\"b\",\"age\":7}}",
    ];
    assert_eq!(read_paths(&order, &names, &parts.concat()), expected);
    // In bytes it is all parts behind each other.
    let column = compile(&order, "M", &[want(0, "customer").bytes()]);
    let shown = read(
        &column,
        &[bytes(3, bytes(1, "a")), bytes(3, number(2, 5))].concat(),
        1,
    );
    let all = [bytes(1, "a"), number(2, 5)].concat();
    let expected = format!("bytes {}", plimsoll_sink_api::canonical::to_base64(&all));
    assert_eq!(shown, Ok(vec![expected]));
}

#[test]
fn of_a_oneof_the_last_member_counts_and_the_others_are_null() {
    let order = order();
    let names = [
        "card",
        "cash",
        "cash.cents",
        "cash.currency",
        "cash.coins",
        "points",
    ];
    let card = bytes(4, "4111");
    let cash = |fields: &[u8]| bytes(5, fields);
    let coins = cash(&[number(1, 100), number(3, 1), number(3, 2)].concat());
    let none = ["null"; 6];
    assert_eq!(read_paths(&order, &names, &[]), none);
    let expected = ["text 4111", "null", "null", "null", "null", "null"];
    assert_eq!(read_paths(&order, &names, &card), expected);
    assert_eq!(
        read_paths(&order, &names, &[&coins[..], &card].concat()),
        expected
    );
    let json = "json {\"cents\":100,\"currency\":\"\",\"coins\":[1,2]}";
    let expected = ["null", json, "100", "text ", "json [1,2]", "null"];
    assert_eq!(
        read_paths(&order, &names, &[&card[..], &coins].concat()),
        expected
    );
    // Parts of one member are one; but not where another stood between them.
    let more = cash(&bytes(2, "EUR"));
    let together = [&coins[..], &more].concat();
    let json = "json {\"cents\":100,\"currency\":\"EUR\",\"coins\":[1,2]}";
    let expected = ["null", json, "100", "text EUR", "json [1,2]", "null"];
    assert_eq!(read_paths(&order, &names, &together), expected);
    let apart = [&coins[..], &card, &more].concat();
    let json = "json {\"cents\":0,\"currency\":\"EUR\",\"coins\":[]}";
    let expected = ["null", json, "0", "text EUR", "json []", "null"];
    assert_eq!(read_paths(&order, &names, &apart), expected);
    // One that nobody wants undoes the others all the same.
    let points = [&coins[..], &number(6, 1)].concat();
    assert_eq!(read_paths(&order, &names[..5], &points), ["null"; 5]);
    // All of it as JSON says the same.
    for (body, has, lacks) in [(&apart, "cash", "card"), (&points, "points", "cash")] {
        let all = crate::support::json(&order, "M", body).expect("good");
        assert!(all.contains(has) && !all.contains(lacks), "{all}");
    }
}

#[test]
fn a_path_leads_into_maps_by_their_keys() {
    let order = order();
    let names = [
        "by.a",
        "by.a.name",
        "by.a.age",
        "by.a.boss",
        "by.b.name",
        "by",
    ];
    let entry = |key: &str, value: &[u8]| bytes(7, [bytes(1, key), bytes(2, value)].concat());
    let body = [
        entry("a", &[bytes(1, "one"), bytes(3, [])].concat()),
        entry("c", &bytes(1, "other")),
        // Of two entries with one key the last counts, whole.
        entry("a", &number(2, 5)),
    ];
    let expected = [
        "json {\"name\":\"\",\"age\":5}",
        "text ",
        "5",
        "null",
        "absent",
        "json {\"c\":{\"name\":\"other\"},\"a\":{\"name\":\"\",\"age\":5}}",
    ];
    assert_eq!(read_paths(&order, &names, &body.concat()), expected);
    // An entry without a value has one, of which nothing was written.
    let bare = bytes(7, bytes(1, "a"));
    let expected = ["json {\"name\":\"\"}", "text ", "null", "null"];
    assert_eq!(read_paths(&order, &names[..4], &bare), expected);
}

#[test]
fn what_the_schema_lacks_stays_as_it_is() {
    let names = [
        "no",
        "customer.no",
        "id.no",
        "list.name",
        "list.0",
        "note.x",
    ];
    let body = [
        number(1, 1),
        bytes(3, []),
        bytes(2, "n"),
        bytes(300, bytes(1, "x")),
    ]
    .concat();
    assert_eq!(read_paths(&order(), &names, &body), ["absent"; 6]);
}

#[test]
fn one_field_may_fill_several_cells() {
    let wants = [
        want(0, "customer"),
        want(1, "customer.name"),
        want(2, "customer").bytes(),
        want(3, "customer").presence(),
        want(4, "customer.name").json(),
        want(5, "id").presence(),
        want(6, "note").presence(),
        want(7, "").presence(),
        want(8, "").bytes(),
        want(9, "list").presence(),
    ];
    let program = compile(&order(), "M", &wants);
    let body = bytes(3, bytes(1, "a"));
    let base64 = plimsoll_sink_api::canonical::to_base64;
    let expected = [
        "json {\"name\":\"a\"}".to_owned(),
        "text a".to_owned(),
        format!("bytes {}", base64(&body[2..])),
        "true".to_owned(),
        "json \"a\"".to_owned(),
        "true".to_owned(),
        "null".to_owned(),
        "true".to_owned(),
        format!("bytes {}", base64(&body)),
        "true".to_owned(),
    ];
    assert_eq!(read(&program, &body, 10), Ok(expected.to_vec()));
}

#[test]
fn two_fields_may_be_wanted_for_one_cell() {
    // A tombstone's key: by the value's path, or by the column's name.
    let key = schema("message M { int64 order_id = 1; optional int64 id = 2; }");
    let wants = [want(0, "order_id").key(), want(0, "id").key()];
    let program = compile_as(&key, "M", &wants, Side::Tombstone, UnknownFields::Ignore);
    let program = program.expect("a program");
    for (body, expected) in [
        (number(1, 5), "5"),
        (number(2, 6), "6"),
        ([number(1, 5), number(2, 6)].concat(), "6"),
        (Vec::new(), "0"),
    ] {
        assert_eq!(read(&program, &body, 1), Ok(vec![expected.to_owned()]));
    }
}

#[test]
fn a_key_may_be_one_value() {
    let wrapped = Schema::parse(
        "syntax = \"proto3\"; import \"google/protobuf/wrappers.proto\";",
        &[],
    )
    .expect("a schema");
    let name = "google.protobuf.Int64Value";
    let tombstone = |wants: &[_]| {
        compile_as(
            &wrapped,
            name,
            wants,
            Side::Tombstone,
            UnknownFields::Ignore,
        )
    };
    let program = tombstone(&[want(0, "order.id").key()]).expect("a program");
    assert_eq!(read(&program, &number(1, 7), 1), Ok(vec!["7".to_owned()]));
    let whole = compile_as(
        &wrapped,
        name,
        &[want(0, "").key()],
        Side::Key,
        UnknownFields::Ignore,
    );
    let whole = whole.expect("a program");
    assert_eq!(read(&whole, &number(1, 7), 1), Ok(vec!["7".to_owned()]));
}

#[test]
fn a_key_column_without_a_field_is_told() {
    let key = schema("message M { int64 id = 1; In in = 2; } message In { int32 n = 1; }");
    let compiled =
        |wants: &[_], side| compile_as(&key, "M", wants, side, UnknownFields::Ignore).map(|_| ());
    for side in [Side::Key, Side::Tombstone, Side::Value] {
        assert_eq!(compiled(&[want(0, "id").key()], side), Ok(()));
        assert_eq!(compiled(&[want(0, "in.n").key()], side), Ok(()));
        let missing = compiled(&[want(0, "in.no").key(), want(0, "no").key()], side);
        let expected = SchemaError::KeyMissing {
            column: "c0".to_owned(),
            path: "\"in.no\" or \"no\"".to_owned(),
            side: side.as_str(),
        };
        assert_eq!(missing, Err(expected));
    }
    // An event that has no row has no key.
    let wants = [want(0, "after.id").key()];
    let event = compile_in(
        &key,
        "M",
        &wants,
        Side::Value,
        UnknownFields::Ignore,
        &["after"],
    );
    assert!(event.is_ok());
}

#[test]
fn a_field_that_nobody_wants_is_an_error_where_it_is_to_be_one() {
    let schema = schema(
        "message M { int64 id = 1; In in = 2; string other = 3; } message In { int32 n = 1; int32 k = 2; }",
    );
    let refused = |names: &[&str], root: &[&str], body: &[u8]| {
        let wants = paths(names);
        let program = compile_in(
            &schema,
            "M",
            &wants,
            Side::Value,
            UnknownFields::Reject,
            root,
        );
        match read(&program.expect("a program"), body, names.len()) {
            Err(BadRecord::UnknownField { field }) => Some(field),
            Ok(_) => None,
            other => panic!("{other:?}"),
        }
    };
    let some = |name: &str| Some(name.to_owned());
    let all = ["id", "in", "other"];
    assert_eq!(refused(&all, &[], &number(1, 1)), None);
    // By the schema: whether it was written or not.
    assert_eq!(refused(&["id", "in"], &[], &number(1, 1)), some("other"));
    assert_eq!(
        refused(&["id", "other", "in.n"], &[], &bytes(2, [])),
        some("k")
    );
    assert_eq!(
        refused(&["id", "other", "in.n", "in.k"], &[], &bytes(2, [])),
        None
    );
    // One that the schema lacks has a number.
    assert_eq!(refused(&all, &[], &number(9, 1)), some("number 9"));
    // Only where the row stands.
    assert_eq!(
        refused(&["in.n"], &["in"], &[number(9, 1), bytes(2, [])].concat()),
        some("k")
    );
    assert_eq!(refused(&["in.n", "in.k"], &["in"], &number(9, 1)), None);
}

#[test]
fn bytes_of_something_else_are_told_apart() {
    let order = order();
    let program = compile(&order, "M", &paths(&["id"]));
    let of = |bytes: &[u8]| read(&program, bytes, 1).expect_err("a bad record");
    let json = of(b"{\"id\": 1}");
    assert_eq!(json.condition(), "other_format");
    assert_eq!(
        json.to_string(),
        "the value is not Protobuf; hint: JSON in a topic of a binary format? without a \
         registry: format = \"json\", framing = \"none\""
    );
    let framed = of(&[&[0, 0, 0, 0, 7, 0][..], &number(1, 1)].concat());
    assert_eq!(
        framed.to_string(),
        "the value is not Protobuf; hint: framing = \"confluent\"?"
    );
    assert!(matches!(
        of(b"\x1f\x8b\x08\0"),
        BadRecord::OtherFormat {
            looks: Looks::Gzip,
            ..
        }
    ));
    // What only begins like JSON is what it is.
    assert_eq!(of(b"{\"id\": 1").condition(), "truncated");
    let named = of(&[number(1, 1), vec![0x12, 5, b'n']].concat());
    assert_eq!(
        named.behind(5).to_string(),
        "the value as Protobuf ends too early (byte 8); hint: the bytes were written in \
         another way: look at format and framing, and at the schema, where the record names one"
    );
}

#[test]
fn a_field_in_another_writing_is_a_fault() {
    let order = order();
    for names in [&["id", "customer", "list", "by"][..], &[""]] {
        let program = compile(&order, "M", &paths(names));
        for body in [bytes(1, "x"), number(3, 1), number(300, 1), number(7, 1)] {
            let result = read(&program, &body, names.len());
            assert_eq!(fault(&result), Some(Fault::WireType), "{names:?}");
        }
        let result = fault(&read(&program, &[0x0c], names.len()));
        assert!(
            matches!(result, Some(Fault::WireType | Fault::Tag)),
            "an end without a beginning"
        );
        let result = read(&program, &[0x44], names.len());
        assert_eq!(
            fault(&result),
            Some(Fault::Tag),
            "the same of an unknown one"
        );
    }
}

#[test]
fn values_of_old_schemas_are_null_where_they_were_not_written() {
    // A default belongs to programs that read it; what was sent is nothing.
    let old = Schema::parse(
        "message M { optional int32 a = 1 [default = 7]; required int32 b = 2;
            repeated int32 l = 3 [packed = true]; optional E e = 4; }
         enum E { ONE = 1; TWO = 2; }",
        &[],
    )
    .expect("a schema");
    let names = ["a", "b", "l", "e"];
    assert_eq!(
        read_paths(&old, &names, &[]),
        ["null", "null", "json []", "null"]
    );
    let body = [number(1, 0), number(2, 1), number(3, 2), number(4, 2)].concat();
    assert_eq!(
        read_paths(&old, &names, &body),
        ["0", "1", "json [2]", "text TWO"]
    );
    assert_eq!(
        crate::support::json(&old, "M", &[]).expect("good"),
        "{\"l\":[]}"
    );
}
