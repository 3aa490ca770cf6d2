//! Schemas: texts, descriptors, imports, and what is none.

use plimsoll_protobuf::{Schema, SchemaError};

fn error(text: &str, references: &[(&str, &str)]) -> String {
    match Schema::parse(text, references) {
        Ok(_) => panic!("{text} is a schema"),
        Err(error) => {
            assert!(!error.hint().is_empty());
            error.to_string()
        }
    }
}

#[test]
fn what_everybody_has_need_not_be_a_reference() {
    let files = [
        "google/protobuf/any",
        "google/protobuf/api",
        "google/protobuf/descriptor",
        "google/protobuf/duration",
        "google/protobuf/empty",
        "google/protobuf/field_mask",
        "google/protobuf/source_context",
        "google/protobuf/struct",
        "google/protobuf/timestamp",
        "google/protobuf/type",
        "google/protobuf/wrappers",
        "google/type/calendar_period",
        "google/type/color",
        "google/type/date",
        "google/type/datetime",
        "google/type/dayofweek",
        "google/type/decimal",
        "google/type/expr",
        "google/type/fraction",
        "google/type/interval",
        "google/type/latlng",
        "google/type/localized_text",
        "google/type/money",
        "google/type/month",
        "google/type/phone_number",
        "google/type/postal_address",
        "google/type/quaternion",
        "google/type/timeofday",
        "confluent/meta",
        "confluent/types/decimal",
    ];
    let imports: String = files
        .map(|file| format!("import \"{file}.proto\";\n"))
        .concat();
    let text = format!(
        "syntax = \"proto3\"; {imports} message M {{ google.protobuf.Any a = 1;
         google.type.DayOfWeek d = 2; google.type.PhoneNumber p = 3; confluent.Meta m = 4;
         google.type.DateTime t = 5; google.type.Interval i = 6; google.type.Color c = 7; }}"
    );
    Schema::parse(&text, &[]).expect("a schema");
    // The other name of one of them.
    let other = "import \"confluent/type/decimal.proto\"; message M { optional confluent.type.Decimal d = 1; }";
    Schema::parse(other, &[]).expect("a schema");
}

#[test]
fn options_and_what_declares_them_do_not_matter() {
    let text = "syntax = \"proto3\"; package shop;
        import \"confluent/meta.proto\"; import \"buf/validate/validate.proto\";
        option java_package = \"com.shop\"; option (confluent.file_meta).doc = \"orders\";
        message M {
            option (confluent.message_meta) = { doc: \"an order\", params: [{key: \"a\", value: \"b\"}] };
            string id = 1 [(buf.validate.field).string.uuid = true, deprecated = true, json_name = \"ID\"];
            reserved 7, 9 to 11; reserved \"old\";
        }
        enum E { option (confluent.enum_meta).doc = \"e\"; A = 0 [(confluent.enum_value_meta).doc = \"a\"]; }
        service S { rpc Get(M) returns (buf.validate.Missing); }";
    let schema = Schema::parse(text, &[]).expect("a schema");
    assert!(schema.message("shop.M").is_some());
    assert!(schema.message("M").is_none());
    let old = "message M { extensions 100 to 200; optional int32 a = 1; }
        extend M { optional int32 e = 100; }";
    Schema::parse(old, &[]).expect("a schema");
}

#[test]
fn what_is_imported_is_looked_for_by_its_name() {
    let own = "syntax = \"proto3\"; import \"dir/a.proto\"; message M { p.A a = 1; p.B b = 2; }";
    let a = "syntax = \"proto3\"; package p; import public \"b.proto\"; message A { }";
    let b = "syntax = \"proto3\"; package p; message B { }";
    // In any order, and some that nobody needs.
    let all = [("c.proto", "nonsense"), ("b.proto", b), ("dir/a.proto", a)];
    Schema::parse(own, &all).expect("a schema");
    // Of several with one name the first counts.
    let twice = [("b.proto", b), ("dir/a.proto", a), ("b.proto", "nonsense")];
    Schema::parse(own, &twice).expect("a schema");
    let missing = Schema::parse(own, &all[1..2]).expect_err("half of it");
    let SchemaError::ImportMissing { name, .. } = &missing else {
        panic!("{missing:?}");
    };
    assert_eq!(name, "dir/a.proto");
    assert!(
        error(own, &[("b.proto", "nonsense"), ("dir/a.proto", a)])
            .starts_with("the reference \"b.proto\" is no schema of Protobuf (b.proto:1:1: ")
    );
    // Files that import each other come to an end.
    let circle = "import \"b.proto\"; message A { optional B b = 1; }";
    let back = "import \"a.proto\"; message B { optional A a = 1; }";
    let own = "import \"a.proto\"; message M { optional A a = 1; }";
    Schema::parse(own, &[("a.proto", circle), ("b.proto", back)]).expect("a schema");
}

#[test]
fn what_is_no_schema_is_told_with_its_place() {
    assert_eq!(
        error("syntax = \"proto3\";\nmessage M { int32 a 1; }", &[]),
        "the schema is no schema of Protobuf (the schema:2:21: expected '=', but found '1')"
    );
    for text in [
        "{\"type\": \"record\"}",
        "AAAA",
        "message",
        "edition = \"2023\"; message M { }",
    ] {
        assert!(
            error(text, &[]).starts_with("the schema is no schema"),
            "{text}"
        );
    }
    let broken = [
        "message M { optional No n = 1; }",
        "message M { optional int32 a = 1; optional int32 b = 1; }",
        "message M { } message M { }",
        "syntax = \"proto3\"; enum E { A = 1; }",
    ];
    for text in broken {
        assert!(
            error(text, &[]).starts_with("the schema does not hold: "),
            "{text}"
        );
    }
    let long = " ".repeat(5 << 20);
    assert!(error(&long, &[]).contains("more than"));
    assert!(error("", &[("a", &long)]).contains("more than"));
}

#[test]
fn what_nests_deeper_than_anybody_means_takes_no_stack() {
    let run = || {
        let deep = 100_000;
        let messages = format!("{}{}", "message M { ".repeat(deep), "}".repeat(deep));
        error(&messages, &[]);
        for (open, close) in [("{ a: ", "}"), ("{ a: [", "]}"), ("{ a <", ">}")] {
            let option = format!("option (x) = {}1{};", open.repeat(deep), close.repeat(deep));
            let _ = Schema::parse(&option, &[]);
        }
    };
    let small = std::thread::Builder::new().stack_size(256 << 10);
    small
        .spawn(run)
        .expect("a thread")
        .join()
        .expect("no panic");
}
