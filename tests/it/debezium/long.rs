//! The same for as long as somebody wants, in all forms, with everything killed at random:
//! `make debezium`.

use super::scene::{Form, Scene};
use super::tables::{self, ODD_FROM};
use super::writers::Writers;
use super::{assert_equal, assert_verified, expected_letters, kill_at_work, letters};
use crate::harness::random::Random;
use std::time::Instant;

/// What a change that Debezium sends again may become: it leaves a large value alone, of
/// a row that was deleted meanwhile.
const AGAIN: &str = "documents value_unavailable";

#[test]
#[ignore = "takes minutes: make debezium"]
fn the_tables_are_those_of_the_source_whenever_it_rests() {
    let number = |name: &str| {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty());
        text.map(|text| {
            text.parse::<f64>()
                .unwrap_or_else(|_| panic!("{name}: {text}"))
        })
    };
    let minutes = number("DEBEZIUM_MINUTES").unwrap_or(5.0);
    let seed = number("DEBEZIUM_SEED").map(|seed| seed as u64);
    let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_fields().0.into());
    eprintln!(
        "debezium: seed {seed}; again: DEBEZIUM_SEED={seed} DEBEZIUM_MINUTES={minutes} make debezium"
    );
    let began = Instant::now();
    let mut scene = Scene::start("debezium_long", &Form::ALL, seed);
    tables::insert_odd(&scene.source.database, ODD_FROM[1]);
    // Killed before it has noted its snapshot, Debezium takes another one, and never tells
    // what was deleted between the two.
    scene.wait_sent();
    let mut random = Random::new(seed);
    let (mut rounds, mut kills, mut with_lag, mut restarts) = (0, 0, 0, 0);
    while rounds == 0 || began.elapsed().as_secs_f64() < minutes * 60.0 {
        rounds += 1;
        let most = 100 + random.below(300) as usize;
        let writers = Writers::start(&scene.source.database, seed ^ rounds, most);
        for _ in 0..2 + random.below(4) {
            if random.below(3) == 0 {
                scene.connect.kill();
                scene.source.wait_unread();
                scene.connect.begin();
                restarts += 1;
                continue;
            }
            // Mostly small ones; the default now and then.
            let batch = *random.of(&[1, 2, 7, 50, 500, 10_000]);
            with_lag += usize::from(kill_at_work(&scene, batch) > 0);
            kills += 1;
        }
        let counts = writers.join();
        let process = scene.plimsoll(*random.of(&[3, 500, 10_000]));
        scene.wait_rest();
        let mut rows = 0;
        for target in &scene.targets {
            rows += assert_equal(&scene, target);
            let form = target.form;
            let mut letters = letters(target);
            letters.remove(AGAIN);
            assert_eq!(letters, expected_letters(form), "{}", form.name());
        }
        assert_verified(&process);
        eprintln!(
            "debezium: round {rounds} after {:.0} s: {counts}; {rows} rows are equal; `plimsoll \
             verify` says exact",
            began.elapsed().as_secs_f64()
        );
        assert!(process.drain().success());
    }
    let letters: usize = scene
        .targets
        .iter()
        .map(|target| letters(target).len())
        .sum();
    eprintln!(
        "\nseed {seed}, {:.1} minutes, {rounds} rounds, {} forms, {} records\n{kills} times \
         plimsoll was killed, {with_lag} times with lag; {restarts} times Kafka Connect; {letters} \
         kinds of dead letters",
        began.elapsed().as_secs_f64() / 60.0,
        scene.targets.len(),
        scene.progress(),
    );
    assert!(kills == 0 || with_lag > 0, "lag was left at no kill");
}
