//! What others do to the tables.

use super::processes::{Outcome, happens};
use super::world::{World, grown};
use crate::harness::oracle::Mode;
use crate::harness::postgres::Database;
use std::time::Duration;

/// There and back: the rows that must come out stay the same.
const CHANGES: [[&str; 2]; 3] = [
    ["ADD COLUMN extra text DEFAULT 'more'", "DROP COLUMN extra"],
    [
        "ALTER COLUMN amount TYPE numeric(14,2)",
        "ALTER COLUMN amount TYPE numeric(12,2)",
    ],
    [
        "ALTER COLUMN note SET DEFAULT 'no' || 'ne'",
        "ALTER COLUMN note SET DEFAULT 'none'",
    ],
];

/// A lock that others hold is not waited for long: all who come later would wait
/// behind the one who waits.
const PATIENCE: &str = "SET LOCAL lock_timeout = '500ms'";

fn change(database: &Database, what: &str) -> Result<(), String> {
    let sql = format!("BEGIN; {PATIENCE}; ALTER TABLE {{s}}.orders {what}; COMMIT");
    let done = database.try_rows(&sql).map(|_| ());
    if done.is_err() {
        let _ = database.try_rows("ROLLBACK");
    }
    done.map_err(|e| e.to_string())
}

/// The table of a mode is altered again and again, until a commit has met another
/// table than it was made for.
pub fn alter(world: &World, chance: u64) -> Outcome {
    let mode = Mode::ALL[(chance % 3) as usize];
    // `log` makes its own table, whose columns are plimsoll's.
    let changes = match mode {
        Mode::Log => &CHANGES[..1],
        Mode::Append | Mode::Upsert => &CHANGES[..],
    };
    let database = world.sink(mode).database.again();
    // The commit's own check, or the server, which misses a column.
    let told = || {
        ["stale", "suspect"].map(|reason| {
            let labels = [("sink", mode.name()), ("reason", reason)];
            world.metric("plimsoll_retries_total", &labels)
        })
    };
    let (before, mut done) = (told(), 0);
    let hit = happens(|| {
        for step in changes.iter().flatten() {
            while let Err(why) = change(&database, step) {
                // Done already, by an attempt whose answer was lost.
                if why.contains("already exists") || why.contains("does not exist") {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            done += 1;
        }
        let now = told();
        before
            .iter()
            .zip(&now)
            .any(|(before, now)| grown(before, now))
    });
    match hit {
        true => Ok(format!(
            "{done} times; a commit into {} met another table than it was made for",
            mode.name()
        )),
        false => Err(format!("{done} times, and no commit met it")),
    }
}

/// Nobody else reads or writes the table for a while.
pub fn lock(world: &World, chance: u64) -> Outcome {
    let mode = Mode::ALL[(chance % 3) as usize];
    let database = world.sink(mode).database.again();
    let ms = 500 + chance / 3 % 6_000;
    let sql = format!("BEGIN; {PATIENCE}; LOCK TABLE {{s}}.orders IN ACCESS EXCLUSIVE MODE");
    if let Err(why) = database.try_rows(&sql) {
        let _ = database.try_rows("ROLLBACK");
        return Err(why.to_string());
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name LIKE 'plimsoll/%' AND pg_backend_pid() = ANY (pg_blocking_pids(pid))";
    let mut most = 0;
    let blocked = happens(|| {
        let rows = database.try_rows(waiting).unwrap_or_default();
        let count = rows.first().and_then(|row| row[0].as_deref()?.parse().ok());
        most = count.unwrap_or(0);
        most > 0
    });
    std::thread::sleep(Duration::from_millis(ms));
    let freed = database.try_rows("ROLLBACK");
    match (blocked, freed) {
        (true, Ok(_)) => Ok(format!(
            "{most} sessions of instances waited for {} for {ms} ms",
            mode.name()
        )),
        (_, freed) => Err(format!("{most} sessions waited; {freed:?}")),
    }
}
