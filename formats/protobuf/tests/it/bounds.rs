//! Bytes that promise more than there is, and messages that nest.

use crate::support::{bytes, compile, fault, json, number, paths, read, schema, want};
use plimsoll_protobuf::Schema;
use plimsoll_record::Fault;

fn tree() -> Schema {
    schema(
        "import \"google/protobuf/struct.proto\"; import \"google/protobuf/any.proto\";
         message M { int32 v = 1; M next = 2; repeated M list = 3; map<string, M> by = 4;
            google.protobuf.Value value = 5; google.protobuf.Any any = 6; }",
    )
}

/// How a message stands within another.
type Way<'w> = &'w dyn Fn(&[u8]) -> Vec<u8>;

/// A message within a message, so many times, each by a way of its own.
fn nested(levels: usize, within: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    (0..levels).fold(number(1, 1), |body, _| within(&body))
}

#[test]
fn depth_is_bounded_in_every_walk() {
    let run = || {
        let tree = tree();
        let next = |body: &[u8]| bytes(2, body);
        let list = |body: &[u8]| bytes(3, body);
        let by = |body: &[u8]| bytes(4, bytes(2, body));
        let any = |body: &[u8]| {
            let any = [bytes(1, "x/M"), bytes(2, body)].concat();
            bytes(6, any)
        };
        let ways: [Way<'_>; 4] = [&next, &list, &by, &any];
        for (i, way) in ways.into_iter().enumerate() {
            // A message of any is two.
            let most = if i == 3 { 49 } else { 99 };
            let all = |levels| json(&tree, "M", &nested(levels, way)).map(|_| ());
            assert_eq!(all(most), Ok(()), "{i}");
            assert_eq!(fault(&all(most + 1)), Some(Fault::TooDeep), "{i}");
            assert_eq!(fault(&all(5_000)), Some(Fault::TooDeep), "{i}");
            // What nobody wants is gone over, not into.
            let program = compile(&tree, "M", &paths(&["v"]));
            assert!(read(&program, &nested(5_000, way), 1).is_ok());
        }
        // JSON within: each level of it is two messages.
        let value = |levels| {
            let innermost = number(4, 1);
            let value = (0..levels).fold(innermost, |body, _| bytes(6, bytes(1, body)));
            fault(&json(&tree, "M", &bytes(5, value)))
        };
        assert_eq!(value(49), None);
        assert_eq!(value(50), Some(Fault::TooDeep));
        assert_eq!(value(5_000), Some(Fault::TooDeep));
        // As columns of their own it is the same.
        let program = compile(&tree, "M", &paths(&["next", "next.next", "by.k", "value"]));
        assert!(read(&program, &nested(99, next), 4).is_ok());
        assert_eq!(
            fault(&read(&program, &nested(100, next), 4)),
            Some(Fault::TooDeep)
        );
    };
    let small = std::thread::Builder::new().stack_size(256 << 10);
    small
        .spawn(run)
        .expect("a thread")
        .join()
        .expect("no panic");
}

#[test]
fn a_path_is_no_longer_than_messages_nest() {
    let tree = tree();
    let path = vec!["next"; 99].join(".");
    let program = compile(&tree, "M", &paths(&[&format!("{path}.v")]));
    assert_eq!(
        read(&program, &nested(99, |body| bytes(2, body)), 1),
        Ok(vec!["1".to_owned()])
    );
    let longer = vec!["next"; 200].join(".");
    let wants = paths(&[&longer]);
    let refused = crate::support::compile_as(
        &tree,
        "M",
        &wants,
        plimsoll_record::Side::Value,
        plimsoll_record::UnknownFields::Ignore,
    );
    assert!(refused.is_err());
}

#[test]
fn json_is_no_longer_than_its_record_gives_reason_for() {
    // Two bytes for each message, and a name of a thousand characters.
    let name = "n".repeat(1_000);
    let wide = schema(&format!(
        "message M {{ repeated L l = 1; }} message L {{ {} }}",
        (1..=20)
            .map(|i| format!("int32 {name}{i} = {i};"))
            .collect::<String>()
    ));
    let of = |count: usize| bytes(1, []).repeat(count);
    assert!(json(&wide, "M", &of(1)).is_ok());
    assert_eq!(fault(&json(&wide, "M", &of(100))), Some(Fault::TooLarge));
    // The same once more, for several columns together.
    let wants: Vec<_> = (0..100).map(|cell| want(cell, "l")).collect();
    let program = compile(&wide, "M", &wants);
    assert_eq!(fault(&read(&program, &of(2), 100)), Some(Fault::TooLarge));
    // What schemas have is no reason: fifty fields, of which none was written.
    let usual = schema(&format!(
        "message M {{ repeated L l = 1; }} message L {{ {} }}",
        (1..=50)
            .map(|i| format!("int32 some_name_{i} = {i};"))
            .collect::<String>()
    ));
    assert!(json(&usual, "M", &of(10_000)).is_ok());
}

#[test]
fn many_parts_take_no_more_time_than_their_number() {
    // Each part undoes what another has left, and adds to a list of its own.
    let schema = schema(
        "message M { oneof o { A a = 1; A b = 2; } repeated int32 l = 3; map<int32, A> by = 4; }
         message A { repeated int32 n = 1; }",
    );
    let names = ["a", "b", "a.n", "l", "by", "by.1", "by.2.n"];
    let part = [
        bytes(1, number(1, 1)),
        bytes(2, number(1, 1)),
        number(3, 1),
        bytes(4, [number(1, 1), bytes(2, number(1, 1))].concat()),
        bytes(4, [number(1, 2), bytes(2, number(1, 1))].concat()),
    ]
    .concat();
    let body = part.repeat(50_000);
    let program = compile(&schema, "M", &paths(&names));
    let cells = read(&program, &body, names.len()).expect("good");
    let (list, others) = (
        &cells[3],
        [
            &cells[0], &cells[1], &cells[2], &cells[4], &cells[5], &cells[6],
        ],
    );
    assert_eq!(list.len(), "json []".len() + 2 * 50_000 - 1);
    let expected = [
        "null",
        "json {\"n\":[1]}",
        "null",
        "json {\"1\":{\"n\":[1]},\"2\":{\"n\":[1]}}",
        "json {\"n\":[1]}",
        "json [1]",
    ];
    assert_eq!(others.map(String::as_str), expected);
}
