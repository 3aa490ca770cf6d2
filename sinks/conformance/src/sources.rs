//! Keys, headers and what Kafka knows of a record, in columns of each type.

use super::fate::{Bad, Columns, Fate, Stays, odd};
use super::world::TOPIC;
use super::{Harness, Json, Kept, Record, Type, Typing};

const FORM: &str = "invalid_text_representation";

fn header(bytes: &[u8]) -> Record {
    Record::put([]).header("h", Some(bytes))
}

/// JSON in a column of JSON, where there are such columns.
fn json<H: Harness>(json: &str) -> Fate {
    match H::CAPABILITIES.json {
        Json::Typed => Stays(Kept::json(json)),
        Json::Text => Stays(Kept::text(json)),
    }
}

/// A text that is no JSON there.
fn no_json<H: Harness>(text: &str) -> Fate {
    match H::CAPABILITIES.json {
        Json::Typed => Bad(FORM),
        Json::Text => Stays(Kept::text(text)),
    }
}

pub async fn a_header_is_a_text_and_in_a_column_of_bytes_its_bytes<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    for (typ, bytes, fate) in [
        (Type::Text, &b"abc"[..], Stays(Kept::text("abc"))),
        // Not base64, whatever it looks like.
        (Type::Bytes, b"YWJj", Stays(Kept::Bytes(b"YWJj".to_vec()))),
        (Type::Bytes, b"\xff\xfe", Stays(Kept::Bytes(vec![255, 254]))),
        (Type::Bytes, b"", Stays(Kept::Bytes(Vec::new()))),
        (Type::Int, b"-12", Stays(Kept::number("-12"))),
        (Type::Int, b"x", odd::<H>(Kept::text("x"), FORM)),
        (Type::Json, b"{\"a\":[1]}", json::<H>("{\"a\":[1]}")),
        (Type::Json, b"12", json::<H>("12")),
        (Type::Json, b"abc", no_json::<H>("abc")),
        (Type::Json, b"", no_json::<H>("")),
    ] {
        it.check_from("headers.h", typ, header(bytes), fate).await;
    }
    let last = header(b"first").header("h", Some(b"last"));
    it.check_from("headers.h", Type::Text, last, Stays(Kept::text("last")))
        .await;
    for record in [Record::put([]).header("h", None), Record::put([])] {
        it.check_from("headers.h", Type::Text, record, Stays(Kept::Null))
            .await;
    }
}

pub async fn bytes_that_are_no_text_are_a_bad_record_but_in_a_column_of_bytes<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    for typ in Type::ALL {
        let fate = || match typ {
            Type::Bytes => Stays(Kept::Bytes(vec![0xff, 0xfe])),
            _ => Bad("invalid_utf8"),
        };
        let key = Record::put([]).key(b"\xff\xfe");
        it.check_from("headers.h", typ, header(b"\xff\xfe"), fate())
            .await;
        it.check_from("key", typ, key, fate()).await;
    }
}

pub async fn a_whole_key_is_its_text_and_in_a_column_of_bytes_its_bytes<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    let quoted = &b"\"abc\""[..];
    for (typ, key, fate) in [
        (Type::Text, &b"abc"[..], Stays(Kept::text("abc"))),
        (Type::Text, quoted, Stays(Kept::text("abc"))),
        (Type::Bytes, quoted, Stays(Kept::Bytes(quoted.to_vec()))),
        (Type::Int, b"7", Stays(Kept::number("7"))),
        (Type::Json, b"{\"a\":1}", json::<H>("{\"a\":1}")),
        (Type::Json, b"abc", no_json::<H>("abc")),
    ] {
        it.check_from("key", typ, Record::put([]).key(key), fate)
            .await;
    }
    it.check_from("key", Type::Text, Record::put([]), Stays(Kept::Null))
        .await;
}

pub async fn a_records_time_has_one_form_in_each_kind_of_column<H: Harness>() {
    const MILLIS: i64 = 1_700_000_000_123;
    const DIGITS: &str = "1700000000123";
    const TEXT: &str = "2023-11-14T22:13:20.123Z";
    let mut it = Columns::<H>::new().await;
    let text = || Kept::text(TEXT);
    for typ in Type::ALL {
        let fate = match (typ, H::CAPABILITIES.json, H::CAPABILITIES.typing) {
            (Type::Int | Type::Decimal | Type::Float, ..) => Stays(Kept::number(DIGITS)),
            (Type::Json, Json::Typed, _) => Stays(Kept::json(DIGITS)),
            (Type::Json, Json::Text, _) | (Type::Text, ..) => Stays(text()),
            (Type::Time, ..) => Stays(Kept::Time(MILLIS)),
            (Type::Date, _, Typing::Strict) => Stays(Kept::text("2023-11-14")),
            (Type::Date, _, Typing::Flexible) => Stays(text()),
            (Type::Bytes, ..) => Bad("bytes_expected"),
            (Type::Bool | Type::Uuid, ..) => odd::<H>(text(), FORM),
        };
        it.check_from("timestamp", typ, Record::put([]).at(MILLIS), fate)
            .await;
        it.check_from("timestamp", typ, Record::put([]), Stays(Kept::Null))
            .await;
    }
    let before = Record::put([]).at(-1);
    let fate = Stays(Kept::text("1969-12-31T23:59:59.999Z"));
    it.check_from("timestamp", Type::Text, before, fate).await;
    // The years 0 and 10000, and the ends of all.
    for millis in [-62_135_596_800_001, 253_402_300_800_000, i64::MIN, i64::MAX] {
        let record = Record::put([]).at(millis);
        let fate = Bad("timestamp_out_of_range");
        it.check_from("timestamp", Type::Text, record, fate).await;
    }
}

pub async fn partition_and_offset_are_numbers_and_a_topic_is_a_text<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    let record = || Record::put([]);
    for typ in [Type::Int, Type::Decimal, Type::Float] {
        let zero = Stays(Kept::number("0"));
        it.check_from("offset", typ, record(), zero).await;
    }
    it.check_from("offset", Type::Text, record(), Stays(Kept::text("0")))
        .await;
    it.check_from("offset", Type::Json, record(), json::<H>("0"))
        .await;
    it.check_from("offset", Type::Bytes, record(), Bad("bytes_expected"))
        .await;
    it.check_from("topic", Type::Text, record(), Stays(Kept::text(TOPIC)))
        .await;
    it.check_from("topic", Type::Json, record(), no_json::<H>(TOPIC))
        .await;
}
