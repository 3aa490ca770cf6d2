//! What good configs become.

use super::schema::judge;
use super::{SAMPLE, World};
use crate::config::{
    Backend, Codec, Config, Encoding, GroupProtocol, Isolation, OnBadRecord, Start, Topics,
    UnknownFields, load, parse, reads,
};
use plimsoll_cassandra::{CassandraSettings, Consistency, Ttl};
use plimsoll_plain::{Csv, Primitive};
use plimsoll_record::{Envelope, Framing};
use plimsoll_registry::Login;
use plimsoll_sink_api::{Missing, Mode, Source, TableRule, Take};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Editors take it, too.
fn good(text: &str) -> Config {
    match parse(text, &World::new()) {
        Ok(config) => {
            assert_eq!(judge(text), Some(Ok(())), "{text}");
            config
        }
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
        Backend::Cassandra(_) => panic!("not one of these tests"),
    }
}

fn cassandra(text: &str) -> CassandraSettings {
    let config = good(&format!(
        "[kafka]\nbootstrap_servers = \"k\"\n[sinks.a]\ntopics = [\"events\", \"users\"]\n{text}"
    ));
    let Backend::Cassandra(settings) = &config.sinks[0].backend else {
        panic!("{:?}", config.sinks[0].backend);
    };
    settings.clone()
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
    let customer: Take = "value.customer".parse().unwrap();
    assert_eq!(table.columns, [("customer".to_owned(), customer)]);
}

#[test]
fn the_sample_of_the_readme_is_the_one_that_is_tested() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    assert!(readme.contains(&format!("```toml\n{SAMPLE}```")));
}

#[test]
fn keys_and_values_have_formats_of_their_own() {
    let registry = "[schema_registry]\nurl = [\"https://r/a\", \"https://s/a\"]\nusername = \
                    \"u\"\npassword = \"p\"\ntimeout_ms = 500\n";
    let of = |lines: &str| {
        let mut config = good(&format!(
            "{registry}[kafka]\nbootstrap_servers = \"k\"\n[sinks.a]\ntopics = \
             [\"t\"]\n{lines}\n[sinks.a.sqlite]\npath = \"x.db\"\ntable = \"t\"\nmode = \"upsert\"\n"
        ));
        (config.sinks.remove(0), config.registry)
    };
    let encoding = |codec, framing, schema_file: Option<&str>| Encoding {
        codec,
        framing,
        schema_file: schema_file.map(PathBuf::from),
        message: None,
    };
    let (sink, registry) = of(
        "value = { format = \"avro\", framing = \"confluent\", envelope = \"debezium\" }\n\
                   key = { format = \"avro\", framing = \"single_object\", schema_file = \"k.avsc\" }",
    );
    assert_eq!(
        sink.reads.value,
        encoding(Codec::Avro, Framing::Confluent, None)
    );
    assert_eq!(
        sink.reads.key,
        encoding(Codec::Avro, Framing::SingleObject, Some("k.avsc"))
    );
    assert!(matches!(sink.reads.envelope, Envelope::Debezium(_)));
    let registry = registry.expect("a registry");
    assert_eq!(registry.urls, ["https://r/a", "https://s/a"]);
    assert_eq!(registry.request_timeout, Duration::from_millis(500));
    assert!(matches!(registry.login, Login::Basic { .. }));
    // Values of JSON Schema, whose keys are plain.
    let (sink, _) = of("format = \"json\"\nvalue = { framing = \"confluent\" }");
    assert_eq!(
        sink.reads.value,
        encoding(Codec::Json, Framing::Confluent, None)
    );
    assert_eq!(sink.reads.key, Encoding::default());
    let connect = "{ format = \"connect_json\" }";
    let (sink, _) = of(&format!("value = {connect}\nkey = {connect}"));
    let connect = encoding(Codec::ConnectJson, Framing::None, None);
    assert_eq!((&sink.reads.value, &sink.reads.key), (&connect, &connect));
    // Protobuf, of which a file has several messages.
    let (sink, _) = of(
        "value = { format = \"protobuf\", framing = \"apicurio\" }\n\
         key = { format = \"protobuf\", schema_file = \"k.proto\", message = \"shop.Key\" }",
    );
    assert_eq!(
        sink.reads.value,
        encoding(Codec::Protobuf, Framing::Apicurio, None)
    );
    let key = Encoding {
        message: Some("shop.Key".to_owned()),
        ..encoding(Codec::Protobuf, Framing::None, Some("k.proto"))
    };
    assert_eq!(sink.reads.key, key);
}

#[test]
fn bytes_without_a_schema_are_told_by_the_config() {
    let of = |lines: &str| {
        let mut config = good(&format!(
            "[kafka]\nbootstrap_servers = \"k\"\n[sinks.a]\ntopics = \
             [\"t\"]\n{lines}\n[sinks.a.sqlite]\npath = \"x.db\"\ntable = \"t\"\nmode = \
             \"upsert\"\ncolumns = {{ id = \"key\", note = \"value\" }}\n"
        ));
        let reads = config.sinks.remove(0).reads;
        (reads.value.codec, reads.key.codec)
    };
    let (value, key) = of("value = { format = \"text\" }\nkey = { format = \"int64\" }");
    assert_eq!(value, Codec::Primitive(Primitive::Text));
    assert_eq!(key, Codec::Primitive(Primitive::Int64));
    let (value, key) = of("value = { format = \"cbor\" }\nkey = { format = \"msgpack\" }");
    assert_eq!((value, key), (Codec::Cbor, Codec::MessagePack));
    let (value, key) = of(
        "value = { format = \"csv\", fields = [\"a\", \"b\"] }\nkey = { format = \
                           \"csv\", fields = [\"id\"], delimiter = \"\\t\", quote = \"'\", null = \
                           \"\\\\N\" }",
    );
    let csv = |fields: &[&str], delimiter, quote, null: &str| {
        Codec::Csv(Csv {
            fields: fields.iter().map(|&name| name.to_owned()).collect(),
            delimiter,
            quote,
            null: null.to_owned(),
        })
    };
    assert_eq!(value, csv(&["a", "b"], b',', b'"', ""));
    assert_eq!(key, csv(&["id"], b'\t', b'\'', "\\N"));
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
fn a_pattern_of_another_dialect_is_written_in_posix_and_names_parts() {
    for (pattern, posix, table, filled) in [
        (
            r"^shop\.(?<schema>\w+)\.(?<table>[a-z]+)$",
            r"^shop\.([A-Za-z0-9_]+)\.([a-z]+)$",
            "{schema}.{table}",
            "t.t",
        ),
        (r"a(?P<n>\d)$", "^a([0-9])$", "x{n}_{topic}", "xt_t"),
        (
            r"(?:a|b)(?<x>[]a[:digit:]]?)$",
            r"^((a|b)([]a[:digit:]]?)$)",
            "{x}",
            "t",
        ),
        (r"\(?<a>", r"^\(?<a>", "{topic}", "t"),
    ] {
        let config = format!(
            "[kafka]\nbootstrap_servers = \"k\"\n[sinks.a]\ntopics_regex = \
             '{pattern}'\n[sinks.a.sqlite]\npath = \"p\"\ntable = \"{table}\"\nmode = \"log\"\n"
        );
        let read = crate::config::parse(&config, &World::new());
        let Ok(config) = read else {
            // A \\ within [ ], and what is no expression at all.
            assert!(
                pattern.contains(r"\]") || pattern.contains(r"\(?"),
                "{pattern}"
            );
            continue;
        };
        assert_eq!(config.sinks[0].topics, Topics::Pattern(posix.to_owned()));
        let settings = &tables(&config)[0].settings;
        let words = plimsoll_sink_api::TopicWords::short(settings.captures.as_ref());
        assert_eq!(words.fill(&settings.table), filled);
    }
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

#[test]
fn cassandra_needs_a_node_and_a_table() {
    for name in ["cassandra", "scylla"] {
        let settings = cassandra(&format!(
            "[sinks.a.{name}]\ncontact_points = [\"10.0.0.1:9042\"]\ntable = \"shop.{{topic}}\"\n"
        ));
        assert_eq!(settings.contact_points, ["10.0.0.1:9042"]);
        assert_eq!(settings.consistency, Consistency::LocalQuorum);
        assert_eq!(settings.state_keyspace, "plimsoll");
        assert_eq!(settings.state_replication, None);
        assert_eq!((settings.max_in_flight, settings.batches), (256, true));
        assert_eq!(settings.rewind, Duration::from_secs(15));
        assert_eq!(settings.tables.len(), 1);
        assert_eq!(settings.tables[0].rule.settings.table, "shop.{topic}");
        assert_eq!(settings.tables[0].rule.settings.mode, Mode::Upsert);
    }
}

#[test]
fn cassandra_takes_all_of_its_settings() {
    let settings = cassandra(
        r#"[sinks.a.cassandra]
contact_points = ["10.0.0.1:9042", "cassandra-1.shop:9142"]
username = "app"
password = "${MODE}"
local_datacenter = "dc1"
consistency = "LOCAL_ONE"
single_node = true
state_keyspace = "ship"
state_replication = "{'class': 'NetworkTopologyStrategy', 'dc1': 3}"
max_in_flight = 32
batches = false
auto_migrate = false
call_timeout_ms = 2000
rewind_ms = 0
[sinks.a.cassandra.tls]
ca_file = "/etc/ca.pem"
[[sinks.a.cassandra.tables]]
topics = ["events"]
table = "analytics.events"
ttl_s = 86400
[[sinks.a.cassandra.tables]]
topics = ["users"]
table = "analytics.users_by_id"
columns = { user_id = "key.id", name = "value.fullName" }
ttl = "value.days"
"#,
    );
    let login = settings.login.expect("a login");
    assert_eq!(
        (login.username.as_str(), login.password.reveal()),
        ("app", "hunter2")
    );
    assert_eq!(settings.local_datacenter.as_deref(), Some("dc1"));
    assert_eq!(settings.consistency, Consistency::LocalOne);
    assert_eq!(
        (settings.state_keyspace.as_str(), settings.max_in_flight),
        ("ship", 32)
    );
    assert!(
        settings
            .state_replication
            .is_some_and(|map| map.contains("'dc1': 3"))
    );
    assert_eq!((settings.batches, settings.auto_migrate), (false, false));
    assert_eq!(
        (settings.call_timeout, settings.rewind),
        (Duration::from_secs(2), Duration::ZERO)
    );
    let tls = settings.tls.expect("tls");
    assert_eq!(tls.ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
    let [events, users] = &settings.tables[..] else {
        panic!("two tables");
    };
    assert_eq!(events.rule.topics, ["events"]);
    assert_eq!(events.ttl, Some(Ttl::Fixed(Duration::from_secs(86_400))));
    let source = |text: &str| text.parse::<Source>().unwrap();
    assert_eq!(
        users.rule.settings.columns,
        [
            ("user_id".to_owned(), source("key.id").into()),
            ("name".to_owned(), source("value.fullName").into())
        ]
    );
    assert_eq!(users.ttl, Some(Ttl::Source(source("value.days"))));
}

#[test]
fn a_route_is_read_with_its_bound_and_its_policy() {
    use plimsoll_sink_api::UnknownRoute;
    let config = |lines: &str| {
        let text = format!(
            "[kafka]\nbootstrap_servers = \"k:9092\"\n[sinks.a]\ntopics = [\"t\"]\n\
             [sinks.a.sqlite]\npath = \"a.db\"\ntable = \"e_{{route}}\"\n{lines}"
        );
        let config = parse(&text, &World::new()).unwrap_or_else(|faults| panic!("{faults}"));
        let table = config.sinks[0].backend.table("t").cloned().unwrap();
        table.routing.unwrap()
    };
    let routing = config("mode = \"append\"\nroute = \"value.type\"\n");
    assert_eq!(routing.by.to_string(), "value.type");
    assert_eq!(routing.max_tables, 64);
    assert_eq!(routing.unknown, UnknownRoute::AsBadRecord);
    let routing = config(
        "mode = \"upsert\"\nroute = \"key.kind\"\nmax_tables = 3\non_unknown_route = \"skip\"\n",
    );
    assert_eq!(routing.by.to_string(), "key.kind");
    assert_eq!(routing.max_tables, 3);
    assert_eq!(routing.unknown, UnknownRoute::Skip);
}
