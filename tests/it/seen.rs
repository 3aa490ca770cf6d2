//! What is wrong is seen at once, in `/readyz`, in the metrics and in the log, and is
//! gone when it is over.

use crate::harness::alerts::{assert_fire, assert_fire_among};
use crate::harness::case::Case;
use crate::harness::kafka::{Kafka, Message};
use crate::harness::oracle::Mode;
use crate::harness::process::Process;
use crate::harness::servers::{self, OwnKafka};
use crate::harness::{folder, unique, wait};
use crate::several::{connect_sqlite, execute_sqlite};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A rebalance, a look, and the ten seconds that some troubles are given.
const SOON: Duration = Duration::from_secs(40);

/// The troubles of a kind in `/readyz`.
fn troubles(process: &Process, kind: &str) -> Vec<Value> {
    let report = process.report().unwrap_or_default();
    let all = report["sinks"]["orders"]["troubles"].as_array().cloned();
    let all = all.unwrap_or_default().into_iter();
    all.filter(|trouble| trouble["kind"] == kind).collect()
}

/// Waits until a strict probe sees that something is wrong.
#[track_caller]
fn wait_disturbed(process: &Process) {
    wait::within(SOON, "a strict probe is told", || {
        match process.get("/readyz?strict") {
            Some((503, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

/// Waits for one whose words hold all of these; a strict probe sees it.
#[track_caller]
fn wait_trouble(process: &Process, kind: &str, words: &[&str]) -> Value {
    wait_disturbed(process);
    let has = |trouble: &Value| {
        let what = trouble["what"].as_str().unwrap_or_default();
        words.iter().all(|word| what.contains(word))
    };
    let found = wait::within(SOON, &format!("readyz tells of {kind}"), || {
        let found = troubles(process, kind).into_iter().find(has);
        found.ok_or_else(|| process.report().unwrap_or_default().to_string())
    });
    let strict = process.get("/readyz?strict");
    assert!(matches!(strict, Some((503, _))), "{strict:?}");
    found
}

/// A lock in the way is no outage.
#[track_caller]
fn assert_not_away(process: &Process) {
    let report = process.report().unwrap_or_default();
    let away = &report["sinks"]["orders"]["database_away"];
    assert!(away.is_null(), "the database is not away: {report}");
}

/// Waits until nothing of a kind is told, and nothing else is wrong.
#[track_caller]
fn wait_undisturbed(process: &Process) {
    wait::within(SOON, "nothing is disturbed", || {
        match process.get("/readyz?strict") {
            Some((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[track_caller]
fn wait_metric(process: &Process, name: &str, fits: impl Fn(f64) -> bool) {
    wait::within(SOON, name, || {
        match process.metrics().and_then(|m| m.sum(name, &[])) {
            Some(value) if fits(value) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

/// How often a warning or an error with these words was logged.
fn logged(process: &Process, words: &str) -> usize {
    let log = process.log();
    let of = |l: &&str| (l.contains("WARN") || l.contains("ERROR")) && l.contains(words);
    log.lines().filter(of).count()
}

/// What `/readyz` tells is said within a second or so, once.
#[track_caller]
fn wait_logged_once(process: &Process, words: &str) {
    wait::within(SOON, "it is logged", || match logged(process, words) {
        0 => Err(process.log()),
        _ => Ok(()),
    });
    assert_eq!(logged(process, words), 1, "{}", process.log());
}

#[test]
fn a_topic_that_is_missing_is_named_until_it_is_there() {
    let mut case = Case::new("no_topic", Mode::Append, 1);
    let missing = unique("not_there");
    case.service.topics = format!("topics = [\"{}\", \"{missing}\"]", case.topic);
    let process = Process::start_ready(&case.service);
    let trouble = wait_trouble(&process, "topic_unreadable", &[&missing, "create it"]);
    assert_eq!(trouble["code"], "UnknownTopicOrPartition");
    wait_metric(&process, "plimsoll_unassigned", |is| is == 1.0);
    assert_fire(&process, &["PlimsollUnassigned"]);
    // The other one is read meanwhile.
    case.produce(100);
    case.assert_exact();
    wait_logged_once(&process, "nothing is read");
    case.kafka.create_topic(&missing, 1);
    wait_undisturbed(&process);
    wait_metric(&process, "plimsoll_unassigned", |is| is == 0.0);
    assert!(process.drain().success());
}

#[test]
fn a_stranger_in_the_group_is_named_at_once() {
    let mut case = Case::new("stranger", Mode::Append, 4);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.wait_caught_up();
    let mut other = case.service.clone();
    other.sink = "payments".to_owned();
    let strange: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers::kafka())
        .set("group.id", &case.service.group)
        .set("client.id", "nightly-export")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    strange.subscribe(&[&case.topic]).expect("subscribed");
    let polled = || drop(strange.poll(Duration::from_millis(50)));
    wait::within(SOON, "a strict probe is told of the stranger", || {
        polled();
        match process.get("/readyz?strict") {
            Some((503, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let found = wait::within(SOON, "readyz names the stranger", || {
        polled();
        let found = troubles(&process, "group_shared").pop();
        found.ok_or_else(|| process.report().unwrap_or_default().to_string())
    });
    let what = found["what"].to_string();
    for word in ["nightly-export", "sink \\\"orders\\\"", "set group_id"] {
        assert!(what.contains(word), "{what}");
    }
    wait_metric(&process, "plimsoll_group_shared", |is| is == 1.0);
    assert_fire(&process, &["PlimsollGroupShared"]);
    wait_logged_once(&process, "nightly-export");
    drop(strange);
    wait_undisturbed(&process);

    // Another sink is a stranger, too, and both say so.
    let other = Process::start(&other);
    wait_trouble(&process, "group_shared", &["plimsoll/payments/"]);
    let theirs = wait::within(SOON, "the other one names this one", || {
        let report = other.report().unwrap_or_default();
        let troubles = report["sinks"]["payments"]["troubles"].to_string();
        if troubles.contains("plimsoll/orders/") {
            Ok(troubles)
        } else {
            Err(troubles)
        }
    });
    assert!(theirs.contains("group_shared"), "{theirs}");
}

#[test]
fn members_of_the_same_sink_are_no_strangers_and_may_stand_by() {
    for protocol in ["classic", "consumer"] {
        let mut case = Case::new("standby", Mode::Append, 1);
        case.service.kafka = format!("group_protocol = \"{protocol}\"");
        if protocol == "consumer" {
            let decided = ["session.timeout.ms", "heartbeat.interval.ms"];
            case.service
                .properties
                .retain(|(name, _)| !decided.contains(&name.as_str()));
        }
        let mut processes = [
            Process::start_ready(&case.service),
            Process::start(&case.service),
        ];
        // There is nothing for it to claim.
        processes[1].wait_ready();
        // Longer than two looks, and than what is given to a member without work.
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            for process in &processes {
                let report = process.report().unwrap_or_default();
                let troubles = &report["sinks"]["orders"]["troubles"];
                assert_eq!(troubles.as_array().map(Vec::len), Some(0), "{report}");
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

#[test]
fn a_lock_in_the_way_of_a_commit_is_no_outage_and_its_holder_is_named() {
    let mut case = Case::new("locked", Mode::Append, 1);
    // So that attempts end within the test, and begin again.
    case.service.of_postgres = "call_timeout_ms = 5000".to_owned();
    let process = Process::start_ready(&case.service);
    let theirs = case.database.again();
    theirs.execute(
        "SET application_name = 'nightly_report'; BEGIN; SELECT 'a secret'; \
         LOCK TABLE {s}.orders IN ACCESS EXCLUSIVE MODE",
    );
    let pid = theirs.value("SELECT pg_backend_pid()").expect("a pid");
    case.produce(10);
    wait_disturbed(&process);
    // Three attempts long nobody is told otherwise.
    let before = process.metric("plimsoll_retries_total", &[]);
    wait::until("attempts have ended and begun again", || {
        let (status, report) = process.get("/readyz?strict").expect("an answer");
        assert_eq!(status, 503, "{report}");
        assert_not_away(&process);
        match process.metric("plimsoll_retries_total", &[]) {
            now if now >= before + 3.0 => Ok(()),
            now => Err(now),
        }
    });
    let words = [
        format!("session {pid} "),
        format!("pg_terminate_backend({pid})"),
    ];
    let words = [
        "application \"nightly_report\"",
        "user postgres",
        "idle in transaction",
        &words[0],
        &words[1],
    ];
    wait_trouble(&process, "database_blocked", &words);
    wait::within(SOON, "its partition is named", || {
        let of = troubles(&process, "database_blocked");
        let named = of
            .iter()
            .any(|t| t["topic"] == case.topic.as_str() && t["partition"] == 0);
        if named {
            Ok(())
        } else {
            Err(format!("{of:?}"))
        }
    });
    wait_metric(&process, "plimsoll_partitions_blocked", |n| n >= 1.0);
    // For as long as it takes, nothing moves.
    assert_fire(&process, &["PlimsollDatabaseBlocked", "PlimsollStuck"]);
    // What waits grows older, and is of this minute: its records say so themselves.
    wait_metric(&process, "plimsoll_lag_seconds", |age| age > 2.0);
    let age = process.metric("plimsoll_lag_seconds", &[]);
    assert!(age < 300.0, "{age}");
    assert!(!process.log().contains("a secret"), "{}", process.log());
    wait_logged_once(&process, "blocked in the database: ");
    theirs.execute("ROLLBACK");
    case.assert_exact();
    wait_undisturbed(&process);
    wait_metric(&process, "plimsoll_partitions_blocked", |n| n == 0.0);
    wait_metric(&process, "plimsoll_lag_seconds", |age| age == 0.0);
    assert!(process.drain().success());
}

#[test]
fn a_claim_that_waits_for_a_lock_is_told_with_its_partition() {
    let mut case = Case::new("claim_locked", Mode::Append, 2);
    let first = Process::start_ready(&case.service);
    case.produce(100);
    case.wait_caught_up();
    let theirs = case.database.again();
    theirs.execute("BEGIN; LOCK TABLE {s}_state.positions IN ACCESS EXCLUSIVE MODE");
    let second = Process::start(&case.service);
    case.kafka.wait_members(&case.service.group, 2);
    wait_disturbed(&second);
    for process in [&first, &second] {
        assert_not_away(process);
    }
    wait_trouble(&second, "claiming", &["has not gone through"]);
    wait_trouble(&second, "database_blocked", &["session"]);
    wait_metric(&second, "plimsoll_partitions_claiming", |n| n == 1.0);
    let alerts = ["PlimsollClaiming", "PlimsollDatabaseBlocked"];
    assert_fire_among(&[&first, &second], &alerts);
    // The first one has nothing to commit, and is told all the same.
    wait_trouble(&first, "database_blocked", &[]);
    theirs.execute("ROLLBACK");
    for process in [&first, &second] {
        wait_undisturbed(process);
    }
    wait_metric(&second, "plimsoll_partitions_claiming", |n| n == 0.0);
    case.produce(100);
    case.assert_exact();
}

#[test]
fn a_retry_that_does_not_end_is_told_with_its_reason() {
    let mut case = Case::new("again", Mode::Append, 1);
    case.database.execute(
        "CREATE FUNCTION {s}.again() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$; \
         CREATE TRIGGER again BEFORE INSERT ON {s}.orders \
         FOR EACH ROW EXECUTE FUNCTION {s}.again()",
    );
    let process = Process::start_ready(&case.service);
    case.produce(10);
    let words = ["attempts so far", "serialization_failure"];
    let trouble = wait_trouble(&process, "retrying", &words);
    assert_eq!(trouble["code"], "40001");
    assert_fire(&process, &["PlimsollRetrying", "PlimsollStuck"]);
    wait_metric(&process, "plimsoll_retrying_seconds", |seconds| {
        seconds >= 10.0
    });
    wait_logged_once(&process, "tried again and again");
    case.database.execute("DROP TRIGGER again ON {s}.orders");
    case.assert_exact();
    wait_undisturbed(&process);
    wait_metric(&process, "plimsoll_retrying_seconds", |seconds| {
        seconds == 0.0
    });
    assert!(process.drain().success());
}

#[test]
fn what_cannot_be_read_any_more_is_not_told_any_more() {
    let mut broker = OwnKafka::start();
    let bootstrap = broker.bootstrap();
    let mut case = Case::on(&bootstrap, &servers::postgres(), "gauges", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    case.wait_caught_up();
    wait_metric(&process, "plimsoll_lag", |lag| lag == 0.0);
    wait_metric(&process, "plimsoll_high_watermark", |end| end == 100.0);
    wait_metric(&process, "plimsoll_partitions_known", |known| known == 1.0);
    assert_eq!(process.metric("plimsoll_ready", &[]), 1.0);
    broker.kill();
    // Sooner than the forgetting of gauges that nobody sets.
    wait::within(Duration::from_secs(30), "the lag is not told", || {
        let metrics = process.metrics().expect("an answer");
        match (
            metrics.sum("plimsoll_lag", &[]),
            metrics.sum("plimsoll_kafka_away", &[]),
        ) {
            (None, Some(1.0)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let metrics = process.metrics().expect("an answer");
    assert_eq!(metrics.sum("plimsoll_high_watermark", &[]), None);
    assert_eq!(metrics.sum("plimsoll_lag_seconds", &[]), None);
    assert_eq!(metrics.sum("plimsoll_position", &[]), Some(100.0));
    // When they were last read is as true as before, and longer ago.
    let read = "plimsoll_end_read_timestamp_seconds";
    let read = metrics.sum(read, &[]).expect("a time");
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ago = since.expect("a clock").as_secs_f64() - read;
    assert!((0.0..300.0).contains(&ago), "{ago}");
    let trouble = wait_trouble(&process, "kafka_away", &["Connection refused"]);
    assert_eq!(trouble["code"], "BrokerTransportFailure");
    wait_logged_once(&process, "Kafka does not answer");
    // The session ends, and with it the assignment; Kafka is as away as before.
    wait::within(SOON, "the partitions are lost", || {
        match process.metric("plimsoll_partitions_assigned", &[]) {
            0.0 => Ok(()),
            held => Err(held),
        }
    });
    wait::within(
        Duration::from_secs(60),
        "partitions are not known",
        || match process
            .metrics()
            .expect("an answer")
            .sum("plimsoll_partitions_known", &[])
        {
            None => Ok(()),
            Some(known) => Err(known),
        },
    );
    let still = process.metric("plimsoll_end_read_timestamp_seconds", &[]);
    assert_eq!(still, read, "nothing was read since");
    assert_fire(&process, &["PlimsollKafkaAway"]);
    let lost = Instant::now();
    while lost.elapsed() < Duration::from_secs(10) {
        assert_eq!(process.metric("plimsoll_kafka_away", &[]), 1.0);
        std::thread::sleep(Duration::from_millis(200));
    }
    broker.begin();
    wait_metric(&process, "plimsoll_lag", |lag| lag == 0.0);
    wait_undisturbed(&process);
    case.produce(10);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn one_partition_without_an_end_hides_no_other() {
    let mut case = Case::new("half_gone", Mode::Append, 1);
    let gone = unique("gone");
    case.kafka.create_topic(&gone, 1);
    case.service.topics = format!("topics = [\"{}\", \"{gone}\"]", case.topic);
    let process = Process::start_ready(&case.service);
    case.produce(10);
    case.wait_caught_up();
    let lag = |topic: &str| {
        process
            .metrics()
            .and_then(|m| m.sum("plimsoll_lag", &[("topic", topic)]))
    };
    wait::within(SOON, "both lags are told", || {
        match (lag(&case.topic), lag(&gone)) {
            (Some(_), Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    Kafka::shared().delete_topic(&gone);
    wait::within(SOON, "only one is told", || {
        match (lag(&case.topic), lag(&gone)) {
            (Some(_), None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    wait_trouble(&process, "topic_unreadable", &[&gone]);
}

#[test]
fn a_file_that_another_process_keeps_locked_names_it() {
    let kafka = Kafka::shared();
    let topic = unique("file_locked");
    kafka.create_topic(&topic, 1);
    let folder = folder("file_locked");
    let (file, kafka_address) = (folder.join("orders.db"), servers::kafka());
    let config = format!(
        "[kafka]\nbootstrap_servers = \"{kafka_address}\"\n[http]\nlisten = \"@HTTP@\"\n\
         [sinks.orders]\ntopics = [\"{topic}\"]\ngroup_id = \"{topic}\"\n\
         [sinks.orders.sqlite]\npath = \"{}\"\ntable = \"orders\"\nmode = \"append\"\n",
        file.display()
    );
    let mut connection = connect_sqlite(&file);
    execute_sqlite(&mut connection, "CREATE TABLE orders (id INTEGER)");
    let mut process = Process::start_config(&config, &folder);
    process.wait_ready();
    execute_sqlite(&mut connection, "BEGIN IMMEDIATE");
    let records = [Message::of(0, "{\"id\":1}")];
    kafka.producer().send_all(&topic, &records);
    wait_disturbed(&process);
    assert_not_away(&process);
    let me = format!("by process {}", std::process::id());
    let trouble = wait_trouble(&process, "database_blocked", &[&me]);
    assert_eq!(trouble["code"], "SQLITE_BUSY");
    assert_not_away(&process);
    execute_sqlite(&mut connection, "ROLLBACK");
    wait_undisturbed(&process);
    assert!(process.drain().success());
}
