//! Records of one topic that go into several tables.

use crate::harness::feed::Feed;
use crate::harness::kafka::{Kafka, Message};
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::{block_on, folder, servers, unique, wait};
use crate::several::{connect_sqlite, execute_sqlite};
use sqlx::{AssertSqlSafe, Row};
use std::path::Path;

const KILLS: usize = 6;

/// Tables whose records come in turns.
const TABLES: [&str; 3] = ["a", "b", "c"];

/// A record whose header names its table.
fn record(route: &str, n: usize) -> Message {
    Message {
        headers: vec![("type".to_owned(), Some(route.as_bytes().to_vec()))],
        ..Message::of(0, &format!("{{\"n\":{n}}}"))
    }
}

fn in_turns(from: usize, to: usize) -> Vec<Message> {
    (from..to).map(|n| record(TABLES[n % 3], n)).collect()
}

fn routed(test: &str, create: &str, mode: &str, lines: &str) -> Feed {
    let mut feed = Feed::new(test, create, mode, "");
    feed.service.table = feed.database.table("events_{route}");
    feed.service.of_postgres = format!("route = \"headers.type\"\n{lines}");
    feed
}

#[test]
fn each_table_has_its_rows_once_whenever_the_service_is_killed() {
    let create = TABLES.map(|t| format!("CREATE TABLE {{s}}.events_{t} (n int);"));
    let mut feed = routed("routes_kill", &create.concat(), "append", "");
    feed.service = feed.service.property("session.timeout.ms", "2000");
    feed.service.batch = "max_records = 500\nlinger_ms = 10".to_owned();
    let blocker = feed.database.again();
    let mut sent = 0;
    let mut send = |feed: &Feed, count: usize| {
        feed.send(&in_turns(sent, sent + count));
        sent += count;
        sent
    };
    let mut unfinished = 0;
    for _ in 0..KILLS {
        send(&feed, 3_000);
        // A commit has its rows in the first table, and waits for the second one.
        blocker.execute("BEGIN; LOCK TABLE {s}.events_b IN SHARE MODE");
        let process = Process::start(&feed.service);
        wait::until("a commit is under way", || {
            match feed.database.unfinished(&feed.service) {
                0 => Err("none"),
                _ => Ok(()),
            }
        });
        process.freeze();
        unfinished += usize::from(feed.database.unfinished(&feed.service) > 0);
        process.kill();
        blocker.execute("ROLLBACK");
        let process = Process::start(&feed.service);
        let before = feed.database.number("SELECT count(*) FROM {s}.events_a");
        wait::until("it goes on", || {
            let now = feed.database.number("SELECT count(*) FROM {s}.events_a");
            match now > before {
                true => Ok(()),
                false => Err(now),
            }
        });
        process.kill();
    }
    assert_eq!(unfinished, KILLS);
    let all = send(&feed, 300);
    let process = Process::start_ready(&feed.service);
    feed.wait();
    for (place, table) in TABLES.into_iter().enumerate() {
        let counts = format!(
            "SELECT count(*) || ' ' || count(DISTINCT n) || ' ' || bool_and(n % 3 = {place}) \
             FROM {{s}}.events_{table}"
        );
        let own = all.div_ceil(3);
        assert_eq!(feed.rows(&counts), [format!("{own} {own} true")], "{table}");
    }
    feed.verify();
    // What is moved into another table is missed here, and is one too many there.
    feed.database
        .execute("INSERT INTO {s}.events_b SELECT * FROM {s}.events_a WHERE n = 0");
    feed.database
        .execute("DELETE FROM {s}.events_a WHERE n = 0");
    let found = plimsoll(&feed.service.config(), &["verify"]);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    assert!(process.drain().success());
}

#[test]
fn routes_are_names_to_the_letter_and_a_table_is_found_when_it_is_made() {
    let create = "CREATE TABLE {s}.\"events_Order\" (n int); CREATE TABLE {s}.events_user (n int); \
                  CREATE TABLE {s}.\"events_ä.\"\"b\" (n int); \
                  CREATE TABLE {s}.\"events_x; DROP\" (n int)";
    let feed = routed(
        "routes_names",
        create,
        "append",
        "on_unknown_route = \"dead_letter\"\n",
    );
    let long = "x".repeat(57);
    let routes = [
        "Order", "user", "ä.\"b", "x; DROP", "order", "User", "", &long, "later", "a\0b",
    ];
    let records: Vec<Message> = routes.iter().zip(0..).map(|(r, n)| record(r, n)).collect();
    feed.send(&records);
    feed.send(&[Message::of(0, "{\"n\":10}"), record("user", 11)]);
    let process = Process::start_ready(&feed.service);
    feed.wait();
    let rows = |table: &str| feed.rows(&format!("SELECT n::text FROM {{s}}.{table} ORDER BY n"));
    assert_eq!(rows("\"events_Order\""), ["0"]);
    assert_eq!(rows("events_user"), ["1", "11"]);
    assert_eq!(rows("\"events_ä.\"\"b\""), ["2"]);
    assert_eq!(rows("\"events_x; DROP\""), ["3"]);
    let of_order = [
        "no_table", // order
        "no_table", // User
        "invalid_route",
        "invalid_route",
        "no_table", // later
        "invalid_route",
        "no_route",
    ];
    assert_eq!(feed.bad(), of_order);
    assert!(!process.log().contains("later"), "a value in the log");
    feed.verify();
    let config = feed.service.config();
    let listed = plimsoll(&config, &["check", "--connect", "--sample", "100"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("by headers.type: 4 tables"), "{listed}");
    assert!(listed.contains("2 records of"), "{listed}");
    assert!(!listed.contains("later"), "{listed}");
    feed.database
        .execute("CREATE TABLE {s}.events_later (n int)");
    wait::until("the new table is found", || {
        feed.send(&[record("later", 12)]);
        std::thread::sleep(std::time::Duration::from_millis(500));
        match rows("events_later").is_empty() {
            false => Ok(()),
            true => Err("no row"),
        }
    });
    feed.wait();
    let replay = ["dead-letters", "replay", "--sink", "orders"];
    let said = plimsoll(&config, &replay);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("6 still bad"), "{said}");
    assert!(said.contains("offset 8: replayed"), "{said}");
    assert!(rows("events_later").contains(&"8".to_owned()));
    feed.verify();
    let explain = |more: &[&str]| {
        let place = format!("{}:0:8", feed.topic);
        let line = [&["check", "--explain", &place], more].concat();
        let output = plimsoll(&config, &line);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(
        explain(&[]).contains("headers.type: text"),
        "{}",
        explain(&[])
    );
    let shown = explain(&["--show-values"]);
    assert!(shown.contains("headers.type: text later"), "{shown}");
    assert!(shown.contains("events_later, written"), "{shown}");
    assert!(process.drain().success());
    // A record of no table is accounted for by its letter alone.
    feed.database
        .execute("DELETE FROM {s}_state.dead_letters WHERE condition = 'no_route'");
    let lost = plimsoll(&config, &["verify"]);
    assert_eq!(lost.status.code(), Some(1), "{lost:?}");
}

#[test]
fn a_tombstone_deletes_in_the_table_of_its_header() {
    let create = "CREATE TABLE {s}.events_a (n int PRIMARY KEY); \
                  CREATE TABLE {s}.events_b (n int PRIMARY KEY)";
    let feed = routed("routes_upsert", create, "upsert", "");
    let with_key = |message: Message, n: usize| message.key(&format!("{{\"n\":{n}}}"));
    let gone = Message {
        value: None,
        ..record("a", 1)
    };
    feed.send(&[
        with_key(record("a", 1), 1),
        with_key(record("b", 1), 1),
        with_key(record("a", 2), 2),
        with_key(gone, 1),
    ]);
    let process = Process::start_ready(&feed.service);
    feed.wait();
    let rows = |table: &str| feed.rows(&format!("SELECT n::text FROM {{s}}.{table} ORDER BY n"));
    assert_eq!(rows("events_a"), ["2"]);
    assert_eq!(rows("events_b"), ["1"]);
    assert!(feed.bad().is_empty());
    feed.verify();
    assert!(process.drain().success());
}

/// What is in a file, of these tables: rows, different ones, and how many are of the place.
fn counted(file: &Path, table: &str, place: usize) -> String {
    let sql = format!(
        "SELECT count(*) || ' ' || count(DISTINCT n) || ' ' || sum(n % 3 = {place}) \
         FROM events_{table}"
    );
    let mut connection = connect_sqlite(file);
    let row = block_on(sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut connection));
    row.expect("counts").get(0)
}

#[test]
fn a_file_has_the_rows_of_each_table_once_whenever_the_service_is_killed() {
    let (kafka, folder) = (Kafka::shared(), folder("routes_sqlite"));
    let (topic, file) = (unique("routes_sqlite"), folder.join("events.db"));
    kafka.create_topic(&topic, 1);
    let create = TABLES.map(|t| format!("CREATE TABLE events_{t} (n int);"));
    execute_sqlite(&mut connect_sqlite(&file), &create.concat());
    let all = 60_000;
    kafka.producer().send_all(&topic, &in_turns(0, all));
    let config = format!(
        "[kafka]\nbootstrap_servers = \"{}\"\n[kafka.properties]\n\"session.timeout.ms\" = \
         \"2000\"\n\"heartbeat.interval.ms\" = \"500\"\n[http]\nlisten = \"@HTTP@\"\n\
         [sinks.events]\ntopics = [\"{topic}\"]\n[sinks.events.batch]\nmax_records = 50\n\
         [sinks.events.sqlite]\npath = \"{}\"\ntable = \"events_{{route}}\"\nmode = \"append\"\n\
         route = \"headers.type\"\n",
        servers::kafka(),
        file.display()
    );
    let count = || -> usize {
        let counts = counted(&file, "a", 0);
        counts.split(' ').next().unwrap_or("0").parse().unwrap_or(0)
    };
    let mut killed = 0;
    for _ in 0..KILLS {
        let process = Process::start_config(&config, &folder);
        let before = count();
        wait::until("rows come", || match count() > before {
            true => Ok(()),
            false => Err("none"),
        });
        process.kill();
        killed += usize::from(count() < all / 3);
    }
    assert!(killed >= 3, "{killed} of {KILLS} kills came before the end");
    let process = Process::start_config(&config, &folder);
    wait::until("all rows", || match count() >= all / 3 {
        true => Ok(()),
        false => Err(count()),
    });
    for (place, table) in TABLES.into_iter().enumerate() {
        let own = all / 3;
        wait::until(table, || match counted(&file, table, place) {
            found if found == format!("{own} {own} {own}") => Ok(()),
            found => Err(found),
        });
    }
    plimsoll_ok(&process.config(), &["verify"]);
    assert!(process.drain().success());
}
