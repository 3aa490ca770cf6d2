//! The config file that the writer gets: the real service reads it.

use super::broker::TOPIC;
use super::orders::DEFAULT_NOTE;

/// A sink of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SinkName {
    Append,
    Upsert,
}

impl SinkName {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Append, Self::Upsert];

    /// Its name in the config, in `plimsoll_positions` and as its mode.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Upsert => "upsert",
        }
    }

    /// Its table.
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Append => "orders_append",
            Self::Upsert => "orders_upsert",
        }
    }

    /// The sink of a name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sink| sink.name() == name)
    }
}

/// The tables. That of `append` has no unique constraint at all: nothing in the
/// file would stop a duplicate.
pub(super) fn tables() -> String {
    let columns = format!(
        "customer TEXT, status TEXT, amount NUMERIC, items INTEGER, city TEXT, updated_at TEXT, \
         note TEXT DEFAULT '{DEFAULT_NOTE}', kafka_partition INTEGER, kafka_offset INTEGER"
    );
    format!(
        "CREATE TABLE {} (id INTEGER, {columns});\nCREATE TABLE {} (id INTEGER PRIMARY KEY, {columns});",
        SinkName::Append.table(),
        SinkName::Upsert.table(),
    )
}

/// The whole file.
pub(super) fn toml(bootstrap_servers: &str, database: &str) -> String {
    let database = toml_string(database);
    let mut text = format!(
        "# Made by \"plimsoll demo\". Its Kafka lived inside the demo and is gone; the rest is\n\
         # what a config looks like.\n\
         [kafka]\n\
         bootstrap_servers = {}\n\n\
         [kafka.properties]\n\
         # A killed member stays in its group until this has passed.\n\
         \"session.timeout.ms\" = 2000\n\
         \"heartbeat.interval.ms\" = 500\n\n\
         [http]\n\
         listen = \"off\"\n",
        toml_string(bootstrap_servers)
    );
    for sink in SinkName::ALL {
        let bad = match sink {
            SinkName::Append => {
                "# A tombstone has no row that it could append: it is kept as a dead letter.\n\
                 on_bad_record = \"dead_letter\"\n"
            }
            SinkName::Upsert => "",
        };
        let (name, table) = (sink.name(), sink.table());
        text.push_str(&format!(
            "\n[sinks.{name}]\n\
             topics = [\"{TOPIC}\"]\n\
             {bad}\n\
             [sinks.{name}.sqlite]\n\
             path = {database}\n\
             table = \"{table}\"\n\
             mode = \"{name}\"\n\n\
             [sinks.{name}.sqlite.columns]\n\
             kafka_partition = \"partition\"\n\
             kafka_offset = \"offset\"\n"
        ));
    }
    text
}

/// A basic string of TOML, in which `${` is no variable.
fn toml_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.replace("${", "$${").chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_is_one_that_the_service_takes() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("a \"${b}\" \\ c.db");
        let file = dir.path().join("plimsoll.toml");
        std::fs::write(&file, toml("127.0.0.1:1", odd.to_str().unwrap())).unwrap();
        let config = crate::config::load(&file).unwrap();
        let names: Vec<&str> = config.sinks.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["append", "upsert"]);
        for sink in &config.sinks {
            match &sink.backend {
                crate::config::Backend::Sqlite(sqlite) => assert_eq!(sqlite.path, odd),
                crate::config::Backend::Postgres(_) | crate::config::Backend::Cassandra(_) => {
                    panic!("SQLite was asked for")
                }
            }
        }
    }
}
