//! Rows of databases, as Debezium tells them with the settings that its types depend on.
//! (record/tests/data/debezium)

use crate::support::{Want, bad, read, want};
use plimsoll_record::Fault;
use serde_json::Value;

/// The values of the records of a table, in their order.
fn values(file: &str, topic: &str) -> Vec<String> {
    let manifest = env!("CARGO_MANIFEST_DIR");
    let path = format!("{manifest}/tests/data/debezium/{file}.ndjson");
    let text = std::fs::read_to_string(path).expect("events");
    let records = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let of_topic = records.filter(|record| {
        let name = record["topic"].as_str().expect("a topic");
        name.ends_with(topic)
    });
    let values = of_topic.filter_map(|record| Some(record["value"]["text"].as_str()?.to_owned()));
    values.collect()
}

fn after(columns: &[&str]) -> Vec<Want> {
    let wants = columns
        .iter()
        .map(|column| want(&format!("after.{column}")));
    wants.collect()
}

/// The columns of a table with every type of MariaDB, and its first two rows.
const MARIADB: [(&str, &str, &str); 35] = [
    ("id", "1", "2"),
    ("t1", "1", "0"),
    ("ti", "-128", "0"),
    ("tu", "255", "0"),
    ("si", "-32768", "0"),
    ("mi", "-8388608", "0"),
    ("i", "-2147483648", "0"),
    ("iu", "4294967295", "0"),
    ("bi", "-9223372036854775808", "0"),
    // 18446744073709551615 in the source: the connector has 64 bits with a sign.
    ("bu", "-1", "0"),
    ("f", "1.5", "0.0"),
    ("d", "1.7976931348623157e308", "0.0"),
    ("n", "-9999999999.99", "0.00"),
    (
        "n65",
        "1234567890123456789012345678901234567890123456789012345.0123456789",
        "0.0000000000",
    ),
    ("b1", "true", "false"),
    ("b12", "text 101010111100", "text 000000000000"),
    ("c", "text ab", "text "),
    ("v", "text v", "text "),
    ("tx", "text hé😀", "text "),
    ("bin", "bytes AP8AAA==", "bytes AAAAAA=="),
    ("vb", "bytes AP8Q", "bytes "),
    ("bl", "bytes AP8=", "bytes "),
    ("e", "text b", "text "),
    ("s", "text x,z", "text "),
    ("j", "text {\"a\": 1.10}", "text null"),
    // Zeros for a date, which are none.
    ("da", "2026-02-28", "null"),
    // Beyond a day.
    ("ti0", "PT3020399S", "00:00:00.000000"),
    ("ti6", "PT-45296.123456S", "00:00:00.000000"),
    ("dt0", "2026-03-29T02:30:00.000", "null"),
    ("dt3", "2026-03-29T02:30:00.123", "1000-01-01T00:00:00.000"),
    (
        "dt6",
        "2026-03-29T02:30:00.123456",
        "9999-12-31T23:59:59.999999",
    ),
    ("ts", "text 2026-03-29T01:30:00Z", "null"),
    ("ts6", "text 2026-03-29T01:30:00.123456Z", "null"),
    ("y", "2026", "1900"),
    ("nn", "1", "0"),
];

#[test]
fn each_type_of_mariadb_is_what_the_source_had() {
    let rows: Vec<_> = values("mariadb-jsons", ".types")
        .iter()
        .map(|value| read(&after(&MARIADB.map(|(name, ..)| name)), value).expect("a row"))
        .collect();
    assert_eq!(rows[0], MARIADB.map(|(_, first, _)| first));
    assert_eq!(rows[1], MARIADB.map(|(.., second)| second));
    // Nulls, but for what may be none.
    let third = MARIADB.map(|(name, ..)| match name {
        "id" => "3",
        "nn" => "7",
        _ => "null",
    });
    assert_eq!(rows[2], third);
}

#[test]
fn decimals_as_numbers_are_those_in_base64() {
    let columns = ["id", "c_num", "c_num122", "c_num3810", "c_dom", "c_money"];
    let (base64, numbers) = (values("pg-jsons", ".types"), values("pg-numeric", ".types"));
    assert_eq!((base64.len(), numbers.len()), (5, 5));
    for (base64, number) in base64.iter().zip(&numbers) {
        let wants = after(&columns);
        // A number keeps the form that its sender gave it.
        let mut number_cells = read(&wants, number).expect("a row");
        for cell in number_cells.iter_mut().filter(|cell| *cell == "-1E-10") {
            "-0.0000000001".clone_into(cell);
        }
        assert_eq!(read(&wants, base64), Ok(number_cells));
        // So it is within arrays.
        let array = after(&["c_na"]);
        assert_eq!(read(&array, base64), read(&array, number));
    }
    let large = read(&after(&["c_num3810"]), &numbers[1]);
    assert_eq!(large.unwrap(), ["1234567890123456789012345678.0123456789"]);
    // A null that has not become the column's default.
    let default = after(&["c_def"]);
    assert_eq!(read(&default, &base64[2]).unwrap(), ["text dflt"]);
    assert_eq!(read(&default, &numbers[2]).unwrap(), ["null"]);
}

#[test]
fn types_of_connect_have_milliseconds() {
    let values = values("pg-connect", ".types");
    let columns = [
        "c_date",
        "c_time",
        "c_ts",
        "c_num",
        "c_num122",
        "c_interval",
        "c_hstore",
        "c_bytea",
        "c_da",
    ];
    let expected = [
        "2026-02-28",
        "23:59:59.999",
        "2026-03-29T02:30:00.123Z",
        "1.2345678901234567e19",
        "9999999999.99",
        "text P1Y2M3DT4H5M6.789S",
        "json {\"a\":\"1\",\"b\":null}",
        "text 00ff10",
        "json [\"2026-01-01\",\"infinity\"]",
    ];
    assert_eq!(read(&after(&columns), &values[1]).unwrap(), expected);
    for column in ["c_date", "c_ts", "c_ts3"] {
        let infinite = read(&after(&[column]), &values[3]);
        assert_eq!(bad(&infinite), Some(Fault::Infinite), "{column}");
    }
    let special = read(&after(&["c_num", "c_f4", "c_tstz"]), &values[3]);
    assert_eq!(special.unwrap(), ["NaN", "NaN", "text infinity"]);
}
