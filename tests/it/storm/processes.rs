//! Faults of processes.

use super::cassandra;
use super::producers::Producers;
use super::schedule::{Kind, Step};
use super::world::{INSTANCES, World};
use crate::harness::proxy::Next;
use crate::harness::wait;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// What proves that the fault hit; or why it did not.
pub type Outcome = Result<String, String>;

/// Does it once.
pub fn strike(step: &Step, world: &World, producers: &Producers) -> Outcome {
    match step.kind {
        Kind::Kill => kill(step, world),
        Kind::KillInCommit => kill_in_commit(step, world),
        Kind::Stop => stop(step, world),
        Kind::StopInTransaction => stop_in_transaction(step, world, producers),
        Kind::StopInRequests => cassandra::stop_in_requests(&world.instances[step.instance], world),
        Kind::Term => term(step, world),
        Kind::JoinAndLeave => join_and_leave(world),
        other => unreachable!("{other:?} is no fault of a process"),
    }
}

fn kill(step: &Step, world: &World) -> Outcome {
    let instance = &world.instances[step.instance];
    let mut process = instance.take();
    let owned = world.wait_owns(&mut process);
    let pid = process.pid();
    let status = process.kill();
    // Sooner than the group misses it, or later.
    let taken_over = step.chance.is_multiple_of(2);
    if taken_over {
        world.wait_owns_nothing(pid);
    }
    instance.start();
    let then = if taken_over {
        "all taken over before it came back"
    } else {
        "back before it was missed"
    };
    ended_by(status.signal(), libc::SIGKILL).map(|by| format!("{by}; {owned} partitions, {then}"))
}

fn kill_in_commit(step: &Step, world: &World) -> Outcome {
    let instance = &world.instances[step.instance];
    let _network = instance.network.lock().expect("not poisoned");
    let proxy = &instance.proxy;
    proxy.next_commit(Next::Hold);
    let held = happens(|| proxy.holds());
    if !held {
        proxy.next_commit(Next::Pass);
        return Err("no commit came".to_owned());
    }
    let refused = proxy.refused();
    let process = instance.take();
    let pid = process.pid();
    let status = process.kill();
    // The commit arrives while nobody else has claimed yet, or when it is too late.
    let too_late = step.chance.is_multiple_of(2);
    if too_late {
        world.wait_owns_nothing(pid);
    }
    proxy.release();
    let passed = happens(|| proxy.passed_on());
    instance.start();
    if !passed {
        return Err("what became of the commit is not known".to_owned());
    }
    let then = match (too_late, proxy.refused() > refused) {
        (_, true) => "its commit was refused",
        (true, false) => "its session had been ended",
        (false, false) => "its commit was made",
    };
    ended_by(status.signal(), libc::SIGKILL)
        .map(|by| format!("{by} while the proxy held a commit; {then}"))
}

fn stop(step: &Step, world: &World) -> Outcome {
    let instance = &world.instances[step.instance];
    let mut process = instance.take();
    let owned = world.wait_owns(&mut process);
    process.freeze();
    let since = Instant::now();
    world.wait_owns_nothing(process.pid());
    let stood = since.elapsed();
    process.thaw();
    let again = world.wait_owns(&mut process);
    instance.put(process);
    Ok(format!(
        "{owned} partitions owned by others after {:.1} s; {again} again after SIGCONT",
        stood.as_secs_f64()
    ))
}

fn stop_in_transaction(step: &Step, world: &World, producers: &Producers) -> Outcome {
    let instance = &world.instances[step.instance];
    let _network = instance.network.lock().expect("not poisoned");
    let proxy = &instance.proxy;
    let mut process = instance.take();
    world.wait_owns(&mut process);
    proxy.next_commit(Next::HoldOpen);
    // Batches so large that they are copied in a transaction: more and more comes
    // at once, until one is.
    let (mut each, mut last) = (0, Instant::now());
    let held = happens(|| {
        if each == 0 || last.elapsed() > Duration::from_secs(3) {
            each += 1_500;
            producers.burst(each * world.partitions() as usize);
            last = Instant::now();
        }
        proxy.holds()
    });
    if !held {
        proxy.next_commit(Next::Pass);
        instance.put(process);
        return Err("no open transaction came".to_owned());
    }
    let refused = proxy.refused();
    process.freeze();
    world.wait_owns_nothing(process.pid());
    let still_held = proxy.holds();
    proxy.release();
    let passed = happens(|| proxy.passed_on());
    process.thaw();
    world.wait_owns(&mut process);
    instance.put(process);
    match (passed, still_held, proxy.refused() > refused) {
        (false, ..) => Err("what became of the COMMIT is not known".to_owned()),
        (true, true, true) => {
            Ok("taken over while the proxy held its COMMIT, which was refused".to_owned())
        }
        (true, ..) => {
            Ok("taken over while its transaction was open; its session was ended".to_owned())
        }
    }
}

fn term(step: &Step, world: &World) -> Outcome {
    let instance = &world.instances[step.instance];
    let mut process = instance.take();
    let owned = world.wait_owns(&mut process);
    let status = process.drain();
    instance.start();
    assert!(status.success(), "after SIGTERM: {status}");
    Ok(format!("exit code 0; it had {owned} partitions"))
}

fn join_and_leave(world: &World) -> Outcome {
    let instance = &world.instances[INSTANCES];
    instance.start();
    let mut process = instance.take();
    let pid = process.pid();
    let owned = world.wait_owns(&mut process);
    let status = process.drain();
    assert!(status.success(), "after SIGTERM: {status}");
    world.wait_owns_nothing(pid);
    Ok(format!(
        "{owned} partitions came to it, and went with exit code 0"
    ))
}

fn ended_by(signal: Option<i32>, wanted: i32) -> Outcome {
    if signal == Some(wanted) {
        Ok(format!("ended by signal {wanted}"))
    } else {
        Err(format!("ended by signal {signal:?}"))
    }
}

/// Long enough for what the others do to an instance meanwhile; then the fault
/// has missed, and is tried again.
const MISSED: Duration = Duration::from_secs(30);

/// Whether something happens before the fault counts as missed.
pub fn happens(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + MISSED;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(wait::INTERVAL);
    }
}
