//! `plimsoll verify` against Cassandra, which gives no snapshot.

use super::world::World;
use crate::harness::cassandra::{self, Keyspace};
use crate::harness::kafka::{Kafka, Message};
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::service::Service;
use crate::harness::{servers, unique, wait};
use serde_json::Value;

/// Its exit code, and what it found.
#[track_caller]
pub fn verify(service: &Service) -> (i32, Value) {
    let output = plimsoll(&service.config(), &["verify", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    (output.status.code().expect("an exit"), report)
}

/// The sum of one finding over all partitions.
pub fn count(report: &Value, finding: &str) -> u64 {
    let partitions = report["tables"][0]["partitions"].as_array();
    let of = |partition: &Value| partition[finding]["count"].as_u64().unwrap_or(0);
    partitions.expect("partitions").iter().map(of).sum()
}

#[test]
fn it_finds_what_was_changed_behind_the_services_back() {
    let mut world = World::new("verify", 2);
    let process = Process::start_ready(&world.service);
    world.produce(2_000);
    world.assert_exact();
    let (code, report) = verify(&world.service);
    assert_eq!(code, 0, "{report}");
    let rows = world.keyspace.rows("id FROM {k}.orders");
    let id = |i: usize| rows[i]["id"].as_i64().expect("a number");
    let change = |cql: String| world.keyspace.execute(&cql);
    // By the clock, which is later than every offset.
    change(format!("DELETE FROM {{k}}.orders WHERE id = {}", id(0)));
    change(format!(
        "UPDATE {{k}}.orders SET status = 'x' WHERE id = {}",
        id(1)
    ));
    change(format!("DELETE off FROM {{k}}.orders WHERE id = {}", id(2)));
    change("INSERT INTO {k}.orders (id, customer) VALUES (-5, 'nobody')".to_owned());
    let (code, report) = verify(&world.service);
    assert_eq!(code, 1, "{report}");
    assert_eq!(count(&report, "missing"), 1, "{report}");
    assert_eq!(count(&report, "different"), 2, "{report}");
    assert_eq!(count(&report, "extra"), 1, "{report}");
    assert!(process.drain().success());
}

#[test]
fn what_an_operator_passed_over_is_not_missing() {
    let mut world = World::new("verify_acts", 1);
    world.service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    let write = |world: &World| {
        let process = Process::start_ready(&world.service);
        world.wait_caught_up();
        assert!(process.drain().success());
    };
    let told = |world: &World, what: &str| {
        let (code, report) = verify(&world.service);
        assert_eq!(code, 0, "{report}");
        report["tables"][0]["partitions"][0][what].as_i64()
    };
    let bad = Message::of(0, "no JSON").key("1");
    world.produce(20);
    world.producer.send_all(&world.topic, [&bad]);
    write(&world);
    // To and fro jumps over nothing, and over ten of those that come.
    for to in ["0", "21"] {
        world.service.set_position(&world.topic, to);
    }
    world.produce(20);
    for to in ["25", "31"] {
        world.service.set_position(&world.topic, to);
    }
    write(&world);
    assert_eq!(told(&world, "passed_over"), Some(10));
    let letter = [
        "--partition",
        "0",
        "--offset",
        "20",
        "--topic",
        &world.topic,
    ];
    let drop = [&["dead-letters", "drop", "--sink", "orders"], &letter[..]].concat();
    plimsoll_ok(&world.service.config(), &drop);
    assert_eq!(told(&world, "dead_letters_dropped"), Some(1));
    let rows = world.keyspace.rows("id, off FROM {k}.orders");
    let read = |row: &&Value| (31..).contains(&row["off"].as_i64().unwrap_or(0));
    let id = rows.iter().find(read).expect("a row behind the gap")["id"].clone();
    let delete = format!("DELETE FROM {{k}}.orders WHERE id = {id}");
    world.keyspace.execute(&delete);
    let (code, report) = verify(&world.service);
    assert_eq!((code, count(&report, "missing")), (1, 1), "{report}");
}

#[test]
fn it_knows_values_whatever_their_type() {
    let keyspace = Keyspace::on(cassandra::shared(), "verify_types");
    let kafka = Kafka::at(&servers::kafka());
    let topic = unique("verify_types");
    kafka.create_topic(&topic, 1);
    keyspace.execute("CREATE TYPE {k}.place (street text, number int, note text)");
    keyspace.execute(
        "CREATE TABLE {k}.things (id uuid, day date, tags set<text>, counts map<text, int>, \
         parts frozen<list<frozen<set<int>>>>, at frozen<place>, home place, pair tuple<int, text>, \
         price decimal, total varint, vec vector<float, 2>, raw blob, ip inet, span duration, \
         PRIMARY KEY (id, day))",
    );
    let mut service = Service::new("verify_types", &topic, "", "", "");
    let tables = "[[sinks.orders.cassandra.tables]]\ntable = \"{k}.things\"\n";
    service.cassandra = Some(keyspace.sink(keyspace.address(), "", tables));
    let id = "5f1b1c1e-7c8e-4a57-9a3c-1d2e3f405060";
    let records = [
        format!(
            r#"{{"id":"{id}","day":"2026-03-01","tags":["b","a","b"],"counts":{{"z":1,"a":2}},
            "parts":[[3,1,2],[]],"at":{{"street":"Quay","number":1}},"home":{{"number":2}},
            "pair":[1,null],"price":1.50,"total":123456789012345678901234567890,"vec":[1,2.5],
            "raw":"AQI=","ip":"::1","span":"P1DT2H"}}"#
        ),
        // Nothing inside is nothing at all, of what is not frozen.
        format!(
            r#"{{"id":"{id}","day":"2026-03-02","tags":[],"counts":{{}},"home":{{}},"price":null}}"#
        ),
        format!(r#"{{"id":"{id}","day":"2026-03-01","tags":["c"],"home":{{"note":"n"}}}}"#),
    ];
    let messages = records.map(|json| Message::of(0, &json));
    kafka.producer().send_all(&topic, &messages);
    let process = Process::start_ready(&service);
    wait::until("all is written", || match keyspace.positions(&topic) {
        found if found == [3] => Ok(()),
        found => Err(format!("{found:?}")),
    });
    let (code, report) = verify(&service);
    assert_eq!(code, 0, "{report}");
    keyspace.execute(&format!(
        "UPDATE {{k}}.things SET tags = {{'d'}} WHERE id = {id} AND day = '2026-03-01'"
    ));
    let (code, report) = verify(&service);
    assert_eq!((code, count(&report, "different")), (1, 1), "{report}");
    assert!(process.drain().success());
}

#[test]
fn beside_a_live_service_nothing_seems_wrong() {
    let mut world = World::new("verify_live", 2);
    world.service.batch = "max_records = 100\nlinger_ms = 10".to_owned();
    let process = Process::start_ready(&world.service);
    for _ in 0..3 {
        let from = world.progress();
        world.produce(8_000);
        world.wait_progress(from);
        let (code, report) = verify(&world.service);
        assert_eq!(code, 0, "{report}");
    }
    world.assert_exact();
    assert!(process.drain().success());
}

/// A table is compared as a whole: one topic whose rows end keeps it from being
/// compared, also where another one feeds it by the same settings.
#[test]
fn rows_that_end_by_themselves_are_not_compared() {
    let mut world = World::new("verify_ttl", 1);
    let lasting = world.topic.clone();
    let ending = format!("{lasting}-ending");
    world.kafka.create_topic(&ending, 1);
    let table = |topic: &str, more: &str| {
        format!(
            "[[sinks.orders.cassandra.tables]]\ntopics = [\"{topic}\"]\ntable = \"{{k}}.orders\"\n\
             columns = {{ part = \"partition\", off = \"offset\" }}\n{more}\n"
        )
    };
    let tables = table(&lasting, "") + &table(&ending, "ttl_s = 3600");
    let keyspace = &world.keyspace;
    world.service.cassandra = Some(keyspace.sink(keyspace.address(), "", &tables));
    world.service.topics = format!("topics = [\"{lasting}\", \"{ending}\"]");
    world.produce(10);
    let more = world.orders.take(10);
    world.producer.send_all(&ending, &more);
    let process = Process::start_ready(&world.service);
    world.wait_caught_up();
    world.topic = ending;
    world.wait_caught_up();
    let output = plimsoll(&world.service.config(), &["verify"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("end by themselves"), "{said}");
    assert!(!said.contains("different"), "{said}");
    assert!(process.drain().success());
}
