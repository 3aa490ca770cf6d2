//! The dashboard shows metrics that there are, in expressions that Prometheus takes.

use crate::harness::alerts::promtool_with;
use crate::harness::dashboard::{dashboard, expressions, panels, sent};
use crate::harness::folder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// Those of the process, which are named by all clients of Prometheus.
const OF_THE_PROCESS: &str = "process_";

fn metrics_of(expression: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c: char| !is_part(c));
    let named = ["plimsoll_", OF_THE_PROCESS];
    words
        .filter(|word| named.iter().any(|of| word.starts_with(of)))
        .collect()
}

#[test]
fn each_metric_of_the_dashboard_is_one() {
    let names = include_str!("../../src/metrics.rs");
    let dashboard = dashboard();
    let mut seen = BTreeSet::new();
    for expression in expressions(&dashboard) {
        let metrics = metrics_of(&expression);
        assert!(!metrics.is_empty(), "{expression}");
        for metric in metrics {
            // What Prometheus makes of a histogram.
            let parts = ["_bucket", "_sum", "_count"];
            let bare = parts.iter().find_map(|part| metric.strip_suffix(part));
            let known = [Some(metric), bare].into_iter().flatten();
            let is = known
                .map(|name| format!("\"{name}\""))
                .any(|name| names.contains(&name));
            assert!(is, "{metric} in {expression}");
            seen.insert(metric.to_owned());
        }
    }
    assert!(seen.len() > 25, "{seen:?}");
}

#[test]
fn prometheus_takes_each_expression_of_the_dashboard() {
    let all = expressions(&dashboard());
    let rules: Vec<Value> = all
        .iter()
        .enumerate()
        .map(|(n, expression)| json!({ "record": format!("panel:{n}"), "expr": sent(expression) }))
        .collect();
    let folder = folder("dashboard");
    let file = folder.join("rules.json");
    // JSON is YAML too.
    let check = |rules: &[Value]| {
        let groups = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
        fs::write(&file, groups.to_string()).expect("rules");
        promtool_with(&["check", "rules"], &file)
    };
    let judged = check(&rules);
    let told = String::from_utf8([judged.stdout, judged.stderr].concat()).expect("text");
    assert!(judged.status.success(), "{told}");
    assert!(
        told.contains(&format!("{} rules found", all.len())),
        "{told}"
    );
    assert!(!told.contains('$'), "a variable is left: {told}");
    // It would have found a fault.
    let broken = [json!({ "record": "panel:0", "expr": "sum(rate(plimsoll_lag))" })];
    assert!(!check(&broken).status.success());
}

#[test]
fn the_dashboard_imports_into_any_grafana() {
    let dashboard = dashboard();
    assert_eq!(dashboard["id"], Value::Null);
    assert_eq!(dashboard["uid"], "plimsoll");
    assert!(dashboard.get("__inputs").is_none());
    let variables = dashboard["templating"]["list"].as_array().expect("a list");
    let names: Vec<&str> = variables
        .iter()
        .filter_map(|v| v["name"].as_str())
        .collect();
    assert_eq!(names, ["datasource", "job", "instance", "sink"]);
    let mut ids = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().expect("a title");
        assert!(
            ids.insert(panel["id"].as_i64()),
            "{title}: its id is not its own"
        );
        assert_eq!(panel["datasource"]["uid"], "$datasource", "{title}");
        assert!(panel["description"].is_string(), "{title} says nothing");
        let unit = &panel["fieldConfig"]["defaults"]["unit"];
        assert!(unit.is_string(), "{title} has no unit");
    }
    for expression in expressions(&dashboard) {
        assert!(
            expression.contains("instance=~\"$instance\""),
            "{expression}"
        );
        let rates = ["rate(", "increase("];
        if rates.iter().any(|rate| expression.contains(rate)) {
            let steps = ["[$__rate_interval]", "[24h]"];
            assert!(steps.iter().any(|s| expression.contains(s)), "{expression}");
        }
        if metrics_of(&expression)
            .iter()
            .all(|m| !m.starts_with(OF_THE_PROCESS))
        {
            assert!(expression.contains("sink=~\"$sink\""), "{expression}");
        }
    }
}
