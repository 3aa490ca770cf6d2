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

#[test]
fn each_type_of_mariadb_is_what_the_source_had() {
    let columns = "id t1 ti tu si mi i iu bi bu f d n n65 b1 b12 c v tx bin vb bl e s j da ti0 ti6 \
                   dt0 dt3 dt6 ts ts6 y nn";
    let columns: Vec<&str> = columns.split_whitespace().collect();
    let rows: Vec<_> = values("mariadb-jsons", ".types")
        .iter()
        .map(|value| read(&after(&columns), value).expect("a row"))
        .collect();
    let expected = [
        "1",
        "1",
        "-128",
        "255",
        "-32768",
        "-8388608",
        "-2147483648",
        "4294967295",
        // 18446744073709551615 in the source: the connector has it as 64 bits with a sign.
        "-9223372036854775808",
        "-1",
        "1.5",
        "1.7976931348623157e308",
        "-9999999999.99",
        "1234567890123456789012345678901234567890123456789012345.0123456789",
        "true",
        "text 101010111100",
        "text ab",
        "text v",
        "text hé😀",
        "bytes AP8AAA==",
        "bytes AP8Q",
        "bytes AP8=",
        "text b",
        "text x,z",
        "text {\"a\": 1.10}",
        "2026-02-28",
        // Beyond a day.
        "PT3020399S",
        "PT-45296.123456S",
        "2026-03-29T02:30:00.000",
        "2026-03-29T02:30:00.123",
        "2026-03-29T02:30:00.123456",
        "text 2026-03-29T01:30:00Z",
        "text 2026-03-29T01:30:00.123456Z",
        "2026",
        "1",
    ];
    assert_eq!(rows[0], expected);
    let expected = [
        "2",
        "0",
        "0",
        "0",
        "0",
        "0",
        "0",
        "0",
        "0",
        "0",
        "0.0",
        "0.0",
        "0.00",
        "0.0000000000",
        "false",
        "text 000000000000",
        "text ",
        "text ",
        "text ",
        "bytes AAAAAA==",
        "bytes ",
        // Zeros for a date, which are none.
        "bytes ",
        "text ",
        "text ",
        "text null",
        "null",
        "00:00:00.000000",
        "00:00:00.000000",
        "null",
        "1000-01-01T00:00:00.000",
        "9999-12-31T23:59:59.999999",
        "null",
        "null",
        "1900",
        "0",
    ];
    assert_eq!(rows[1], expected);
    assert!(
        rows[2][1..34].iter().all(|cell| cell == "null"),
        "{:?}",
        rows[2]
    );
    assert_eq!((rows[2][0].as_str(), rows[2][34].as_str()), ("3", "7"));
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
