//! The alerts of `deploy/`, judged by promtool.

use super::folder;
use super::process::Process;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Between two scrapes of a recording: what rises shows in it.
const PAUSE: Duration = Duration::from_secs(2);
/// A time that is not older, in seconds, is one of something that goes on: the slowest
/// such, the ends of logs, are read every 2 s.
const RECENT: f64 = 20.0;
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
    promtool_with(&["test", "rules"], tests)
}

/// Runs one of its commands on a file.
pub fn promtool_with(arguments: &[&str], file: &Path) -> Output {
    let program = std::env::var("PLIMSOLL_TEST_PROMTOOL").unwrap_or_else(|_| "promtool".to_owned());
    let mut command = Command::new(&program);
    command.args(arguments).arg(file);
    let hint = "hint: make test, or put promtool in PATH (Debian's package `prometheus`)";
    command
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; {hint}"))
}

/// A series of a scrape.
struct Sample {
    /// With its labels.
    name: String,
    value: f64,
}

/// One scrape of a process.
struct Scrape {
    /// Seconds since the Unix epoch.
    at: f64,
    samples: Vec<Sample>,
}

impl Scrape {
    fn of(process: &Process) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let text = process.get("/metrics").expect("an answer").1;
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let value = value.parse().expect("a number");
            let name = name.to_owned();
            Some(Sample { name, value })
        });
        Self {
            at: since.expect("a clock").as_secs_f64(),
            samples: samples.collect(),
        }
    }

    fn value(&self, name: &str) -> Option<f64> {
        let mut of_name = self.samples.iter().filter(|sample| sample.name == name);
        Some(of_name.next()?.value)
    }
}

/// The series of a process, as promtool reads them: what it said at the second scrape,
/// and from then on as between both.
fn series(before: &Scrape, after: &Scrape, instance: &str, rules: &str) -> String {
    let minutes = (after.at - before.at) / 60.0;
    let mut series = format!(
        "      - {{ series: 'up{{job=\"plimsoll\",instance=\"{instance}\"}}', values: '1x40' }}\n"
    );
    for Sample { name, value } in &after.samples {
        let bare = name.split('{').next().expect("a name");
        if !rules.contains(bare) {
            continue;
        }
        let (value, step) = if bare.ends_with("_timestamp_seconds") {
            // promtool's time begins at 0. What was so a moment ago will be so again.
            let ago = after.at - value;
            (-ago, if ago < RECENT { 60.0 } else { 0.0 })
        } else {
            let earlier = before.value(name).unwrap_or(*value);
            (*value, (value - earlier) / minutes)
        };
        let target = format!("job=\"plimsoll\",instance=\"{instance}\"");
        let labelled = match name.split_once('{') {
            Some((bare, labels)) => format!("{bare}{{{target},{labels}"),
            None => format!("{name}{{{target}}}"),
        };
        writeln!(
            series,
            "      - {{ series: '{labelled}', values: '{value}{step:+}x{MINUTES}' }}"
        )
        .expect("a string grows");
    }
    series
}

/// Scrapes a process in the middle of an outage, and asks promtool which alerts fire
/// if it goes on like that: these, and no others.
#[track_caller]
pub fn assert_fire(process: &Process, alerts: &[&str]) {
    assert_fire_among(&[process], alerts);
}

/// The same of all processes of a sink.
#[track_caller]
pub fn assert_fire_among(processes: &[&Process], alerts: &[&str]) {
    let rules = fs::read_to_string(deployed("alerts.yml")).expect("the alerts");
    let scrape = || processes.iter().map(|process| Scrape::of(process));
    let before: Vec<Scrape> = scrape().collect();
    // Not for an event: time itself has to pass between two scrapes.
    std::thread::sleep(PAUSE);
    let all: String = scrape()
        .zip(&before)
        .enumerate()
        .map(|(n, (after, before))| series(before, &after, &n.to_string(), &rules))
        .collect();

    let expected: BTreeSet<&str> = alerts.iter().copied().collect();
    let samples = expected
        .iter()
        .map(|alert| format!("{{ labels: '{{alertname=\"{alert}\"}}', value: 1 }}"));
    let samples: Vec<String> = samples.collect();
    let test = format!(
        "rule_files: [alerts.yml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    \
         input_series:\n{all}    promql_expr_test:\n      - expr: 'group by (alertname) \
         (ALERTS{{alertstate=\"firing\"}})'\n        eval_time: {MINUTES}m\n        \
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
