//! What the storm blows over: servers, tables, and the instances.

use super::cassandra::{Cassandra, Server};
use super::side::{self, Side};
use crate::harness::acl::Rule;
use crate::harness::disk::SmallDisk;
use crate::harness::kafka::Kafka;
use crate::harness::kafka_proxy::KafkaProxy;
use crate::harness::oracle::{self, Mode};
use crate::harness::postgres::Database;
use crate::harness::process::Process;
use crate::harness::proxy::Proxy;
use crate::harness::servers::{OwnKafka, OwnPostgres};
use crate::harness::wire::Wire;
use crate::harness::{folder, unique, wait};
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

/// Instances that are always there; one more joins now and then.
pub const INSTANCES: usize = 3;
/// At the beginning.
pub const PARTITIONS: i32 = 4;
/// Room for the keys of one partition: each order keeps to its own.
pub const ORDERS_OF_A_PARTITION: i64 = 1_000_000_000;
/// After that long without an answer a writer gives up, and judges.
pub const CALL_TIMEOUT_MS: u64 = 4_000;
/// After that long without a sign of life a member is missed.
pub const SESSION_TIMEOUT_MS: u64 = 3_000;

/// The status of orders that a trigger refuses.
pub const REFUSED: &str = "refused";

/// With the columns and the trigger that make records bad.
fn create_table(database: &Database, mode: Mode) {
    oracle::create_table(database, mode);
    if mode != Mode::Log {
        database.execute(&format!(
            "ALTER TABLE {{s}}.orders ADD COLUMN tags int[];
             CREATE FUNCTION {{s}}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF NEW.status = '{REFUSED}' THEN
                     RAISE EXCEPTION 'no such status';
                 END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {{s}}.orders
                 FOR EACH ROW EXECUTE FUNCTION {{s}}.refuse()"
        ));
    }
}

/// All of it.
pub struct World {
    /// The broker, which is restarted.
    pub broker: Mutex<OwnKafka>,
    /// Between it and the instances.
    pub kafka_proxy: KafkaProxy,
    /// Questions to it, past the proxy.
    pub kafka: Kafka,
    /// The database server, which is restarted.
    pub server: OwnPostgres,
    /// Where the table of `append` is; or why it is not there.
    pub disk: Result<SmallDisk, String>,
    /// The one topic.
    pub topic: String,
    /// Its partitions now.
    pub partitions: AtomicI32,
    /// A sink for each mode.
    pub sinks: Vec<Sink>,
    /// One more of the topic.
    pub cassandra: Cassandra,
    /// One more, whose log is lost now and then.
    pub side: Side,
    /// The last one is the one that joins and leaves.
    pub instances: Vec<Instance>,
}

/// One sink of every instance.
pub struct Sink {
    /// How records become rows; the sink has its name.
    pub mode: Mode,
    /// The schema of its table, and of plimsoll's own.
    pub database: Database,
}

/// A place for a process, with a network of its own to the databases.
pub struct Instance {
    /// In front of Postgres.
    pub proxy: Proxy,
    /// In front of Cassandra.
    pub wire: Wire,
    /// Held by whom the proxies work for.
    pub network: Mutex<()>,
    /// None while it is down.
    pub process: Mutex<Option<Process>>,
    config: String,
}

impl Instance {
    /// Starts its process.
    pub fn start(&self) {
        let process = Process::start_config(&self.config, &folder("storm"));
        *self.process.lock().expect("not poisoned") = Some(process);
    }

    /// Takes the process out, to do something to it.
    pub fn take(&self) -> Process {
        let taken = self.process.lock().expect("not poisoned").take();
        taken.expect("one lane alone starts and ends processes")
    }

    /// Puts it back.
    pub fn put(&self, process: Process) {
        *self.process.lock().expect("not poisoned") = Some(process);
    }
}

impl World {
    /// With a small file system of so many MiB, and nobody in it yet.
    pub fn new(disk_mib: u64, cassandra: Server) -> Self {
        let disk = SmallDisk::mount(disk_mib);
        let kafka_proxy = KafkaProxy::start();
        let broker = OwnKafka::start_behind(&kafka_proxy);
        let server = match &disk {
            Ok(disk) => OwnPostgres::start_beside(disk),
            Err(_) => OwnPostgres::start(),
        };
        let kafka = Kafka::at(&broker.bootstrap());
        let topic = unique("storm");
        kafka.create_topic(&topic, PARTITIONS);
        // Without a rule of its own nobody could read it beside one that forbids.
        kafka.add_rule(&Rule::open(&topic)).expect("a rule");
        let side = unique("storm_side");
        kafka.create_topic(&side, 1);
        let sinks: Vec<Sink> = Mode::ALL
            .into_iter()
            .map(|mode| {
                let database = Database::on(&server.url(), &format!("storm_{}", mode.name()));
                create_table(&database, mode);
                Sink { mode, database }
            })
            .collect();
        let side = Side::new(side, Database::on(&server.url(), "storm_side"));
        let world = Self {
            broker: Mutex::new(broker),
            kafka_proxy,
            kafka,
            server,
            disk,
            topic,
            partitions: AtomicI32::new(PARTITIONS),
            sinks,
            cassandra: Cassandra::new(cassandra),
            side,
            instances: Vec::new(),
        };
        if let Ok(disk) = &world.disk {
            let database = &world.sink(Mode::Append).database;
            let space = disk.space();
            database.execute(&format!(
                "CREATE TABLESPACE small LOCATION '{}'",
                space.display()
            ));
            database.execute("ALTER TABLE {s}.orders SET TABLESPACE small");
        }
        let instance = |_| {
            let proxy = Proxy::start(world.server.address());
            let wire = Wire::start(world.cassandra.keyspace.address());
            Instance {
                config: world.config(&proxy.url(), wire.address()),
                proxy,
                wire,
                network: Mutex::default(),
                process: Mutex::default(),
            }
        };
        let instances = (0..=INSTANCES).map(instance).collect();
        Self { instances, ..world }
    }

    /// The sink of a mode.
    pub fn sink(&self, mode: Mode) -> &Sink {
        let mut sinks = self.sinks.iter();
        sinks.find(|s| s.mode == mode).expect("one per mode")
    }

    /// A config for the commands beside `run`.
    pub fn config_file(&self) -> PathBuf {
        let path = folder("storm").join("plimsoll.toml");
        let config = self.config(&self.server.url(), self.cassandra.keyspace.address());
        std::fs::write(&path, config.replace("@HTTP@", "off")).expect("a config file");
        path
    }

    fn config(&self, url: &str, cassandra: SocketAddr) -> String {
        let bootstrap = format!("127.0.0.1:{}", self.kafka_proxy.port());
        let topic = &self.topic;
        let mut config = format!(
            r#"
drain_ms = 3000
memory_limit = "120MiB"

[kafka]
bootstrap_servers = "{bootstrap}"

[kafka.properties]
"session.timeout.ms" = "{SESSION_TIMEOUT_MS}"
"heartbeat.interval.ms" = "500"
"topic.metadata.refresh.interval.ms" = "2000"
"reconnect.backoff.max.ms" = "1000"

[http]
listen = "@HTTP@"
"#
        );
        for Sink { mode, database } in &self.sinks {
            let (name, table, state) = (
                mode.name(),
                database.table("orders"),
                database.state_schema(),
            );
            // Above 500 rows a batch of `append` is a COPY in a transaction.
            let (max_records, linger_ms, columns) = match mode {
                Mode::Append => (1_000, 200, "part = \"partition\"\noff = \"offset\""),
                Mode::Upsert => (200, 50, "part = \"partition\"\noff = \"offset\""),
                Mode::Log => (200, 50, ""),
            };
            write!(
                config,
                r#"
[sinks.{name}]
topics = ["{topic}"]
group_id = "{topic}-{name}"
on_bad_record = "dead_letter"

[sinks.{name}.batch]
max_records = {max_records}
linger_ms = {linger_ms}

[sinks.{name}.postgres]
url = "{url}"
state_schema = "{state}"
table = "{table}"
mode = "{name}"
call_timeout_ms = {CALL_TIMEOUT_MS}

[sinks.{name}.postgres.columns]
{columns}
"#
            )
            .expect("a string grows");
        }
        config += &self.cassandra.config(topic, cassandra);
        let Side {
            topic, database, ..
        } = &self.side;
        let (table, state) = (database.table(side::NAME), database.state_schema());
        write!(
            config,
            r#"
[sinks.{name}]
topics = ["{topic}"]
group_id = "{topic}"

[sinks.{name}.batch]
linger_ms = 50

[sinks.{name}.postgres]
url = "{url}"
state_schema = "{state}"
table = "{table}"
mode = "append"
call_timeout_ms = {CALL_TIMEOUT_MS}
"#,
            name = side::NAME,
        )
        .expect("a string grows");
        config
    }

    /// The partitions of all sinks that stand in the databases as a process' own.
    pub fn owned_by(&self, pid: i32) -> Result<Vec<String>, String> {
        let mut owned = self.cassandra.owned_by(pid)?;
        for Sink { mode, database } in &self.sinks {
            // The name of an owner is host-pid-id.
            let sql = format!(
                "SELECT kafka_partition FROM {{s}}_state.positions WHERE owner_name LIKE '%-{pid}-%'"
            );
            let rows = database.again().try_rows(&sql);
            for row in rows.map_err(|e| e.to_string())? {
                let partition = row[0].as_deref().expect("a number");
                owned.push(format!("{partition} of {}", mode.name()));
            }
        }
        Ok(owned)
    }

    /// Waits until a process owns something.
    #[track_caller]
    pub fn wait_owns(&self, process: &mut Process) -> usize {
        let pid = process.pid();
        wait::until(&format!("process {pid} owns partitions"), || {
            process.assert_running();
            match self.owned_by(pid) {
                Ok(owned) if owned.is_empty() => Err("none".to_owned()),
                owned => owned.map(|owned| owned.len()),
            }
        })
    }

    /// Waits until a process owns nothing any more: others have it, or nobody.
    #[track_caller]
    pub fn wait_owns_nothing(&self, pid: i32) {
        wait::until(
            &format!("others own what process {pid} did"),
            || match self.owned_by(pid) {
                Ok(owned) if owned.is_empty() => Ok(()),
                Ok(owned) => Err(format!("it has {}", owned.join(", "))),
                Err(error) => Err(error),
            },
        );
    }

    /// Sums a metric per process that can be asked now; with its pid, for a new
    /// process counts from 0.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(i32, f64)> {
        let ask = |instance: &Instance| {
            let process = instance.process.try_lock().ok()?;
            let process = process.as_ref()?;
            Some((process.pid(), process.metrics()?.sum(name, labels)?))
        };
        self.instances.iter().filter_map(ask).collect()
    }

    /// How many partitions the topic has.
    pub fn partitions(&self) -> i32 {
        self.partitions.load(Ordering::SeqCst)
    }
}

/// Whether some process counts more than it did.
pub fn grown(before: &[(i32, f64)], now: &[(i32, f64)]) -> bool {
    now.iter().any(|(pid, value)| {
        let old = before.iter().find(|(p, _)| p == pid).map_or(0.0, |b| b.1);
        *value > old
    })
}
