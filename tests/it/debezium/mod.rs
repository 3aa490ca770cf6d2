//! A real Debezium between a Postgres that is written to and the tables that plimsoll
//! feeds: when all rests, they are the tables of the source.
//!
//! ```text
//! writers ──► source ──► Debezium ──► topics ──► plimsoll ──► target
//!               │       (a connector            (killed)        │
//!               │        for each form)                         │
//!               └───────────────── compared ────────────────────┘
//! ```

mod compare;
mod long;
mod scene;
mod tables;
mod writers;

use crate::harness::process::{Process, plimsoll};
use compare::differences;
use scene::{Form, Scene, Target};
use std::collections::BTreeSet;
use tables::{Fate, ODD, ODD_FROM};
use writers::Writers;

#[test]
fn the_tables_are_those_of_the_source_when_it_rests() {
    let seed = 20_260_731;
    let scene = Scene::start("debezium", &[Form::Connect, Form::Avro], seed);
    let writers = Writers::start(&scene.source.database, seed, 250);
    tables::insert_odd(&scene.source.database, ODD_FROM[1]);
    let mut with_lag = 0;
    for batch in [1, 10_000, 20, 500] {
        with_lag += usize::from(kill_at_work(&scene, batch) > 0);
    }
    assert!(with_lag >= 2, "lag was left at {with_lag} kills");
    let counts = writers.join();
    let process = scene.plimsoll(10_000);
    scene.wait_rest();
    eprintln!("debezium: {counts}");
    for target in &scene.targets {
        let rows = assert_equal(&scene, target);
        assert_eq!(letters(target), expected_letters(target.form));
        eprintln!("debezium: {}, {rows} rows", target.form.name());
    }
    assert_verified(&process);
    assert!(process.drain().success());
}

/// SIGKILL while it writes; how many records were left.
fn kill_at_work(scene: &Scene, batch: usize) -> i64 {
    let before = scene.progress();
    let mut process = scene.plimsoll(batch);
    scene.wait_progress(&mut process, before);
    process.freeze();
    let lag = scene.lag();
    process.kill();
    lag
}

/// Source and target are equal but for what the events do not tell; how many rows those
/// are.
fn assert_equal(scene: &Scene, target: &Target) -> usize {
    let form = target.form;
    let (found, rows) = differences(&scene.source.database, &target.database, &target.prefix);
    let mut expected = Vec::new();
    for (from, snapshot) in ODD_FROM.into_iter().zip([true, false]) {
        for (odd, id) in ODD.iter().zip(from..) {
            match odd.fate(form, snapshot) {
                Fate::Kept => {}
                Fate::Lost(value) => {
                    expected.push(format!("types {id}: {} is {value}", odd.column));
                }
                Fate::Bad(_) => expected.push(format!("types {id} is missing")),
            }
        }
    }
    assert_eq!(found, expected, "{}", form.name());
    rows
}

/// The dead letters: tables, columns and conditions.
fn letters(target: &Target) -> BTreeSet<String> {
    let rows = target.database.rows(&format!(
        "SELECT concat_ws(' ', replace(topic, '{}_', ''), column_name, condition) FROM \
         {{s}}_state.dead_letters",
        target.prefix
    ));
    rows.into_iter().flatten().flatten().collect()
}

/// Those that odd values become.
fn expected_letters(form: Form) -> BTreeSet<String> {
    let fates = ODD.iter().map(|odd| (odd.column, odd.fate(form, false)));
    let letter = |(column, fate)| match fate {
        Fate::Bad(condition) => Some(format!("types {column} {condition}")),
        Fate::Kept | Fate::Lost(_) => None,
    };
    fates.filter_map(letter).collect()
}

/// The service's own proof.
fn assert_verified(process: &Process) {
    let output = plimsoll(&process.config(), &["verify"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = said.lines().next_back();
    assert!(
        output.status.success() && last == Some("exact"),
        "{}\n{said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
