//! Operators pause, resume, stop, restart and retry a sink, by commands and by the REST API
//! that Kafka Connect's tools speak; all instances obey, and each tells of all.

use crate::harness::kafka::{Kafka, Message};
use crate::harness::postgres::Database;
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::scrape::{ask, get};
use crate::harness::service::Service;
use crate::harness::{free_port, unique, wait};
use serde_json::{Value, json};
use std::net::SocketAddr;

struct Scene {
    database: Database,
    kafka: Kafka,
    topic: String,
    service: Service,
    admin: SocketAddr,
    sent: i64,
}

const PARTITIONS: i32 = 4;

impl Scene {
    fn new(test: &str) -> Self {
        let kafka = Kafka::shared();
        let topic = unique(test);
        kafka.create_topic(&topic, PARTITIONS);
        let database = Database::shared(test);
        database.execute("CREATE TABLE {s}.t (id bigint NOT NULL)");
        let (table, state) = (database.table("t"), database.state_schema());
        let mut service = Service::new(test, &topic, &table, "append", &state);
        let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
        service.top = format!("[admin]\nlisten = \"{admin}\"\n");
        Self {
            database,
            kafka,
            topic,
            service,
            admin,
            sent: 0,
        }
    }

    /// Another instance, which has no listener that changes anything.
    fn other(&self) -> Process {
        let mut service = self.service.clone();
        service.top = String::new();
        Process::start(&service)
    }

    fn send(&mut self, records: i64) {
        let ids = self.sent..self.sent + records;
        let message = |id: i64| {
            let partition = i32::try_from(id % i64::from(PARTITIONS)).unwrap();
            Message::of(partition, &format!("{{\"id\":{id}}}"))
        };
        let all: Vec<Message> = ids.map(message).collect();
        self.kafka.producer().send_all(&self.topic, &all);
        self.sent += records;
    }

    fn rows(&self) -> i64 {
        self.database.number("SELECT count(*) FROM {s}.t")
    }

    fn assert_exact(&self) {
        self.database.wait_caught_up(&self.kafka, &self.topic);
        let distinct = self.database.number("SELECT count(DISTINCT id) FROM {s}.t");
        assert_eq!((self.rows(), distinct), (self.sent, self.sent));
    }

    fn ok(&self, arguments: &[&str]) -> String {
        plimsoll_ok(&self.service.config(), arguments)
    }

    fn status(&self) -> Value {
        let output = plimsoll(&self.service.config(), &["status", "--json"]);
        let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        all[0].clone()
    }

    /// The states of all partitions, as any instance tells them.
    fn states(&self) -> Vec<String> {
        let parts = self.status()["partitions"].clone();
        let parts = parts.as_array().expect("a list").iter();
        parts
            .map(|part| part["state"].as_str().unwrap_or("unassigned").to_owned())
            .collect()
    }

    fn wait_states(&self, state: &str) {
        wait::until(&format!("all partitions are {state}"), || {
            let states = self.states();
            match states.len() == 4 && states.iter().all(|s| s == state) {
                true => Ok(()),
                false => Err(format!("{states:?}")),
            }
        });
    }

    /// The status and the body of a request to the listener that changes things.
    fn rest(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        ask(self.admin, method, path, body).expect("an answer")
    }

    fn rest_json(&self, path: &str) -> Value {
        let (status, body) = self.rest("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    fn wait_nobody_in_the_group(&self) {
        wait::until("the group has no member", || {
            match self.kafka.group(&self.service.group) {
                (_, 0) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    fn connector(&self) -> String {
        let status = self.rest_json("/connectors/orders/status");
        status["connector"]["state"].as_str().unwrap().to_owned()
    }

    fn wait_connector(&self, state: &str) {
        wait::until(&format!("the connector is {state}"), || {
            match self.connector() {
                found if found == state => Ok(()),
                found => Err(found),
            }
        });
    }
}

/// The sum of a gauge over partitions, as a process tells it.
fn lag(process: &Process) -> f64 {
    process.metric("plimsoll_lag", &[])
}

#[test]
fn a_paused_sink_stays_paused_over_restarts_and_rebalances_and_loses_nothing() {
    let mut scene = Scene::new("steering_pause");
    scene.send(400);
    let mut first = Process::start_ready(&scene.service);
    let second = scene.other();
    scene.assert_exact();
    let told = scene.ok(&["pause", "--sink", "orders"]);
    assert!(told.contains("pause of sink \"orders\": done by"), "{told}");
    scene.wait_states("paused");
    scene.send(400);
    // An instance that was there sees the new records, and leaves them.
    wait::until("the lag is seen", || match lag(&first) + lag(&second) {
        lag if lag >= 400.0 => Ok(()),
        lag => Err(lag),
    });
    assert_eq!(scene.rows(), 400);
    // One is killed, another one comes: all is claimed again, and nothing moves.
    second.kill();
    let third = scene.other();
    wait::until("the third one holds partitions, paused", || {
        let status = scene.status();
        let members: Vec<Value> = status["members"].as_array().unwrap().clone();
        let paused = scene.states().iter().all(|s| s == "paused");
        let obeys = members.iter().filter(|m| m["state"] == "paused").count();
        match (
            third.metric("plimsoll_partitions_paused", &[]),
            paused,
            obeys,
        ) {
            (held, true, 2..) if held >= 1.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    wait::until("it sees the lag", || match lag(&first) + lag(&third) {
        lag if lag >= 400.0 => Ok(()),
        lag => Err(lag),
    });
    assert_eq!(scene.rows(), 400);
    first.assert_running();
    let told = scene.ok(&["resume", "--sink", "orders"]);
    assert!(told.contains("it is running"), "{told}");
    scene.assert_exact();
    let events = scene.status()["events"].clone();
    assert_eq!(events[0]["verb"], "resume");
    assert!(events[1]["by"].as_str().unwrap().contains('@'), "{events}");
    assert!(third.drain().success() && first.drain().success());
}

#[test]
fn a_stopped_sink_leaves_its_group_and_its_positions_can_be_set() {
    let mut scene = Scene::new("steering_stop");
    scene.send(40);
    let mut first = Process::start_ready(&scene.service);
    scene.assert_exact();
    let told = scene.ok(&["stop", "--sink", "orders"]);
    assert!(told.contains("it is stopped"), "{told}");
    scene.wait_nobody_in_the_group();
    first.assert_running();
    assert_eq!(first.get("/readyz").expect("an answer").0, 200);
    // An instance that starts now waits too.
    let second = scene.other();
    wait::until("both say that they are stopped", || {
        let members = scene.status()["members"].clone();
        let stopped = members.as_array().unwrap().iter();
        match stopped.filter(|m| m["state"] == "stopped").count() {
            2 => Ok(()),
            other => Err(other),
        }
    });
    scene.wait_nobody_in_the_group();
    let topic = scene.topic.clone();
    let set = ["positions", "set", "--sink", "orders", "--topic", &topic];
    let set = [&set[..], &["--partition", "0", "--to", "earliest"]].concat();
    scene.ok(&set);
    scene.ok(&["resume", "--sink", "orders"]);
    scene.send(40);
    wait::until("partition 0 is written again", || match scene.rows() {
        90 => Ok(()),
        rows => Err(rows),
    });
    let distinct = scene
        .database
        .number("SELECT count(DISTINCT id) FROM {s}.t");
    assert_eq!(distinct, 80);
    assert!(second.drain().success() && first.drain().success());
    assert!(scene.status()["members"].as_array().unwrap().is_empty());
}

#[test]
fn a_halt_is_told_with_what_settles_it_and_a_retry_goes_on_at_once() {
    let mut scene = Scene::new("steering_retry");
    scene.service.of_sink = "on_bad_record = \"halt\"".to_owned();
    scene.send(40);
    let process = Process::start_ready(&scene.service);
    scene.assert_exact();
    scene
        .database
        .execute("ALTER TABLE {s}.t ADD CHECK (id < 40)");
    scene.send(1);
    wait::until("partition 0 is halted", || {
        match scene.states()[0].as_str() {
            "halted" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    let output = plimsoll(&scene.service.config(), &["status", "--sink", "orders"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for words in [
        "[0] is halted at offset 10 since ",
        "check_violation",
        "plimsoll retry --sink orders --topic ",
        "--to 11 --force",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let trace = scene.rest_json("/connectors/orders/status")["tasks"][0]["trace"].clone();
    assert!(text.contains(trace.as_str().unwrap()), "{trace}");
    let constraint = "ALTER TABLE {s}.t DROP CONSTRAINT t_id_check";
    scene.database.execute(constraint);
    let topic = scene.topic.clone();
    scene.ok(&[
        "retry",
        "--sink",
        "orders",
        "--topic",
        &topic,
        "--partition",
        "0",
    ]);
    scene.assert_exact();
    scene.wait_states("running");
    let unknown = [
        "restart",
        "--sink",
        "orders",
        "--topic",
        "no",
        "--partition",
        "0",
    ];
    let output = plimsoll(&scene.service.config(), &unknown);
    assert_eq!(output.status.code(), Some(5));
    scene.ok(&["restart", "--sink", "orders"]);
    wait::until("all partitions began anew", || {
        match process.metric("plimsoll_partition_restarts_total", &[("reason", "asked")]) {
            4.0 => Ok(()),
            other => Err(other),
        }
    });
    scene.send(40);
    scene.assert_exact();
    assert!(process.drain().success());
}

/// The keys of a JSON value and the kinds of what stands there, without what a server fills
/// in: two answers of one shape are equal.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let free = map.contains_key("connector.class");
            match free {
                true => json!("a config"),
                false => map.iter().map(|(k, v)| (k.clone(), shape(v))).collect(),
            }
        }
        Value::Array(list) => list.iter().take(1).map(shape).collect(),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!(0),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

/// What a worker of Kafka Connect 4.1 answered, by method and path.
fn golden() -> Vec<(String, u16, String)> {
    let text = include_str!("../data/connect/rest.txt");
    let blocks = text.split("\n> ").skip(1);
    blocks
        .map(|block| {
            let (request, answer) = block.split_once('\n').expect("a request and its answer");
            let (status, body) = answer.split_once(' ').unwrap_or((answer, ""));
            let status = status.trim().parse().expect("a status");
            (request.to_owned(), status, body.trim().to_owned())
        })
        .collect()
}

#[test]
fn kafka_connects_tools_find_the_answers_that_they_know() {
    let mut scene = Scene::new("steering_rest");
    scene.send(40);
    let process = Process::start_ready(&scene.service);
    scene.assert_exact();
    scene.wait_states("running");
    let mut compared = 0;
    for (request, status, body) in golden() {
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let (path, sent) = path.split_once(' ').unwrap_or((path, ""));
        let path = path.replace("s1", "orders");
        let sent = sent.replace("ops-orders", &scene.topic);
        // What a command asks for shows once all have obeyed.
        if let Some(state) = path.strip_prefix("wait:") {
            scene.wait_connector(state);
            continue;
        }
        let (found, answer) = scene.rest(method, &path, &sent);
        assert_eq!(found, status, "{request}: {answer}");
        match serde_json::from_str::<Value>(&body) {
            Ok(expected) => {
                let answer: Value = serde_json::from_str(&answer).expect("JSON");
                let answer = answer.to_string().replace("orders", "s1");
                let answer: Value = serde_json::from_str(&answer).unwrap();
                assert_eq!(shape(&answer), shape(&expected), "{request}: {answer}");
                if status == 404 || path == "/connectors" {
                    let expected = expected.to_string();
                    assert_eq!(answer.to_string(), expected, "{request}");
                }
            }
            Err(_) => assert_eq!(answer, body, "{request}"),
        }
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
    let large = format!("{{\"offsets\":[{}]}}", " ".repeat(200 << 10));
    let (found, answer) = scene.rest("PATCH", "/connectors/orders/offsets", &large);
    assert_eq!(found, 413, "{answer}");
    assert!(answer.starts_with("{\"error_code\":413"), "{answer}");
    scene.ok(&["resume", "--sink", "orders"]);
    scene.wait_connector("RUNNING");
    assert!(process.drain().success());
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    let mut scene = Scene::new("steering_refused");
    scene.service.top = format!(
        "[admin]\nlisten = \"{}\"\nusername = \"op\"\npassword = \"secret\"\n",
        scene.admin
    );
    let process = Process::start_ready(&scene.service);
    let refused = |status: u16, (found, body): (u16, String), words: &str| {
        assert_eq!(found, status, "{body}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["error_code"], status);
        let message = body["message"].as_str().expect("a message");
        assert!(message.contains(words), "{message}");
    };
    // Without credentials, nothing; and the listener that reads changes nothing.
    for (method, path) in [
        ("GET", "/connectors"),
        ("PUT", "/connectors/orders/pause"),
        ("GET", "/nowhere"),
    ] {
        refused(401, scene.rest(method, path, ""), "credentials");
    }
    let http = process.http();
    let reader = |method, path| ask(http, method, path, "").expect("an answer");
    refused(403, reader("PUT", "/connectors/orders/pause"), "[admin]");
    refused(403, reader("POST", "/connectors"), "[admin]");
    assert_eq!(get(http, "/connectors").unwrap().0, 200);
    refused(404, reader("GET", "/nowhere"), "404");
    refused(404, reader("GET", "/api/sinks/none"), "none");
    // What the framework itself refuses is told alike.
    refused(400, reader("GET", "/connectors/%FF/status"), "Bad Request");
    // Nobody was paused by any of it, and no secret is shown.
    let shown =
        reader("GET", "/connectors?expand=info&expand=status").1 + &scene.status().to_string();
    assert!(
        !shown.contains("secret") && shown.contains("\"wanted\":\"running\""),
        "{shown}"
    );
    assert!(process.drain().success());
}
