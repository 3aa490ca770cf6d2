//! Every change of a table is found by `plimsoll verify`, of every type. Each column
//! is changed in a row of its own, so that one look tells of all.

use super::verify::{count, verify};
use crate::harness::cassandra::{self, Keyspace};
use crate::harness::kafka::{Kafka, Message};
use crate::harness::process::Process;
use crate::harness::service::Service;
use crate::harness::{servers, unique, wait};

/// A type, a value of it as JSON and as CQL, and another one as CQL.
type Case = (&'static str, &'static str, &'static str, &'static str);

/// One of a case's values, as CQL.
type Value = fn(&Case) -> &'static str;

const CASES: &[Case] = &[
    ("ascii", "\"a\"", "'a'", "'b'"),
    ("text", "\"a\\u0000b\"", "'a\u{0}b'", "'a\u{0}c'"),
    ("text", "\"\"", "''", "' '"),
    ("blob", "\"AP8=\"", "0x00ff", "0x00fe"),
    ("blob", "\"\"", "0x", "0x00"),
    ("boolean", "true", "true", "false"),
    ("tinyint", "7", "7", "8"),
    ("smallint", "7", "7", "8"),
    ("int", "7", "7", "-7"),
    (
        "bigint",
        "9007199254740993",
        "9007199254740993",
        "9007199254740992",
    ),
    (
        "varint",
        "123456789012345678901234567890",
        "123456789012345678901234567890",
        "123456789012345678901234567891",
    ),
    ("decimal", "1.50", "1.50", "1.5"),
    ("float", "0.1", "0.1", "0.2"),
    ("double", "0.1", "0.1", "0.10000000000000002"),
    (
        "uuid",
        "\"5f1b1c1e-7c8e-4a57-9a3c-1d2e3f405060\"",
        "5f1b1c1e-7c8e-4a57-9a3c-1d2e3f405060",
        "5f1b1c1e-7c8e-4a57-9a3c-1d2e3f405061",
    ),
    (
        "timeuuid",
        "\"5f1b1c1e-7c8e-1a57-9a3c-1d2e3f405060\"",
        "5f1b1c1e-7c8e-1a57-9a3c-1d2e3f405060",
        "5f1b1c1e-7c8e-1a57-9a3c-1d2e3f405061",
    ),
    ("inet", "\"::1\"", "'::1'", "'127.0.0.1'"),
    (
        "timestamp",
        "1700000000123",
        "1700000000123",
        "1700000000124",
    ),
    ("date", "\"2024-02-29\"", "'2024-02-29'", "'2024-03-01'"),
    (
        "time",
        "\"07:08:09.123456789\"",
        "'07:08:09.123456789'",
        "'07:08:09.123456788'",
    ),
    ("duration", "\"P1DT24H\"", "1d24h", "2d"),
    ("set<text>", "[\"a\",\"b\"]", "{'b', 'a'}", "{'a'}"),
    ("map<text, int>", "{\"a\":1}", "{'a': 1}", "{'a': 2}"),
    ("frozen<list<int>>", "[1,2]", "[1, 2]", "[2, 1]"),
    (
        "frozen<list<frozen<set<int>>>>",
        "[[1,2],[]]",
        "[{2, 1}, {}]",
        "[{1, 2}]",
    ),
    ("tuple<int, text>", "[1,null]", "(1, null)", "(1, '')"),
    ("vector<float, 2>", "[1,2.5]", "[1, 2.5]", "[2.5, 1]"),
    (
        "frozen<{k}.place>",
        "{\"street\":\"Quay\"}",
        "{street: 'Quay'}",
        "{street: 'Quay', number: 0}",
    ),
    ("{k}.place", "{\"number\":1}", "{number: 1}", "{number: 2}"),
];

#[test]
fn every_change_of_a_table_is_found() {
    let test = "verify_mutations";
    let keyspace = Keyspace::on(cassandra::shared(), test);
    let (kafka, topic) = (Kafka::at(&servers::kafka()), unique(test));
    kafka.create_topic(&topic, 1);
    keyspace.execute("CREATE TYPE {k}.place (street text, number int)");
    let (mut columns, mut values, mut nulls) = (String::new(), String::new(), String::new());
    for (i, (type_name, value, ..)) in CASES.iter().enumerate() {
        columns += &format!("c{i} {type_name}, ");
        values += &format!(",\"c{i}\":{value}");
        nulls += &format!(",\"c{i}\":null");
    }
    // The second part of the key counts by its value.
    keyspace.execute(&format!(
        "CREATE TABLE {{k}}.things (id bigint, n decimal, {columns}PRIMARY KEY (id, n))"
    ));
    let mut service = Service::new(test, &topic, "", "", "");
    let tables = "[[sinks.orders.cassandra.tables]]\ntable = \"{k}.things\"\n";
    service.cassandra = Some(keyspace.sink(keyspace.address(), "", tables));
    let mut records = vec![
        // One key, for all that the cluster says, and two others.
        format!("{{\"id\":-1,\"n\":1.0{values}}}"),
        format!("{{\"id\":-1,\"n\":1.00{values}}}"),
        format!("{{\"id\":-1,\"n\":-1{values}}}"),
        format!("{{\"id\":-4294967297,\"n\":1{values}}}"),
    ];
    for i in 0..CASES.len() {
        records.push(format!("{{\"id\":{i},\"n\":0{values}}}"));
        records.push(format!("{{\"id\":{i},\"n\":1{nulls}}}"));
    }
    let (ends, rows) = ([records.len() as i64], records.len() - 1);
    let messages: Vec<Message> = records.iter().map(|json| Message::of(0, json)).collect();
    kafka.producer().send_all(&topic, &messages);
    let process = Process::start_ready(&service);
    wait::until("all is written", || match keyspace.positions(&topic) {
        found if found == ends => Ok(()),
        found => Err(format!("{found:?}")),
    });
    assert!(process.drain().success());
    let (code, report) = verify(&service);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["tables"][0]["rows"], rows, "{report}");
    let mut all: Vec<String> = (0..CASES.len()).map(|i| format!("c{i}")).collect();
    // As the cluster lists them.
    all.sort();
    let set = |n: i32, value: Value| {
        for (i, case) in CASES.iter().enumerate() {
            let value = value(case);
            keyspace.execute_patiently(&format!(
                "UPDATE {{k}}.things SET c{i} = {value} WHERE id = {i} AND n = {n}"
            ));
        }
    };
    let (same, other, null): (Value, Value, Value) = (|case| case.2, |case| case.3, |_| "null");
    for (n, change, restore) in [(0, other, same), (0, null, same), (1, same, null)] {
        set(n, change);
        let (code, report) = verify(&service);
        let columns = &report["tables"][0]["partitions"][0]["different_columns"];
        assert_eq!(columns, &serde_json::json!(all), "{report}");
        let found = ["different", "missing", "extra"].map(|finding| count(&report, finding));
        assert_eq!((code, found), (1, [CASES.len() as u64, 0, 0]), "{report}");
        set(n, restore);
    }
    let (code, report) = verify(&service);
    assert_eq!(code, 0, "{report}");
    let keys = [
        "id = -1 AND n = -1",
        "id = -4294967297",
        "id = 0 AND n = 1",
        "id = -1",
    ];
    for (missing, key) in (1..).zip(keys) {
        keyspace.execute_patiently(&format!("DELETE FROM {{k}}.things WHERE {key}"));
        let (code, report) = verify(&service);
        assert_eq!((code, count(&report, "missing")), (1, missing), "{report}");
    }
}
