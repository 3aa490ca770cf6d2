use super::*;

fn path(names: &[&str]) -> Path {
    Path(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn sources_are_read_as_they_are_written() {
    let inside = |of, names: &[&str], steps: &[Step]| {
        Source::Inside(Inside {
            of,
            path: path(names),
            steps: steps.to_vec(),
        })
    };
    let field = |name: &str| Step::Field(name.to_owned());
    for (text, source) in [
        ("value", Source::Value(path(&[]))),
        ("value.a.b", Source::Value(path(&["a", "b"]))),
        ("value.\"a.b\".c", Source::Value(path(&["a.b", "c"]))),
        ("value.\"a[0]\"", Source::Value(path(&["a[0]"]))),
        ("value.\"*\"", Source::Value(path(&["*"]))),
        ("value.a-b c", Source::Value(path(&["a-b c"]))),
        ("key", Source::Key(path(&[]))),
        ("key.id", Source::Key(path(&["id"]))),
        ("value.*", Source::Rest),
        ("headers.trace.id", Source::Header("trace.id".to_owned())),
        ("timestamp", Source::Timestamp),
        (
            "value.items[0].sku",
            inside(Of::Value, &["items"], &[Step::Element(0), field("sku")]),
        ),
        (
            "value[*][-1]",
            inside(Of::Value, &[], &[Step::Every, Step::Element(-1)]),
        ),
        (
            "key.a[*].\"x.y\"",
            inside(Of::Key, &["a"], &[Step::Every, field("x.y")]),
        ),
        ("index", Source::Index),
        ("item", Source::Item(path(&[]))),
        ("item.sku", Source::Item(path(&["sku"]))),
        (
            "item.tags[-1]",
            inside(Of::Item, &["tags"], &[Step::Element(-1)]),
        ),
    ] {
        assert_eq!(text.parse(), Ok(source.clone()), "{text}");
        assert_eq!(source.to_string(), text);
    }
}

#[test]
fn texts_that_are_no_sources_are_refused() {
    for text in [
        "",
        "value.",
        "value..a",
        "values",
        "value[",
        "value[x]",
        "value[1.5]",
        "value[+1]",
        "value[-]",
        "value[99999999999]",
        "value.a]",
        "value.\"a",
        "value.\"a\"b",
        "value.a.*",
        "key.*",
        "headers.",
        "offset.a",
        "index.a",
        "index[0]",
        "items",
        "item.",
        "item.*",
        "value a",
        "value.*.b",
    ] {
        assert!(text.parse::<Source>().is_err(), "{text}");
    }
}
