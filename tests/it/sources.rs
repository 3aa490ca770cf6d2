//! The way back: an outbox in Postgres into Kafka.

use crate::harness::kafka::{Kafka, Record};
use crate::harness::postgres::Database;
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::{folder, servers, unique, wait};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

const KEYS: usize = 5;

/// An outbox, and the source that sends it.
struct Outbox {
    kafka: Kafka,
    database: Database,
    name: String,
    /// What `aggregatetype` holds.
    kind: String,
    topic: String,
    of_source: &'static str,
    of_postgres: String,
}

impl Outbox {
    fn new(test: &str) -> Self {
        let (kafka, database) = (Kafka::shared(), Database::shared(test));
        let kind = unique(test);
        let topic = format!("outbox.event.{kind}");
        kafka.create_topic(&topic, 4);
        database.execute(
            "CREATE TABLE {s}.outbox (
                 id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                 aggregatetype text NOT NULL, aggregateid text NOT NULL,
                 type text NOT NULL, payload text);
             CREATE TABLE {s}.counters (key text PRIMARY KEY, n bigint NOT NULL)",
        );
        let of_postgres = format!("outbox = \"{}\"", database.table("outbox"));
        let outbox = Self {
            kafka,
            database,
            name: unique(test),
            kind,
            topic,
            of_source: "",
            of_postgres,
        };
        for key in (0..KEYS)
            .map(|k| format!("k{k}"))
            .chain(["copy".to_owned()])
        {
            let sql = format!("INSERT INTO {{s}}.counters VALUES ('{key}', 0)");
            outbox.database.execute(&sql);
        }
        outbox
    }

    fn start(&self) -> Process {
        let Self {
            name,
            of_source,
            of_postgres,
            ..
        } = self;
        // The server gives a session up that is silent for longer; its own default is 60 s.
        let options = "options=-c%20wal_sender_timeout%3D3s";
        let (kafka, url) = (servers::kafka(), servers::postgres());
        let config = format!(
            r#"
            [kafka]
            bootstrap_servers = "{kafka}"
            [http]
            listen = "@HTTP@"
            [sources.{name}]
            {of_source}
            [sources.{name}.postgres]
            url = "{url}?{options}"
            {of_postgres}
            "#
        );
        Process::start_config(&config, &folder(name))
    }

    fn start_ready(&self) -> Process {
        let mut process = self.start();
        process.wait_ready();
        process
    }

    fn slot(&self) -> String {
        format!("plimsoll_{}", self.name)
    }

    /// A transaction of this many events of one key, whose payloads count on: the order
    /// of a key's events is the order in which their transactions got its row.
    fn transaction(&self, key: usize, events: usize, end: &str) -> String {
        let kind = &self.kind;
        let event = format!(
            "WITH c AS (UPDATE {{s}}.counters SET n = n + 1 WHERE key = 'k{key}' RETURNING n)
             INSERT INTO {{s}}.outbox (aggregatetype, aggregateid, type, payload)
             SELECT '{kind}', 'k{key}', 'counted', n::text FROM c;"
        );
        format!("BEGIN; {} {end}", event.repeat(events))
    }

    /// 1,000 rows whose changes share places in the log.
    fn copy(&self) -> String {
        let (kind, table) = (&self.kind, self.database.table("outbox"));
        format!(
            "BEGIN;
             SELECT n FROM {{s}}.counters WHERE key = 'copy' FOR UPDATE;
             DO $do$ DECLARE at bigint; BEGIN
                 UPDATE {{s}}.counters SET n = n + 1000 WHERE key = 'copy' RETURNING n INTO at;
                 EXECUTE format('COPY {table} (aggregatetype, aggregateid, type, payload) '
                     'FROM PROGRAM ''seq -f \"{kind},copy,counted,%%.0f\" %s %s'' WITH (FORMAT csv)',
                     at - 999, at);
             END $do$;
             COMMIT"
        )
    }

    /// The process of the server that streams to whoever has the slot.
    fn walsender(&self) -> Option<String> {
        self.database.value(&format!(
            "SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = '{}'",
            self.slot()
        ))
    }

    fn rows(&self) -> i64 {
        self.database.number("SELECT count(*) FROM {s}.outbox")
    }

    fn report(&self, process: &Process) -> serde_json::Value {
        let report = process.report().unwrap_or_default();
        report["sources"][&self.name].clone()
    }

    /// How many events a process knows to be committed.
    fn events(&self, process: &Process) -> i64 {
        self.report(process)["events"].as_i64().unwrap_or(0)
    }

    fn wait_state(&self, process: &Process, state: &str) {
        wait::until(&format!("the source is {state}"), || {
            let report = self.report(process);
            match report["state"].as_str() == Some(state) {
                true => Ok(()),
                false => Err(report.to_string()),
            }
        });
    }

    fn wait_sent(&self, process: &Process, events: i64) {
        wait::until("all events are sent", || match self.events(process) {
            sent if sent == events => Ok(()),
            sent => Err(format!("{sent} of {events}")),
        });
    }

    /// Each row of the outbox is in the topic, once, with its values; each key's events
    /// in their order; and the numbers are dense.
    fn assert_exact(&self) {
        let log = self.kafka.log(&self.topic);
        let rows = self
            .database
            .rows("SELECT id, aggregateid, type, payload FROM {s}.outbox ORDER BY id");
        let mut found: Vec<_> = log
            .iter()
            .map(|record| {
                let message = &record.message;
                vec![
                    header(record, "id"),
                    text(message.key.as_ref()),
                    header(record, "type"),
                    text(message.value.as_ref()),
                ]
            })
            .collect();
        found.sort();
        assert_eq!(found.len(), rows.len(), "events and rows");
        assert!(found == rows, "the events are not the rows");
        let mut last: BTreeMap<Option<String>, i64> = BTreeMap::new();
        for record in &log {
            let key = text(record.message.key.as_ref());
            let n: i64 = text(record.message.value.as_ref())
                .unwrap()
                .parse()
                .unwrap();
            let before = last.insert(key.clone(), n).unwrap_or(0);
            assert_eq!(n, before + 1, "the order of {key:?}");
        }
        self.assert_dense(&log);
    }

    fn assert_dense(&self, log: &[Record]) {
        let mut seqs: Vec<usize> = log
            .iter()
            .map(|record| header(record, "plimsoll-seq").unwrap().parse().unwrap())
            .collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=log.len()).collect::<Vec<_>>(), "dense numbers");
    }
}

impl Drop for Outbox {
    /// A slot keeps the log of the server that all tests share.
    fn drop(&mut self) {
        let slot = self.slot();
        let dropped = self.database.try_rows(&format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
             WHERE slot_name = '{slot}' AND active"
        ));
        drop(dropped);
        for _ in 0..100 {
            let sql = format!(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
                 WHERE slot_name = '{slot}'"
            );
            if self.database.try_rows(&sql).is_ok() {
                return;
            }
            std::thread::sleep(wait::INTERVAL);
        }
    }
}

fn text(bytes: Option<&Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8(bytes.clone()).unwrap())
}

fn header(record: &Record, name: &str) -> Option<String> {
    let found = record.message.headers.iter().find(|(n, _)| n == name)?;
    text(found.1.as_ref())
}

/// Writes until it is told to end: small transactions, COPYs, and aborted ones.
fn load<T>(outbox: &Outbox, while_: impl FnOnce() -> T) -> T {
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (database, ends) = (outbox.database.again(), &ends);
            scope.spawn(move || {
                for n in writer.. {
                    if ends.load(Ordering::Relaxed) {
                        return;
                    }
                    match n % 20 {
                        0 => database.execute(&outbox.copy()),
                        7 => database.execute(&outbox.transaction(n % KEYS, 3, "ROLLBACK")),
                        _ => database.execute(&outbox.transaction(n % KEYS, 1 + n % 3, "COMMIT")),
                    }
                }
            });
        }
        // However it ends: whoever waits for the writers would wait for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(while_));
        ends.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Waits until a process has sent something of its own.
fn wait_streams(outbox: &Outbox, process: &mut Process) {
    let metric = "plimsoll_source_events_total";
    wait::until("events are being sent", || {
        process.assert_running();
        match process.metric(metric, &[("source", &outbox.name)]) {
            0.0 => Err(outbox.report(process).to_string()),
            _ => Ok(()),
        }
    });
}

#[test]
fn committed_rows_of_an_outbox_are_sent_once_in_order_and_aborted_ones_never() {
    for boundary in ["poll", "interval", "connector"] {
        let mut outbox = Outbox::new("source");
        outbox.of_source = match boundary {
            "poll" => "boundary = \"poll\"",
            "interval" => "boundary = \"interval\"",
            _ => "boundary = \"connector\"",
        };
        let process = outbox.start_ready();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let (database, outbox) = (outbox.database.again(), &outbox);
                scope.spawn(move || {
                    for n in 0..20 {
                        let end = match n % 4 {
                            3 => "ROLLBACK",
                            _ => "COMMIT",
                        };
                        let key = (writer + n) % KEYS;
                        database.execute(&outbox.transaction(key, 1 + n % 3, end));
                    }
                    database.execute(&outbox.copy());
                });
            }
        });
        let rows = outbox.rows();
        assert!(rows > 4_000, "{rows}");
        outbox.wait_sent(&process, rows);
        assert!(process.drain().success());
        outbox.assert_exact();
    }
}

#[test]
fn kills_while_a_source_streams_lose_no_event_and_double_none() {
    const KILLS: usize = 6;
    let outbox = Outbox::new("source_kills");
    drop(outbox.start_ready());
    let mut streaming = 0;
    load(&outbox, || {
        for _ in 0..KILLS {
            let mut process = outbox.start();
            wait_streams(&outbox, &mut process);
            let micros = uuid::Uuid::new_v4().as_fields().0 % 100_000;
            std::thread::sleep(std::time::Duration::from_micros(micros.into()));
            // It does nothing more while it is looked at.
            process.freeze();
            let rows = outbox.rows();
            process.kill();
            let sent = outbox.kafka.log(&outbox.topic).len();
            streaming += usize::from(i64::try_from(sent).unwrap() < rows);
        }
    });
    assert!(
        streaming >= KILLS / 2,
        "rows were left to send at {streaming} of {KILLS} kills"
    );
    let process = outbox.start_ready();
    outbox.wait_sent(&process, outbox.rows());
    assert!(process.drain().success());
    outbox.assert_exact();
}

#[test]
fn a_zombie_of_a_source_writes_nothing_twice() {
    const ROUNDS: usize = 3;
    let outbox = Outbox::new("source_zombies");
    // What is written before its slot is made is not sent.
    let first = outbox.start_ready();
    let (live, behind) = load(&outbox, || {
        let mut live = first;
        let mut behind = 0;
        for _ in 0..ROUNDS {
            wait_streams(&outbox, &mut live);
            live.freeze();
            let frozen = outbox.kafka.log(&outbox.topic).len();
            behind += usize::from(i64::try_from(frozen).unwrap() < outbox.rows());
            let held = outbox.walsender();
            assert!(held.is_some(), "its session was there");
            let mut successor = outbox.start();
            wait_streams(&outbox, &mut successor);
            assert_ne!(outbox.walsender(), held, "the server gave its session up");
            live.thaw();
            outbox.wait_state(&live, "standby");
            assert!(outbox.report(&successor)["state"] == "live");
            assert!(live.drain().success());
            live = successor;
        }
        (live, behind)
    });
    assert_eq!(behind, ROUNDS, "rows were left to send when it was stopped");
    outbox.wait_sent(&live, outbox.rows());
    assert!(live.drain().success());
    outbox.assert_exact();
}

#[test]
fn a_source_whose_slot_is_gone_halts_and_goes_on_where_an_operator_adopts() {
    let outbox = Outbox::new("source_gap");
    let process = outbox.start_ready();
    outbox.database.execute(&outbox.transaction(0, 3, "COMMIT"));
    outbox.wait_sent(&process, 3);
    assert!(process.drain().success());
    let slot = outbox.slot();
    outbox
        .database
        .execute(&format!("SELECT pg_drop_replication_slot('{slot}')"));
    // What nobody will send.
    outbox.database.execute(&outbox.transaction(0, 2, "COMMIT"));

    let process = outbox.start();
    outbox.wait_state(&process, "halted");
    let report = outbox.report(&process);
    let why = report["why"].as_str().unwrap();
    for part in [
        format!("the slot {slot} is gone"),
        "(event 3)".to_owned(),
        format!("plimsoll positions adopt-source --source {}", outbox.name),
    ] {
        assert!(why.contains(&part), "{why}");
        assert!(process.log().contains(&part), "{}", process.log());
    }
    assert_eq!(process.get("/readyz").map(|(status, _)| status), Some(503));
    let config = process.config();
    assert!(process.drain().success());

    let said = plimsoll_ok(
        &config,
        &["positions", "adopt-source", "--source", &outbox.name],
    );
    assert!(said.contains("the next event is 4"), "{said}");
    let process = outbox.start_ready();
    outbox.database.execute(&outbox.transaction(0, 2, "COMMIT"));
    outbox.wait_sent(&process, 5);
    assert!(process.drain().success());
    let log = outbox.kafka.log(&outbox.topic);
    outbox.assert_dense(&log);
    let values: Vec<_> = log.iter().map(|r| text(r.message.value.as_ref())).collect();
    let wanted = ["1", "2", "3", "6", "7"].map(|n| Some(n.to_owned()));
    assert_eq!(
        values, wanted,
        "the gap is the rows without a slot, and no more"
    );
}

#[test]
fn messages_of_the_log_are_events_without_a_table() {
    let mut outbox = Outbox::new("source_messages");
    outbox.of_postgres = "messages = \"outbox:\"".to_owned();
    let process = outbox.start_ready();
    let emit = |transactional: bool, n: usize| {
        format!(
            "SELECT pg_logical_emit_message({transactional}, 'outbox:{}', \
             '{{\"key\":\"k\",\"value\":{{\"n\": {n}}},\"headers\":{{\"type\":\"told\"}}}}');",
            outbox.topic
        )
    };
    let emits = [
        format!("BEGIN; {}{} COMMIT", emit(true, 1), emit(true, 2)),
        format!("BEGIN; {} ROLLBACK", emit(true, 0)),
        emit(false, 3),
        // Of somebody else.
        "SELECT pg_logical_emit_message(true, 'audit', 'x')".to_owned(),
        emit(true, 4),
    ];
    for sql in emits {
        outbox.database.execute(&sql);
    }
    outbox.wait_sent(&process, 4);
    assert!(process.drain().success());
    let log = outbox.kafka.log(&outbox.topic);
    outbox.assert_dense(&log);
    let values: Vec<_> = log.iter().map(|r| text(r.message.value.as_ref())).collect();
    let wanted = [1, 2, 3, 4].map(|n| Some(format!("{{\"n\": {n}}}")));
    assert_eq!(values, wanted);
    assert!(
        log.iter()
            .all(|r| header(r, "type").as_deref() == Some("told"))
    );
}

#[test]
fn check_tells_what_a_source_s_database_lacks_and_verify_claims_nothing_of_it() {
    let outbox = Outbox::new("source_check");
    let process = outbox.start_ready();
    let config = process.config();
    assert!(process.drain().success());
    let said = plimsoll_ok(&config, &["check", "--connect"]);
    assert!(said.contains("0 sinks, 1 source"), "{said}");
    assert!(said.contains("all well"), "{said}");

    outbox
        .database
        .execute("ALTER TABLE {s}.outbox DROP COLUMN payload");
    let output = plimsoll(&config, &["check", "--connect"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("has no column payload"), "{said}");
    let output = plimsoll(&config, &["verify"]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}
