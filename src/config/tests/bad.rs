//! Bad configs, each with its exact message.

use super::World;
use crate::config::{load, parse};
use std::fmt::Write as _;
use std::path::Path;

/// The parts of a config that a case does not care about.
const KAFKA: &str = "[kafka]\nbootstrap_servers = \"k:9092\"\n";
const SINK: &str = "[sinks.a]\ntopics = [\"t\"]\n";
const POSTGRES: &str =
    "[sinks.a.postgres]\nurl = \"${DATABASE_URL}\"\ntable = \"t\"\nmode = \"append\"\n";

/// What is wrong, in words; and the whole config.
pub(super) fn cases() -> Vec<(&'static str, String)> {
    let mut cases = Vec::new();
    let mut case = |title: &'static str, parts: &[&str]| cases.push((title, parts.concat()));

    // The file as a whole.
    case("an empty file", &[]);
    case("no TOML", &[KAFKA, "[sinks.a\n"]);
    case("a key twice", &[KAFKA, "bootstrap_servers = \"k\"\n"]);
    case(
        "an unknown table",
        &[KAFKA, SINK, POSTGRES, "[htpp]\nlisten = \"off\"\n"],
    );
    case(
        "what is still to come",
        &[
            "[sources.x]\n",
            KAFKA,
            SINK,
            "[sinks.a.dead_letter]\ntable = \"d\"\n",
            POSTGRES,
        ],
    );
    case(
        "limits out of bounds",
        &[
            "memory_limit = \"1MiB\"\ndrain_ms = 600000\n",
            KAFKA,
            SINK,
            POSTGRES,
        ],
    );
    case(
        "sizes that are none",
        &[
            "memory_limit = \"256M\"\n",
            KAFKA,
            SINK,
            "[sinks.a.batch]\nmax_bytes = 1.5\n",
            POSTGRES,
        ],
    );
    case(
        "an integer that is too long",
        &[
            "drain_ms = 99999999999999999999999\n",
            KAFKA,
            SINK,
            POSTGRES,
        ],
    );
    case(
        "an address that is a name",
        &[KAFKA, "[http]\nlisten = \":9464\"\n", SINK, POSTGRES],
    );
    case(
        "a listener that changes things beyond loopback, half a login, a host with a port",
        &[
            KAFKA,
            "[http]\nhosts = [\"a.b:80\"]\n",
            "[admin]\nlisten = \"0.0.0.0:9465\"\nusername = \"op\"\n",
            SINK,
            POSTGRES,
        ],
    );

    // Expansion.
    case(
        "a variable that is not set",
        &[
            KAFKA,
            SINK,
            "[sinks.a.postgres]\nurl = \"${DATABSE_URL}\"\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case(
        "a file that is not there",
        &[
            KAFKA,
            SINK,
            "[sinks.a.postgres]\nurl = \"${file:/run/secrets/nope}\"\ntable = \"${TABLE}\"\nmode = \"log\"\n",
        ],
    );
    case(
        "braces that do not close",
        &[
            KAFKA,
            "[sinks.a]\ntopics = [\"${TOPIC\", \"${A-B}\"]\n",
            POSTGRES,
        ],
    );
    case(
        "a wrong value from the environment is not shown",
        &[
            KAFKA,
            SINK,
            "[sinks.a.postgres]\nurl = \"${NOT_A_URL}\"\ntable = \"${EMPTY}\"\nmode = \"${MODE}\"\n",
        ],
    );

    // [kafka].
    case("no servers", &["[kafka]\n", SINK, POSTGRES]);
    case(
        "words that are none",
        &[
            KAFKA,
            "isolation_level = \"read_comitted\"\ngroup_protocol = \"kip848\"\n",
            SINK,
            POSTGRES,
        ],
    );
    case(
        "a static member under KIP-848",
        &[
            KAFKA,
            "group_protocol = \"consumer\"\ngroup_instance_id = \"one\"\n",
            SINK,
            POSTGRES,
        ],
    );
    case(
        "properties with settings of their own",
        &[
            KAFKA,
            "[kafka.properties]\n\"bootstrap.servers\" = \"k\"\n\"group.id\" = \"g\"\n\
             \"client.id\" = \"c\"\n\"group.instance.id\" = \"i\"\n\"group.protocol\" = \"classic\"\n\
             \"isolation.level\" = \"read_committed\"\n",
            SINK,
            POSTGRES,
        ],
    );
    case(
        "properties that would break the promise",
        &[
            KAFKA,
            "[kafka.properties]\n\"enable.auto.commit\" = true\n\
             \"enable.auto.offset.store\" = true\n\"auto.offset.reset\" = \"latest\"\n\
             \"enable.partition.eof\" = true\n\"test.mock.num.brokers\" = 1\n",
            SINK,
            POSTGRES,
        ],
    );
    case(
        "an eager strategy",
        &[
            KAFKA,
            "[kafka.properties]\n\"partition.assignment.strategy\" = \"range\"\n",
            SINK,
            POSTGRES,
        ],
    );
    case(
        "properties that memory_limit governs",
        &[
            KAFKA,
            "[kafka.properties]\n\"queued.max.messages.kbytes\" = 1\n\
             \"queued.min.messages\" = 1\n\"fetch.max.bytes\" = 1\n\
             \"fetch.message.max.bytes\" = 1\n\"statistics.interval.ms\" = 1\n",
            SINK,
            POSTGRES,
        ],
    );
    case(
        "properties that the brokers decide under KIP-848",
        &[
            KAFKA,
            "group_protocol = \"consumer\"\n[kafka.properties]\n\"session.timeout.ms\" = 1\n\
             \"heartbeat.interval.ms\" = 1\n\
             \"partition.assignment.strategy\" = \"cooperative-sticky\"\n",
            SINK,
            POSTGRES,
        ],
    );
    case(
        "properties that librdkafka does not know or take",
        &[
            KAFKA,
            "[kafka.properties]\n\"securty.protocol\" = \"SSL\"\n\"foo\" = \"bar\"\n\
             \"security.protocol\" = \"TLS\"\n\"max.poll.interval.ms\" = \"${MODE}\"\n\
             \"ssl.key.pem\" = [1]\n\"log_level\" = 99\n",
            SINK,
            POSTGRES,
        ],
    );
    case(
        "a property twice",
        &[
            KAFKA,
            "[kafka.properties]\nsecurity.protocol = \"SSL\"\n\"security.protocol\" = \"SSL\"\n",
            SINK,
            POSTGRES,
        ],
    );
    case(
        "a property beside its table",
        &[
            KAFKA,
            "\"security.protocol\" = \"SSL\"\nisolation = 3\n",
            SINK,
            POSTGRES,
        ],
    );

    case(
        "a drain that Kafka would not wait for",
        &[
            KAFKA,
            "[kafka.properties]\n\"max.poll.interval.ms\" = 10000\n",
            SINK,
            POSTGRES,
        ],
    );

    // [sinks.NAME].
    case("no sink", &[KAFKA]);
    case("an empty list of sinks", &[KAFKA, "[sinks]\n"]);
    case(
        "a sink's name that is none",
        &[
            KAFKA,
            "[sinks.\"über\"]\ntopics = [\"t\"]\n[sinks.\"über\".sqlite]\npath = \"x\"\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case("a sink that is no table", &[KAFKA, "[sinks]\norders = 1\n"]);
    case("no topics", &[KAFKA, "[sinks.a]\n", POSTGRES]);
    case(
        "topics and a pattern",
        &[KAFKA, SINK, "topics_regex = \"^t\"\n", POSTGRES],
    );
    case(
        "topics that cannot be",
        &[
            KAFKA,
            "[sinks.a]\ntopics = [\"\", \"a b\", \"^a\", \"ok\", \"ok\"]\n",
            POSTGRES,
        ],
    );
    case("no topic", &[KAFKA, "[sinks.a]\ntopics = []\n", POSTGRES]);
    case(
        "topics as one string",
        &[KAFKA, "[sinks.a]\ntopics = \"t\"\n", POSTGRES],
    );
    case(
        "a pattern that is none",
        &[KAFKA, "[sinks.a]\ntopics_regex = \"^(a\"\n", POSTGRES],
    );
    case(
        "a pattern in Perl's dialect",
        &[KAFKA, "[sinks.a]\ntopics_regex = '^a\\s+'\n", POSTGRES],
    );
    case(
        "another format",
        &[KAFKA, SINK, "format = \"avro\"\n", POSTGRES],
    );
    case(
        "another format in short",
        &[
            KAFKA,
            SINK,
            "format = \"json\"\nvalue = { format = \"avro\", schema_file = \"o.avsc\" }\n",
            POSTGRES,
        ],
    );
    case(
        "formats without their schemas",
        &[
            KAFKA,
            SINK,
            "value = { format = \"avro\" }\nkey = { format = \"avro\" }\n",
            POSTGRES,
        ],
    );
    case(
        "framings that lead to no schema",
        &[
            KAFKA,
            SINK,
            "value = { format = \"avro\", framing = \"confluent\" }\nkey = { format = \"avro\", \
             framing = \"glue\" }\n",
            POSTGRES,
        ],
    );
    case(
        "a framing that says no more",
        &[
            "[schema_registry]\nurl = [\"http://r\"]\n",
            KAFKA,
            SINK,
            "value = { format = \"avro\", framing = \"none\" }\n",
            POSTGRES,
        ],
    );
    case(
        "what JSON does not have",
        &[
            KAFKA,
            SINK,
            "value = { schema_file = \"o.avsc\" }\nkey = { framing = \"single_object\" }\n",
            POSTGRES,
        ],
    );
    case(
        "what records with their schemas do not have",
        &[
            KAFKA,
            SINK,
            "value = { format = \"connect_json\", framing = \"confluent\" }\nkey = { format = \
             \"connect_json\", schema_file = \"o.avsc\" }\n",
            POSTGRES,
        ],
    );
    case(
        "Protobuf without a schema",
        &[
            KAFKA,
            SINK,
            "value = { format = \"protobuf\", framing = \"none\" }\nkey = { format = \
             \"protobuf\" }\n",
            POSTGRES,
        ],
    );
    case(
        "what Protobuf does not have",
        &[
            KAFKA,
            SINK,
            "value = { format = \"protobuf\", framing = \"glue\", schema_file = \"o.proto\" }\n\
             key = { format = \"avro\", schema_file = \"k.avsc\", message = \"shop.Key\" }\n",
            POSTGRES,
        ],
    );
    case(
        "a value in short that is none",
        &[KAFKA, SINK, "format = \"text\"\n", POSTGRES],
    );
    case(
        "lines without the names of their fields",
        &[KAFKA, SINK, "value = { format = \"csv\" }\n", POSTGRES],
    );
    case(
        "marks of lines that are none",
        &[
            KAFKA,
            SINK,
            "value = { format = \"csv\", fields = [\"a\", \"a\"], delimiter = \",,\", quote = \"§\", \
             null = \"a\\n\" }\n",
            POSTGRES,
        ],
    );
    case(
        "a delimiter that is the quote",
        &[
            KAFKA,
            SINK,
            "value = { format = \"csv\", fields = [\"a\"], delimiter = \"\\\"\" }\n",
            POSTGRES,
        ],
    );
    case(
        "what only lines have",
        &[
            KAFKA,
            SINK,
            "value = { fields = [\"a\"], delimiter = \",\" }\nkey = { format = \"text\", quote = \
             \"'\", null = \"\" }\n",
            POSTGRES,
        ],
    );
    case(
        "what formats that need no schema do not have",
        &[
            "[schema_registry]\nurl = [\"http://r\"]\n",
            KAFKA,
            SINK,
            "value = { format = \"cbor\", framing = \"confluent\", message = \"M\" }\nkey = { \
             format = \"int64\", schema_file = \"k.avsc\" }\n",
            POSTGRES,
        ],
    );
    case(
        "events that name no fields",
        &[
            KAFKA,
            SINK,
            "value = { format = \"csv\", fields = [\"a\"], envelope = \"debezium_flat\" }\n",
            "[sinks.a.postgres]\nurl = \"${DATABASE_URL}\"\ntable = \"t\"\nmode = \"upsert\"\n",
        ],
    );
    case(
        "fields of what has none",
        &[
            KAFKA,
            SINK,
            "value = { format = \"text\" }\nkey = { format = \"int64\" }\n",
            POSTGRES,
            "columns = { a = \"value\", b = \"value.b\", c = \"key.c\" }\n",
        ],
    );
    case(
        "fields that a line does not have",
        &[
            KAFKA,
            SINK,
            "value = { format = \"csv\", fields = [\"note\", \"name\"] }\n",
            POSTGRES,
            "columns = { a = \"value.note\", b = \"value.nota\", c = \"value.name.x\", d = \"value\" }\n",
        ],
    );
    case(
        "a registry nowhere",
        &["[schema_registry]\n", KAFKA, SINK, POSTGRES],
    );
    case(
        "registries whose URLs are none",
        &[
            "[schema_registry]\nurl = [\"r:8081\", \"http://alice@r\", \"http://r?a=1\"]\n",
            KAFKA,
            SINK,
            POSTGRES,
        ],
    );
    case(
        "half a login at a registry, and one and a half",
        &[
            "[schema_registry]\nurl = [\"http://r\"]\nusername = \"u\"\nbearer_token = \"t\"\n\
             cert_file = \"c.pem\"\n",
            KAFKA,
            SINK,
            POSTGRES,
        ],
    );
    case(
        "a start with a slip",
        &[KAFKA, SINK, "start = \"earlyest\"\n", POSTGRES],
    );
    case(
        "a start without a zone",
        &[KAFKA, SINK, "start = 2026-01-31T08:00:00\n", POSTGRES],
    );
    case(
        "a start before Kafka's time",
        &[KAFKA, SINK, "start = \"1969-12-31T23:59:59Z\"\n", POSTGRES],
    );
    case(
        "a start that is a number",
        &[KAFKA, SINK, "start = 0\n", POSTGRES],
    );
    case(
        "a start at a group without a name",
        &[KAFKA, SINK, "start = { grup = \"g\" }\n", POSTGRES],
    );
    case(
        "ways that are none",
        &[
            KAFKA,
            SINK,
            "on_bad_record = \"skip\"\nunknown_fields = \"rejct\"\n",
            POSTGRES,
        ],
    );
    case(
        "two sinks of one group",
        &[
            KAFKA,
            SINK,
            "group_id = \"g\"\n",
            POSTGRES,
            "[sinks.b]\ntopics = [\"t\"]\ngroup_id = \"g\"\n[sinks.b.sqlite]\npath = \"x\"\ntable = \"t\"\nmode = \"log\"\n",
            "[sinks.c]\ntopics = [\"t\"]\ngroup_id = \"plimsoll-d\"\n[sinks.c.sqlite]\npath = \"x\"\ntable = \"t\"\nmode = \"log\"\n",
            "[sinks.d]\ntopics = [\"t\"]\n[sinks.d.sqlite]\npath = \"x\"\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case(
        "a batch out of bounds",
        &[
            "memory_limit = \"32MiB\"\n",
            KAFKA,
            SINK,
            "[sinks.a.batch]\nmax_records = 0\nmax_bytes = \"16MiB\"\nlinger_ms = -1\n",
            POSTGRES,
        ],
    );
    case(
        "settings in the wrong table",
        &[
            KAFKA,
            SINK,
            "linger_ms = 5\nmode = \"log\"\n",
            POSTGRES,
            "drain_ms = 1\n",
        ],
    );

    case(
        "settings of a backend beside it",
        &[
            KAFKA,
            SINK,
            "contact_points = [\"n:9042\"]\nurl = \"x\"\n",
            POSTGRES,
            "contact_point = [\"n:9042\"]\nbatches = true\n",
            "[sinks.b]\ntopics = [\"t\"]\ncontact_points = [\"n:9042\"]\n",
            "[sinks.b.cassandra]\ntable = \"k.t\"\n[sinks.b.cassandra.tls]\npassword = \"p\"\n",
            "[sinks.c]\ntopics = [\"t\"]\ncontact_points = [\"n:9042\"]\n",
        ],
    );
    case(
        "tables in the wrong place, and a slip in a setting of another table",
        &[
            "max_byte = 5\n[batch]\nmax_records = 5\n[properties]\n\"client.rack\" = \"r\"\n",
            KAFKA,
            "password = \"hunter\"\nmemory_limits = 5\n",
            SINK,
            POSTGRES,
            "topics = [\"t\"]\nhttp = 1\n",
        ],
    );

    // Backends.
    case("no backend", &[KAFKA, SINK]);
    case(
        "two backends",
        &[
            KAFKA,
            SINK,
            POSTGRES,
            "[sinks.a.sqlite]\npath = \"x\"\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case(
        "a backend that there is not",
        &[KAFKA, SINK, "[sinks.a.clickhouse]\nhosts = [\"c\"]\n"],
    );
    case(
        "a backend with a slip",
        &[KAFKA, SINK, "[sinks.a.postgress]\nurl = \"x\"\n"],
    );
    case(
        "a URL of something else, which is not shown",
        &[
            KAFKA,
            SINK,
            "[sinks.a.postgres]\nurl = \"mysql://u:hunter2@h/d\"\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case(
        "URLs that cannot be read, none of which is shown",
        &[
            KAFKA,
            SINK,
            "[sinks.a.postgres]\nurl = \"postgres://u:x?hunter2@h/d\"\ntable = \"t\"\nmode = \"log\"\n",
            "[sinks.b]\ntopics = [\"t\"]\n[sinks.b.postgres]\nurl = \"postgres://u:p@h/d?sslmod=require\"\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case(
        "nothing in the backend",
        &[KAFKA, SINK, "[sinks.a.postgres]\n"],
    );
    case(
        "Postgres settings out of bounds",
        &[
            KAFKA,
            SINK,
            POSTGRES,
            "max_connections = 0\ncall_timeout_ms = 5\nauto_migrate = \"yes\"\nstate_schema = \"pg_plimsoll\"\npath = \"x\"\n",
        ],
    );
    case(
        "settings of Postgres in SQLite",
        &[
            KAFKA,
            SINK,
            "[sinks.a.sqlite]\nurl = \"x\"\nstate_schema = \"p\"\nmax_connections = 3\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case(
        "a SQLite path that is none",
        &[
            KAFKA,
            SINK,
            "[sinks.a.sqlite]\npath = \":memory:\"\ntable = \"t\"\nmode = \"log\"\n",
            "[sinks.b]\ntopics = [\"t\"]\n[sinks.b.sqlite]\npath = \"sqlite://x.db\"\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );

    // Tables.
    let postgres = "[sinks.a.postgres]\nurl = \"${DATABASE_URL}\"\n";
    case(
        "a mode with a slip",
        &[KAFKA, SINK, postgres, "table = \"t\"\nmode = \"upsrt\"\n"],
    );
    case(
        "a placeholder that is none",
        &[
            KAFKA,
            SINK,
            postgres,
            "table = \"public.{topics}\"\nmode = \"log\"\n",
        ],
    );
    case(
        "keys where there are none",
        &[
            KAFKA,
            SINK,
            postgres,
            "table = \"t\"\nmode = \"append\"\nkey_columns = [\"id\"]\nmissing = \"keep\"\n",
        ],
    );
    case(
        "a key in log mode",
        &[
            KAFKA,
            SINK,
            postgres,
            "table = \"t\"\nmode = \"log\"\nkey_columns = [\"id\"]\ncolumns = { kafka_offset = \"offset\" }\n",
        ],
    );
    case(
        "key columns that cannot be",
        &[
            KAFKA,
            SINK,
            postgres,
            "table = \"t\"\nmode = \"upsert\"\nkey_columns = [\"id\", \"id\", \"\"]\nmissing = \"kep\"\n",
        ],
    );
    case(
        "no key column",
        &[
            KAFKA,
            SINK,
            postgres,
            "table = \"t\"\nmode = \"upsert\"\nkey_columns = []\n",
        ],
    );
    case(
        "sources that are none",
        &[
            KAFKA,
            SINK,
            POSTGRES,
            "[sinks.a.postgres.columns]\na = \"customer\"\nb = \"values.customer\"\nc = \"value.\"\n\
             d.e = \"offset\"\nf = 3\ng = \"offset.x\"\nh = \"${MODE}\"\n",
        ],
    );
    case(
        "a table and tables",
        &[
            KAFKA,
            SINK,
            POSTGRES,
            "[[sinks.a.postgres.tables]]\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case(
        "topics without a table, with two, and unknown",
        &[
            KAFKA,
            "[sinks.a]\ntopics = [\"orders\", \"users\", \"items\"]\n",
            postgres,
            "[[sinks.a.postgres.tables]]\ntopics = [\"orders\"]\ntable = \"t\"\nmode = \"log\"\n",
            "[[sinks.a.postgres.tables]]\ntopics = [\"orders\", \"user\"]\ntable = \"u\"\nmode = \"log\"\n",
        ],
    );
    case(
        "tables that take all too early",
        &[
            KAFKA,
            "[sinks.a]\ntopics = [\"orders\", \"users\"]\n",
            postgres,
            "[[sinks.a.postgres.tables]]\ntable = \"t\"\nmode = \"log\"\nkeys = [\"id\"]\n",
            "[[sinks.a.postgres.tables]]\ntopics = [\"orders\"]\ntable = \"u\"\n",
        ],
    );
    case(
        "topics from the environment are not shown",
        &[
            KAFKA,
            "[sinks.a]\ntopics = [\"${MODE}\", \"t\"]\n",
            postgres,
            "[[sinks.a.postgres.tables]]\ntopics = [\"orders\"]\ntable = \"t\"\nmode = \"log\"\n",
            "[sinks.b]\ntopics = [\"t\"]\ngroup_id = \"${MODE}\"\n[sinks.b.sqlite]\npath = \"${MODE}\"\ntable = \"t\"\nmode = \"log\"\n",
            "[sinks.c]\ntopics_regex = \"${MODE}\"\ngroup_id = \"${MODE}\"\n",
            "[[sinks.c.sqlite.tables]]\ntopics = [\"orders\"]\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case(
        "a pattern without a table for the rest",
        &[
            KAFKA,
            "[sinks.a]\ntopics_regex = \"orders|users\"\n",
            postgres,
            "[[sinks.a.postgres.tables]]\ntopics = [\"orders\", \"items\"]\ntable = \"t\"\nmode = \"log\"\n",
        ],
    );
    case(
        "tables that are none",
        &[KAFKA, SINK, postgres, "tables = { table = \"t\" }\n"],
    );
    routes(postgres, &mut case);
    let append = "table = \"t\"\nmode = \"append\"\n";
    for (title, lines) in [
        ("filters that are none", "where = \"value.a = paid\"\n"),
        ("a filter out of the environment", "where = \"${MODE}\"\n"),
        (
            "columns that take and leave",
            "include = [\"a\"]\nexclude = [\"b\"]\nnaming = \"camel\"\n",
        ),
        (
            "settings of a column",
            "[sinks.a.postgres.columns]\na = { unit = \"ms\" }\nb = { source = \"value.b\", \
             coalesce = [\"value.c\"] }\nc = { source = \"valu.c\" }\nd = { source = \
             \"value.d\", unit = \"min\", time_zone = \"Mars/Olympus\" }\ne = { constant = \
             [1] }\nf = { source = \"value.f\", sources = 1 }\ng = { constant = nan }\nh = { \
             coalesce = [\"value.a\", \"value.a\", \"x\"] }\n",
        ),
        (
            "elements of no array",
            "columns = { a = \"item.a\", b = \"value.b\" }\nwhere = \"index = 0\"\n",
        ),
        ("an array of the key", "explode = \"key.items\"\n"),
        (
            "an array in an array",
            "explode = \"value.orders[0].items\"\n",
        ),
        (
            "elements in a table that is made",
            "explode = \"value.items\"\ncreate = true\nevolve = \"add_columns\"\n",
        ),
    ] {
        case(title, &[KAFKA, SINK, postgres, append, lines]);
    }
    for (title, value) in [
        ("elements of events of Maxwell", "envelope = \"maxwell\""),
        (
            "elements of a line",
            "format = \"csv\", fields = [\"items\"]",
        ),
    ] {
        let sink = format!("[sinks.a]\ntopics = [\"t\"]\nvalue = {{ {value} }}\n");
        let upsert = "table = \"t\"\nmode = \"upsert\"\nexplode = \"value.items\"\n";
        case(title, &[KAFKA, &sink, postgres, upsert]);
    }
    case(
        "tables that are made of nothing",
        &[
            KAFKA,
            "[sinks.a]\ntopics = [\"t\"]\nunknown_fields = \"reject\"\n",
            postgres,
            "table = \"t\"\nmode = \"append\"\ncreate = true\nevolve = \"add_columns\"\ninclude = \
             [\"a\"]\n",
        ],
    );
    case(
        "columns that a log does not pair",
        &[
            KAFKA,
            SINK,
            postgres,
            "table = \"t\"\nmode = \"log\"\nnaming = \"snake_case\"\nexclude = [\"a\"]\n",
        ],
    );
    for (title, lines) in [
        (
            "partitions of another length",
            "mode = \"append\"\ncreate_partitions = \"days\"\n",
        ),
        (
            "partitions for rows that are replaced",
            "mode = \"upsert\"\ncreate_partitions = \"day\"\n",
        ),
        (
            "partitions of a table that is made",
            "mode = \"append\"\ncreate = true\ncreate_partitions = \"month\"\n",
        ),
    ] {
        case(title, &[KAFKA, SINK, postgres, "table = \"t\"\n", lines]);
    }
    case(
        "partitions of a file",
        &[
            KAFKA,
            SINK,
            "[sinks.a.sqlite]\npath = \"a.db\"\ntable = \"t\"\nmode = \"append\"\n\
             create_partitions = \"day\"\n",
        ],
    );
    case(
        "partitions of Cassandra's",
        &[
            KAFKA,
            SINK,
            "[sinks.a.cassandra]\ncontact_points = [\"c\"]\ntable = \"k.t\"\n\
             create_partitions = \"day\"\n",
        ],
    );
    case(
        "partitions beside a list of tables",
        &[
            KAFKA,
            SINK,
            postgres,
            "create_partitions = \"day\"\ntables = [{ table = \"t\", mode = \"log\", \
             create_partitions = \"week\" }]\n",
        ],
    );
    case(
        "an empty list of tables",
        &[KAFKA, SINK, postgres, "tables = []\n"],
    );

    // Names that no table can have.
    let long = "x".repeat(64);
    for (title, name) in [
        ("a name with an empty part", "public."),
        ("a name of three parts", "shop.public.orders"),
        ("a name with half a quote", "public.\\\"orders"),
        (
            "a name that goes on behind its quote",
            "\\\"public\\\"orders",
        ),
        ("a name with a NUL", "or\\u0000ders"),
        ("a name that Postgres would cut off", long.as_str()),
    ] {
        let table = format!("table = \"{name}\"\nmode = \"append\"\n");
        case(title, &[KAFKA, SINK, postgres, &table]);
    }
    let topics = format!("[sinks.a]\ntopics = [\"t\", \"{}\"]\n", "y".repeat(60));
    case(
        "a topic with which a name becomes too long",
        &[
            KAFKA,
            &topics,
            postgres,
            "table = \"raw_{topic}\"\nmode = \"log\"\n",
        ],
    );
    case(
        "the same among others",
        &[
            KAFKA,
            &topics,
            postgres,
            "[[sinks.a.postgres.tables]]\ntopics = [\"t\"]\ntable = \"raw_{topic}\"\nmode = \"log\"\n",
            "[[sinks.a.postgres.tables]]\ntable = \"raw_{topic}\"\nmode = \"log\"\n",
        ],
    );
    let sqlite = "[sinks.a.sqlite]\npath = \"a.db\"\nmode = \"append\"\n";
    for (title, name) in [
        ("a name that SQLite keeps for itself", "SQLite_orders"),
        ("a NUL in a name of SQLite's", "or\\u0000ders"),
    ] {
        let table = format!("table = \"{name}\"\n");
        case(title, &[KAFKA, SINK, sqlite, &table]);
    }
    let nodes = "[sinks.a.cassandra]\ncontact_points = [\"n:9042\"]\n";
    for (title, name) in [
        ("a name without a keyspace", "orders"),
        ("a name without a table", "shop."),
        ("a name of three parts in cassandra", "shop.public.orders"),
    ] {
        let table = format!("table = \"{name}\"\n");
        case(title, &[KAFKA, SINK, nodes, &table]);
    }
    case(
        "a topic that cannot name a table of cassandra",
        &[
            KAFKA,
            "[sinks.a]\ntopics = [\"or-ders\"]\n",
            nodes,
            "table = \"shop.{topic}\"\n",
        ],
    );

    // Cassandra.
    let cassandra = "[sinks.a.cassandra]\ncontact_points = [\"n:9042\"]\n";
    let table = "table = \"k.{topic}\"\n";
    case(
        "no node and no table",
        &[KAFKA, SINK, "[sinks.a.cassandra]\n"],
    );
    case(
        "nodes that are none",
        &[
            KAFKA,
            SINK,
            "[sinks.a.scylla]\ncontact_points = [\"n\", \"n:port\", \":9042\"]\n",
            table,
        ],
    );
    case(
        "one replica of several",
        &[KAFKA, SINK, cassandra, table, "consistency = \"ONE\"\n"],
    );
    case(
        "a level that acknowledges without a replica",
        &[
            KAFKA,
            SINK,
            cassandra,
            table,
            "consistency = \"ANY\"\nsingle_node = true\n",
        ],
    );
    case(
        "half a login and half a certificate",
        &[
            KAFKA,
            SINK,
            cassandra,
            table,
            "password = \"${MODE}\"\ntls = { cert_file = \"c.pem\" }\n",
        ],
    );
    case(
        "settings of other databases in cassandra",
        &[
            KAFKA,
            SINK,
            cassandra,
            table,
            "mode = \"append\"\nkey_columns = [\"id\"]\nurl = \"x\"\nstate_schema = \"s\"\n",
        ],
    );
    case(
        "numbers of cassandra out of bounds",
        &[
            KAFKA,
            SINK,
            cassandra,
            table,
            "max_in_flight = 0\ncall_timeout_ms = 1\nrewind_ms = 99999999\nttl_s = 0\n",
        ],
    );
    case(
        "two times to live, and a source that is none",
        &[
            KAFKA,
            SINK,
            cassandra,
            "state_keyspace = \"no-name\"\n[[sinks.a.cassandra.tables]]\ntopics = [\"t\"]\n\
             table = \"k.t\"\nttl_s = 5\nttl = \"value.ttl\"\n",
        ],
    );
    case(
        "a time to live from nowhere",
        &[KAFKA, SINK, cassandra, table, "ttl = \"record.ttl\"\n"],
    );
    case(
        "two databases in one sink",
        &[KAFKA, SINK, cassandra, table, POSTGRES],
    );
    cases
}

#[test]
fn each_bad_config_gets_its_exact_message() {
    let mut page = String::new();
    for (title, config) in cases() {
        let faults = match parse(&config, &World::new()) {
            Ok(_) => panic!("\"{title}\" was taken for a good config"),
            Err(mut faults) => {
                faults.file = Some("plimsoll.toml".to_owned());
                faults.to_string()
            }
        };
        assert!(
            !faults.contains("hunter2"),
            "\"{title}\" shows a secret: {faults}"
        );
        writeln!(page, "== {title}").unwrap();
        for (i, line) in config.lines().enumerate() {
            writeln!(page, "{:>3} | {line}", i + 1).unwrap();
        }
        writeln!(page, "{faults}\n").unwrap();
    }
    insta::assert_snapshot!("bad_configs", page);
}

#[test]
fn every_bad_config_has_a_fault_of_its_own() {
    // A title that says one thing while the message says another would not be
    // seen in a long page; at least no two cases may say the same.
    let mut seen = std::collections::BTreeMap::new();
    for (title, config) in cases() {
        let faults = parse(&config, &World::new()).unwrap_err().to_string();
        if let Some(other) = seen.insert(faults, title) {
            panic!("\"{title}\" and \"{other}\" have the same message");
        }
    }
}

#[test]
fn a_config_file_that_is_not_there_is_named() {
    let faults = load(Path::new("/nowhere/plimsoll.toml")).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "/nowhere/plimsoll.toml: cannot be read: there is no such file; hint: name the config \
         file by --config FILE"
    );
}

/// Which tables records may name, and how.
fn routes(postgres: &str, case: &mut impl FnMut(&'static str, &[&str])) {
    for (title, lines) in [
        (
            "a route without a place",
            "table = \"t\"\nmode = \"append\"\nroute = \"headers.type\"\n",
        ),
        (
            "a place without a route",
            "table = \"t_{route}\"\nmode = \"append\"\nmax_tables = 3\non_unknown_route = \
             \"skip\"\n",
        ),
        (
            "a route in two places",
            "table = \"{route}.{route}\"\nmode = \"append\"\nroute = \"headers.type\"\n",
        ),
        (
            "a route of the value with upsert",
            "table = \"t_{route}\"\nmode = \"upsert\"\nroute = \"value.type\"\n",
        ),
        (
            "routes that are none",
            "table = \"t_{route}\"\nmode = \"append\"\nroute = \"offset\"\nmax_tables = 0\n\
             on_unknown_route = \"drop\"\n",
        ),
        (
            "a route into tables that are made",
            "table = \"t_{route}\"\nmode = \"append\"\nroute = \"headers.type\"\ncreate = true\n\
             evolve = \"add_columns\"\ncreate_partitions = \"day\"\n",
        ),
    ] {
        case(title, &[KAFKA, SINK, postgres, lines]);
    }
    let captures = "[sinks.a]\ntopics_regex = '^t\\.(?<route>\\w+)$'\n";
    let routed = "table = \"t_{route}\"\nmode = \"append\"\nroute = \"headers.type\"\n";
    case(
        "a route and a group of its name",
        &[KAFKA, captures, postgres, routed],
    );
}
