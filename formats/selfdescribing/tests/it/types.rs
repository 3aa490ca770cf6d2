//! Each type, in each kind of column.

use crate::support::{CBOR, MSGPACK, Wants};
use plimsoll_record::Format;
use plimsoll_sink_api::Shape;

/// One value in a column of each shape.
fn all(format: &dyn Format, bytes: &[u8]) -> [String; 4] {
    [Shape::Scalar, Shape::Json, Shape::Bytes, Shape::Presence].map(|shape| {
        let read = Wants::of(&[""], shape).read(format, bytes);
        read.expect("a good value").remove(0)
    })
}

fn cbor(bytes: &[u8]) -> [String; 4] {
    all(CBOR, bytes)
}

fn msgpack(bytes: &[u8]) -> [String; 4] {
    all(MSGPACK, bytes)
}

#[test]
fn a_value_is_what_its_column_takes() {
    let text = ["text a", "json \"a\"", "bytes [61]", "bool true"];
    assert_eq!(cbor(b"\x61a"), text);
    assert_eq!(msgpack(b"\xa1a"), text);
    let bytes = ["bytes [ff]", "json \"/w==\"", "bytes [ff]", "bool true"];
    assert_eq!(cbor(b"\x41\xff"), bytes);
    assert_eq!(msgpack(b"\xc4\x01\xff"), bytes);
    let list = |encoded| ["json [1]", "json [1]", encoded, "bool true"];
    assert_eq!(cbor(b"\x81\x01"), list("bytes [81, 01]"));
    assert_eq!(msgpack(b"\x91\x01"), list("bytes [91, 01]"));
    let number = |encoded| ["int -1", "json -1", encoded, "bool true"];
    assert_eq!(cbor(b"\x20"), number("bytes [20]"));
    assert_eq!(msgpack(b"\xff"), number("bytes [ff]"));
    // All of a value that is null is an event, where it is kept as JSON.
    let null = ["null", "json null", "null", "null"];
    assert_eq!(cbor(b"\xf6"), null);
    assert_eq!(cbor(b"\xf7"), null);
    assert_eq!(msgpack(b"\xc0"), null);
}

#[test]
fn truth_is_a_bit_where_the_column_is_one() {
    let bits = Wants::of(&["a", "b"], Shape::Scalar).typed("bit(1)");
    let cbor = bits.read(CBOR, b"\xa2\x61a\xf5\x61b\xf4");
    assert_eq!(cbor.unwrap(), ["text 1", "text 0"]);
    let msgpack = bits.read(MSGPACK, b"\x82\xa1a\xc3\xa1b\xc2");
    assert_eq!(msgpack.unwrap(), ["text 1", "text 0"]);
}

#[test]
fn numbers_of_cbor_keep_every_digit() {
    let scalar = |bytes: &[u8]| cbor(bytes)[0].clone();
    assert_eq!(
        scalar(b"\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        "int 9223372036854775807"
    );
    assert_eq!(
        scalar(b"\x1b\x80\0\0\0\0\0\0\0"),
        "unsigned 9223372036854775808"
    );
    assert_eq!(
        scalar(b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        "int -9223372036854775808"
    );
    assert_eq!(
        scalar(b"\x3b\x80\0\0\0\0\0\0\0"),
        "decimal -9223372036854775809"
    );
    assert_eq!(
        scalar(b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff"),
        "decimal -18446744073709551616"
    );
    // Bignums: with a first bit that is no sign, empty, and below zero.
    assert_eq!(scalar(b"\xc2\x41\xff"), "decimal 255");
    assert_eq!(scalar(b"\xc2\x40"), "decimal 0");
    assert_eq!(scalar(b"\xc3\x40"), "decimal -1");
    assert_eq!(scalar(b"\xc3\x41\xff"), "decimal -256");
    assert_eq!(scalar(b"\xc3\x5f\x41\x01\x41\0\xff"), "decimal -257");
    // Decimals: with a bignum, and a scale below zero.
    assert_eq!(scalar(b"\xc4\x82\x21\x19\x01\x2c"), "decimal 3.00");
    assert_eq!(scalar(b"\xc4\x82\x02\x20"), "decimal -100");
    assert_eq!(scalar(b"\xc4\x82\x20\xc3\x41\xff"), "decimal -25.6");
    // A number may take more bytes than it needs.
    assert_eq!(scalar(b"\x1b\0\0\0\0\0\0\0\x01"), "int 1");
    assert_eq!(scalar(b"\xf9\x3e\0"), "float 1.5");
    assert_eq!(scalar(b"\xfa\x3d\xcc\xcc\xcd"), "float 0.1");
    assert_eq!(scalar(b"\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "float 0.1");
}

#[test]
fn times_of_cbor_are_moments_and_days() {
    let scalar = |bytes: &[u8]| cbor(bytes)[0].clone();
    assert_eq!(scalar(b"\xc1\x20"), "moment 1969-12-31T23:59:59.000Z");
    assert_eq!(
        scalar(b"\xc1\xf9\x3e\0"),
        "moment 1970-01-01T00:00:01.500000Z"
    );
    assert_eq!(
        scalar(b"\xc0\x78\x192026-03-29T03:30:00+02:00"),
        "moment 2026-03-29T01:30:00.000Z"
    );
    assert_eq!(scalar(b"\xd8\x64\x01"), "date 1970-01-02");
    assert_eq!(scalar(b"\xd9\x03\xec\x6a1969-12-31"), "date 1969-12-31");
    let uuid = [&b"\xd8\x25\x50"[..], &[0x11; 16]].concat();
    assert_eq!(scalar(&uuid), "uuid 11111111-1111-1111-1111-111111111111");
}

#[test]
fn extensions_of_messagepack_are_moments_or_bytes() {
    let scalar = |bytes: &[u8]| msgpack(bytes)[0].clone();
    let year_2106 = scalar(b"\xd6\xff\xff\xff\xff\xff");
    assert_eq!(year_2106, "moment 2106-02-07T06:28:15.000000000Z");
    // Behind 2262, where nanoseconds are counted no more.
    let far = scalar(b"\xd7\xff\0\0\0\x03\xff\xff\xff\xff");
    assert_eq!(far, "moment 2514-05-30T01:53:03.000000Z");
    let nanos = scalar(b"\xd7\xff\xee\x6b\x27\xfc\0\0\0\0");
    assert_eq!(nanos, "moment 1970-01-01T00:00:00.999999999Z");
    let before = scalar(b"\xc7\x0c\xff\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff");
    assert_eq!(before, "moment 1969-12-31T23:59:59.000000001Z");
    assert_eq!(scalar(b"\xd4\x07\xff"), "bytes [ff]");
    assert_eq!(scalar(b"\xc8\0\0\x07"), "bytes []");
}
