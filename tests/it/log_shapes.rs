//! Logs with gaps, markers, and other shapes that real topics have.

use crate::harness::case::Case;
use crate::harness::kafka::{Kafka, Message};
use crate::harness::oracle::{self, Mode, Row};
use crate::harness::postgres::Database;
use crate::harness::process::Process;
use crate::harness::service::Service;
use crate::harness::{unique, wait};
use std::time::{Duration, Instant};

#[test]
fn aborted_transactions_leave_no_rows_and_no_lag() {
    for mode in Mode::ALL {
        let mut case = Case::new("transactions", mode, 3);
        let mut process = Process::start_ready(&case.service);
        let producer = case.kafka.transactional(&case.topic);
        for round in 0..6 {
            producer.begin();
            for message in case.orders.take(200) {
                producer.send(&case.topic, &message);
            }
            // The last one is aborted: only markers and dead records at the end.
            if round % 2 == 0 {
                producer.commit()
            } else {
                producer.abort()
            }
        }
        let (log, ends) = (case.kafka.log(&case.topic), case.kafka.ends(&case.topic));
        assert_eq!(log.len(), 600, "half of the transactions count");
        assert!(
            ends.iter().sum::<i64>() >= 1_200 + 6,
            "aborted records and markers take offsets"
        );
        case.assert_exact();
        wait::until("lag is 0", || {
            process.assert_running();
            match process
                .metrics()
                .and_then(|m| m.sum("plimsoll_lag", &[("topic", &case.topic)]))
            {
                Some(0.0) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        assert!(process.drain().success());
    }
}

#[test]
fn an_open_transaction_is_waited_for() {
    let mut case = Case::new("open_transaction", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    let producer = case.kafka.transactional(&case.topic);
    producer.begin();
    for message in case.orders.take(100) {
        producer.send(&case.topic, &message);
    }
    producer.flush();
    case.produce(100);
    // Behind the open transaction nothing is stable, so nothing may be read.
    assert_eq!(case.database.number("SELECT count(*) FROM {s}.orders"), 0);
    producer.commit();
    case.assert_exact();
    assert_eq!(case.database.number("SELECT count(*) FROM {s}.orders"), 200);
    assert!(process.drain().success());
}

#[test]
fn compaction_leaves_gaps_and_the_position_passes_over_them() {
    let test = "compacted";
    let (kafka, database, topic) = (Kafka::shared(), Database::shared(test), unique(test));
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "200"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("min.compaction.lag.ms", "0"),
        ("max.compaction.lag.ms", "500"),
        ("delete.retention.ms", "600000"),
    ];
    kafka.create_topic_with(&topic, 1, &settings);
    oracle::create_table(&database, Mode::Upsert);
    let producer = kafka.producer();
    let order = |id: i64, n: i64| {
        Message::of(0, &format!("{{\"id\":{id},\"quantity\":{n}}}")).key(&id.to_string())
    };
    let mut sent = 0;
    let mut keys = 50;
    // A segment is only compacted once another one has begun.
    let log = wait::until("the log has gaps", || {
        for id in 0..50 {
            producer.send(&topic, &order(id, sent));
        }
        // Two keys that stay alone, so that there are gaps in the middle too.
        producer.send(&topic, &order(keys, sent));
        producer.send(&topic, &order(keys + 1, sent));
        producer.flush();
        sent += 52;
        keys += 2;
        let log = kafka.log(&topic);
        let gaps = log
            .windows(2)
            .filter(|w| w[1].offset != w[0].offset + 1)
            .count();
        if gaps > 2 && log[0].offset > 0 {
            Ok(log)
        } else {
            Err(format!("{} of {sent} records", log.len()))
        }
    });
    assert!(log.len() < sent as usize);
    let process = Process::start_ready(&oracle::service(test, &database, &topic, Mode::Upsert));
    database.wait_caught_up(&kafka, &topic);
    // Compaction may have gone on: the fold is the same.
    oracle::assert_exact(&database, &kafka, &topic, Mode::Upsert);
    assert_eq!(database.number("SELECT count(*) FROM {s}.orders"), keys);
    assert!(process.drain().success());
}

#[test]
fn an_empty_topic_is_ready_and_then_filled() {
    let mut case = Case::new("empty", Mode::Upsert, 3);
    let process = Process::start_ready(&case.service);
    assert_eq!(
        case.database.positions(&case.topic).expect("positions"),
        [0, 0, 0]
    );
    case.produce(300);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn partitions_added_while_running_begin_at_their_first_record() {
    let mut case = Case::new("added_partitions", Mode::Append, 2);
    // Even here: `latest` is settled once, for the partitions of that moment.
    case.service.of_sink = "start = \"latest\"".to_owned();
    case.produce(100);
    let process = Process::start_ready(&case.service);
    let first = case.kafka.ends(&case.topic);
    case.kafka.add_partitions(&case.topic, 5);
    case.orders.partitions = 5;
    // The old one learns of them later.
    case.producer = case.kafka.producer();
    case.produce(1_000);
    case.wait_caught_up();
    let log: Vec<_> = case.kafka.log(&case.topic);
    let behind_the_start = |partition: i32, offset: i64| {
        first
            .get(partition as usize)
            .is_none_or(|start| offset >= *start)
    };
    let log: Vec<_> = log
        .into_iter()
        .filter(|r| behind_the_start(r.message.partition, r.offset))
        .collect();
    assert_eq!(log.len(), 1_000);
    oracle::assert_rows(
        &oracle::expected(Mode::Append, &log),
        &oracle::found(&case.database, Mode::Append),
    );
    assert!(process.drain().success());
}

#[test]
fn sixty_four_thin_partitions_all_move() {
    let mut case = Case::new("thin", Mode::Log, 64);
    case.produce(400);
    let process = Process::start_ready(&case.service);
    case.produce(400);
    case.assert_exact();
    assert_eq!(process.metric("plimsoll_partitions_assigned", &[]), 64.0);
    assert!(process.drain().success());
}

#[test]
fn records_of_a_mebibyte_go_through_a_small_memory() {
    let test = "mebibytes";
    let (kafka, database, topic) = (Kafka::shared(), Database::shared(test), unique(test));
    kafka.create_topic_with(&topic, 2, &[("max.message.bytes", "8388608")]);
    database.execute("CREATE TABLE {s}.big (id int, text text, part int, off bigint)");
    let mut service = Service::new(
        test,
        &topic,
        &database.table("big"),
        "append",
        &database.state_schema(),
    );
    service.columns = "part = \"partition\"\noff = \"offset\"".to_owned();
    service.top = "memory_limit = \"32MiB\"".to_owned();
    let producer = kafka.producer();
    const MEBIBYTE: usize = 1024 * 1024;
    let sizes = [MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE, 10];
    for i in 0..60 {
        let size = sizes[i % sizes.len()];
        let letter = char::from(b'a' + (i % 26) as u8);
        let text = letter.to_string().repeat(size);
        producer.send(
            &topic,
            &Message::of(
                (i % 2) as i32,
                &format!("{{\"id\":{i},\"text\":\"{text}\"}}"),
            ),
        );
    }
    producer.flush();
    let process = Process::start_ready(&service);
    database.wait_caught_up(&kafka, &topic);
    let expected: Vec<Row> = (0..60)
        .map(|i| {
            let letter = char::from(b'a' + (i % 26) as u8);
            let text = letter.to_string().repeat(sizes[i % sizes.len()]);
            vec![
                Some(i.to_string()),
                Some(text.len().to_string()),
                Some(letter.to_string()),
            ]
        })
        .collect();
    let found = database.rows("SELECT id, length(text), left(text, 1) FROM {s}.big WHERE text = repeat(left(text, 1), length(text))");
    oracle::assert_rows(&expected, &found);
    assert!(process.drain().success());
}

#[test]
fn headers_keys_and_coordinates_become_columns_and_null_stays_null() {
    let test = "sources";
    let (kafka, database, topic) = (Kafka::shared(), Database::shared(test), unique(test));
    kafka.create_topic(&topic, 1);
    database.execute(
        "CREATE TABLE {s}.t (v text, k text, trace text, missing text, tp text, part int, off bigint, at timestamptz)",
    );
    let mut service = Service::new(
        test,
        &topic,
        &database.table("t"),
        "append",
        &database.state_schema(),
    );
    service.columns = r#"
v = "value.a.b"
k = "key"
trace = "headers.trace-id"
missing = "headers.nobody"
tp = "topic"
part = "partition"
off = "offset"
at = "timestamp"
"#
    .to_owned();
    let mut with_all = Message::of(0, r#"{"a":{"b":"deep"}}"#).key("k1");
    with_all.headers = vec![
        ("other".into(), None),
        ("trace-id".into(), Some(b"abc".to_vec())),
    ];
    with_all.timestamp = Some(1_772_323_200_123);
    let mut null_header = Message::of(0, r#"{"a":{"b":null}}"#);
    null_header.headers = vec![("trace-id".into(), None)];
    null_header.timestamp = Some(1_772_323_200_000);
    let mut empty_key = Message::of(0, r#"{"a":{}}"#).key("");
    empty_key.timestamp = Some(1_772_323_200_000);
    kafka
        .producer()
        .send_all(&topic, &[with_all, null_header, empty_key]);
    let process = Process::start_ready(&service);
    database.wait_caught_up(&kafka, &topic);
    let text = |t: &str| Some(t.to_owned());
    let at = |t: &str| text(t);
    let row = |v: Option<String>, k, trace, off: &str, time: &str| -> Row {
        vec![
            v,
            k,
            trace,
            None,
            text(&topic),
            text("0"),
            text(off),
            at(time),
        ]
    };
    let expected = [
        row(
            text("deep"),
            text("k1"),
            text("abc"),
            "0",
            "2026-03-01 00:00:00.123+00",
        ),
        row(None, None, None, "1", "2026-03-01 00:00:00+00"),
        row(None, text(""), None, "2", "2026-03-01 00:00:00+00"),
    ];
    let found = database
        .rows("SET timezone = 'UTC'; SELECT v, k, trace, missing, tp, part, off, at FROM {s}.t");
    oracle::assert_rows(&expected, &found);
    assert!(process.drain().success());
}

#[test]
fn null_keys_and_null_values_are_log_rows() {
    let test = "nulls";
    let (kafka, database, topic) = (Kafka::shared(), Database::shared(test), unique(test));
    kafka.create_topic(&topic, 1);
    let messages = [
        Message::default(),
        Message::tombstone(0, "a"),
        Message::of(0, "null"),
        Message::of(0, r#"{"b":1}"#),
    ];
    kafka.producer().send_all(&topic, &messages);
    let process = Process::start_ready(&oracle::service(test, &database, &topic, Mode::Log));
    database.wait_caught_up(&kafka, &topic);
    oracle::assert_exact(&database, &kafka, &topic, Mode::Log);
    let nulls = database.number("SELECT count(*) FROM {s}.orders WHERE event_data IS NULL");
    assert_eq!(
        nulls, 2,
        "a tombstone is a NULL event; the JSON null is an event"
    );
    assert!(process.drain().success());
}

#[test]
fn a_halted_partition_holds_up_nobody_for_longer_than_max_poll_interval() {
    const MAX_POLL_INTERVAL: Duration = Duration::from_secs(6);
    let mut case = Case::new("halted", Mode::Append, 4);
    case.service = case.service.property(
        "max.poll.interval.ms",
        &MAX_POLL_INTERVAL.as_millis().to_string(),
    );
    case.service.top = "drain_ms = 3000".to_owned();
    let mut process = Process::start_ready(&case.service);
    case.produce(400);
    case.wait_caught_up();
    let members = process.log().matches("assigned").count();

    let bad = case.kafka.ends(&case.topic)[0];
    case.producer
        .send_all(&case.topic, &[Message::of(0, "{\"id\":\"no number\"}")]);
    wait::until("the partition is halted", || {
        let report = process.report().unwrap_or_default();
        let halted = &report["sinks"]["orders"]["halted"][0];
        let named = halted["topic"] == case.topic.as_str()
            && halted["partition"] == 0
            && halted["offset"] == bad
            && halted["column"] == "id";
        if named {
            Ok(())
        } else {
            Err(report.to_string())
        }
    });
    assert_eq!(process.metric("plimsoll_partitions_halted", &[]), 1.0);
    let began = Instant::now();
    let mut rounds = 0;
    while began.elapsed() < 2 * MAX_POLL_INTERVAL {
        case.produce(500);
        let ends = case.kafka.ends(&case.topic);
        wait::until("the others move on", || {
            let positions = case
                .database
                .positions(&case.topic)
                .map_err(|e| e.to_string())?;
            if positions[1..] == ends[1..] {
                Ok(())
            } else {
                Err(format!("{positions:?}, ends {ends:?}"))
            }
        });
        rounds += 1;
    }
    assert!(rounds > 1);
    process.assert_running();
    assert_eq!(
        case.database.positions(&case.topic).expect("positions")[0],
        bad,
        "nothing behind the bad record"
    );
    assert_eq!(
        case.kafka.group(&case.service.group),
        ("Stable".to_owned(), 1)
    );
    assert_eq!(
        process.log().matches("assigned").count(),
        members,
        "the group was not rebalanced"
    );
    assert!(
        matches!(process.get("/readyz"), Some((200, _))),
        "a halt is no reason to take it out of service"
    );
    assert!(matches!(process.get("/readyz?strict"), Some((503, _))));
    assert!(process.drain().success());
}
