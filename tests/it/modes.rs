//! The three modes from end to end.

use crate::harness::case::Case;
use crate::harness::folder;
use crate::harness::oracle::Mode;
use crate::harness::process::Process;
use crate::harness::servers;

fn every_event_once(mode: Mode) {
    let mut case = Case::new("modes", mode, 4);
    // Some before the service starts, some while it runs.
    case.produce(5_000);
    let process = Process::start_ready(&case.service);
    case.produce(5_000);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn log_holds_every_event_once() {
    every_event_once(Mode::Log);
}

#[test]
fn append_holds_every_event_once() {
    every_event_once(Mode::Append);
}

#[test]
fn upsert_holds_the_last_state_of_every_key() {
    every_event_once(Mode::Upsert);
}

/// The README's sample, with the names and addresses of a test.
fn sample(case: &Case) -> String {
    let readme = include_str!("../../README.md");
    let (_, block) = readme.split_once("```toml\n").expect("the sample");
    let (sample, _) = block.split_once("```").expect("the sample's end");
    let mode = format!("mode = \"{}\"", case.mode.name());
    let table = format!("table = \"{}\"", case.database.table("orders"));
    let state = format!(
        "{table}\nstate_schema = \"{}\"",
        case.database.state_schema()
    );
    let mut config = sample.to_owned();
    for (theirs, ours) in [
        ("127.0.0.1:9092", servers::kafka().as_str()),
        ("127.0.0.1:9464", "@HTTP@"),
        ("[\"orders\"]", format!("[\"{}\"]", case.topic).as_str()),
        ("plimsoll-orders", case.service.group.as_str()),
        ("table = \"public.orders\"", state.as_str()),
        ("mode = \"upsert\"", mode.as_str()),
    ] {
        assert!(config.contains(theirs), "{theirs} is not in the sample");
        config = config.replacen(theirs, ours, 1);
    }
    // What only one mode has.
    let (_, key_columns) = config.split_once("key_columns").expect("key columns");
    let (key_columns, _) = key_columns.split_once('\n').expect("a line");
    let key_columns = format!("key_columns{key_columns}\n");
    match case.mode {
        Mode::Upsert => config,
        Mode::Append => config.replace(&key_columns, ""),
        Mode::Log => {
            let (before, _) = config
                .split_once("[sinks.orders.postgres.columns]")
                .expect("columns");
            before.replace(&key_columns, "")
        }
    }
}

#[test]
fn the_sample_of_the_readme_works_in_each_mode() {
    for mode in Mode::ALL {
        let mut case = Case::new("sample", mode, 3);
        let config = sample(&case);
        // The sample does not ask where a row comes from.
        if mode != Mode::Log {
            case.database
                .execute("ALTER TABLE {s}.orders DROP part, DROP off");
        }
        case.produce(3_000);
        let mut process = Process::start_config(&config, &folder("sample"));
        process.wait_ready();
        case.produce(3_000);
        case.wait_caught_up();
        case.assert_exact_without_coordinates();
        assert!(process.drain().success());
    }
}
