//! The alerts of `deploy/`, judged by promtool.

use super::folder;
use super::process::Process;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Between two scrapes of a recording: what rises shows in it.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the outage is thought to last, in minutes: longer than any alert waits.
const MINUTES: u32 = 40;

/// A file of `deploy/`.
pub fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name)
}

/// Runs promtool's tests.
pub fn promtool(tests: &Path) -> Output {
    let program = std::env::var("PLIMSOLL_TEST_PROMTOOL").unwrap_or_else(|_| "promtool".to_owned());
    let mut command = Command::new(&program);
    command.args(["test", "rules"]).arg(tests);
    let hint = "hint: make test, or put promtool in PATH (Debian's package `prometheus`)";
    command
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; {hint}"))
}

/// Scrapes a process in the middle of an outage, and asks promtool which alerts fire
/// if it goes on like that: these, and no others.
#[track_caller]
pub fn assert_fire(process: &Process, alerts: &[&str]) {
    let rules = fs::read_to_string(deployed("alerts.yml")).expect("the alerts");
    let began = Instant::now();
    let before = process.get("/metrics").expect("an answer").1;
    // Not for an event: time itself has to pass between two scrapes.
    std::thread::sleep(PAUSE);
    let after = process.get("/metrics").expect("an answer").1;
    let minutes = began.elapsed().as_secs_f64() / 60.0;

    let mut series =
        String::from("      - { series: 'up{job=\"plimsoll\",instance=\"a\"}', values: '1x40' }\n");
    for line in after.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.rsplit_once(' ') else {
            continue;
        };
        let bare = name.split('{').next().expect("a name");
        if !rules.contains(bare) {
            continue;
        }
        let value: f64 = value.parse().expect("a number");
        let earlier = before.lines().find_map(|line| {
            let (same, value) = line.rsplit_once(' ')?;
            (same == name).then(|| value.parse::<f64>().ok())?
        });
        let step = (value - earlier.unwrap_or(value)) / minutes;
        let labelled = match name.split_once('{') {
            Some((bare, labels)) => format!("{bare}{{job=\"plimsoll\",instance=\"a\",{labels}"),
            None => format!("{name}{{job=\"plimsoll\",instance=\"a\"}}"),
        };
        writeln!(
            series,
            "      - {{ series: '{labelled}', values: '{value}{step:+}x{MINUTES}' }}"
        )
        .expect("a string grows");
    }
    let expected: BTreeSet<&str> = alerts.iter().copied().collect();
    let samples = expected
        .iter()
        .map(|alert| format!("{{ labels: '{{alertname=\"{alert}\"}}', value: 1 }}"));
    let samples: Vec<String> = samples.collect();
    let test = format!(
        "rule_files: [alerts.yml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    \
         input_series:\n{series}    promql_expr_test:\n      - expr: 'count by (alertname) \
         (ALERTS{{alertstate=\"firing\"}} * 0 + 1)'\n        eval_time: {MINUTES}m\n        \
         exp_samples: [{}]\n",
        samples.join(", ")
    );
    let folder = folder("alerts");
    fs::write(folder.join("alerts.yml"), rules).expect("the alerts");
    fs::write(folder.join("test.yml"), &test).expect("a test");
    let judged = promtool(&folder.join("test.yml"));
    let told = String::from_utf8([judged.stdout, judged.stderr].concat()).expect("text");
    assert!(judged.status.success(), "{told}\n{test}");
}
