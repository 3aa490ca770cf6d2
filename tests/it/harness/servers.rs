//! The servers that `make test` started, and servers of a test's own.
//!
//! The shared ones are never stopped. A test that stops a server starts its own
//! in the run's folder, where `scripts/with-servers` finds it if the test dies.

use super::disk::SmallDisk;
use super::kafka_proxy::KafkaProxy;
use super::place::Place;
use super::{folder, free_port, wait};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What `scripts/with-servers` tells.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: this test needs a real Kafka and a real Postgres; hint: make test"
        )
    })
}

/// The shared broker's `host:port`.
pub fn kafka() -> String {
    variable("PLIMSOLL_TEST_KAFKA")
}

/// Which release of Kafka the shared broker is, in numbers: `[3, 9]`.
pub fn kafka_release() -> Vec<u32> {
    let number = |part: &str| part.parse().expect("a number");
    variable("PLIMSOLL_TEST_KAFKA_RELEASE")
        .split('.')
        .map(number)
        .collect()
}

/// The shared Postgres' URL.
pub fn postgres() -> String {
    variable("PLIMSOLL_TEST_POSTGRES")
}

/// The shared Postgres' address, for a proxy in front of it.
pub fn postgres_address() -> SocketAddr {
    let url = postgres();
    let address = url
        .split_once('@')
        .and_then(|(_, rest)| rest.split_once('/'))
        .map(|(address, _)| address);
    address
        .and_then(|a| a.parse().ok())
        .unwrap_or_else(|| panic!("no address in {url}"))
}

/// A Postgres of the test's own.
pub struct OwnPostgres {
    folder: PathBuf,
    port: u16,
    /// In front of its commands: leads to where it sees a file system of the
    /// test's own.
    enter: Vec<String>,
}

impl OwnPostgres {
    /// Starts one.
    pub fn start() -> Self {
        let server = Self::stopped();
        server.begin();
        server
    }

    /// Starts one that sees a small file system.
    pub fn start_beside(disk: &SmallDisk) -> Self {
        let mut server = Self::stopped();
        server.enter = disk.enter();
        server.begin();
        server
    }

    /// One that is not running yet.
    pub fn stopped() -> Self {
        let folder = folder("own_postgres").join("data");
        let parent = folder.parent().expect("a parent");
        if let Some(user) = postgres_user() {
            ran(Command::new("chown").arg(user).arg(parent));
        }
        ran(as_postgres(&[], "cp")
            .arg("-a")
            .arg(variable("PLIMSOLL_TEST_POSTGRES_TEMPLATE"))
            .arg(&folder));
        Self {
            folder,
            port: free_port(),
            enter: Vec::new(),
        }
    }

    /// Its address, for a proxy in front of it.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// How to reach it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Puts a file into its data folder, as the server wants files of its own.
    pub fn put(&self, name: &str, text: &str) {
        let file = self.folder.join(name);
        fs::write(&file, text).expect("a file in the data folder");
        ran(Command::new("chmod").arg("600").arg(&file));
        if let Some(user) = postgres_user() {
            ran(Command::new("chown").arg(user).arg(&file));
        }
    }

    /// Starts it, or starts it again. Not every attempt succeeds at once: after
    /// a stop without mercy the last of the old processes may still be there.
    pub fn begin(&self) {
        let start = || {
            // -w waits for the recovery too.
            let mut command = self.pg_ctl("start");
            command.args(["-w", "-t", "120"]);
            command.arg("-o").arg(format!("-p {}", self.port));
            command
        };
        wait::until("Postgres runs", || match quiet(&mut start()).status() {
            Ok(status) if status.success() => Ok(()),
            other => {
                let log = self.log();
                let from = log.len().saturating_sub(500);
                Err(format!("{other:?}: {}", log.get(from..).unwrap_or(&log)))
            }
        });
    }

    /// Stops it as a power cut would: no checkpoint, sessions broken off.
    pub fn stop_immediately(&self) {
        ran(self.pg_ctl("stop").args(["-m", "immediate", "-w"]));
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let program = format!("{}/pg_ctl", variable("PLIMSOLL_TEST_POSTGRES_BIN"));
        let mut command = as_postgres(&self.enter, &program);
        command.arg(action).arg("-s").arg("-D").arg(&self.folder);
        command.arg("-l").arg(self.folder.join("server.log"));
        command
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        // It may be down already, by the test's will.
        let _ = self
            .pg_ctl("stop")
            .args(["-m", "immediate", "-w"])
            .stderr(Stdio::null())
            .status();
    }
}

/// Whom a server runs as that refuses to be root; nobody else where we are not.
pub fn postgres_user() -> Option<String> {
    std::env::var("PLIMSOLL_TEST_POSTGRES_USER")
        .ok()
        .filter(|user| !user.is_empty())
}

fn as_postgres(enter: &[String], program: &str) -> Command {
    let user = postgres_user();
    let runuser = user.iter().flat_map(|user| ["runuser", "-u", user, "--"]);
    let mut words = enter.iter().map(String::as_str).chain(runuser);
    match words.next() {
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(program);
            command
        }
        None => Command::new(program),
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null())
}

#[track_caller]
fn ran(command: &mut Command) {
    let status = quiet(command)
        .status()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// A broker of the test's own.
pub struct OwnKafka {
    folder: PathBuf,
    port: u16,
    broker: Option<Child>,
    _place: Place,
}

impl OwnKafka {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one that clients reach by a proxy as well: what the proxy's clients
    /// may not read, others still may.
    pub fn start_behind(proxy: &KafkaProxy) -> Self {
        let (inside, outside) = (proxy.upstream(), proxy.port());
        Self::start_with(&format!(
            "
listeners=PLAINTEXT://127.0.0.1:@BROKER@,PROXIED://127.0.0.1:{inside},CONTROLLER://127.0.0.1:@CONTROLLER@
advertised.listeners=PLAINTEXT://127.0.0.1:@BROKER@,PROXIED://127.0.0.1:{outside}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
"
        ))
    }

    /// With more properties, which count over those of all brokers.
    fn start_with(more: &str) -> Self {
        Self::start_edited(|shared, _| format!("{shared}{more}"))
    }

    /// With properties of the test's own, which may name files in the broker's
    /// folder.
    pub fn start_edited(edit: impl FnOnce(String, &Path) -> String) -> Self {
        let folder = folder("own_kafka");
        let port = free_port();
        let shared = fs::read_to_string(variable("PLIMSOLL_TEST_KAFKA_PROPERTIES"))
            .expect("the broker's properties");
        let properties = edit(shared, &folder)
            .replace("@BROKER@", &port.to_string())
            .replace("@CONTROLLER@", &free_port().to_string())
            .replace(
                "@DATA@",
                folder.join("data").to_str().expect("a plain path"),
            );
        fs::write(folder.join("server.properties"), properties).expect("the broker's properties");
        let mut kafka = Self {
            folder,
            port,
            broker: None,
            _place: Place::take(),
        };
        ran(kafka
            .java("kafka.tools.StorageTool")
            .args(["format", "-t", "b3duLWJyb2tlci1vZi10ZQ", "-c"])
            .arg(kafka.folder.join("server.properties")));
        kafka.begin();
        kafka
    }

    /// Its `host:port`.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it, or starts it again.
    pub fn begin(&mut self) {
        let log = self.folder.join("log");
        let out = fs::File::create(&log).expect("the broker's log");
        let broker = self
            .java("kafka.Kafka")
            .arg(self.folder.join("server.properties"))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::null())
            .spawn()
            .expect("java starts");
        // Where `scripts/with-servers` looks, should the test be killed.
        fs::write(self.folder.join("pid"), format!("{}\n", broker.id())).expect("a pid file");
        self.broker = Some(broker);
        wait::within(Duration::from_secs(120), "the broker runs", || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if said.contains("Kafka Server started") {
                Ok(())
            } else {
                Err(said)
            }
        });
    }

    /// Cuts the newest segment of partition 0 of a topic in half while it is down, as
    /// a replica has it that became the leader uncleanly. Says how many bytes are gone.
    pub fn cut_log(&self, topic: &str) -> u64 {
        assert!(self.broker.is_none(), "the broker runs");
        let folder = self.folder.join("data").join(format!("{topic}-0"));
        let entries = fs::read_dir(&folder).expect("the topic's folder");
        let files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
        let of = |extension: &str| {
            let found = files
                .iter()
                .filter(|f| f.extension().is_some_and(|e| e == extension));
            found.max().expect("a segment").clone()
        };
        let log = fs::OpenOptions::new()
            .write(true)
            .open(of("log"))
            .expect("a segment");
        let length = log.metadata().expect("a length").len();
        log.set_len(length / 2).expect("cut");
        // The broker makes them anew, and drops the batch that was cut through.
        for index in ["index", "timeindex"] {
            fs::remove_file(of(index)).expect("an index");
        }
        length - length / 2
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            broker.kill().expect("the broker can be killed");
            broker.wait().expect("the broker ends");
            let _ = fs::remove_file(self.folder.join("pid"));
        }
    }

    /// Runs one of Kafka's own tools.
    pub fn tool(&self, class: &str, arguments: &[&str]) {
        let mut command = self.java(class);
        command.args(["--bootstrap-server", &self.bootstrap()]);
        ran(command.args(arguments));
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new("java");
        command.args(["-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1"]);
        command.arg(variable("PLIMSOLL_TEST_KAFKA_LOGGING"));
        command.args([
            "-cp",
            &format!("{}/*", variable("PLIMSOLL_TEST_KAFKA_LIBS")),
            class,
        ]);
        command
    }
}

impl Drop for OwnKafka {
    fn drop(&mut self) {
        self.kill();
    }
}
