//! Dead letters: listed, replayed, dropped, beside a running service.

use crate::harness::case::Case;
use crate::harness::kafka::Message;
use crate::harness::oracle::Mode;
use crate::harness::process::{Process, plimsoll, plimsoll_ok};

/// `plimsoll dead-letters WHAT`: its exit code and what it printed.
#[track_caller]
fn letters(case: &Case, what: &str, more: &[&str]) -> (Option<i32>, String) {
    let mut line = vec!["dead-letters", what, "--sink", "orders"];
    line.extend(more);
    let output = plimsoll(&case.service.config(), &line);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    (output.status.code(), text)
}

fn kept(case: &Case) -> i64 {
    let state = &case.service.state_schema;
    case.database
        .number(&format!("SELECT count(*) FROM {state}.dead_letters"))
}

/// A running service whose table refuses some orders, all of which are behind
/// it.
fn with_letters(test: &str, mode: Mode) -> (Case, Process) {
    let mut case = Case::new(test, mode, 2);
    case.service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    let process = Process::start_ready(&case.service);
    // A log table is made with its first record.
    case.produce(20);
    case.wait_caught_up();
    let quantity = match mode {
        Mode::Log => "coalesce((event_data ->> 'quantity')::int, 0)",
        Mode::Append | Mode::Upsert => "quantity",
    };
    case.database.execute(&format!(
        "ALTER TABLE {{s}}.orders ADD CONSTRAINT no_three CHECK ({quantity} <> 3) NOT VALID"
    ));
    case.produce(200);
    case.wait_caught_up();
    assert!(kept(&case) > 0, "no record was refused");
    (case, process)
}

#[track_caller]
fn replayed_is_exact(test: &str, mode: Mode) {
    let (case, process) = with_letters(test, mode);
    let (before, position) = (kept(&case), case.progress());
    // Nothing was mended: all stay.
    let (code, said) = letters(&case, "replay", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(" 0 replayed"), "{said}");
    assert_eq!(kept(&case), before);
    case.database
        .execute("ALTER TABLE {s}.orders DROP CONSTRAINT no_three");
    let (code, said) = letters(&case, "replay", &[]);
    match mode {
        Mode::Append | Mode::Log => assert_eq!((code, kept(&case)), (Some(0), 0), "{said}"),
        // What a later record has superseded stays.
        Mode::Upsert => assert!(!said.contains("still bad:"), "{said}"),
    }
    assert_eq!(case.progress(), position, "a replay moves no position");
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn append_is_exact_after_a_replay() {
    replayed_is_exact("letters", Mode::Append);
}

#[test]
fn log_is_exact_after_a_replay() {
    replayed_is_exact("letters", Mode::Log);
}

#[test]
fn upsert_is_exact_after_a_replay() {
    replayed_is_exact("letters", Mode::Upsert);
}

#[test]
fn an_upsert_that_a_later_record_superseded_is_not_replayed() {
    let mut case = Case::new("letters_superseded", Mode::Upsert, 1);
    case.service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    case.database
        .execute("ALTER TABLE {s}.orders ADD CONSTRAINT few CHECK (quantity < 10)");
    let order = |id: &str, quantity: i32| {
        let value = format!("{{\"id\":{id},\"quantity\":{quantity}}}");
        Message::of(0, &value).key(id)
    };
    let records = [
        order("7", 70),
        order("8", 80),
        order("7", 1),
        order("9", 90),
        order("9", 91),
    ];
    case.producer.send_all(&case.topic, &records);
    let process = Process::start_ready(&case.service);
    case.wait_caught_up();
    assert_eq!(kept(&case), 4);
    case.database
        .execute("ALTER TABLE {s}.orders DROP CONSTRAINT few");
    let (code, said) = letters(&case, "replay", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("offset 0: superseded by offset 2"), "{said}");
    assert!(said.contains("3 replayed"), "{said}");
    let found = case
        .database
        .rows("SELECT id, quantity FROM {s}.orders ORDER BY id");
    let row = |id: &str, quantity: &str| vec![Some(id.to_owned()), Some(quantity.to_owned())];
    assert_eq!(found, [row("7", "1"), row("8", "80"), row("9", "91")]);
    let (code, said) = letters(&case, "drop", &["--all", "--yes"]);
    assert_eq!((code, kept(&case)), (Some(0), 0), "{said}");
    case.wait_caught_up();
    assert!(process.drain().success());
}

#[test]
fn a_letter_that_is_still_bad_stays_until_it_is_dropped_by_name() {
    let mut case = Case::new("letters_bad", Mode::Append, 1);
    case.service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    case.produce(5);
    let secret = Message::of(0, "secret: no JSON");
    case.producer.send_all(&case.topic, &[secret]);
    let process = Process::start_ready(&case.service);
    case.wait_caught_up();
    let (code, said) = letters(&case, "list", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("value_not_json") && !said.contains("secret"),
        "{said}"
    );
    let (_, said) = letters(&case, "list", &["--show-payload"]);
    let shown: serde_json::Value = serde_json::from_str(&said).expect("a line of JSON");
    assert_eq!(
        (shown["offset"].as_i64(), shown["value"].as_str()),
        (Some(5), Some("secret: no JSON"))
    );
    let (code, said) = letters(&case, "replay", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("still bad: value_not_json"), "{said}");
    // Nothing goes that was not named.
    let (code, _) = letters(&case, "drop", &[]);
    assert_eq!((code, kept(&case)), (Some(5), 1));
    let topic = case.topic.clone();
    let line = [
        "dead-letters",
        "drop",
        "--sink",
        "orders",
        "--topic",
        &topic,
        "--partition",
        "0",
        "--offset",
        "5",
    ];
    assert!(plimsoll_ok(&case.service.config(), &line).contains("1 dead letter dropped"));
    assert_eq!(kept(&case), 0);
    assert!(process.drain().success());
}

#[test]
fn many_of_a_kind_are_a_line_of_the_log_or_two() {
    let mut case = Case::new("letters_many", Mode::Append, 1);
    case.service.of_sink = "on_bad_record = \"dead_letter\"".to_owned();
    let bad = vec![Message::of(0, "no JSON"); 200];
    case.producer.send_all(&case.topic, &bad);
    let process = Process::start_ready(&case.service);
    case.wait_caught_up();
    assert_eq!(kept(&case), 200);
    let log = process.log();
    let of = |line: &&str| line.contains("WARN") && line.contains("value_not_json");
    // The first one, and a count if a minute is over.
    let lines = log.lines().filter(of).count();
    assert!((1..=2).contains(&lines), "{lines} lines: {log}");
    assert!(process.drain().success());
}
