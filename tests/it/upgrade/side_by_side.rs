//! An older binary and this one on one state: `make upgrade`.

use crate::cassandra::world::World;
use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::{PLIMSOLL, Process, plimsoll_ok};
use crate::harness::service::Service;
use crate::harness::{servers, wait};
use crate::upgrade::file::File;
use std::time::{Duration, Instant};

/// Members of the group at a time.
const MEMBERS: usize = 3;
/// How many records are left to be written when somebody is killed; Cassandra takes a
/// tenth in that time.
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

/// A topic and where it goes.
trait Place {
    fn produce(&mut self, count: usize);
    fn top_up(&mut self, lag: i64);
    fn progress(&self) -> i64;
    fn wait_progress(&self, from: i64);
    fn assert_exact(&self);
    /// A member, with a setting of its backend.
    fn service(&self, more: &str) -> Service;
    /// How many migrations the state has seen, where it is kept.
    fn versions(&self) -> i64;
    /// Words by which an older binary refuses a state that a newer one has migrated.
    const REFUSAL: &str;
}

impl Place for Case {
    fn produce(&mut self, count: usize) {
        Self::produce(self, count);
    }
    fn top_up(&mut self, lag: i64) {
        Self::top_up(self, lag);
    }
    fn progress(&self) -> i64 {
        Self::progress(self)
    }
    fn wait_progress(&self, from: i64) {
        Self::wait_progress(self, from);
    }
    fn assert_exact(&self) {
        Self::assert_exact(self);
    }
    fn service(&self, more: &str) -> Service {
        let mut service = self.service.clone();
        service.of_postgres = more.to_owned();
        service
    }
    fn versions(&self) -> i64 {
        self.database
            .number("SELECT count(*) FROM {s}_state.migrations")
    }
    const REFUSAL: &str = "by a newer plimsoll";
}

impl Place for File {
    fn produce(&mut self, count: usize) {
        Self::produce(self, count);
    }
    fn top_up(&mut self, lag: i64) {
        Self::top_up(self, lag);
    }
    fn progress(&self) -> i64 {
        Self::progress(self)
    }
    fn wait_progress(&self, from: i64) {
        Self::wait_progress(self, from);
    }
    fn assert_exact(&self) {
        Self::assert_exact(self);
    }
    fn service(&self, more: &str) -> Service {
        self.settings(more)
    }
    fn versions(&self) -> i64 {
        Self::versions(self)
    }
    const REFUSAL: &str = "by another version of plimsoll";
}

impl Place for World {
    fn produce(&mut self, count: usize) {
        Self::produce(self, count);
    }
    fn top_up(&mut self, lag: i64) {
        Self::top_up(self, lag);
    }
    fn progress(&self) -> i64 {
        Self::progress(self)
    }
    fn wait_progress(&self, from: i64) {
        Self::wait_progress(self, from);
    }
    fn assert_exact(&self) {
        Self::assert_exact(self);
    }
    fn service(&self, more: &str) -> Service {
        self.settings(self.keyspace.address(), more)
    }
    /// Nobody counts them there: what is missing is made.
    fn versions(&self) -> i64 {
        0
    }
    const REFUSAL: &str = "";
}

struct Both<P> {
    place: P,
    old_binary: String,
    did: [Did; 2],
}

impl<P: Place> Both<P> {
    /// The older one does not know the newer one's migrations, and must not look for
    /// its own: that is the way back, too.
    fn start(&self, age: Age) -> (Age, Process) {
        let (binary, more) = match age {
            Age::Old => (self.old_binary.as_str(), "auto_migrate = false"),
            Age::New => (PLIMSOLL, ""),
        };
        (age, Process::start_as(binary, &self.place.service(more)))
    }

    fn kill(&mut self, (age, process): (Age, Process)) {
        let did = &mut self.did[age as usize];
        // What it writes after this look is not counted: more than none is enough.
        did.rows += process.metric("plimsoll_rows_written_total", &[]);
        did.kills += 1;
        process.kill();
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

fn side_by_side<P: Place>(name: &str, mut place: P, backlog: i64, minutes: f64) {
    let old_binary = servers::variable("PLIMSOLL_TEST_OLD");
    // The older one makes the state, and is at work when the newer one migrates it.
    place.produce(2_000);
    let mut first = Process::start_as(&old_binary, &place.service(""));
    first.wait_ready();
    place.assert_exact();
    let mut both = Both {
        place,
        old_binary,
        did: Default::default(),
    };
    let of_old = both.place.versions();
    let mut members = vec![(Age::Old, first)];
    while members.len() < MEMBERS {
        members.push(both.start(Age::New));
        members.last_mut().expect("one").1.wait_ready();
    }

    let deadline = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    while Instant::now() < deadline {
        both.place.top_up(backlog);
        both.place.wait_progress(both.place.progress());
        // The moment is random.
        std::thread::sleep(Duration::from_millis(random(1_500).into()));
        let victim = members.swap_remove(random(MEMBERS as u32) as usize);
        both.kill(victim);
        // Both ages are there at all times; the third is of either.
        let age = match members.iter().map(|(age, _)| *age).collect::<Vec<_>>()[..] {
            [Age::Old, Age::Old] => Age::New,
            [Age::New, Age::New] => Age::Old,
            _ if random(2) == 0 => Age::Old,
            _ => Age::New,
        };
        members.push(both.start(age));
    }
    both.place.assert_exact();
    while let Some(member) = members.pop() {
        both.kill(member);
    }
    eprintln!("{name}: old {:?}, new {:?}", both.did[0], both.did[1]);
    for did in &both.did {
        assert!(did.kills >= 3 && did.rows > 0.0, "{did:?}");
    }

    // The way back: the older one alone, then the newer one again.
    for age in [Age::Old, Age::New] {
        let (_, mut process) = both.start(age);
        process.wait_ready();
        both.place.produce(2_000);
        both.place.assert_exact();
        assert!(process.drain().success());
        let told = plimsoll_ok(&both.place.service("").config(), &["verify"]);
        assert!(told.contains("exact"), "{told}");
    }
    if both.place.versions() > of_old {
        // Without the setting it says so, and touches nothing.
        let process = Process::start_as(&both.old_binary, &both.place.service(""));
        wait::until("the older one refuses the newer one's schema", || {
            let log = process.log();
            if log.contains(P::REFUSAL) {
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
        let mut case = Case::new("side_by_side", mode, 6);
        case.service = case.service.property("session.timeout.ms", "2000");
        case.service.batch = "max_records = 200\nlinger_ms = 10".to_owned();
        side_by_side(mode.name(), case, BACKLOG, minutes() / 5.0);
    }
}

/// The file has one writer at a time, of whichever age.
#[test]
#[ignore = "needs an older binary: make upgrade"]
fn old_and_new_stay_exact_on_one_file_too() {
    for mode in [Mode::Append, Mode::Upsert] {
        let mut file = File::new("side_by_side", mode, 6);
        file.service = file.service.property("session.timeout.ms", "2000");
        file.service.batch = "max_records = 200\nlinger_ms = 10".to_owned();
        let name = format!("sqlite {}", mode.name());
        side_by_side(&name, file, BACKLOG, minutes() / 10.0);
    }
}

#[test]
#[ignore = "needs an older binary: make upgrade"]
fn old_and_new_stay_exact_in_cassandra_too() {
    let mut world = World::new("side_by_side", 6);
    world.service = world.service.property("session.timeout.ms", "2000");
    world.service.batch = "max_records = 200\nlinger_ms = 10".to_owned();
    side_by_side("cassandra", world, BACKLOG / 10, minutes() / 5.0);
}
