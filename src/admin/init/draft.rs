//! A config for one topic and one table, as text. Pure.

use super::target::Target;
use crate::admin::toml_text::{columns, string};
use plimsoll_sink_api::{Mode, Source};
use std::fmt::Write;

/// How bytes are read: words of a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) format: String,
    pub(super) framing: Option<&'static str>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            format: "json".to_owned(),
            framing: None,
        }
    }
}

impl Reading {
    fn lines(&self) -> Vec<String> {
        let format = (self.format != "json").then(|| format!("format = {}", string(&self.format)));
        let framing = self
            .framing
            .map(|framing| format!("framing = \"{framing}\""));
        format.into_iter().chain(framing).collect()
    }
}

/// All that a config says.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) bootstrap_servers: String,
    pub(super) registry: Option<String>,
    pub(super) sink: String,
    pub(super) topic: String,
    pub(super) value: Reading,
    pub(super) key: Reading,
    pub(super) envelope: Option<String>,
    pub(super) target: Target,
    pub(super) table: String,
    pub(super) mode: Mode,
    pub(super) columns: Vec<(String, Source)>,
}

impl Draft {
    /// The text of the config file.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "# Made by `plimsoll init` from what records of {} hold. `plimsoll schema` prints\n\
             # every setting; docs/CONFIG.md explains them.\n",
            string(&self.topic)
        );
        let mut table = |name: &str, lines: Vec<String>| {
            // A string grows.
            let _ = writeln!(text, "\n[{name}]");
            lines.iter().for_each(|line| {
                let _ = writeln!(text, "{line}");
            });
        };
        let servers = string(&self.bootstrap_servers);
        table("kafka", vec![format!("bootstrap_servers = {servers}")]);
        if let Some(registry) = &self.registry {
            let line = format!("url = [{}]", string(registry));
            table("schema_registry", vec![line]);
        }
        let sink = format!("sinks.{}", self.sink);
        table(&sink, vec![format!("topics = [{}]", string(&self.topic))]);
        let envelope = self
            .envelope
            .as_deref()
            .filter(|envelope| *envelope != "none");
        let envelope = envelope.map(|envelope| format!("envelope = {}", string(envelope)));
        let value: Vec<String> = self.value.lines().into_iter().chain(envelope).collect();
        for (side, lines) in [("value", value), ("key", self.key.lines())] {
            if !lines.is_empty() {
                table(&format!("{sink}.{side}"), lines);
            }
        }
        let mut lines = self.target.lines(&self.table, self.mode);
        if !self.columns.is_empty() {
            let named = self.columns.iter();
            lines.push(columns(named.map(|(name, source)| (name.as_str(), source))));
        }
        table(&format!("{sink}.{}", self.target.kind()), lines);
        text
    }
}
