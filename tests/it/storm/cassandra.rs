//! A sink of Cassandra beside those of Postgres, and what befalls it alone: requests and
//! answers that are lost or late, and a server that is killed.

use super::processes::{Outcome, happens};
use super::world::{CALL_TIMEOUT_MS, Instance, World, grown};
use crate::cassandra::world::{self, COLUMNS, TABLES};
use crate::harness::cassandra::{Keyspace, OwnCassandra, shared};
use crate::harness::kafka::{Kafka, Record};
use crate::harness::oracle::Row;
use crate::harness::wait;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

/// The sink's name.
pub const NAME: &str = "cassandra";

/// So many requests at once are rows: heartbeats and looks come one by one.
const ROWS: usize = 4;

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The one that all tests share: it is never stopped, and is no JVM more.
    Shared,
    /// One of the storm's own, which is.
    Own,
}

/// The server and the keyspace.
pub struct Cassandra {
    own: Option<Mutex<OwnCassandra>>,
    /// For the table and for plimsoll's own.
    pub keyspace: Keyspace,
}

impl Cassandra {
    /// With an empty table.
    pub fn new(server: Server) -> Self {
        let own = match server {
            Server::Shared => None,
            Server::Own => Some(OwnCassandra::start_beside_another("")),
        };
        let address = own.as_ref().map_or_else(shared, OwnCassandra::address);
        let keyspace = Keyspace::on(address, "storm");
        keyspace.execute(&format!(
            "CREATE TABLE {{k}}.orders ({COLUMNS}, tags frozen<list<int>>)"
        ));
        Self {
            own: own.map(Mutex::new),
            keyspace,
        }
    }

    /// The sink of a topic, by an address that may be a proxy's.
    pub fn config(&self, topic: &str, address: SocketAddr) -> String {
        let more = format!("call_timeout_ms = {CALL_TIMEOUT_MS}");
        let backend = self.keyspace.sink(address, &more, TABLES);
        let backend = backend.replace("sinks.orders.", &format!("sinks.{NAME}."));
        format!(
            "\n[sinks.{NAME}]\ntopics = [\"{topic}\"]\ngroup_id = \"{topic}-{NAME}\"\n\
             on_bad_record = \"dead_letter\"\n\n[sinks.{NAME}.batch]\nmax_records = 200\n\
             linger_ms = 50\n\n{backend}\n"
        )
    }

    /// The partitions that stand there as a process' own.
    pub fn owned_by(&self, pid: i32) -> Result<Vec<String>, String> {
        let claims = self
            .keyspace
            .try_rows("partition, owner_name FROM {k}.claims")?;
        // The name of an owner is host-pid-id.
        let pid = format!("-{pid}-");
        let of = |row: &&Value| row["owner_name"].as_str().is_some_and(|n| n.contains(&pid));
        let named = |row: &Value| format!("{} of {NAME}", row["partition"]);
        Ok(claims.iter().filter(of).map(named).collect())
    }

    /// Whether a partition is somebody's own.
    pub fn is_claimed(&self, partition: i32) -> bool {
        let claims = self
            .keyspace
            .try_rows("partition, owner FROM {k}.claims")
            .unwrap_or_default();
        let of = |row: &Value| row["partition"] == partition && !row["owner"].is_null();
        claims.iter().any(of)
    }

    /// Waits until the positions stand at the end of the log.
    #[track_caller]
    pub fn wait_caught_up_within(&self, limit: Duration, kafka: &Kafka, topic: &str) {
        let ends = kafka.ends(topic);
        let what = format!("the positions of {topic} in Cassandra are {ends:?}");
        wait::within(limit, &what, || match self.keyspace.positions(topic) {
            found if found == ends => Ok(()),
            found => Err(format!("{found:?}")),
        });
    }

    /// What the rows must be, and what they are.
    pub fn rows(&self, good: &[Record]) -> (Vec<Row>, Vec<Row>) {
        let found = world::found(&self.keyspace).expect("the rows of Cassandra");
        (world::expected(good), found)
    }

    /// The dead letters as the oracle tells them.
    pub fn letters(&self) -> Vec<Row> {
        let columns = "topic, partition, kafka_offset, key, value FROM {k}.dead_letters";
        let letters = self.keyspace.try_rows(columns).expect("dead letters");
        letters.iter().map(letter).collect()
    }
}

fn letter(row: &Value) -> Row {
    let bytes = |column: &str| {
        let hex = row[column].as_str()?.strip_prefix("0x")?;
        let digits = hex.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Vec<u8> = digits.map(byte).collect::<Option<_>>()?;
        String::from_utf8(bytes).ok()
    };
    vec![
        row["topic"].as_str().map(ToOwned::to_owned),
        Some(row["partition"].to_string()),
        Some(row["kafka_offset"].to_string()),
        bytes("key"),
        bytes("value"),
    ]
}

/// Keeps requests of an instance back; says how many, or that too few came.
fn hold(instance: &Instance) -> Result<usize, String> {
    let wire = &instance.wire;
    let before = wire.held();
    wire.hold();
    let held = || wire.held() - before;
    match happens(|| held() >= ROWS) {
        true => Ok(held()),
        false => {
            wire.pass();
            Err(format!("{} requests came", held()))
        }
    }
}

/// Requests never arrive, and the connections break.
pub fn cut(instance: &Instance) -> Outcome {
    let held = hold(instance)?;
    match instance.wire.lose() {
        0 => Err(format!("none of {held} requests was lost")),
        lost => Ok(format!("{lost} requests never arrived")),
    }
}

/// Requests are done, their answers never arrive, and the connections break.
pub fn drop_answers(instance: &Instance) -> Outcome {
    let wire = &instance.wire;
    let unheard = wire.unheard();
    wire.drop_answers();
    let hit = happens(|| wire.unheard() > unheard);
    wire.pass();
    match hit {
        true => Ok("the proxy kept an answer to itself, and broke the connections".to_owned()),
        false => Err("no answer came".to_owned()),
    }
}

/// Requests come late, perhaps after their writer gave up.
pub fn delay(instance: &Instance, chance: u64) -> Outcome {
    let wire = &instance.wire;
    let answered = wire.answered();
    hold(instance)?;
    // Within the writer's patience, or beyond it.
    let ms = 200 + chance % (CALL_TIMEOUT_MS * 3 / 2);
    std::thread::sleep(Duration::from_millis(ms));
    wire.pass();
    let hit = happens(|| wire.settled());
    match (hit, wire.answered() - answered) {
        (true, late @ 1..) => Ok(format!("{late} requests were held for {ms} ms")),
        other => Err(format!("{other:?}")),
    }
}

/// An instance is stopped while requests of it are on their way, which arrive when all
/// that it owned is others'.
pub fn stop_in_requests(instance: &Instance, world: &World) -> Outcome {
    let _network = instance.network.lock().expect("not poisoned");
    let wire = &instance.wire;
    let answered = wire.answered();
    let mut process = instance.take();
    world.wait_owns(&mut process);
    if let Err(missed) = hold(instance) {
        instance.put(process);
        return Err(missed);
    }
    process.freeze();
    world.wait_owns_nothing(process.pid());
    wire.pass();
    let hit = happens(|| wire.settled());
    process.thaw();
    let again = world.wait_owns(&mut process);
    instance.put(process);
    match (hit, wire.answered() - answered) {
        (true, late @ 1..) => Ok(format!(
            "{late} requests arrived when others owned all; {again} partitions again after SIGCONT"
        )),
        other => Err(format!("{other:?}")),
    }
}

/// The server is killed and started again.
pub fn restart(world: &World) -> Outcome {
    let own = world.cassandra.own.as_ref();
    let mut server = own
        .expect("scheduled only where it is the storm's own")
        .lock()
        .expect("not poisoned");
    let away = || {
        let labels = [("sink", NAME), ("reason", "unavailable")];
        world.metric("plimsoll_retries_total", &labels)
    };
    let before = away();
    server.kill();
    let noticed = happens(|| grown(&before, &away()));
    server.begin();
    match noticed {
        true => Ok("a writer met a server that was away; it listens again".to_owned()),
        false => Err("nobody noticed".to_owned()),
    }
}
