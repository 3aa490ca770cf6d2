//! A topic and a table beside the others, for what loses a log: the topic deleted and
//! made again, or cut short. Its one partition must halt before anything of the new
//! log is written under the old position; then an operator settles it.

use super::processes::{Outcome, happens};
use super::world::{Instance, World};
use crate::harness::kafka::Message;
use crate::harness::postgres::Database;
use crate::harness::process::plimsoll;
use crate::harness::wait;
use std::sync::atomic::{AtomicI64, Ordering};

/// The sink's name.
pub const NAME: &str = "side";

/// Of one log; a commit each, so that a log cut in half has lost some.
const RECORDS: i64 = 60;

/// The topic and its table.
pub struct Side {
    /// The topic.
    pub topic: String,
    /// The table `side`, and plimsoll's own.
    pub database: Database,
    /// Which log the topic has.
    log: AtomicI64,
}

impl Side {
    /// With an empty topic and an empty table.
    pub fn new(topic: String, database: Database) -> Self {
        database.execute("CREATE TABLE {s}.side (log bigint, n bigint)");
        Self {
            topic,
            database,
            log: AtomicI64::new(0),
        }
    }
}

/// Fills the topic as the next log.
fn fill(world: &World) -> i64 {
    let log = 1 + world.side.log.fetch_add(1, Ordering::SeqCst);
    let value = |n| format!("{{\"log\":{log},\"n\":{n}}}");
    // A new one each time: the old one's remembers the old topic.
    let producer = world.kafka.producer();
    for n in 0..RECORDS {
        let message = Message::of(0, &value(n));
        producer.send_all(&world.side.topic, [&message]);
    }
    log
}

/// How many records of a log are in the table.
fn written(world: &World, log: i64) -> Result<i64, String> {
    let sql = format!("SELECT count(*) FROM {{s}}.side WHERE log = {log}");
    let rows = world.side.database.again().try_rows(&sql);
    let rows = rows.map_err(|e| e.to_string())?;
    let count = rows[0][0].clone().expect("a count");
    count.parse().map_err(|_| count)
}

fn wait_written(world: &World, log: i64) {
    wait::until(
        &format!("log {log} of the side topic is written"),
        || match written(world, log) {
            Ok(RECORDS) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
}

/// Why an instance has halted the partition, if one has.
fn halted(world: &World) -> Option<String> {
    let ask = |instance: &Instance| {
        let process = instance.process.try_lock().ok()?;
        let report = process.as_ref()?.report()?;
        let reason = report["sinks"][NAME]["halted"][0]["reason"].as_str()?;
        Some(reason.to_owned())
    };
    world.instances.iter().find_map(ask)
}

/// Deletes the topic, makes it again and fills it at once.
pub fn recreate(world: &World) -> Outcome {
    let old = fill(world);
    wait_written(world, old);
    world.kafka.delete_topic(&world.side.topic);
    world.kafka.create_topic(&world.side.topic, 1);
    let new = fill(world);
    settle(world, old, new, RECORDS)
}

/// Cuts the log in half while the broker is down, and lets it grow beyond where it
/// ended.
pub fn truncate(world: &World) -> Outcome {
    let old = fill(world);
    wait_written(world, old);
    let end = world.kafka.ends(&world.side.topic)[0];
    {
        let mut broker = world.broker.lock().expect("not poisoned");
        broker.kill();
        broker.cut_log(&world.side.topic);
        broker.begin();
    }
    let cut = world.kafka.ends(&world.side.topic)[0];
    if cut >= end {
        return Err(format!("the log ends at {cut} as before"));
    }
    let new = fill(world);
    settle(world, old, new, RECORDS)
}

/// Waits for the halt, and does what an operator would do about it.
fn settle(world: &World, old: i64, new: i64, records: i64) -> Outcome {
    let mut reason = None;
    let hit = happens(|| {
        reason = halted(world);
        reason.is_some()
    });
    let Some(reason) = reason.filter(|_| hit) else {
        return Err("no instance halted".to_owned());
    };
    let early = written(world, new)?;
    assert_eq!(
        early, 0,
        "log {new} was written under the position of log {old}"
    );
    assert_eq!(written(world, old)?, records);
    world.side.database.execute("TRUNCATE {s}.side");
    let arguments = [
        "positions",
        "reset",
        "--sink",
        NAME,
        "--topic",
        &world.side.topic,
        "--force",
    ];
    wait::until("the side topic is begun again", || {
        let output = plimsoll(&world.config_file(), &arguments);
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    });
    wait_written(world, new);
    Ok(format!("halted: {reason}"))
}

/// The table holds what the topic does.
pub fn assert_exact(world: &World) {
    let log = world.kafka.log(&world.side.topic);
    let mut expected: Vec<String> = log
        .iter()
        .map(|record| {
            String::from_utf8_lossy(record.message.value.as_ref().expect("a value")).into_owned()
        })
        .collect();
    let sql = "SELECT format('{\"log\":%s,\"n\":%s}', log, n) FROM {s}.side";
    let mut found: Vec<String> = world
        .side
        .database
        .again()
        .rows(sql)
        .into_iter()
        .map(|row| row[0].clone().expect("text"))
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "the side topic and its table");
}
