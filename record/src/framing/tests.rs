//! On records of real serializers: tests/data/wire.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const WIRE: &str = include_str!("../../tests/data/wire/wire.ndjson");

struct Wire {
    value: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
}

fn wire(case: &str) -> Wire {
    let base64 = |text: &Value| {
        STANDARD
            .decode(text.as_str().expect("a text"))
            .expect("base64")
    };
    let lines = WIRE
        .lines()
        .map(|line| serde_json::from_str(line).expect(line));
    let record: Value = { lines }
        .find(|record: &Value| record["case"] == case)
        .expect(case);
    let headers = record["headers"].as_array().expect("headers").iter();
    Wire {
        value: base64(&record["value"]),
        headers: headers
            .map(|pair| {
                (
                    pair[0].as_str().expect("a name").to_owned(),
                    base64(&pair[1]),
                )
            })
            .collect(),
    }
}

impl Wire {
    fn split(&self, framing: Framing) -> Result<Framed<'_>, BadRecord> {
        self.split_side(framing, Side::Value)
    }

    fn split_side(&self, framing: Framing, side: Side) -> Result<Framed<'_>, BadRecord> {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_bytes(), Some(value.as_slice())));
        split(framing, side, headers, &self.value)
    }

    fn under(&self, name: &str) -> Self {
        Self {
            value: self.value.clone(),
            headers: vec![(name.to_owned(), self.headers[0].1.clone())],
        }
    }
}

fn plain(bytes: &[u8]) -> Wire {
    Wire {
        value: bytes.to_vec(),
        headers: Vec::new(),
    }
}

fn unframed(result: Result<Framed<'_>, BadRecord>) -> Unframed {
    match result {
        Err(BadRecord::Unframed { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

/// The record that stands under all Avro framings.
fn avro_body() -> Vec<u8> {
    wire("avro confluent prefix").value.split_off(5)
}

const GUID: [u8; 16] = [
    0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
];
const UUID: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
];

#[test]
fn one_record_in_all_framings_has_one_body() {
    use Framing::{Apicurio, Confluent, Glue, SingleObject};
    let cases = [
        ("avro confluent prefix", Confluent, SchemaId::Id(43)),
        (
            "avro confluent header guid",
            Confluent,
            SchemaId::Guid(GUID),
        ),
        ("avro confluent header id", Confluent, SchemaId::Id(43)),
        (
            "avro apicurio 8 byte prefix",
            Apicurio,
            SchemaId::Global(43),
        ),
        (
            "avro apicurio headers v2 (contentId)",
            Apicurio,
            SchemaId::Content(43),
        ),
        ("avro aws glue uncompressed", Glue, SchemaId::Glue(UUID)),
        ("avro aws glue zlib", Glue, SchemaId::Glue(UUID)),
        (
            "avro single object",
            SingleObject,
            SchemaId::Fingerprint(0x1f00_ccf0_44cc_c015),
        ),
    ];
    for (case, framing, schema) in cases {
        let (wire, arena) = (wire(case), Arena::new());
        let framed = wire.split(framing).expect(case);
        assert_eq!(framed.schema, Some(schema), "{case}");
        assert_eq!(framed.body(&arena).expect(case), avro_body(), "{case}");
    }
}

#[test]
fn a_record_without_framing_is_taken_as_it_is() {
    for bytes in [b"{}".as_slice(), b"", b"\0\0\0\0\x2b"] {
        let (wire, arena) = (plain(bytes), Arena::new());
        let framed = wire.split(Framing::None).expect("no framing");
        assert_eq!(framed.schema, None);
        assert_eq!(framed.body(&arena), Ok(bytes));
        assert_eq!(framed.message(&arena), Ok((None, bytes)));
    }
}

#[test]
fn what_is_cut_within_its_framing_is_bad_at_every_length() {
    use Framing::{Apicurio, Confluent, Glue, SingleObject};
    let cases = [
        ("avro confluent prefix", Confluent, 5),
        ("avro apicurio 8 byte prefix", Apicurio, 9),
        ("avro aws glue uncompressed", Glue, 18),
        ("avro single object", SingleObject, 10),
    ];
    for (case, framing, head) in cases {
        let whole = wire(case).value;
        for length in 0..=whole.len() {
            let wire = plain(&whole[..length]);
            let (result, arena) = (wire.split(framing), Arena::new());
            match length {
                0 => assert_eq!(unframed(result), Unframed::Empty, "{case}"),
                _ if length < head => {
                    let short = Unframed::TooShort { framing };
                    assert_eq!(unframed(result), short, "{case}, {length} bytes");
                }
                _ => {
                    let framed = result.unwrap_or_else(|e| panic!("{case}, {length}: {e}"));
                    assert_eq!(framed.body(&arena), Ok(&whole[head..length]), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_compressed_record_that_is_cut_or_grows_too_large_is_bad() {
    let whole = wire("avro aws glue zlib").value;
    for length in 18..whole.len() {
        let (wire, arena) = (plain(&whole[..length]), Arena::new());
        let framed = wire.split(Framing::Glue).expect("a whole head");
        let bad = framed.body(&arena).map(<[u8]>::to_vec);
        let why = Unframed::Compression.of(Side::Value);
        assert_eq!(bad, Err(why), "{length} bytes");
    }
    let zlib = |bytes: &[u8]| {
        let mut wire = whole[..18].to_vec();
        wire.extend(miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6));
        plain(&wire)
    };
    for (length, fits) in [(INFLATED_BYTES, true), (INFLATED_BYTES + 1, false)] {
        let (wire, arena) = (zlib(&vec![0; length]), Arena::new());
        let framed = wire.split(Framing::Glue).expect("a whole head");
        assert_eq!(framed.body(&arena).is_ok(), fits, "{length}");
    }
    let mut other = whole;
    other[1] = 0x07;
    assert_eq!(
        unframed(plain(&other).split(Framing::Glue)),
        Unframed::Compression
    );
}

#[test]
fn a_header_counts_before_the_bytes_and_the_last_one_among_several() {
    let arena = Arena::new();
    let mut wire = wire("avro confluent prefix");
    let id = |id: u8| ("__value_schema_id".to_owned(), vec![0, 0, 0, 0, id]);
    wire.headers = vec![id(7), ("other".to_owned(), vec![]), id(8)];
    let framed = wire.split(Framing::Confluent).expect("a header");
    assert_eq!(framed.schema, Some(SchemaId::Id(8)));
    assert_eq!(framed.body(&arena), Ok(wire.value.as_slice()));
}

#[test]
fn an_empty_payload_behind_a_header_is_a_payload() {
    let arena = Arena::new();
    let mut wire = wire("avro confluent header id");
    wire.value.clear();
    let framed = wire.split(Framing::Confluent).expect("a header");
    assert_eq!(framed.body(&arena), Ok([].as_slice()));
}

#[test]
fn keys_have_headers_of_their_own() {
    let of_value = [
        (
            "avro confluent header guid",
            Framing::Confluent,
            "__key_schema_id",
        ),
        (
            "avro apicurio headers v2 (contentId)",
            Framing::Apicurio,
            "apicurio.key.contentId",
        ),
    ];
    for (case, framing, of_key) in of_value {
        let value = wire(case);
        let key = value.under(of_key);
        let schema = value.split(framing).expect(case).schema;
        for side in [Side::Key, Side::Tombstone] {
            assert_eq!(key.split_side(framing, side).expect(case).schema, schema);
            assert!(value.split_side(framing, side).is_err(), "{case}: bare");
        }
        assert!(key.split(framing).is_err(), "{case}: bare");
    }
}

#[test]
fn a_header_that_is_cut_is_bad_and_never_a_reason_to_read_the_bytes() {
    let cases = [
        ("avro confluent header guid", Framing::Confluent, 17),
        ("avro confluent header id", Framing::Confluent, 5),
        ("avro apicurio headers v2 (contentId)", Framing::Apicurio, 8),
    ];
    for (case, framing, length) in cases {
        let whole = wire(case).headers[0].clone();
        assert_eq!(whole.1.len(), length);
        for cut in 0..length {
            let mut wire = wire("avro apicurio 8 byte prefix");
            wire.headers = vec![(whole.0.clone(), whole.1[..cut].to_vec())];
            let why = unframed(wire.split(framing));
            assert!(
                matches!(why, Unframed::Header { .. }),
                "{case}, {cut} bytes"
            );
        }
        let name = whole.0.as_bytes();
        let none = [(name, None)].into_iter();
        let result = split(framing, Side::Value, none, b"\0\0\0\0\x01\0\0\0\0\x01");
        assert!(
            matches!(unframed(result), Unframed::Header { .. }),
            "{case}"
        );
    }
}

#[test]
fn apicurios_headers_that_name_a_schema_otherwise_are_bad() {
    let mut wire = wire("avro apicurio 8 byte prefix");
    let name = |name: &str, value: &[u8]| vec![(name.to_owned(), value.to_vec())];
    wire.headers = name("apicurio.value.artifactId", b"orders");
    let why = unframed(wire.split(Framing::Apicurio));
    assert!(matches!(why, Unframed::Header { .. }));

    wire.headers = name("apicurio.value.encoding", b"JSON");
    let why = unframed(wire.split(Framing::Apicurio));
    assert!(matches!(why, Unframed::Encoding { .. }));

    wire.headers = name("apicurio.value.globalId", &7i64.to_be_bytes());
    let framed = wire.split(Framing::Apicurio).expect("a header");
    assert_eq!(framed.schema, Some(SchemaId::Global(7)));
}

#[test]
fn a_map_of_a_binary_format_is_known_by_its_first_name() {
    for (bytes, looks) in [
        (&wire("cbor").value[..], Some(Looks::Cbor)),
        (&wire("msgpack").value[..], Some(Looks::MessagePack)),
        (b"\xbf\x62id\x01\xff", Some(Looks::Cbor)),
        (
            b"\xb8\x01\x78\x18abcdefghijklmnopqrstuvwx\x01",
            Some(Looks::Cbor),
        ),
        (b"\xd9\xd9\xf7\x01", Some(Looks::Cbor)),
        (b"\xde\0\x01\xd9\x02id\x01", Some(Looks::MessagePack)),
        // No name, one that is cut off, and one that nobody gives.
        (b"\xa1\x01\x01", None),
        (b"\xa0", None),
        (b"\xa1\x63id", None),
        (b"\xa1\x60\x01", None),
        (b"\xa1\x62\0\x01\x01", None),
        (b"\xa1\x61\xff\x01", None),
        (b"\x81\xc0\x01", None),
        // Texts in Latin-1.
        (b"\xe9t\xe9", None),
        (b"hello", None),
    ] {
        assert_eq!(Looks::of(bytes), looks, "{bytes:x?}");
    }
}

#[test]
fn what_begins_otherwise_says_what_it_seems_to_be() {
    use Framing::{Confluent, Glue, SingleObject};
    let seen = |bytes: &[u8], framing| plain(bytes).split(framing).expect_err("bad").to_string();
    let json = wire("magic byte missing").value;
    let all: Vec<String> = [
        seen(&json, Confluent),
        seen(b"{}", Confluent),
        seen(b" [1]", Glue),
        seen(&wire("avro aws glue zlib").value, Confluent),
        seen(&wire("avro single object").value, Confluent),
        seen(&wire("avro confluent prefix").value, SingleObject),
        seen(&wire("avro object container").value, Confluent),
        seen(&wire("gzip in the value").value, Confluent),
        seen(b"hello", Confluent),
        seen(b"", Confluent),
        seen(b"\0\0", Confluent),
    ]
    .into();
    let json = "the value does not begin as framing \"confluent\" does; hint: JSON in a topic of \
                a binary format? without a registry: format = \"json\", framing = \"none\"";
    let otherwise = |wanted: &str, hint: &str| {
        format!("the value does not begin as framing \"{wanted}\" does; hint: {hint}")
    };
    let want = [
        json.to_owned(),
        json.to_owned(),
        json.replace("\"confluent\"", "\"glue\""),
        otherwise("confluent", "framing = \"glue\"?"),
        otherwise("confluent", "framing = \"single_object\"?"),
        otherwise("single_object", "framing = \"confluent\"?"),
        otherwise("confluent", "it is a whole file of Avro, which is not read"),
        otherwise(
            "confluent",
            "it is compressed by gzip, which is not read: let the producer compress, by \
             compression.type",
        ),
        otherwise(
            "confluent",
            "was it written by the registry's serializer? without one: framing = \"none\"",
        ),
        "the value is empty, and has to name its schema; hint: only null is a tombstone".to_owned(),
        "the value ends within its framing, \"confluent\"; hint: was it written by the registry's \
         serializer?"
            .to_owned(),
    ];
    assert_eq!(all, want);
}

#[test]
fn a_protobuf_message_is_named_by_its_indexes() {
    let cases = [
        ("protobuf first message", &[0][..]),
        ("protobuf second message (index 1)", &[1]),
        ("protobuf nested (index 1,0)", &[1, 0]),
        ("protobuf nested twice (1,0,0)", &[1, 0, 0]),
        ("protobuf all defaults", &[1]),
    ];
    for (case, want) in cases {
        let (wire, arena) = (wire(case), Arena::new());
        let framed = wire.split(Framing::Confluent).expect(case);
        assert_eq!(framed.schema, Some(SchemaId::Id(49)), "{case}");
        let (named, body) = framed.message(&arena).expect(case);
        let Some(MessageName::Indexes(indexes)) = named else {
            panic!("{case}: {named:?}");
        };
        assert_eq!(&*indexes, want, "{case}");
        // The rest of the bytes, to the last one.
        assert!(wire.value.ends_with(body), "{case}");
        let head = wire.value.len() - body.len();
        assert_eq!(
            head,
            5 + if want == [0] { 1 } else { 1 + want.len() },
            "{case}"
        );
        for length in 5..head {
            let wire = plain(&wire.value[..length]);
            let framed = wire.split(Framing::Confluent).expect("a whole head");
            let bad = framed.message(&arena).map(|(indexes, _)| indexes);
            let why = Unframed::MessageIndex.of(Side::Value);
            assert_eq!(bad, Err(why), "{case}, {length} bytes");
        }
    }
}

#[test]
fn message_indexes_stand_in_the_header_where_there_is_one() {
    let arena = Arena::new();
    let mut wire = wire("avro confluent header guid");
    wire.headers[0].1.extend([4, 2, 0]);
    let message = |wire: &Wire| {
        let framed = wire.split(Framing::Confluent).expect("a header");
        let read = framed.message(&arena);
        read.map(|(named, body)| match named {
            Some(MessageName::Indexes(at)) => (Some(at.to_vec()), body.to_vec()),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(message(&wire), Ok((Some(vec![1, 0]), wire.value.clone())));
    wire.headers[0].1.push(9);
    assert!(message(&wire).is_err(), "a byte is left over");
    wire.headers[0].1.truncate(17);
    assert!(message(&wire).is_err(), "no indexes");
}

#[test]
fn indexes_that_no_schema_has_are_bad() {
    let read = |bytes: &[u8]| read_indexes(bytes).map(|(at, rest)| (at.to_vec(), rest.len()));
    assert_eq!(read(&[0, 9]), Some((vec![0], 1)));
    assert_eq!(read(&[2, 0xfe, 0xff, 0x07]), Some((vec![65535], 0)));
    // Longer than it need be, as Java's readers take it.
    assert_eq!(read(&[2, 0x82, 0x00]), Some((vec![1], 0)));
    assert_eq!(read(&[2, 0x80, 0x80, 0x08]), None, "65536");
    assert_eq!(read(&[1]), None, "a count below zero");
    assert_eq!(read(&[2, 1]), None, "an index below zero");
    assert_eq!(
        read(&[2, 0x80, 0x80, 0x80, 0x80, 0x80, 0]),
        None,
        "six bytes"
    );
    assert_eq!(read(&[2, 0x82, 0x80, 0x80, 0x80, 0x10]), None, "bit 32");
    let deep = |depth: u8| {
        let mut bytes = vec![depth * 2];
        bytes.extend(vec![2; depth.into()]);
        read(&bytes)
    };
    assert_eq!(deep(32), Some((vec![1; 32], 0)));
    assert_eq!(deep(33), None);
}

#[test]
fn apicurio_names_a_message_in_a_header_or_in_front_of_it() {
    let arena = Arena::new();
    let schema = ("apicurio.value.globalId", 9i64.to_be_bytes().to_vec());
    let of = |headers: &[(&str, Vec<u8>)], value: &[u8]| {
        let wire = Wire {
            value: value.to_vec(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        };
        let framed = wire.split(Framing::Apicurio).expect("framed");
        assert_eq!(framed.schema, Some(SchemaId::Global(9)));
        framed.message(&arena).map(|(named, body)| {
            let name = named.map(|named| match named {
                MessageName::Name(name) => name.to_owned(),
                MessageName::Indexes(_) => panic!("indexes"),
            });
            (name, body.to_vec())
        })
    };
    let name = Some("Order".to_owned());
    let prefix = |rest: &[u8]| [&[0], &9i64.to_be_bytes()[..], rest].concat();
    let reference = b"\x07\x0a\x05Order";
    let header = ("apicurio.protobuf.type", b"Order".to_vec());
    let bare = of(&[schema.clone(), header], b"\x08\x01");
    assert_eq!(bare, Ok((name.clone(), b"\x08\x01".to_vec())));
    let behind = [&reference[..], b"\x08\x01"].concat();
    for read in [of(&[], &prefix(&behind)), of(&[schema], &behind)] {
        assert_eq!(read, Ok((name.clone(), b"\x08\x01".to_vec())));
    }
    let nameless = of(&[], &prefix(b"\x00\x08\x01"));
    assert_eq!(nameless, Ok((None, b"\x08\x01".to_vec())));
    for broken in [
        &b""[..],
        b"\x07\x0a\x05Orde",
        b"\x02\x0a\x05",
        b"\x02\x10\x05",
        b"\x03\x0a\x01\xff",
    ] {
        let why = Unframed::MessageIndex.of(Side::Value);
        assert_eq!(of(&[], &prefix(broken)), Err(why), "{broken:?}");
    }
}
