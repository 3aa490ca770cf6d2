//! Bad records in the middle of good ones of the same key.

use crate::harness::kafka::{Kafka, Message, Record};
use crate::harness::oracle::{self, Row};
use crate::harness::postgres::Database;
use crate::harness::process::{Process, plimsoll};
use crate::harness::service::Service;
use crate::harness::{unique, wait};

/// A value that a row cannot take, and what plimsoll calls that.
struct Bad {
    value: &'static [u8],
    condition: &'static str,
    sqlstate: Option<&'static str>,
    column: Option<&'static str>,
}

impl Bad {
    /// With an id, where it has one at all.
    fn bytes(&self, id: i64) -> Vec<u8> {
        match std::str::from_utf8(self.value) {
            Ok(text) => text.replace('#', &id.to_string()).into_bytes(),
            Err(_) => self.value.to_vec(),
        }
    }

    fn message(&self, partition: i32, id: i64) -> Message {
        Message {
            partition,
            key: Some(id.to_string().into_bytes()),
            value: Some(self.bytes(id)),
            headers: vec![("source".into(), Some(vec![0, 255])), ("none".into(), None)],
            timestamp: None,
        }
    }

    fn is(&self, record: &Record) -> bool {
        let key = record
            .message
            .key
            .as_ref()
            .and_then(|k| String::from_utf8_lossy(k).parse().ok());
        key.is_some_and(|id| record.message.value == Some(self.bytes(id)))
    }
}

const fn bad(
    value: &'static str,
    condition: &'static str,
    sqlstate: Option<&'static str>,
    column: Option<&'static str>,
) -> Bad {
    Bad {
        value: value.as_bytes(),
        condition,
        sqlstate,
        column,
    }
}

const BAD: &[Bad] = &[
    bad("{\"id\":#,\"n\":", "value_not_json", None, None),
    bad("[1,2]", "value_not_object", None, None),
    Bad {
        value: b"\xff\xfe\x00",
        condition: "value_not_json",
        sqlstate: None,
        column: None,
    },
    bad(
        "{\"id\":#,\"n\":\"seven\"}",
        "invalid_text_representation",
        Some("22P02"),
        Some("n"),
    ),
    bad(
        "{\"id\":#,\"n\":99999999999}",
        "numeric_value_out_of_range",
        Some("22003"),
        Some("n"),
    ),
    bad(
        "{\"id\":#,\"n\":null}",
        "not_null_violation",
        Some("23502"),
        Some("n"),
    ),
    bad(
        "{\"id\":#,\"n\":-1}",
        "check_violation",
        Some("23514"),
        None,
    ),
    bad(
        "{\"id\":#,\"n\":1,\"name\":\"too long by far\"}",
        "string_data_right_truncation",
        Some("22001"),
        Some("name"),
    ),
    bad(
        "{\"id\":#,\"n\":1,\"name\":\"nul \\u0000\"}",
        "character_not_in_repertoire",
        None,
        Some("name"),
    ),
    bad(
        "{\"id\":#,\"n\":13}",
        "raise_exception",
        Some("P0001"),
        None,
    ),
    bad(
        "{\"id\":#,\"n\":1,\"parent\":77}",
        "foreign_key_violation",
        Some("23503"),
        None,
    ),
    // What follows could be the table's fault as well, by its code.
    bad(
        "{\"id\":#,\"n\":1,\"words\":\"'unclosed\"}",
        "syntax_error",
        Some("42601"),
        Some("words"),
    ),
    bad("{\"id\":#,\"n\":14}", "no_data_found", Some("P0002"), None),
    bad(
        "{\"id\":#,\"n\":15}",
        "insufficient_privilege",
        Some("42501"),
        None,
    ),
    bad(
        "{\"id\":#,\"n\":16}",
        "undefined_table",
        Some("42P01"),
        None,
    ),
    bad("{\"id\":#,\"n\":17}", "internal_error", Some("XX000"), None),
    bad("{\"id\":#,\"n\":18}", "database_error", Some("MY018"), None),
    bad(
        "{\"id\":#,\"n\":19}",
        "cardinality_violation",
        Some("21000"),
        None,
    ),
];

struct Scene {
    kafka: Kafka,
    database: Database,
    topic: String,
    service: Service,
}

fn scene(test: &str, mode: &str, policy: &str, partitions: i32) -> Scene {
    let test = &format!("{test}_{mode}");
    let (kafka, database, topic) = (Kafka::shared(), Database::shared(test), unique(test));
    kafka.create_topic(&topic, partitions);
    let key = if mode == "upsert" { "PRIMARY KEY" } else { "" };
    database.execute(&format!(
        "CREATE TABLE {{s}}.parents (id int PRIMARY KEY);
         CREATE FUNCTION {{s}}.not_eighteen(n bigint) RETURNS bool LANGUAGE plpgsql AS
            $$ BEGIN IF n = 18 THEN RAISE SQLSTATE 'MY018'; END IF; RETURN true; END $$;
         CREATE TABLE {{s}}.t (id int {key}, n int NOT NULL CHECK (n >= 0), name varchar(8),
            parent int REFERENCES {{s}}.parents DEFERRABLE INITIALLY DEFERRED, off bigint,
            words tsvector, CHECK ({{s}}.not_eighteen(n)));
         CREATE FUNCTION {{s}}.no_teens() RETURNS trigger LANGUAGE plpgsql AS
            $$ DECLARE o int; BEGIN CASE new.n
               WHEN 13 THEN RAISE 'thirteen, of all numbers';
               WHEN 14 THEN SELECT id INTO STRICT o FROM {{s}}.parents WHERE id = -1;
               WHEN 15 THEN RAISE insufficient_privilege;
               WHEN 16 THEN EXECUTE 'SELECT 1 FROM {{s}}.nowhere' INTO o;
               WHEN 17 THEN RAISE internal_error;
               WHEN 19 THEN SELECT (SELECT generate_series(1, 2)) INTO o;
               ELSE NULL; END CASE; RETURN new; END $$;
         CREATE TRIGGER no_teens BEFORE INSERT OR UPDATE ON {{s}}.t
            FOR EACH ROW EXECUTE FUNCTION {{s}}.no_teens();"
    ));
    let mut service = Service::new(
        test,
        &topic,
        &database.table("t"),
        mode,
        &database.state_schema(),
    );
    service.of_sink = format!("on_bad_record = \"{policy}\"");
    service.columns = "off = \"offset\"".to_owned();
    // All in one batch: it has to be taken apart.
    service.batch = "max_records = 5000\nlinger_ms = 300".to_owned();
    Scene {
        kafka,
        database,
        topic,
        service,
    }
}

fn good(partition: i32, id: i64, n: usize) -> Message {
    Message::of(partition, &format!("{{\"id\":{id},\"n\":{}}}", 100 + n)).key(&id.to_string())
}

/// Good records of ten keys; behind every seventh of them, a bad one of a key
/// that has good ones before and after.
fn mixed() -> Vec<Message> {
    let mut messages = Vec::new();
    let mut bad = BAD.iter();
    for n in 0..140 {
        messages.push(good(0, n as i64 % 10, n));
        if n % 7 == 5
            && let Some(bad) = bad.next()
        {
            messages.push(bad.message(0, 5));
        }
    }
    assert!(bad.next().is_none(), "all bad ones are among them");
    messages
}

fn is_bad(record: &Record) -> bool {
    BAD.iter().any(|bad| bad.is(record))
}

fn rows(mode: &str, log: &[Record]) -> Vec<Row> {
    let mut last = std::collections::BTreeMap::new();
    for (i, record) in log.iter().filter(|r| !is_bad(r)).enumerate() {
        let value: serde_json::Value =
            serde_json::from_slice(record.message.value.as_ref().expect("a value")).expect("JSON");
        let row = vec![
            Some(value["id"].to_string()),
            Some(value["n"].to_string()),
            Some(record.offset.to_string()),
        ];
        let key = if mode == "upsert" {
            value["id"].as_i64().expect("an id")
        } else {
            i as i64
        };
        last.insert(key, row);
    }
    last.into_values().collect()
}

fn dead_letters_keep_the_bad_and_all_others_are_written(mode: &str) {
    let Scene {
        kafka,
        database,
        topic,
        service,
    } = scene("dead_letter", mode, "dead_letter", 1);
    kafka.producer().send_all(&topic, &mixed());
    let process = Process::start_ready(&service);
    database.wait_caught_up(&kafka, &topic);
    let log = kafka.log(&topic);
    let found = database.rows("SELECT id, n, off FROM {s}.t");
    oracle::assert_rows(&rows(mode, &log), &found);

    let letters = database.rows(
        "SELECT kafka_offset, encode(key, 'escape'), encode(value, 'hex'), header_names, header_values, condition,
            sqlstate, column_name FROM {s}_state.dead_letters ORDER BY kafka_offset",
    );
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let bad: Vec<_> = log.iter().filter(|r| is_bad(r)).collect();
    if mode == "append" {
        assert_eq!(letters.len(), BAD.len(), "{letters:#?}");
    }
    // In upsert, a bad record that a later one of its key supersedes in its
    // batch may never be seen by the database.
    for letter in &letters {
        let offset = letter[0].as_deref().expect("an offset");
        let record = bad
            .iter()
            .find(|r| r.offset.to_string() == offset)
            .expect("a bad record");
        let known = BAD.iter().find(|bad| bad.is(record)).expect("known");
        let text = |t: &str| Some(t.to_owned());
        assert_eq!(letter[1], text("5"));
        assert_eq!(letter[2], Some(hex(&known.bytes(5))));
        assert_eq!(letter[3], text("{source,none}"));
        assert_eq!(letter[4], text("{\"\\\\x00ff\",NULL}"));
        let said = String::from_utf8_lossy(known.value);
        assert_eq!(letter[5].as_deref(), Some(known.condition), "{said}");
        if known.sqlstate.is_some() {
            assert_eq!(letter[6].as_deref(), known.sqlstate, "{said}");
        }
        if known.column.is_some() {
            assert_eq!(letter[7].as_deref(), known.column, "{said}");
        }
    }
    let undecodable = letters.iter().filter(|l| l[6].is_none()).count();
    assert!(
        undecodable >= 3,
        "what cannot be decoded is always seen: {letters:#?}"
    );
    let counted = process.metric("plimsoll_dead_letters_total", &[("topic", &topic)]);
    assert_eq!(counted, letters.len() as f64);
    let log = process.log();
    // The first of a kind alone, however many there are.
    let told = log.matches("dead letter: value_not_json").count();
    assert_eq!(told, 1, "{log}");
    for value in ["seven", "99999999999", "too long by far", "thirteen"] {
        assert!(
            !log.contains(value),
            "a value of a record is in the log: {value}"
        );
    }
    assert!(process.drain().success());
}

#[test]
fn append_keeps_dead_letters_and_writes_all_others() {
    dead_letters_keep_the_bad_and_all_others_are_written("append");
}

#[test]
fn upsert_keeps_dead_letters_and_writes_all_others() {
    dead_letters_keep_the_bad_and_all_others_are_written("upsert");
}

#[test]
fn log_keeps_what_is_no_json_as_dead_letters() {
    let test = "dead_letter_log";
    let (kafka, database, topic) = (Kafka::shared(), Database::shared(test), unique(test));
    kafka.create_topic(&topic, 1);
    let messages = [
        Message::of(0, "{\"n\":1}"),
        Message::of(0, "{\"n\":"),
        Message::of(0, "{\"n\":\"\\u0000\"}"),
        Message::of(0, "{\"n\":2}"),
    ];
    kafka.producer().send_all(&topic, &messages);
    let mut service = Service::new(
        test,
        &topic,
        &database.table("t"),
        "log",
        &database.state_schema(),
    );
    service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    let process = Process::start_ready(&service);
    database.wait_caught_up(&kafka, &topic);
    let text = |t: &str| Some(t.to_owned());
    assert_eq!(
        database.rows("SELECT kafka_offset, event_data FROM {s}.t ORDER BY 1"),
        [
            [text("0"), text("{\"n\": 1}")],
            [text("3"), text("{\"n\": 2}")]
        ]
    );
    assert_eq!(
        database.rows("SELECT kafka_offset, condition FROM {s}_state.dead_letters ORDER BY 1"),
        [
            [text("1"), text("value_not_json")],
            [text("2"), text("untranslatable_character")]
        ]
    );
    assert!(process.drain().success());
}

/// One bad record among good ones in each partition but the last: each halts
/// before it and says why; the last one goes on; an operator sets the positions
/// behind the bad records.
fn a_halt_writes_all_before_and_nothing_after(mode: &str) {
    let partitions = BAD.len() as i32 + 1;
    let Scene {
        kafka,
        database,
        topic,
        service,
    } = scene("halt", mode, "halt", partitions);
    let mut messages = Vec::new();
    for partition in 0..partitions {
        let id = |n: usize| i64::from(partition) * 100 + n as i64 % 10;
        messages.extend((0..30).map(|n| good(partition, id(n), n)));
        if let Some(bad) = BAD.get(partition as usize) {
            messages.push(bad.message(partition, id(5)));
        }
        // The bad record's key has no later one: its fate is decided here.
        messages.extend(
            (30..60)
                .filter(|n| n % 10 != 5)
                .map(|n| good(partition, id(n), n)),
        );
    }
    kafka.producer().send_all(&topic, &messages);
    let process = Process::start_ready(&service);
    let halted = wait::until("all partitions with a bad record are halted", || {
        let report = process.report().unwrap_or_default();
        let halted = report["sinks"]["orders"]["halted"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if halted.len() == BAD.len() {
            Ok(halted)
        } else {
            Err(report.to_string())
        }
    });
    for (partition, bad) in (0..).zip(BAD) {
        let said = String::from_utf8_lossy(bad.value);
        let halt = halted
            .iter()
            .find(|h| h["partition"] == partition)
            .expect("halted");
        assert_eq!(halt["topic"], topic.as_str());
        assert_eq!(halt["offset"], 30, "{said}: {halt}");
        let reason = halt["reason"].as_str().expect("a reason");
        assert!(reason.contains(bad.condition), "{said}: {reason}");
        if let Some(column) = bad.column {
            assert_eq!(halt["column"], column, "{said}: {halt}");
        }
    }
    let mut expected: Vec<i64> = vec![30; BAD.len()];
    expected.push(57);
    wait::until("the last partition goes on", || {
        let positions = database.positions(&topic).map_err(|e| e.to_string())?;
        if positions == expected {
            Ok(())
        } else {
            Err(format!("{positions:?}"))
        }
    });
    let log = kafka.log(&topic);
    let last = partitions - 1;
    let written: Vec<_> = log
        .iter()
        .filter(|r| r.message.partition == last || r.offset < 30)
        .cloned()
        .collect();
    let found = || database.rows("SELECT id, n, off FROM {s}.t");
    oracle::assert_rows(&rows(mode, &written), &found());
    assert_eq!(
        process.metric("plimsoll_partitions_halted", &[]),
        BAD.len() as f64
    );

    let config = service.config();
    let set = |partition: i32, more: &[&str]| {
        let partition = partition.to_string();
        let set = [
            "positions",
            "set",
            "--sink",
            "orders",
            "--topic",
            &topic,
            "--partition",
            &partition,
            "--to",
            "31",
        ];
        plimsoll(&config, &[&set[..], more].concat())
    };
    let refused = set(0, &[]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && why.contains("--force"),
        "the owner is alive: {why}"
    );
    assert!(process.drain().success());
    for partition in 0..last {
        let done = set(partition, &["--force"]);
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
    let process = Process::start_ready(&service);
    database.wait_caught_up(&kafka, &topic);
    oracle::assert_rows(&rows(mode, &log), &found());
    assert!(process.drain().success());
}

#[test]
fn a_halt_in_append_writes_all_before_and_nothing_after() {
    a_halt_writes_all_before_and_nothing_after("append");
}

#[test]
fn a_halt_in_upsert_writes_all_before_and_nothing_after() {
    a_halt_writes_all_before_and_nothing_after("upsert");
}

#[test]
fn a_halt_at_a_tombstone_whose_key_does_not_fit_says_that_it_is_one() {
    let Scene {
        kafka,
        topic,
        service,
        ..
    } = scene("tombstone", "upsert", "halt", 1);
    let messages = [
        good(0, 1, 1),
        Message::tombstone(0, "secret"),
        good(0, 3, 3),
    ];
    kafka.producer().send_all(&topic, &messages);
    let process = Process::start_ready(&service);
    let halt = wait::until("the partition is halted", || {
        let report = process.report().unwrap_or_default();
        let halt = report["sinks"]["orders"]["halted"][0].clone();
        if halt.is_object() {
            Ok(halt)
        } else {
            Err(report.to_string())
        }
    });
    assert_eq!(
        (halt["offset"].as_i64(), halt["column"].as_str()),
        (Some(1), Some("id"))
    );
    let reason = halt["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("the record is a tombstone: its key") && !reason.contains("secret"),
        "{reason}"
    );
    assert!(process.drain().success());
}

#[test]
fn a_halted_partition_goes_on_once_the_table_takes_the_record() {
    let Scene {
        kafka,
        database,
        topic,
        service,
    } = scene("heals", "append", "halt", 1);
    let messages = [
        good(0, 1, 1),
        Message::of(0, "{\"id\":2,\"n\":-1}"),
        good(0, 3, 3),
    ];
    kafka.producer().send_all(&topic, &messages);
    let process = Process::start_ready(&service);
    wait::until("the partition is halted", || {
        match process.metric("plimsoll_partitions_halted", &[]) {
            1.0 => Ok(()),
            other => Err(other),
        }
    });
    assert_eq!(database.number("SELECT count(*) FROM {s}.t"), 1);
    database.execute("ALTER TABLE {s}.t DROP CONSTRAINT t_n_check");
    // It is tried again each minute.
    database.wait_caught_up(&kafka, &topic);
    assert_eq!(database.number("SELECT count(*) FROM {s}.t"), 3);
    wait::until("nothing is halted any more", || {
        match process.get("/readyz?strict") {
            Some((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert!(process.drain().success());
}

#[test]
fn a_column_added_while_running_is_filled_without_a_restart() {
    for mode in ["append", "upsert"] {
        let Scene {
            kafka,
            database,
            topic,
            service,
        } = scene("altered", mode, "halt", 1);
        let producer = kafka.producer();
        let process = Process::start_ready(&service);
        producer.send_all(&topic, &[good(0, 1, 1)]);
        database.wait_caught_up(&kafka, &topic);
        database.execute("ALTER TABLE {s}.t ADD COLUMN colour text");
        let mut id = 1;
        // The catalogue is read again every few seconds.
        wait::until("a new record's field reaches the new column", || {
            id += 1;
            producer.send_all(
                &topic,
                &[Message::of(
                    0,
                    &format!("{{\"id\":{id},\"n\":5,\"colour\":\"red\"}}"),
                )],
            );
            database.wait_caught_up(&kafka, &topic);
            match database.number("SELECT count(*) FROM {s}.t WHERE colour = 'red'") {
                0 => Err("not yet"),
                _ => Ok(()),
            }
        });
        assert_eq!(database.number("SELECT count(*) FROM {s}.t"), id);
        assert!(process.drain().success());
    }
}

#[test]
fn a_column_widened_while_running_makes_no_dead_letter_of_what_fits_now() {
    for mode in ["append", "upsert"] {
        let Scene {
            kafka,
            database,
            topic,
            service,
        } = scene("widened", mode, "dead_letter", 1);
        let producer = kafka.producer();
        let process = Process::start_ready(&service);
        producer.send_all(&topic, &[good(0, 1, 1)]);
        database.wait_caught_up(&kafka, &topic);
        // The service has just read the catalogue, and believes in an integer.
        database.execute("ALTER TABLE {s}.t ALTER COLUMN n TYPE bigint");
        let large = Message::of(0, "{\"id\":2,\"n\":5000000000}").key("2");
        producer.send_all(&topic, &[large, good(0, 3, 3)]);
        database.wait_caught_up(&kafka, &topic);
        let letters = database.number("SELECT count(*) FROM {s}_state.dead_letters");
        assert_eq!(letters, 0, "{mode}");
        assert_eq!(database.number("SELECT count(*) FROM {s}.t"), 3);
        assert!(process.drain().success());
    }
}
