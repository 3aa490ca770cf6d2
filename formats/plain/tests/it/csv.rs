//! Lines of CSV.

use crate::support::{formats, row, table};
use plimsoll_plain::Csv;
use plimsoll_record::{BadRecord, UnknownFields};
use plimsoll_sink_api::{Mode, Shape, Table};
use std::sync::Arc;

fn csv(fields: &[&str]) -> Csv {
    Csv {
        fields: fields.iter().map(|&name| name.to_owned()).collect(),
        delimiter: b',',
        quote: b'"',
        null: String::new(),
    }
}

fn three() -> Table {
    table(
        Mode::Append,
        &[
            ("a", "value.a", Shape::Scalar),
            ("b", "value.b", Shape::Scalar),
            ("c", "value.c", Shape::Scalar),
        ],
    )
}

fn read(csv: &Csv, table: &Table, line: &str) -> Result<Vec<String>, BadRecord> {
    let formats = formats(Some(Arc::new(csv.clone())), None);
    row(table, &formats, None, Some(line.as_bytes()))
}

fn condition(line: &str) -> &'static str {
    let bad = read(&csv(&["a", "b", "c"]), &three(), line).expect_err("a bad record");
    bad.condition()
}

#[test]
fn fields_go_to_their_columns_by_their_names() {
    let of = |fields: &[&str], line| read(&csv(fields), &three(), line).expect("a good line");
    let row = of(&["a", "b", "c"], "1,\"x \"\"y\"\", z\",é\r\n");
    assert_eq!(
        row,
        ["Text(\"1\")", "Text(\"x \\\"y\\\", z\")", "Text(\"é\")"]
    );
    // In another order, with one that nobody takes, and without another.
    let row = of(&["c", "x", "a"], "3,2,1");
    assert_eq!(row, ["Text(\"1\")", "absent", "Text(\"3\")"]);
}

#[test]
fn nothing_is_null_and_quotes_make_it_a_text() {
    let read = |csv: &Csv, line| read(csv, &three(), line).expect("a good line");
    let mut csv = csv(&["a", "b", "c"]);
    assert_eq!(read(&csv, ",\"\", "), ["null", "Text(\"\")", "Text(\" \")"]);
    csv.null = "\\N".to_owned();
    assert_eq!(
        read(&csv, ",\\N,\"\\N\""),
        ["Text(\"\")", "null", "Text(\"\\\\N\")"]
    );
}

#[test]
fn delimiter_and_quote_may_be_others() {
    let mut csv = csv(&["a", "b", "c"]);
    (csv.delimiter, csv.quote) = (b'\t', b'\'');
    let row = read(&csv, &three(), "a,\"\t'it''s\t'\t'");
    // The last quote does not close.
    assert_eq!(row.expect_err("a bad line").condition(), "truncated");
    let row = read(&csv, &three(), "a,\"\t'it''s\t'\tc'").expect("a good line");
    assert_eq!(
        row,
        ["Text(\"a,\\\"\")", "Text(\"it's\\t\")", "Text(\"c'\")"]
    );
}

#[test]
fn a_line_has_as_many_fields_as_the_config_names() {
    let bad = read(&csv(&["a", "b", "c"]), &three(), "1,2").expect_err("too few");
    assert_eq!(
        bad.to_string(),
        "the value has another number of fields, 2, than the config names, 3; hint: look at \
         fields, delimiter and quote"
    );
    for line in ["", "1,2", "1,2,3,4", "1;2;3", "1,2,3,"] {
        assert_eq!(condition(line), "wrong_field_count", "{line:?}");
    }
}

#[test]
fn what_is_no_line_is_a_bad_record() {
    assert_eq!(condition("1,2,3\n4,5,6\n"), "several_lines");
    assert_eq!(condition("1,2,3\n\n"), "several_lines");
    assert_eq!(condition("1,\"2,3"), "truncated");
    assert_eq!(condition("1,\"2\"x,3"), "invalid_quote");
    let formats = formats(Some(Arc::new(csv(&["a", "b", "c"]))), None);
    let bad = row(&three(), &formats, None, Some(b"1,2,\xff")).expect_err("no text");
    assert_eq!(bad.condition(), "invalid_utf8");
    assert!(bad.to_string().contains("the value as CSV "), "{bad}");
    // JSON has as many fields as it has commas.
    let json = read(&csv(&["a", "b", "c"]), &three(), "{\"a\": 1}").expect_err("JSON");
    assert!(json.to_string().contains("format = \"json\""), "{json}");
}

#[test]
fn all_of_a_line_is_an_object_of_texts() {
    let of = |shape| {
        let table = table(Mode::Append, &[("v", "value", shape)]);
        read(&csv(&["id", "a\"b"]), &table, "1,\n")
            .expect("a good line")
            .remove(0)
    };
    let json = "Json(\"{\\\"id\\\":\\\"1\\\",\\\"a\\\\\\\"b\\\":null}\")";
    assert_eq!([of(Shape::Scalar), of(Shape::Json)], [json, json]);
    assert_eq!(of(Shape::Bytes), "Bytes([49, 44, 10])");
}

#[test]
fn a_field_without_a_column_may_be_refused() {
    let mut formats = formats(Some(Arc::new(csv(&["a", "b", "x", "c"]))), None);
    formats.unknown = UnknownFields::Reject;
    let bad = row(&three(), &formats, None, Some(b"1,2,3,4")).expect_err("a bad record");
    assert_eq!(bad.to_string(), "the field \"x\" has no column");
}

#[test]
fn a_key_of_several_fields_is_a_line_too() {
    let mut table = table(
        Mode::Upsert,
        &[
            ("region", "value.region", Shape::Scalar),
            ("id", "key.id", Shape::Scalar),
        ],
    );
    table.columns[1].key = true;
    let formats = formats(None, Some(Arc::new(csv(&["region", "id"]))));
    let value = Some(&b"{\"region\": \"EU\"}"[..]);
    let put = row(&table, &formats, Some(b"EU,7"), value);
    assert_eq!(put.unwrap(), ["Text(\"EU\")", "Text(\"7\")"]);
    let delete = row(&table, &formats, Some(b"EU,7"), None);
    assert_eq!(delete.unwrap(), ["deleted", "Text(\"EU\")", "Text(\"7\")"]);
}
