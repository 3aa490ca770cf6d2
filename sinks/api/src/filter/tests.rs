use super::*;

fn condition(text: &str) -> Condition {
    text.parse::<Filter>().expect(text).condition
}

fn source(text: &str) -> Source {
    text.parse().unwrap()
}

fn text(text: &str) -> Literal {
    Literal::Text(text.to_owned())
}

fn number(text: &str) -> Literal {
    Literal::Number(text.to_owned())
}

#[test]
fn and_binds_closer_than_or() {
    let exists = |name: &str| Condition::Exists(source(name));
    assert_eq!(
        condition("exists value.a or exists value.b and not exists value.c"),
        Condition::Any(vec![
            exists("value.a"),
            Condition::All(vec![
                exists("value.b"),
                Condition::Not(Box::new(exists("value.c"))),
            ]),
        ])
    );
    assert_eq!(
        condition("(exists value.a OR exists(value.b)) AND exists value.c"),
        Condition::All(vec![
            Condition::Any(vec![exists("value.a"), exists("value.b")]),
            exists("value.c"),
        ])
    );
}

#[test]
fn values_are_compared_with_texts_numbers_and_booleans() {
    let compare = |name, comparison, literal| Condition::Compare(source(name), comparison, literal);
    for (written, expected) in [
        (
            "value.a='it''s'",
            compare("value.a", Comparison::Equal, text("it's")),
        ),
        (
            "value.a <> ''",
            compare("value.a", Comparison::NotEqual, text("")),
        ),
        (
            "value.a≠1",
            compare("value.a", Comparison::NotEqual, number("1")),
        ),
        (
            "key.a >= -1.5e3",
            compare("key.a", Comparison::AtLeast, number("-1.5e3")),
        ),
        ("offset<7", compare("offset", Comparison::Less, number("7"))),
        (
            "headers.trace-id = TRUE",
            compare(
                "headers.trace-id",
                Comparison::Equal,
                Literal::Boolean(true),
            ),
        ),
        (
            "value.items[*].\"a b\" <= 'x'",
            compare("value.items[*].\"a b\"", Comparison::AtMost, text("x")),
        ),
        (
            "headers.\"content type\" = 'x'",
            Condition::Compare(
                Source::Header("content type".to_owned()),
                Comparison::Equal,
                text("x"),
            ),
        ),
        (
            "value.in_stock > 0",
            compare("value.in_stock", Comparison::Greater, number("0")),
        ),
        (
            "topic in ('a' , 'b')",
            Condition::In(source("topic"), vec![text("a"), text("b")]),
        ),
    ] {
        assert_eq!(condition(written), expected, "{written}");
    }
    let listed = Condition::In(source("value.a"), vec![number("1")]);
    assert_eq!(
        condition("value.a not in (1)"),
        Condition::All(vec![
            Condition::Exists(source("value.a")),
            Condition::Not(Box::new(listed)),
        ])
    );
}

#[test]
fn what_is_no_filter_says_where_and_why() {
    let told = |written: &str| {
        let error = written.parse::<Filter>().unwrap_err();
        format!("{error}; {}", error.hint)
    };
    for (written, expected) in [
        ("", "character 1: the end is no condition"),
        ("value.a", "character 8: the end is no comparison"),
        ("value.a == 1", "character 10: \"=\" is no value"),
        (
            "value.a = paid",
            "character 11: \"paid\" is no value; a text stands in single quotes",
        ),
        ("value.a = null", "exists value.email"),
        ("value.a = 'x", "character 11: \"'x\" has no end"),
        ("values.a = 1", "character 1: \"values.a\" is no source"),
        (
            "value.ä = 1 value.b = 2",
            "character 13: \"value.b\" is not expected here; join",
        ),
        ("(value.a = 1", "a ) is missing"),
        ("value.a in 1", "a list is"),
        ("value.a = 01", "is no value"),
        ("and", "is no source"),
    ] {
        let told = told(written);
        assert!(told.contains(expected), "{written}: {told}");
    }
    let deep = format!("{}exists value.a", "not ".repeat(33));
    assert!(told(&deep).contains("lies too deep"));
    let deep = format!(
        "{}exists value.a{}",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    assert!(told(&deep).contains("lies too deep"));
}
