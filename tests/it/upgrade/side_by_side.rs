//! An older binary and this one on one state: `make upgrade`.

use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::{PLIMSOLL, Process, plimsoll_ok};
use crate::harness::service::Service;
use crate::harness::{servers, wait};
use std::time::{Duration, Instant};

/// Members of the group at a time.
const MEMBERS: usize = 3;
/// How many records are left to be written when somebody is killed.
const BACKLOG: i64 = 20_000;

/// Which binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Old,
    New,
}

/// What the members of one age did.
#[derive(Debug, Default)]
struct Did {
    kills: usize,
    rows: f64,
}

struct Both {
    case: Case,
    old_binary: String,
    did: [Did; 2],
}

impl Both {
    /// The older one does not know the newer one's migrations, and must not look for
    /// its own: that is the way back, too.
    fn service(&self, age: Age) -> Service {
        let mut service = self.case.service.clone();
        if age == Age::Old {
            service.of_postgres = "auto_migrate = false".to_owned();
        }
        service
    }

    fn start(&self, age: Age) -> (Age, Process) {
        let binary = match age {
            Age::Old => &self.old_binary,
            Age::New => PLIMSOLL,
        };
        (age, Process::start_as(binary, &self.service(age)))
    }

    fn kill(&mut self, (age, process): (Age, Process)) {
        let did = &mut self.did[age as usize];
        // What it writes after this look is not counted: more than none is enough.
        did.rows += process.metric("plimsoll_rows_written_total", &[]);
        did.kills += 1;
        process.kill();
    }

    fn versions(&self) -> i64 {
        self.case
            .database
            .number("SELECT count(*) FROM {s}_state.migrations")
    }
}

/// Less than this, for an even choice.
fn random(below: u32) -> u32 {
    uuid::Uuid::new_v4().as_fields().0 % below
}

fn minutes() -> f64 {
    let minutes = std::env::var("UPGRADE_MINUTES");
    minutes.map_or(3.0, |m| m.parse().expect("UPGRADE_MINUTES is a number"))
}

fn side_by_side(mode: Mode) {
    let mut case = Case::new("side_by_side", mode, 6);
    case.service = case.service.property("session.timeout.ms", "2000");
    case.service.batch = "max_records = 200\nlinger_ms = 10".to_owned();
    let mut both = Both {
        case,
        old_binary: servers::variable("PLIMSOLL_TEST_OLD"),
        did: Default::default(),
    };
    // The older one makes the state, and is at work when the newer one migrates it.
    both.case.produce(2_000);
    let mut first = Process::start_as(&both.old_binary, &both.case.service);
    first.wait_ready();
    both.case.wait_caught_up();
    let of_old = both.versions();
    let mut members = vec![(Age::Old, first)];
    while members.len() < MEMBERS {
        members.push(both.start(Age::New));
        members.last_mut().expect("one").1.wait_ready();
    }

    let deadline = Instant::now() + Duration::from_secs_f64(minutes() * 60.0 / 3.0);
    while Instant::now() < deadline {
        both.case.top_up(BACKLOG);
        both.case.wait_progress(both.case.progress());
        // The moment is random.
        std::thread::sleep(Duration::from_millis(random(1_500).into()));
        let victim = members.swap_remove(random(MEMBERS as u32) as usize);
        both.kill(victim);
        // Both ages are there at all times; the third is of either.
        let age = match members.iter().map(|(age, _)| *age).collect::<Vec<_>>()[..] {
            [a, b] if a == b && a == Age::Old => Age::New,
            [a, b] if a == b => Age::Old,
            _ if random(2) == 0 => Age::Old,
            _ => Age::New,
        };
        members.push(both.start(age));
    }
    both.case.assert_exact();
    while let Some(member) = members.pop() {
        both.kill(member);
    }
    eprintln!(
        "{}: old {:?}, new {:?}",
        mode.name(),
        both.did[0],
        both.did[1]
    );
    for did in &both.did {
        assert!(did.kills >= 3 && did.rows > 0.0, "{did:?}");
    }

    // The way back: the older one alone, then the newer one again.
    for age in [Age::Old, Age::New] {
        let (_, mut process) = both.start(age);
        process.wait_ready();
        both.case.produce(2_000);
        both.case.assert_exact();
        assert!(process.drain().success());
        let told = plimsoll_ok(&both.case.service.config(), &["verify"]);
        assert!(told.contains("exact"), "{told}");
    }
    if both.versions() > of_old {
        // Without the setting it says so, and touches nothing.
        let process = Process::start_as(&both.old_binary, &both.case.service);
        wait::until("the older one refuses the newer one's schema", || {
            let log = process.log();
            if log.contains("by a newer plimsoll") {
                Ok(())
            } else {
                Err(log)
            }
        });
    }
}

#[test]
#[ignore = "needs an older binary: make upgrade"]
fn old_and_new_stay_exact_side_by_side_killed_at_random_and_on_the_way_back() {
    for mode in Mode::ALL {
        side_by_side(mode);
    }
}
