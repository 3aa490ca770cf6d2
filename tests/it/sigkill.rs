//! SIGKILL at random moments.

use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::Process;
use crate::harness::wait;
use std::time::Duration;

const KILLS: usize = 20;

fn twenty_kills(mode: Mode) {
    let mut case = Case::new("sigkill", mode, 4);
    // A member that is killed is missed by the group for that long.
    case.service = case.service.property("session.timeout.ms", "2000");
    // Small batches are one statement, large ones a COPY in a transaction; the
    // backlog is what a writer does not empty before it is killed.
    let (max_records, backlog) = match mode {
        Mode::Append => (1_000, 60_000),
        Mode::Log | Mode::Upsert => (50, 15_000),
    };
    case.service.batch = format!("max_records = {max_records}\nlinger_ms = 10");
    let (blocker, table) = (case.database.again(), case.database.table("orders"));
    let (mut moved_with_lag, mut unfinished) = (0, 0);
    for round in 0..KILLS {
        case.top_up(backlog);
        let before = case.progress();
        let process = Process::start(&case.service);
        case.wait_progress(before);
        // The moment is random.
        let micros = uuid::Uuid::new_v4().as_fields().0 % 150_000;
        std::thread::sleep(Duration::from_micros(micros.into()));
        // Half of the kills hit a commit that waits in the server for a lock, so
        // that it goes on when its writer is dead. The others hit whatever there
        // is at the moment.
        let waits_in_the_server = round % 2 == 0;
        if waits_in_the_server {
            blocker.execute(&format!("BEGIN; LOCK TABLE {table} IN SHARE MODE"));
            wait::until("a commit is under way", || {
                // However fast the writer was, it has something left to do.
                case.top_up(backlog / 4);
                match case.database.unfinished(&case.service) {
                    0 => Err("none"),
                    _ => Ok(()),
                }
            });
        }
        // It does nothing more while the database is looked at.
        process.freeze();
        let open = case.database.unfinished(&case.service);
        process.kill();
        if waits_in_the_server {
            blocker.execute("ROLLBACK");
        }
        unfinished += usize::from(open > 0);
        moved_with_lag += usize::from(case.progress() > before && case.lag() > 0);
        // What Kafka holds is not the truth: neither of these has any effect.
        let ends = case.kafka.ends(&case.topic);
        let lie = if round % 4 < 2 {
            vec![0; ends.len()]
        } else {
            ends
        };
        case.kafka
            .set_group_offsets(&case.service.group, &case.topic, &lie);
    }
    assert!(
        moved_with_lag >= KILLS / 2,
        "the position had moved and lag was left at {moved_with_lag} of {KILLS} kills"
    );
    assert!(
        unfinished >= KILLS / 2,
        "a transaction was open at {unfinished} of {KILLS} kills"
    );
    let process = Process::start_ready(&case.service);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn log_is_exact_after_twenty_kills() {
    twenty_kills(Mode::Log);
}

#[test]
fn append_without_any_unique_constraint_is_exact_after_twenty_kills() {
    twenty_kills(Mode::Append);
}

#[test]
fn upsert_is_exact_after_twenty_kills() {
    twenty_kills(Mode::Upsert);
}
