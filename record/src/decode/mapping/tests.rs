//! Columns that take more than one field as it is, and filters, by the formats of JSON.

use crate::decode::{Connector, Decoded, Decoder, Envelope, Formats, Undecoded, UnknownFields};
use crate::{Arena, Budget, Chunk, Filling, Incoming};
use plimsoll_protocol::{Position, Span};
use plimsoll_sink_api::{
    Cast, Cell, Clock, Column, Epoch, Holds, Literal, Make, Mode, Op, Rows, Shape, Source, Table,
    Take, Timestamp, Unit,
};
use std::time::Instant;

fn column(name: &str, take: Take) -> Column {
    Column {
        name: name.to_owned(),
        take,
        shape: Shape::Scalar,
        key: name == "id",
        type_name: "text".to_owned(),
        holds: Holds::Other,
    }
}

fn from(source: &str) -> Take {
    source.parse().unwrap()
}

fn any(sources: &[&str]) -> Take {
    let mut sources = sources
        .iter()
        .map(|source| source.parse::<Source>().unwrap());
    Take {
        source: sources.next().unwrap(),
        otherwise: sources.collect(),
        make: Make::default(),
    }
}

fn made(source: &str, make: Make) -> Take {
    Take {
        make,
        ..from(source)
    }
}

fn table(mode: Mode, columns: Vec<Column>) -> Table {
    Table {
        name: "t".to_owned(),
        mode,
        columns,
        filter: None,
        explode: None,
        evolve: None,
    }
}

/// A record: its key, its value and its only header, `h`.
#[derive(Default)]
struct Sent<'s> {
    key: Option<&'s str>,
    value: Option<&'s str>,
    header: Option<&'s str>,
}

fn chunk(sent: &Sent<'_>) -> Chunk {
    let mut filling = Filling::new(Budget::new(1 << 20));
    let incoming = Incoming {
        offset: 7,
        timestamp: Some(1_000),
        key: sent.key.map(str::as_bytes),
        value: sent.value.map(str::as_bytes),
    };
    let headers = sent
        .header
        .map(|header| (b"h".as_slice(), Some(header.as_bytes())));
    filling.push(&incoming, headers.into_iter(), None, Instant::now());
    let (from, to) = (Position::new(7).unwrap(), Position::new(8).unwrap());
    filling.seal(Span::new(from, to).unwrap())
}

/// What becomes of a record: its cells in words, or why there are none.
fn told(table: &Table, formats: &Formats, sent: &Sent<'_>) -> String {
    let chunk = chunk(sent);
    let decoder = Decoder::new(table, "orders", 3, formats);
    let arena = Arena::new();
    let mut rows = Rows::with_capacity(table.columns.len(), 1);
    match decoder.decode(&chunk.record(0), &arena, &mut rows) {
        Ok(Decoded::Rows) => {}
        Ok(other) => return format!("{other:?}"),
        Err(Undecoded::Bad(bad)) => return format!("bad: {}", bad.condition()),
        Err(other) => panic!("{other}"),
    }
    let all = rows.iter().map(|(row, cells)| {
        let cells: Vec<String> = cells.iter().map(shown).collect();
        let op = if row.op == Op::Delete { "delete " } else { "" };
        format!("{op}{}", cells.join(" | "))
    });
    all.collect::<Vec<_>>().join("; ")
}

fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Text(text) => format!("'{text}'"),
        Cell::Number(text) => (*text).to_owned(),
        Cell::Json(text) => format!("json {text}"),
        Cell::Int(number) => format!("int {number}"),
        Cell::Bool(is) => is.to_string(),
        Cell::Absent => "-".to_owned(),
        Cell::Null => "null".to_owned(),
        Cell::Timestamp(at) => {
            let mut text = String::new();
            at.write(&mut text).unwrap();
            text
        }
        other => format!("{other:?}"),
    }
}

fn json() -> Formats {
    Formats::json(UnknownFields::Ignore)
}

fn of_value(columns: &[(&str, Take)], value: &str) -> String {
    let columns = columns
        .iter()
        .map(|(name, take)| column(name, take.clone()));
    let sent = Sent {
        value: Some(value),
        ..Sent::default()
    };
    told(&table(Mode::Append, columns.collect()), &json(), &sent)
}

#[test]
fn the_first_source_that_has_a_value_counts() {
    let name = any(&["value.name", "value.nick.short", "headers.h", "topic"]);
    for (value, expected) in [
        (r#"{"name":"a","nick":{"short":"b"}}"#, "'a'"),
        (r#"{"name":null,"nick":{"short":"b"}}"#, "'b'"),
        (r#"{"nick":{}}"#, "'orders'"),
    ] {
        assert_eq!(of_value(&[("name", name.clone())], value), expected);
    }
    let two = any(&["value.a", "value.b"]);
    let of = |value| of_value(&[("x", two.clone()), ("b", from("value.b"))], value);
    assert_eq!(of("{}"), "- | -");
    assert_eq!(of(r#"{"a":null}"#), "null | -");
    assert_eq!(of(r#"{"b":null}"#), "null | null");
    assert_eq!(of(r#"{"b":[1]}"#), "json [1] | json [1]");
    assert_eq!(of(r#"{"a":"\ud800"}"#), "bad: bad_string");
}

#[test]
fn constants_stand_in_every_row_and_behind_sources() {
    let text = |text: &str| Take::from(Source::Constant(Literal::Text(text.to_owned())));
    let number = Take::from(Source::Constant(Literal::Number("1.50".to_owned())));
    let truth = Take::from(Source::Constant(Literal::Boolean(true)));
    let mut or_none = any(&["value.a"]);
    or_none
        .otherwise
        .push(Source::Constant(Literal::Text("none".to_owned())));
    let columns = [
        ("t", text("it's")),
        ("n", number),
        ("b", truth),
        ("a", or_none),
    ];
    assert_eq!(of_value(&columns, "{}"), "'it's' | 1.50 | true | 'none'");
    assert_eq!(of_value(&columns, r#"{"a":7}"#), "'it's' | 1.50 | true | 7");
    let mut json_column = column("t", text("a\"b"));
    json_column.shape = Shape::Json;
    let sent = Sent {
        value: Some("{}"),
        ..Sent::default()
    };
    let told = told(&table(Mode::Append, vec![json_column]), &json(), &sent);
    assert_eq!(told, r#"json "a\"b""#);
}

#[test]
fn paths_lead_through_arrays() {
    let value = r#"{"items":[{"sku":"a","tags":["x","y"]},{"sku":"b","n":1e2},7,null],"one":{"sku":"c"},"z":[]}"#;
    for (source, expected) in [
        ("value.items[0].sku", "'a'"),
        ("value.items[1].n", "1e2"),
        ("value.items[-1]", "null"),
        ("value.items[-2]", "7"),
        ("value.items[9]", "-"),
        ("value.items[-9]", "-"),
        ("value.items[2].sku", "-"),
        ("value.items[0].tags[1]", "'y'"),
        ("value.items[*].sku", r#"json ["a","b"]"#),
        ("value.items[*].tags[*]", r#"json ["x","y"]"#),
        ("value.items[*].tags", r#"json [["x","y"]]"#),
        ("value.z[*]", "json []"),
        ("value.z[0]", "-"),
        ("value.one[0]", "-"),
        ("value.none[*]", "-"),
        ("value.none[0]", "-"),
    ] {
        assert_eq!(
            of_value(&[("x", from(source))], value),
            expected,
            "{source}"
        );
    }
    assert_eq!(of_value(&[("x", from("value[1]"))], "[1, 2]"), "2");
    assert_eq!(
        of_value(&[("x", from("value.a[0]"))], r#"{"a":null}"#),
        "null"
    );
}

#[test]
fn the_rest_is_what_no_column_takes() {
    let rest = || ("rest", from("value.*"));
    let of = |columns: &[(&str, Take)], value| of_value(columns, value);
    let named = [
        ("id", from("value.id")),
        ("deep", from("value.a.b")),
        rest(),
    ];
    assert_eq!(
        of(
            &named,
            r#"{"id":1,"a":{"b":2,"c":3},"x":"\u00e9","y":[1, 2]}"#
        ),
        r#"1 | 2 | json {"a":{"b":2,"c":3},"x":"\u00e9","y":[1, 2]}"#
    );
    assert_eq!(of(&named, r#"{"id":1}"#), "1 | - | json {}");
    // Of two fields of one name both stand in the JSON, as they do in the whole value.
    assert_eq!(of(&[rest()], r#"{"a":1,"a":2}"#), r#"json {"a":1,"a":2}"#);
    let spelled = [
        ("customer_id", Source::Spelled("customer_id".into()).into()),
        rest(),
    ];
    assert_eq!(
        of(&spelled, r#"{"customerId":1,"b":2}"#),
        r#"1 | json {"b":2}"#
    );
    assert_eq!(of(&[rest()], "7"), "-");
}

#[test]
fn a_field_is_found_in_any_spelling() {
    let customer = || Source::Spelled("customer_id".to_owned()).into();
    let of = |value: &str| of_value(&[("customer_id", customer())], value);
    for name in [
        "customer_id",
        "customerId",
        "CustomerID",
        "customer-id",
        "CUSTOMER_ID",
    ] {
        assert_eq!(of(&format!("{{\"{name}\":7}}")), "7", "{name}");
    }
    assert_eq!(of(r#"{"customerid":7}"#), "-");
    assert_eq!(of(r#"{"customerId":1,"customer_id":2}"#), "2");
    // The key of a tombstone too.
    let mut id = column("customer_id", customer());
    id.key = true;
    let sent = Sent {
        key: Some(r#"{"customerId":7}"#),
        ..Sent::default()
    };
    assert_eq!(
        told(&table(Mode::Upsert, vec![id.clone()]), &json(), &sent),
        "delete 7"
    );
    let bare = Sent {
        key: Some("7"),
        ..Sent::default()
    };
    assert_eq!(
        told(&table(Mode::Upsert, vec![id]), &json(), &bare),
        "delete '7'"
    );
}

#[test]
fn a_tombstone_finds_the_key_that_a_column_makes() {
    let id = made(
        "value.id",
        Make {
            cast: Some(Cast::Text),
            ..Make::default()
        },
    );
    let region = Take::from(Source::Constant(Literal::Text("eu".to_owned())));
    let mut columns = vec![
        column("id", id),
        column("region", region),
        column("n", any(&["value.n", "value.m"])),
    ];
    columns[1].key = true;
    let table = table(Mode::Upsert, columns);
    let put = Sent {
        value: Some(r#"{"id":7,"m":1}"#),
        ..Sent::default()
    };
    assert_eq!(told(&table, &json(), &put), "'7' | 'eu' | 1");
    let tombstone = Sent {
        key: Some(r#"{"id":7}"#),
        ..Sent::default()
    };
    assert_eq!(told(&table, &json(), &tombstone), "delete '7' | 'eu' | -");
    let without = Sent {
        value: Some(r#"{"id":null}"#),
        ..Sent::default()
    };
    assert_eq!(told(&table, &json(), &without), "bad: key_missing");
}

#[test]
fn numbers_are_times_in_the_unit_that_is_said() {
    let at = |epoch| {
        made(
            "value.at",
            Make {
                epoch: Some(epoch),
                ..Make::default()
            },
        )
    };
    let of = |epoch, value: &str| of_value(&[("at", at(epoch))], &format!("{{\"at\":{value}}}"));
    let (ms, us, ns) = (
        Epoch::Parts(Unit::Millis),
        Epoch::Parts(Unit::Micros),
        Epoch::Parts(Unit::Nanos),
    );
    for (epoch, value, expected) in [
        (Epoch::Seconds, "1700000000", "2023-11-14T22:13:20.000Z"),
        (
            Epoch::Seconds,
            "1700000000.1234",
            "2023-11-14T22:13:20.123400Z",
        ),
        (Epoch::Seconds, "1.7e9", "2023-11-14T22:13:20.000Z"),
        (Epoch::Seconds, "-1", "1969-12-31T23:59:59.000Z"),
        (ms, "\"1700000000123\"", "2023-11-14T22:13:20.123Z"),
        (ms, "0.5", "1970-01-01T00:00:00.000500Z"),
        (us, "1700000000123456", "2023-11-14T22:13:20.123456Z"),
        (ns, "1700000000123456789", "2023-11-14T22:13:20.123456789Z"),
        (ns, "0.5", "bad: invalid_epoch"),
        (ms, "true", "bad: invalid_epoch"),
        (ms, "\"soon\"", "bad: invalid_epoch"),
        (ms, "{}", "bad: invalid_epoch"),
        (Epoch::Seconds, "1e30", "bad: invalid_epoch"),
        (ms, "null", "null"),
    ] {
        assert_eq!(of(epoch, value), expected, "{value}");
    }
    assert_eq!(of_value(&[("at", at(ms))], "{}"), "-");
}

#[test]
fn a_unit_for_all_columns_of_times_leaves_others_alone() {
    let mut times = column("at", from("value.at"));
    times.holds = Holds::Times;
    let numbers = column("n", from("value.at"));
    let mut own = column(
        "mine",
        made(
            "value.at",
            Make {
                epoch: Some(Epoch::Seconds),
                ..Make::default()
            },
        ),
    );
    own.holds = Holds::Times;
    let mut offset = column("o", from("offset"));
    offset.holds = Holds::Times;
    let formats = Formats {
        unit: Some(Epoch::Parts(Unit::Micros)),
        ..json()
    };
    let sent = Sent {
        value: Some(r#"{"at":1000000}"#),
        ..Sent::default()
    };
    let table = table(Mode::Append, vec![times, numbers, own, offset]);
    assert_eq!(
        told(&table, &formats, &sent),
        "1970-01-01T00:00:01.000000Z | 1000000 | 1970-01-12T13:46:40.000Z | int 7"
    );
}

#[test]
fn texts_without_an_offset_are_of_the_zone_that_is_said() {
    let at = made(
        "value.at",
        Make {
            time_zone: Some("Europe/Berlin".to_owned()),
            ..Make::default()
        },
    );
    for (value, expected) in [
        ("2024-07-01T12:00:00", "2024-07-01T10:00:00.000000Z"),
        ("2024-01-01 12:00", "2024-01-01T11:00:00.000000Z"),
        (
            "2024-01-01T12:00:00.123456789",
            "2024-01-01T11:00:00.123456789Z",
        ),
        ("2024-01-01", "2023-12-31T23:00:00.000000Z"),
        // Shown twice; and never shown.
        ("2024-10-27T02:30:00", "2024-10-27T00:30:00.000000Z"),
        ("2024-03-31T02:30:00", "2024-03-31T01:30:00.000000Z"),
        ("2024-07-01T12:00:00Z", "'2024-07-01T12:00:00Z'"),
        ("2024-07-01T12:00:00-05:00", "'2024-07-01T12:00:00-05:00'"),
        ("noon", "bad: invalid_local_time"),
        ("", "bad: invalid_local_time"),
    ] {
        let value = format!("{{\"at\":\"{value}\"}}");
        assert_eq!(of_value(&[("at", at.clone())], &value), expected, "{value}");
    }
    assert_eq!(
        of_value(&[("at", at.clone())], r#"{"at":7}"#),
        "bad: invalid_local_time"
    );
    // A format's own local times.
    let zoned = super::made::Maker::of(&at.make).unwrap();
    let local = Timestamp {
        value: 0,
        unit: Unit::Millis,
        clock: Clock::Local,
    };
    let arena = Arena::new();
    let told = zoned
        .make(Cell::Timestamp(local), Shape::Scalar, &arena)
        .unwrap();
    assert_eq!(shown(&told), "1969-12-31T23:00:00.000000Z");
}

#[test]
fn values_are_turned_into_what_is_asked() {
    let cast = |cast| {
        made(
            "value.x",
            Make {
                cast: Some(cast),
                ..Make::default()
            },
        )
    };
    let of = |to, value: &str| of_value(&[("x", cast(to))], &format!("{{\"x\":{value}}}"));
    for (to, value, expected) in [
        (Cast::Text, "007e1", "bad: value_not_json"),
        (Cast::Text, "7e1", "'7e1'"),
        (Cast::Text, "true", "'true'"),
        (Cast::Text, "[1, 2]", "'[1, 2]'"),
        (Cast::Text, "\"a\"", "'a'"),
        (Cast::Json, r#""{\"a\":1}""#, r#"json {"a":1}"#),
        (Cast::Json, "[1]", "json [1]"),
        (Cast::Json, "\"a\"", "bad: invalid_cast"),
        (Cast::Number, "\"-1.50\"", "-1.50"),
        (Cast::Number, "1e2", "1e2"),
        (Cast::Number, "true", "int 1"),
        (Cast::Number, "\"1,5\"", "bad: invalid_cast"),
        (Cast::Boolean, "\"Yes\"", "true"),
        (Cast::Boolean, "0", "false"),
        (Cast::Boolean, "2", "bad: invalid_cast"),
        (Cast::Boolean, "\"\"", "bad: invalid_cast"),
    ] {
        assert_eq!(of(to, value), expected, "{value}");
    }
    let mut json_column = column("x", cast(Cast::Json));
    json_column.shape = Shape::Json;
    let sent = |value| Sent {
        value: Some(value),
        ..Sent::default()
    };
    let table = table(Mode::Append, vec![json_column]);
    assert_eq!(told(&table, &json(), &sent(r#"{"x":"[1]"}"#)), "json [1]");
}

mod filters {
    use super::*;

    fn filtered(mode: Mode, filter: &str) -> Table {
        Table {
            filter: Some(filter.parse().unwrap()),
            ..table(mode, vec![column("id", from("value.id"))])
        }
    }

    fn passes(filter: &str, value: &str) -> bool {
        let sent = Sent {
            key: Some(r#"{"id":"k"}"#),
            value: Some(value),
            header: Some("x"),
        };
        match told(&filtered(Mode::Append, filter), &json(), &sent).as_str() {
            "Filtered" => false,
            told => {
                assert!(!told.starts_with("bad"), "{told}");
                true
            }
        }
    }

    #[test]
    fn values_are_compared_by_the_literal_s_kind() {
        let value = r#"{"id":1,"s":"paid","n":1.50,"big":9007199254740993,"d":"12.30","t":true,
            "z":null,"o":{"a":[{"k":"v"}]}}"#;
        for (filter, expected) in [
            ("value.s = 'paid'", true),
            ("value.s != 'paid'", false),
            ("value.s > 'paic'", true),
            ("value.n = 1.5", true),
            ("value.n < 1.4999999999999999999", false),
            ("value.n = '1.50'", true),
            ("value.n = '1.5'", false),
            ("value.big = 9007199254740993", true),
            ("value.big = 9007199254740992", false),
            ("value.d >= 12.3", true),
            ("value.s < 7", false),
            ("value.s >= 7", false),
            ("value.t = true", true),
            ("value.t != false", true),
            ("value.s = true", false),
            ("value.z = 'null'", false),
            ("value.z != 'x'", false),
            ("value.none != 'x'", false),
            ("not value.none = 'x'", true),
            ("exists value.z", false),
            ("not exists value.z and not exists value.none", true),
            ("value.s in ('open', 'paid')", true),
            ("value.n in (1, 1.5)", true),
            ("value.s not in ('open')", true),
            ("value.none not in ('open')", false),
            ("value.o.a[0].k = 'v'", true),
            ("value.o.a[*].k = '[\"v\"]'", true),
            ("headers.h = 'x' and key.id = 'k'", true),
            ("topic = 'orders' and partition = 3 and offset >= 7", true),
            ("timestamp > '1970-01-01T00:00:00Z'", true),
            ("timestamp = '1970-01-01T01:00:01+01:00'", true),
            ("timestamp > '1970-01-01T00:00:01Z'", false),
            ("timestamp = 1000", true),
            ("value.s = 'x' or value.n = 1.5", true),
        ] {
            assert_eq!(passes(filter, value), expected, "{filter}");
        }
    }

    #[test]
    fn a_value_that_was_not_sent_rules_nothing_out() {
        let table = Table {
            columns: vec![column("id", from("value.id")), column("n", from("value.n"))],
            ..filtered(Mode::Upsert, "value.body = 'x'")
        };
        let formats = Formats {
            envelope: Envelope::Debezium(Connector::default()),
            ..json()
        };
        let of = |body: &str| {
            let event =
                format!("{{\"op\":\"u\",\"after\":{{\"id\":1,\"n\":2,\"body\":\"{body}\"}}}}");
            let sent = Sent {
                key: Some(r#"{"id":1}"#),
                value: Some(&event),
                ..Sent::default()
            };
            told(&table, &formats, &sent)
        };
        assert_eq!(of("x"), "1 | 2");
        assert_eq!(of("y"), "Filtered");
        assert_eq!(of("__debezium_unavailable_value"), "1 | 2");
    }

    #[test]
    fn a_filtered_record_need_not_have_the_key() {
        let put = |value| Sent {
            value: Some(value),
            ..Sent::default()
        };
        let table = filtered(Mode::Upsert, "value.kind = 'order'");
        assert_eq!(
            told(&table, &json(), &put(r#"{"kind":"other"}"#)),
            "Filtered"
        );
        assert_eq!(
            told(&table, &json(), &put(r#"{"kind":"order"}"#)),
            "bad: key_missing"
        );
        assert_eq!(
            told(&table, &json(), &put(r#"{"kind":"order","id":1}"#)),
            "1"
        );
    }

    #[test]
    fn a_delete_is_let_through_unless_its_key_rules_it_out() {
        let tombstone = Sent {
            key: Some(r#"{"id":7}"#),
            header: Some("x"),
            ..Sent::default()
        };
        let of = |filter| told(&filtered(Mode::Upsert, filter), &json(), &tombstone);
        assert_eq!(of("value.kind = 'order'"), "delete 7");
        assert_eq!(of("not value.kind = 'order'"), "delete 7");
        assert_eq!(of("exists value"), "delete 7");
        assert_eq!(of("key.id = 7 and value.kind = 'order'"), "delete 7");
        assert_eq!(of("key.id = 8 and value.kind = 'order'"), "Filtered");
        assert_eq!(of("headers.h = 'y'"), "Filtered");
        assert_eq!(of("headers.h = 'y' or value.kind = 'order'"), "delete 7");
    }

    #[test]
    fn where_nothing_is_deleted_a_record_without_a_value_has_none_to_compare() {
        let tombstone = Sent {
            key: Some("k"),
            ..Sent::default()
        };
        let of = |mode, filter| told(&filtered(mode, filter), &json(), &tombstone);
        assert_eq!(of(Mode::Append, "value.kind = 'order'"), "Filtered");
        assert_eq!(of(Mode::Append, "exists value"), "Filtered");
        assert_eq!(of(Mode::Append, "key = 'k'"), "bad: tombstone");
        assert_eq!(of(Mode::Log, "value.kind = 'order'"), "Filtered");
        assert_eq!(of(Mode::Log, "key = 'k'"), "-");
    }
}
