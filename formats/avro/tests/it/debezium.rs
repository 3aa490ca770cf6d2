//! Change events of Debezium's: what they give is what stood in the source's tables, but
//! for what the events themselves have lost.

use crate::real::{Event, events, expected, registry};
use crate::support::{compile, fault, paths, read, shown, want};
use plimsoll_avro::Schema;
use plimsoll_record::{Arena, Fault};
use plimsoll_sink_api::Cell;
use std::collections::{BTreeMap, HashMap};

type Registry = HashMap<i64, (String, Schema)>;
type Row = BTreeMap<String, String>;

fn debezium() -> Registry {
    registry("debezium/registry.json")
}

/// Some columns, below a part of the envelope; what is null is left out.
fn row(registry: &Registry, event: &(i64, Vec<u8>), below: &str, columns: &[&str]) -> Row {
    let named: Vec<String> = columns
        .iter()
        .map(|c| format!("{below}{}", c.replace(' ', "_")))
        .collect();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let program = compile(&registry[&event.0].1, &paths(&named));
    let cells = read(&program, &event.1, columns.len()).expect("a good record");
    let names = columns.iter().map(|c| (*c).to_owned());
    let found = names.zip(cells).filter(|(_, c)| c != "null");
    found
        .map(|(name, cell)| match cell.strip_prefix("text ") {
            Some(text) => (name, text.to_owned()),
            None => (name, cell),
        })
        .collect()
}

fn op(registry: &Registry, value: &(i64, Vec<u8>)) -> String {
    row(registry, value, "", &["op"])["op"].clone()
}

/// The table as the events leave it, by the records' keys.
fn table(name: &str, events: &[Event], columns: &[&str], key: &[&str]) -> Vec<Row> {
    let registry = debezium();
    let mut rows: BTreeMap<Vec<String>, Row> = BTreeMap::new();
    for event in events.iter().filter(|event| event.table == name) {
        let Some(value) = &event.value else {
            continue;
        };
        let op = op(&registry, value);
        if op == "t" {
            break;
        }
        let of = event.key.as_ref().expect("a key");
        let of = row(&registry, of, "", key).into_values().collect();
        match op.as_str() {
            "d" => {
                rows.remove(&of).expect("a row to delete");
            }
            _ => {
                let after = row(&registry, value, "after.", columns);
                rows.insert(of, after);
            }
        }
    }
    rows.into_values().collect()
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

/// The source's rows, with each value as a cell shows it.
fn source(table: &str, alike: impl Fn(&str, &str) -> String) -> Vec<Row> {
    let rows = expected(table).into_iter().map(|row| {
        let values = row.into_iter().map(|(column, value)| {
            let value = alike(&column, &value);
            (column, value)
        });
        values.collect()
    });
    sorted(rows.collect())
}

fn zoned(text: &str) -> String {
    let text = text.replace(' ', "T").replace("+00", "Z");
    match text.contains('.') {
        true => text,
        false => text.replace('Z', ".000000Z"),
    }
}

#[test]
fn the_events_of_a_table_leave_its_rows() {
    let columns = ["id", "name", "amount", "at", "big"];
    let plain = source("plain", |column, value| match (column, value) {
        // The event that inserts it anew does not have it.
        ("big", _) => "__debezium_unavailable_value".to_owned(),
        ("at", value) => zoned(value),
        (_, value) => value.to_owned(),
    });
    for file in ["pg-avro", "pg-avroapi", "pg-avrohdr"] {
        let rows = table("plain", &events(file), &columns, &["id"]);
        assert_eq!(sorted(rows), plain, "{file}");
    }
    let full = table("full_ident", &events("pg-avro"), &columns, &["id"]);
    let expected = source("full_ident", |column, value| match column {
        "at" => zoned(value),
        _ => value.to_owned(),
    });
    assert_eq!(sorted(full), expected);
}

#[test]
fn a_key_may_have_two_columns() {
    let two = source("two", |_, value| value.to_owned());
    for file in ["pg-avro", "pg-avroapi", "pg-avrohdr"] {
        let rows = table("two", &events(file), &["a", "b", "v"], &["a", "b"]);
        assert_eq!(sorted(rows), two, "{file}");
    }
}

#[test]
fn each_event_is_read_by_the_schema_that_it_was_written_with() {
    let (registry, events) = (debezium(), events("pg-avro"));
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let evolving = events.iter().filter(|event| event.table == "evolve");
    for value in evolving.filter_map(|event| event.value.as_ref()) {
        // Renamed on the way: one cell, two fields, of which a schema has one.
        let wants = [want(0, "after.id"), want(1, "after.v"), want(1, "after.w")];
        let program = compile(&registry[&value.0].1, &wants);
        let cells = read(&program, &value.1, 2).expect("a good record");
        let text = cells[1].strip_prefix("text ").expect("a text").to_owned();
        let row = [("id", cells[0].clone()), ("w", text)];
        let row = row.map(|(name, value)| (name.to_owned(), value));
        rows.insert(cells[0].clone(), row.into());
    }
    let expected = source("evolve", |_, value| value.to_owned());
    assert_eq!(rows.into_values().collect::<Vec<_>>(), expected);
}

#[test]
fn a_table_without_a_key_changes_by_what_stood_before() {
    let (registry, events) = (debezium(), events("pg-avro"));
    let mut rows: Vec<Row> = Vec::new();
    for event in events.iter().filter(|event| event.table == "nopk") {
        assert!(event.key.is_none());
        let Some(value) = &event.value else {
            continue;
        };
        let [before, after] =
            ["before.", "after."].map(|below| row(&registry, value, below, &["a", "b"]));
        if let Some(at) = rows.iter().position(|row| *row == before) {
            rows.remove(at);
        }
        if !after.is_empty() {
            rows.push(after);
        }
    }
    assert_eq!(sorted(rows), source("nopk", |_, value| value.to_owned()));
}

/// The columns of `types`, in their order.
pub const TYPES: &str = "id,c_bool,c_i2,c_i4,c_i8,c_f4,c_f8,c_num,c_num122,c_num3810,c_num5m2,\
    c_dom,c_money,c_text,c_vc,c_ch,c_citext,c_bytea,c_uuid,c_json,c_jsonb,c_xml,c_date,c_time,\
    c_time3,c_timetz,c_ts,c_ts3,c_ts0,c_tstz,c_interval,c_bit,c_bit10,c_varbit,c_inet,c_cidr,\
    c_mac,c_mood,c_hstore,c_ltree,c_point,c_range,c_tstzrange,c_tsv,c_ia,c_ta,c_na,c_ja,c_da,\
    c_tza,c_ua,c_ma,c_nn,c_def,Camel Col";

/// What the event does not have, or has in another form that means the same.
const OTHERWISE: [(&str, &str, &str); 23] = [
    // Null would have been right: the converter puts the column's default for it.
    ("3", "c_def", "dflt"),
    ("5", "c_def", "dflt"),
    // NaN and Infinity are null in the event.
    ("4", "c_num", "NULL"),
    ("5", "c_num", "NULL"),
    // The zone is gone, the moment is the same.
    ("2", "c_timetz", "07:04:56.123456Z"),
    ("3", "c_timetz", "12:00:00Z"),
    ("5", "c_timetz", "23:59:59.999999Z"),
    // Months and days have become hours.
    ("2", "c_interval", "PT37091106.789S"),
    ("3", "c_interval", "PT-2457000.000001S"),
    ("4", "c_ia", "json [null,null]"),
    // Years before the first.
    ("3", "c_tstz", "-0043-03-15T12:00:00.000000Z"),
    ("5", "c_tstz", "-4712-01-01T00:00:00.000000Z"),
    ("2", "c_hstore", "{\"a\":\"1\",\"b\":null}"),
    ("2", "c_point", "(1.5,-2.0)"),
    ("2", "c_ia", "json [1,null,3]"),
    ("2", "c_ta", "json [\"a\",\"b,c\",null,\"\"]"),
    ("2", "c_na", "json [1.10,null]"),
    ("2", "c_ja", "json [\"{\\\"x\\\": 1}\"]"),
    ("2", "c_da", "json [\"2026-01-01\",\"infinity\"]"),
    ("2", "c_tza", "json [\"2026-01-01T00:00:00.000000Z\"]"),
    (
        "2",
        "c_ua",
        "json [\"01234567-89ab-cdef-0123-456789abcdef\"]",
    ),
    ("2", "c_ma", "json [\"sad\",\"happy\"]"),
    ("3", "c_ta", "json []"),
];

/// Whether a cell is what Postgres printed.
fn same(id: &str, column: &str, cell: &Cell<'_>, printed: Option<&str>) {
    let told = shown(cell);
    let context = format!("{column} of {id}: {told}");
    let other = OTHERWISE.iter().find(|(i, c, _)| (*i, *c) == (id, column));
    let plain = told.strip_prefix("text ").unwrap_or(&told);
    if let Some((_, _, expected)) = other {
        match *expected {
            "NULL" => assert_eq!(*cell, Cell::Null, "{context}"),
            expected => assert_eq!(plain, expected, "{context}"),
        }
        return;
    }
    let Some(printed) = printed else {
        assert_eq!(*cell, Cell::Null, "{context}");
        return;
    };
    let fits = match cell {
        Cell::Bool(yes) => printed == if *yes { "t" } else { "f" } || printed == bit(*yes),
        Cell::Float(number) => {
            let read: f64 = printed.parse().expect("a number");
            let single = printed.parse::<f32>().map(f64::from);
            let is = |other: f64| other.to_bits() == number.as_f64().to_bits();
            is(read) || single.is_ok_and(is) || (read.is_nan() && number.as_f64().is_nan())
        }
        Cell::Decimal { .. } => digits(&told) == digits(&printed.replace(['$', ','], "")),
        Cell::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            printed == format!("\\x{hex}")
        }
        Cell::Time(_) | Cell::Timestamp(_) => digits(&told) == digits(&printed.replace(' ', "T")),
        Cell::Text(text) if column == "c_tstz" => {
            digits(text.trim_end_matches('Z'))
                == digits(printed.replace(' ', "T").trim_end_matches("+00"))
        }
        Cell::Json(_) => told == "json []" && printed == "{}",
        _ => plain == printed,
    };
    assert!(fits, "{context} is not {printed}");
}

fn bit(yes: bool) -> &'static str {
    if yes { "1" } else { "0" }
}

/// Without zeros at the end of a fraction.
fn digits(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

#[test]
fn each_type_has_the_value_of_the_source() {
    let (registry, events) = (debezium(), events("pg-avro"));
    let source = expected("types");
    let mut seen = 0;
    let of_types = events.iter().filter(|event| event.table == "types");
    for value in of_types.filter_map(|event| event.value.as_ref()) {
        let id = row(&registry, value, "after.", &["id"])["id"].clone();
        let printed = source.iter().find(|row| row["id"] == id).expect("a row");
        let schema = &registry[&value.0].1;
        let columns: Vec<&str> = TYPES
            .split(',')
            // Infinite in the source; and beyond the years that have a text.
            .filter(|c| id != "4" || !["c_date", "c_ts", "c_ts3"].contains(c))
            .filter(|c| id != "5" || *c != "c_ts3")
            .collect();
        let wants: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(cell, column)| {
                let path = format!("after.{}", column.replace(' ', "_"));
                want(cell, &path).typed(match *column {
                    "c_varbit" => "bit varying(12)",
                    _ => "text",
                })
            })
            .collect();
        let program = compile(schema, &wants);
        let (arena, mut cells) = (Arena::new(), vec![Cell::Absent; columns.len()]);
        program
            .read(&value.1, &arena, &mut cells)
            .expect("a good record");
        for (column, cell) in columns.iter().zip(&cells) {
            same(&id, column, cell, printed.get(*column).map(String::as_str));
        }
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn infinity_makes_a_bad_record_and_says_so() {
    let (registry, events) = (debezium(), events("pg-avro"));
    let of_types = events.iter().filter(|event| event.table == "types");
    let values: Vec<_> = of_types.filter_map(|event| event.value.as_ref()).collect();
    for column in ["c_date", "c_ts", "c_ts3"] {
        let bad = values
            .iter()
            .filter_map(|value| {
                let program = compile(
                    &registry[&value.0].1,
                    &paths(&["after.id", &format!("after.{column}")]),
                );
                let (arena, mut cells) = (Arena::new(), [Cell::Absent; 2]);
                let result = program.read(&value.1, &arena, &mut cells);
                (fault(&result) == Some(Fault::Infinite)).then(|| {
                    let error = result.expect_err("a fault");
                    assert_eq!(error.condition(), "infinite_time");
                    assert_eq!(error.column(), Some("c1"));
                    shown(&cells[0])
                })
            })
            .collect::<Vec<_>>();
        assert_eq!(bad, ["4"], "{column}");
    }
}

#[test]
fn every_record_becomes_json_and_no_part_of_one_a_row() {
    let registry = debezium();
    let mut seen = 0;
    for file in ["pg-avro", "pg-avroapi", "pg-avrohdr"] {
        for event in events(file) {
            for (id, body) in event.key.iter().chain(&event.value) {
                let program = compile(&registry[id].1, &[want(0, "").json()]);
                let cells = match read(&program, body, 1) {
                    Ok(cells) => cells,
                    // Beyond the year 9999.
                    Err(error) => {
                        assert_eq!(error.condition(), "time_out_of_range");
                        assert_eq!((event.table.as_str(), event.offset), ("types", 4));
                        continue;
                    }
                };
                let json = cells[0].strip_prefix("json ").expect("JSON");
                let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
                assert!(value.is_object());
                for end in 0..body.len() {
                    let cut = read(&program, &body[..end], 1);
                    assert!(fault(&cut).is_some(), "{end} of {}", body.len());
                }
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 186, "all but one");
}
