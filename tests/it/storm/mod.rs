//! The storm: three instances, their sinks, producers, and every kind of fault at
//! random, again and again. docs/STORM.md tells how to read it.
//!
//! ```text
//! schedule ──► processes ┐            ┌► lag 0 within a bound
//!   (seed)     around    ┘─ faults ───┼► plimsoll verify
//! producers ──► topic                 └► oracle: log against tables
//! ```

mod answers;
mod around;
mod cassandra;
mod ledger;
mod oracle;
mod processes;
mod producers;
mod schedule;
mod side;
mod tables;
mod world;

use crate::harness::process::plimsoll;
use cassandra::Server;
use ledger::Ledger;
use producers::{Counts, Producers};
use schedule::{Kind, Schedule, Step};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use world::{INSTANCES, World};

/// After the last fault of a round. Generous: a session that fell silent, a
/// transaction that nobody ended, and a machine with other things to do.
const LIVENESS: Duration = Duration::from_secs(180);

/// Of one fault until it hits.
const ATTEMPTS: usize = 8;

/// What `make test` runs; a long storm has a new one each time.
const SEED_OF_THE_SHORT_ONE: u64 = 20_260_731;

/// Read from the environment.
struct Length {
    seed: u64,
    /// `None`: one round.
    minutes: Option<f64>,
}

impl Length {
    fn read() -> Self {
        let number = |name: &str| {
            let text = std::env::var(name).ok().filter(|text| !text.is_empty());
            text.map(|text| {
                let number = text.parse::<f64>();
                number.unwrap_or_else(|_| panic!("{name} is no number: {text}"))
            })
        };
        let minutes = number("STORM_MINUTES");
        let seed = number("STORM_SEED").map(|seed| seed as u64);
        let new = || u64::from(uuid::Uuid::new_v4().as_fields().0);
        let default = if minutes.is_some() {
            new()
        } else {
            SEED_OF_THE_SHORT_ONE
        };
        Self {
            seed: seed.unwrap_or(default),
            minutes,
        }
    }
}

#[test]
fn every_fault_is_survived_and_nothing_is_lost_or_doubled() {
    let Length { seed, minutes } = Length::read();
    let of_minutes = minutes.map_or(String::new(), |m| format!(" STORM_MINUTES={m}"));
    eprintln!("storm: seed {seed}; again: STORM_SEED={seed}{of_minutes} make storm");
    let began = Instant::now();
    // What `append` writes in that time, several times over.
    let disk_mib = 64 + (minutes.unwrap_or(1.0) * 32.0) as u64;
    // A long storm runs alone; a short one beside other tests, and is no JVM more.
    let server = match minutes {
        Some(_) => Server::Own,
        None => Server::Shared,
    };
    let world = World::new(disk_mib, server);
    let mut possible = Kind::ALL.to_vec();
    if server == Server::Shared {
        possible.retain(|kind| *kind != Kind::CassandraRestart);
        eprintln!("storm: Cassandra is not restarted here: other tests use it");
    }
    if let Err(reason) = &world.disk {
        possible.retain(|kind| *kind != Kind::TablespaceFull);
        eprintln!("storm: no tablespace runs full here: {reason}");
    }
    world.instances[..INSTANCES].iter().for_each(|i| i.start());
    let producers = Producers::start(
        &world.broker.lock().expect("not poisoned").bootstrap(),
        &world.topic,
        world.partitions(),
        seed,
    );
    let (mut schedule, ledger) = (Schedule::new(seed, INSTANCES), Ledger::default());
    let (mut rounds, mut slowest) = (0, Duration::ZERO);
    let verdict = loop {
        rounds += 1;
        let extra = if minutes.is_some() { 5 } else { 0 };
        let round = schedule.next(&possible, extra);
        let broken = AtomicBool::new(false);
        let lane = |name: &str, steps: Vec<Step>| {
            // A lane that fails ends the other one after its fault.
            let _guard = Breaks(&broken);
            for step in steps {
                if broken.load(Ordering::SeqCst) {
                    return;
                }
                run(name, rounds, &step, &world, &producers, &ledger);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| lane("around", round.around));
            // On this thread: processes end with the thread that started them.
            lane("processes", round.processes);
        });
        for instance in &world.instances {
            instance.proxy.reset();
            instance.wire.cut();
        }
        producers.pause();
        let since = Instant::now();
        for sink in &world.sinks {
            let left = LIVENESS.saturating_sub(since.elapsed());
            sink.database
                .wait_caught_up_within(left, &world.kafka, &world.topic);
        }
        let left = LIVENESS.saturating_sub(since.elapsed());
        world
            .cassandra
            .wait_caught_up_within(left, &world.kafka, &world.topic);
        let side = &world.side;
        let left = LIVENESS.saturating_sub(since.elapsed());
        side.database
            .wait_caught_up_within(left, &world.kafka, &side.topic);
        side::assert_exact(&world);
        let caught_up = since.elapsed();
        slowest = slowest.max(caught_up);
        assert_verified(&world);
        let verdict = oracle::judge(&world);
        eprintln!(
            "storm: round {rounds} after {:.0} s: lag 0 in {:.1} s; `plimsoll verify` says exact; oracle: {} records, {} rows and dead \
             letters expected, {} missing, {} duplicates",
            began.elapsed().as_secs_f64(),
            caught_up.as_secs_f64(),
            verdict.records,
            verdict.expected,
            verdict.missing,
            verdict.duplicates,
        );
        assert!(
            verdict.missing == 0 && verdict.duplicates == 0,
            "seed {seed}: {:#?}",
            verdict.examples
        );
        producers.resume();
        if minutes.is_none_or(|m| began.elapsed().as_secs_f64() >= m * 60.0) {
            break verdict;
        }
    };
    let Counts {
        sent,
        committed,
        aborted,
        begun_anew,
    } = producers.counts();
    let refused: usize = world.instances.iter().map(|i| i.proxy.refused()).sum();
    eprintln!(
        "\n{}\nseed {seed}, {:.1} minutes, {rounds} rounds, {} instances, {} partitions at the end\n\
         {sent} records sent; {committed} transactions committed, {aborted} aborted; {begun_anew} producers lost\n\
         {} records to apply; {refused} late commits refused on the wire; lag 0 within {:.1} s\n\
         {} missing, {} duplicates",
        ledger.table(),
        began.elapsed().as_secs_f64() / 60.0,
        INSTANCES,
        world.partitions(),
        verdict.records,
        slowest.as_secs_f64(),
        verdict.missing,
        verdict.duplicates,
    );
    ledger.assert_all_hit(&possible);
    assert!(aborted > 0, "no transaction was aborted");
    drop(producers);
    for instance in &world.instances[..INSTANCES] {
        assert!(instance.take().drain().success());
    }
}

/// Tells the other lane of a panic.
struct Breaks<'b>(&'b AtomicBool);

impl Drop for Breaks<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// One fault, until it hits.
fn run(
    lane: &str,
    round: usize,
    step: &Step,
    world: &World,
    producers: &Producers,
    ledger: &Ledger,
) {
    eprintln!("storm: round {round}, {lane}: {step}");
    std::thread::sleep(Duration::from_millis(step.after_ms));
    for _ in 0..ATTEMPTS {
        let outcome = match step.kind.of_a_process() {
            true => processes::strike(step, world, producers),
            false => around::strike(step, world, producers),
        };
        match outcome {
            Ok(seen) => return ledger.hit(step.kind, seen),
            Err(why) => {
                eprintln!("storm: round {round}, {lane}: missed ({why}): {step}");
                ledger.miss(step.kind);
            }
        }
    }
    panic!("{ATTEMPTS} attempts missed: {step}");
}

/// The service's own proof, by a process of its own.
fn assert_verified(world: &World) {
    let output = plimsoll(&world.config_file(), &["verify"]);
    assert!(
        output.status.success(),
        "plimsoll verify: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
