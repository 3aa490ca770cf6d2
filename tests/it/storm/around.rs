//! Faults of servers and networks.

use super::processes::{Outcome, happens};
use super::producers::Producers;
use super::schedule::{Kind, Step};
use super::world::{CALL_TIMEOUT_MS, Instance, World, grown};
use super::{answers, cassandra, side, tables};
use crate::harness::kafka_proxy::Fault;
use crate::harness::oracle::Mode;
use crate::harness::proxy::Next;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Does it once.
pub fn strike(step: &Step, world: &World, producers: &Producers) -> Outcome {
    let instance = &world.instances[step.instance];
    let _network = instance.network.lock().expect("not poisoned");
    match step.kind {
        Kind::BrokerRestart => restart_broker(world),
        Kind::PostgresRestart => restart_postgres(world),
        Kind::CommitLost => lose(instance, Next::LoseCommit),
        Kind::AnswerLost => lose(instance, Next::LoseAnswer),
        Kind::CommitDelayed => delay(instance, Next::Hold, step.chance),
        Kind::AnswerDelayed => delay(instance, Next::HoldAnswer, step.chance),
        Kind::Reset => reset(instance),
        Kind::Silence => silence(instance),
        Kind::PartitionAdded => add_partition(world, producers),
        Kind::SlowDatabase => slow_down(world, step.chance),
        Kind::TablespaceFull => fill(world),
        Kind::KafkaError => answers::error(world, step.chance),
        Kind::BatchDamaged => answers::spoil(world, Fault::Damaged),
        Kind::BatchUnreadable => answers::spoil(world, Fault::Unreadable),
        Kind::ReadRevoked => answers::revoke(world),
        Kind::TopicRecreated => side::recreate(world),
        Kind::LogTruncated => side::truncate(world),
        Kind::TableAltered => tables::alter(world, step.chance),
        Kind::TableLocked => tables::lock(world, step.chance),
        Kind::RequestsLost => cassandra::cut(instance),
        Kind::AnswersUnheard => cassandra::drop_answers(instance),
        Kind::RequestsDelayed => cassandra::delay(instance, step.chance),
        Kind::CassandraRestart => cassandra::restart(world),
        other => unreachable!("{other:?} is a fault of a process"),
    }
}

fn restart_broker(world: &World) -> Outcome {
    let errors = || world.metric("plimsoll_kafka_errors_total", &[]);
    let before = errors();
    let mut broker = world.broker.lock().expect("not poisoned");
    broker.kill();
    let noticed = happens(|| grown(&before, &errors()));
    broker.begin();
    if noticed {
        Ok("an instance lost its connection; the broker said that it runs again".to_owned())
    } else {
        Err("nobody noticed".to_owned())
    }
}

fn restart_postgres(world: &World) -> Outcome {
    let database = world.sinks[0].database.again();
    let sessions = || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plimsoll/%'";
        database.number(sql)
    };
    let mut open = 0;
    let connected = happens(|| {
        open = sessions();
        open > 0
    });
    let recoveries = || {
        let log = world.server.log();
        log.matches("database system was not properly shut down")
            .count()
    };
    let before = recoveries();
    world.server.stop_immediately();
    world.server.begin();
    let recovered = recoveries() - before;
    if connected && recovered == 1 {
        Ok(format!(
            "{open} sessions broken; the server recovered from its log"
        ))
    } else {
        Err(format!("{open} sessions, {recovered} recoveries"))
    }
}

fn lose(instance: &Instance, next: Next) -> Outcome {
    let proxy = &instance.proxy;
    let (lost, applied) = (proxy.lost(), proxy.applied());
    proxy.next_commit(next);
    let hit = happens(|| proxy.lost() > lost);
    proxy.next_commit(Next::Pass);
    let applied = proxy.applied() - applied;
    match (next, hit, applied) {
        (Next::LoseCommit, true, _) => Ok("the proxy kept a commit to itself".to_owned()),
        (Next::LoseAnswer, true, 1) => {
            Ok("the proxy kept the answer to itself; the server had committed".to_owned())
        }
        _ => Err(format!("lost: {hit}, applied: {applied}")),
    }
}

fn delay(instance: &Instance, next: Next, chance: u64) -> Outcome {
    let proxy = &instance.proxy;
    proxy.next_commit(next);
    if !happens(|| proxy.holds()) {
        proxy.next_commit(Next::Pass);
        return Err("no commit came".to_owned());
    }
    // Within the writer's patience, or beyond it.
    let ms = 200 + chance % (CALL_TIMEOUT_MS * 3 / 2);
    std::thread::sleep(Duration::from_millis(ms));
    let held = proxy.holds();
    proxy.release();
    let passed = happens(|| proxy.passed_on());
    if !passed {
        return Err("it was never answered".to_owned());
    }
    let given_up = if held {
        ""
    } else {
        "; its writer had given up"
    };
    Ok(format!("held for {ms} ms{given_up}"))
}

fn reset(instance: &Instance) -> Outcome {
    let proxy = &instance.proxy;
    let mut connections = 0;
    let hit = happens(|| {
        connections = proxy.passing();
        connections > 0
    });
    proxy.reset();
    match hit && happens(|| proxy.passing() < connections) {
        true => Ok(format!("{connections} connections broken")),
        false => Err("nobody was connected".to_owned()),
    }
}

fn silence(instance: &Instance) -> Outcome {
    let proxy = &instance.proxy;
    // Only one that speaks can fall silent.
    if !happens(|| proxy.passing() > 0) {
        return Err("nobody was connected".to_owned());
    }
    let (silenced, given_up) = (proxy.silenced(), proxy.given_up());
    proxy.silence();
    let hit = happens(|| proxy.given_up() > given_up);
    proxy.mend();
    let (silenced, given_up) = (proxy.silenced() - silenced, proxy.given_up() - given_up);
    match hit {
        true => Ok(format!(
            "{silenced} connections silent; {given_up} given up by the instance"
        )),
        false => Err(format!("{silenced} connections silent, none given up")),
    }
}

fn add_partition(world: &World, producers: &Producers) -> Outcome {
    let total = world.partitions() + 1;
    world.kafka.add_partitions(&world.topic, total);
    world.partitions.store(total, Ordering::SeqCst);
    producers.spread_over(total);
    let claimed = |mode| {
        let sql = format!(
            "SELECT count(*) FROM {{s}}_state.positions
             WHERE kafka_partition = {} AND owner IS NOT NULL",
            total - 1
        );
        let rows = world.sink(mode).database.again().try_rows(&sql);
        rows.is_ok_and(|rows| rows[0][0].as_deref() == Some("1"))
    };
    let everywhere = || Mode::ALL.into_iter().all(claimed) && world.cassandra.is_claimed(total - 1);
    if happens(everywhere) {
        Ok(format!(
            "number {total} was claimed by an instance for every sink"
        ))
    } else {
        Err("nobody claimed it".to_owned())
    }
}

fn slow_down(world: &World, chance: u64) -> Outcome {
    const ANSWERS: usize = 60;
    let ms = 50 + chance % 200;
    let slowed = || {
        world
            .instances
            .iter()
            .map(|i| i.proxy.slowed())
            .sum::<usize>()
    };
    let before = slowed();
    let all = |ms| world.instances.iter().for_each(|i| i.proxy.slow_down(ms));
    all(ms);
    let hit = happens(|| slowed() >= before + ANSWERS);
    all(0);
    let late = slowed() - before;
    if hit {
        Ok(format!("{late} answers came {ms} ms late"))
    } else {
        Err(format!("{late} answers"))
    }
}

fn fill(world: &World) -> Outcome {
    let disk = world
        .disk
        .as_ref()
        .expect("scheduled only where it is there");
    let refusals = || {
        world
            .server
            .log()
            .matches("No space left on device")
            .count()
    };
    let before = refusals();
    disk.fill();
    let hit = happens(|| refusals() > before);
    disk.clear();
    if hit {
        Ok(format!(
            "the server said `No space left on device` {} times",
            refusals() - before
        ))
    } else {
        Err("there was room enough".to_owned())
    }
}
