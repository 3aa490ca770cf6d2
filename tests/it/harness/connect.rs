//! A Kafka Connect of a test's own: one process, its connectors, and what it tells of them.

use super::place::Place;
use super::scrape::get;
use super::servers::{kafka, variable};
use super::{folder, free_port, wait};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// One connector's name and settings.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Its name.
    pub name: String,
    /// By their names.
    pub settings: BTreeMap<String, String>,
}

/// The process; it is killed when this is dropped.
pub struct Connect {
    folder: PathBuf,
    port: u16,
    connectors: Vec<Connector>,
    worker: Option<Child>,
    _place: Place,
}

impl Connect {
    /// Starts one beside the shared broker, and waits until all connectors run.
    pub fn start(connectors: Vec<Connector>) -> Self {
        let (folder, port) = (folder("connect"), free_port());
        let properties = fs::read_to_string(variable("PLIMSOLL_TEST_CONNECT_PROPERTIES"))
            .expect("the worker's properties");
        let properties = properties
            .replace("@KAFKA@", &kafka())
            .replace("@PORT@", &port.to_string())
            .replace("@PLUGINS@", &variable("PLIMSOLL_TEST_CONNECT_PLUGINS"))
            .replace(
                "@OFFSETS@",
                folder.join("offsets").to_str().expect("a plain path"),
            );
        fs::write(folder.join("worker.properties"), properties).expect("the worker's properties");
        for Connector { name, settings } in &connectors {
            let text = json!({"name": name, "config": settings}).to_string();
            fs::write(folder.join(format!("{name}.json")), text).expect("a connector's settings");
        }
        let mut connect = Self {
            folder,
            port,
            connectors,
            worker: None,
            _place: Place::take(),
        };
        connect.begin();
        connect
    }

    /// Starts it, or starts it again; connectors go on where their offsets stand.
    pub fn begin(&mut self) {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file());
        let mut command = Command::new("java");
        // C1 only, and little memory: it lives for a minute, and its tables are small.
        command.args(["-Xmx256m", "-XX:TieredStopAtLevel=1"]);
        command.arg(variable("PLIMSOLL_TEST_KAFKA_LOGGING"));
        command.arg("-cp");
        command.arg(format!("{}/*", variable("PLIMSOLL_TEST_KAFKA_LIBS")));
        command.arg("org.apache.kafka.connect.cli.ConnectStandalone");
        command.arg(self.folder.join("worker.properties"));
        for connector in &self.connectors {
            command.arg(self.folder.join(format!("{}.json", connector.name)));
        }
        let worker = command
            .stdin(Stdio::null())
            .stdout(log.expect("the worker's log"))
            .stderr(Stdio::null())
            .spawn()
            .expect("java starts");
        // Where `scripts/with-servers` looks, should the test be killed.
        fs::write(self.folder.join("pid"), format!("{}\n", worker.id())).expect("a pid file");
        self.worker = Some(worker);
        self.wait_running();
    }

    /// Waits until the task of each connector runs; one that failed fails the test.
    #[track_caller]
    pub fn wait_running(&mut self) {
        let names: Vec<String> = self.connectors.iter().map(|c| c.name.clone()).collect();
        for name in names {
            wait::within(Duration::from_secs(120), "the connector runs", || {
                let worker = self.worker.as_mut().expect("a process");
                if let Some(status) = worker.try_wait().expect("the process can be asked") {
                    panic!("Kafka Connect ended by itself: {status}");
                }
                let status = self.status(&name);
                let state = |part: &Value| part["state"].as_str().unwrap_or("none").to_owned();
                let states = (state(&status["connector"]), state(&status["tasks"][0]));
                assert!(
                    states.0 != "FAILED" && states.1 != "FAILED",
                    "{name}: {status}"
                );
                match (states.0.as_str(), states.1.as_str()) {
                    ("RUNNING", "RUNNING") => Ok(()),
                    _ => Err(format!("{name}: {status}")),
                }
            });
        }
    }

    /// What it says of a connector; null as long as it says nothing.
    fn status(&self, name: &str) -> Value {
        let at = SocketAddr::from(([127, 0, 0, 1], self.port));
        match get(at, &format!("/connectors/{name}/status")) {
            Some((200, body)) => serde_json::from_str(&body).expect("JSON"),
            _ => Value::Null,
        }
    }

    /// SIGKILL: what was sent and not yet noted will be sent again.
    pub fn kill(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            worker.kill().expect("Kafka Connect can be killed");
            worker.wait().expect("Kafka Connect ends");
            let _ = fs::remove_file(self.folder.join("pid"));
        }
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.log_file()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(60)..];
            eprintln!("---- the end of Kafka Connect's log:\n{}", last.join("\n"));
        }
    }
}
