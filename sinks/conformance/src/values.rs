//! Which values a column keeps, and which ones make a record a bad one.

use super::fate::{Bad, Columns, Stays, name, odd};
use super::{Decimals, Harness, Json, Kept, Nul, Record, Said, Type};

pub async fn each_type_keeps_what_was_sent<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    let number = |text| (Said::number(text), Kept::number(text));
    let text = |text| (Said::text(text), Kept::text(text));
    let uuid = "936da01f-9abd-4d9d-80c7-02af85c822a8";
    let time = "2024-05-06T07:08:09.123Z";
    for (typ, (said, kept)) in [
        (Type::Int, number("0")),
        (Type::Int, number("-9223372036854775808")),
        (Type::Int, number("9223372036854775807")),
        (Type::Int, (Said::text("12"), Kept::number("12"))),
        (Type::Decimal, number("12.50")),
        (Type::Decimal, number("-0.000001")),
        (Type::Decimal, number("9007199254740993")),
        (Type::Decimal, (Said::text("0.1"), Kept::number("0.1"))),
        (Type::Float, number("0.1")),
        (Type::Float, number("-1.5e300")),
        (Type::Bool, (Said::bool(true), Kept::Bool(true))),
        (Type::Bool, (Said::bool(false), Kept::Bool(false))),
        (Type::Text, text("")),
        (Type::Text, text("grüße \u{1f600} ' \" \\ \t\n")),
        (Type::Text, text("NULL")),
        (Type::Text, text("\\N")),
        (Type::Text, (Said::number("1.50"), Kept::text("1.50"))),
        (Type::Text, (Said::bool(false), Kept::text("false"))),
        (Type::Bytes, (Said::text("AP8="), Kept::Bytes(vec![0, 255]))),
        (Type::Bytes, (Said::text(""), Kept::Bytes(Vec::new()))),
        (Type::Time, (Said::text(time), Kept::time(time).unwrap())),
        (Type::Date, text("2024-02-29")),
        (Type::Uuid, text(uuid)),
    ] {
        it.check(typ, said, Stays(kept)).await;
    }
    for typ in Type::ALL {
        it.check(typ, Said::null(), Stays(Kept::Null)).await;
    }
}

pub async fn json_is_kept_whole<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    let object = "{\"a\": [1, {\"b\": null}, \"\\\"x\\\"\"], \"\": true}";
    for (typ, json, as_text) in [
        (Type::Json, object, object),
        (Type::Json, "[]", "[]"),
        (Type::Json, "\"1\"", "1"),
        (Type::Json, "\"a\\nb\"", "a\nb"),
        (Type::Json, "-1.5", "-1.5"),
        (Type::Json, "true", "true"),
    ] {
        let said = match serde_json::from_str(json).unwrap() {
            serde_json::Value::String(text) => Said::text(&text),
            serde_json::Value::Bool(yes) => Said::bool(yes),
            serde_json::Value::Number(_) => Said::number(json),
            _ => Said::nested(json),
        };
        let kept = match H::CAPABILITIES.json {
            Json::Typed => Kept::json(json),
            Json::Text => Kept::text(as_text),
        };
        it.check(typ, said, Stays(kept)).await;
    }
    // Nested values are JSON text in a text, as they were written.
    let nested = Said::nested(object);
    it.check(Type::Text, nested, Stays(Kept::text(object)))
        .await;
}

pub async fn bytes_are_padded_base64_and_nothing_else<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    let hello = Kept::Bytes(b"hello".to_vec());
    it.check(Type::Bytes, Said::text("aGVsbG8="), Stays(hello))
        .await;
    // Without its padding, of the other alphabet, with bits that mean nothing, with a
    // blank, and no base64 at all.
    for text in ["aGVsbG8", "_-8=", "aGVsbG9=", "aGVs bG8=", "§"] {
        it.check(Type::Bytes, Said::text(text), Bad("invalid_base64"))
            .await;
    }
    for said in [
        Said::number("1"),
        Said::bool(true),
        Said::nested("{}"),
        Said::nested("[1]"),
    ] {
        it.check(Type::Bytes, said, Bad("bytes_expected")).await;
    }
}

pub async fn a_number_keeps_every_digit_or_its_record_is_bad<H: Harness>() {
    const RANGE: &str = "numeric_value_out_of_range";
    let mut it = Columns::<H>::new().await;
    for digits in ["9223372036854775808", "-9223372036854775809"] {
        it.check(Type::Int, Said::number(digits), Bad(RANGE)).await;
        it.check(Type::Int, Said::text(digits), Bad(RANGE)).await;
    }
    for digits in [
        "123456789012345678901234567890.12345",
        "0.1234567890123456789",
        "18446744073709551615",
    ] {
        let fate = || match H::CAPABILITIES.decimals {
            Decimals::EveryDigit => Stays(Kept::number(digits)),
            Decimals::SixtyFourBits => Bad(RANGE),
        };
        it.check(Type::Decimal, Said::number(digits), fate()).await;
        it.check(Type::Decimal, Said::text(digits), fate()).await;
        let text = Stays(Kept::text(digits));
        it.check(Type::Text, Said::number(digits), text).await;
    }
    // A float rounds, for that is what it is; but not to nothing, nor to infinity.
    let nearest = Stays(Kept::number("1.2345678901234568e29"));
    let long = Said::number("123456789012345678901234567890");
    it.check(Type::Float, long, nearest).await;
    for digits in ["1e400", "-1e400", "1e-400"] {
        it.check(Type::Float, Said::number(digits), Bad(RANGE))
            .await;
    }
    it.check(
        Type::Float,
        Said::number("0e-400"),
        Stays(Kept::number("0")),
    )
    .await;
}

pub async fn a_value_of_another_type_is_a_bad_record<H: Harness>() {
    const FORM: &str = "invalid_text_representation";
    const DATE: &str = "invalid_datetime_format";
    let mut it = Columns::<H>::new().await;
    let text = |text: &str| (Said::text(text), Kept::text(text));
    for (typ, (said, kept), condition) in [
        (Type::Int, text("twelve"), FORM),
        (Type::Int, (Said::number("1.5"), Kept::number("1.5")), FORM),
        (Type::Int, (Said::bool(true), Kept::number("1")), FORM),
        (Type::Int, (Said::nested("[1]"), Kept::text("[1]")), FORM),
        (Type::Decimal, text("1,5"), FORM),
        (Type::Float, text("x"), FORM),
        (Type::Bool, text("maybe"), FORM),
        (Type::Bool, (Said::nested("{}"), Kept::text("{}")), FORM),
        (Type::Time, text("yesterday or so"), DATE),
        (Type::Date, text("the ides of March"), DATE),
        (Type::Uuid, text("936da01f"), FORM),
    ] {
        let fate = odd::<H>(kept, condition);
        it.check(typ, said, fate).await;
    }
}

pub async fn a_text_with_a_nul_is_kept_whole_or_its_record_is_bad<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    let fate = match H::CAPABILITIES.nul {
        Nul::Kept => Stays(Kept::text("a\0ö")),
        Nul::Refused => Bad("character_not_in_repertoire"),
    };
    it.check(Type::Text, Said::text("a\0ö"), fate).await;
    let bytes = Stays(Kept::Bytes(b"a\0b".to_vec()));
    it.check(Type::Bytes, Said::text("YQBi"), bytes).await;
}

pub async fn a_bad_value_stops_its_whole_batch<H: Harness>() {
    let mut it = Columns::<H>::new().await;
    let good = |id| Record::put([("id", Said::number(id))]);
    let bad = good("2").and(name(Type::Bytes), Said::number("1"));
    let error = it
        .process
        .commit(&[good("1"), bad, good("3")])
        .await
        .unwrap_err();
    assert_eq!(error.class, plimsoll_protocol::Class::Rejected, "{error}");
    assert!(it.world.rows().await.is_empty());
    assert_eq!(it.process.stands().await, 0);
}
