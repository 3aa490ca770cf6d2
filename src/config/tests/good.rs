//! What good configs become.

use super::{SAMPLE, World};
use crate::config::{
    Backend, Config, GroupProtocol, Isolation, OnBadRecord, Start, Topics, UnknownFields, load,
    parse, reads,
};
use plimsoll_sink_api::{Missing, Mode, Source, TableRule};
use std::time::Duration;

fn good(text: &str) -> Config {
    match parse(text, &World::new()) {
        Ok(config) => config,
        Err(faults) => panic!("{faults}"),
    }
}

/// A config with one sink `a`, whose table holds `extra`.
fn with_sink(extra: &str) -> Config {
    good(&format!(
        "[kafka]\nbootstrap_servers = \"k\"\n[sinks.a]\n{extra}\n[sinks.a.sqlite]\npath = \
         \"x.db\"\ntable = \"t\"\nmode = \"append\"\n"
    ))
}

fn tables(config: &Config) -> &[TableRule] {
    match &config.sinks[0].backend {
        Backend::Postgres(postgres) => &postgres.tables,
        Backend::Sqlite(sqlite) => &sqlite.tables,
    }
}

#[test]
fn the_sample_parses_as_it_stands() {
    let config = good(SAMPLE);
    assert_eq!(config.kafka.bootstrap_servers, "127.0.0.1:9092");
    assert_eq!(config.kafka.properties["security.protocol"], "PLAINTEXT");
    assert_eq!(config.listen, "127.0.0.1:9464".parse().ok());
    let sink = &config.sinks[0];
    assert_eq!(sink.name, "orders");
    assert_eq!(sink.topics, Topics::Named(vec!["orders".to_owned()]));
    assert_eq!(sink.group_id, "plimsoll-orders");
    assert_eq!(sink.start, Start::Earliest);
    assert_eq!(sink.on_bad_record, OnBadRecord::Halt);
    assert_eq!(sink.batch.max_records, 5_000);
    assert_eq!(sink.batch.max_bytes, 8 << 20);
    assert_eq!(sink.batch.linger, Duration::from_millis(100));
    let Backend::Postgres(postgres) = &sink.backend else {
        panic!("the sample writes to Postgres");
    };
    assert_eq!(postgres.url.reveal(), "postgres://app:hunter2@db:5432/shop");
    let table = &postgres.tables[0].settings;
    assert_eq!(table.table, "public.orders");
    assert_eq!(table.mode, Mode::Upsert);
    assert_eq!(table.key_columns, ["id"]);
    let customer: Source = "value.customer".parse().unwrap();
    assert_eq!(table.columns, [("customer".to_owned(), customer)]);
}

#[test]
fn the_sample_of_the_readme_is_the_one_that_is_tested() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    assert!(readme.contains(&format!("```toml\n{SAMPLE}```")));
}

#[test]
fn what_a_config_leaves_out_has_its_default() {
    let config = good(
        "[kafka]\nbootstrap_servers = \"k\"\n[sinks.a]\ntopics = [\"t\"]\n[sinks.a.postgres]\nurl \
         = \"${file:/run/secrets/url}\"\ntable = \"t\"\nmode = \"upsert\"\n",
    );
    assert_eq!(config.memory_limit, 256 << 20);
    assert_eq!(config.drain, Duration::from_secs(10));
    assert_eq!(config.listen, "127.0.0.1:9464".parse().ok());
    assert_eq!(config.kafka.isolation_level, Isolation::ReadCommitted);
    assert_eq!(config.kafka.group_protocol, GroupProtocol::Classic);
    assert_eq!(config.kafka.group_instance_id, None);
    let sink = &config.sinks[0];
    assert_eq!(sink.group_id, "plimsoll-a");
    assert_eq!(sink.start, Start::Earliest);
    assert_eq!(sink.on_bad_record, OnBadRecord::Halt);
    assert_eq!(sink.unknown_fields, UnknownFields::Ignore);
    assert_eq!(sink.batch.max_records, 10_000);
    assert_eq!(sink.batch.max_bytes, 8 << 20);
    assert_eq!(sink.batch.linger, Duration::from_millis(100));
    let Backend::Postgres(postgres) = &sink.backend else {
        panic!("the config says postgres");
    };
    assert_eq!(postgres.sink, "a");
    // The newline at the end of the file is no part of the URL.
    assert_eq!(postgres.url.reveal(), "postgres://app:hunter2@db/shop");
    assert_eq!(postgres.state_schema, "plimsoll");
    assert_eq!(postgres.max_connections, 4);
    assert!(postgres.auto_migrate);
    assert_eq!(postgres.call_timeout, Duration::from_secs(30));
    let table = &postgres.tables[0].settings;
    assert!(table.key_columns.is_empty());
    assert!(table.columns.is_empty());
    assert_eq!(table.missing, Missing::Default);
}

#[test]
fn the_example_file_parses_and_sets_nothing_but_defaults() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plimsoll.example.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let config = good(&text);
    let bare = good(
        "[kafka]\nbootstrap_servers = \"127.0.0.1:9092\"\n[sinks.orders]\ntopics = \
         [\"orders\"]\n[sinks.orders.postgres]\nurl = \"${DATABASE_URL}\"\ntable = \
         \"public.orders\"\nmode = \"upsert\"\n",
    );
    assert_eq!(format!("{config:?}"), format!("{bare:?}"));
}

#[test]
fn every_setting_that_the_example_comments_out_is_good() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plimsoll.example.toml");
    let text = std::fs::read_to_string(path).unwrap();
    // Prose begins with "# ", a setting that is commented out with "#" alone.
    let settings: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|rest| !rest.is_empty() && !rest.starts_with([' ', '#']))
        .collect();
    assert!(settings.len() > 15, "{settings:?}");
    let mut uncommented = String::new();
    for line in text.lines() {
        match line.strip_prefix('#') {
            Some(rest) if settings.contains(&rest) => uncommented.push_str(rest),
            _ => uncommented.push_str(line),
        }
        uncommented.push('\n');
    }
    good(&uncommented);
}

#[test]
fn a_start_can_be_a_word_a_time_or_a_group() {
    let start = |text: &str| {
        with_sink(&format!("topics = [\"t\"]\nstart = {text}")).sinks[0]
            .start
            .clone()
    };
    assert_eq!(start("\"earliest\""), Start::Earliest);
    assert_eq!(start("\"latest\""), Start::Latest);
    assert_eq!(start("\"1970-01-01T00:00:01.5Z\""), Start::Time(1_500));
    assert_eq!(start("\"1970-01-01T01:00:01+01:00\""), Start::Time(1_000));
    assert_eq!(start("1970-01-01T00:00:01Z"), Start::Time(1_000));
    assert_eq!(
        start("{ group = \"connect-orders\" }"),
        Start::Group("connect-orders".to_owned())
    );
}

#[test]
fn a_pattern_is_anchored_as_a_whole() {
    let topics = |pattern: &str| {
        with_sink(&format!("topics_regex = '{pattern}'")).sinks[0]
            .topics
            .clone()
    };
    assert_eq!(topics("orders"), Topics::Pattern("^orders".to_owned()));
    assert_eq!(topics("^orders"), Topics::Pattern("^orders".to_owned()));
    assert_eq!(topics("^a|b"), Topics::Pattern("^(a|b)".to_owned()));
    let both = topics("a|b");
    assert!(reads(&both, "a1") && reads(&both, "b"));
    assert!(!reads(&both, "xb"));
    assert_eq!(
        topics("^[]a[:digit:]]+\\.x$"),
        Topics::Pattern("^[]a[:digit:]]+\\.x$".to_owned())
    );
}

#[test]
fn listen_off_serves_nothing() {
    let config = good(&SAMPLE.replace("127.0.0.1:9464", "off"));
    assert_eq!(config.listen, None);
}

#[test]
fn sizes_have_binary_and_decimal_units() {
    for (text, bytes) in [
        ("\"64MiB\"", 64 << 20),
        ("\"1 GiB\"", 1 << 30),
        ("\"100MB\"", 100_000_000),
        ("\"200000kB\"", 200_000_000),
        ("67108864", 64 << 20),
        ("\"67108864\"", 64 << 20),
    ] {
        let config = good(&format!("memory_limit = {text}\n{SAMPLE}"));
        assert_eq!(config.memory_limit, bytes, "{text}");
    }
}

#[test]
fn a_property_without_quotes_means_the_same() {
    let config = good(&SAMPLE.replace(
        "\"security.protocol\" = \"PLAINTEXT\"",
        "security.protocol = \"PLAINTEXT\"\nsocket.keepalive.enable = true\n\
         \"session.timeout.ms\" = 6000",
    ));
    let properties = &config.kafka.properties;
    assert_eq!(properties["security.protocol"], "PLAINTEXT");
    assert_eq!(properties["socket.keepalive.enable"], "true");
    assert_eq!(properties["session.timeout.ms"], "6000");
}

#[test]
fn an_escaped_expansion_stays_as_it_is() {
    let config = good(&SAMPLE.replace("${DATABASE_URL}", "postgres://u:$${X}$@${EMPTY}h/d"));
    let Backend::Postgres(postgres) = &config.sinks[0].backend else {
        panic!("the sample writes to Postgres");
    };
    assert_eq!(postgres.url.reveal(), "postgres://u:${X}$@h/d");
}

#[test]
fn no_debug_text_shows_a_secret() {
    let text = SAMPLE.replace(
        "\"security.protocol\" = \"PLAINTEXT\"",
        "\"sasl.password\" = \"${file:/run/secrets/password}\"\n\"sasl.username\" = \"app\"",
    );
    let config = good(&text);
    assert_eq!(config.kafka.properties["sasl.password"], "hunter2");
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("\"sasl.username\": \"app\""), "{shown}");
}

#[test]
fn columns_keep_the_order_of_the_file() {
    let config = good(&SAMPLE.replace(
        "customer = \"value.customer\"",
        "z = \"key\"\na = \"value.a.b\"\n\"M m\" = \"headers.x\"\n",
    ));
    let names: Vec<&str> = tables(&config)[0]
        .settings
        .columns
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["z", "a", "M m"]);
}

#[test]
fn the_last_of_the_tables_takes_what_is_left() {
    let config = good(
        "[kafka]\nbootstrap_servers = \"k\"\n[sinks.a]\ntopics_regex = \
         \"^shop\"\n[[sinks.a.sqlite.tables]]\ntopics = [\"shop.orders\"]\ntable = \
         \"orders\"\nmode = \"upsert\"\nmissing = \
         \"keep\"\n[[sinks.a.sqlite.tables]]\ntable = \"{topic}\"\nmode = \
         \"log\"\n[sinks.a.sqlite]\npath = \"x.db\"\n",
    );
    let rules = tables(&config);
    assert_eq!(rules[0].topics, ["shop.orders"]);
    assert_eq!(rules[0].settings.missing, Missing::Keep);
    assert!(rules[1].topics.is_empty());
    assert_eq!(rules[1].settings.table, "{topic}");
}

#[test]
fn a_file_is_loaded_with_its_name_in_the_faults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "[kafka]\nbootstrap_servers = \"k\"\n").unwrap();
    let faults = load(&path).unwrap_err();
    assert!(
        faults
            .to_string()
            .starts_with(&format!("{}: sinks: is missing", path.display())),
        "{faults}"
    );
}
