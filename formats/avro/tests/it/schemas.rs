//! What is read of a schema, and what is refused.

use crate::real::registry;
use crate::support::schema;
use plimsoll_avro::{Kind, Schema, SchemaError};
use plimsoll_record::semantic::{BitForm, Chars, Octets, Parts, Whole};
use plimsoll_sink_api::{Clock, Unit};

fn refused(text: &str) -> SchemaError {
    Schema::parse(text, &[]).expect_err(text)
}

#[test]
fn names_stand_in_the_namespace_around_them() {
    let schema = schema(
        r#"{"type": "record", "name": "A", "namespace": "x.y", "fields": [
            {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["P", "Q"]}},
            {"name": "again", "type": ["null", "E"]},
            {"name": "full", "type": "x.y.E"},
            {"name": "other", "type": {"type": "record", "name": "o.B", "fields": [
                {"name": "f", "type": {"type": "fixed", "name": "F", "size": 2}},
                {"name": "a", "type": ["null", "x.y.A"]}
            ]}},
            {"name": "f", "type": {"type": "o.F"}},
            {"name": "none", "type": {"type": "fixed", "name": "N", "namespace": "", "size": 1}},
            {"name": "n", "type": "N"}
        ]}"#,
    );
    let root = schema.root();
    assert_eq!(root.full_name(), Some("x.y.A"));
    let name = |path: &[&str]| {
        let node = path.iter().fold(root, |node, name| {
            node.field(name).expect("a field").without_null()
        });
        node.full_name().expect("a name")
    };
    assert_eq!(name(&["e"]), "x.y.E");
    assert_eq!(name(&["again"]), "x.y.E");
    assert_eq!(name(&["full"]), "x.y.E");
    assert_eq!(name(&["other"]), "o.B");
    assert_eq!(name(&["other", "f"]), "o.F");
    assert_eq!(name(&["other", "a"]), "x.y.A");
    assert_eq!(name(&["f"]), "o.F");
    assert_eq!(name(&["none"]), "N");
    assert_eq!(name(&["n"]), "N", "in no namespace, as in none around it");
    assert_eq!(root.field("e").unwrap().kind(), Kind::Enum(vec!["P", "Q"]));
    assert_eq!(root.field("z"), None);
}

#[test]
fn references_give_names_in_any_order() {
    let line = r#"{"type": "record", "name": "shop.Line", "fields": [
        {"name": "price", "type": "shop.Price"}]}"#;
    let price = r#"{"type": "fixed", "name": "shop.Price", "size": 4}"#;
    let order = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "line", "type": "Line"}]}"#;
    for references in [
        [("line", line), ("price", price)],
        [("price", price), ("line", line)],
    ] {
        let schema = Schema::parse(order, &references).expect("a schema");
        let line = schema.root().field("line").expect("a field");
        assert_eq!(line.field("price").unwrap().kind(), Kind::Fixed(4, None));
    }
    assert_eq!(
        Schema::parse(order, &[("line", line)]).unwrap_err(),
        SchemaError::UnknownType {
            name: "shop.Price".to_owned()
        }
    );
    assert_eq!(
        Schema::parse(order, &[("line", line), ("line", line)]).unwrap_err(),
        SchemaError::DefinedTwice {
            name: "shop.Line".to_owned()
        }
    );
    let error = Schema::parse(order, &[("line", "{")]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the reference \"line\" is not JSON")
    );
}

#[test]
fn a_primitive_has_several_forms() {
    for text in [
        "\"long\"",
        "long",
        " long\n",
        "{\"type\": \"long\"}",
        "{\"type\": {\"type\": \"long\"}}",
        "{\"type\": \"long\", \"logicalType\": \"no such\", \"default\": {}}",
    ] {
        assert_eq!(schema(text).root().kind(), Kind::Long(None), "{text}");
    }
}

#[test]
fn a_logical_type_counts_where_its_base_fits() {
    let kind = |text: &str| {
        let schema = schema(text);
        format!("{:?}", schema.root().kind())
    };
    let of = |base: &str, logical: &str| {
        kind(&format!(
            "{{\"type\": \"{base}\", \"logicalType\": \"{logical}\", \"precision\": 4}}"
        ))
    };
    let whole = |base: &str, whole: Whole| format!("{base}(Some({whole:?}))");
    assert_eq!(of("int", "date"), whole("Int", Whole::Date));
    assert_eq!(
        of("int", "time-millis"),
        whole("Int", Whole::Time(Unit::Millis))
    );
    assert_eq!(
        of("long", "time-micros"),
        whole("Long", Whole::Time(Unit::Micros))
    );
    for (word, unit) in [
        ("millis", Unit::Millis),
        ("micros", Unit::Micros),
        ("nanos", Unit::Nanos),
    ] {
        let utc = Whole::Timestamp(unit, Clock::Utc);
        assert_eq!(of("long", &format!("timestamp-{word}")), whole("Long", utc));
        let local = Whole::Timestamp(unit, Clock::Local);
        assert_eq!(
            of("long", &format!("local-timestamp-{word}")),
            whole("Long", local)
        );
    }
    let decimal = Octets::Decimal { scale: 0 };
    assert_eq!(of("bytes", "decimal"), format!("Bytes(Some({decimal:?}))"));
    assert_eq!(
        of("string", "uuid"),
        format!("String(Some({:?}))", Chars::Uuid)
    );
    for (base, logical, plain) in [
        ("int", "timestamp-millis", "Int(None)"),
        ("long", "date", "Long(None)"),
        ("string", "date", "String(None)"),
        ("bytes", "uuid", "Bytes(None)"),
        ("int", "decimal", "Int(None)"),
    ] {
        assert_eq!(of(base, logical), plain);
    }
    let fixed = |size: u32, logical: &str| {
        kind(&format!(
            "{{\"type\": \"fixed\", \"name\": \"F\", \"size\": {size}, \
             \"logicalType\": \"{logical}\", \"precision\": 4, \"scale\": 2}}"
        ))
    };
    assert_eq!(fixed(12, "duration"), "Fixed(12, Some(Duration))");
    assert_eq!(fixed(16, "uuid"), "Fixed(16, Some(Uuid))");
    assert_eq!(fixed(1, "decimal"), "Fixed(1, Some(Decimal { scale: 2 }))");
    assert_eq!(fixed(11, "duration"), "Fixed(11, None)");
    assert_eq!(fixed(12, "uuid"), "Fixed(12, None)");
    // A decimal without a precision, or with a scale that is no number, is bytes.
    for more in [
        "",
        ", \"precision\": 0",
        ", \"precision\": 4, \"scale\": \"2\"",
    ] {
        let text = format!("{{\"type\": \"bytes\", \"logicalType\": \"decimal\"{more}}}");
        assert_eq!(kind(&text), "Bytes(None)", "{text}");
    }
}

#[test]
fn names_of_connect_and_debezium_are_kept() {
    let schema = schema(
        r#"{"type": "record", "name": "R", "connect.name": "r.Envelope", "fields": [
            {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis",
                "connect.name": "io.debezium.time.MicroTimestamp"}},
            {"name": "bits", "type": {"type": "bytes", "connect.name": "io.debezium.data.Bits",
                "connect.parameters": {"length": "3"}}},
            {"name": "json", "type": {"type": "string", "connect.name": "io.debezium.data.Json"}},
            {"name": "point", "type": {"type": "record", "name": "P",
                "connect.name": "io.debezium.data.geometry.Point",
                "fields": [{"name": "x", "type": "double"}, {"name": "y", "type": "double"}]}},
            {"name": "decimal", "type": {"type": "record", "fields": [
                {"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
                "name": "io.debezium.data.VariableScaleDecimal"}},
            {"name": "odd", "type": {"type": "record", "name": "Q", "fields": [],
                "connect.name": "io.debezium.data.geometry.Geometry"}}
        ]}"#,
    );
    let root = schema.root();
    assert_eq!(root.connect_name(), Some("r.Envelope"));
    let field = |name| root.field(name).expect("a field");
    // The name goes before the logical type.
    let micros = Whole::Timestamp(Unit::Micros, Clock::Local);
    assert_eq!(field("ts").kind(), Kind::Long(Some(micros)));
    let bits = Octets::Bits {
        length: 3,
        form: BitForm::Fixed,
    };
    assert_eq!(field("bits").kind(), Kind::Bytes(Some(bits)));
    assert_eq!(field("bits").parameter("length"), Some("3"));
    assert_eq!(field("bits").parameter("width"), None);
    assert_eq!(field("json").kind(), Kind::String(Some(Chars::Json)));
    assert_eq!(field("point").kind(), Kind::Record(Some(Parts::Point)));
    // By its own name, where the converter writes none of Connect's.
    assert_eq!(field("decimal").kind(), Kind::Record(Some(Parts::Decimal)));
    // One that lacks what it is made of is a record like others.
    assert_eq!(field("odd").kind(), Kind::Record(None));
}

#[test]
fn real_schemas_are_read() {
    let debezium = registry("debezium/registry.json");
    let (_, envelope) = &debezium[&15];
    let after = envelope.root().field("after").expect("a field");
    assert_eq!(after.word(), "union");
    let after = after.without_null();
    assert_eq!(after.full_name(), Some("formats_avro.shop.types.Value"));
    assert_eq!(after.fields().count(), 55);
    assert_eq!(registry("wire/registry.json").len(), 5);
}

#[test]
fn what_is_not_a_schema_is_refused() {
    let not_json = |text| matches!(refused(text), SchemaError::NotJson { .. });
    assert!(not_json("") && not_json("{") && not_json("syntax = \"proto3\";"));
    for (text, what) in [
        ("7", "a type is a name"),
        ("{}", "needs a \"type\""),
        ("{\"type\": 7}", "needs a \"type\""),
        ("{\"type\": \"array\"}", "items"),
        ("{\"type\": \"map\"}", "values"),
        ("{\"type\": \"record\", \"name\": \"R\"}", "fields"),
        ("{\"type\": \"record\", \"fields\": []}", "need a name"),
        (
            "{\"type\": \"enum\", \"name\": \"E\", \"symbols\": [1]}",
            "symbols",
        ),
        (
            "{\"type\": \"fixed\", \"name\": \"F\", \"size\": -1}",
            "size",
        ),
        ("[\"null\", [\"int\"]]", "directly within"),
        (
            "{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": \"a\"}]}",
            "a field needs",
        ),
        (
            "{\"type\": \"record\", \"name\": \"R\", \"fields\": [\
             {\"name\": \"a\", \"type\": \"int\"}, {\"name\": \"a\", \"type\": \"int\"}]}",
            "one name",
        ),
    ] {
        let error = refused(text);
        assert!(
            matches!(error, SchemaError::NotSchema { .. }),
            "{text}: {error}"
        );
        assert!(error.to_string().contains(what), "{text}: {error}");
        assert!(!error.hint().is_empty());
    }
    assert!(matches!(
        refused("\"Order\""),
        SchemaError::UnknownType { .. }
    ));
}

#[test]
fn a_schema_has_bounds() {
    let deep = format!(
        "{}\"int\"{}",
        "{\"type\":\"array\",\"items\":".repeat(200),
        "}".repeat(200)
    );
    assert!(matches!(refused(&deep), SchemaError::NotJson { .. }));
    let long = format!("\"{}\"", "x".repeat(5 << 20));
    assert!(matches!(refused(&long), SchemaError::TooLarge { .. }));
    let half = &long[..3 << 20];
    assert!(matches!(
        Schema::parse(half, &[("a", half)]),
        Err(SchemaError::TooLarge { .. })
    ));
    let many = format!(
        "[{}]",
        vec!["{\"type\":\"array\",\"items\":\"int\"}"; 70_000].join(",")
    );
    assert!(matches!(refused(&many), SchemaError::TooLarge { .. }));
    // A chain of names takes no stack, nor does what comes of it.
    let links: Vec<String> = (0..20_000)
        .map(|i| {
            format!(
                "{{\"type\":\"record\",\"name\":\"R{i}\",\"fields\":[{{\"name\":\"n\",\"type\":\"R{}\"}}]}}",
                i + 1
            )
        })
        .collect();
    let chain = format!(
        "[\"R0\",{},{{\"type\":\"fixed\",\"name\":\"R20000\",\"size\":1}}]",
        links.join(",")
    );
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let parsed = small.spawn(move || Schema::parse(&chain, &[]).is_ok());
    assert!(parsed.expect("a thread").join().expect("no panic"));
}
