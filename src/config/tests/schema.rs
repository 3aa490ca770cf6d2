//! The JSON Schema takes and refuses what `plimsoll check` does, as far as a
//! schema can.

use super::bad::cases;
use super::{SAMPLE, World};
use crate::config::parse;
use crate::config::schema::document;
use crate::config::size::show_size;
use crate::config::spec::{Check, Home, Kind, Rule, Step, Texts, homes};
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use std::collections::BTreeSet;

/// The schema, ready to judge.
struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    /// The compiler refuses what is not a schema of the draft that it names.
    fn new() -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.add_resource("plimsoll.json", document()).unwrap();
        let index = compiler.compile("plimsoll.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn judge(&self, value: &Value) -> Result<(), String> {
        let judged = self.schemas.validate(value, self.index);
        judged.map_err(|error| error.to_string())
    }
}

thread_local! {
    static SCHEMA: Schema = Schema::new();
}

/// What an editor would say to a config; `None` where it is not TOML.
pub(super) fn judge(text: &str) -> Option<Result<(), String>> {
    let table = toml::from_str::<toml::Table>(text).ok()?;
    let value = to_json(toml::Value::Table(table));
    Some(SCHEMA.with(|schema| schema.judge(&value)))
}

/// As editors do it: a date is its text.
fn to_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(n) => Value::from(n),
        toml::Value::Float(n) => Value::from(n),
        toml::Value::Boolean(is) => Value::from(is),
        toml::Value::Datetime(time) => Value::from(time.to_string()),
        toml::Value::Array(list) => list.into_iter().map(to_json).collect(),
        toml::Value::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| (key, to_json(value)));
            Value::Object(entries.collect())
        }
    }
}

#[test]
fn the_schema_takes_the_example_and_all_samples() {
    let file = |name: &str| {
        let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let configs = [
        SAMPLE.to_owned(),
        file("plimsoll.example.toml"),
        file("deploy/plimsoll.toml"),
        file("deploy/plimsoll-cassandra.toml"),
    ];
    for config in configs {
        assert_eq!(judge(&config), Some(Ok(())), "{config}");
    }
}

/// Bad configs of which a schema cannot know what is wrong.
const BEYOND: &[&str] = &[
    // What stands outside the file, or what librdkafka, a database or the C
    // library says.
    "a variable that is not set",
    "a file that is not there",
    "braces that do not close",
    "a wrong value from the environment is not shown",
    "a pattern that is none",
    "a pattern in Perl's dialect",
    "URLs that cannot be read, none of which is shown",
    // One name for two things.
    "a placeholder that is none",
    "a property twice",
    // One table against another.
    "a drain that Kafka would not wait for",
    "two sinks of one group",
    "topics without a table, with two, and unknown",
    "a pattern without a table for the rest",
    // Names of tables, each by its database's rules.
    "a name with an empty part",
    "a name of three parts",
    "a name with half a quote",
    "a name that goes on behind its quote",
    "a name with a NUL",
    "a name that Postgres would cut off",
    "a topic with which a name becomes too long",
    "the same among others",
    "a name that SQLite keeps for itself",
    "a NUL in a name of SQLite's",
    "a name without a keyspace",
    "a name without a table",
    "a name of three parts in cassandra",
    "a topic that cannot name a table of cassandra",
    "another format in short",
    "framings that lead to no schema",
    "filters that are none",
    "a filter out of the environment",
    "a framing that says no more",
    // Two values of one table, and fields by their names.
    "a delimiter that is the quote",
    "fields of what has none",
    "elements of a line",
    "elements of events of Maxwell",
    "elements of no array",
    "fields that a line does not have",
    // A place in a name, and one source with one mode.
    "a route without a place",
    "a route in two places",
    "a route of the value with upsert",
    "a route and a group of its name",
];

#[test]
fn the_schema_refuses_every_bad_config_that_a_schema_can_tell() {
    let mut taken = BTreeSet::new();
    for (title, config) in cases() {
        if let Some(Ok(())) = judge(&config) {
            taken.insert(title);
        }
    }
    assert_eq!(taken, BTreeSet::from_iter(BEYOND.iter().copied()));
}

/// A good config with a value put in, where it belongs.
fn with(home: &Home, value: &str) -> String {
    let backend = home.backend.unwrap_or("postgres");
    let mut lines = vec![
        ("memory_limit", "\"1024GiB\""),
        ("kafka.bootstrap_servers", "\"k:9092\""),
        ("sinks.a.topics", "[\"x\"]"),
    ];
    let of_source = home.way.first() == Some(&Step::Is("sources"));
    if of_source {
        lines.push(("sources.a.postgres.url", "\"postgres://u@h/d\""));
    }
    let of_backend: &[_] = match backend {
        "postgres" => &[
            ("url", "\"postgres://u@h/d\""),
            ("table", "\"s.x\""),
            ("mode", "\"upsert\""),
        ],
        "sqlite" => &[
            ("path", "\"x.db\""),
            ("table", "\"x\""),
            ("mode", "\"upsert\""),
        ],
        _ => &[("contact_points", "[\"n:9042\"]"), ("table", "\"s.x\"")],
    };
    let of_backend: Vec<(String, &str)> = of_backend
        .iter()
        .map(|(key, value)| (format!("sinks.a.{backend}.{key}"), *value))
        .collect();
    lines.extend(of_backend.iter().map(|(key, value)| (key.as_str(), *value)));

    let way: Vec<&str> = home
        .way
        .iter()
        .map(|step| match step {
            Step::Is(name) | Step::Entry(name) => *name,
            Step::Name => "a",
        })
        .collect();
    let mut place = way.join(".");
    if !place.is_empty() {
        place.push('.');
    }
    let key = format!("{place}{}", home.setting.name);
    if place == "schema_registry." {
        lines.push(("schema_registry.url", "[\"https://r\"]"));
    }
    // Only a schema tells how.
    if ["create", "evolve"].contains(&home.setting.name) {
        lines.push(("sinks.a.value.format", "\"avro\""));
        lines.push(("sinks.a.value.schema_file", "\"a.avsc\""));
    }
    // What it replaces, or does not go with.
    lines.retain(|(line, _)| *line != key && !line.starts_with(&format!("{key}.")));
    if home.setting.name == "topics_regex" {
        lines.retain(|(line, _)| !line.ends_with("topics"));
    }
    let list = format!("sinks.a.{backend}.tables");
    // The way within an entry of it.
    let entry_at = home
        .way
        .iter()
        .position(|step| matches!(step, Step::Entry(_)));
    let in_list = entry_at.is_some();
    let is_list = key == list;
    let mut entry = Vec::new();
    if in_list || is_list {
        let table = format!("sinks.a.{backend}.");
        lines.retain(|(line, value)| match line.strip_prefix(&table) {
            Some(key @ ("table" | "mode")) => {
                entry.push(format!("{key} = {value}"));
                false
            }
            _ => true,
        });
    }
    let mut config = String::new();
    for (line, value) in lines {
        config.push_str(&format!("{line} = {value}\n"));
    }
    if in_list {
        let within = way.iter().skip(entry_at.unwrap_or_default() + 1);
        let name = within.copied().chain([home.setting.name]);
        let name = name.collect::<Vec<_>>().join(".");
        entry.retain(|line| !line.starts_with(&format!("{name} =")));
        entry.push(format!("{name} = {value}"));
        config.push_str(&format!("[[{list}]]\n{}\n", entry.join("\n")));
    } else {
        config.push_str(&format!("{key} = {value}\n"));
    }
    config
}

/// Values, some of which a setting may take and some not. No dates where texts
/// are wanted: to an editor a date is its text.
fn values(kind: &Kind) -> Vec<String> {
    let text = |text: &str| format!("\"{text}\"");
    let mut values: Vec<String> = [
        "1.5",
        "true",
        "\"\"",
        "\"  \"",
        "\"x\"",
        "\"x:1\"",
        "[\"x\"]",
        "[\"x:1\"]",
        "[]",
        "{}",
        "[\"x\", 2]",
        "[\"x\", \"x\"]",
        "[\"https://x\"]",
        "[\"\"]",
        "{ zzz = \"value\" }",
        "{ zzz = 1 }",
        "7",
        "[{}]",
        "[{ zzz = 1 }]",
        "\"off\"",
        "\"pg_x\"",
        "\"file:x\"",
        "\"k-x\"",
        "[\"  \"]",
    ]
    .map(str::to_owned)
    .to_vec();
    match kind {
        Kind::Integer(bounds, _) | Kind::Size(bounds) => {
            let (least, most) = (bounds.least.cast_signed(), bounds.most.cast_signed());
            values.extend([least - 1, least, most, most + 1].map(|n| n.to_string()));
            values.extend([bounds.least, bounds.most].map(|n| text(&show_size(n))));
            values.extend(["\"7 parsecs\"", "\"KiB\""].map(str::to_owned));
            values.push(text(&format!(" {} B ", bounds.least)));
        }
        Kind::Choice(choice) => {
            values.extend(choice.words.iter().map(|word| text(word)));
            values.extend(choice.refused.iter().map(|(word, _)| text(word)));
        }
        Kind::Text(checks) | Kind::Texts(Texts { checks, .. }) => {
            for check in *checks {
                if let Check::Longest(bytes) = check {
                    values.extend([*bytes, bytes + 1].map(|n| text(&"x".repeat(n))));
                }
            }
        }
        Kind::Start(_) => values.extend(
            [
                "\"earliest\"",
                "\"latest\"",
                "\"noon\"",
                "{ group = \"g\" }",
                "{ group = \"\" }",
                "2026-01-31T08:00:00Z",
                "2026-01-31T08:00:00",
                "1999-01-01",
                "\"2026-01-31 08:00+01:00\"",
                "\"2026-01-31T08:00:00.5Z\"",
                "\"1969-01-31T08:00:00Z\"",
            ]
            .map(str::to_owned),
        ),
        Kind::Columns(_) => values.extend(
            [
                "{ a = \"value.a\" }",
                "{ a = 'key.\"x.y\".z' }",
                "{ a = \"headers.a.b\" }",
                "{ a = \"headers.\" }",
                "{ a = \"values.a\" }",
                "{ a = \"offset.x\" }",
                "{ a = \"value.a..b\" }",
                "{ a = \"value.*\" }",
                "{ a = \"value.a.*\" }",
                "{ a = \"value.a[0][*].b\" }",
                "{ a = 'value.\"a[0]\"' }",
                "{ a = \"value.a[x]\" }",
                "{ a = \"value.a]\" }",
                "{ a = { source = \"value.a\", unit = \"ms\" } }",
                "{ a = { coalesce = [\"value.a\", \"key\"], constant = 7 } }",
                "{ a = { constant = true } }",
                "{ a = { unit = \"ms\" } }",
                "{ a = { source = \"value.a\", coalesce = [\"value.b\"] } }",
                "{ a = { constant = [] } }",
                "{ a.b = \"value.a\" }",
            ]
            .map(str::to_owned),
        ),
        Kind::Properties => values.extend(
            [
                "{ \"client.rack\" = \"r\" }",
                "{ client.rack = \"r\" }",
                "{ \"group.id\" = \"g\" }",
                "{ \"client.rack\" = [1] }",
                "{ \"partition.assignment.strategy\" = \"range\" }",
            ]
            .map(str::to_owned),
        ),
        Kind::Parsed(_)
        | Kind::Literal
        | Kind::Boolean
        | Kind::Table(_)
        | Kind::Tables(_)
        | Kind::Named(_)
        | Kind::Backend(..) => {}
    }
    values
}

/// Whether a setting is good for nothing without another.
fn needs_another(home: &Home) -> bool {
    [
        "username",
        "password",
        "cert_file",
        "key_file",
        "schema_file",
        "message",
        "source_tables",
        "fields",
        "delimiter",
        "quote",
        "null",
        "coalesce",
        "unit",
        "as",
        "route",
        "max_tables",
        "on_unknown_route",
    ]
    .contains(&home.setting.name)
}

#[test]
fn the_schema_and_check_agree_on_every_setting() {
    let mut wrong = Vec::new();
    for home in homes() {
        let name = home.setting.name;
        let (mut good, mut bad) = (0, 0);
        for value in values(&home.setting.kind) {
            let config = with(&home, &value);
            let read = parse(&config, &World::new());
            match &read {
                Ok(_) => good += 1,
                Err(_) => bad += 1,
            }
            let judged = judge(&config).unwrap_or_else(|| panic!("not TOML: {config}"));
            match (read, judged) {
                (Ok(_), Err(said)) => {
                    wrong.push(format!("only the schema refuses\n{config}{said}"))
                }
                // Code of its own, and librdkafka, know more than a pattern.
                (Err(_), Ok(()))
                    if matches!(home.setting.kind, Kind::Parsed(_) | Kind::Properties) => {}
                (Err(faults), Ok(())) => {
                    wrong.push(format!("only check refuses\n{config}{faults}"));
                }
                (Ok(_), Ok(())) | (Err(_), Err(_)) => {}
            }
        }
        assert!(bad > 0, "{name} takes everything");
        let whole = matches!(
            home.setting.kind,
            Kind::Named(_) | Kind::Backend(..) | Kind::Tables(_)
        );
        // They lack what they cannot do without.
        let is_bare = ["kafka", "schema_registry"].contains(&name) || home.way.len() == 2;
        assert!(
            good > 0
                || whole
                || is_bare
                || needs_another(&home)
                || matches!(home.setting.kind, Kind::Parsed(_)),
            "{name} takes nothing"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_setting_of_the_table_is_read() {
    for home in homes() {
        let name = home.setting.name;
        let config = match home.setting.kind {
            Kind::Literal => with(&home, "[]"),
            _ => with(&home, "1.5"),
        };
        let faults = parse(&config, &World::new()).unwrap_err();
        let told = faults
            .list
            .iter()
            .any(|fault| fault.place.ends_with(name) && fault.what.starts_with("must be "));
        assert!(told, "nobody reads {name}:\n{config}{faults}");
    }
}

#[test]
fn a_text_has_one_pattern_at_most_and_every_pattern_is_one() {
    for home in homes() {
        let (Kind::Text(checks) | Kind::Texts(Texts { checks, .. })) = home.setting.kind else {
            if let Kind::Parsed(pattern) = home.setting.kind {
                assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
            }
            continue;
        };
        let mut matches = 0;
        for check in checks {
            match check {
                Check::Longest(_) => {}
                Check::Matches(pattern, ..) | Check::MatchesNot(pattern, ..) => {
                    assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
                    matches += usize::from(matches!(check, Check::Matches(..)));
                }
            }
        }
        // A schema has no place for a second one.
        assert!(matches <= 1, "{}", home.setting.name);
    }
}

#[test]
fn rules_speak_of_settings_that_their_table_has() {
    use crate::config::spec::{ROOT, Table, When};
    fn check(table: &'static Table) {
        let has = |name: &str| {
            assert!(
                table.setting(name).is_some(),
                "[{}] has no {name}",
                table.name
            );
        };
        for rule in table.rules() {
            let when = match rule {
                Rule::Refused { settings, when, .. } => {
                    settings.iter().for_each(|name| has(name));
                    Some(when)
                }
                Rule::RefusedKeys { setting, when, .. } => {
                    has(setting);
                    Some(when)
                }
                Rule::Needs(one, other) => {
                    has(one);
                    has(other);
                    None
                }
            };
            match when {
                Some(When::Has(name) | When::Is(name, _) | When::On(name) | When::Off(name)) => {
                    has(name)
                }
                Some(When::Lacks(names)) => names.iter().for_each(|name| has(name)),
                None => {}
            }
        }
        for setting in table.settings() {
            if let Kind::Table(inner)
            | Kind::Tables(inner)
            | Kind::Named(inner)
            | Kind::Backend(inner, _)
            | Kind::Start(inner) = setting.kind
            {
                check(inner);
            }
        }
    }
    check(&ROOT);
}
