//! Bytes that are none: each a fault with its name and its place, and none of them a panic,
//! much memory or much time.

use crate::support::{CBOR, MSGPACK, Wants, json};
use plimsoll_record::{Fault, Format};
use plimsoll_sink_api::Shape;

/// What is wrong with a value, and where.
fn fault(format: &dyn Format, bytes: &[u8]) -> (Fault, usize) {
    Wants::of(&[""], Shape::Scalar).fault(format, bytes)
}

fn cbor(bytes: &[u8]) -> (Fault, usize) {
    fault(CBOR, bytes)
}

fn msgpack(bytes: &[u8]) -> (Fault, usize) {
    fault(MSGPACK, bytes)
}

#[test]
fn what_is_cut_off_is_truncated_where_its_last_value_began() {
    assert_eq!(cbor(b""), (Fault::Truncated, 0));
    assert_eq!(cbor(b"\x63ab"), (Fault::Truncated, 0));
    assert_eq!(cbor(b"\x82\x01\x19\x01"), (Fault::Truncated, 2));
    assert_eq!(cbor(b"\x9f\x01"), (Fault::Truncated, 2));
    assert_eq!(cbor(b"\x7f\x61a"), (Fault::Truncated, 0));
    assert_eq!(msgpack(b"\x92\x01\xcd\x01"), (Fault::Truncated, 2));
    assert_eq!(msgpack(b"\xd9\x02a"), (Fault::Truncated, 0));
    assert_eq!(cbor(b"\x01\x02"), (Fault::Trailing, 1));
    assert_eq!(msgpack(b"\x01\x02"), (Fault::Trailing, 1));
}

#[test]
fn counts_promise_nothing() {
    // Two to the power of 64, less one: of items, of pairs, of bytes.
    for first in [0x9b, 0xbb, 0x5b, 0x7b] {
        let bytes = [&[first][..], &[0xff; 8], &[0x01; 3]].concat();
        assert_eq!(cbor(&bytes).0, Fault::Truncated, "{first:x}");
    }
    for first in [0xdd, 0xdf, 0xc6, 0xdb, 0xc9] {
        let bytes = [&[first][..], &[0xff; 4], &[0x01; 3]].concat();
        assert_eq!(msgpack(&bytes).0, Fault::Truncated, "{first:x}");
    }
}

#[test]
fn values_may_be_nested_so_deep() {
    for (format, open) in [(CBOR, 0x81), (MSGPACK, 0x91)] {
        let deep = |levels: usize| [&vec![open; levels][..], &[0x01]].concat();
        let wants = Wants::of(&["a", ""], Shape::Json);
        assert!(json(format, &deep(64)).is_ok());
        assert_eq!(fault(format, &deep(65)), (Fault::TooDeep, 65));
        // A megabyte of them.
        assert_eq!(wants.fault(format, &deep(1 << 20)).0, Fault::TooDeep);
    }
    // Tags are not values within values, and cost no stack.
    let tags = [&vec![0xd7; 1 << 20][..], &[0x01]].concat();
    assert_eq!(json(CBOR, &tags).as_deref(), Ok("1"));
    // By a path, too.
    let path = vec!["a"; 70].join(".");
    let maps = [b"\xa1\x61a".repeat(70), vec![0x01]].concat();
    let wants = Wants::of(&[&path], Shape::Scalar);
    assert_eq!(wants.fault(CBOR, &maps).0, Fault::TooDeep);
}

#[test]
fn json_is_bounded_by_the_bytes_that_it_is_made_of() {
    // A decimal of 10,000 digits, in twenty columns.
    let long = [&b"\xa1\x61a\xc2\x59\x10\x38"[..], &[0x7f; 0x1038]].concat();
    let wants = Wants::of(&["a"; 20], Shape::Json);
    assert!(wants.read(CBOR, &long).is_ok());
    let longer = [&b"\xc2\x59\x10\x39"[..], &[0x7f; 0x1039]].concat();
    assert_eq!(
        Wants::of(&[""], Shape::Json).fault(CBOR, &longer).0,
        Fault::Digits
    );
    // As much as a text can take, in too many columns.
    let text = [&b"\xa1\x61a\x59\x40\0"[..], &[0; 0x4000]].concat();
    let wants = Wants::of(&["a"; 200], Shape::Json);
    assert_eq!(wants.fault(CBOR, &text).0, Fault::TooLarge);
}

#[test]
fn texts_are_utf_8() {
    assert_eq!(cbor(b"\x61\xff"), (Fault::NotUtf8, 0));
    assert_eq!(msgpack(b"\xa1\xff"), (Fault::NotUtf8, 0));
    // In what nobody takes, too; and in each piece by itself.
    let wants = Wants::of(&["b"], Shape::Scalar);
    assert_eq!(wants.fault(CBOR, b"\xa1\x61a\x61\xff"), (Fault::NotUtf8, 3));
    assert_eq!(cbor(b"\x7f\x61\xc3\x61\xa9\xff"), (Fault::NotUtf8, 0));
}

#[test]
fn codes_without_a_meaning_are_faults() {
    for bytes in [
        &b"\x1c"[..],
        b"\x1f",
        b"\x3f",
        b"\xdf\x01",
        b"\xfc",
        b"\xe0",
        b"\xf8\x20",
        b"\xff",
        b"\x81\xff",
        // A piece of a text that is bytes, or has no length itself.
        b"\x7f\x41a\xff",
        b"\x7f\x7f\xff\xff",
    ] {
        assert_eq!(cbor(bytes).0, Fault::Unassigned, "{bytes:x?}");
    }
    // A key without its value.
    assert_eq!(
        json(CBOR, b"\xbf\x61a\xff").unwrap_err().condition(),
        "unassigned_code"
    );
    assert_eq!(msgpack(b"\xc1"), (Fault::Unassigned, 0));
}

#[test]
fn what_a_tag_says_has_to_be_there() {
    for bytes in [
        &b"\xc0\x01"[..],
        b"\xc0\x61a",
        b"\xc1\x61a",
        b"\xc1\xf5",
        b"\xc2\x01",
        b"\xc4\x01",
        b"\xc4\x83\x01\x01\x01",
        b"\xc4\x82\x61a\x01",
        b"\xc4\x82\x01\x61a",
        b"\xc4\x82\x01\xc1\x01",
        b"\xc4\x9f\x01\x01\x01\xff",
        b"\xd8\x25\x41a",
        b"\xd8\x25\x61a",
        b"\xd8\x64\x61a",
        b"\xd9\x03\xec\x61a",
    ] {
        assert_eq!(cbor(bytes).0, Fault::TagContent, "{bytes:x?}");
    }
    for bytes in [
        &b"\xc1\x1b\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\xc1\xf9\x7e\0",
        b"\xc4\x82\x1a\xff\xff\xff\xff\x01",
        b"\xd8\x64\x1a\xff\xff\xff\xff",
    ] {
        assert_eq!(cbor(bytes).0, Fault::OutOfRange, "{bytes:x?}");
    }
    for bytes in [
        &b"\xd4\xff\0"[..],
        b"\xd5\xff\0\0",
        b"\xc7\0\xff",
        b"\xd7\xff\xff\xff\xff\xfc\0\0\0\0",
        b"\xc7\x0c\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0",
    ] {
        assert_eq!(msgpack(bytes).0, Fault::TagContent, "{bytes:x?}");
    }
}

#[test]
fn a_key_of_a_map_is_a_name() {
    let key = |format: &dyn Format, bytes: &[u8]| {
        let wants = Wants::of(&["a"], Shape::Scalar);
        assert_eq!(wants.fault(format, bytes), (Fault::MapKey, 1), "{bytes:x?}");
        assert!(json(format, bytes).is_err());
        // Where nothing is taken from it, it may be anything.
        assert!(Wants::of(&[], Shape::Scalar).read(format, bytes).is_ok());
    };
    key(CBOR, b"\xa1\xf6\x01");
    key(CBOR, b"\xa1\x80\x01");
    key(CBOR, b"\xa1\x41\xff\x01");
    key(CBOR, b"\xa1\xc1\x01\x01");
    key(MSGPACK, b"\x81\xc0\x01");
    key(MSGPACK, b"\x81\x80\x01");
}

#[test]
fn a_bad_record_says_where_and_for_which_column() {
    let wants = Wants::of(&["a", "b"], Shape::Scalar);
    let bad = wants.read(CBOR, b"\xa1\x61b\xc0\x61x").expect_err("bad");
    assert_eq!(
        bad.to_string(),
        "the value as CBOR has a value that is not what its tag or its type says (byte 3), for \
         column \"c1\"; hint: the sender writes what its own type cannot hold"
    );
    let bad = wants.read(MSGPACK, b"\x91\x01").expect_err("bad");
    assert_eq!(bad.condition(), "not_a_record");
}

#[test]
fn bytes_of_something_else_are_told_apart() {
    let wants = Wants::of(&["id"], Shape::Scalar);
    let said = |format, bytes: &[u8]| wants.read(format, bytes).expect_err("bad").to_string();
    let json = said(CBOR, b"{\"id\": 1}");
    assert!(json.contains("the value is not CBOR; hint: JSON"), "{json}");
    let json = said(MSGPACK, b"{\"id\": 1}");
    assert!(json.contains("format = \"json\""), "{json}");
    let packed = said(CBOR, b"\x81\xa2id\x01");
    assert_eq!(packed, "the value is not CBOR; hint: format = \"msgpack\"?");
    let cbor = said(MSGPACK, b"\xa1\x62id\x01");
    assert_eq!(
        cbor,
        "the value is not MessagePack; hint: format = \"cbor\"?"
    );
    let marked = said(MSGPACK, b"\xd9\xd9\xf7\xa1\x62id\x01");
    assert_eq!(marked, cbor);
    let framed = said(CBOR, b"\0\0\0\0\x07\x02");
    assert!(framed.contains("framing = \"confluent\"?"), "{framed}");
    let gzip = said(MSGPACK, b"\x1f\x8b\x08\0");
    assert!(gzip.contains("gzip"), "{gzip}");
}
