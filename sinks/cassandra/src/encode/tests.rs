use super::*;
use scylla::cluster::metadata::CollectionType;

fn native(typ: NativeType) -> ColumnType<'static> {
    ColumnType::Native(typ)
}

fn encoded(typ: &ColumnType<'_>, value: &Cell<'_>) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    cell(typ, false, value, CellWriter::new(&mut bytes))?;
    // Its own length stands in front.
    let length = i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    assert_eq!(usize::try_from(length).ok(), Some(bytes.len() - 4));
    Ok(bytes.split_off(4))
}

fn text(typ: NativeType, value: &str) -> Result<Vec<u8>, Refusal> {
    encoded(&native(typ), &Cell::Text(value))
}

fn number(typ: NativeType, value: &str) -> Result<Vec<u8>, Refusal> {
    encoded(&native(typ), &Cell::Number(value))
}

#[test]
fn integers_keep_to_their_range() {
    assert_eq!(number(NativeType::TinyInt, "-128"), Ok(vec![0x80]));
    assert_eq!(number(NativeType::TinyInt, "128"), Err(Refusal::OutOfRange));
    assert_eq!(number(NativeType::SmallInt, "258"), Ok(vec![1, 2]));
    assert_eq!(number(NativeType::Int, "1.0"), Err(Refusal::NotInteger));
    assert_eq!(text(NativeType::BigInt, "-1"), Ok(vec![0xff; 8]));
    assert_eq!(
        number(NativeType::BigInt, "9223372036854775808"),
        Err(Refusal::OutOfRange)
    );
}

#[test]
fn varint_and_decimal_keep_every_digit() {
    assert_eq!(number(NativeType::Varint, "128"), Ok(vec![0, 0x80]));
    assert_eq!(number(NativeType::Varint, "-129"), Ok(vec![0xff, 0x7f]));
    let long = "123456789012345678901234567890";
    let bytes = number(NativeType::Varint, long).unwrap();
    assert_eq!(
        num_bigint::BigInt::from_signed_bytes_be(&bytes).to_string(),
        long
    );
    // The scale, then the digits.
    assert_eq!(
        number(NativeType::Decimal, "12.340"),
        Ok(vec![0, 0, 0, 3, 0x30, 0x34])
    );
    assert_eq!(
        number(NativeType::Decimal, "-5e2"),
        Ok(vec![0xff, 0xff, 0xff, 0xfe, 0xfb])
    );
    assert_eq!(
        number(NativeType::Decimal, "1e99999999999"),
        Err(Refusal::OutOfRange)
    );
    assert_eq!(text(NativeType::Decimal, "1."), Err(Refusal::NotNumber));
    assert_eq!(text(NativeType::Decimal, "."), Err(Refusal::NotNumber));
    let endless = "1".repeat(number::DIGITS + 1);
    assert_eq!(
        number(NativeType::Varint, &endless),
        Err(Refusal::TooManyDigits)
    );
}

#[test]
fn no_number_becomes_infinite() {
    assert_eq!(number(NativeType::Float, "1e39"), Err(Refusal::OutOfRange));
    assert_eq!(number(NativeType::Double, "1e39").map(|b| b.len()), Ok(8));
    assert_eq!(
        text(NativeType::Float, "-Infinity"),
        Ok(f32::NEG_INFINITY.to_be_bytes().into())
    );
    assert_eq!(text(NativeType::Float, "much"), Err(Refusal::NotNumber));
}

#[test]
fn times_are_read_in_utc() {
    let at = |text: &str| encoded(&native(NativeType::Timestamp), &Cell::Text(text));
    let millis = |value: i64| Ok(value.to_be_bytes().to_vec());
    assert_eq!(at("1970-01-01T00:00:01.5Z"), millis(1_500));
    assert_eq!(at("1970-01-01T01:00:01+01:00"), millis(1_000));
    assert_eq!(at("1970-01-02 00:00:00"), millis(86_400_000));
    assert_eq!(at("1970-01-02"), millis(86_400_000));
    assert_eq!(at("1969-12-31T23:59:59.9999Z"), millis(-1));
    assert_eq!(number(NativeType::Timestamp, "7"), millis(7));
    assert_eq!(at("yesterday"), Err(Refusal::NotTimestamp));
    assert_eq!(
        text(NativeType::Date, "1970-01-01"),
        Ok(vec![0x80, 0, 0, 0])
    );
    assert_eq!(
        text(NativeType::Date, "1969-12-31"),
        Ok(vec![0x7f, 0xff, 0xff, 0xff])
    );
    assert_eq!(
        text(NativeType::Time, "00:00:00.000000007"),
        Ok(7_i64.to_be_bytes().into())
    );
    assert_eq!(
        number(NativeType::Time, "86400000000000"),
        Err(Refusal::NotTime)
    );
}

#[test]
fn durations_keep_months_days_and_nanoseconds_apart() {
    // Zigzag, then as many leading ones as bytes follow.
    assert_eq!(
        text(NativeType::Duration, "P1Y2M3DT0.000000004S"),
        Ok(vec![28, 6, 8])
    );
    assert_eq!(text(NativeType::Duration, "1y2mo3d4ns"), Ok(vec![28, 6, 8]));
    assert_eq!(
        text(NativeType::Duration, "soon"),
        Err(Refusal::NotDuration)
    );
}

#[test]
fn ids_addresses_and_bytes() {
    let v1 = "50554d6e-29bb-11e5-b345-feff819cdc9f";
    let v4 = "936da01f-9abd-4d9d-80c7-02af85c822a8";
    assert_eq!(text(NativeType::Uuid, v4).map(|b| b.len()), Ok(16));
    assert_eq!(text(NativeType::Timeuuid, v1).map(|b| b.len()), Ok(16));
    assert_eq!(text(NativeType::Timeuuid, v4), Err(Refusal::NotTimeuuid));
    assert_eq!(text(NativeType::Inet, "192.0.2.1"), Ok(vec![192, 0, 2, 1]));
    assert_eq!(
        text(NativeType::Inet, "2001:db8::1").map(|b| b.len()),
        Ok(16)
    );
    assert_eq!(text(NativeType::Blob, "AQI="), Ok(vec![1, 2]));
    for not in ["!", "AQI", "AQL_"] {
        assert_eq!(text(NativeType::Blob, not), Err(Unfit::Base64.into()));
    }
    assert_eq!(text(NativeType::Ascii, "é"), Err(Refusal::NotAscii));
    assert_eq!(
        encoded(&native(NativeType::Boolean), &Cell::Bool(true)),
        Ok(vec![1])
    );
    assert_eq!(number(NativeType::Boolean, "1"), Err(Refusal::NotBoolean));
}

fn list(element: NativeType) -> ColumnType<'static> {
    ColumnType::Collection {
        frozen: true,
        typ: CollectionType::List(Box::new(native(element))),
    }
}

#[test]
fn collections_are_written_with_their_lengths() {
    let bytes = encoded(&list(NativeType::TinyInt), &Cell::Json("[1, \"2\"]"));
    assert_eq!(bytes, Ok(vec![0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 0, 0, 1, 2]));
    let null = encoded(&list(NativeType::TinyInt), &Cell::Json("[null]"));
    assert_eq!(null, Err(Refusal::NullInside));
    let scalar = encoded(&list(NativeType::TinyInt), &Cell::Number("1"));
    assert_eq!(scalar, Err(Refusal::NotArray));
    let map = ColumnType::Collection {
        frozen: false,
        typ: CollectionType::Map(
            Box::new(native(NativeType::TinyInt)),
            Box::new(native(NativeType::Text)),
        ),
    };
    let bytes = encoded(&map, &Cell::Json("{\"7\": \"a\"}"));
    assert_eq!(bytes, Ok(vec![0, 0, 0, 1, 0, 0, 0, 1, 7, 0, 0, 0, 1, b'a']));
    let tuple = ColumnType::Tuple(vec![native(NativeType::TinyInt), native(NativeType::Text)]);
    let bytes = encoded(&tuple, &Cell::Json("[3, null]"));
    assert_eq!(bytes, Ok(vec![0, 0, 0, 1, 3, 0xff, 0xff, 0xff, 0xff]));
    assert_eq!(encoded(&tuple, &Cell::Json("[3]")), Err(Refusal::Length));
}

#[test]
fn vectors_of_fixed_elements_have_no_lengths() {
    let vector = |typ| ColumnType::Vector {
        typ: Box::new(native(typ)),
        dimensions: 2,
    };
    let floats = encoded(&vector(NativeType::Float), &Cell::Json("[1, 0]"));
    assert_eq!(floats, Ok(vec![0x3f, 0x80, 0, 0, 0, 0, 0, 0]));
    let texts = encoded(&vector(NativeType::Text), &Cell::Json("[\"a\", \"bc\"]"));
    assert_eq!(texts, Ok(vec![1, b'a', 2, b'b', b'c']));
    let long = format!("[\"{}\", \"\"]", "x".repeat(300));
    let texts = encoded(&vector(NativeType::Text), &Cell::Json(&long)).unwrap();
    assert_eq!((texts[..2].to_vec(), texts.len()), (vec![0x81, 0x2c], 303));
    let short = encoded(&vector(NativeType::Float), &Cell::Json("[1]"));
    assert_eq!(short, Err(Refusal::Length));
}

#[test]
fn null_deletes_and_absent_is_unset() {
    let mut bytes = Vec::new();
    cell(
        &native(NativeType::Int),
        false,
        &Cell::Null,
        CellWriter::new(&mut bytes),
    )
    .unwrap();
    cell(
        &native(NativeType::Int),
        false,
        &Cell::Absent,
        CellWriter::new(&mut bytes),
    )
    .unwrap();
    assert_eq!(
        bytes,
        [(-1_i32).to_be_bytes(), (-2_i32).to_be_bytes()].concat()
    );
}
