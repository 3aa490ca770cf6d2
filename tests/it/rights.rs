//! Rights and columns that come and go while a service writes: no good record
//! becomes a dead letter, none is lost, none is doubled.

use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::Process;
use crate::harness::servers;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long everything comes and goes.
const LASTS: Duration = Duration::from_secs(8);

/// Runs two statements by turns, as fast as the server lets it, until it is told to
/// stop; ends with the second one.
fn toggle(case: &Case, statements: [&str; 2], stop: &AtomicBool) {
    let database = case.database.again();
    let mut turns = 0;
    while !stop.load(Ordering::Relaxed) {
        database.execute(statements[0]);
        // Long and short ones, so that each step of a commit is hit.
        std::thread::sleep(Duration::from_micros(turns * 977 % 20_000));
        database.execute(statements[1]);
        std::thread::sleep(Duration::from_micros(turns * 1_409 % 20_000));
        turns += 1;
    }
    assert!(turns > 50, "{turns} turns");
}

/// A service with a role of its own, records all the time, and what is done to the
/// table meanwhile.
fn nothing_is_lost_doubled_or_set_aside(test: &str, mode: Mode, statements: [&str; 2]) {
    let mut case = Case::new(test, mode, 4);
    let role = case.database.schema.clone();
    let (url, state) = (servers::postgres(), case.database.state_schema());
    let place = url
        .rsplit_once('@')
        .map_or(url.as_str(), |(_, place)| place);
    case.service.url = format!("postgres://{role}:secret@{place}");
    case.service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    case.service.batch = "max_records = 50\nlinger_ms = 5".to_owned();
    case.database.execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret';
         GRANT ALL ON SCHEMA {{s}} TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA {{s}} TO {role};
         CREATE SCHEMA {state} AUTHORIZATION {role}"
    ));
    let statements = statements.map(|sql| sql.replace("{role}", &role));
    let statements = [statements[0].as_str(), statements[1].as_str()];
    let process = Process::start_ready(&case.service);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (shared, stop) = (&case, &stop);
        // A panic of the other thread must end this one, too.
        let toggling = scope.spawn(move || toggle(shared, statements, stop));
        let until = Instant::now() + LASTS;
        let mut orders = crate::harness::orders::Orders::new(11, 4);
        while Instant::now() < until && !toggling.is_finished() {
            shared.producer.send_all(&shared.topic, &orders.take(200));
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
    });
    // A partition that halted meanwhile is tried again within a minute.
    case.assert_exact();
    let letters = case
        .database
        .number("SELECT count(*) FROM {s}_state.dead_letters");
    assert_eq!(letters, 0, "dead letters of good records");
    let found = |what| {
        let labels = [("finding", what)];
        process.metric("plimsoll_records_compared_total", &labels)
    };
    assert_eq!(found("own"), 0.0);
    let hit = found("changing") + found("shared");
    assert!(hit > 0.0, "no commit ever met it");
    assert!(process.drain().success());
    case.database
        .execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

#[test]
fn a_grant_that_is_revoked_and_given_back_makes_no_dead_letter() {
    let revoke = "REVOKE INSERT ON {s}.orders FROM {role}";
    let grant = "GRANT INSERT ON {s}.orders TO {role}";
    nothing_is_lost_doubled_or_set_aside("revoked", Mode::Append, [revoke, grant]);
}

/// A function that a trigger calls is gone, and is there again.
#[test]
fn a_trigger_that_fails_now_and_then_makes_no_dead_letter() {
    let make = "CREATE OR REPLACE FUNCTION {s}.judge() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM nowhere(); RETURN new; END $$;
         CREATE TRIGGER judge BEFORE INSERT OR UPDATE ON {s}.orders
            FOR EACH ROW EXECUTE FUNCTION {s}.judge()";
    let drop = "DROP TRIGGER judge ON {s}.orders";
    nothing_is_lost_doubled_or_set_aside("triggered", Mode::Upsert, [make, drop]);
}
