//! The dashboard of `deploy/grafana`, taken apart.

use super::alerts::deployed;
use serde_json::Value;
use std::fs;

/// The dashboard.
pub fn dashboard() -> Value {
    let text = fs::read_to_string(deployed("grafana/plimsoll.json")).expect("the dashboard");
    serde_json::from_str(&text).expect("JSON")
}

/// Its panels that show something.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let all = dashboard["panels"].as_array().expect("panels");
    all.iter().filter(|panel| panel["type"] != "row").collect()
}

/// The expressions of its panels.
pub fn expressions(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard)
        .into_iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let expr = |target: &Value| target["expr"].as_str().expect("an expression").to_owned();
    targets.map(expr).collect()
}

/// The same as Grafana sends it: its variables have values.
pub fn sent(expression: &str) -> String {
    let sent = expression.replace("$__rate_interval", "1m");
    ["$job", "$instance", "$sink"]
        .into_iter()
        .fold(sent, |sent, variable| sent.replace(variable, ".*"))
}
