//! Writers that are stopped, replaced, and woken again.

use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::Process;
use crate::harness::proxy::{Next, Proxy};
use crate::harness::{servers, wait};
use std::time::Duration;

/// Session timeout 3 s, a stale session's grace, and a machine that is busy with
/// other tests.
const TAKEOVER: Duration = Duration::from_secs(90);

const PARTITIONS: i32 = 4;

fn ten_zombies(mode: Mode) {
    let mut case = Case::new("zombies", mode, PARTITIONS);
    // Small batches are one statement, large ones a COPY in a transaction.
    let (max_records, few, many) = match mode {
        Mode::Append => (1_000, 20_000, 60_000),
        Mode::Log | Mode::Upsert => (100, 2_000, 10_000),
    };
    case.service.batch = format!("max_records = {max_records}\nlinger_ms = 10");
    let proxy = Proxy::start(servers::postgres_address());
    let mut through_proxy = case.service.clone();
    through_proxy.url = proxy.url();
    let mut zombie = Process::start_ready(&through_proxy);
    let (mut in_transaction, mut fenced, mut refused, mut terminated) = (0, 0.0, 0, 0.0);
    for round in 0..10 {
        wait_owns_all(&mut zombie);
        let held = round % 2 == 0;
        let before = (
            zombie.metric("plimsoll_commits_fenced_total", &[]),
            proxy.refused(),
        );
        if held {
            proxy.next_commit(Next::Hold);
            case.produce(few);
            proxy.wait_held();
        } else {
            let from = case.progress();
            case.produce(many);
            case.wait_progress(from);
        }
        zombie.freeze();
        in_transaction += usize::from(held || case.database.unfinished(&case.service) > 0);
        case.produce(500);

        let mut successor = Process::start(&case.service);
        case.wait_caught_up_within(TAKEOVER);
        wait_owns_all(&mut successor);
        terminated += successor.metric("plimsoll_sessions_terminated_total", &[]);

        if held {
            // The commit reaches the server before its writer wakes.
            proxy.release();
            proxy.wait_passed_on();
        }
        zombie.thaw();
        // Both live, and share the partitions.
        case.produce(500);
        case.kafka.wait_members(&case.service.group, 2);
        case.wait_caught_up();
        refused += proxy.refused() - before.1;
        fenced += zombie.metric("plimsoll_commits_fenced_total", &[]) - before.0;
        assert!(successor.drain().success());
    }
    case.assert_exact();
    assert!(
        in_transaction >= 5,
        "{in_transaction} of 10 caught inside a transaction"
    );
    // A commit that came too late was refused, unless the successor had to end
    // its session because its rows were in the way.
    let said = format!("{refused} refused, {fenced} fenced, {terminated} terminated");
    assert!(refused as f64 + terminated >= 5.0, "on the wire: {said}");
    assert!(fenced + terminated >= 5.0, "in the metrics: {said}");
    assert!(zombie.drain().success());
}

#[track_caller]
fn wait_owns_all(process: &mut Process) {
    wait::until("one process owns all partitions", || {
        process.assert_running();
        let owned = process.metric("plimsoll_partitions_assigned", &[]);
        if owned == f64::from(PARTITIONS) {
            Ok(())
        } else {
            Err(owned)
        }
    });
}

#[test]
fn log_is_exact_after_ten_zombies() {
    ten_zombies(Mode::Log);
}

#[test]
fn append_is_exact_after_ten_zombies() {
    ten_zombies(Mode::Append);
}

#[test]
fn upsert_is_exact_after_ten_zombies() {
    ten_zombies(Mode::Upsert);
}
