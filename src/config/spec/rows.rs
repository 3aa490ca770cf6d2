//! The settings that hold for every database.

use super::Unit::{Count, Milliseconds};
use super::backends::BACKENDS;
use super::sources::SOURCE;
use super::{
    Check, Choice, Group, Kind, Rule, Setting, Table, Texts, Value, When, choice, integer, size,
    text,
};
use crate::config::columns::UNIT_WORDS;
use crate::config::formats::{
    ALONE_WORDS, DECIMALS_WORDS, ENVELOPE_WORDS, FORMAT_WORDS, FRAMING_WORDS,
};
use crate::config::kafka::{ISOLATION_WORDS, PROTOCOL_WORDS};
use crate::config::sink::{BAD_RECORD_WORDS, UNKNOWN_FIELDS_WORDS};
use plimsoll_record::PLACEHOLDER;

/// The whole file.
pub(in crate::config) static ROOT: Table = Table {
    name: "config",
    doc: "The config of plimsoll.",
    groups: &[&TOP, &TABLES],
    rules: &[],
    foreign: &[],
};

static TOP: Group = Group {
    place: "at the top",
    settings: &[
        // Librdkafka's queues and our own buffers need this much to move at all;
        // more than a TiB is a slip.
        size("memory_limit", 32 << 20, 1 << 40)
            .default(Value::Size(256 << 20))
            .hint("librdkafka's queues and plimsoll's buffers share it")
            .doc(
                "Bytes of records that all sinks together may hold before they are committed, \
                 librdkafka's queues included. Divided evenly among the sinks.",
            ),
        // A hand-over waits for a drain, and Kafka waits for the hand-over: the
        // upper bound stays below `max.poll.interval.ms` (5 minutes).
        integer("drain_ms", 0, 240_000, Milliseconds)
            .default(Value::Integer(10_000))
            .also("below `max.poll.interval.ms`")
            .hint(
                "a drain must end before Kafka takes the partitions away (max.poll.interval.ms, \
                 5 minutes)",
            )
            .doc("How long a drain may take: on SIGTERM, and when a partition is handed over."),
    ],
};

static TABLES: Group = Group {
    place: "at the top",
    settings: &[
        Setting::new("kafka", Kind::Table(&KAFKA))
            .required("where Kafka is: [kafka] with bootstrap_servers = \"127.0.0.1:9092\""),
        Setting::new("schema_registry", Kind::Table(&REGISTRY)),
        Setting::new("http", Kind::Table(&HTTP)),
        Setting::new("admin", Kind::Table(&ADMIN)),
        Setting::new("sinks", Kind::Named(&SINK)).required_unless(
            &["sources"],
            "add one: [sinks.orders], and in it where it writes, such as [sinks.orders.postgres]",
        ),
        Setting::new("sources", Kind::Named(&SOURCE))
            .missed("add one: [sources.orders], and in it [sources.orders.postgres]"),
    ],
};

static KAFKA: Table = Table {
    name: "kafka",
    doc: "How to reach Kafka.",
    groups: &[&IN_KAFKA],
    rules: &[KAFKA_RULES],
    foreign: &[
        (
            &["username"],
            "Kafka's is \"sasl.username\" in [kafka.properties]",
        ),
        (
            &["password"],
            "Kafka's is \"sasl.password\" in [kafka.properties]",
        ),
    ],
};

static IN_KAFKA: Group = Group {
    place: "kafka",
    settings: &[
        text("bootstrap_servers", &[])
            .required("where Kafka is: bootstrap_servers = \"127.0.0.1:9092\"")
            .doc("`host:port`, several separated by commas."),
        choice("isolation_level", &ISOLATION_WORDS)
            .default(Value::Text("read_committed"))
            .doc(
                "Whether records of open and aborted transactions are read too \
                 (`\"read_uncommitted\"`).",
            ),
        choice("group_protocol", &PROTOCOL_WORDS)
            .default(Value::Text("classic"))
            .doc(
                "`\"classic\"` with the `cooperative-sticky` strategy; or `\"consumer\"` (KIP-848; \
                 the brokers then decide session timeout, heartbeat and strategy).",
            ),
        text("group_instance_id", &[])
            .also("not with `group_protocol = \"consumer\"`")
            .doc(
                "Static membership: one name per process. Such a member does not leave its group \
                 on SIGTERM.",
            ),
        Setting::new("properties", Kind::Properties)
            .doc("Passed to librdkafka, which judges names and values."),
    ],
};

const KAFKA_RULES: &[Rule] = &[
    Rule::Refused {
        settings: &["group_instance_id"],
        words: &[],
        when: When::Is("group_protocol", &["consumer"]),
        // Tried: UNRELEASED_INSTANCE_ID is fatal to the client.
        why: "does not go with group_protocol = \"consumer\": after a kill the brokers refuse the \
              successor until the session ends, and the client gives up",
        hint: "leave it out, or use group_protocol = \"classic\"",
    },
    // With KIP-848 the brokers decide these, and librdkafka refuses them.
    Rule::RefusedKeys {
        setting: "properties",
        keys: &[
            "session.timeout.ms",
            "heartbeat.interval.ms",
            "partition.assignment.strategy",
            "group.protocol.type",
        ],
        when: When::Is("group_protocol", &["consumer"]),
        why: "is refused: with group_protocol = \"consumer\" the brokers decide it",
        hint: "leave it out, or use group_protocol = \"classic\"",
    },
];

/// A property of librdkafka that the config refuses: why, and what to do.
pub(in crate::config) struct Refused {
    pub(in crate::config) names: &'static [&'static str],
    pub(in crate::config) why: &'static str,
    pub(in crate::config) hint: &'static str,
}

pub(in crate::config) const REFUSED: &[Refused] = &[
    Refused {
        names: &["bootstrap.servers", "metadata.broker.list"],
        why: "plimsoll sets it itself",
        hint: "use kafka.bootstrap_servers",
    },
    Refused {
        names: &["group.id"],
        why: "each sink has a group of its own",
        hint: "use group_id in [sinks.NAME]",
    },
    Refused {
        names: &["client.id"],
        why: "plimsoll gives each client an id of its own",
        hint: "leave it out; the brokers' logs show plimsoll, the sink and a random part",
    },
    Refused {
        names: &["group.instance.id"],
        why: "it has a setting of its own",
        hint: "use kafka.group_instance_id",
    },
    Refused {
        names: &["group.protocol"],
        why: "it has a setting of its own",
        hint: "use kafka.group_protocol",
    },
    Refused {
        names: &["isolation.level"],
        why: "it has a setting of its own",
        hint: "use kafka.isolation_level",
    },
    Refused {
        names: &["enable.auto.commit", "auto.commit.enable"],
        why: "Kafka's committed offsets are a courtesy to lag tools; plimsoll commits them after \
              the database has committed",
        hint: "leave it out",
    },
    Refused {
        names: &["enable.auto.offset.store"],
        why: "offsets are stored after the database has committed, not before",
        hint: "leave it out",
    },
    Refused {
        names: &["auto.offset.reset"],
        why: "a reset would jump over records without a word; plimsoll always uses \"error\"",
        hint: "use start in [sinks.NAME] for a topic that has no position yet",
    },
    Refused {
        names: &["enable.partition.eof"],
        why: "plimsoll does not ask for it, and its answer is not a record",
        hint: "leave it out",
    },
    Refused {
        names: &[
            "queued.min.messages",
            "queued.max.messages.kbytes",
            "fetch.max.bytes",
            "fetch.message.max.bytes",
            "max.partition.fetch.bytes",
            "receive.message.max.bytes",
        ],
        why: "plimsoll derives it from memory_limit, so that all memory stays bounded",
        hint: "use memory_limit at the top of the file",
    },
    Refused {
        names: &["statistics.interval.ms"],
        why: "nobody would read the statistics",
        hint: "scrape /metrics, which [http] serves",
    },
    Refused {
        names: &["test.mock.num.brokers"],
        why: "it replaces Kafka by a mock",
        hint: "leave it out; `plimsoll demo` brings a mock of its own",
    },
];

/// Properties that are often used: for "did you mean" and for editors.
pub(in crate::config) const COMMON: &[&str] = &[
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "sasl.kerberos.principal",
    "sasl.kerberos.keytab",
    "sasl.oauthbearer.config",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.pem",
    "ssl.key.password",
    "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "partition.assignment.strategy",
    "socket.timeout.ms",
    "socket.keepalive.enable",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "topic.metadata.refresh.interval.ms",
    "metadata.max.age.ms",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "client.rack",
    "client.dns.lookup",
    "broker.address.family",
    "debug",
    "log_level",
];

static REGISTRY: Table = Table {
    name: "schema_registry",
    doc: "Where the schemas of keys and values are.",
    groups: &[&IN_REGISTRY],
    rules: &[&[
        Rule::Needs("username", "password"),
        Rule::Needs("password", "username"),
        Rule::Needs("cert_file", "key_file"),
        Rule::Needs("key_file", "cert_file"),
        Rule::Refused {
            settings: &["bearer_token"],
            words: &[],
            when: When::Has("username"),
            why: "does not go with username and password",
            hint: "name one login",
        },
    ]],
    foreign: &[],
};

static IN_REGISTRY: Group = Group {
    place: "schema_registry",
    settings: &[
        Setting::new("url", Kind::Texts(REGISTRY_URLS))
            .required("where the registry is: url = [\"https://registry:8081\"]")
            .hint("url = [\"https://registry:8081\"]")
            // A login may have slipped into it.
            .secret()
            .doc(
                "Its servers, one after the other is tried. Paths stay: \
                 `\"http://apicurio:8080/apis/ccompat/v7\"`.",
            ),
        text("username", &[])
            .also("needs `password`")
            .doc("Who asks; a key, at Confluent Cloud."),
        text("password", &[])
            .also("needs `username`")
            .secret()
            .doc("Its password; the secret of a key."),
        text("bearer_token", &[])
            .also("not with `username`")
            .secret()
            .doc("A bearer token."),
        text("ca_file", &[])
            .else_("the system's")
            .doc("A PEM file with the authority that signed the registry's certificate."),
        text("cert_file", &[])
            .also("needs `key_file`")
            .doc("A PEM file with the client's certificate, for mutual TLS."),
        text("key_file", &[])
            .also("needs `cert_file`")
            .doc("A PEM file with its key."),
        text("cache_dir", &[])
            .else_("kept by the process alone")
            .doc(
                "A folder for the schemas that were found, one file each: they can be read when \
                 the registry is away, or has them no more. For one registry; instances may \
                 share it.",
            ),
        // A registry that needs longer is down for all that a batch can wait for.
        integer("timeout_ms", 100, 60_000, Milliseconds)
            .default(Value::Integer(10_000))
            .hint("a registry answers within milliseconds")
            .doc("How long one request may take; it is made again while it fails."),
    ],
};

const REGISTRY_URLS: Texts = Texts {
    checks: &[Check::Matches(
        r"^https?://[^/@?]+(/[^?]*)?$",
        "is not a valid URL of a registry",
        "https://registry:8081, without a user and without a query",
    )],
    unique: true,
};

static HTTP: Table = Table {
    name: "http",
    doc: "Metrics and health.",
    groups: &[&IN_HTTP],
    rules: &[],
    foreign: &[],
};

static IN_HTTP: Group = Group {
    place: "http",
    settings: &[
        // 9464 is the port that OpenTelemetry uses for Prometheus; loopback, for
        // it has no password.
        Setting::new("listen", Kind::Parsed("^(off|.+:[0-9]{1,5})$"))
            .default(Value::Text("127.0.0.1:9464"))
            .doc(
                "Where `/metrics`, `/healthz`, `/readyz` and `/connectors` are served. An address \
                 in digits with a port; `\"0.0.0.0:9464\"` for all interfaces (they have no \
                 password, and change nothing); `\"off\"`: nowhere.",
            ),
        Setting::new("hosts", Kind::Texts(HOSTS))
            .hint("hosts = [\"plimsoll.internal\"]")
            .doc(
                "Names by which browsers and tools may call this listener and that of `[admin]`, \
                 beside `localhost` and addresses in digits. Any other name is refused, but for \
                 metrics and health: a page could have its own name resolved to this address.",
            ),
    ],
};

const HOSTS: Texts = Texts {
    checks: &[Check::Matches(
        r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        "is not a valid name of a host",
        "a name alone, without a scheme and without a port",
    )],
    unique: true,
};

static ADMIN: Table = Table {
    name: "admin",
    doc: "The listener that changes what is wanted of sinks: pause, resume, stop, restart.",
    groups: &[&IN_ADMIN],
    rules: &[&[
        Rule::Needs("username", "password"),
        Rule::Needs("password", "username"),
    ]],
    foreign: &[],
};

static IN_ADMIN: Group = Group {
    place: "admin",
    settings: &[
        Setting::new("listen", Kind::Parsed("^(off|.+:[0-9]{1,5})$"))
            .default(Value::Text("off"))
            .doc(
                "Where Kafka Connect's tools show and steer sinks: an address on loopback with a \
                 port, such as `\"127.0.0.1:9465\"`; `\"off\"`: nowhere.",
            ),
        text("username", &[]).also("needs `password`").doc(
            "Who may use it, by HTTP's Basic scheme. Without this and a token: whoever reaches it.",
        ),
        text("password", &[])
            .also("needs `username`")
            .secret()
            .doc("The password."),
        text("bearer_token", &[])
            .secret()
            .doc("A bearer token that opens it too."),
    ],
};

static SINK: Table = Table {
    name: "sink",
    doc: "A sink: one consumer group, and the table or tables that it feeds.",
    groups: &[&IN_SINK, &SINK_TABLES, &BACKENDS],
    rules: &[&[Rule::Refused {
        settings: &["topics_regex"],
        words: &[],
        when: When::Has("topics"),
        why: "does not go with topics",
        hint: "name the topics, or match them by topics_regex, not both",
    }]],
    foreign: &[],
};

/// Kafka's own rules.
pub(super) const TOPIC: &[Check] = &[
    Check::MatchesNot(
        r"^\^",
        "is a pattern, not a topic's name",
        "use topics_regex",
    ),
    Check::Matches(r"^[A-Za-z0-9._-]{1,249}$", BAD_TOPIC, TOPIC_HINT),
    Check::MatchesNot(r"^\.{1,2}$", BAD_TOPIC, TOPIC_HINT),
];
const BAD_TOPIC: &str = "is not a valid topic name";
const TOPIC_HINT: &str = "a name has 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'";

/// Of a format that is not the default.
const IN_TABLE: &str = "is set in the table of the value";

static IN_SINK: Group = Group {
    place: "sinks.NAME",
    settings: &[
        Setting::new("topics", Kind::Texts(TOPICS))
            .required_unless(
                &["topics_regex"],
                "which topics to read: topics = [\"orders\"], or topics_regex = \"^orders\"",
            )
            .hint("name a topic: topics = [\"orders\"]")
            .doc("Names."),
        Setting::new("topics_regex", Kind::Parsed(r"\S"))
            .also("POSIX extended, and groups with names")
            .doc(
                "A pattern, anchored in front: `\"^orders\"`. Topics that match later are taken \
                 up, from their first record. Kafka's own (`__consumer_offsets`, \
                 `__transaction_state`, `__share_group_state`) match only a pattern with `__` in \
                 it. Groups with names, `'^shop\\.(?<table>\\w+)$'`, can stand in `table`.",
            ),
        // Kafka keeps a group's name in a string of 16-bit length; nobody wants
        // more than this.
        text("group_id", &[Check::Longest(249)])
            .else_("`\"plimsoll-NAME\"`")
            .also("one sink each")
            .hint("leave it out to use \"plimsoll-NAME\"")
            .doc("The consumer group."),
        Setting::new(
            "format",
            Kind::Choice(Choice {
                words: &ALONE_WORDS,
                refused: &[
                    ("avro", "needs to know where its schemas are"),
                    ("protobuf", "needs to know where its schemas are"),
                    ("csv", "needs to know the names of the fields"),
                    ("connect_json", IN_TABLE),
                    ("cbor", IN_TABLE),
                    ("msgpack", IN_TABLE),
                    ("text", IN_TABLE),
                    ("bytes", IN_TABLE),
                    ("int16", IN_TABLE),
                    ("int32", IN_TABLE),
                    ("int64", IN_TABLE),
                    ("float32", IN_TABLE),
                    ("float64", IN_TABLE),
                    ("boolean", IN_TABLE),
                ],
            }),
        )
        .default(Value::Text("json"))
        .hint(
            "value = { format = \"avro\", framing = \"confluent\" }, and [schema_registry]; value = \
             { format = \"csv\", fields = [\"id\", \"note\"] }; value = { format = \"text\" }",
        )
        .doc("The format of the values: short for `value = { format = … }`."),
        Setting::new("start", Kind::Start(&START))
            .default(Value::Text("earliest"))
            .doc(
                "Where a topic begins that has no position yet, once: `\"earliest\"`, \
                 `\"latest\"`, an RFC 3339 time with its zone (`\"2026-01-31T08:00:00Z\"`), or \
                 `{ group = \"connect-orders\" }`: where another group stands.",
            ),
        choice("on_bad_record", &BAD_RECORD_WORDS)
            .default(Value::Text("halt"))
            .doc(
                "`\"halt\"`: the partition stops before a bad record. `\"dead_letter\"`: the \
                 record is kept in the dead-letter table, and the position moves over it.",
            ),
        choice("unknown_fields", &UNKNOWN_FIELDS_WORDS)
            .default(Value::Text("ignore"))
            .doc("Whether a field without a column makes a record a bad one (`\"reject\"`)."),
    ],
};

pub(super) const TOPICS: Texts = Texts {
    checks: TOPIC,
    unique: true,
};

static START: Table = Table {
    name: "start",
    doc: "Where another group stands.",
    groups: &[&Group {
        place: "sinks.NAME.start",
        settings: &[text("group", &[])
            .required("{ group = \"connect-orders\" } begins where that group stands")
            .doc("The name of a consumer group: what it has committed is where the topic begins.")],
    }],
    rules: &[],
    foreign: &[],
};

static SINK_TABLES: Group = Group {
    place: "sinks.NAME",
    settings: &[
        Setting::new("value", Kind::Table(&VALUE)),
        Setting::new("key", Kind::Table(&KEY)),
        Setting::new("batch", Kind::Table(&BATCH)),
    ],
};

static VALUE: Table = Table {
    name: "value",
    doc: "How values are read.",
    groups: &[&IN_VALUE],
    rules: &[&SCHEMAS, &LINES, &EVENTS, &ENVELOPES],
    foreign: &[],
};

/// Which envelopes have a setting.
static ENVELOPES: [Rule; 2] = [
    Rule::Refused {
        settings: &["source_tables"],
        words: &[],
        when: When::Is("envelope", &["none", "debezium", "debezium_flat"]),
        why: "goes only with the envelopes \"maxwell\" and \"canal\"",
        hint: "leave it out: Debezium has a topic for each table",
    },
    Rule::Refused {
        settings: &["unavailable_value", "decimals"],
        words: &[],
        when: When::Is("envelope", &["maxwell", "canal"]),
        why: "goes only with the envelopes of Debezium",
        hint: "leave it out",
    },
];

const SOURCE_TABLES: Texts = Texts {
    checks: &[Check::Matches(
        r"^[^.]+\..+$",
        "is not a table with its database",
        "DATABASE.TABLE, as the events name them: \"shop.orders\"",
    )],
    unique: true,
};

static KEY: Table = Table {
    name: "key",
    doc: "How keys are read.",
    groups: &[&IN_KEY],
    rules: &[&SCHEMAS, &LINES],
    foreign: &[],
};

const BRINGS: &str =
    "does not go with format = \"connect_json\", whose records bring their schemas";

const OTHER_FORMAT: &str = "leave it out, or set the format that the topic has";

/// Formats of which nobody's serializer registers a schema.
const SCHEMALESS: &[&str] = &[
    "cbor", "msgpack", "csv", "text", "bytes", "int16", "int32", "int64", "float32", "float64",
    "boolean",
];

/// Formats without fields that are named in their bytes.
const NAMELESS: &[&str] = &[
    "csv", "text", "bytes", "int16", "int32", "int64", "float32", "float64", "boolean",
];

/// What lines of CSV need to be told.
static LINES: [Rule; 2] = [
    Rule::Refused {
        settings: &["format"],
        words: &["csv"],
        when: When::Lacks(&["fields"]),
        why: "needs to know the names of the fields",
        hint: "name them in the order of the line: fields = [\"id\", \"note\"]",
    },
    Rule::Refused {
        settings: &["fields", "delimiter", "quote", "null"],
        words: &[],
        when: When::Is(
            "format",
            &[
                "json",
                "connect_json",
                "avro",
                "protobuf",
                "cbor",
                "msgpack",
                "text",
                "bytes",
                "int16",
                "int32",
                "int64",
                "float32",
                "float64",
                "boolean",
            ],
        ),
        why: "goes only with format = \"csv\"",
        hint: OTHER_FORMAT,
    },
];

/// Change events are made of fields.
static EVENTS: [Rule; 1] = [Rule::Refused {
    settings: &["envelope"],
    words: &["debezium", "debezium_flat", "maxwell", "canal"],
    when: When::Is("format", NAMELESS),
    why: "is read in formats whose bytes name their fields",
    hint: OTHER_FORMAT,
}];

/// Where the schemas of a format are, and whether it has any.
static SCHEMAS: [Rule; 9] = [
    Rule::Refused {
        settings: &["format"],
        words: &["avro", "protobuf"],
        when: When::Lacks(&["framing", "schema_file"]),
        why: "needs to know where its schemas are",
        hint: "framing = \"confluent\" or \"apicurio\" asks a registry; or name a schema_file",
    },
    Rule::Refused {
        settings: &["schema_file"],
        words: &[],
        when: When::Is("format", &["json"]),
        why: "does not go with format = \"json\", which needs no schema",
        hint: OTHER_FORMAT,
    },
    Rule::Refused {
        settings: &["schema_file"],
        words: &[],
        when: When::Is("format", SCHEMALESS),
        why: "goes only with formats that are read by a schema",
        hint: OTHER_FORMAT,
    },
    Rule::Refused {
        settings: &["framing"],
        words: &["confluent", "apicurio", "single_object", "glue"],
        when: When::Is("format", SCHEMALESS),
        why: "is what a registry's serializers write, and none of them writes this format",
        hint: OTHER_FORMAT,
    },
    Rule::Refused {
        settings: &["framing"],
        words: &["single_object"],
        when: When::Is("format", &["json"]),
        why: "is one of Avro, and does not go with format = \"json\"",
        hint: OTHER_FORMAT,
    },
    Rule::Refused {
        settings: &["framing"],
        words: &["confluent", "apicurio", "single_object", "glue"],
        when: When::Is("format", &["connect_json"]),
        why: BRINGS,
        hint: OTHER_FORMAT,
    },
    Rule::Refused {
        settings: &["schema_file"],
        words: &[],
        when: When::Is("format", &["connect_json"]),
        why: BRINGS,
        hint: OTHER_FORMAT,
    },
    Rule::Refused {
        settings: &["framing"],
        words: &["single_object", "glue"],
        when: When::Is("format", &["protobuf"]),
        why: "is not read with format = \"protobuf\"",
        hint: "\"none\", \"confluent\" and \"apicurio\" are",
    },
    Rule::Refused {
        settings: &["message"],
        words: &[],
        when: When::Is(
            "format",
            &[
                "json",
                "connect_json",
                "avro",
                "cbor",
                "msgpack",
                "csv",
                "text",
                "bytes",
                "int16",
                "int32",
                "int64",
                "float32",
                "float64",
                "boolean",
            ],
        ),
        why: "goes only with format = \"protobuf\"",
        hint: OTHER_FORMAT,
    },
];

static IN_KEY: Group = Group {
    place: "sinks.NAME.key",
    settings: &[
        choice("format", &FORMAT_WORDS)
            .default(Value::Text("json"))
            .doc(
                "The format of the keys. `\"json\"` may be a bare text; `\"connect_json\"` brings \
                 its schema, as Kafka Connect's JsonConverter writes it by default. `\"text\"`, \
                 `\"bytes\"` and numbers are all of the bytes: `\"int64\"` is what Kafka's \
                 LongSerializer writes.",
            ),
        FRAMING,
        SCHEMA_FILE,
        MESSAGE,
        FIELDS,
        DELIMITER,
        QUOTE,
        NULL,
    ],
};

const FRAMING: Setting = choice("framing", &FRAMING_WORDS)
    .default(Value::Text("none"))
    .doc(
        "What stands in front of the bytes, or in headers, and names their schema: \
         `\"confluent\"`, `\"apicurio\"`, `\"glue\"` (with a `schema_file`), or \
         `\"single_object\"`, Avro's own (with a `schema_file`).",
    );

const SCHEMA_FILE: Setting =
    text("schema_file", &[]).doc("A file with the schema, in place of a registry.");

const MESSAGE: Setting = text("message", &[]).doc(
    "Protobuf: which message of the schema all records are, with its package: \
     `\"shop.Order\"`. Left out, the records say it; or the schema has one message.",
);

const NAMES: Texts = Texts {
    checks: &[Check::Matches(
        r"\S",
        "is no name",
        "a field that nobody takes has a name, too",
    )],
    unique: true,
};

/// A byte of a text in ASCII; a line ends at others.
const MARK: &[Check] = &[Check::Matches(
    r"^[\t -~]$",
    "is not one character of ASCII",
    "such as \",\", \";\" or \"\\t\"",
)];

const FIELDS: Setting = Setting::new("fields", Kind::Texts(NAMES))
    .hint("name them in the order of the line: fields = [\"id\", \"note\"]")
    .doc("CSV: the names of the fields, in the order of the line.");

const DELIMITER: Setting = text("delimiter", MARK)
    .default(Value::Text(","))
    .also("one character of ASCII")
    .doc("CSV: what stands between fields; `\"\\t\"` is a tab.");

const QUOTE: Setting = text("quote", MARK)
    .default(Value::Text("\""))
    .also("one character of ASCII")
    .doc("CSV: what stands around a field that has delimiters, quotes or newlines in it.");

const NULL: Setting = text(
    "null",
    &[Check::Matches(
        r"^[^\r\n]*$",
        "has a newline in it",
        "fields end at newlines",
    )],
)
.default(Value::Text(""))
.doc(
    "CSV: the text that is NULL where it stands without quotes. `\"\\\\N\"` leaves the empty \
     text to be one.",
);

static IN_VALUE: Group = Group {
    place: "sinks.NAME.value",
    settings: &[
        choice("format", &FORMAT_WORDS)
            .default(Value::Text("json"))
            .doc(
                "The format of the values. `\"connect_json\"` brings its schema, as Kafka \
                 Connect's JsonConverter writes it by default. `\"text\"`, `\"bytes\"` and numbers \
                 are all of the bytes.",
            ),
        FRAMING,
        SCHEMA_FILE,
        MESSAGE,
        FIELDS,
        DELIMITER,
        QUOTE,
        NULL,
        choice("envelope", &ENVELOPE_WORDS)
            .default(Value::Text("none"))
            .also("all but `\"none\"` need `mode = \"upsert\"`")
            .doc(
                "What stands around the row: `\"debezium\"`, a change event with `before`, \
                 `after` and `op`; `\"debezium_flat\"`, the same flattened by \
                 `ExtractNewRecordState`; `\"maxwell\"`, rows of MySQL with `type` and `data`; \
                 `\"canal\"`, the same as Canal's flat messages. See FORMATS.md.",
            ),
        Setting::new("source_tables", Kind::Texts(SOURCE_TABLES))
            .else_("the events of every table in the topic")
            .also("with `\"maxwell\"` and `\"canal\"`")
            .hint("source_tables = [\"shop.orders\"]")
            .doc(
                "Whose events count, by database and table, where a topic holds those of \
                 several. Others are passed over.",
            ),
        text("unavailable_value", &[])
            .default(Value::Text(PLACEHOLDER))
            .doc(
                "The `unavailable.value.placeholder` of the connector: a value that the source \
                 did not send, because it did not change. The column stays as it is.",
            ),
        choice("unit", &UNIT_WORDS).doc(
            "What numbers count that go into columns of times, from 1970 on, where neither a \
             schema nor the column's own `unit` tells: `\"us\"` for a connector of Debezium with \
             `time.precision.mode = adaptive_time_microseconds` whose JSON has no schemas.",
        ),
        choice("decimals", &DECIMALS_WORDS)
            .default(Value::Text("unknown"))
            .doc(
                "How the connector writes decimals in JSON without a schema. `\"digits\"`: \
                 `decimal.handling.mode = string`. `\"unknown\"`: a text for a column of numbers \
                 that may be base64 as well is a bad record.",
            ),
    ],
};

static BATCH: Table = Table {
    name: "batch",
    doc: "A batch is of one partition, and is written whole. Whatever comes first closes it. Batches \
          of several partitions share a transaction, where together they fit into these limits.",
    groups: &[&IN_BATCH],
    rules: &[],
    foreign: &[],
};

static IN_BATCH: Group = Group {
    place: "sinks.NAME.batch",
    settings: &[
        // One transaction of a million rows is as large as a batch should ever get.
        integer("max_records", 1, 1_000_000, Count)
            .default(Value::Integer(10_000))
            .hint("a batch is one transaction")
            .doc("Records."),
        // Below the size of one small record a limit has no meaning; above 256 MiB
        // one batch would outgrow what a database takes in one message.
        size("max_bytes", 1 << 10, 256 << 20)
            .default(Value::Size(8 << 20))
            .also("at most a quarter of `memory_limit`")
            .hint("a batch is one transaction")
            .doc("Bytes of keys, values and headers, with their bookkeeping."),
        // A minute is as stale as a table should ever be.
        integer("linger_ms", 0, 60_000, Milliseconds)
            .default(Value::Integer(100))
            .hint("how old the first record of a batch may get")
            .doc("How old the first record may get."),
    ],
};

/// A sink's name, which stands in metric labels, in group ids and in the key of
/// every position.
pub(in crate::config) const SINK_NAME: Check = Check::Matches(
    r"^[A-Za-z0-9_-]{1,100}$",
    "is not a valid name for a sink",
    "a name has 1 to 100 of the characters a-z, A-Z, 0-9, '_' and '-'",
);
