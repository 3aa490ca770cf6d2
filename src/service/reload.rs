//! A config that changed, applied to a service that runs. Pure: what is to be done is
//! decided here, and done by the service.

use crate::config::Config;
use std::collections::BTreeSet;

/// What a new config asks of a service that runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// Sinks that drain and do not come back.
    pub(super) removed: BTreeSet<String>,
    /// Sinks that drain and begin anew with other settings.
    pub(super) changed: BTreeSet<String>,
    /// Sinks that begin.
    pub(super) added: BTreeSet<String>,
    /// Tables of the config whose changes only another process takes up.
    pub(super) left: Vec<&'static str>,
}

impl Plan {
    /// What leads from one to the other.
    pub(super) fn of(old: &Config, new: &Config) -> Self {
        let names = |config: &Config| -> BTreeSet<String> {
            config.sinks.iter().map(|sink| sink.name.clone()).collect()
        };
        let (before, after) = (names(old), names(new));
        // A sink's share of the memory depends on how many there are.
        let all = old.kafka != new.kafka
            || old.registry != new.registry
            || old.memory_limit != new.memory_limit
            || old.drain != new.drain
            || before.len() != after.len();
        let same = |name: &String| old.sink(name) == new.sink(name);
        let both = before.intersection(&after);
        let mut left = Vec::new();
        if (old.listen, &old.hosts) != (new.listen, &new.hosts) {
            left.push("http");
        }
        if old.admin != new.admin {
            left.push("admin");
        }
        if old.sources != new.sources {
            left.push("sources");
        }
        Self {
            removed: before.difference(&after).cloned().collect(),
            changed: both.filter(|name| all || !same(name)).cloned().collect(),
            added: after.difference(&before).cloned().collect(),
            left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::configured;

    const TOP: &str = "[kafka]\nbootstrap_servers = \"k:9092\"\n";

    fn sink(name: &str, more: &str) -> String {
        format!(
            "[sinks.{name}]\ntopics = [\"{name}\"]\n{more}\n[sinks.{name}.sqlite]\npath = \
             \"/tmp/{name}.db\"\ntable = \"t\"\nmode = \"append\"\n"
        )
    }

    fn plan(old: &[&str], new: &[&str]) -> Plan {
        let config = |parts: &[&str]| configured(&parts.concat());
        Plan::of(&config(old), &config(new))
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_config_that_says_the_same_asks_for_nothing() {
        let (a, b) = (sink("a", ""), sink("b", ""));
        let spelled = format!("# a comment\ndrain_ms = 10_000\n{TOP}");
        let plan = plan(&[TOP, &a, &b], &[&spelled, &b, &a]);
        assert_eq!(plan, Plan::default());
    }

    #[test]
    fn only_the_sink_that_changed_begins_anew() {
        let (a, b) = (sink("a", ""), sink("b", ""));
        let changed = sink("a", "group_id = \"other\"");
        let plan = plan(&[TOP, &a, &b], &[TOP, &changed, &b]);
        let expected = Plan {
            changed: set(&["a"]),
            ..Plan::default()
        };
        assert_eq!(plan, expected);
    }

    #[test]
    fn a_sink_that_comes_or_goes_changes_the_share_of_the_others() {
        let (a, b, c) = (sink("a", ""), sink("b", ""), sink("c", ""));
        let grown = plan(&[TOP, &a], &[TOP, &a, &b]);
        assert_eq!((grown.added, grown.changed), (set(&["b"]), set(&["a"])));
        let shrunk = plan(&[TOP, &a, &b], &[TOP, &b]);
        assert_eq!((shrunk.removed, shrunk.changed), (set(&["a"]), set(&["b"])));
        let replaced = plan(&[TOP, &a, &b], &[TOP, &c, &b]);
        let expected = Plan {
            removed: set(&["a"]),
            added: set(&["c"]),
            ..Plan::default()
        };
        assert_eq!(replaced, expected);
    }

    #[test]
    fn what_all_sinks_share_begins_all_anew() {
        let a = sink("a", "");
        for changed in [
            "[kafka]\nbootstrap_servers = \"other:9092\"\n".to_owned(),
            format!("{TOP}[kafka.properties]\n\"sasl.password\" = \"new\"\n"),
            format!("memory_limit = \"64MiB\"\n{TOP}"),
            format!("drain_ms = 5_000\n{TOP}"),
        ] {
            let plan = plan(&[TOP, &a], &[&changed, &a]);
            assert_eq!(plan.changed, set(&["a"]), "{changed}");
        }
    }

    #[test]
    fn listeners_stay_as_they_are() {
        let a = sink("a", "");
        for (changed, table) in [
            ("[http]\nlisten = \"127.0.0.1:9999\"\n", "http"),
            ("[http]\nhosts = [\"a\"]\n", "http"),
            ("[admin]\nlisten = \"127.0.0.1:9999\"\n", "admin"),
        ] {
            let plan = plan(&[TOP, &a], &[changed, TOP, &a]);
            let expected = Plan {
                left: vec![table],
                ..Plan::default()
            };
            assert_eq!(plan, expected);
        }
    }
}
