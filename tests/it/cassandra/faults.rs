//! Processes that are killed or stopped, and servers that are away or busy.

use super::world::World;
use crate::harness::cassandra::{Keyspace, OwnCassandra, shared};
use crate::harness::kafka::Message;
use crate::harness::process::Process;
use crate::harness::servers::OwnKafka;
use crate::harness::wait;
use crate::harness::wire::Wire;
use std::time::Duration;

const KILLS: usize = 20;

#[test]
fn twenty_kills_leave_the_fold_of_the_log() {
    let mut world = World::new("kills", 4);
    // A member that is killed is missed by the group for that long.
    world.service = world.service.property("session.timeout.ms", "2000");
    world.service.batch = "max_records = 200\nlinger_ms = 10".to_owned();
    // No server crashes here, so nothing needs to be written twice: what is missing
    // at the end was passed over. Few requests at once, so that most of the time rows
    // are under way.
    let address = world.keyspace.address();
    world.service = world.settings(address, "rewind_ms = 0\nmax_in_flight = 4");
    let (mut moved_with_lag, mut rows_ahead) = (0, 0);
    for round in 0..KILLS {
        world.top_up(6_000);
        let before = world.progress();
        let process = Process::start(&world.service);
        world.wait_progress(before);
        // The moment is random.
        let micros = uuid::Uuid::new_v4().as_fields().0 % 150_000;
        std::thread::sleep(Duration::from_micros(micros.into()));
        // However fast it was, it has something left to do.
        world.top_up(3_000);
        process.kill();
        moved_with_lag += usize::from(world.progress() > before && world.lag() > 0);
        rows_ahead += usize::from(world.rows_ahead() > 0);
        // What Kafka holds is not the truth: neither of these has any effect.
        let ends = world.kafka.ends(&world.topic);
        let lie = if round % 4 < 2 {
            vec![0; ends.len()]
        } else {
            ends
        };
        let group = &world.service.group;
        world.kafka.set_group_offsets(group, &world.topic, &lie);
    }
    assert!(
        moved_with_lag >= KILLS / 2,
        "the position had moved and lag was left at {moved_with_lag} of {KILLS} kills"
    );
    assert!(
        rows_ahead >= KILLS / 2,
        "rows were written whose position was not at {rows_ahead} of {KILLS} kills"
    );
    let process = Process::start_ready(&world.service);
    world.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn late_writes_of_a_stopped_owner_reach_the_server_and_change_nothing() {
    let mut world = World::new("zombie", 1);
    world.service.batch = "max_records = 100\nlinger_ms = 10".to_owned();
    let wire = Wire::start(world.keyspace.address());
    let through_wire = world.settings(
        wire.address(),
        "max_in_flight = 64\ncall_timeout_ms = 60000",
    );
    let mut zombie = Process::start_ready(&through_wire);
    world.produce(500);
    world.assert_exact();
    // A batch of updates that gets no further than the wire.
    wire.hold();
    let updates = |status: &str| -> Vec<Message> {
        (0..64)
            .map(|id| {
                let json = format!(r#"{{"id":{id},"status":"{status}","note":"{status}"}}"#);
                Message::of(0, &json).key(&id.to_string())
            })
            .collect()
    };
    world.producer.send_all(&world.topic, &updates("late"));
    wire.wait_held(64);
    zombie.freeze();
    // Its successor writes them, and then others over them, and deletes some.
    let ends: Vec<Message> = (0..32)
        .map(|id| Message::tombstone(0, &id.to_string()))
        .collect();
    world.producer.send_all(&world.topic, &updates("after"));
    world.producer.send_all(&world.topic, &ends);
    let successor = Process::start(&world.service);
    world.assert_exact();
    // Now they arrive.
    let late = wire.release();
    assert!(late >= 64, "{late} requests came late");
    world.assert_exact();
    zombie.thaw();
    world.kafka.wait_members(&world.service.group, 2);
    world.produce(500);
    world.assert_exact();
    zombie.assert_running();
    assert!(successor.drain().success());
    // Alone again, it claims and goes on.
    world.produce(500);
    world.assert_exact();
    assert!(zombie.drain().success());
}

#[test]
fn cassandra_is_killed_and_started_again_while_the_service_writes() {
    let mut server = OwnCassandra::start("");
    let mut world = World::on(server.address(), "restart", 4);
    world.service.batch = "max_records = 50\nlinger_ms = 10".to_owned();
    let mut process = Process::start_ready(&world.service);
    for _ in 0..2 {
        let before = world.progress();
        world.produce(5_000);
        world.wait_progress(before);
        let tried = away(&process);
        server.kill();
        // Something to write while it is away, however fast the first ones were.
        world.produce(1_000);
        wait::until("a commit meets the server that is away", || {
            match away(&process) {
                now if now > tried => Ok(()),
                now => Err(now),
            }
        });
        let began_anew = restarts(&process);
        server.begin();
        world.wait_caught_up();
        process.assert_running();
        // What it had acknowledged last may be gone: all of it was written again.
        assert!(
            restarts(&process) > began_anew,
            "claimed again, and began before"
        );
    }
    world.assert_exact();
    assert_eq!(process.metric("plimsoll_dead_letters_total", &[]), 0.0);
    assert!(process.drain().success());
}

/// A claim begins before the position: where another leader wrote.
#[test]
fn what_earlier_leaders_of_a_log_wrote_is_read_again() {
    let mut broker = OwnKafka::start();
    let keyspace = Keyspace::on(shared(), "leaders");
    let mut world = World::beside(&broker.bootstrap(), keyspace, "leaders", 1);
    let process = Process::start_ready(&world.service);
    world.produce(200);
    world.assert_exact();
    // It leads again, in another epoch.
    broker.kill();
    broker.begin();
    world.produce(200);
    world.assert_exact();
    assert!(process.drain().success());
    let stored = world.keyspace.rows("leader_epoch FROM {k}.positions");
    assert!(stored[0]["leader_epoch"].as_i64() > Some(0), "{stored:?}");
    let mut process = Process::start(&world.service);
    world.produce(200);
    world.assert_exact();
    process.assert_running();
    let read = process.metric("plimsoll_records_consumed_total", &[]);
    assert!(read >= 600.0, "{read} records: all were read again");
    assert_eq!(process.metric("plimsoll_partitions_halted", &[]), 0.0);
    assert!(process.drain().success());
}

#[test]
fn an_overloaded_server_is_waited_for_by_few_requests_and_by_many() {
    // It gives up on a write after two milliseconds, and says so.
    let server = OwnCassandra::start("write_request_timeout: 10ms\n");
    let mut worlds: Vec<(World, Process)> = [("few", 1), ("many", 4_000)]
        .map(|(test, max_in_flight)| {
            let mut world = World::on(server.address(), test, 2);
            let more = format!("max_in_flight = {max_in_flight}\nbatches = false");
            world.service = world.settings(server.address(), &more);
            world.service.batch = "max_records = 2000\nlinger_ms = 10".to_owned();
            world.produce(4_000);
            let process = Process::start_ready(&world.service);
            (world, process)
        })
        .into();
    let patient = |process: &Process| process.metric("plimsoll_requests_repeated_total", &[]);
    wait::until("the server was overloaded for both", || {
        let mut repeated = Vec::new();
        for (world, process) in &mut worlds {
            world.top_up(4_000);
            process.assert_running();
            repeated.push(patient(process));
        }
        if repeated.iter().all(|&times| times > 0.0) {
            Ok(())
        } else {
            Err(format!("{repeated:?}"))
        }
    });
    for (world, process) in worlds {
        world.assert_exact();
        assert_eq!(process.metric("plimsoll_dead_letters_total", &[]), 0.0);
        assert!(process.drain().success());
    }
}

/// Tries that met a server that was away.
fn away(process: &Process) -> f64 {
    process.metric("plimsoll_retries_total", &[("reason", "unavailable")])
}

fn restarts(process: &Process) -> f64 {
    process.metric("plimsoll_partition_restarts_total", &[])
}
