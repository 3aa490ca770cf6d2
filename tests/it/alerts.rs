//! Each alert fires when it should, and not before.

use crate::harness::alerts::{deployed, promtool};
use std::fs;

#[test]
fn each_alert_fires_as_its_test_says_and_is_quiet_else() {
    let judged = promtool(&deployed("alerts.test.yml"));
    let told = String::from_utf8([judged.stdout, judged.stderr].concat()).expect("text");
    assert!(judged.status.success(), "{told}");
}

#[test]
fn each_alert_has_a_test() {
    let read = |name| fs::read_to_string(deployed(name)).expect(name);
    let (rules, tests) = (read("alerts.yml"), read("alerts.test.yml"));
    let names = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name}");
    }
}
